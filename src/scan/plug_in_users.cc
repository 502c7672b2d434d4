#include "scan/plug_in_users.h"

#include <algorithm>
#include <vector>

#include "scan/names.h"

namespace sysnare {

bool is_part_of(const LinkGraph& graph, const PlugIns& plug_ins, std::uint32_t node) {
  return is_part_of(plug_ins, graph.objects()[graph.object_of(node)]);
}

bool is_given_away(LinkGraph& graph, const Reach& reach, const PlugIns& plug_ins,
                   std::uint32_t function) {
  if (reach.entry(function) == Reach::Entry::kRoot) return true;
  if (reach.entry(function) != Reach::Entry::kTaken) return false;
  const std::vector<std::uint32_t> who = takers(graph, reach, {function});
  return std::any_of(who.begin(), who.end(),
                     [&](std::uint32_t node) { return !is_part_of(graph, plug_ins, node); });
}

bool is_called_from_outside(LinkGraph& graph, const Reach& reach, Numbers& numbers,
                            const PlugIns& plug_ins, std::string_view name) {
  for (const std::uint32_t function : graph.named(name)) {
    if (!reach.live(function)) continue;
    if (is_given_away(graph, reach, plug_ins, function)) return true;
    for (const Numbers::Caller& caller : numbers.callers(function)) {
      if (!is_part_of(graph, plug_ins, caller.node)) return true;
    }
  }
  return false;
}

namespace {

/// Whether every call of `harmless` from outside of the loader is one of those that do nothing.
bool is_harmless(LinkGraph& graph, const Reach& reach, Numbers& numbers, const PlugIns& plug_ins,
                 const HarmlessCall& harmless) {
  for (const std::uint32_t function : graph.named(harmless.function)) {
    if (!reach.live(function)) continue;
    if (is_given_away(graph, reach, plug_ins, function)) return false;
    for (const Numbers::Caller& caller : numbers.callers(function)) {
      if (is_part_of(graph, plug_ins, caller.node)) continue;
      const Place place = argument_place(graph.summary_of(caller.node).machine, harmless.argument);
      const Answer& answer = numbers.passed_at(caller.node, *caller.site, place);
      if (answer.any() || answer.known.empty()) return false;
      for (const Known& known : answer.known) {
        if (known.object != kNone || known.number != harmless.value) return false;
      }
    }
  }
  return true;
}

}  // namespace

bool is_started(LinkGraph& graph, const Reach& reach, Numbers& numbers, const PlugIns& plug_ins) {
  return plug_ins.starts[0].empty() ||
         std::any_of(plug_ins.starts.begin(), plug_ins.starts.end(), [&](std::string_view name) {
           if (name.empty() || !is_called_from_outside(graph, reach, numbers, plug_ins, name))
             return false;
           const HarmlessCall& harmless = plug_ins.harmless;
           return name != harmless.function ||
                  !is_harmless(graph, reach, numbers, plug_ins, harmless);
         });
}

const PlugIns* knowing_loader(LinkGraph& graph, const Reach& reach, Numbers& numbers,
                              std::uint32_t node) {
  const PlugIns* loader = plug_ins_of(graph.objects()[graph.object_of(node)]);
  if (loader == nullptr) return nullptr;
  if (!is_started(graph, reach, numbers, *loader)) return loader;
  if (loader->any_name) return nullptr;
  const bool is_told =
      std::any_of(loader->told.begin(), loader->told.end(), [&](std::string_view function) {
        return !function.empty() &&
               is_called_from_outside(graph, reach, numbers, *loader, function);
      });
  return is_told ? nullptr : loader;
}

}  // namespace sysnare
