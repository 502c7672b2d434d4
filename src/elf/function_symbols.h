#pragma once
// Which symbols name code, and which name data? Of .symtab, .dynsym and a debug file alike.
// For .cc files of this room alone.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "elf/dynamic.h"
#include "elf/image.h"
#include "elf/memory.h"

namespace sysnare {

struct CodeSymbol {
  std::uint64_t vaddr = 0;
  std::uint64_t size = 0;  ///< 0: not known
  std::string_view name;
  bool local = false;
  bool typed = false;  ///< STT_FUNC or STT_GNU_IFUNC; else a label in code
};

struct ObjectSymbol {
  std::uint64_t vaddr = 0;
  std::uint64_t size = 0;
  std::string_view name;
};

struct FunctionSymbols {
  std::vector<CodeSymbol> code;
  std::vector<ObjectSymbol> data;
  bool has_symtab = false;        ///< of the image itself
  std::deque<std::string> texts;  ///< what the names lie in, beside the ImageMemory

  /// Reads all tables; those that are damaged add nothing. Errors: kLimit past kMaxSymbols or
  /// kMaxSymbolBytes.
  static Result<FunctionSymbols> read(const ElfImage& image, const ImageMemory& memory,
                                      const Dynamic& dynamic, const ElfImage* debug);
};

}  // namespace sysnare
