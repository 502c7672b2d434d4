#pragma once
// How do conditions combine by "or" and "not", where an entry of a profile only knows "and"?
//
// As sets of alternatives, each a list of conditions that all hold (disjunctive normal form). Not
// modelled: simplifying beyond what makes masks out of single bits.

#include <vector>

#include "base/result.h"
#include "profile/profile.h"

namespace sysnare {

using Conjunction = std::vector<ArgCondition>;  ///< all hold; empty: always
using Alternatives = std::vector<Conjunction>;  ///< one of them holds; empty: never

/// Most alternatives of one call: by-bit negations multiply, and 64 bits are one argument.
inline constexpr std::size_t kMaxAlternatives = 1024;

/// When `condition` does not hold.
Alternatives negated(const ArgCondition& condition);
/// When none of `alternatives` holds. Errors: kLimit past kMaxAlternatives.
Result<Alternatives> negated(const Alternatives& alternatives);
/// When both hold. Errors: kLimit past kMaxAlternatives.
Result<Alternatives> both(const Alternatives& a, const Alternatives& b);

/// Masks of one argument become one mask, equal conditions one; the order of arguments is kept.
Conjunction merged(const Conjunction& conjunction);

}  // namespace sysnare
