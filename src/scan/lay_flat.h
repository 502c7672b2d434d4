#pragma once
// Findings become a summary: flat arrays, without what nobody can ask for.

#include "base/result.h"
#include "scan/findings.h"
#include "scan/object_map.h"
#include "scan/summary.h"

namespace sysnare {

/// Errors: of reading the image's identity.
Result<Summary> lay_flat(const ObjectMap& map, Findings findings);

}  // namespace sysnare
