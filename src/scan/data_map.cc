#include "scan/data_map.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <utility>

namespace sysnare {
namespace {

constexpr unsigned kWord = 8;
/// gcc aligns objects of 32 bytes and more to 32, clang those of 16 to 16; so an object that begins
/// elsewhere follows one that is no row of pointers.
constexpr std::uint64_t kObjectAlignment = 16;
/// How far before a chunk a folded index leads into it.
constexpr std::uint64_t kFolded = 64;
/// Bytes of a distance, and most of one table: no compiler makes one of 16 MB.
constexpr unsigned kDistance = 4;
constexpr std::size_t kMaxDistances = 1u << 22;
/// Largest struct of an array that is known as such.
constexpr std::uint64_t kMaxElement = 512;
/// Tables of functions of one kind, each an object of its own: libio/libioP.h of glibc 2.36.
constexpr std::string_view kVtables = "__libc_IO_vtables";
/// Its tables of RPC (sunrpc/clnt_udp.c, svc_tcp.c of glibc 2.36) are structs of one kind behind
/// one another, and no array; nor is any array of its taken in its midst.
constexpr std::string_view kLibc = "libc.so.6";

/// What a word of data is, to who asks whether two structs are of one kind.
enum WordKind : std::uint8_t { kZero, kNumber, kToCode, kToData, kToImport };

/// Whether [begin, at] of `kinds`, which count words, are structs of `size` words of one kind: none
/// has a number or another kind of pointer where one has a pointer, and the one that begins at `at`
/// shares a pointer with those before. Where `compared` is used up, they are taken to be.
bool are_alike(std::span<const std::uint8_t> kinds, std::size_t at, std::size_t size,
               std::uint64_t& compared) {
  if (at % size != 0 || at + size > kinds.size()) return false;
  bool shared = false;
  for (std::size_t word = 0; word < size; ++word) {
    const std::uint8_t mine = kinds[at + word];
    for (std::size_t other = word; other < at; other += size) {
      if (compared == 0) return true;
      --compared;
      const std::uint8_t its = kinds[other];
      if (its == mine) {
        shared = shared || mine >= kToCode;
        continue;
      }
      const bool both_plain = its < kToCode && mine < kToCode;
      if (!both_plain && its != kZero && mine != kZero) return false;
      // Pointers in a row, without a struct around them.
      if (size == 1) return false;
    }
  }
  return shared;
}

bool is_table_of_slots(std::string_view section) {
  return section == ".got" || section == ".got.plt";
}

auto key_of(const Target& target) {
  return std::pair{static_cast<unsigned>(target.kind), target.index};
}

}  // namespace

DataMap::DataMap(const ObjectMap& map, std::vector<std::uint64_t> taken,
                 std::vector<std::uint64_t> tables)
    : map_(map) {
  find_pointers();
  std::sort(taken.begin(), taken.end());
  taken.erase(std::unique(taken.begin(), taken.end()), taken.end());
  find_distances(taken, std::move(tables));
  find_unaligned();
  find_type_infos();
  std::sort(doubtful_.begin(), doubtful_.end(),
            [](const Pointer& a, const Pointer& b) { return a.vaddr < b.vaddr; });
  cut(std::move(taken));
  // They stay while all is laid flat, and grew by doubling.
  pointers_.shrink_to_fit();
  doubtful_.shrink_to_fit();
  chunks_.shrink_to_fit();
  std::vector<std::uint8_t> has_any(chunks_.size(), 0);
  for (const Pointer& pointer : pointers_) {
    const std::uint32_t chunk = index_at(pointer.vaddr);
    if (chunk != kNone) has_any[chunk] = 1;
  }
  // A distance counts where it leads to code or to pointers.
  std::erase_if(doubtful_, [&](const Pointer& pointer) {
    if (!pointer.to_data) return false;
    const std::uint32_t chunk = index_at(pointer.value);
    return chunk == kNone || !has_any[chunk];
  });
  for (const Pointer& pointer : doubtful_) {
    const std::uint32_t chunk = index_at(pointer.vaddr);
    if (chunk != kNone) has_any[chunk] = 1;
  }
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < chunks_.size(); ++i) {
    if (has_any[i]) chunks_[i].number = number++;
  }
  for (const std::vector<Pointer>* pointers : {&pointers_, &doubtful_}) {
    for (const Pointer& pointer : *pointers) {
      const std::uint32_t chunk = index_at(pointer.vaddr);
      if (chunk == kNone) continue;
      std::vector<Target>& targets = chunks_[chunk].targets;
      if (pointer.to_data) {
        add_chunk(index_at(pointer.value), targets);
      } else {
        targets.push_back(pointer.target);
      }
    }
  }
  for (DataChunk& chunk : chunks_) {
    std::vector<Target>& targets = chunk.targets;
    std::sort(targets.begin(), targets.end(),
              [](const Target& a, const Target& b) { return key_of(a) < key_of(b); });
    targets.erase(
        std::unique(targets.begin(), targets.end(),
                    [](const Target& a, const Target& b) { return key_of(a) == key_of(b); }),
        targets.end());
  }
}

void DataMap::add_pointer(std::uint64_t vaddr, std::uint64_t value) {
  if (const std::optional<Target> target = map_.taken_code(value)) {
    pointers_.push_back({vaddr, false, value, *target});
  }
  if (map_.is_data(value)) {
    pointers_.push_back({vaddr, true, value, {}});
  }
}

void DataMap::find_pointers() {
  for (const Relocation& relocation : map_.dynamic().relocations) {
    switch (relocation.kind) {
      case Relocation::Kind::kRelative:
      case Relocation::Kind::kIndirect:
        add_pointer(relocation.vaddr, relocation.value);
        break;
      case Relocation::Kind::kSymbol: {
        const DynamicSymbol& symbol = map_.dynamic().symbols[relocation.symbol];
        if (symbol.defined && (symbol.binding == STB_LOCAL || symbol.name.empty())) {
          add_pointer(relocation.vaddr, symbol.vaddr + relocation.value);
          break;
        }
        [[fallthrough]];
      }
      case Relocation::Kind::kCopy:
        pointers_.push_back(
            {relocation.vaddr, false, 0, {Target::Kind::kImport, true, 0, relocation.symbol}});
        break;
      case Relocation::Kind::kOther:
        break;
    }
  }
  map_.each_word_address(
      [&](std::uint64_t vaddr, std::uint64_t value) { add_pointer(vaddr, value); });
  std::stable_sort(pointers_.begin(), pointers_.end(),
                   [](const Pointer& a, const Pointer& b) { return a.vaddr < b.vaddr; });
}

/// A table goes on to the next address that is taken, as far as all of it are distances.
void DataMap::find_distances(const std::vector<std::uint64_t>& taken,
                             std::vector<std::uint64_t> tables) {
  std::sort(tables.begin(), tables.end());
  for (std::size_t i = 0; i < taken.size(); ++i) {
    const std::uint64_t table = taken[i];
    // Their alignment is that of their entries.
    if (table % kDistance != 0 || !std::binary_search(tables.begin(), tables.end(), table))
      continue;
    const ImageMemory::Segment* segment = map_.memory().segment_at(table);
    if (segment == nullptr || segment->writable) continue;
    const std::uint64_t end = i + 1 < taken.size() ? taken[i + 1] : UINT64_MAX;
    std::uint64_t at = table;
    for (std::size_t n = 0; n < kMaxDistances && at + kDistance <= end; ++n, at += kDistance) {
      const std::optional<std::uint64_t> word = map_.memory().word(at, kDistance);
      if (!word) break;
      const auto distance = static_cast<std::int32_t>(static_cast<std::uint32_t>(*word));
      const std::uint64_t value = table + static_cast<std::uint64_t>(std::int64_t{distance});
      if (map_.memory().segment_at(value) == nullptr) break;
      if (distance == 0) continue;
      // LLVM makes such a table for constants alone; the linker may leave them writable.
      if (map_.is_data(value) && !map_.is_constant(value)) continue;
      if (map_.is_data(value)) doubtful_.push_back({at, true, value, {}, true});
      const std::uint32_t function = map_.function_at(value);
      if (function == kNone || map_.table().functions[function].start != value) continue;
      if (const std::optional<Target> target = map_.taken_code(value))
        doubtful_.push_back({at, false, value, *target, true});
    }
  }
}

/// Pointers in packed structs of a program that is loaded where it was linked.
void DataMap::find_unaligned() {
  map_.each_unaligned_address([&](std::uint64_t vaddr, std::uint64_t value) {
    if (const std::optional<Target> target = map_.taken_code(value)) {
      doubtful_.push_back({vaddr, false, value, *target});
    } else if (map_.is_data(value)) {
      doubtful_.push_back({vaddr, true, value, {}});
    }
  });
}

/// The descriptions of classes, by the name of their vtable's symbol: the first word leads two
/// words into it (Itanium C++ ABI, 2.9.5).
void DataMap::find_type_infos() {
  constexpr std::string_view kClass = "_ZTVN10__cxxabiv117__class_type_infoE";
  constexpr std::string_view kSingle = "_ZTVN10__cxxabiv120__si_class_type_infoE";
  constexpr std::string_view kMultiple = "_ZTVN10__cxxabiv121__vmi_class_type_infoE";
  constexpr std::uint64_t kAddressPoint = 2 * kWord;
  constexpr std::uint64_t kBaseSize = 2 * kWord;  // a pointer, and flags
  const std::vector<DynamicSymbol>& symbols = map_.dynamic().symbols;
  for (const Relocation& relocation : map_.dynamic().relocations) {
    if (relocation.kind != Relocation::Kind::kSymbol || relocation.value != kAddressPoint) continue;
    const std::string_view vtable = symbols[relocation.symbol].name;
    std::uint64_t size = 0;
    if (vtable == kClass) {
      size = 2 * kWord;  // and a name
    } else if (vtable == kSingle) {
      size = 3 * kWord;  // and its base
    } else if (vtable == kMultiple) {
      const std::optional<std::uint64_t> bases =
          map_.memory().word(relocation.vaddr + 2 * kWord + 4, 4);
      if (!bases || *bases > kMaxElement) continue;
      size = 3 * kWord + *bases * kBaseSize;
    } else {
      continue;
    }
    type_infos_.push_back(relocation.vaddr);
    type_info_edges_.push_back(relocation.vaddr);
    type_info_edges_.push_back(relocation.vaddr + size);
  }
  std::sort(type_infos_.begin(), type_infos_.end());
  std::sort(type_info_edges_.begin(), type_info_edges_.end());
}

/// The first pointer in the `size` bytes at `vaddr` leads to a description of a type, or one is
/// there.
bool DataMap::leads_to_type(std::uint64_t vaddr, std::uint64_t size) const {
  const auto is_type_info = [&](std::uint64_t each) {
    return std::binary_search(type_infos_.begin(), type_infos_.end(), each);
  };
  if (is_type_info(vaddr)) return true;
  const std::size_t first = first_pointer(vaddr);
  return first < pointers_.size() && pointers_[first].vaddr - vaddr < size &&
         pointers_[first].to_data && is_type_info(pointers_[first].value);
}

/// Whether code takes `vaddr` as what objects of a class begin with, and `chunk` is such a table of
/// another class, or a description of one: no folded index.
bool DataMap::is_vtable_before(std::uint64_t vaddr, const DataChunk& chunk) const {
  constexpr std::uint64_t kPrefix = 2 * kWord;  // the offset to the top, and the type
  if (type_infos_.empty() || vaddr < kPrefix) return false;
  const bool is_table = pointers_.size() != first_pointer(vaddr - kWord) &&
                        pointers_[first_pointer(vaddr - kWord)].vaddr == vaddr - kWord &&
                        leads_to_type(vaddr - kPrefix, kPrefix);
  return is_table && leads_to_type(chunk.vaddr, chunk.end - chunk.vaddr);
}

std::size_t DataMap::first_pointer(std::uint64_t vaddr) const {
  const auto at = std::lower_bound(
      pointers_.begin(), pointers_.end(), vaddr,
      [](const Pointer& pointer, std::uint64_t from) { return pointer.vaddr < from; });
  return static_cast<std::size_t>(at - pointers_.begin());
}

/// Whether an object can begin at an address that is taken: not in the midst of a row of pointers.
bool DataMap::may_begin(std::uint64_t vaddr) const {
  if (vaddr % kWord != 0) return false;
  if (vaddr % kObjectAlignment == 0) return true;
  const std::size_t before = first_pointer(vaddr - kWord);
  return before == pointers_.size() || pointers_[before].vaddr != vaddr - kWord;
}

/// Most words of one piece of data in which rows of structs are looked for: 512 MB of memory.
constexpr std::uint64_t kMaxKinds = 1u << 26;

std::vector<std::uint8_t> DataMap::kinds_of_words(std::uint64_t begin, std::uint64_t end) const {
  std::size_t pointer = first_pointer(begin);
  // Without pointers no struct is told from another.
  if (pointer == pointers_.size() || pointers_[pointer].vaddr >= end) return {};
  std::vector<std::uint8_t> kinds((end - begin) / kWord, kZero);
  const std::span<const std::uint8_t> bytes = map_.memory().from(begin);
  for (std::size_t i = 0; i < kinds.size() && (i + 1) * kWord <= bytes.size(); ++i) {
    const auto word = bytes.subspan(i * kWord, kWord);
    if (std::any_of(word.begin(), word.end(), [](std::uint8_t byte) { return byte != 0; }))
      kinds[i] = kNumber;
  }
  for (; pointer < pointers_.size() && pointers_[pointer].vaddr < end; ++pointer) {
    const std::uint64_t offset = pointers_[pointer].vaddr - begin;
    if (offset % kWord != 0 || offset / kWord >= kinds.size()) continue;
    kinds[offset / kWord] = pointers_[pointer].to_data                                ? kToData
                            : pointers_[pointer].target.kind == Target::Kind::kImport ? kToImport
                                                                                      : kToCode;
  }
  return kinds;
}

void DataMap::cut_gap(std::uint64_t begin, std::uint64_t end, std::span<const std::uint64_t> taken,
                      bool arrays) {
  auto edge = std::upper_bound(type_info_edges_.begin(), type_info_edges_.end(), begin);
  for (; edge != type_info_edges_.end() && *edge < end; ++edge) {
    if (*edge == begin) continue;
    cut_piece(begin, *edge, taken, arrays);
    begin = *edge;
  }
  cut_piece(begin, end, taken, arrays);
}

void DataMap::cut_piece(std::uint64_t begin, std::uint64_t end,
                        std::span<const std::uint64_t> taken, bool arrays) {
  auto at = std::upper_bound(taken.begin(), taken.end(), begin);
  if (at == taken.end() || *at >= end) {
    if (begin < end) chunks_.push_back({begin, end, {}, {}, kNone});
    return;
  }
  const std::uint64_t origin = begin;
  // A piece that takes more memory than any program has is not cut at all.
  const bool huge = (end - begin) / kWord > kMaxKinds;
  const std::vector<std::uint8_t> kinds =
      huge ? std::vector<std::uint8_t>() : kinds_of_words(begin, end);
  const auto in_array = [&](std::uint64_t vaddr) {
    if (begin % kWord != 0 || (begin - origin) % kWord != 0 || kinds.empty()) return false;
    const std::span<const std::uint8_t> from =
        std::span(kinds).subspan(std::min<std::size_t>((begin - origin) / kWord, kinds.size()));
    const std::size_t word = (vaddr - begin) / kWord;
    for (std::size_t size = 1; size <= kMaxElement / kWord && size <= word; ++size) {
      if (are_alike(from, word, size, to_compare_)) return true;
    }
    return false;
  };
  for (; at != taken.end() && *at < end; ++at) {
    if (!may_begin(*at) || (arrays && (huge || in_array(*at)))) continue;
    chunks_.push_back({begin, *at, {}, {}, kNone});
    begin = *at;
  }
  if (begin < end) chunks_.push_back({begin, end, {}, {}, kNone});
}

void DataMap::cut_section(std::uint64_t begin, std::uint64_t end,
                          std::span<const std::uint64_t> taken, bool arrays) {
  const std::vector<DataSymbol>& symbols = map_.table().data;
  auto at = std::lower_bound(
      symbols.begin(), symbols.end(), begin,
      [](const DataSymbol& symbol, std::uint64_t from) { return symbol.vaddr < from; });
  for (; at != symbols.end() && at->vaddr < end; ++at) {
    if (at->vaddr < begin || at->size == 0) continue;  // inside of one that came before
    cut_gap(begin, at->vaddr, taken, arrays);
    const std::uint64_t stop = at->size > end - at->vaddr ? end : at->vaddr + at->size;
    chunks_.push_back({at->vaddr, stop, at->name, {}, kNone});
    begin = stop;
  }
  cut_gap(begin, end, taken, arrays);
}

void DataMap::cut(std::vector<std::uint64_t> taken) {
  for (const Pointer& pointer : pointers_) {
    if (pointer.to_data) taken.push_back(pointer.value);
  }
  std::sort(taken.begin(), taken.end());
  taken.erase(std::unique(taken.begin(), taken.end()), taken.end());
  const bool libc = map_.dynamic().soname == kLibc;
  bool sections = false;
  for (const ElfImage::Section& section : map_.image().sections()) {
    if (!ObjectMap::has_pointers(section)) continue;
    sections = true;
    const std::uint64_t end = section.vaddr + section.size;
    if (!is_table_of_slots(section.name) || section.size / kWord > kMaxDynamicEntries) {
      cut_section(section.vaddr, end, taken, !libc && section.name != kVtables);
      continue;
    }
    for (std::uint64_t at = section.vaddr; at < end; at += kWord) {
      chunks_.push_back({at, std::min<std::uint64_t>(at + kWord, end), {}, {}, kNone});
    }
  }
  if (!sections) {
    for (const ImageMemory::Segment& segment : map_.memory().segments()) {
      cut_section(segment.vaddr, segment.memory_end, taken, !libc);
    }
  }
  std::stable_sort(chunks_.begin(), chunks_.end(),
                   [](const DataChunk& a, const DataChunk& b) { return a.vaddr < b.vaddr; });
  // Hostile section tables overlap: the earlier one keeps what both want.
  std::uint64_t reached = 0;
  for (DataChunk& chunk : chunks_) {
    chunk.vaddr = std::max(chunk.vaddr, reached);
    chunk.end = std::max(chunk.end, chunk.vaddr);
    reached = std::max(reached, chunk.end);
  }
  std::erase_if(chunks_, [](const DataChunk& chunk) { return chunk.vaddr == chunk.end; });
}

std::uint32_t DataMap::index_at(std::uint64_t vaddr) const {
  const auto at =
      std::upper_bound(chunks_.begin(), chunks_.end(), vaddr,
                       [](std::uint64_t of, const DataChunk& chunk) { return of < chunk.vaddr; });
  if (at == chunks_.begin() || vaddr >= std::prev(at)->end) return kNone;
  return static_cast<std::uint32_t>(std::prev(at) - chunks_.begin());
}

std::uint32_t DataMap::chunk_at(std::uint64_t vaddr) const {
  const std::uint32_t index = index_at(vaddr);
  return index == kNone ? kNone : chunks_[index].number;
}

void DataMap::add_chunk(std::uint32_t index, std::vector<Target>& targets) const {
  if (index == kNone || chunks_[index].number == kNone) return;
  targets.push_back({Target::Kind::kChunk, true, 0, chunks_[index].number});
}

void DataMap::add_targets(const DataReference& reference, std::vector<Target>& targets) const {
  if (reference.width == kAround) {
    const std::uint64_t begin = reference.vaddr - std::min(reference.vaddr, kAroundBefore);
    const auto at = std::lower_bound(
        chunks_.begin(), chunks_.end(), begin,
        [](const DataChunk& chunk, std::uint64_t from) { return chunk.end <= from; });
    for (auto each = at; each != chunks_.end() && each->vaddr < reference.vaddr + kNearBytes;
         ++each) {
      add_chunk(static_cast<std::uint32_t>(each - chunks_.begin()), targets);
    }
    return;
  }
  if (reference.width == kAhead) {
    auto ahead =
        std::upper_bound(chunks_.begin(), chunks_.end(), reference.vaddr,
                         [](std::uint64_t of, const DataChunk& chunk) { return of < chunk.vaddr; });
    for (; ahead != chunks_.end() && ahead->vaddr < reference.vaddr + kFolded; ++ahead)
      add_chunk(static_cast<std::uint32_t>(ahead - chunks_.begin()), targets);
    return;
  }
  if (reference.width == 0) {
    const std::uint32_t index = index_at(reference.vaddr);
    add_chunk(index, targets);
    if (index != kNone && chunks_[index].vaddr == reference.vaddr) return;
    const std::uint64_t reached = reference.vaddr + kFolded;
    auto ahead =
        std::upper_bound(chunks_.begin(), chunks_.end(), reference.vaddr,
                         [](std::uint64_t of, const DataChunk& chunk) { return of < chunk.vaddr; });
    for (; ahead != chunks_.end() && ahead->vaddr <= reached; ++ahead) {
      // What a description of a type has cut off is none of it.
      if (is_vtable_before(reference.vaddr, *ahead)) continue;
      add_chunk(static_cast<std::uint32_t>(ahead - chunks_.begin()), targets);
    }
    return;
  }
  // A word that begins before it may reach into it.
  const std::uint64_t from = reference.vaddr < kWord ? 0 : reference.vaddr - kWord + 1;
  for (const std::vector<Pointer>* pointers : {&pointers_, &doubtful_}) {
    auto at = std::lower_bound(
        pointers->begin(), pointers->end(), from,
        [](const Pointer& pointer, std::uint64_t vaddr) { return pointer.vaddr < vaddr; });
    for (; at != pointers->end() && at->vaddr < reference.vaddr + reference.width; ++at) {
      // A distance is loaded alone: constants of 8 and 16 bytes have none among them.
      const bool alone = reference.width == kDistance && at->vaddr == reference.vaddr;
      if (at->distance && !alone) continue;
      if (at->to_data) {
        add_chunk(index_at(at->value), targets);
      } else {
        targets.push_back(at->target);
      }
    }
  }
}

}  // namespace sysnare
