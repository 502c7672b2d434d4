#pragma once
// Which calls get which action, by the rules of a profile and by a program?
//
// Sets of calls in a decision diagram (decision_diagram.h), one an action. RuleSets reads the rules
// by resolve.h and shares nothing with evaluate(); ProgramSets follows a program forward. Not
// modelled: programs that compute with words beyond AND with a constant, or use X or memory.

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "base/result.h"
#include "filter/decision_diagram.h"
#include "profile/resolve.h"

namespace sysnare {

/// What gets each action. None of the sets is empty. Kept apart by action, since one diagram of all
/// actions is the product of what each rule cuts out.
using CallSets = std::map<std::uint32_t, DecisionDiagram::Id>;

class RuleSets {
 public:
  RuleSets(DecisionDiagram& diagram, const ResolvedProfile& profile)
      : diagram_(diagram), profile_(profile) {}

  /// All calls there are.
  CallSets of_profile();
  /// By the arguments alone: the action of `call`, which has `rules`, and gets `otherwise` where
  /// none of them matches.
  CallSets of_call(Call call, const std::vector<ResolvedRule>& rules, std::uint32_t otherwise);

 private:
  using Id = DecisionDiagram::Id;

  [[nodiscard]] bool lists(Abi abi) const;
  void lay(Id condition, const CallSets& over, CallSets& under);
  CallSets numbers(std::uint32_t arch);
  Id condition(Call call, const ArgCondition& condition);
  Id negated(Id id) { return diagram_.choose(id, diagram_.constant(0), diagram_.constant(1)); }
  Id whole(Call call, unsigned index, WordTest::Kind kind, std::uint64_t mask, std::uint64_t k);

  DecisionDiagram& diagram_;
  const ResolvedProfile& profile_;
};

class ProgramSets {
 public:
  /// `program`: check_program() accepted it.
  ProgramSets(DecisionDiagram& diagram, std::span<const sock_filter> program)
      : diagram_(diagram), program_(program) {}

  /// What the instructions from `start` on return, entered with A = 0.
  ///
  /// Errors: kUnsupported for what is not modelled.
  Result<CallSets> from(std::size_t start);

  /// Whether instructions that were reached look at the architecture or the number.
  [[nodiscard]] bool reads_number() const { return reads_number_; }

 private:
  using Id = DecisionDiagram::Id;

  /// Every instruction of a program of our own has a few.
  static constexpr std::size_t kMaxStates = 8 * BPF_MAXINSNS;

  /// What A holds: a constant, or some bits of a word.
  struct Accumulator {
    bool is_word = false;
    std::uint32_t value = 0;  ///< the constant, or the index of the word
    std::uint32_t mask = UINT32_MAX;
    auto operator<=>(const Accumulator&) const = default;
  };

  static bool is_modelled(const sock_filter& insn, const Accumulator& a);
  static Accumulator after(const sock_filter& insn, Accumulator a);
  void step(std::size_t pc, const Accumulator& a, Id calls);
  Id jumps(const sock_filter& insn, const Accumulator& a);

  template <typename Key>
  void add(std::map<Key, Id>& to, const Key& key, Id calls) {
    const Id none = diagram_.constant(0);
    if (calls == none) return;
    Id& sum = to.try_emplace(key, none).first->second;
    sum = diagram_.choose(calls, diagram_.constant(1), sum);
  }

  DecisionDiagram& diagram_;
  std::span<const sock_filter> program_;
  std::vector<std::map<Accumulator, Id>>
      reached_;        ///< by instruction: which calls come with which A
  CallSets returned_;  ///< which calls get which action
  bool reads_number_ = false;
};

}  // namespace sysnare
