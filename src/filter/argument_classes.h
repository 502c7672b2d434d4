#pragma once
// Which argument values need trying so that every decision about one call is seen?
//
// Arguments reach a filter as 32-bit words. All that the profile and the program ever ask of a word
// is a handful of questions (is it K, above K, which bits of a mask): values that answer all of
// them alike form a class, and one value of each class stands for all. A sample, not a proof, where
// several masks ask about one word (values that answer all of them in a certain way are not looked
// for), where combinations are drawn, and for programs that compute beyond AND. prove.h is the
// proof.

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "profile/resolve.h"

namespace sysnare {

/// Most combinations of classes that are tried for one call; past it, as many are drawn with a
/// fixed seed. 2^13 is every combination of 3 arguments with 4 classes in each word, and more.
inline constexpr std::size_t kMaxCombinations = 1u << 13;

/// Calls `visit` with calls of `call.arch` and `call.nr` that differ in arguments, until it returns
/// false. `conditions` are all that the profile asks about the call.
void for_argument_classes(std::span<const sock_filter> program,
                          const std::vector<std::pair<ArgCondition, unsigned>>& conditions,
                          const seccomp_data& call,
                          const std::function<bool(const seccomp_data&)>& visit);

}  // namespace sysnare
