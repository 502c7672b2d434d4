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

bool is_table_of_slots(std::string_view section) {
  return section == ".got" || section == ".got.plt";
}

auto key_of(const Target& target) {
  return std::pair{static_cast<unsigned>(target.kind), target.index};
}

}  // namespace

DataMap::DataMap(const ObjectMap& map, std::vector<std::uint64_t> taken) : map_(map) {
  find_pointers();
  cut(std::move(taken));
  std::vector<std::uint8_t> has_any(chunks_.size(), 0);
  for (const Pointer& pointer : pointers_) {
    const std::uint32_t chunk = index_at(pointer.vaddr);
    if (chunk != kNone) has_any[chunk] = 1;
  }
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < chunks_.size(); ++i) {
    if (has_any[i]) chunks_[i].number = number++;
  }
  for (const Pointer& pointer : pointers_) {
    const std::uint32_t chunk = index_at(pointer.vaddr);
    if (chunk == kNone) continue;
    std::vector<Target>& targets = chunks_[chunk].targets;
    if (pointer.to_data) {
      add_chunk(index_at(pointer.value), targets);
    } else {
      targets.push_back(pointer.target);
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

void DataMap::cut_gap(std::uint64_t begin, std::uint64_t end,
                      std::span<const std::uint64_t> taken) {
  auto at = std::upper_bound(taken.begin(), taken.end(), begin);
  for (; at != taken.end() && *at < end; ++at) {
    if (!may_begin(*at)) continue;
    chunks_.push_back({begin, *at, {}, {}, kNone});
    begin = *at;
  }
  if (begin < end) chunks_.push_back({begin, end, {}, {}, kNone});
}

void DataMap::cut_section(std::uint64_t begin, std::uint64_t end,
                          std::span<const std::uint64_t> taken) {
  const std::vector<DataSymbol>& symbols = map_.table().data;
  auto at = std::lower_bound(
      symbols.begin(), symbols.end(), begin,
      [](const DataSymbol& symbol, std::uint64_t from) { return symbol.vaddr < from; });
  for (; at != symbols.end() && at->vaddr < end; ++at) {
    if (at->vaddr < begin || at->size == 0) continue;  // inside of one that came before
    cut_gap(begin, at->vaddr, taken);
    const std::uint64_t stop = at->size > end - at->vaddr ? end : at->vaddr + at->size;
    chunks_.push_back({at->vaddr, stop, at->name, {}, kNone});
    begin = stop;
  }
  cut_gap(begin, end, taken);
}

void DataMap::cut(std::vector<std::uint64_t> taken) {
  for (const Pointer& pointer : pointers_) {
    if (pointer.to_data) taken.push_back(pointer.value);
  }
  std::sort(taken.begin(), taken.end());
  taken.erase(std::unique(taken.begin(), taken.end()), taken.end());
  bool sections = false;
  for (const ElfImage::Section& section : map_.image().sections()) {
    if (!ObjectMap::has_pointers(section)) continue;
    sections = true;
    const std::uint64_t end = section.vaddr + section.size;
    if (!is_table_of_slots(section.name) || section.size / kWord > kMaxDynamicEntries) {
      cut_section(section.vaddr, end, taken);
      continue;
    }
    for (std::uint64_t at = section.vaddr; at < end; at += kWord) {
      chunks_.push_back({at, std::min<std::uint64_t>(at + kWord, end), {}, {}, kNone});
    }
  }
  if (!sections) {
    for (const ImageMemory::Segment& segment : map_.memory().segments()) {
      cut_section(segment.vaddr, segment.memory_end, taken);
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
  if (reference.width == 0) {
    const std::uint32_t index = index_at(reference.vaddr);
    add_chunk(index, targets);
    if (index != kNone && chunks_[index].vaddr == reference.vaddr) return;
    const std::uint32_t ahead = index_at(reference.vaddr + kFolded);
    if (ahead != index) add_chunk(ahead, targets);
    return;
  }
  // A word that begins before it may reach into it.
  for (std::size_t i = first_pointer(reference.vaddr < kWord ? 0 : reference.vaddr - kWord + 1);
       i < pointers_.size() && pointers_[i].vaddr < reference.vaddr + reference.width; ++i) {
    if (pointers_[i].to_data) {
      add_chunk(index_at(pointers_[i].value), targets);
    } else {
      targets.push_back(pointers_[i].target);
    }
  }
}

}  // namespace sysnare
