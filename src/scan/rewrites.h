#pragma once
// Which words behind a pointer that a function is passed may be others than its caller left there?
//
// Those that the function writes to by it, or a function of this object that it hands the pointer
// to, or one that reads it from the word of static data where it is kept; all of them, where it
// goes to another object, through a pointer, to memory that is no variable, or to nobody knows
// where (scan/pointer_facts.h). It is asked only for pointers whose words are numbers of system
// calls, or what is said by arguments: glibc's __nptl_setxid above all.

#include <cstdint>
#include <functional>
#include <vector>

#include "scan/findings.h"
#include "scan/pointer_facts.h"

namespace sysnare {

/// Sources that are followed for one pointer; where there are more all words may be others.
inline constexpr std::size_t kMaxPointerSteps = 256;

/// What is known of the functions that it asks for.
using PointerFacts = std::function<const std::vector<PointerFact>&(std::uint32_t function)>;

/// For each function of `findings`, sorted, none twice.
std::vector<std::vector<Rewrite>> find_rewrites(const ObjectMap& map, const Findings& findings,
                                                const PointerFacts& facts);

}  // namespace sysnare
