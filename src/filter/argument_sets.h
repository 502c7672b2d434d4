#pragma once
// Which conditions describe exactly these arguments?
//
// A set of calls of one number is turned back into conditions a person reads and, one step on, into
// those that a profile can hold: several rules, each with at most one condition an argument where
// that is possible, since runc and crun make "or" of an index that stands twice in an entry. Not
// modelled: conditions on the instruction pointer; an error says so.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "filter/decision_diagram.h"
#include "profile/profile.h"

namespace sysnare {

/// A question about the low `bits` of one argument.
struct ValueTest {
  enum class Kind : std::uint8_t {
    kEqual,
    kNotEqual,
    kRange,           ///< first <= value <= second
    kMaskedEqual,     ///< (value & first) == second
    kMaskedNotEqual,  ///< (value & first) != second
  } kind = Kind::kEqual;
  unsigned index = 0;
  unsigned bits = 64;  ///< 64, 32 or 16: the others do not count
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  auto operator<=>(const ValueTest&) const = default;
};

/// All must hold; empty: always.
using Conjunction = std::vector<ValueTest>;

/// Most conjunctions for one set: what needs more is no list that a person reads.
inline constexpr std::size_t kMaxConjunctions = 512;

/// One of the conjunctions holds for exactly the calls of `set`, a set over arguments whose words
/// are laid out as in FilterMeaning::sections, on a machine with registers of `register_bits`.
///
/// Errors: kLimit past kMaxConjunctions; kUnsupported where the instruction pointer counts.
Result<std::vector<Conjunction>> conjunctions_of(DecisionDiagram& diagram, DecisionDiagram::Id set,
                                                 unsigned register_bits);

/// The same as rules of a profile: one list of conditions a rule, no index twice in one unless it
/// `repeats`. Conditions count `register_bits`. Errors: kLimit past kMaxConjunctions rules.
Result<std::vector<std::vector<ArgCondition>>> rules_of(const std::vector<Conjunction>& any,
                                                        unsigned register_bits,
                                                        bool repeats = false);

/// "flags & 0x7e020000 != 0 and fd == 3", with the names of the arguments of `call_name`; "always".
std::string conjunction_text(const Conjunction& all, std::string_view call_name);

/// The set of calls for which all of `tests` hold.
DecisionDiagram::Id set_of(DecisionDiagram& diagram, const Conjunction& tests);

/// The set of calls for which a list of conditions holds, as the evaluation of a profile has it.
DecisionDiagram::Id set_of(DecisionDiagram& diagram, const std::vector<ArgCondition>& conditions,
                           unsigned register_bits);

}  // namespace sysnare
