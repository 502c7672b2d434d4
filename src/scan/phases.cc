#include "scan/phases.h"

#include <elf.h>

#include <algorithm>
#include <unordered_set>

namespace sysnare {
namespace {

constexpr const char* kAlways = "(always)";
/// Of the C library, looked up by elf/dl-call-libc-early-init.c of glibc 2.36.
constexpr std::string_view kEarlyInit = "__libc_early_init";

constexpr std::uint8_t kLoad = static_cast<std::uint8_t>(ScanPhase::kLoad);
constexpr std::uint8_t kMain = static_cast<std::uint8_t>(ScanPhase::kMain);
constexpr std::uint8_t kErrorOnly = static_cast<std::uint8_t>(ScanPhase::kErrorOnly);

/// They report that the program is broken and end it; nothing goes on after them.
/// Not among them: exit, err, usage messages (a program's normal end), exceptions and panics that
/// can be caught, _dl_signal_error (dlopen catches it).
constexpr std::string_view kErrorExits[] = {
    // glibc, musl
    "abort",
    "__assert_fail",
    "__assert_perror_fail",
    "__assert",
    "__stack_chk_fail",
    "__fortify_fail",
    "__chk_fail",
    "__libc_fatal",
    "__libc_message",
    "_dl_fatal_printf",
    "__libc_assert_fail",
    "malloc_printerr",
    "__malloc_assert",
    // libstdc++: std::terminate, __terminate, pure and deleted virtual functions,
    // __glibcxx_assert_fail
    "_ZSt9terminatev",
    "_ZN10__cxxabiv111__terminateEPFvvE",
    "__cxa_pure_virtual",
    "__cxa_deleted_virtual",
    "_ZSt21__glibcxx_assert_failPKciS0_S0_",
    // Go
    "runtime.throw",
    "runtime.fatal",
    "runtime.fatalthrow",
    "runtime.fatalpanic",
    "runtime.dieFromSignal",
    "runtime.abort",
    "runtime.crash",
};

NodeSet find_error_exits(const LinkGraph& graph, const Reach& reach) {
  const std::unordered_set<std::string_view> names(std::begin(kErrorExits), std::end(kErrorExits));
  NodeSet exits(graph.size(), 0);
  for (const std::uint32_t node : reach.order()) {
    if (names.contains(graph.symbol(node))) exits[node] = 1;
  }
  // A function with two names has one of them in Function::name.
  for (const std::string_view name : kErrorExits) {
    for (const std::uint32_t node : graph.named(name)) exits[node] = 1;
  }
  return exits;
}

struct MainPoint {
  std::vector<std::uint32_t> main;   ///< empty: not found
  std::vector<std::uint32_t> after;  ///< what runs when it returns
};

/// The function at exactly `vaddr`.
std::uint32_t function_starting(const LinkGraph& graph, std::uint32_t object, std::uint64_t vaddr) {
  const Summary& summary = graph.objects()[object].summary;
  const std::uint32_t index = function_covering(summary, vaddr);
  if (index == kNone || summary.functions[index].start != vaddr) return kNone;
  return graph.node_of_function(object, index);
}

/// The function whose address `call` passes as its first argument.
std::uint32_t first_argument(const LinkGraph& graph, std::uint32_t object, const CallSite& call) {
  const Summary& summary = graph.objects()[object].summary;
  const std::uint8_t first = summary.machine == EM_AARCH64 ? 0 : 7;  // x0, rdi
  for (const Passed& passed : cut(summary.passed, call.passed)) {
    if (passed.place.on_stack != 0 || passed.place.reg != first) continue;
    const std::span<const Value> values = cut(summary.values, passed.values);
    if (values.size() != 1 || values[0].kind != Value::Kind::kAddress) return kNone;
    return function_starting(graph, object, values[0].number);
  }
  return kNone;
}

/// What the function `start`, which was given main, leads to after main.
std::vector<std::uint32_t> find_after(LinkGraph& graph, std::uint32_t start) {
  std::vector<std::uint32_t> after;
  graph.for_each_edge(start, [&](std::uint32_t to, LinkGraph::Edge) {
    const Function* callee = graph.function(to);
    if (callee != nullptr && callee->no_return != 0 && callee->calls_indirect != 0) {
      after.push_back(to);
    }
  });
  if (after.empty()) after.push_back(start);
  return after;
}

MainPoint find_go_main(const LinkGraph& graph) {
  MainPoint point;
  const Summary& summary = graph.objects()[0].summary;
  for (std::uint32_t i = 0; i < summary.functions.size(); ++i) {
    const std::string_view name = text_of(summary, summary.functions[i].name);
    if (name == "main.main") point.main.push_back(graph.node_of_function(0, i));
    if (name == "runtime.main") point.after.push_back(graph.node_of_function(0, i));
  }
  return point;
}

MainPoint find_main(LinkGraph& graph) {
  const Summary& summary = graph.objects()[0].summary;
  if (summary.is_go) return find_go_main(graph);
  MainPoint point;
  const std::uint32_t entry = function_covering(summary, summary.entry);
  if (entry == kNone) return point;
  const Function& start = summary.functions[entry];
  const std::span<const CallSite> calls = cut(summary.calls, start.calls);
  for (const CallSite& call : calls) {
    const std::uint32_t main = first_argument(graph, 0, call);
    if (main == kNone) continue;
    point.main = {main};
    const std::span<const std::uint32_t> callees = graph.nodes(0, call.target);
    for (const std::uint32_t callee : std::vector<std::uint32_t>(callees.begin(), callees.end())) {
      for (const std::uint32_t node : find_after(graph, callee)) point.after.push_back(node);
    }
    return point;
  }
  // main may come out of the GOT (aarch64, PIE): then it is at least the only address that is
  // taken.
  for (const Target& target : cut(summary.targets, start.targets)) {
    if (target.kind == Target::Kind::kFunction && target.taken && target.index != entry) {
      point.main.push_back(graph.node_of_function(0, target.index));
    }
  }
  if (point.main.size() != 1 || point.main[0] == kNone) return {};
  for (const CallSite& call : calls) {
    const std::span<const std::uint32_t> callees = graph.nodes(0, call.target);
    point.after.insert(point.after.end(), callees.begin(), callees.end());
  }
  return point;
}

/// Whether the function `node` of the dynamic linker passes `taken` to a function of its own, or to
/// one that libc may put in its place (_dl_catch_error).
bool passes_on(const LinkGraph& graph, std::uint32_t node, std::uint32_t taken) {
  const Summary& summary = graph.summary_of(node);
  const Function* to = graph.function(taken);
  for (const CallSite& call : cut(summary.calls, graph.function(node)->calls)) {
    for (const Passed& passed : cut(summary.passed, call.passed)) {
      for (const Value& value : cut(summary.values, passed.values)) {
        if (value.kind == Value::Kind::kAddress && value.number == to->start) return true;
      }
    }
  }
  return false;
}

std::uint32_t entry_node(const LinkGraph& graph, std::uint32_t object) {
  if (object == kNone || graph.objects()[object].summary.entry == 0) return kNone;
  const Summary& summary = graph.objects()[object].summary;
  const std::uint32_t function = function_covering(summary, summary.entry);
  return function == kNone ? kNone : graph.node_of_function(object, function);
}

/// Adds to `main` whatever `load` leaves behind an address of.
void add_taken(LinkGraph& graph, const Reach& load, Reach& main) {
  const std::uint32_t interpreter = graph.interpreter();
  // The linker compares its own entry with the program's, to see whether it was started by itself.
  const std::uint32_t own_entry = entry_node(graph, interpreter);
  for (const std::uint32_t node : load.order()) {
    const bool is_linker = interpreter != kNone && graph.object_of(node) == interpreter;
    if (is_linker && graph.function(node) == nullptr) continue;
    graph.for_each_edge(node, [&](std::uint32_t to, LinkGraph::Edge edge) {
      if (edge != LinkGraph::Edge::kTaken || graph.function(to) == nullptr) return;
      if (is_linker && to == own_entry) return;
      if (is_linker && graph.object_of(to) == interpreter && passes_on(graph, node, to)) return;
      main.add(to, node);
    });
  }
}

void add_entry(const LinkGraph& graph, std::uint32_t object, std::vector<Root>& roots) {
  const Summary& summary = graph.objects()[object].summary;
  const std::uint32_t function = function_covering(summary, summary.entry);
  if (summary.entry == 0 || function == kNone) return;
  roots.push_back({graph.node_of_function(object, function), object, "(entry)", kLoad});
}

void add_targets(LinkGraph& graph, std::uint32_t object, std::span<const Target> targets,
                 const std::string& what, std::uint8_t phases, std::vector<Root>& roots) {
  for (const Target& target : targets) {
    for (const std::uint32_t node : graph.nodes(object, target)) {
      roots.push_back({node, object, what, phases});
    }
  }
}

/// Whether `name` of an opened object may be asked for, besides by dlsym with that name, which
/// lookups.cc follows. glibc asks a name service for _nss_SERVICE_FUNCTION (see name_services.h)
/// and a converter for gconv, gconv_init and gconv_end (iconv/gconv_dl.c); neither is anybody's
/// but its own.
bool is_asked_for(const LinkGraph& graph, const LoadedObject& object, const UnknownNames& unknown,
                  std::string_view name, std::uint32_t node) {
  const auto asks = [&](const Asker& asker) {
    switch (asker.kind) {
      case Asker::Kind::kItself:
        return unknown.objects.contains(asker.who);
      case Asker::Kind::kCLibrary:
        // A static program has the C library opened for what it opens, and starts it
        // (elf/dl-open.c, dl_open_worker_begin).
        return !graph.is_c_library(graph.object_of(node)) || name == kEarlyInit;
      case Asker::Kind::kNameService:
        return name.starts_with("_nss_") && !graph.is_service_function(node);
      case Asker::Kind::kConverter:
        return name.starts_with("gconv");
      case Asker::Kind::kLoader: {
        if (unknown.anybody) return true;
        const PlugIns* loader = plug_ins_named(asker.who);
        return unknown.loaders.contains(asker.who) &&
               (loader == nullptr || looks_up(*loader, name));
      }
      case Asker::Kind::kAnybody:
        break;
    }
    return unknown.anybody;
  };
  if (object.askers.empty()) return unknown.anybody;
  return std::any_of(object.askers.begin(), object.askers.end(), asks);
}

/// Those that `wanted(name, node)` says.
template <typename Wanted>
void add_exports(const LinkGraph& graph, std::uint32_t object, const std::string& what,
                 Wanted wanted, std::vector<Root>& roots) {
  const std::size_t count = graph.objects()[object].summary.exports.size();
  for (std::uint32_t i = 0; i < count; ++i) {
    const Summary& summary = graph.objects()[object].summary;
    const std::uint32_t node = graph.node_of({object, i});
    if (node == kNone || !wanted(text_of(summary, summary.exports[i].name), node)) continue;
    roots.push_back({node, object, what, kMain});
  }
}

}  // namespace

std::vector<Root> find_roots(LinkGraph& graph, const UnknownNames& unknown) {
  const std::vector<LoadedObject>& objects = graph.objects();
  const auto count = static_cast<std::uint32_t>(objects.size());
  const auto is_opened = [&](std::uint32_t i) {
    return objects[i].role == LoadedObject::Role::kOpened;
  };
  std::vector<Root> roots;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (objects[i].role == LoadedObject::Role::kInterpreter) add_entry(graph, i, roots);
  }
  add_entry(graph, 0, roots);
  if (!graph.is_static()) {
    for (const std::uint32_t node : graph.named(kEarlyInit)) {
      roots.push_back({node, graph.object_of(node), "(called by the dynamic linker)", kLoad});
    }
  }
  // What a dlopen brings in runs in main; find_phases adds load where that is possible.
  for (std::uint32_t i = 0; i < count; ++i) {
    add_targets(graph, i, objects[i].summary.init, "(init)", is_opened(i) ? kMain : kLoad, roots);
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    add_targets(graph, i, objects[i].summary.fini, "(fini)", kMain, roots);
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    add_targets(graph, i, objects[i].summary.always, kAlways, is_opened(i) ? kMain : kLoad | kMain,
                roots);
  }
  // All functions of a Go program are kept; that calls none of them.
  for (Root& root : roots) root.called = root.what != kAlways;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!is_opened(i)) continue;
    const auto wanted = [&](std::string_view name, std::uint32_t node) {
      return is_asked_for(graph, objects[i], unknown, name, node);
    };
    add_exports(graph, i, objects[i].why.empty() ? "(opened)" : "(" + objects[i].why + ")", wanted,
                roots);
  }
  // A library on its own: whoever loads it may call what it exports.
  if (objects[0].summary.is_library) {
    const auto any = [](std::string_view, std::uint32_t) { return true; };
    add_exports(graph, 0, "(exported)", any, roots);
  }
  return roots;
}

std::vector<std::uint8_t> find_phases(LinkGraph& graph, const Reach& reach,
                                      const std::vector<Root>& roots,
                                      std::span<const std::uint32_t> openers) {
  std::vector<std::uint8_t> phases(graph.size(), 0);
  const auto add_roots = [&](Reach& walk, auto wanted) {
    for (std::uint32_t i = 0; i < roots.size(); ++i) {
      if (wanted(roots[i])) walk.add_root(roots[i].node, i, roots[i].called);
    }
    walk.run();
  };
  const MainPoint point = find_main(graph);
  if (point.main.empty()) {
    for (const std::uint32_t node : reach.order()) phases[node] = kLoad | kMain;
  } else {
    NodeSet blocked(graph.size(), 0);
    for (const std::uint32_t node : point.main) blocked[node] = 1;
    Reach load(graph, std::move(blocked));
    add_roots(load, [](const Root& root) { return (root.phases & kLoad) != 0; });
    const bool opens = std::any_of(openers.begin(), openers.end(),
                                   [&](std::uint32_t node) { return load.live(node); });
    if (opens) {
      add_roots(load, [&](const Root& root) {
        return graph.objects()[root.object].role == LoadedObject::Role::kOpened;
      });
    }
    Reach main(graph);
    for (const std::uint32_t node : point.main) main.add_root(node, 0);
    for (const std::uint32_t node : point.after) main.add_root(node, 0);
    add_taken(graph, load, main);
    add_roots(main, [](const Root& root) { return (root.phases & kMain) != 0; });
    for (const std::uint32_t node : load.order()) phases[node] |= kLoad;
    for (const std::uint32_t node : main.order()) phases[node] |= kMain;
  }
  Reach normal(graph, find_error_exits(graph, reach));
  add_roots(normal, [](const Root&) { return true; });
  for (const std::uint32_t node : reach.order()) {
    if (!normal.live(node)) phases[node] = kErrorOnly;
  }
  return phases;
}

}  // namespace sysnare
