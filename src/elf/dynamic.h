#pragma once
// What does the dynamic linker learn from this image: libraries, symbols, relocations, start-up?
//
// Source: System V gABI chapter 5, "Dynamic Linking"; x86-64 psABI 1.0, 4.4 (relocations);
// AArch64 ELF ABI 2023Q3, 5.7; Linux Standard Base 5.0, 10.7 (symbol versions); gABI proposal
// "RELR relative relocations". Tables are found by DT_*, as ld.so does it, never by section
// headers. Static-PIE images have a dynamic section too, and no library.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "elf/image.h"
#include "elf/memory.h"

namespace sysnare {

/// Most entries of each dynamic table that are read: Chromium has about a million relocations.
inline constexpr std::size_t kMaxDynamicEntries = 16u << 20;
/// Most libraries and directories that are listed; LibreOffice's programs have about 100.
inline constexpr std::size_t kMaxLibraries = 4096;
/// Longest name of a library, and list of directories.
inline constexpr std::size_t kMaxLibraryName = 1u << 16;
/// Most bytes that all names of symbols may have together: a table of a million symbols can name
/// the same megabyte a million times. Chromium's have about 100 MB.
inline constexpr std::uint64_t kMaxDynamicNameBytes = 256u << 20;

struct DynamicSymbol {
  std::string_view name;     ///< both lie in the ImageMemory
  std::string_view version;  ///< empty: none; of an import the one that is asked for
  std::uint64_t vaddr = 0;   ///< as st_value
  std::uint64_t size = 0;
  std::uint8_t type = 0;        ///< STT_*
  std::uint8_t binding = 0;     ///< STB_*
  std::uint8_t visibility = 0;  ///< STV_*
  bool defined = false;
  bool default_version = true;  ///< "name@@version" or unversioned; false: "name@version"
};

struct Relocation {
  enum class Kind : std::uint8_t {
    kRelative,  ///< load address + `value`
    kSymbol,    ///< address of symbol + `value` (64, GLOB_DAT, JUMP_SLOT)
    kIndirect,  ///< what the resolver at `value` returns (IRELATIVE)
    kCopy,      ///< `symbol`'s contents are copied here
    kOther,     ///< thread-local offsets and what else holds no address
  };
  Kind kind = Kind::kOther;
  bool slot = false;         ///< kSymbol: it fills a slot that is the dynamic linker's (the GOT's)
  std::uint32_t symbol = 0;  ///< of Dynamic::symbols, never past them; kSymbol and kCopy
  std::uint64_t vaddr = 0;   ///< where it is written
  std::uint64_t value = 0;   ///< of kCopy and kOther without meaning
};

struct Dynamic {
  bool present = false;  ///< there is a dynamic section at all
  std::string soname;
  std::vector<std::string> needed;   ///< DT_NEEDED, in order
  std::vector<std::string> runpath;  ///< split at ':', $ORIGIN not replaced; empty parts are "."
  std::vector<std::string> rpath;
  bool has_filter = false;  ///< DT_FILTER, DT_AUXILIARY: others stand in for it
  bool has_audit = false;   ///< DT_AUDIT, DT_DEPAUDIT: others watch it
  bool bind_now = false;
  bool symbolic = false;              ///< DT_SYMBOLIC or DF_SYMBOLIC: own definitions come first
  bool position_independent = false;  ///< ET_DYN
  /// Others may load it, whether or not it can be run as well (libc.so.6): it has no entry, or is
  /// ET_DYN with a DT_SONAME, or with neither PT_INTERP nor DF_1_PIE. Libraries with an entry are
  /// common: it is where their code starts, and nothing that is meant to be run.
  bool is_library = false;
  /// By index in the file; [0] is empty. All that a hash table or a relocation names: there is no
  /// other way to a symbol.
  std::vector<DynamicSymbol> symbols;
  std::vector<Relocation> relocations;  ///< sorted by vaddr; RELR unrolled
  /// Start-up and end, as link-time addresses in the order they run: DT_PREINIT_ARRAY, DT_INIT,
  /// DT_INIT_ARRAY; then DT_FINI_ARRAY from its end, DT_FINI. Array slots are read through their
  /// relocations; one that holds a symbol of another object stands below.
  std::vector<std::uint64_t> init;
  std::vector<std::uint64_t> fini;
  /// Symbols in slots of these arrays: whoever defines them first is called.
  std::vector<std::uint32_t> init_symbols;
  std::vector<std::uint32_t> fini_symbols;
};

/// An image with no dynamic section gives one that is not `present`; its init and fini are then
/// read from the sections .preinit_array, .init_array, .fini_array, .init and .fini, and its
/// relocations (IRELATIVE) from the loaded sections of type SHT_RELA; without any section headers,
/// whatever looks like such a relocation counts as one.
/// Errors: kBadInput naming file, table and address for one that points outside the image, kLimit
/// past kMaxDynamicEntries and the other limits, kUnsupported for 32-bit images (x32 too).
Result<Dynamic> read_dynamic(const ElfImage& image, const ImageMemory& memory);

}  // namespace sysnare
