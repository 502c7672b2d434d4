#pragma once
// Which functions does Go's own table list? All that the linker put into a Go program, assembly
// included; stripping keeps it.
//
// Source: Go's src/debug/gosym/pclntab.go (Go 1.19: layouts of 1.2, 1.16 and 1.18) and
// src/runtime/symtab.go (pcHeader, functab, _func, moduledata; 1.20 changed the magic and what
// follows the fields read here). elf/go_table.h answers by address, for 1.18 and later, with frames
// and inlining; here all of them are listed, from the file alone.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "elf/dynamic.h"
#include "elf/image.h"
#include "elf/memory.h"

namespace sysnare {

struct GoFunction {
  std::uint64_t vaddr = 0;
  std::string_view name;  ///< "os.(*File).Write"; lies in the ImageMemory
};

struct GoFunctions {
  std::vector<GoFunction> functions;  ///< sorted by vaddr
  std::uint64_t end = 0;              ///< one past the last function
};

/// Empty for an image without a table of a known layout; also where it is damaged.
GoFunctions read_go_functions(const ElfImage& image, const ImageMemory& memory,
                              const Dynamic& dynamic);

}  // namespace sysnare
