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

/// Sets are kept of what can be a number or a callee; of anything else the join is not known.
bool AtomSets::may_be_in_set(const FlowValue& value) {
  return value.is(FlowValue::Kind::kConstant) || value.is(FlowValue::Kind::kAddress) ||
         value.is(FlowValue::Kind::kImport) || value.is(FlowValue::Kind::kSet);
}

FlowValue AtomSets::join(const FlowValue& a, const FlowValue& b) {
  using Kind = FlowValue::Kind;
  if (a == b || b.is(Kind::kNothing)) return a;
  if (a.is(Kind::kNothing)) return b;
  if (!may_be_in_set(a) || !may_be_in_set(b)) return FlowValue::any();
  const FlowValue one[2] = {a, b};
  const auto all_of = [&](const FlowValue& value) {
    return value.is(Kind::kSet) ? std::span<const FlowValue>(sets_[value.number])
                                : std::span<const FlowValue>(&value, 1);
  };
  const std::span<const FlowValue> left = all_of(one[0]);
  const std::span<const FlowValue> right = all_of(one[1]);
  if (std::includes(left.begin(), left.end(), right.begin(), right.end())) return a;
  std::vector<FlowValue> all;
  all.reserve(left.size() + right.size());
  std::set_union(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(all));
  if (all.size() > kMaxAtoms) return FlowValue::any();
  return intern(std::move(all));
}

/// As join() of one after the other, without the sets in between.
FlowValue AtomSets::join_all(std::span<const FlowValue> values) {
  std::vector<FlowValue> all;
  for (const FlowValue& value : values) {
    if (value.is(FlowValue::Kind::kNothing)) continue;
    const std::span<const FlowValue> more = atoms(value);
    all.insert(all.end(), more.begin(), more.end());
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  if (all.empty()) return {};
  if (all.size() == 1) return all.front();
  const bool known = all.size() <= kMaxAtoms && std::all_of(all.begin(), all.end(), may_be_in_set);
  return known ? intern(std::move(all)) : FlowValue::any();
}

}  // namespace sysnare
