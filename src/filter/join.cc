#include "filter/join.h"

#include <map>

namespace sysnare {
namespace {

using Id = DecisionDiagram::Id;
using Sets = std::map<std::uint32_t, Id>;

/// Whether the join takes `other` where the first has `own`.
bool takes_other(ActionValue own, ActionValue other, Joining joining) {
  return joining == Joining::kUnion ? outranks(own, other) : outranks(other, own);
}

Sets sets_of(DecisionDiagram& diagram, Id section) {
  Sets sets;
  for (const ActionValue action : actions_of(diagram, section)) {
    sets.emplace(action.value, calls_with(diagram, section, action.value));
  }
  return sets;
}

Sets joined(DecisionDiagram& diagram, const Sets& a, const Sets& b, Joining joining) {
  const Id none = diagram.constant(0);
  Sets sets;
  for (const auto& [own, calls] : a) {
    for (const auto& [other, others] : b) {
      const Id both = diagram.choose(calls, others, none);
      if (both == none) continue;
      const std::uint32_t value = takes_other({own}, {other}, joining) ? other : own;
      Id& sum = sets.try_emplace(value, none).first->second;
      sum = diagram.choose(both, diagram.constant(1), sum);
    }
  }
  return sets;
}

}  // namespace

FilterMeaning join(DecisionDiagram& diagram, const std::vector<FilterMeaning>& all,
                   Joining joining) {
  FilterMeaning sum = all.front();
  for (std::size_t i = 1; i < all.size(); ++i) {
    for (auto& [arch, section] : sum.sections) {
      const Id other = all[i].sections.at(arch);
      if (section == other) continue;
      const Sets sets =
          joined(diagram, sets_of(diagram, section), sets_of(diagram, other), joining);
      Id made = diagram.leaf(sets.begin()->first);
      for (const auto& [value, calls] : sets) {
        made = diagram.choose(calls, diagram.leaf(value), made);
      }
      section = made;
    }
    sum.elsewhere = joined(diagram, sum.elsewhere, all[i].elsewhere, joining);
  }
  return sum;
}

}  // namespace sysnare
