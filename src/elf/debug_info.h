#pragma once
// Which functions were inlined at this address? By DWARF, through libdw.
//
// Source: DWARF 5, 2.17 (code addresses) and 3.3 (subroutine and inlined subroutine entries).
// Only .debug_info is searched, and by our own walk with a budget: libdw's dwarf_getscopes()
// recurses as deep as the file says. Not modelled: split DWARF (.dwo), whose files libdw would open
// at whatever path the image names.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "elf/image.h"

namespace sysnare {

/// Where debug files of distributions lie.
inline constexpr std::string_view kDebugFiles = "/usr/lib/debug/";
/// Most debug sections of one image together, uncompressed: those of a large C++ program have some
/// 500 MB, and libdw reads the ones it needs as a whole.
inline constexpr std::uint64_t kMaxDwarfBytes = 1u << 30;

class DebugInfo {
 public:
  /// `image` must outlive this.
  explicit DebugInfo(const ElfImage& image);
  ~DebugInfo();
  DebugInfo(const DebugInfo&) = delete;
  DebugInfo& operator=(const DebugInfo&) = delete;

  /// The functions at the link-time address `vaddr`, innermost first, demangled; the last one is
  /// the function that was not inlined. Empty when DWARF does not say.
  /// Cost: the first call indexes the units; each walks the entries of one unit.
  std::vector<std::string> functions_at(std::uint64_t vaddr);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sysnare
