#pragma once
// What does a program do with the numbers of one architecture, before it looks at an argument?
//
// Sets of numbers are followed forward through the program, as intervals: a list of thousands of
// comparisons, as other makers write it, costs little. (number_regions.h goes path by path, which
// is what a proof wants, and ends at the first bit test.) Not modelled: numbers that are computed
// with, tests of their low bits, X and memory.

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace sysnare {

/// Numbers in a row that come to the same instruction.
struct NumberPiece {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  std::size_t pc = 0;                  ///< the return, or the load of another word
  std::optional<std::uint32_t> value;  ///< what is returned
};

/// All numbers, in order, as `program`, which check_program() accepted, parts them when its
/// architecture is `arch`. Empty when the program is not modelled, or does too much with numbers.
std::optional<std::vector<NumberPiece>> number_pieces(std::span<const sock_filter> program,
                                                      std::uint32_t arch);

/// First values of the ranges of architectures that `program` cannot tell apart before it looks at
/// an argument; sorted, the first is 0. Empty when it is not modelled.
std::optional<std::vector<std::uint32_t>> arch_ranges(std::span<const sock_filter> program);

}  // namespace sysnare
