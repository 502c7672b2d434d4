#pragma once
// Which calls get which action from a program, whoever made it?
//
// The program is run on all calls at once, once for each architecture that a table here knows and
// once for all others together. A section is a diagram of actions over number and arguments: equal
// sections are equal meanings. Source: net/core/filter.c bpf_convert_filter(), kernel/seccomp.c
// __seccomp_filter(), Linux 6.18. Not modelled: words that are computed with beyond AND with a
// constant; an error says where.

#include <linux/filter.h>

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "base/result.h"
#include "filter/decision_diagram.h"
#include "profile/resolve.h"

namespace sysnare {

struct FilterMeaning {
  using Id = DecisionDiagram::Id;

  /// By AUDIT_ARCH_*: number and arguments to action. The low half of argument i is word
  /// kArgsWord + 2i and the high half the one behind it, on big-endian machines too; of ABIs with
  /// 32-bit registers the high half is 0, as the kernel gives it.
  std::map<std::uint32_t, Id> sections;
  /// Calls of every other architecture, by the action they get.
  std::map<std::uint32_t, Id> elsewhere;
};

/// Errors: kBadInput for a program that the kernel refuses; kUnsupported for one that is not
/// modelled; kLimit when its decisions by argument are too entangled.
Result<FilterMeaning> meaning_of(DecisionDiagram& diagram, std::span<const sock_filter> program);

/// `value` with what the kernel does not look at left out: data of an allow, errnos above 4095; an
/// action that it does not know kills the process.
ActionValue normal_action(std::uint32_t value);

/// Numbers in a row that are decided alike.
struct DecisionRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  DecisionDiagram::Id a = 0;  ///< arguments to action, in the first section
  DecisionDiagram::Id b = 0;  ///< and in the second
};

/// Most ranges of numbers in a section: a real one has some hundreds, `nr & 1` has 2^32.
inline constexpr std::size_t kMaxDecisionRanges = 1u << 16;

/// All numbers, in order, by what two sections make of them. Errors: kLimit.
Result<std::vector<DecisionRange>> decision_ranges(const DecisionDiagram& diagram,
                                                   DecisionDiagram::Id a, DecisionDiagram::Id b);

/// The actions that `decided` comes to, sorted.
std::vector<ActionValue> actions_of(const DecisionDiagram& diagram, DecisionDiagram::Id decided);

/// The calls for which `decided` comes to `value`, as a set.
DecisionDiagram::Id calls_with(DecisionDiagram& diagram, DecisionDiagram::Id decided,
                               std::uint32_t value);

}  // namespace sysnare
