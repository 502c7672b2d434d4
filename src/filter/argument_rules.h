#pragma once
// Which instructions decide one call by its arguments?
//
// A 64-bit argument is two words to a filter. Each condition becomes at most three tests, and what
// an earlier test on the same argument has shown about its high word is not asked again: most rules
// on one argument share a high word of 0. Where one argument alone decides, its values are decided
// on by a tree (value_tree.h).

#include <map>
#include <optional>
#include <vector>

#include "filter/graph.h"
#include "profile/resolve.h"

namespace sysnare {

/// Most conditions on one call, all its rules together, that are compiled: each costs an
/// instruction or more, and recursion goes as deep. Docker's default has 5.
inline constexpr std::size_t kMaxConditions = BPF_MAXINSNS / 2;

class ArgumentRules {
 public:
  ArgumentRules(Graph& graph, const ResolvedProfile& profile, Call call);

  /// The node that decides the call. Errors: kLimit past kMaxConditions.
  Result<NodeId> build(const std::vector<ResolvedRule>& rules);

 private:
  struct Rule {
    std::vector<ArgCondition> conditions;
    std::uint32_t value = 0;
    auto operator<=>(const Rule&) const = default;
  };

  /// Where to go on: condition `condition` of rule `rule`; past the last one its action, past the
  /// last rule the default action.
  struct Goal {
    std::size_t rule = 0;
    std::size_t condition = 0;
    auto operator<=>(const Goal&) const = default;
  };

  /// What is known on the path so far: the word in A, and one fact about one high word.
  struct State {
    std::uint32_t loaded = kNothing;
    enum class Fact : std::uint8_t { kNone, kIs, kIsNot } fact = Fact::kNone;
    unsigned index = 0;
    std::uint32_t high = 0;
    auto operator<=>(const State&) const = default;
  };
  static constexpr std::uint32_t kNothing = UINT32_MAX;

  /// The argument that all conditions ask about, where none of them masks it.
  [[nodiscard]] std::optional<unsigned> only_argument() const;
  NodeId one_argument(unsigned index);

  NodeId go(Goal goal, const State& state);
  NodeId equal(const ArgCondition& condition, unsigned bits, Goal yes, Goal no, State state);
  /// `jump` is BPF_JGE or BPF_JGT.
  NodeId order(std::uint16_t jump, const ArgCondition& condition, unsigned bits, Goal yes, Goal no,
               State state);
  NodeId masked(const ArgCondition& condition, unsigned bits, Goal yes, Goal no, State state);
  NodeId masked_word(std::uint32_t word, std::uint32_t mask, std::uint32_t value, NodeId yes,
                     NodeId no, const State& state);

  NodeId low_test(std::uint16_t jump, unsigned index, unsigned bits, std::uint32_t k, Goal yes,
                  Goal no, State state);
  /// `test` behind the load of `word`, unless A holds it already.
  NodeId with_word(std::uint32_t word, unsigned bits, const State& state, NodeId test);
  [[nodiscard]] std::uint32_t word(unsigned index, bool high) const;

  Graph& graph_;
  const ResolvedProfile& profile_;
  Call call_;
  std::vector<Rule> rules_;
  std::map<std::pair<Goal, State>, NodeId> built_;
};

}  // namespace sysnare
