#pragma once
// Where does each function of an image begin and end?
//
// Starts are the union of: FDEs of .eh_frame, .symtab and .dynsym (STT_FUNC, STT_GNU_IFUNC), the
// entry, DT_INIT/FINI and their arrays, IFUNC resolvers, and Go's .gopclntab. Targets of relative
// relocations and labels without a type are starts where no FDE and no sized symbol covers them:
// else they are labels of a computed goto, or a jump table's. Targets of direct calls are added by
// whoever decodes (divide_functions()). A function ends where the next one starts (or its section
// does), not where its FDE ends: the `syscall` of glibc's clone and clone3 stands behind the end of
// their FDEs. Each PLT section is one range, whatever else says that a function starts in it.
// Source: elf/eh_frame.h, elf/go_functions.h; System V gABI chapter 4, "Symbol Table".

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "elf/dynamic.h"
#include "elf/image.h"
#include "elf/memory.h"

namespace sysnare {

/// Most functions of one image; Chromium has about half a million.
inline constexpr std::size_t kMaxFunctions = 4u << 20;

struct FunctionRange {
  std::uint64_t start = 0;
  std::uint64_t end =
      0;  ///< one past the last byte: the next start, or the end of the section or segment
  std::string name;  ///< plainest symbol, as the table has it; empty: none
  /// Code that only the unwinder jumps to (landing pads of its LSDA), anywhere in the image.
  std::vector<std::uint64_t> landing_pads;
  std::uint64_t personality =
      0;  ///< of its CIE: vaddr of the routine, or of the slot that holds it
  bool personality_indirect = false;  ///< `personality` is a slot
  bool framed = false;                ///< an FDE begins where it does
  /// To where an FDE or a symbol with a size covers it; `start`: nothing does. PLTs: its end.
  std::uint64_t covered_end = 0;
};

/// An object of data with a name and size: STT_OBJECT, STT_COMMON and STT_TLS symbols of .symtab
/// and .dynsym. `vaddr` of a thread-local one is where its initial value stands.
struct DataSymbol {
  std::uint64_t vaddr = 0;
  std::uint64_t size = 0;
  std::string name;
};

struct FunctionTable {
  /// Sorted by start. They fill the executable sections; of an image without section headers, the
  /// executable segments. Executable bytes in no section are in one where something starts there.
  std::vector<FunctionRange> functions;
  std::vector<DataSymbol> data;  ///< sorted by vaddr, then the largest first
  bool has_symtab = false;       ///< .symtab is there (the image is not stripped)
  bool is_go = false;            ///< .gopclntab gave functions
  std::uint64_t go_begin = 0;    ///< of the code that it describes
  std::uint64_t go_end = 0;
  [[nodiscard]] bool is_go_code(std::uint64_t vaddr) const {
    return vaddr >= go_begin && vaddr < go_end;
  }
  /// Whether there is code beside Go's (cgo).
  [[nodiscard]] bool has_more_than_go() const {
    return is_go && !functions.empty() &&
           (functions.front().start < go_begin || functions.back().start >= go_end);
  }
};

/// Most places at which functions are divided at once: musl has some 2,000 functions.
inline constexpr std::size_t kMaxDivisions = 1u << 16;
/// Lets functions begin at `places` too, where these lie behind what is covered of a range. Returns
/// whether any begins there now: none of more than kMaxDivisions, or past kMaxFunctions, or where
/// nearly all of the code is covered.
bool divide_functions(FunctionTable& table, std::vector<std::uint64_t> places);
/// The same where nearly all of it is, for the places that are called from the rest.
bool divide_rest(FunctionTable& table, std::vector<std::uint64_t> places);

/// `debug`: the separate debug file of the image, whose .symtab is read too, or null.
/// Damaged tables (.eh_frame, symbols) give what can be read before the damage; that is no error.
/// Errors: kLimit. Cost: some 10 ms for 100,000 functions.
Result<FunctionTable> find_functions(const ElfImage& image, const ImageMemory& memory,
                                     const Dynamic& dynamic, const ElfImage* debug);

}  // namespace sysnare
