#include "scan/graph.h"

#include <fmt/format.h>

#include <algorithm>

#include "elf/demangle.h"

namespace sysnare {
namespace {

constexpr std::uint32_t kNowhere = kNone;
/// In the table of imports: not looked up yet.
constexpr std::uint32_t kUnknown = kNone - 1;

}  // namespace

CallGraph::CallGraph(const std::vector<LoadedObject>& objects) : objects_(objects) {
  for (const LoadedObject& object : objects) {
    base_.push_back(size_);
    size_ +=
        static_cast<std::uint32_t>(object.summary.functions.size() + object.summary.chunks.size());
    imports_.emplace_back(object.summary.imports.size(), kUnknown);
  }
}

std::uint32_t CallGraph::object_of(std::uint32_t node) const {
  const auto above = std::upper_bound(base_.begin(), base_.end(), node);
  return static_cast<std::uint32_t>(above - base_.begin()) - 1;
}

bool CallGraph::is_function(std::uint32_t node) const {
  const std::uint32_t object = object_of(node);
  return node - base_[object] < objects_[object].summary.functions.size();
}

const Function& CallGraph::function(std::uint32_t node) const {
  const std::uint32_t object = object_of(node);
  return objects_[object].summary.functions[node - base_[object]];
}

CallGraph::Definition CallGraph::define(std::uint32_t object, std::string_view name,
                                        std::string_view version) const {
  const Summary& summary = objects_[object].summary;
  auto at = std::lower_bound(
      summary.exports.begin(), summary.exports.end(), name,
      [&](const Export& each, std::string_view of) { return summary.at(each.name) < of; });
  Definition fallback;
  for (; at != summary.exports.end() && summary.at(at->name) == name; ++at) {
    const auto number = static_cast<std::uint32_t>(at - summary.exports.begin());
    const std::string_view has = summary.at(at->version);
    // glibc 2.36 elf/dl-lookup.c check_match(): the version that is asked for, an object without
    // versions, and for who asks for none the default.
    if (has == version || has.empty()) return {object, number};
    if (version.empty() && (at->default_version || fallback.object == kNone)) {
      fallback = {object, number};
    }
  }
  return fallback;
}

CallGraph::Definition CallGraph::lookup(std::uint32_t object, std::uint32_t import) const {
  const Summary& summary = objects_[object].summary;
  const std::string_view name = summary.at(summary.imports[import].name);
  const std::string_view version = summary.at(summary.imports[import].version);
  if (summary.symbolic) {
    if (const Definition own = define(object, name, version); own.object != kNone) return own;
  }
  for (std::uint32_t each = 0; each < objects_.size(); ++each) {
    if (const Definition found = define(each, name, version); found.object != kNone) return found;
  }
  return {};
}

std::uint32_t CallGraph::node_of_export(const Definition& definition) const {
  if (definition.object == kNone) return kNowhere;
  const Target& target = objects_[definition.object].summary.exports[definition.exported].target;
  if (target.index == kNone) return kNowhere;
  return node_of(definition.object, target);
}

std::uint32_t CallGraph::node_of(std::uint32_t object, const Target& target) const {
  const Summary& summary = objects_[object].summary;
  switch (target.kind) {
    case Target::Kind::kFunction:
      return base_[object] + target.index;
    case Target::Kind::kChunk:
      return base_[object] + static_cast<std::uint32_t>(summary.functions.size()) + target.index;
    case Target::Kind::kImport:
      break;
  }
  std::uint32_t& known = imports_[object][target.index];
  if (known == kUnknown) known = node_of_export(lookup(object, target.index));
  return known;
}

std::uint32_t CallGraph::find(std::string_view name) const {
  for (std::uint32_t each = 0; each < objects_.size(); ++each) {
    if (const Definition found = define(each, name, {}); found.object != kNone) {
      return node_of_export(found);
    }
  }
  return kNowhere;
}

std::string_view CallGraph::export_name(std::uint32_t node) const {
  const std::uint32_t object = object_of(node);
  const Summary& summary = objects_[object].summary;
  for (const Export& each : summary.exports) {
    if (each.target.kind == Target::Kind::kFunction && each.target.index == node - base_[object]) {
      return summary.at(each.name);
    }
  }
  return {};
}

template <typename Visit>
void CallGraph::each_target(std::uint32_t node, Visit visit) const {
  const std::uint32_t object = object_of(node);
  const Summary& summary = objects_[object].summary;
  const std::uint32_t index = node - base_[object];
  if (index >= summary.functions.size()) {
    const Chunk& chunk = summary.chunks[index - summary.functions.size()];
    for (const Target& target : summary.targets.subspan(chunk.targets.begin, chunk.targets.count)) {
      visit(object, target, true);
    }
    return;
  }
  const Function& function = summary.functions[index];
  for (const CallSite& call : summary.calls.subspan(function.calls.begin, function.calls.count)) {
    visit(object, call.target, false);
  }
  for (const Target& target :
       summary.targets.subspan(function.targets.begin, function.targets.count)) {
    visit(object, target, target.taken);
  }
}

Reached CallGraph::search(std::span<const std::uint32_t> roots,
                          std::span<const std::uint8_t> closed) const {
  Reached reached;
  reached.parent.assign(size_, 0);
  const auto add = [&](std::uint32_t node, std::uint32_t parent) {
    if (node == kNowhere || reached.parent[node] != 0) return;
    if (!closed.empty() && closed[node]) return;
    reached.parent[node] = parent;
    reached.order.push_back(node);
  };
  for (std::uint32_t root : roots) add(root, Reached::kRoot);
  for (std::size_t next = 0; next < reached.order.size(); ++next) {
    const std::uint32_t node = reached.order[next];
    each_target(node, [&](std::uint32_t object, const Target& target, bool) {
      add(node_of(object, target), node + 1);
    });
  }
  return reached;
}

std::vector<std::uint8_t> CallGraph::taken(const Reached& reached) const {
  std::vector<std::uint8_t> marks(size_, 0);
  for (std::uint32_t node : reached.order) {
    each_target(node, [&](std::uint32_t object, const Target& target, bool is_taken) {
      const std::uint32_t to = is_taken ? node_of(object, target) : kNowhere;
      if (to != kNowhere) marks[to] = 1;
    });
  }
  return marks;
}

Reason CallGraph::reason(std::uint32_t node) const {
  const std::uint32_t object = object_of(node);
  const Summary& summary = objects_[object].summary;
  const std::uint32_t index = node - base_[object];
  const bool is_code = index < summary.functions.size();
  const std::uint32_t name = is_code ? summary.functions[index].name
                                     : summary.chunks[index - summary.functions.size()].name;
  const std::uint64_t vaddr = is_code ? summary.functions[index].start
                                      : summary.chunks[index - summary.functions.size()].vaddr;
  std::string text = name != 0 ? demangle(summary.at(name)) : fmt::format("+{:#x}", vaddr);
  if (!is_code) text.insert(0, "data ");
  return {objects_[object].path, std::move(text)};
}

std::vector<Reason> CallGraph::chain(const Reached& reached, std::uint32_t node) const {
  std::vector<Reason> reasons;
  for (;;) {
    reasons.push_back(reason(node));
    const std::uint32_t parent = reached.parent[node];
    if (parent == 0 || parent == Reached::kRoot) break;
    node = parent - 1;
  }
  std::reverse(reasons.begin(), reasons.end());
  return reasons;
}

}  // namespace sysnare
