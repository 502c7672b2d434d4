#include "profile/condition_sets.h"

#include <algorithm>

namespace sysnare {
namespace {

ArgCondition with(const ArgCondition& condition, Op op) {
  ArgCondition other = condition;
  other.op = op;
  return other;
}

}  // namespace

Alternatives negated(const ArgCondition& condition) {
  switch (condition.op) {
    case Op::kNe:
      return {{with(condition, Op::kEq)}};
    case Op::kEq:
      return {{with(condition, Op::kNe)}};
    case Op::kLt:
      return {{with(condition, Op::kGe)}};
    case Op::kGe:
      return {{with(condition, Op::kLt)}};
    case Op::kLe:
      return {{with(condition, Op::kGt)}};
    case Op::kGt:
      return {{with(condition, Op::kLe)}};
    case Op::kMaskedEq:
      break;
  }
  // A value outside the mask is never met, so its negation always holds.
  if ((condition.value_two & ~condition.value) != 0) return {{}};
  Alternatives others;
  for (std::uint64_t left = condition.value; left != 0; left &= left - 1) {
    const std::uint64_t bit = left & -left;
    others.push_back({ArgCondition{.index = condition.index,
                                   .value = bit,
                                   .value_two = bit & ~condition.value_two,
                                   .op = Op::kMaskedEq}});
  }
  return others;
}

Result<Alternatives> both(const Alternatives& a, const Alternatives& b) {
  if (a.size() * b.size() > kMaxAlternatives) {
    return fail(Errc::kLimit, "more than {} combinations of conditions", kMaxAlternatives);
  }
  Alternatives all;
  for (const Conjunction& left : a) {
    for (const Conjunction& right : b) {
      Conjunction joined = left;
      joined.insert(joined.end(), right.begin(), right.end());
      all.push_back(merged(joined));
    }
  }
  return all;
}

Result<Alternatives> negated(const Alternatives& alternatives) {
  Alternatives all{{}};
  for (const Conjunction& conjunction : alternatives) {
    Alternatives one;
    for (const ArgCondition& condition : conjunction) {
      for (Conjunction& other : negated(condition)) one.push_back(std::move(other));
    }
    Result<Alternatives> joined = both(all, one);
    if (!joined) return joined;
    all = std::move(*joined);
  }
  return all;
}

Conjunction merged(const Conjunction& conjunction) {
  Conjunction all;
  for (const ArgCondition& condition : conjunction) {
    if (std::find(all.begin(), all.end(), condition) != all.end()) continue;
    const auto mask = std::find_if(all.begin(), all.end(), [&](const ArgCondition& each) {
      const std::uint64_t shared = each.value & condition.value;
      return each.op == Op::kMaskedEq && condition.op == Op::kMaskedEq &&
             each.index == condition.index && (each.value_two & ~each.value) == 0 &&
             (condition.value_two & ~condition.value) == 0 &&
             (each.value_two & shared) == (condition.value_two & shared);
    });
    if (mask == all.end()) {
      all.push_back(condition);
    } else {
      mask->value |= condition.value;
      mask->value_two |= condition.value_two;
    }
  }
  return all;
}

}  // namespace sysnare
