#pragma once
// What do several runs say together, as JSON? The documents of `merge --json` and
// `saturation --json`; docs/reference/merge.md and saturation.md describe them.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/evidence_files.h"
#include "evidence/evidence.h"

namespace sysnare::cli {

std::string merge_document(const Joined& joined);

/// What is asked of a recording; all of it.
struct Wanted {
  std::optional<std::uint64_t> quiet_runs;
  std::optional<double> quiet_hours;
};

inline constexpr double kNsPerHour = 3600e9;

/// `why_not`: why `evidence` is not what is `wanted`, empty when it is.
std::string saturation_document(const std::vector<std::string>& files, const Evidence& evidence,
                                const Wanted& wanted, const std::string& why_not);

}  // namespace sysnare::cli
