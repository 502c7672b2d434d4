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
  if (a.is(Kind::kNear) || b.is(Kind::kNear)) return join_near(a, b);
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
  return known ? intern(std::move(all)) : near_in(all);
}

/// The first kNear of some values; kAny where there is none.
FlowValue AtomSets::near_in(std::span<const FlowValue> all) const {
  FlowValue sum = FlowValue::any();
  for (const FlowValue& value : all) {
    if (value.is(FlowValue::Kind::kNear)) sum = join_near(sum, value);
  }
  return sum;
}

/// One of them is kNear: it stays so beside what is no address. What is near to several things is
/// near to 0, so that joins have a top.
FlowValue AtomSets::join_near(const FlowValue& a, const FlowValue& b) const {
  using Kind = FlowValue::Kind;
  const auto has_address = [&](const FlowValue& value) {
    const std::span<const FlowValue> all = atoms(value);
    return std::any_of(all.begin(), all.end(), [](const FlowValue& atom) {
      return atom.is(Kind::kAddress) || atom.is(Kind::kNear);
    });
  };
  if (!has_address(a)) return b;
  if (!has_address(b)) return a;
  const FlowValue one = near_of(a);
  const FlowValue other = near_of(b);
  if (!one.is(Kind::kNear) || !other.is(Kind::kNear)) return FlowValue::near(0);
  const std::uint64_t low = std::min(one.number, other.number);
  const std::uint64_t high = std::max(one.number, other.number);
  return FlowValue::near(high - low < kNearBytes ? low : 0);
}

FlowValue AtomSets::near_of(const FlowValue& value) const {
  using Kind = FlowValue::Kind;
  std::uint64_t low = UINT64_MAX;
  std::uint64_t high = 0;
  for (const FlowValue& atom : atoms(value)) {
    if (!atom.is(Kind::kAddress) && !atom.is(Kind::kNear)) continue;
    low = std::min(low, atom.number);
    high = std::max(high, atom.number);
  }
  return low <= high && high - low < kNearBytes ? FlowValue::near(low) : FlowValue::any();
}

}  // namespace sysnare
