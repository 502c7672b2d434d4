#pragma once
// What do several profiles allow together, or all of them?
//
// Joined by meaning: every call gets the loosest of the inputs' actions (union) or the strictest
// (intersection), argument rules and unlisted ABIs included, and the result is written as a profile
// again and proven (decompile.h). Where two have one action with two errnos, the first input's
// stays.

#include <span>
#include <vector>

#include "base/result.h"
#include "filter/decompile.h"

namespace sysnare {

enum class Joining : std::uint8_t {
  kUnion,         ///< what any of them allows
  kIntersection,  ///< what all of them allow
};

/// Precondition: at least one meaning, all in `diagram`.
FilterMeaning join(DecisionDiagram& diagram, const std::vector<FilterMeaning>& all,
                   Joining joining);

}  // namespace sysnare
