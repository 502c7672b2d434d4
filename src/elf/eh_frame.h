#pragma once
// Which stretches of code has the unwinder entries for, and where can it make them go on?
//
// Source: Linux Standard Base 5.0, Core (generic), 10.6: .eh_frame, .eh_frame_hdr and the encodings
// of pointers (DW_EH_PE_*); Itanium C++ ABI "Exception Handling Tables": header and call sites of
// an LSDA, which gcc and clang write for C++, Rust, Ada, D and for C's cleanup attribute alike.
// Read by hand: libdw takes ten times as long, since it keeps the rules of every frame. Not
// modelled: entries with 64-bit lengths, which no unwinder of gcc or llvm reads.

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "elf/dynamic.h"
#include "elf/image.h"
#include "elf/memory.h"

namespace sysnare {

/// Most entries (FDEs) that are read; Chromium has about half a million.
inline constexpr std::size_t kMaxFrameEntries = 4u << 20;
/// Most call sites in all LSDAs together: a thousand entries can name the same long one.
inline constexpr std::size_t kMaxCallSites = 16u << 20;

struct FrameEntry {
  std::uint64_t start = 0;
  std::uint64_t size = 0;
  std::uint64_t lsda = 0;         ///< where its LSDA stands; 0: it has none
  std::uint64_t personality = 0;  ///< the routine or the slot that holds it; 0: none
  bool personality_indirect = false;
};

/// All entries, sorted by start; those before the damage where there is some. Errors: kLimit.
Result<std::vector<FrameEntry>> read_frame_entries(const ElfImage& image, const ImageMemory& memory,
                                                   const Dynamic& dynamic);

/// Appends the landing pads of the entry's LSDA, as they come. `budget` is what is left of
/// kMaxCallSites. Errors: kLimit.
Result<void> add_landing_pads(const ElfImage& image, const ImageMemory& memory,
                              const FrameEntry& entry, std::size_t& budget,
                              std::vector<std::uint64_t>& pads);

}  // namespace sysnare
