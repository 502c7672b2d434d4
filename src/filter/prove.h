#pragma once
// Does a program decide every call there is as its profile says?
//
// For each action the set of calls that get it is built twice and compared. The profile's is built
// from the rules by its own reading of resolve.h; verify() holds single calls against evaluate()
// besides. Not modelled: programs that compute with words beyond AND with a constant, or use X or
// memory; the compiler here emits none.

#include <linux/filter.h>

#include <optional>
#include <span>

#include "base/result.h"
#include "profile/resolve.h"

namespace sysnare {

/// A call on which `program`, which check_program() accepted, and `profile` differ; empty when
/// there is none.
///
/// Errors: kLimit when the argument rules are too entangled to be compared; kUnsupported for a
/// program that is not modelled.
Result<std::optional<seccomp_data>> find_difference(std::span<const sock_filter> program,
                                                    const ResolvedProfile& profile);

}  // namespace sysnare
