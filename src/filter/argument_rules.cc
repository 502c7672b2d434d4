#include "filter/argument_rules.h"

#include <algorithm>
#include <set>

#include "arch/syscalls.h"
#include "filter/machine.h"
#include "filter/value_tree.h"

namespace sysnare {
namespace {

constexpr std::uint32_t kAllOnes = UINT32_MAX;

std::uint32_t low_of(std::uint64_t value) { return static_cast<std::uint32_t>(value); }
std::uint32_t high_of(std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32); }

/// Bits of the low word that count.
std::uint32_t low_bits(unsigned bits) { return bits >= 32 ? kAllOnes : (1u << bits) - 1; }

}  // namespace

ArgumentRules::ArgumentRules(Graph& graph, const ResolvedProfile& profile, Call call)
    : graph_(graph), profile_(profile), call_(call) {}

Result<NodeId> ArgumentRules::build(const std::vector<ResolvedRule>& rules) {
  // Most calls by far.
  if (rules.size() == 1 && rules.front().conditions.empty()) {
    return graph_.ret(rules.front().action.value);
  }
  // In the order of the kernel's precedence the first rule that matches decides, which is how a
  // program runs.
  std::vector<const ResolvedRule*> sorted;
  for (const ResolvedRule& rule : rules) sorted.push_back(&rule);
  std::stable_sort(sorted.begin(), sorted.end(), [](const ResolvedRule* a, const ResolvedRule* b) {
    return outranks(a->action, b->action);
  });
  rules_.clear();
  built_.clear();
  std::set<Rule> seen;
  std::size_t conditions = 0;
  for (const ResolvedRule* each : sorted) {
    Rule rule{each->conditions, each->action.value};
    std::sort(rule.conditions.begin(), rule.conditions.end());
    rule.conditions.erase(std::unique(rule.conditions.begin(), rule.conditions.end()),
                          rule.conditions.end());
    if (!seen.insert(rule).second) continue;
    conditions += rule.conditions.size();
    if (conditions > kMaxConditions) {
      return fail(Errc::kLimit, "{} has more than {} argument conditions", call_label(call_),
                  kMaxConditions);
    }
    const bool always = rule.conditions.empty();
    rules_.push_back(std::move(rule));
    if (always) break;
  }
  // A last rule that does what happens anyway tests for nothing.
  while (!rules_.empty() && rules_.back().value == profile_.default_action.value) {
    rules_.pop_back();
  }
  if (const std::optional<unsigned> index = only_argument()) return one_argument(*index);
  const NodeId node = go({}, {});
  if (built_.size() > Graph::kMaxNodes) {
    return fail(Errc::kLimit,
                "the rules of {} on several arguments make more than {} cases to tell apart: drop "
                "argument rules",
                call_label(call_), Graph::kMaxNodes);
  }
  return node;
}

std::optional<unsigned> ArgumentRules::only_argument() const {
  std::optional<unsigned> index;
  for (const Rule& rule : rules_) {
    for (const ArgCondition& condition : rule.conditions) {
      if (condition.op == Op::kMaskedEq) return std::nullopt;
      if (index && *index != condition.index) return std::nullopt;
      index = condition.index;
    }
  }
  return index;
}

NodeId ArgumentRules::one_argument(unsigned index) {
  const unsigned bits = compared_bits(profile_, call_, index);
  const std::uint64_t most = bits >= 64 ? UINT64_MAX : (std::uint64_t{1} << bits) - 1;
  // Where another decision may start.
  std::vector<std::uint64_t> starts = {0};
  for (const Rule& rule : rules_) {
    for (const ArgCondition& condition : rule.conditions) {
      const std::uint64_t value = condition.value & most;
      const bool from_value = condition.op != Op::kGt && condition.op != Op::kLe;
      const bool from_next = condition.op != Op::kGe && condition.op != Op::kLt;
      if (from_value) starts.push_back(value);
      if (from_next && value != most) starts.push_back(value + 1);
    }
  }
  std::sort(starts.begin(), starts.end());
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
  std::vector<ValueRun> runs;
  for (const std::uint64_t start : starts) {
    const auto rule = std::find_if(rules_.begin(), rules_.end(), [&](const Rule& each) {
      return std::all_of(
          each.conditions.begin(), each.conditions.end(),
          [&](const ArgCondition& condition) { return holds(condition, start, bits); });
    });
    const NodeId target =
        graph_.ret(rule == rules_.end() ? profile_.default_action.value : rule->value);
    if (runs.empty() || runs.back().target != target) runs.push_back({start, target});
  }
  return value_tree(graph_, runs, {word(index, true), word(index, false), bits});
}

NodeId ArgumentRules::go(Goal goal, const State& state) {
  if (goal.rule == rules_.size()) return graph_.ret(profile_.default_action.value);
  const Rule& rule = rules_[goal.rule];
  if (goal.condition == rule.conditions.size()) return graph_.ret(rule.value);
  if (graph_.full() || built_.size() > Graph::kMaxNodes) return graph_.ret(0);
  const auto key = std::make_pair(goal, state);
  if (const auto found = built_.find(key); found != built_.end()) return found->second;

  const ArgCondition& condition = rule.conditions[goal.condition];
  const unsigned bits = compared_bits(profile_, call_, condition.index);
  const Goal yes{goal.rule, goal.condition + 1};
  const Goal no{goal.rule + 1, 0};
  NodeId node = 0;
  switch (condition.op) {
    case Op::kEq:
      node = equal(condition, bits, yes, no, state);
      break;
    case Op::kNe:
      node = equal(condition, bits, no, yes, state);
      break;
    case Op::kGe:
      node = order(BPF_JGE, condition, bits, yes, no, state);
      break;
    case Op::kLt:
      node = order(BPF_JGE, condition, bits, no, yes, state);
      break;
    case Op::kGt:
      node = order(BPF_JGT, condition, bits, yes, no, state);
      break;
    case Op::kLe:
      node = order(BPF_JGT, condition, bits, no, yes, state);
      break;
    case Op::kMaskedEq:
      node = masked(condition, bits, yes, no, state);
      break;
  }
  built_.emplace(key, node);
  return node;
}

NodeId ArgumentRules::equal(const ArgCondition& condition, unsigned bits, Goal yes, Goal no,
                            State state) {
  const std::uint32_t low = low_of(condition.value) & low_bits(bits);
  if (bits <= 32) return low_test(BPF_JEQ, condition.index, bits, low, yes, no, state);

  const std::uint32_t high = high_of(condition.value);
  const bool about_this = state.fact != State::Fact::kNone && state.index == condition.index;
  if (about_this && state.fact == State::Fact::kIs) {
    if (state.high != high) return go(no, state);
    return low_test(BPF_JEQ, condition.index, bits, low, yes, no, state);
  }
  if (about_this && state.high == high) return go(no, state);

  const std::uint32_t high_word = word(condition.index, true);
  const State is{high_word, State::Fact::kIs, condition.index, high};
  const State is_not{high_word, State::Fact::kIsNot, condition.index, high};
  const NodeId match = low_test(BPF_JEQ, condition.index, bits, low, yes, no, is);
  const NodeId other = go(no, is_not);
  return with_word(high_word, 32, state, graph_.test(BPF_JEQ, high, match, other));
}

NodeId ArgumentRules::order(std::uint16_t jump, const ArgCondition& condition, unsigned bits,
                            Goal yes, Goal no, State state) {
  const std::uint32_t low = low_of(condition.value) & low_bits(bits);
  if (bits <= 32) return low_test(jump, condition.index, bits, low, yes, no, state);

  const std::uint32_t high = high_of(condition.value);
  const bool about_this = state.fact != State::Fact::kNone && state.index == condition.index;
  if (about_this && state.fact == State::Fact::kIs) {
    if (state.high != high) return go(state.high > high ? yes : no, state);
    return low_test(jump, condition.index, bits, low, yes, no, state);
  }
  const std::uint32_t high_word = word(condition.index, true);
  const State is{high_word, State::Fact::kIs, condition.index, high};
  const State is_not{high_word, State::Fact::kIsNot, condition.index, high};
  const bool known_not = about_this && state.high == high;
  // Above the smallest high word is the same as not being it, below the largest too.
  if (known_not && high == 0) return go(yes, state);
  if (known_not && high == kAllOnes) return go(no, state);
  if (high == 0) {
    const NodeId match = low_test(jump, condition.index, bits, low, yes, no, is);
    return with_word(high_word, 32, state, graph_.test(BPF_JEQ, 0, match, go(yes, is_not)));
  }
  if (high == kAllOnes) {
    const NodeId match = low_test(jump, condition.index, bits, low, yes, no, is);
    return with_word(high_word, 32, state, graph_.test(BPF_JEQ, kAllOnes, match, go(no, is_not)));
  }
  const NodeId above = go(yes, is_not);
  const NodeId below = go(no, is_not);
  const NodeId same = known_not ? below : low_test(jump, condition.index, bits, low, yes, no, is);
  NodeId node = graph_.test(BPF_JGT, high, above, graph_.test(BPF_JEQ, high, same, below));
  if (same == above) node = graph_.test(BPF_JGE, high, above, below);
  return with_word(high_word, 32, state, node);
}

NodeId ArgumentRules::low_test(std::uint16_t jump, unsigned index, unsigned bits, std::uint32_t k,
                               Goal yes, Goal no, State state) {
  const std::uint32_t low_word = word(index, false);
  // What never or always holds needs no load.
  if (jump == BPF_JGE && k == 0) return go(yes, state);
  if (jump == BPF_JGT && k == low_bits(bits)) return go(no, state);
  State after = state;
  // A masked word is no longer the word itself.
  after.loaded = bits < 32 ? kNothing : low_word;
  const NodeId match = go(yes, after);
  const NodeId other = go(no, after);
  // Both were built for A holding the low word, which it does not where nothing was tested.
  if (match == other) return go(yes, state);
  return with_word(low_word, bits, state, graph_.test(jump, k, match, other));
}

NodeId ArgumentRules::masked(const ArgCondition& condition, unsigned bits, Goal yes, Goal no,
                             State state) {
  const std::uint32_t low_mask = low_of(condition.value) & low_bits(bits);
  const std::uint32_t low_value = low_of(condition.value_two) & low_bits(bits);
  const std::uint32_t high_mask = bits <= 32 ? 0 : high_of(condition.value);
  const std::uint32_t high_value = bits <= 32 ? 0 : high_of(condition.value_two);
  if ((low_value & ~low_mask) != 0 || (high_value & ~high_mask) != 0) return go(no, state);

  // Facts are kept, A is not: simple, and masks are rare.
  State after = state;
  after.loaded = kNothing;
  const NodeId match = go(yes, after);
  const NodeId other = go(no, after);
  State at_low = state;
  if (high_mask != 0) at_low.loaded = kNothing;
  NodeId node =
      masked_word(word(condition.index, false), low_mask, low_value, match, other, at_low);
  return masked_word(word(condition.index, true), high_mask, high_value, node, other, state);
}

NodeId ArgumentRules::masked_word(std::uint32_t word, std::uint32_t mask, std::uint32_t value,
                                  NodeId yes, NodeId no, const State& state) {
  if (mask == 0 || yes == no) return yes;
  const bool one_bit = (mask & (mask - 1)) == 0;
  NodeId test = 0;
  if (value == 0) {
    test = graph_.test(BPF_JSET, mask, no, yes);
  } else if (one_bit) {
    test = graph_.test(BPF_JSET, mask, yes, no);
  } else {
    test = graph_.test(BPF_JEQ, value, yes, no);
    if (mask != kAllOnes) test = graph_.mask(mask, test);
  }
  return with_word(word, 32, state, test);
}

NodeId ArgumentRules::with_word(std::uint32_t word, unsigned bits, const State& state,
                                NodeId test) {
  if (bits < 32) return graph_.load(word, graph_.mask(low_bits(bits), test));
  return state.loaded == word ? test : graph_.load(word, test);
}

std::uint32_t ArgumentRules::word(unsigned index, bool high) const {
  return arg_word(index, high, is_big_endian(call_.abi));
}

}  // namespace sysnare
