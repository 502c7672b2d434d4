#pragma once
// Who made the calls of a recording with several executables? The short table under the long one.

#include <string>

#include "evidence/evidence.h"

namespace sysnare::cli {

/// The executables with the most calls, at most kShownExecutables, each with its cgroup where the
/// evidence tells; empty when the evidence has none.
std::string executable_table(const Evidence& evidence);

inline constexpr std::size_t kShownExecutables = 10;

}  // namespace sysnare::cli
