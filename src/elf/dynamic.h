#pragma once
// What does the dynamic linker learn from this image: libraries, symbols, relocations, start-up?
//
// Source: System V gABI chapter 5, "Dynamic Linking"; x86-64 psABI 1.0, 4.4 (relocations);
// AArch64 ELF ABI 2023Q3, 5.7; Linux Standard Base 5.0, 10.7 (symbol versions); gABI proposal
// "RELR relative relocations". Tables are found by DT_*, as ld.so does it, never by section headers.
// Static-PIE images have a dynamic section too, and no library.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "elf/image.h"
#include "elf/memory.h"

namespace sysnare {

/// Most entries of each dynamic table that are read: Chromium has about a million relocations.
inline constexpr std::size_t kMaxDynamicEntries = 16u << 20;

struct DynamicSymbol {
  std::string name;
  std::string version;       ///< empty: none; of an import the one that is asked for
  std::uint64_t vaddr = 0;   ///< as st_value
  std::uint64_t size = 0;
  std::uint8_t type = 0;     ///< STT_*
  std::uint8_t binding = 0;  ///< STB_*
  bool defined = false;
  bool default_version = true;  ///< "name@@version" or unversioned; false: "name@version"
};

struct Relocation {
  enum class Kind : std::uint8_t {
    kRelative,   ///< load address + `value`
    kSymbol,     ///< address of symbol + `value` (64, GLOB_DAT, JUMP_SLOT)
    kIndirect,   ///< what the resolver at `value` returns (IRELATIVE)
    kCopy,       ///< `symbol`'s contents are copied here
    kOther,      ///< thread-local offsets and what else holds no address
  };
  Kind kind = Kind::kOther;
  std::uint32_t symbol = 0;  ///< index into Dynamic::symbols; kSymbol and kCopy
  std::uint64_t vaddr = 0;   ///< where it is written
  std::uint64_t value = 0;
};

struct Dynamic {
  bool present = false;  ///< there is a dynamic section at all
  std::string soname;
  std::vector<std::string> needed;   ///< DT_NEEDED, in order
  std::vector<std::string> runpath;  ///< split at ':', $ORIGIN not replaced
  std::vector<std::string> rpath;
  bool bind_now = false;
  bool symbolic = false;   ///< DT_SYMBOLIC or DF_SYMBOLIC: own definitions come first
  bool position_independent = false;  ///< ET_DYN
  std::vector<DynamicSymbol> symbols;     ///< by index in the file; [0] is empty
  std::vector<Relocation> relocations;    ///< sorted by vaddr; RELR unrolled
  /// Start-up and end, as link-time addresses in the order they run: DT_PREINIT_ARRAY, DT_INIT,
  /// DT_INIT_ARRAY; then DT_FINI_ARRAY, DT_FINI. Array slots are read through their relocations.
  std::vector<std::uint64_t> init;
  std::vector<std::uint64_t> fini;
};

/// An image with no dynamic section gives one that is not `present`; its init and fini are then
/// read from the sections .preinit_array, .init_array, .fini_array, .init and .fini, and its
/// IRELATIVE relocations from .rela.iplt / __rela_iplt_start where there are any.
/// Errors: kBadInput naming file, table and offset for one that points outside the image or has
/// more than kMaxDynamicEntries.
Result<Dynamic> read_dynamic(const ElfImage& image, const ImageMemory& memory);

}  // namespace sysnare
