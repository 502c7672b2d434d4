// - Priority protection. A mutex of the protocol PTHREAD_PRIO_PROTECT changes the priority of who
//   locks it: __pthread_tpp_change_priority, __pthread_current_priority and __init_sched_fifo_prio
//   (glibc 2.36, nptl/tpp.c), which are called for such mutexes alone, and by the functions that
//   are the keys. Only pthread_mutexattr_setprotocol makes one of that protocol. Taken for granted:
//   a program does not lock such a mutex that another program has put into memory that both share.

#include "scan/guards.h"

#include <algorithm>
#include <utility>

#include "scan/parts.h"

namespace sysnare {

std::vector<std::uint32_t> Guards::callers_of_all(
    std::uint32_t object, const std::vector<std::string_view>& callees) const {
  std::vector<std::uint32_t> wanted;
  for (const std::string_view name : callees) {
    for (const std::uint32_t node : graph_.named(name)) {
      if (graph_.object_of(node) == object) wanted.push_back(node);
    }
  }
  if (wanted.size() < callees.size()) return {};
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  if (wanted.size() != callees.size()) return {};
  const Summary& summary = graph_.objects()[object].summary;
  std::vector<std::uint32_t> found;
  for (std::uint32_t i = 0; i < summary.functions.size(); ++i) {
    std::vector<std::uint32_t> called;
    for (const CallSite& call : cut(summary.calls, summary.functions[i].calls)) {
      if (call.target.kind != Target::Kind::kFunction) continue;
      const std::uint32_t node = graph_.node_of_function(object, call.target.index);
      if (std::binary_search(wanted.begin(), wanted.end(), node)) called.push_back(node);
    }
    std::sort(called.begin(), called.end());
    called.erase(std::unique(called.begin(), called.end()), called.end());
    if (called.size() == wanted.size()) found.push_back(i);
  }
  for (const Export& symbol : summary.exports) {
    if (symbol.target.kind == Target::Kind::kFunction) std::erase(found, symbol.target.index);
  }
  for (std::uint32_t& each : found) each = graph_.node_of_function(object, each);
  return found;
}

std::uint32_t Guards::named_in(std::uint32_t object, std::string_view name) const {
  for (const std::uint32_t node : graph_.named(name)) {
    if (graph_.object_of(node) == object) return node;
  }
  return kNone;
}

Guards::Guards(LinkGraph& graph) : graph_(graph), texts_(graph.objects()) {
  // Whoever loads a library that is scanned on its own may hand it what was made in any way.
  if (graph.objects().empty() || graph.objects().front().summary.is_library) return;
  find_priority_protection();
  find_engines();
  find_options();
  find_event_sources();
  find_parsers();
  find_topology();
  find_passes();
  find_program_mode();
  find_arguments();
}

bool Guards::add_steps(const std::vector<std::uint32_t>& from, const std::vector<std::uint32_t>& to,
                       Guard& guard) {
  if (from.size() * to.size() > kMaxSteps) return false;
  for (const std::uint32_t each : from) {
    for (const std::uint32_t other : to) guard.steps.emplace_back(each, other);
  }
  return true;
}

std::vector<std::uint32_t> Guards::objects_with(std::string_view name,
                                                std::string_view soname) const {
  std::vector<std::uint32_t> objects;
  for (const std::uint32_t node : graph_.named(name)) {
    const Summary& summary = graph_.summary_of(node);
    if (text_of(summary, summary.soname).starts_with(soname))
      objects.push_back(graph_.object_of(node));
  }
  std::sort(objects.begin(), objects.end());
  objects.erase(std::unique(objects.begin(), objects.end()), objects.end());
  return objects;
}

bool Guards::is_c_library_alone(std::uint32_t object) const {
  return graph_.is_c_library(object) &&
         graph_.objects()[object].role != LoadedObject::Role::kProgram;
}

void Guards::add(Guard guard) {
  if (guard.asleep.empty() && guard.steps.empty() && guard.sites.empty()) return;
  set_asleep(guard, true);
  guards_.push_back(std::move(guard));
}

void Guards::set_asleep(const Guard& guard, bool asleep) {
  for (const std::uint32_t node : guard.asleep) graph_.set_asleep(node, asleep);
  for (const auto& [from, to] : guard.steps) graph_.set_step_asleep(from, to, asleep);
  for (const auto& [node, nr] : guard.sites) graph_.set_site_asleep(node, nr, asleep);
}

void Guards::find_priority_protection() {
  for (const std::uint32_t node : graph_.named("pthread_mutexattr_setprotocol")) {
    const std::uint32_t object = graph_.object_of(node);
    if (!is_c_library_alone(object)) continue;
    for (const std::vector<std::string_view>& callees :
         {std::vector<std::string_view>{"sched_get_priority_max", "sched_get_priority_min"},
          std::vector<std::string_view>{"sched_getparam", "sched_getscheduler"}}) {
      add({.keys = {"pthread_mutexattr_setprotocol", "pthread_mutexattr_setprioceiling",
                    "pthread_mutexattr_getprioceiling", "pthread_mutex_setprioceiling"},
           .asleep = callers_of_all(object, callees)});
    }
    return;
  }
}

bool Guards::is_due(const Guard& guard, const Reach& reach) {
  const auto is_live = [&](std::uint32_t node) { return reach.live(node); };
  const auto is_named_live = [&](std::string_view key) {
    const std::vector<std::uint32_t> nodes = graph_.named(key);
    return std::any_of(nodes.begin(), nodes.end(), is_live);
  };
  if (std::any_of(guard.keys.begin(), guard.keys.end(), is_named_live) ||
      std::any_of(guard.key_nodes.begin(), guard.key_nodes.end(), is_live)) {
    return true;
  }
  std::vector<std::uint32_t> called;
  for (const std::string_view name : guard.called) {
    for (const std::uint32_t node : graph_.named(name)) {
      if (reach.live(node)) called.push_back(node);
    }
  }
  if (called.empty()) return false;
  return std::any_of(reach.order().begin(), reach.order().end(), [&](std::uint32_t node) {
    bool refers = false;
    if (graph_.is_c_library(graph_.object_of(node))) return false;
    graph_.for_each_edge(node, [&](std::uint32_t to, LinkGraph::Edge) {
      refers = refers || std::find(called.begin(), called.end(), to) != called.end();
    });
    return refers;
  });
}

bool Guards::wake(const Reach& reach) {
  return std::erase_if(guards_, [&](const Guard& guard) {
           if (!is_due(guard, reach)) return false;
           set_asleep(guard, false);
           return true;
         }) != 0;
}

bool Guards::decides(const Argument& argument, const Answer& passed) {
  if (argument.is_directory) {
    const TextArgument directory = text_of_answer(texts_, passed);
    return directory.unknown() ||
           std::any_of(directory.numbers.begin(), directory.numbers.end(),
                       [](std::uint64_t number) { return number != 0; }) ||
           std::any_of(directory.texts.begin(), directory.texts.end(),
                       [](const std::string& text) { return !text.starts_with('/'); });
  }
  return passed.any() ||
         std::any_of(passed.known.begin(), passed.known.end(), [&](const Known& known) {
           const std::uint64_t bits = known.number & argument.mask;
           return known.object != kNone || (bits >= argument.least && bits <= argument.most);
         });
}

bool Guards::wake(Numbers& numbers) {
  return std::erase_if(guards_, [&](const Guard& guard) {
           const Argument& argument = guard.argument;
           if (argument.node == kNone ||
               !decides(argument, numbers.passed_to(argument.node, argument.place))) {
             return false;
           }
           set_asleep(guard, false);
           return true;
         }) != 0;
}

}  // namespace sysnare
