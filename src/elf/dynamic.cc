#include "elf/dynamic.h"

#include <elf.h>

#include <algorithm>

#include "elf/bytes.h"
#include "elf/dynamic_tables.h"

namespace sysnare {
namespace {

constexpr std::uint64_t kEntrySize = sizeof(Elf64_Dyn);

/// The text at `offset` of DT_STRTAB.
std::optional<std::string> text_at(Bytes strings, std::uint64_t offset) {
  if (offset >= strings.size()) return std::nullopt;
  const Bytes rest = strings.subspan(offset);
  const std::string_view text(reinterpret_cast<const char*>(rest.data()),
                              std::min(rest.size(), kMaxLibraryName + 1));
  const std::size_t end = text.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  return std::string(text.substr(0, end));
}

std::vector<std::string> split_path(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (parts.size() < kMaxLibraries) {
    const std::size_t end = text.find(':', begin);
    // To ld.so an empty part is the working directory, but an empty whole is nothing
    // (elf/dl-load.c of glibc 2.36, fillin_rpath, decompose_rpath).
    std::string part = text.substr(begin, end - begin);
    if (!text.empty()) parts.push_back(part.empty() ? "." : std::move(part));
    if (end == std::string::npos) break;
    begin = end + 1;
  }
  return parts;
}

/// What the loader finds in one slot of an array of functions; 0: nothing of this image. `symbols`
/// gets the symbol that the slot names.
std::uint64_t slot_value(const Dynamic& dynamic, const ImageMemory& memory, std::uint64_t vaddr,
                         std::vector<std::uint32_t>& symbols) {
  auto at =
      std::lower_bound(dynamic.relocations.begin(), dynamic.relocations.end(), vaddr,
                       [](const Relocation& r, std::uint64_t value) { return r.vaddr < value; });
  if (at != dynamic.relocations.end() && at->vaddr == vaddr) {
    if (at->kind == Relocation::Kind::kRelative) return at->value;
    if (at->kind == Relocation::Kind::kIndirect) return at->value;
    if (at->kind != Relocation::Kind::kSymbol || at->symbol >= dynamic.symbols.size()) return 0;
    const DynamicSymbol& symbol = dynamic.symbols[at->symbol];
    if (symbol.binding != STB_LOCAL) symbols.push_back(at->symbol);
    return symbol.defined ? symbol.vaddr + at->value : 0;
  }
  return memory.word(vaddr, 8).value_or(0);
}

void add_array(const Dynamic& dynamic, const ImageMemory& memory, std::uint64_t vaddr, Bytes table,
               bool backwards, std::vector<std::uint64_t>& to,
               std::vector<std::uint32_t>& symbols) {
  const std::size_t first = to.size();
  for (std::uint64_t at = 0; at + 8 <= table.size(); at += 8) {
    const std::uint64_t value = slot_value(dynamic, memory, vaddr + at, symbols);
    // 0 and -1 end or pad the lists of old compilers (.ctors).
    if (value != 0 && value != UINT64_MAX) to.push_back(value);
  }
  if (backwards) std::reverse(to.begin() + static_cast<std::ptrdiff_t>(first), to.end());
}

Result<void> add_arrays(const DynamicTables& tables, Dynamic& dynamic) {
  struct Array {
    std::uint64_t tag;
    std::uint64_t size_tag;  ///< 0: `tag` is one function
    const char* name;
    bool at_start;
  };
  static constexpr Array kArrays[] = {
      {DT_PREINIT_ARRAY, DT_PREINIT_ARRAYSZ, "DT_PREINIT_ARRAY", true},
      {DT_INIT, 0, "DT_INIT", true},
      {DT_INIT_ARRAY, DT_INIT_ARRAYSZ, "DT_INIT_ARRAY", true},
      {DT_FINI_ARRAY, DT_FINI_ARRAYSZ, "DT_FINI_ARRAY", false},
      {DT_FINI, 0, "DT_FINI", false},
  };
  for (const Array& array : kArrays) {
    std::vector<std::uint64_t>& to = array.at_start ? dynamic.init : dynamic.fini;
    const std::uint64_t value = tables.value(array.tag).value_or(0);
    if (value == 0) continue;
    if (array.size_tag == 0) {
      to.push_back(value);
      continue;
    }
    Result<Bytes> table = tables.table(array.tag, array.size_tag, array.name);
    if (!table) return propagate(table);
    add_array(dynamic, tables.memory(), value, *table, !array.at_start, to,
              array.at_start ? dynamic.init_symbols : dynamic.fini_symbols);
  }
  return {};
}

/// DT_NEEDED, DT_SONAME and the directories.
Result<void> add_names(const DynamicTables& tables, Bytes strings, Dynamic& dynamic) {
  const std::vector<std::uint64_t> needed = tables.values(DT_NEEDED);
  if (needed.size() > kMaxLibraries) {
    return fail(Errc::kLimit, "{}: DT_NEEDED: {} libraries, at most {} are read",
                tables.image().name(), needed.size(), kMaxLibraries);
  }
  for (const std::uint64_t offset : needed) {
    std::optional<std::string> name = text_at(strings, offset);
    if (!name) return tables.bad("DT_NEEDED", offset, "no text stands there in DT_STRTAB");
    dynamic.needed.push_back(std::move(*name));
  }
  const auto text = [&](std::uint64_t tag) {
    const std::optional<std::uint64_t> offset = tables.value(tag);
    return offset ? text_at(strings, *offset).value_or("") : std::string();
  };
  dynamic.has_filter =
      tables.value(DT_FILTER).has_value() || tables.value(DT_AUXILIARY).has_value();
  dynamic.has_audit = tables.value(DT_AUDIT).has_value() || tables.value(DT_DEPAUDIT).has_value();
  dynamic.soname = text(DT_SONAME);
  dynamic.rpath = split_path(text(DT_RPATH));
  dynamic.runpath = split_path(text(DT_RUNPATH));
  return {};
}

/// An image that has no dynamic section: a static program at a fixed address.
Result<void> read_static(const ElfImage& image, const ImageMemory& memory, Dynamic& dynamic) {
  for (const ElfImage::Section& section : image.sections()) {
    if (section.type != SHT_RELA || (section.flags & SHF_ALLOC) == 0) continue;
    const Bytes table = memory.exactly(section.vaddr, section.size);
    Result<void> added = add_rela(image, table, dynamic.relocations, section.name);
    if (!added) return propagate(added);
  }
  // Its start-up code applies these alone (csu/libc-start.c of glibc, apply_irel); others would
  // name symbols, of which there are none.
  std::erase_if(dynamic.relocations,
                [](const Relocation& r) { return r.kind != Relocation::Kind::kIndirect; });
  if (image.sections().empty()) add_guessed_indirect(image, memory, dynamic.relocations);
  sort_relocations(dynamic.relocations);
  const auto array = [&](const char* name, bool backwards, std::vector<std::uint64_t>& to) {
    const ElfImage::Section* section = image.section(name);
    if (section == nullptr) return;
    add_array(dynamic, memory, section->vaddr, memory.exactly(section->vaddr, section->size),
              backwards, to, dynamic.init_symbols);
  };
  const auto function = [&](const char* name, std::vector<std::uint64_t>& to) {
    const ElfImage::Section* section = image.section(name);
    if (section != nullptr && memory.is_executable(section->vaddr)) to.push_back(section->vaddr);
  };
  array(".preinit_array", false, dynamic.init);
  function(".init", dynamic.init);
  array(".init_array", false, dynamic.init);
  array(".fini_array", true, dynamic.fini);
  function(".fini", dynamic.fini);
  return {};
}

bool has_interpreter(const ElfImage& image) {
  const auto segments = image.segments();
  return std::any_of(segments.begin(), segments.end(),
                     [](const ElfImage::Segment& each) { return each.type == PT_INTERP; });
}

}  // namespace

Result<DynamicTables> DynamicTables::read(const ElfImage& image, const ImageMemory& memory,
                                          const ElfImage::Segment& segment) {
  DynamicTables tables;
  tables.image_ = &image;
  tables.memory_ = &memory;
  Bytes bytes = memory.from(segment.vaddr);
  if (bytes.empty()) {
    return tables.bad("dynamic section", segment.vaddr, "lies outside the image");
  }
  bytes = bytes.first(std::min<std::uint64_t>(bytes.size(), segment.file_size));
  for (std::uint64_t at = 0; at + kEntrySize <= bytes.size(); at += kEntrySize) {
    const auto tag = load<std::uint64_t>(bytes, at);
    if (tag == DT_NULL) break;
    if (tables.entries_.size() >= kMaxDynamicEntries) {
      return fail(Errc::kLimit, "{}: dynamic section: more than {} entries", image.name(),
                  kMaxDynamicEntries);
    }
    tables.entries_.emplace_back(tag, load<std::uint64_t>(bytes, at + 8));
  }
  return tables;
}

std::optional<std::uint64_t> DynamicTables::value(std::uint64_t tag) const {
  const auto found = std::find_if(entries_.rbegin(), entries_.rend(),
                                  [&](const auto& entry) { return entry.first == tag; });
  return found == entries_.rend() ? std::nullopt : std::optional(found->second);
}

std::vector<std::uint64_t> DynamicTables::values(std::uint64_t tag) const {
  std::vector<std::uint64_t> found;
  for (const auto& [each, value] : entries_) {
    if (each == tag) found.push_back(value);
  }
  return found;
}

Failure DynamicTables::bad(std::string_view what, std::uint64_t vaddr,
                           std::string_view problem) const {
  return fail(Errc::kBadInput, "{}: {} at {:#x}: {}", image_->name(), what, vaddr, problem);
}

Result<Bytes> DynamicTables::table(std::uint64_t tag, std::uint64_t size_tag,
                                   std::string_view what) const {
  const std::uint64_t vaddr = value(tag).value_or(0);
  const std::uint64_t size = value(size_tag).value_or(0);
  if (vaddr == 0 || size == 0) return Bytes();
  const Bytes bytes = memory_->exactly(vaddr, size);
  if (bytes.empty()) {
    return bad(what, vaddr, fmt::format("its {} bytes lie outside the image", size));
  }
  return bytes;
}

Result<Bytes> DynamicTables::open_table(std::uint64_t tag, std::string_view what) const {
  const std::uint64_t vaddr = value(tag).value_or(0);
  if (vaddr == 0) return Bytes();
  const Bytes bytes = memory_->from(vaddr);
  if (bytes.empty()) return bad(what, vaddr, "lies outside the image");
  return bytes;
}

Result<Dynamic> read_dynamic(const ElfImage& image, const ImageMemory& memory) {
  if (!image.is_64()) {
    return fail(Errc::kUnsupported, "{}: offset {:#x}: a 32-bit image is not analysed",
                image.name(), EI_CLASS);
  }
  Dynamic dynamic;
  dynamic.position_independent = image.type() == ET_DYN;
  dynamic.is_library = image.entry() == 0;
  const auto segments = image.segments();
  const auto segment =
      std::find_if(segments.begin(), segments.end(),
                   [](const ElfImage::Segment& each) { return each.type == PT_DYNAMIC; });
  if (segment == segments.end()) {
    if (Result<void> read = read_static(image, memory, dynamic); !read) return propagate(read);
    return dynamic;
  }
  dynamic.present = true;
  Result<DynamicTables> tables = DynamicTables::read(image, memory, *segment);
  if (!tables) return propagate(tables);
  Result<Bytes> strings = tables->table(DT_STRTAB, DT_STRSZ, "DT_STRTAB");
  if (!strings) return propagate(strings);
  if (Result<void> added = add_names(*tables, *strings, dynamic); !added) return propagate(added);
  const std::uint64_t flags = tables->value(DT_FLAGS).value_or(0);
  const std::uint64_t flags_1 = tables->value(DT_FLAGS_1).value_or(0);
  dynamic.bind_now = (flags & DF_BIND_NOW) != 0 || (flags_1 & DF_1_NOW) != 0 ||
                     tables->value(DT_BIND_NOW).has_value();
  dynamic.symbolic = (flags & DF_SYMBOLIC) != 0 || tables->value(DT_SYMBOLIC).has_value();
  if (dynamic.position_independent) {
    const bool is_program = (flags_1 & DF_1_PIE) != 0 || has_interpreter(image);
    dynamic.is_library = dynamic.is_library || !is_program || !dynamic.soname.empty();
  }

  Result<Bytes> rela = tables->table(DT_RELA, DT_RELASZ, "DT_RELA");
  if (!rela) return propagate(rela);
  Result<Bytes> relr = tables->table(DT_RELR, DT_RELRSZ, "DT_RELR");
  if (!relr) return propagate(relr);
  Result<Bytes> plt = tables->table(DT_JMPREL, DT_PLTRELSZ, "DT_JMPREL");
  if (!plt) return propagate(plt);
  // DT_RELASZ may count the PLT's table too, where that follows (elf/dynamic-link.h of glibc 2.36).
  if (plt->data() >= rela->data() && plt->data() < rela->data() + rela->size()) {
    rela = rela->first(static_cast<std::size_t>(plt->data() - rela->data()));
  }
  for (const auto& [table, what] : {std::pair{*rela, "DT_RELA"}, std::pair{*plt, "DT_JMPREL"}}) {
    Result<void> added = add_rela(image, table, dynamic.relocations, what);
    if (!added) return propagate(added);
  }
  Result<void> added = add_relr(*tables, *relr, dynamic.relocations);
  if (!added) return propagate(added);
  sort_relocations(dynamic.relocations);

  Result<std::vector<DynamicSymbol>> symbols =
      read_dynamic_symbols(*tables, *strings, symbols_named(dynamic.relocations));
  if (!symbols) return propagate(symbols);
  dynamic.symbols = std::move(*symbols);
  if (Result<void> arrays = add_arrays(*tables, dynamic); !arrays) return propagate(arrays);
  return dynamic;
}

}  // namespace sysnare
