// An action's calls are described (argument_sets.h), and each description is then widened for as
// long as it takes in nothing but calls that a stronger action decides anyway: that is what turns
// the pieces, into which rules cut each other, back into the rules. What a rule of 64 bits means
// with cut constants is then held against what is wanted there; where it says too much, it is
// written so that no 32-bit register fits it, and what is missing so that no 64-bit register does.

#include "filter/rule_cover.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "filter/meaning.h"

namespace sysnare {
namespace {

using Id = DecisionDiagram::Id;
using Kind = ValueTest::Kind;
using Conditions = std::vector<ArgCondition>;

constexpr std::uint64_t kBit32 = std::uint64_t{1} << 32;

constexpr std::uint64_t low_ones(unsigned bits) {
  return bits >= 64 ? UINT64_MAX : (std::uint64_t{1} << bits) - 1;
}

Failure too_many() {
  return fail(Errc::kLimit,
              "no list of at most {} rules was found that says which arguments are decided how",
              kMaxConjunctions);
}

/// What the rules of one action have to hold for, and may hold for, in ABIs of one width.
struct Goal {
  bool there = false;
  Id wanted = 0;
  Id allowed = 0;
};

class Cover {
 public:
  Cover(DecisionDiagram& diagram, const ByWidth& decided, ActionValue otherwise, bool repeats)
      : diagram_(diagram),
        decided_(decided),
        otherwise_(otherwise),
        repeats_(repeats),
        none_(diagram.constant(0)),
        every_(diagram.constant(1)) {}

  Result<std::vector<CoverRule>> run() {
    std::set<ActionValue> all;
    for (const auto& each : {decided_.wide, decided_.narrow}) {
      if (!each) continue;
      for (const ActionValue action : actions_of(diagram_, *each)) all.insert(action);
    }
    std::vector<ActionValue> order(all.begin(), all.end());
    std::stable_sort(order.begin(), order.end(),
                     [](ActionValue a, ActionValue b) { return outranks(a, b); });
    for (const ActionValue action : order) {
      if (action == otherwise_) continue;
      wide_ = goal(decided_.wide, action, order);
      narrow_ = goal(decided_.narrow, action, order);
      if (Result<void> done = say(action); !done) return propagate(done);
    }
    return std::move(rules_);
  }

 private:
  Goal goal(const std::optional<Id>& decided, ActionValue action,
            const std::vector<ActionValue>& order) {
    if (!decided) return {};
    Goal goal{true, calls_with(diagram_, *decided, action.value), none_};
    goal.allowed = goal.wanted;
    for (const ActionValue each : order) {
      // The default gives way to every rule, and equals to the one that stands first.
      if (each == otherwise_ || !outranks(each, action)) continue;
      goal.allowed = both(goal.allowed, calls_with(diagram_, *decided, each.value), true);
    }
    return goal;
  }

  Id both(Id a, Id b, bool any) {
    return any ? diagram_.choose(a, every_, b) : diagram_.choose(a, b, none_);
  }
  Id without(Id a, Id b) { return diagram_.choose(b, none_, a); }
  bool inside(Id a, Id b) { return without(a, b) == none_; }

  Result<void> say(ActionValue action) {
    Id wide_done = none_;
    Id narrow_done = none_;
    if (wide_.there) {
      Result<std::vector<Conjunction>> all = describe(wide_, 64);
      if (!all) return propagate(all);
      for (const Conjunction& each : widened(*all, wide_, 64)) {
        if (inside(both(set_of(diagram_, each), wide_.wanted, false), wide_done)) continue;
        Result<std::vector<Conditions>> written = written_as(each, 64);
        if (!written) return propagate(written);
        for (const Conditions& rule : *written) {
          if (Result<void> done = add_wide(action, rule, narrow_done); !done) return done;
        }
        wide_done = both(wide_done, set_of(diagram_, each), true);
      }
    }
    if (!narrow_.there) return {};
    Goal rest = narrow_;
    rest.wanted = without(narrow_.wanted, narrow_done);
    if (rest.wanted == none_) return {};
    Result<std::vector<Conjunction>> all = describe(rest, 32);
    if (!all) return propagate(all);
    for (const Conjunction& each : widened(*all, rest, 32)) {
      if (inside(both(set_of(diagram_, each), rest.wanted, false), narrow_done)) continue;
      Result<std::vector<Conditions>> written = written_as(each, 32);
      if (!written) return propagate(written);
      for (Conditions rule : *written) {
        if (wide_.there && !inside(set_of(diagram_, rule, 64), wide_.allowed)) only_narrow(rule);
        if (Result<void> done = add(action, rule); !done) return done;
      }
      narrow_done = both(narrow_done, set_of(diagram_, each), true);
    }
    return {};
  }

  /// The rules of one conjunction.
  [[nodiscard]] Result<std::vector<Conditions>> written_as(const Conjunction& tests,
                                                           unsigned bits) const {
    Result<std::vector<Conditions>> once = rules_of({tests}, bits);
    if (!repeats_ || (once && once->size() <= kManyRules)) return once;
    Result<std::vector<Conditions>> twice = rules_of({tests}, bits, true);
    return twice && (!once || twice->size() < once->size()) ? twice : once;
  }

  Result<void> add(ActionValue action, const Conditions& rule) {
    if (std::find(rules_.begin(), rules_.end(), CoverRule{action, rule}) == rules_.end()) {
      rules_.push_back({action, rule});
    }
    if (rules_.size() > kMaxConjunctions) return too_many();
    return {};
  }

  /// What is wanted, by what is wanted alone or by all that is allowed: the shorter one.
  Result<std::vector<Conjunction>> describe(const Goal& goal, unsigned bits) {
    Result<std::vector<Conjunction>> all = conjunctions_of(diagram_, goal.wanted, bits);
    if (goal.allowed == goal.wanted) return all;
    Result<std::vector<Conjunction>> more = conjunctions_of(diagram_, goal.allowed, bits);
    if (!more) return all;
    std::erase_if(*more, [&](const Conjunction& each) {
      return both(set_of(diagram_, each), goal.wanted, false) == none_;
    });
    return !all || more->size() < all->size() ? more : all;
  }

  /// Each conjunction with as little in it as the goal lets it have, the shortest first.
  std::vector<Conjunction> widened(const std::vector<Conjunction>& all, const Goal& goal,
                                   unsigned bits) {
    std::vector<Conjunction> wider;
    for (const Conjunction& each : all) {
      Conjunction made = widen(each, goal, bits);
      if (std::find(wider.begin(), wider.end(), made) == wider.end()) {
        wider.push_back(std::move(made));
      }
    }
    return wider;
  }

  Conjunction widen(Conjunction tests, const Goal& goal, unsigned bits) {
    // What fits the other width as it is has to go on to do so.
    const bool fits_other = other_fits(tests, bits);
    const auto fits = [&](const Conjunction& tried) {
      return inside(set_of(diagram_, tried), goal.allowed) &&
             (!fits_other || other_fits(tried, bits));
    };
    for (std::size_t i = 0; i < tests.size();) {
      Conjunction tried = tests;
      tried.erase(tried.begin() + static_cast<std::ptrdiff_t>(i));
      if (fits(tried)) {
        tests = std::move(tried);
      } else {
        ++i;
      }
    }
    for (ValueTest& test : tests) {
      for (const ValueTest& wider : weaker(test)) {
        const ValueTest before = std::exchange(test, wider);
        if (fits(tests)) break;
        test = before;
      }
    }
    return tests;
  }

  /// One-sided tests that hold for all that a two-sided one holds for.
  static std::vector<ValueTest> weaker(const ValueTest& test) {
    if (test.kind != Kind::kRange && test.kind != Kind::kEqual) return {};
    const std::uint64_t most = low_ones(test.bits);
    const std::uint64_t first = test.first;
    const std::uint64_t last = test.kind == Kind::kEqual ? first : test.second;
    std::vector<ValueTest> all;
    const auto range = [&](std::uint64_t from, std::uint64_t to) {
      all.push_back({Kind::kRange, test.index, test.bits, from, to});
    };
    if (last < most) all.push_back({Kind::kNotEqual, test.index, test.bits, last + 1, 0});
    if (first > 0) all.push_back({Kind::kNotEqual, test.index, test.bits, first - 1, 0});
    if (first > 0 && last < most) {
      range(0, last);
      range(first, most);
    }
    return all;
  }

  /// Whether the rules of `tests`, written for `bits`, say nothing that is not allowed in ABIs of
  /// the other width.
  bool other_fits(const Conjunction& tests, unsigned bits) {
    const Goal& other = bits == 64 ? narrow_ : wide_;
    if (!other.there) return true;
    const Result<std::vector<Conditions>> written = written_as(tests, bits);
    if (!written) return false;
    return std::all_of(written->begin(), written->end(), [&](const Conditions& rule) {
      return inside(set_of(diagram_, rule, bits == 64 ? 32 : 64), other.allowed);
    });
  }

  /// Adds a rule for 64-bit registers so that it says nothing wrong of 32-bit ones.
  Result<void> add_wide(ActionValue action, const Conditions& rule, Id& narrow_done) {
    if (!narrow_.there) return add(action, rule);
    // The same to 64 bits, and to 32 another one.
    Conditions best;
    Id most = none_;
    bool found = false;
    for (const Conditions& each : spellings(rule)) {
      const Id narrow = set_of(diagram_, each, 32);
      if (!inside(narrow, narrow_.allowed)) continue;
      if (found && inside(narrow, most)) continue;
      best = each;
      most = narrow;
      found = true;
    }
    if (found) {
      narrow_done = both(narrow_done, most, true);
      return add(action, best);
    }
    for (unsigned index = 0; index < kArgCount; ++index) {
      const bool used = std::any_of(rule.begin(), rule.end(),
                                    [&](const ArgCondition& each) { return each.index == index; });
      if (used) continue;
      // Together all values of 64 bits; cut, `< 0` and `> 2^32 - 1`, which nothing is.
      for (const ArgCondition& never :
           {ArgCondition{index, kBit32, 0, Op::kLt}, ArgCondition{index, kBit32 - 1, 0, Op::kGt}}) {
        Conditions longer = rule;
        longer.push_back(never);
        sort(longer);
        if (Result<void> done = add(action, longer); !done) return done;
      }
      return {};
    }
    return fail(Errc::kUnsupported,
                "ABIs with 32-bit registers are decided differently by all six arguments, which "
                "rules cannot say apart");
  }

  /// The rule with `<= k` as `< k + 1` and the like: the same over 64 bits.
  static std::vector<Conditions> spellings(const Conditions& rule) {
    std::vector<Conditions> all{rule};
    for (std::size_t i = 0; i < rule.size(); ++i) {
      const ArgCondition& condition = rule[i];
      ArgCondition other = condition;
      if (condition.op == Op::kLe && condition.value != UINT64_MAX) {
        other = {condition.index, condition.value + 1, 0, Op::kLt};
      } else if (condition.op == Op::kGe && condition.value != 0) {
        other = {condition.index, condition.value - 1, 0, Op::kGt};
      } else {
        continue;
      }
      const std::size_t count = all.size();
      for (std::size_t each = 0; each < count; ++each) {
        Conditions spelt = all[each];
        spelt[i] = other;
        all.push_back(std::move(spelt));
      }
    }
    return all;
  }

  /// Makes a rule hold for no 64-bit register, and for 32-bit ones as before.
  static void only_narrow(Conditions& rule) {
    // A bit above the mask: never set in `arg & mask`, and cut where registers have 32 bits.
    for (ArgCondition& each : rule) {
      if (each.op != Op::kMaskedEq && each.op != Op::kEq) continue;
      if (each.op == Op::kEq) each = {each.index, kBit32 - 1, each.value, Op::kMaskedEq};
      each.value &= kBit32 - 1;
      each.value_two = (each.value_two & (kBit32 - 1)) | kBit32;
      return;
    }
    for (unsigned index = 0; index < kArgCount; ++index) {
      const bool used = std::any_of(rule.begin(), rule.end(),
                                    [&](const ArgCondition& each) { return each.index == index; });
      if (used) continue;
      rule.push_back({index, 0, kBit32, Op::kMaskedEq});
      sort(rule);
      return;
    }
    // Six comparisons, none of them a mask: the caller's comparison of the result says so.
  }

  static void sort(Conditions& rule) {
    std::stable_sort(rule.begin(), rule.end(), [](const ArgCondition& a, const ArgCondition& b) {
      return a.index < b.index;
    });
  }

  DecisionDiagram& diagram_;
  const ByWidth& decided_;
  ActionValue otherwise_;
  bool repeats_;
  Id none_;
  Id every_;
  Goal wide_;
  Goal narrow_;
  std::vector<CoverRule> rules_;
};

}  // namespace

Result<std::vector<CoverRule>> cover(DecisionDiagram& diagram, const ByWidth& decided,
                                     ActionValue otherwise, bool repeats) {
  return Cover(diagram, decided, otherwise, repeats).run();
}

Id decided_by(DecisionDiagram& diagram, const std::vector<CoverRule>& rules, unsigned register_bits,
              ActionValue otherwise) {
  std::vector<const CoverRule*> order;
  for (const CoverRule& rule : rules) order.push_back(&rule);
  // The strongest is laid over all others.
  std::stable_sort(order.begin(), order.end(), [](const CoverRule* a, const CoverRule* b) {
    return outranks(b->action, a->action);
  });
  Id made = diagram.leaf(otherwise.value);
  for (const CoverRule* rule : order) {
    const Id calls = set_of(diagram, rule->conditions, register_bits);
    made = diagram.choose(calls, diagram.leaf(rule->action.value), made);
  }
  return made;
}

}  // namespace sysnare
