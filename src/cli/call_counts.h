#pragma once
// How often does a program make which call, as far as evidence shows?
//
// For the way to a call in its filter (filter/filter.h, compile()), never for what is decided:
// evidence of another program or build does no harm here.

#include <functional>
#include <string>

#include "base/result.h"
#include "filter/filter.h"

namespace sysnare::cli {

/// Of the evidence file `evidence`; empty: of the side file of the profile `profile`, where there
/// is one. A side file that cannot be used is told to `say`. Errors: an unusable `evidence`.
Result<CallCounts> call_counts(const std::string& evidence, const std::string& profile,
                               const std::function<void(const std::string&)>& say);

}  // namespace sysnare::cli
