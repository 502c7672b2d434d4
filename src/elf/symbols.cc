#include "elf/symbols.h"

#include <elf.h>

#include <algorithm>

namespace sysnare {
namespace {

/// How far find() looks back for a function that encloses the address (one nested in another).
constexpr int kMaxLookBack = 8;
/// Longest name that is compared; symbols of this length are demangled no more either.
constexpr std::size_t kMaxSymbolName = 4096;

std::size_t leading_underscores(std::string_view name) {
  return std::min(name.find_first_not_of('_'), name.size());
}

}  // namespace

std::string_view SymbolTable::name_of(const Row& row) const {
  const std::string& table = strings_[row.strings];
  if (row.name >= table.size()) return {};
  const std::string_view rest = std::string_view(table).substr(row.name, kMaxSymbolName);
  return rest.substr(0, rest.find('\0'));
}

bool plainer_name(std::string_view a, bool a_local, std::string_view b, bool b_local) {
  if (a_local != b_local) return b_local;
  const std::size_t a_bars = leading_underscores(a);
  const std::size_t b_bars = leading_underscores(b);
  if (a_bars != b_bars) return a_bars < b_bars;
  if (a.size() != b.size()) return a.size() < b.size();
  return a < b;
}

bool SymbolTable::plainer(const Row& a, const Row& b) const {
  return plainer_name(name_of(a), a.local, name_of(b), b.local);
}

void SymbolTable::add_table(const ElfImage& image, const ElfImage::Section& section) {
  if (section.link >= image.sections().size() || strings_.size() >= UINT8_MAX) return;
  const ElfImage::Section& names = image.sections()[section.link];
  // Both sizes are checked against the file by read(), and neither sum can wrap before that.
  if (section.size > kMaxSymbolBytes - bytes_ ||
      names.size > kMaxSymbolBytes - bytes_ - section.size) {
    return;
  }
  bytes_ += section.size + names.size;
  Result<std::string> table =
      image.read(section.offset, section.size, "symbol table", kMaxSymbolBytes);
  Result<std::string> strings =
      image.read(names.offset, names.size, "symbol names", kMaxSymbolBytes);
  if (!table || !strings) return;
  const auto strings_index = static_cast<std::uint8_t>(strings_.size());
  strings_.push_back(std::move(*strings));
  const bool wide = image.is_64();
  const std::size_t entry = wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
  for (std::size_t at = 0; at + entry <= table->size(); at += entry) {
    if (rows_.size() + data_.size() >= kMaxSymbols) return;
    const auto field = [&](std::size_t at_64, std::size_t at_32, unsigned width) {
      return image.integer(*table, at + (wide ? at_64 : at_32), width);
    };
    const auto info =
        static_cast<unsigned>(field(offsetof(Elf64_Sym, st_info), offsetof(Elf32_Sym, st_info), 1));
    const std::uint64_t index =
        field(offsetof(Elf64_Sym, st_shndx), offsetof(Elf32_Sym, st_shndx), 2);
    if (index == SHN_UNDEF || index == SHN_ABS) continue;
    const unsigned type = ELF64_ST_TYPE(info);
    Row row;
    row.start = field(offsetof(Elf64_Sym, st_value), offsetof(Elf32_Sym, st_value), wide ? 8 : 4);
    const std::uint64_t size =
        field(offsetof(Elf64_Sym, st_size), offsetof(Elf32_Sym, st_size), wide ? 8 : 4);
    row.end = size > UINT64_MAX - row.start ? row.start : row.start + size;
    row.name = static_cast<std::uint32_t>(field(0, 0, 4));
    row.strings = strings_index;
    row.local = ELF64_ST_BIND(info) == STB_LOCAL;
    row.code = type == STT_FUNC || type == STT_GNU_IFUNC ||
               (type == STT_NOTYPE && image.is_executable(row.start));
    const std::string_view name = name_of(row);
    // ARM's mapping symbols ($x, $d) and the compiler's own labels name no function.
    if (name.empty() || name.starts_with('$') || name.starts_with(".L")) continue;
    if (row.code) {
      rows_.push_back(row);
    } else if (type == STT_NOTYPE || type == STT_OBJECT) {
      data_.push_back(row);
    }
  }
}

void SymbolTable::add(const ElfImage& image) {
  for (const ElfImage::Section& section : image.sections()) {
    if (section.type == SHT_SYMTAB || section.type == SHT_DYNSYM) add_table(image, section);
  }
  sort();
}

void SymbolTable::sort() {
  // Names are compared in one pass behind the sort, and not by it: of a million symbols with one
  // address and names of 4 KB each that would take hours.
  std::sort(rows_.begin(), rows_.end(),
            [](const Row& a, const Row& b) { return a.start < b.start; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const Row& row = rows_[i];
    if (kept > 0 && rows_[kept - 1].start == row.start) {
      // A sized symbol comes before a label at the same address, then the plainest name.
      Row& other = rows_[kept - 1];
      const bool sized = row.end > row.start;
      const bool other_sized = other.end > other.start;
      if (sized != other_sized ? sized : plainer(row, other)) other = row;
    } else {
      rows_[kept++] = row;
    }
  }
  rows_.resize(kept);
}

std::optional<SymbolTable::Function> SymbolTable::find(std::uint64_t vaddr) const {
  auto after =
      std::upper_bound(rows_.begin(), rows_.end(), vaddr,
                       [](std::uint64_t value, const Row& row) { return value < row.start; });
  const auto first = after;
  for (int i = 0; i < kMaxLookBack && after != rows_.begin(); ++i) {
    --after;
    if (vaddr < after->end) return Function{name_of(*after), after->start};
    // Hand-written assembly may have no size: then the nearest label before the address is it.
    if (after->end == after->start && after + 1 == first) {
      return Function{name_of(*after), after->start};
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> SymbolTable::address_of(std::string_view name) const {
  for (const std::vector<Row>* rows : {&rows_, &data_}) {
    for (const Row& row : *rows) {
      if (name_of(row) == name) return row.start;
    }
  }
  return std::nullopt;
}

}  // namespace sysnare
