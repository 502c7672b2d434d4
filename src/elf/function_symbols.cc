#include "elf/function_symbols.h"

#include <elf.h>

#include <algorithm>

#include "elf/bytes.h"
#include "elf/symbols.h"

namespace sysnare {
namespace {

/// Longest name that is kept; a longer one is cut, for it is only shown.
constexpr std::size_t kMaxFunctionName = 4096;

struct Symbol {
  std::string_view name;
  std::uint64_t value = 0;
  std::uint64_t size = 0;
  unsigned type = 0;
  unsigned binding = 0;
};

class Collector {
 public:
  Collector(const ElfImage& image, const ImageMemory& memory, FunctionSymbols& symbols)
      : image_(image), memory_(memory), symbols_(symbols) {
    for (const ElfImage::Segment& segment : image.segments()) {
      if (segment.type == PT_TLS) tls_ = segment.vaddr;
    }
  }

  Result<void> add(const Symbol& symbol) {
    if (++seen_ > kMaxSymbols) {
      return fail(Errc::kLimit, "{}: more than {} symbols", image_.name(), kMaxSymbols);
    }
    name_bytes_ += symbol.name.size();
    if (name_bytes_ > kMaxSymbolBytes) {
      return fail(Errc::kLimit, "{}: names of symbols of more than {} bytes together",
                  image_.name(), kMaxSymbolBytes);
    }
    const bool local = symbol.binding == STB_LOCAL;
    switch (symbol.type) {
      case STT_FUNC:
      case STT_GNU_IFUNC:
      case STT_NOTYPE:
        // $x and $d say to a disassembler of ARM what code is and what is not; .L is the
        // compiler's.
        if (symbol.name.empty() || symbol.name[0] == '$' || symbol.name.starts_with(".L")) break;
        if (!memory_.is_executable(symbol.value)) break;
        symbols_.code.push_back(
            {symbol.value, symbol.size, symbol.name, local, symbol.type != STT_NOTYPE});
        break;
      case STT_OBJECT:
      case STT_COMMON:
        if (symbol.size > 0) symbols_.data.push_back({symbol.value, symbol.size, symbol.name});
        break;
      case STT_TLS:
        if (symbol.size > 0) {
          symbols_.data.push_back({tls_ + symbol.value, symbol.size, symbol.name});
        }
        break;
      default:
        break;
    }
    return {};
  }

  Result<void> add_table(const ElfImage& file, const ElfImage::Section& section) {
    if (section.link >= file.sections().size()) return {};
    const ElfImage::Section& names = file.sections()[section.link];
    if (section.type == SHT_NOBITS || names.type == SHT_NOBITS) return {};
    // Each is checked against the file when it is read.
    if (section.size > kMaxSymbolBytes || names.size > kMaxSymbolBytes ||
        (table_bytes_ += section.size + names.size) > 2 * kMaxSymbolBytes) {
      return fail(Errc::kLimit, "{}: symbol tables of more than {} bytes", file.name(),
                  kMaxSymbolBytes);
    }
    Result<std::string> table =
        file.read(section.offset, section.size, "symbol table", kMaxSymbolBytes);
    Result<std::string> text = file.read(names.offset, names.size, "symbol names", kMaxSymbolBytes);
    if (!table || !text) return {};
    symbols_.texts.push_back(std::move(*text));
    const std::string_view strings = symbols_.texts.back();
    const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(table->data()),
                                              table->size());
    symbols_.code.reserve(symbols_.code.size() + bytes.size() / sizeof(Elf64_Sym));
    for (std::size_t at = 0; at + sizeof(Elf64_Sym) <= bytes.size(); at += sizeof(Elf64_Sym)) {
      const auto index = load<std::uint16_t>(bytes, at + offsetof(Elf64_Sym, st_shndx));
      if (index == SHN_UNDEF || index == SHN_ABS) continue;
      const unsigned info = bytes[at + offsetof(Elf64_Sym, st_info)];
      Symbol symbol;
      symbol.name = name_at(strings, load<std::uint32_t>(bytes, at + offsetof(Elf64_Sym, st_name)));
      symbol.value = load<std::uint64_t>(bytes, at + offsetof(Elf64_Sym, st_value));
      symbol.size = load<std::uint64_t>(bytes, at + offsetof(Elf64_Sym, st_size));
      symbol.type = ELF64_ST_TYPE(info);
      symbol.binding = ELF64_ST_BIND(info);
      if (Result<void> added = add(symbol); !added) return added;
    }
    return {};
  }

 private:
  static std::string_view name_at(std::string_view strings, std::size_t offset) {
    if (offset >= strings.size()) return {};
    const std::string_view rest = strings.substr(offset, kMaxFunctionName);
    return rest.substr(0, rest.find('\0'));
  }

  const ElfImage& image_;
  const ImageMemory& memory_;
  FunctionSymbols& symbols_;
  std::uint64_t tls_ = 0;
  std::size_t seen_ = 0;
  std::uint64_t name_bytes_ = 0;
  std::uint64_t table_bytes_ = 0;
};

}  // namespace

Result<FunctionSymbols> FunctionSymbols::read(const ElfImage& image, const ImageMemory& memory,
                                              const Dynamic& dynamic, const ElfImage* debug) {
  FunctionSymbols symbols;
  Collector collector(image, memory, symbols);
  for (const DynamicSymbol& each : dynamic.symbols) {
    if (!each.defined) continue;
    Result<void> added = collector.add(
        {each.name.substr(0, kMaxFunctionName), each.vaddr, each.size, each.type, each.binding});
    if (!added) return propagate(added);
  }
  for (const ElfImage* file : {&image, debug}) {
    if (file == nullptr || !file->is_64() || file->is_big_endian()) continue;
    for (const ElfImage::Section& section : file->sections()) {
      if (section.type != SHT_SYMTAB) continue;
      symbols.has_symtab |= file == &image;
      if (Result<void> added = collector.add_table(*file, section); !added) return propagate(added);
    }
  }
  return symbols;
}

}  // namespace sysnare
