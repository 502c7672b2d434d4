#pragma once
// What does a program do with an architecture and a number, before it looks at anything else?
//
// Not modelled: programs that compute with the two (AND, JSET, X, memory), as ours do not.

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace sysnare {

/// Calls that the program treats alike until it returns or looks at an argument.
struct NumberRegion {
  std::uint32_t first_arch = 0;
  std::uint32_t last_arch = UINT32_MAX;
  std::uint32_t first_nr = 0;
  std::uint32_t last_nr = UINT32_MAX;
  std::size_t pc = 0;                  ///< the return, or the load of another word
  std::optional<std::uint32_t> value;  ///< what is returned
};

/// Disjoint regions of `program`, which check_program() accepted: together they hold every call.
/// Empty when the program is not modelled or has more than 65,536 states of pc and region.
std::optional<std::vector<NumberRegion>> number_regions(std::span<const sock_filter> program);

}  // namespace sysnare
