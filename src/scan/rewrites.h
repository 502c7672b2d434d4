#pragma once
// Which words behind a pointer that a function is passed may be others than its caller left there?
//
// Those that the function writes to by it, or a function of this object that it hands the pointer
// to, or one that reads it from the word of static data where it is kept; all of them, where it
// goes to another object, through a pointer, to memory that is no variable, or to nobody knows
// where (scan/pointer_facts.h). It is asked only for pointers whose words are numbers of system
// calls, or what is said by arguments: glibc's __nptl_setxid above all.

#include <cstdint>
#include <vector>

#include "scan/findings.h"
#include "scan/pointer_facts.h"

namespace sysnare {

/// Sources that are followed for one pointer; where there are more all words may be others.
inline constexpr std::size_t kMaxPointerSteps = 256;

/// What is known of functions.
class PointerFactSource {
 public:
  virtual ~PointerFactSource() = default;
  /// These will be asked for in any case. Called once at most, before any is.
  virtual void expect(const std::vector<std::uint32_t>& functions) = 0;
  /// Stays until the source ends.
  virtual const std::vector<PointerFact>& of(std::uint32_t function) = 0;
};

/// For each function of `findings`, sorted, none twice.
std::vector<std::vector<Rewrite>> find_rewrites(const ObjectMap& map, const Findings& findings,
                                                PointerFactSource& facts);

/// Whether find_rewrites() will ask what this function does with pointers, by all that is known
/// now; either answer may be wrong.
bool is_likely_asked(const ObjectMap& map, const Findings& findings, const FunctionFacts& facts);

}  // namespace sysnare
