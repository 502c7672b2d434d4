#pragma once
// Which rules of a profile decide so where registers have 64 bits, and so where they have 32?
//
// One rule speaks for every ABI that has the call, and its constants are cut where registers are
// narrow: `arg >= 2^32` holds for all arguments there, `arg < 2^32` for none. That is how what is
// decided differently by width is said at all. Not modelled: runtimes that keep cut constants
// apart, or drop the bits outside a mask (profile/runtime.h).

#include <optional>
#include <vector>

#include "base/result.h"
#include "filter/argument_sets.h"
#include "filter/decision_diagram.h"
#include "profile/resolve.h"

namespace sysnare {

/// Rules for one conjunction (argument_sets.h) that are too many to read.
inline constexpr std::size_t kManyRules = 8;

struct CoverRule {
  ActionValue action;
  std::vector<ArgCondition> conditions;
  auto operator<=>(const CoverRule&) const = default;
};

/// What is decided by the arguments of one call, as FilterMeaning has it: of ABIs with registers of
/// 64 bits, and of 32. One of them may be missing.
struct ByWidth {
  std::optional<DecisionDiagram::Id> wide;
  std::optional<DecisionDiagram::Id> narrow;
  auto operator<=>(const ByWidth&) const = default;
};

/// Rules that say it, beside a default of `otherwise`. They may overlap where the kernel prefers
/// one action. No index stands twice in a rule, unless it `repeats`: then only where one rule takes
/// the place of more than kManyRules.
///
/// Errors: kLimit past kMaxConjunctions rules; kUnsupported where the instruction pointer counts,
/// or all six arguments in another way by width.
Result<std::vector<CoverRule>> cover(DecisionDiagram& diagram, const ByWidth& decided,
                                     ActionValue otherwise, bool repeats = false);

/// What `rules` decide in an ABI with registers of `register_bits`.
DecisionDiagram::Id decided_by(DecisionDiagram& diagram, const std::vector<CoverRule>& rules,
                               unsigned register_bits, ActionValue otherwise);

}  // namespace sysnare
