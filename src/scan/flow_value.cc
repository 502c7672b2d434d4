#include "scan/flow_value.h"

#include <algorithm>
#include <utility>

namespace sysnare {

void AtomSets::clear() {
  sets_.clear();
  numbers_.clear();
}

std::span<const FlowValue> AtomSets::atoms(const FlowValue& value) const {
  if (value.is(FlowValue::Kind::kNothing)) return {};
  if (value.is(FlowValue::Kind::kSet)) return sets_[value.number];
  single_ = value;
  return {&single_, 1};
}

FlowValue AtomSets::intern(std::vector<FlowValue> atoms) {
  const auto [at, is_new] = numbers_.emplace(std::move(atoms), sets_.size());
  if (is_new) sets_.push_back(at->first);
  FlowValue value;
  value.kind = FlowValue::Kind::kSet;
  value.number = at->second;
  return value;
}

FlowValue AtomSets::join(const FlowValue& a, const FlowValue& b) {
  using Kind = FlowValue::Kind;
  if (a == b || b.is(Kind::kNothing)) return a;
  if (a.is(Kind::kNothing)) return b;
  if (a.is(Kind::kAny) || b.is(Kind::kAny)) return FlowValue::any();
  std::vector<FlowValue> left(atoms(a).begin(), atoms(a).end());
  const std::span<const FlowValue> right = atoms(b);
  std::vector<FlowValue> all;
  all.reserve(left.size() + right.size());
  std::set_union(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(all));
  if (all.size() > kMaxAtoms) return FlowValue::any();
  if (all.size() == left.size()) return a;
  return intern(std::move(all));
}

}  // namespace sysnare
