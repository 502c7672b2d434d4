#include "elf/go_functions.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>

#include "elf/bytes.h"

namespace sysnare {
namespace {

using Bytes = std::span<const std::uint8_t>;

/// Where things stand in one layout of the table. Words are counted from the 8th byte.
struct Layout {
  std::uint32_t magic;
  int text_start;  ///< word; -1: functions have addresses, not distances
  int names;       ///< word; -1: names are found from the table's begin
  int functions;   ///< word; -1: they follow the header, and rows are found from the table's begin
  bool short_fields;  ///< 32-bit distances in the list of functions and at the front of a row
};
constexpr Layout kLayouts[] = {
    {0xfffffffb, -1, -1, -1, false},  // Go 1.2 to 1.15
    {0xfffffffa, -1, 2, 6, false},    // Go 1.16, 1.17
    {0xfffffff0, 2, 3, 7, true},      // Go 1.18, 1.19
    {0xfffffff1, 2, 3, 7, true},      // Go 1.20 and later
};

constexpr std::size_t kMaxGoName = 4096;
// moduledata (src/runtime/symtab.go, Go 1.18 and later), in words: the pointer to the table is its
// first, then come seven slices; the seventh is the list of functions.
constexpr std::uint64_t kModuleFunctions = 17;  // length of that list, one more than functions
constexpr std::uint64_t kModuleText = 22;

const Layout* layout_at(Bytes table) {
  // Magic, two zeros, the unit of code addresses (1, 2 or 4), the size of a pointer.
  if (table.size() < 16 || table[4] != 0 || table[5] != 0 || table[7] != 8) return nullptr;
  if (table[6] != 1 && table[6] != 2 && table[6] != 4) return nullptr;
  const auto magic = load<std::uint32_t>(table, 0);
  const auto found = std::find_if(std::begin(kLayouts), std::end(kLayouts),
                                  [&](const Layout& layout) { return layout.magic == magic; });
  return found == std::end(kLayouts) ? nullptr : found;
}

/// A word as the loader leaves it, at load address 0.
std::uint64_t loaded_word(const ImageMemory& memory, const Dynamic& dynamic, std::uint64_t vaddr) {
  const auto& all = dynamic.relocations;
  const auto at =
      std::lower_bound(all.begin(), all.end(), vaddr,
                       [](const Relocation& r, std::uint64_t value) { return r.vaddr < value; });
  if (at != all.end() && at->vaddr == vaddr && at->kind == Relocation::Kind::kRelative) {
    return at->value;
  }
  return memory.word(vaddr, 8).value_or(0);
}

/// The address of the first function, by the runtime's moduledata; 0: not found.
std::uint64_t text_by_module(const ImageMemory& memory, const Dynamic& dynamic, std::uint64_t table,
                             std::uint64_t count) {
  const auto text_at = [&](std::uint64_t module) -> std::uint64_t {
    const auto word = [&](std::uint64_t index) {
      return loaded_word(memory, dynamic, module + 8 * index);
    };
    return word(kModuleFunctions) == count + 1 ? word(kModuleText) : 0;
  };
  for (const Relocation& relocation : dynamic.relocations) {
    if (relocation.kind != Relocation::Kind::kRelative || relocation.value != table) continue;
    if (const std::uint64_t text = text_at(relocation.vaddr); text != 0) return text;
  }
  for (const ImageMemory::Segment& segment : memory.segments()) {
    if (segment.executable) continue;
    for (std::uint64_t at = 0; at + 8 <= segment.bytes.size(); at += 8) {
      if (load<std::uint64_t>(segment.bytes, at) != table) continue;
      if (const std::uint64_t text = text_at(segment.vaddr + at); text != 0) return text;
    }
  }
  return 0;
}

/// Whether this is a Go program at all, so that its table is worth a search.
bool looks_like_go(const ElfImage& image) {
  return image.sections().empty() || image.section(".go.buildinfo") != nullptr ||
         image.section(".note.go.buildid") != nullptr;
}

/// Address of the table. A linker that is not Go's puts it into .data.rel.ro, under no name.
std::optional<std::uint64_t> find_table(const ElfImage& image, const ImageMemory& memory) {
  for (const char* name : {".gopclntab", ".data.rel.ro.gopclntab"}) {
    const ElfImage::Section* section = image.section(name);
    if (section != nullptr && layout_at(memory.from(section->vaddr)) != nullptr) {
      return section->vaddr;
    }
  }
  if (!looks_like_go(image)) return std::nullopt;
  for (const ImageMemory::Segment& segment : memory.segments()) {
    const std::string_view bytes(reinterpret_cast<const char*>(segment.bytes.data()),
                                 segment.bytes.size());
    // All magics end in these bytes, and zeros follow.
    static constexpr std::string_view kEnd("\xff\xff\xff\0\0", 5);
    for (std::size_t at = bytes.find(kEnd); at != std::string_view::npos;
         at = bytes.find(kEnd, at + 1)) {
      if (at == 0) continue;
      const std::uint64_t vaddr = segment.vaddr + at - 1;
      if (vaddr % 8 == 0 && layout_at(segment.bytes.subspan(at - 1)) != nullptr) return vaddr;
    }
  }
  return std::nullopt;
}

std::string_view name_at(Bytes names, std::uint64_t offset) {
  if (offset >= names.size()) return {};
  const Bytes rest = names.subspan(offset);
  const std::string_view text(reinterpret_cast<const char*>(rest.data()),
                              std::min(rest.size(), kMaxGoName));
  return text.substr(0, text.find('\0'));
}

}  // namespace

GoFunctions read_go_functions(const ElfImage& image, const ImageMemory& memory,
                              const Dynamic& dynamic) {
  const std::optional<std::uint64_t> vaddr = find_table(image, memory);
  if (!vaddr) return {};
  const Bytes table = memory.from(*vaddr);
  const Layout& layout = *layout_at(table);
  const auto header = [&](int word) -> std::uint64_t {
    const std::uint64_t at = 8 + 8 * static_cast<std::uint64_t>(word);
    return at + 8 <= table.size() ? load<std::uint64_t>(table, at) : UINT64_MAX;
  };
  const auto part = [&](std::uint64_t at) {
    return at < table.size() ? table.subspan(at) : Bytes();
  };
  const std::uint64_t count = header(0);
  const Bytes names = layout.names < 0 ? table : part(header(layout.names));
  const Bytes list = part(layout.functions < 0 ? 16 : header(layout.functions));
  const Bytes rows = layout.functions < 0 ? table : list;
  const unsigned width = layout.short_fields ? 4 : 8;
  // Two fields a function, and where the last one ends.
  if (count == 0 || list.size() < width || count > (list.size() - width) / (2 * width)) return {};
  std::uint64_t base = 0;
  if (layout.text_start >= 0) {
    // Since Go 1.26 the header has 0 there. The begin of .text will not do: with cgo it is C.
    base = loaded_word(memory, dynamic, *vaddr + 8 + 8 * static_cast<unsigned>(layout.text_start));
    if (base == 0) base = text_by_module(memory, dynamic, *vaddr, count);
    if (base == 0) return {};
  }
  const auto address = [&](std::uint64_t index) {
    return base + little_endian(list, index * 2 * width, width);
  };
  GoFunctions go;
  go.functions.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t row = little_endian(list, i * 2 * width + width, width);
    GoFunction function;
    function.vaddr = address(i);
    if (row < rows.size() && rows.size() - row >= width + 4u) {
      function.name = name_at(names, load<std::uint32_t>(rows, row + width));
    }
    go.functions.push_back(function);
  }
  go.end = address(count);
  std::stable_sort(go.functions.begin(), go.functions.end(),
                   [](const GoFunction& a, const GoFunction& b) { return a.vaddr < b.vaddr; });
  return go;
}

}  // namespace sysnare
