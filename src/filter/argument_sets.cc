// A set is taken apart argument by argument, in the order of the diagram: the values of the first
// argument fall into classes by what they leave to be asked of the others. What all classes allow
// is written without the first argument. One class of values is described by the shortest of: one
// value, one mask, all but one, a few ranges, a few masks.

#include "filter/argument_sets.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "arch/syscalls.h"
#include "base/text.h"
#include "filter/machine.h"

namespace sysnare {
namespace {

using Id = DecisionDiagram::Id;
using Kind = ValueTest::Kind;
using TestKind = WordTest::Kind;

constexpr std::uint64_t low_ones(unsigned bits) {
  return bits >= 64 ? UINT64_MAX : (std::uint64_t{1} << bits) - 1;
}

/// Ranges are easier to read than masks, up to this many.
constexpr std::size_t kReadableRanges = 8;
constexpr std::size_t kMaxRanges = 64;
constexpr std::size_t kMaxMasks = 256;
/// "all but" as many values or masks is read more easily than what is left.
constexpr std::size_t kMaxExceptions = 6;

struct Cube {
  std::uint64_t mask = 0;
  std::uint64_t value = 0;
};
struct Range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

/// One bit of an argument as the diagram asks for it.
struct ArgumentBit {
  unsigned index = 0;
  unsigned bit = 0;  ///< 0 to 63
  Id low = 0;
  Id high = 0;
};

class Describer {
 public:
  Describer(DecisionDiagram& diagram, unsigned register_bits)
      : diagram_(diagram),
        register_bits_(register_bits),
        none_(diagram.constant(0)),
        every_(diagram.constant(1)) {}

  Result<std::vector<Conjunction>> describe(Id set) {
    if (const auto known = described_.find(set); known != described_.end()) return known->second;
    Result<std::vector<Conjunction>> made = describe_new(set);
    if (made) described_.emplace(set, *made);
    return made;
  }

 private:
  static Failure too_many() {
    return fail(Errc::kLimit, "the arguments that count take more than {} conditions to say",
                kMaxConjunctions);
  }

  Result<std::vector<Conjunction>> describe_new(Id set) {
    if (set == none_) return std::vector<Conjunction>{};
    if (set == every_) return std::vector<Conjunction>{Conjunction{}};
    const auto asked = ask(set);
    if (!asked) {
      return fail(Errc::kUnsupported, "the decision depends on the instruction pointer");
    }
    const unsigned index = asked->index;
    std::vector<Id> rests;
    collect(set, index, rests);
    Id common = every_;
    for (const Id rest : rests) common = diagram_.choose(common, rest, none_);
    Result<std::vector<Conjunction>> all = describe(common);
    if (!all) return all;
    for (const Id rest : rests) {
      const Id left = diagram_.choose(common, none_, rest);
      if (left == none_) continue;
      Result<std::vector<Conjunction>> values = values_before(set, index, rest);
      if (!values) return values;
      Result<std::vector<Conjunction>> others = describe(left);
      if (!others || others->size() > 1) {
        // What all have in common may be said again, where that is shorter.
        Result<std::vector<Conjunction>> whole_rest = describe(rest);
        if (whole_rest && (!others || whole_rest->size() < others->size())) {
          others = std::move(whole_rest);
        }
      }
      if (!others) return others;
      for (const Conjunction& value : *values) {
        for (const Conjunction& other : *others) {
          Conjunction both = value;
          both.insert(both.end(), other.begin(), other.end());
          all->push_back(std::move(both));
          if (all->size() > kMaxConjunctions) return too_many();
        }
      }
    }
    return all;
  }

  /// The values of argument `index` behind which `rest` is left, or those with more, if that is
  /// shorter.
  Result<std::vector<Conjunction>> values_before(Id set, unsigned index, Id rest) {
    std::map<Id, Id> known;
    Result<std::vector<Conjunction>> exact =
        describe_values(only(set, index, rest, false, known), index);
    if (exact && exact->size() == 1) return exact;
    known.clear();
    const Id more = only(set, index, rest, true, known);
    if (more == every_) return std::vector<Conjunction>{Conjunction{}};
    Result<std::vector<Conjunction>> wider = describe_values(more, index);
    return wider && (!exact || wider->size() < exact->size()) ? wider : exact;
  }

  /// Empty for a constant and for what is asked of another word than an argument.
  [[nodiscard]] std::optional<ArgumentBit> ask(Id id) const {
    const auto asked = diagram_.question(id);
    if (!asked || asked->word < kArgsWord) return std::nullopt;
    const std::uint32_t half = asked->word - kArgsWord;
    return ArgumentBit{half / 2, asked->bit + 32 * (half & 1), asked->low, asked->high};
  }
  [[nodiscard]] std::optional<ArgumentBit> ask(Id id, unsigned index) const {
    const auto asked = ask(id);
    return asked && asked->index == index ? asked : std::nullopt;
  }

  /// What is left to ask behind argument `index`, each once, in the order of rising values.
  void collect(Id id, unsigned index, std::vector<Id>& rests) {
    std::set<Id> seen;
    const std::function<void(Id)> go = [&](Id at) {
      if (!seen.insert(at).second) return;
      if (const auto asked = ask(at, index)) {
        go(asked->low);
        go(asked->high);
      } else if (at != none_) {
        rests.push_back(at);
      }
    };
    go(id);
    // Where no value is left over, what all have in common is more than nothing.
    if (seen.contains(none_)) rests.insert(rests.begin(), none_);
  }

  /// The values of argument `index` behind which `rest` is left, and perhaps `more`.
  Id only(Id id, unsigned index, Id rest, bool more, std::map<Id, Id>& known) {
    const auto asked = ask(id, index);
    if (!asked) {
      const bool fits = id == rest || (more && diagram_.choose(id, none_, rest) == none_);
      return fits ? every_ : none_;
    }
    if (const auto found = known.find(id); found != known.end()) return found->second;
    const Id low = only(asked->low, index, rest, more, known);
    const Id high = only(asked->high, index, rest, more, known);
    const std::uint32_t word = kArgsWord + 2 * index + (asked->bit >= 32 ? 1 : 0);
    const std::uint32_t bit = 1u << asked->bit % 32;
    const Id made = diagram_.choose(diagram_.holds({TestKind::kEqual, word, bit, bit}), high, low);
    known.emplace(id, made);
    return made;
  }

  Result<std::vector<Conjunction>> describe_values(Id set, unsigned index) {
    unsigned bits = register_bits_;
    for (const unsigned narrow : {32u, 16u}) {
      if (narrow < bits && highest_bit(set) < narrow) bits = narrow;
    }
    const std::uint64_t ones = low_ones(bits);
    const auto masked = [&](const Cube& cube, bool holds) {
      if (cube.mask == ones) {
        return ValueTest{holds ? Kind::kEqual : Kind::kNotEqual, index, bits, cube.value, 0};
      }
      return ValueTest{holds ? Kind::kMaskedEqual : Kind::kMaskedNotEqual, index, bits, cube.mask,
                       cube.value};
    };
    const auto cubes = cubes_of(set);
    if (cubes && cubes->size() == 1)
      return std::vector<Conjunction>{{masked(cubes->front(), true)}};
    // All but one, of those that have the bits in common which all have.
    const Cube shared = hull(set);
    const Id around = set_of(
        diagram_, {ArgCondition{index, shared.mask, shared.value, Op::kMaskedEq}}, register_bits_);
    const auto others = cubes_of(diagram_.choose(set, none_, around));
    const auto ranges = ranges_of(set, bits);
    // One comparison, where "some bit of these is set" takes a rule for each bit.
    const bool one_sided = ranges && ranges->size() == 1 &&
                           (ranges->front().first == 0 || ranges->front().last == ones);
    if (others && others->size() == 1 && (!one_sided || others->front().mask == ones)) {
      Conjunction both;
      if (shared.mask != 0) both.push_back(masked(shared, true));
      both.push_back(masked(others->front(), false));
      return std::vector<Conjunction>{both};
    }
    std::vector<Conjunction> tests;
    if (ranges &&
        (ranges->size() <= kReadableRanges || !cubes || ranges->size() <= cubes->size())) {
      for (const Range& range : *ranges) {
        if (range.first == range.last) {
          tests.push_back({ValueTest{Kind::kEqual, index, bits, range.first, 0}});
        } else {
          tests.push_back({ValueTest{Kind::kRange, index, bits, range.first, range.last}});
        }
      }
      return tests;
    }
    if (others && others->size() <= kMaxExceptions && (!cubes || others->size() < cubes->size())) {
      Conjunction none_of;
      if (shared.mask != 0) none_of.push_back(masked(shared, true));
      for (const Cube& other : *others) none_of.push_back(masked(other, false));
      return std::vector<Conjunction>{none_of};
    }
    if (!cubes) return too_many();
    for (const Cube& cube : *cubes) tests.push_back({masked(cube, true)});
    return tests;
  }

  /// The bits that are the same in all values of `set`, which is not empty.
  Cube hull(Id set) {
    Cube shared;
    const auto asked = ask(set);
    for (unsigned bit = 0; asked && bit <= asked->bit; ++bit) {
      const std::uint32_t word = kArgsWord + 2 * asked->index + (bit >= 32 ? 1 : 0);
      const std::uint32_t mask = 1u << bit % 32;
      const Id is_set = diagram_.holds({TestKind::kEqual, word, mask, mask});
      const bool some_set = diagram_.choose(is_set, set, none_) != none_;
      const bool some_clear = diagram_.choose(is_set, none_, set) != none_;
      if (some_set && some_clear) continue;
      shared.mask |= std::uint64_t{1} << bit;
      if (some_set) shared.value |= std::uint64_t{1} << bit;
    }
    return shared;
  }

  /// The highest bit that the set asks for.
  unsigned highest_bit(Id set) {
    // The first that is asked is the highest of its word, and the high word comes first.
    const auto asked = ask(set);
    return asked ? asked->bit : 0;
  }

  std::optional<std::vector<Cube>> cubes_of(Id set) {
    std::vector<Cube> cubes;
    const std::function<bool(Id, Cube)> go = [&](Id id, Cube cube) {
      if (id == none_) return true;
      const auto asked = ask(id);
      if (!asked) {
        cubes.push_back(cube);
        return cubes.size() <= kMaxMasks;
      }
      const std::uint64_t bit = std::uint64_t{1} << asked->bit;
      return go(asked->low, {cube.mask | bit, cube.value}) &&
             go(asked->high, {cube.mask | bit, cube.value | bit});
    };
    if (!go(set, {})) return std::nullopt;
    return cubes;
  }

  /// The values in rising order, those in a row as one.
  std::optional<std::vector<Range>> ranges_of(Id set, unsigned bits) {
    std::vector<Range> ranges;
    std::size_t steps = 0;
    // `left` bits are open below `first`.
    const std::function<bool(Id, std::uint64_t, unsigned)> go = [&](Id id, std::uint64_t first,
                                                                    unsigned left) {
      if (id == none_) return true;
      if (++steps > kMaxRanges * 128) return false;
      const auto asked = ask(id);
      if (!asked) {
        const std::uint64_t last = first + low_ones(left);
        if (!ranges.empty() && ranges.back().last + 1 == first) {
          ranges.back().last = last;
        } else {
          ranges.push_back({first, left == 0 ? first : last});
        }
        return ranges.size() <= kMaxRanges;
      }
      const unsigned bit = left - 1;
      const bool here = asked->bit == bit;
      return go(here ? asked->low : id, first, bit) &&
             go(here ? asked->high : id, first | std::uint64_t{1} << bit, bit);
    };
    if (!go(set, 0, bits)) return std::nullopt;
    return ranges;
  }

  DecisionDiagram& diagram_;
  unsigned register_bits_;
  Id none_;
  Id every_;
  std::map<Id, std::vector<Conjunction>> described_;
};

using Alternatives = std::vector<ArgCondition>;

ArgCondition masked(unsigned index, std::uint64_t mask, std::uint64_t value) {
  return {index, mask, value, Op::kMaskedEq};
}

/// [first, last] as values that share their upper bits: at most two a bit.
Alternatives prefixes(const ValueTest& test) {
  Alternatives all;
  const std::uint64_t ones = low_ones(test.bits);
  std::uint64_t first = test.first;
  while (true) {
    unsigned free = first == 0 ? test.bits : std::min<unsigned>(std::countr_zero(first), test.bits);
    while (free > 0 && low_ones(free) > test.second - first) --free;
    all.push_back(masked(test.index, ones & ~low_ones(free), first));
    const std::uint64_t last = first + low_ones(free);
    if (last >= test.second) return all;
    first = last + 1;
  }
}

/// Conditions of which one holds exactly where `test` does.
/// `alone`: it is the only test of its argument, and need not be a mask.
Alternatives alternatives(const ValueTest& test, unsigned register_bits, bool alone) {
  const std::uint64_t ones = low_ones(test.bits);
  const bool whole = alone && test.bits >= register_bits;
  switch (test.kind) {
    case Kind::kEqual:
      if (whole) return {{test.index, test.first, 0, Op::kEq}};
      return {masked(test.index, ones, test.first)};
    case Kind::kMaskedEqual:
      return {masked(test.index, test.first, test.second)};
    case Kind::kNotEqual:
    case Kind::kMaskedNotEqual: {
      const bool masks = test.kind == Kind::kMaskedNotEqual;
      if (whole && !masks) return {{test.index, test.first, 0, Op::kNe}};
      const std::uint64_t mask = masks ? test.first : ones;
      const std::uint64_t value = masks ? test.second : test.first;
      // Some bit is another one.
      Alternatives all;
      for (unsigned bit = 0; bit < test.bits; ++bit) {
        const std::uint64_t one = std::uint64_t{1} << bit;
        if ((mask & one) != 0) all.push_back(masked(test.index, one, ~value & one));
      }
      return all;
    }
    case Kind::kRange:
      break;
  }
  if (whole && test.first == 0) return {{test.index, test.second, 0, Op::kLe}};
  if (whole && test.second == ones) return {{test.index, test.first, 0, Op::kGe}};
  return prefixes(test);
}

/// Adds `condition` to a rule; whether both can hold. Where the rule asks for the argument already,
/// two masks become one.
bool join(std::vector<ArgCondition>& rule, const ArgCondition& condition) {
  const auto same = std::find_if(rule.begin(), rule.end(), [&](const ArgCondition& each) {
    return each.index == condition.index;
  });
  if (same == rule.end()) {
    rule.push_back(condition);
    return true;
  }
  if (((same->value_two ^ condition.value_two) & same->value & condition.value) != 0) return false;
  same->value |= condition.value;
  same->value_two |= condition.value_two;
  return true;
}

/// Adds a range of whole registers to each of `rules` as two conditions; whether `test` is one.
bool bounds(const ValueTest& test, unsigned register_bits,
            std::vector<std::vector<ArgCondition>>& rules) {
  if (test.kind != Kind::kRange || test.bits < register_bits) return false;
  for (auto& rule : rules) {
    if (test.first != 0) rule.push_back({test.index, test.first, 0, Op::kGe});
    if (test.second != low_ones(test.bits)) rule.push_back({test.index, test.second, 0, Op::kLe});
  }
  return true;
}

std::string number_text(std::uint64_t value) {
  return value < 10 ? std::to_string(value) : hex(value);
}

std::string test_text(const ValueTest& test, std::string_view call_name) {
  const SyscallSignature signature = syscall_signature(call_name);
  std::string name = signature.known && test.index < signature.args.size()
                         ? std::string(signature.args[test.index].name)
                         : fmt::format("arg{}", test.index);
  if (name.empty()) name = fmt::format("arg{}", test.index);
  // With a mask the bits say themselves which count.
  const bool masks = test.kind == Kind::kMaskedEqual || test.kind == Kind::kMaskedNotEqual;
  const unsigned declared =
      signature.known && test.index < signature.args.size() ? signature.args[test.index].bits : 64;
  if (!masks && test.bits < 64 && test.bits != declared) {
    name = fmt::format("(u{}){}", test.bits, name);
  }
  switch (test.kind) {
    case Kind::kEqual:
      return fmt::format("{} == {}", name, number_text(test.first));
    case Kind::kNotEqual:
      return fmt::format("{} != {}", name, number_text(test.first));
    case Kind::kMaskedEqual:
      return fmt::format("{} & {} == {}", name, hex(test.first), number_text(test.second));
    case Kind::kMaskedNotEqual:
      return fmt::format("{} & {} != {}", name, hex(test.first), number_text(test.second));
    case Kind::kRange:
      break;
  }
  if (test.first == 0) return fmt::format("{} <= {}", name, number_text(test.second));
  if (test.second == low_ones(test.bits)) {
    return fmt::format("{} >= {}", name, number_text(test.first));
  }
  return fmt::format("{} in {}..{}", name, number_text(test.first), number_text(test.second));
}

Id whole(DecisionDiagram& diagram, unsigned index, TestKind kind, std::uint64_t mask,
         std::uint64_t k) {
  const auto half = [&](TestKind each, bool high) {
    const auto part = [&](std::uint64_t of) {
      return static_cast<std::uint32_t>(high ? of >> 32 : of);
    };
    return diagram.holds({each, kArgsWord + 2 * index + (high ? 1 : 0), part(mask), part(k)});
  };
  const Id above = kind == TestKind::kEqual ? diagram.constant(0) : half(TestKind::kAbove, true);
  return diagram.choose(half(TestKind::kEqual, true), half(kind, false), above);
}

}  // namespace

Result<std::vector<Conjunction>> conjunctions_of(DecisionDiagram& diagram, Id set,
                                                 unsigned register_bits) {
  Result<std::vector<Conjunction>> all = Describer(diagram, register_bits).describe(set);
  if (!all) return all;
  for (Conjunction& each : *all) {
    std::stable_sort(each.begin(), each.end(),
                     [](const auto& a, const auto& b) { return a.index < b.index; });
  }
  std::sort(all->begin(), all->end());
  return all;
}

Result<std::vector<std::vector<ArgCondition>>> rules_of(const std::vector<Conjunction>& any,
                                                        unsigned register_bits, bool repeats) {
  std::set<std::vector<ArgCondition>> rules;
  for (const Conjunction& all : any) {
    std::vector<std::vector<ArgCondition>> made{{}};
    for (const ValueTest& test : all) {
      std::vector<std::vector<ArgCondition>> longer;
      const bool alone = std::count_if(all.begin(), all.end(), [&](const ValueTest& each) {
                           return each.index == test.index;
                         }) == 1;
      if (repeats && bounds(test, register_bits, made)) continue;
      for (const ArgCondition& condition : alternatives(test, register_bits, alone || repeats)) {
        for (const auto& rule : made) {
          std::vector<ArgCondition> both = rule;
          if (!repeats) {
            if (!join(both, condition)) continue;
          } else {
            both.push_back(condition);
          }
          longer.push_back(std::move(both));
          if (longer.size() + rules.size() > kMaxConjunctions) {
            return fail(Errc::kLimit, "the arguments that count take more than {} rules to say",
                        kMaxConjunctions);
          }
        }
      }
      made = std::move(longer);
    }
    rules.insert(made.begin(), made.end());
  }
  return std::vector(rules.begin(), rules.end());
}

std::string conjunction_text(const Conjunction& all, std::string_view call_name) {
  if (all.empty()) return "always";
  std::string text;
  for (const ValueTest& test : all) {
    if (!text.empty()) text += " and ";
    text += test_text(test, call_name);
  }
  return text;
}

Id set_of(DecisionDiagram& diagram, const Conjunction& tests) {
  const Id none = diagram.constant(0);
  Id set = diagram.constant(1);
  for (const ValueTest& each : tests) {
    const std::uint64_t ones = low_ones(each.bits);
    const auto test = [&](TestKind kind, std::uint64_t mask, std::uint64_t k) {
      return whole(diagram, each.index, kind, mask, k);
    };
    const bool negated = each.kind == Kind::kNotEqual || each.kind == Kind::kMaskedNotEqual;
    Id holds = none;
    switch (each.kind) {
      case Kind::kEqual:
      case Kind::kNotEqual:
        holds = test(TestKind::kEqual, ones, each.first);
        break;
      case Kind::kMaskedEqual:
      case Kind::kMaskedNotEqual:
        holds = test(TestKind::kEqual, each.first, each.second);
        break;
      case Kind::kRange:
        holds = diagram.choose(test(TestKind::kAbove, ones, each.second), none,
                               test(TestKind::kAtLeast, ones, each.first));
        break;
    }
    set = negated ? diagram.choose(holds, none, set) : diagram.choose(holds, set, none);
  }
  return set;
}

Id set_of(DecisionDiagram& diagram, const std::vector<ArgCondition>& conditions,
          unsigned register_bits) {
  const Id none = diagram.constant(0);
  const std::uint64_t kept = low_ones(register_bits);
  Id set = diagram.constant(1);
  for (const ArgCondition& each : conditions) {
    const std::uint64_t value = each.value & kept;
    Id holds = none;
    bool negated = false;
    switch (each.op) {
      case Op::kEq:
      case Op::kNe:
        holds = whole(diagram, each.index, TestKind::kEqual, kept, value);
        negated = each.op == Op::kNe;
        break;
      case Op::kGe:
      case Op::kLt:
        holds = whole(diagram, each.index, TestKind::kAtLeast, kept, value);
        negated = each.op == Op::kLt;
        break;
      case Op::kGt:
      case Op::kLe:
        holds = whole(diagram, each.index, TestKind::kAbove, kept, value);
        negated = each.op == Op::kLe;
        break;
      case Op::kMaskedEq:
        holds = whole(diagram, each.index, TestKind::kEqual, value, each.value_two & kept);
        break;
    }
    set = negated ? diagram.choose(holds, none, set) : diagram.choose(holds, set, none);
  }
  return set;
}

}  // namespace sysnare
