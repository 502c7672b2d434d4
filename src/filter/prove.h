#pragma once
// Does a program decide every call there is as its profile says?
//
// Architectures and numbers are taken apart into the regions that the program treats alike
// (number_regions.h); each is held against the rules of every number in it. Where arguments decide,
// the sets of arguments that get each action are built twice, from the program and from the rules,
// and compared (call_sets.h). A program that computes with numbers is compared as a whole by such
// sets. The rules are read in a way of their own; verify() holds single calls against evaluate()
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
