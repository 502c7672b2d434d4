// dlsym, and what the dynamic linker looks up by name: edges that no relocation shows.

#include <algorithm>
#include <map>
#include <utility>

#include "scan/known_loads.h"
#include "scan/names.h"
#include "scan/opens.h"
#include "scan/plug_in_users.h"

namespace sysnare {
namespace {

using NewEdges = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

void reach_named(const LinkGraph& graph, std::uint32_t from, std::string_view name,
                 NewEdges& edges) {
  for (const std::uint32_t node : graph.named(name)) edges.emplace_back(from, node);
}

/// The objects that are loaded from the start and that some constant dlopen names.
std::vector<std::uint32_t> named_by_dlopen(LinkGraph& graph, Texts& texts, Numbers& numbers) {
  std::vector<std::string> names;
  for (const Opener& opener : kOpeners) {
    for (const std::uint32_t function : graph.library_functions(opener.name)) {
      for (const Numbers::Caller& caller : numbers.callers(function)) {
        if (is_own_call(graph, caller.node, opener.name)) continue;
        for (std::string& text :
             text_argument(graph, texts, numbers, caller.node, *caller.site, opener.argument)
                 .texts) {
          names.push_back(std::move(text));
        }
      }
    }
  }
  std::vector<std::uint32_t> found;
  for (std::uint32_t i = 0; i < graph.objects().size(); ++i) {
    const LoadedObject& object = graph.objects()[i];
    if (object.role == LoadedObject::Role::kOpened) continue;
    for (const std::string& name : names) {
      if (name == object.path || name == file_name(object.path) ||
          name == text_of(object.summary, object.summary.soname)) {
        found.push_back(i);
        break;
      }
    }
  }
  return found;
}

/// Of each object with a caller among `nodes`: what the texts of its live code name. `but`: those
/// of these functions are not names that they look up.
void reach_texts(const LinkGraph& graph, const Reach& reach,
                 const std::vector<std::uint32_t>& nodes, const std::vector<std::uint32_t>& but,
                 NewEdges& edges) {
  std::map<std::uint32_t, std::uint32_t> libraries;
  for (const std::uint32_t node : nodes) libraries.emplace(graph.object_of(node), node);
  for (const std::uint32_t node : reach.order()) {
    const Function* function = graph.function(node);
    const auto library = libraries.find(graph.object_of(node));
    if (function == nullptr || library == libraries.end()) continue;
    if (std::find(but.begin(), but.end(), node) != but.end()) continue;
    const Summary& summary = graph.objects()[library->first].summary;
    for (const StringRef& string : cut(summary.strings, function->strings)) {
      reach_named(graph, library->second, text_of(summary, string.text), edges);
    }
  }
}

/// Who these are that ask for names that are not known.
void note_askers(LinkGraph& graph, const Reach& reach, Numbers& numbers,
                 const std::vector<std::uint32_t>& nodes, UnknownNames& unknown) {
  for (const std::uint32_t node : nodes) {
    if (const PlugIns* loader = knowing_loader(graph, reach, numbers, node)) {
      unknown.loaders.emplace(loader->object);
    } else {
      unknown.anybody = true;
      unknown.objects.insert(graph.objects()[graph.object_of(node)].path);
    }
  }
}

void follow_dlsym(LinkGraph& graph, const Reach& reach, Numbers& numbers, NewEdges& edges,
                  UnknownNames& askers) {
  Texts texts(graph.objects());
  std::vector<std::uint32_t> unknown;
  std::vector<std::uint32_t> by_texts;
  std::vector<std::uint32_t> by_callers;
  std::vector<std::uint32_t> all;
  for (const std::string_view finder : kFinders) {
    for (const std::uint32_t function : graph.library_functions(finder)) {
      all.push_back(function);
      for (const Numbers::Caller& caller : numbers.callers(function)) {
        if (is_own_call(graph, caller.node, finder)) continue;
        const TextArgument name =
            text_argument(graph, texts, numbers, caller.node, *caller.site, 1);
        for (const std::string& text : name.texts) reach_named(graph, caller.node, text, edges);
        if (!name.unknown()) continue;
        const KnownLoad* known = known_load_of(graph, caller.node);
        if (known == nullptr || !known->looks_up() || known->by_texts) {
          unknown.push_back(caller.node);
          // Of the program it is an open point anyway.
          const std::uint32_t object = graph.object_of(caller.node);
          if (graph.objects()[object].role != LoadedObject::Role::kProgram)
            by_texts.push_back(caller.node);
          // Names may stand in data too: of what it opens all that is exported counts.
          if (known != nullptr && known->by_texts) by_callers.push_back(caller.node);
          continue;
        }
        for (const std::uint32_t node : looked_up(*known, graph)) {
          edges.emplace_back(caller.node, node);
        }
      }
    }
  }
  note_askers(graph, reach, numbers, unknown, askers);
  note_askers(graph, reach, numbers, takers(graph, reach, all), askers);
  reach_texts(graph, reach, by_texts, {}, edges);
  reach_texts(graph, reach, by_callers, by_callers, edges);
  if (unknown.empty()) return;
  // What a loader of plug-ins looks up is said in its row, and nothing before it loads something.
  std::vector<std::pair<std::uint32_t, const PlugIns*>> asking;
  for (const std::uint32_t from : unknown) {
    const PlugIns* loader = knowing_loader(graph, reach, numbers, from);
    if (loader == nullptr || is_started(graph, reach, numbers, *loader))
      asking.emplace_back(from, loader);
  }
  for (const std::uint32_t object : named_by_dlopen(graph, texts, numbers)) {
    const Summary& summary = graph.objects()[object].summary;
    for (std::uint32_t i = 0; i < summary.exports.size(); ++i) {
      const std::uint32_t node = graph.node_of({object, i});
      if (node == kNone) continue;
      const std::string_view name = text_of(summary, summary.exports[i].name);
      for (const auto& [from, loader] : asking) {
        if (loader == nullptr || looks_up(*loader, name)) edges.emplace_back(from, node);
      }
    }
  }
}

/// The dynamic linker, and how the names begin that it looks up; musl's is its C library.
std::uint32_t linker_of(const LinkGraph& graph, std::string_view& prefix) {
  if (graph.interpreter() != kNone) return graph.interpreter();
  prefix = kMuslStages;
  for (std::uint32_t i = 0; i < graph.objects().size(); ++i) {
    if (graph.objects()[i].role == LoadedObject::Role::kInterpreter) return i;
  }
  return kNone;
}

void follow_linker(const LinkGraph& graph, const Reach& reach, NewEdges& edges) {
  std::string_view prefix;
  const std::uint32_t linker = linker_of(graph, prefix);
  if (linker == kNone) return;
  const Summary& summary = graph.objects()[linker].summary;
  for (const std::uint32_t node : reach.order()) {
    if (graph.object_of(node) != linker) continue;
    const Function* function = graph.function(node);
    if (function == nullptr) continue;
    for (const StringRef& string : cut(summary.strings, function->strings)) {
      const std::string_view text = text_of(summary, string.text);
      if (text.starts_with(prefix)) reach_named(graph, node, text, edges);
    }
  }
}

/// Every function of a name service that a live text asks for.
void follow_services(const LinkGraph& graph, const Reach& reach, NewEdges& edges) {
  const std::vector<LinkGraph::ServiceFunction>& services = graph.service_functions();
  if (services.empty()) return;
  for (const std::uint32_t node : reach.order()) {
    const Function* function = graph.function(node);
    if (function == nullptr || function->strings.count == 0) continue;
    const Summary& summary = graph.summary_of(node);
    for (const StringRef& string : cut(summary.strings, function->strings)) {
      const LinkGraph::ServiceFunction wanted{text_of(summary, string.text), 0};
      auto service = std::lower_bound(services.begin(), services.end(), wanted);
      for (; service != services.end() && service->name == wanted.name; ++service) {
        edges.emplace_back(node, service->node);
      }
    }
  }
}

}  // namespace

bool follow_names(LinkGraph& graph, Reach& reach, Numbers& numbers, UnknownNames& unknown) {
  NewEdges edges;
  follow_dlsym(graph, reach, numbers, edges, unknown);
  follow_linker(graph, reach, edges);
  follow_services(graph, reach, edges);
  bool added = false;
  for (const auto& [from, to] : edges) {
    if (!graph.add_edge(from, to)) continue;
    reach.add(to, from);
    added = true;
  }
  return added;
}

}  // namespace sysnare
