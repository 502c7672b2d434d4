#include "scan/link_graph.h"

#include <fmt/core.h>

#include <algorithm>

#include "elf/demangle.h"
#include "scan/name_services.h"

namespace sysnare {
namespace {

/// The libraries that glibc 2.36 and musl 1.2 are made of, by their sonames; with '*' by the
/// beginning of these.
constexpr std::string_view kCLibrary[] = {
    "libc.so.6",          "ld-linux*",    "ld.so.*",     "ld64.so.*",         "libpthread.so.0",
    "libdl.so.2",         "librt.so.1",   "libm.so.6",   "libmvec.so.1",      "libresolv.so.2",
    "libnsl.so.1",        "libutil.so.1", "libanl.so.1", "libnss_files.so.2", "libnss_dns.so.2",
    "libnss_compat.so.2", "ld-musl-*",    "libc.musl-*", "libthread_db.so.1",
};

bool is_c_library_name(std::string_view name) {
  return std::any_of(std::begin(kCLibrary), std::end(kCLibrary), [&](std::string_view known) {
    return known.ends_with('*') ? name.starts_with(known.substr(0, known.size() - 1))
                                : name == known;
  });
}

}  // namespace

LinkGraph::LinkGraph(const std::vector<LoadedObject>& objects)
    : objects_(objects), scope_(objects) {
  std::uint32_t node = 0;
  std::uint32_t import = 0;
  for (const LoadedObject& object : objects) {
    first_.push_back(node);
    import_.push_back(import);
    functions_.push_back(static_cast<std::uint32_t>(object.summary.functions.size()));
    node +=
        static_cast<std::uint32_t>(object.summary.functions.size() + object.summary.chunks.size());
    import += static_cast<std::uint32_t>(object.summary.imports.size());
  }
  first_.push_back(node);
  import_.push_back(import);
  object_.reserve(node);
  for (std::uint32_t i = 0; i < objects.size(); ++i) {
    object_.insert(object_.end(), first_[i + 1] - first_[i], i);
  }
  resolved_.assign(import, Slice{kNone, 0});
  has_extra_.assign(node, 0);
  edges_of_.assign(node, Slice{kNone, 0});
  find_c_library();
  index_static_names();
  find_services();
  link_copies();
}

void LinkGraph::find_c_library() {
  c_library_.assign(objects_.size(), 0);
  for (std::uint32_t i = 0; i < objects_.size(); ++i) {
    const LoadedObject& object = objects_[i];
    // A static program may still open libraries, but begins alone.
    is_static_ = is_static_ &&
                 (object.role == LoadedObject::Role::kOpened ||
                  (object.role == LoadedObject::Role::kProgram && object.summary.interpreter == 0));
    if (object.role == LoadedObject::Role::kInterpreter) {
      c_library_[i] = 1;
      // musl's linker is its C library: what holds for a linker apart does not hold for it.
      bool has_start = false;
      for (const Definition& start : scope_.all("__libc_start_main"))
        has_start |= start.object == i;
      if (!has_start) interpreter_ = i;
    }
    if (object.role != LoadedObject::Role::kProgram &&
        (is_c_library_name(text_of(object.summary, object.summary.soname)) ||
         is_c_library_name(object.path.substr(object.path.rfind('/') + 1)))) {
      c_library_[i] = 1;
    }
  }
  if (is_static_ && !objects_.empty() && (!objects_[0].summary.is_go || objects_[0].summary.has_c))
    c_library_[0] = 1;
}

void LinkGraph::index_static_names() {
  if (!is_static_ || c_library_[0] == 0) return;
  const Summary& summary = objects_[0].summary;
  for (std::uint32_t i = 0; i < summary.functions.size(); ++i) {
    const std::string_view name = text_of(summary, summary.functions[i].name);
    if (!name.empty()) static_names_.emplace(name, i);
  }
}

void LinkGraph::find_services() {
  // A C library that asks by other texts than those, or without: then any may be called.
  const auto asks_by_name = [&](std::uint32_t object) {
    const Summary& summary = objects_[object].summary;
    return is_c_library(object) &&
           std::any_of(summary.strings.begin(), summary.strings.end(), [&](const StringRef& text) {
             return sysnare::is_service_function(text_of(summary, text.text));
           });
  };
  bool known = false;
  for (std::uint32_t i = 0; i < objects_.size(); ++i) known = known || asks_by_name(i);
  if (!known) return;
  is_service_.assign(size(), 0);
  for (std::uint32_t i = 0; i < objects_.size(); ++i) {
    const Summary& summary = objects_[i].summary;
    const std::string_view prefix = "_nss_";
    auto symbol = std::lower_bound(summary.exports.begin(), summary.exports.end(), prefix,
                                   [&](const Export& each, std::string_view wanted) {
                                     return text_of(summary, each.name) < wanted;
                                   });
    for (; symbol != summary.exports.end(); ++symbol) {
      const std::string_view name = text_of(summary, symbol->name);
      if (!name.starts_with(prefix)) break;
      const std::string_view function_name = service_function_of(name);
      if (function_name.empty()) continue;
      const std::uint32_t node =
          node_of({i, static_cast<std::uint32_t>(symbol - summary.exports.begin())});
      if (node == kNone || function(node) == nullptr) continue;
      services_.push_back({function_name, node});
      is_service_[node] = 1;
    }
  }
  std::sort(services_.begin(), services_.end());
}

std::vector<std::uint32_t> LinkGraph::library_functions(std::string_view name) const {
  std::vector<std::uint32_t> found;
  for (const std::uint32_t node : named(name)) {
    if (is_c_library(object_of(node)) && function(node) != nullptr) found.push_back(node);
  }
  const auto [begin, end] = static_names_.equal_range(name);
  for (auto row = begin; row != end; ++row) found.push_back(node_of_function(0, row->second));
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

void LinkGraph::link_copies() {
  for (std::uint32_t i = 0; i < objects_.size(); ++i) {
    if (objects_[i].role != LoadedObject::Role::kProgram) continue;
    const Summary& summary = objects_[i].summary;
    for (const Export& symbol : summary.exports) {
      if (symbol.target.kind != Target::Kind::kChunk) continue;
      const std::uint32_t copy = node_of_chunk(i, symbol.target.index);
      if (copy == kNone) continue;
      for (const Definition& definition : scope_.all(text_of(summary, symbol.name))) {
        if (definition.object == i) continue;
        if (objects_[definition.object].role == LoadedObject::Role::kOpened) continue;
        const std::uint32_t original = node_of(definition);
        if (original != kNone) add_edge(copy, original);
        break;
      }
    }
  }
}

const Function* LinkGraph::function(std::uint32_t node) const {
  const std::uint32_t object = object_of(node);
  const std::size_t index = node - first_[object];
  const Summary& summary = objects_[object].summary;
  return index < summary.functions.size() ? &summary.functions[index] : nullptr;
}

void LinkGraph::read_edges(std::uint32_t node) {
  const std::uint32_t object = object_of(node);
  const Summary& summary = objects_[object].summary;
  const auto begin = static_cast<std::uint32_t>(edges_.size());
  const auto follow = [&](const Target& target, Edge edge) {
    for (const std::uint32_t to : nodes(object, target)) {
      // libc keeps its own services in tables: they are asked for by name too.
      if (edge == Edge::kTaken && is_service_function(to) && is_c_library(object)) continue;
      edges_.push_back(static_cast<std::uint32_t>(edge) << kEdgeShift | to);
    }
  };
  if (const Function* code = function(node)) {
    for (const CallSite& call : cut(summary.calls, code->calls)) follow(call.target, Edge::kCall);
    for (const Target& target : cut(summary.targets, code->targets)) {
      const bool taken = target.taken || target.kind == Target::Kind::kChunk;
      follow(target, target.inside != 0 ? Edge::kCall : taken ? Edge::kTaken : Edge::kJump);
    }
  } else {
    const std::size_t index = node - first_[object] - summary.functions.size();
    for (const Target& target : cut(summary.targets, summary.chunks[index].targets)) {
      follow(target, Edge::kTaken);
    }
  }
  edges_of_[node] = {begin, static_cast<std::uint32_t>(edges_.size() - begin)};
}

std::uint32_t LinkGraph::node_of_chunk(std::uint32_t object, std::uint32_t index) const {
  const Summary& summary = objects_[object].summary;
  if (index >= summary.chunks.size()) return kNone;
  return static_cast<std::uint32_t>(first_[object] + summary.functions.size() + index);
}

std::uint32_t LinkGraph::node_of(const Definition& definition) const {
  const Target& target = objects_[definition.object].summary.exports[definition.index].target;
  if (target.kind == Target::Kind::kFunction) {
    return node_of_function(definition.object, target.index);
  }
  if (target.kind == Target::Kind::kChunk) return node_of_chunk(definition.object, target.index);
  return kNone;
}

std::span<const std::uint32_t> LinkGraph::import(std::uint32_t object, std::uint32_t index) {
  const Summary& summary = objects_[object].summary;
  if (index >= summary.imports.size()) return {};
  Slice& slice = resolved_[import_[object] + index];
  if (slice.begin == kNone) {
    const Import& symbol = summary.imports[index];
    slice.begin = static_cast<std::uint32_t>(found_.size());
    const std::vector<Definition> definitions =
        scope_.lookup(object, text_of(summary, symbol.name), text_of(summary, symbol.version));
    if (definitions.empty() && symbol.weak == 0) undefined_.push_back({object, index});
    for (const Definition& definition : definitions) {
      const std::uint32_t node = node_of(definition);
      if (node != kNone) found_.push_back(node);
    }
    slice.count = static_cast<std::uint32_t>(found_.size() - slice.begin);
  }
  return cut(std::span<const std::uint32_t>(found_), slice);
}

std::vector<std::uint32_t> LinkGraph::named(std::string_view name) const {
  std::vector<std::uint32_t> found;
  for (const Definition& definition : scope_.all(name)) {
    const std::uint32_t node = node_of(definition);
    if (node != kNone) found.push_back(node);
  }
  return found;
}

bool LinkGraph::add_edge(std::uint32_t from, std::uint32_t to) {
  if (!known_extra_.insert(std::uint64_t{from} << 32 | to).second) return false;
  extra_[from].push_back(to);
  has_extra_[from] = 1;
  return true;
}

void LinkGraph::set_asleep(std::unordered_set<std::uint64_t>& all, std::uint32_t from,
                           std::uint32_t what, bool asleep) {
  if (is_partly_asleep_.empty()) is_partly_asleep_.assign(size(), 0);
  is_partly_asleep_[from] = 1;
  const std::uint64_t key = std::uint64_t{from} << 32 | what;
  if (asleep) {
    all.insert(key);
  } else {
    all.erase(key);
  }
}

std::span<const std::uint32_t> LinkGraph::users(std::uint32_t node) const {
  const std::uint32_t object = object_of(node);
  const auto [row, is_new] = users_.try_emplace(object);
  Users& all = row->second;
  for (std::uint32_t from = first_[object]; is_new && from < first_[object + 1]; ++from) {
    for_each_target(from, [&](const Target& target) {
      if (target.kind == Target::Kind::kImport) return;
      const std::uint32_t to = target.kind == Target::Kind::kFunction
                                   ? node_of_function(object, target.index)
                                   : node_of_chunk(object, target.index);
      if (to != kNone && to != from) all.emplace_back(to, from);
    });
  }
  if (is_new) {
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
  }
  some_users_.clear();
  for (auto at = std::lower_bound(all.begin(), all.end(), std::pair(node, std::uint32_t{0}));
       at != all.end() && at->first == node; ++at)
    some_users_.push_back(at->second);
  return some_users_;
}

std::string_view LinkGraph::symbol(std::uint32_t node) const {
  const std::uint32_t object = object_of(node);
  const Summary& summary = objects_[object].summary;
  const std::size_t index = node - first_[object];
  if (index < summary.functions.size()) return text_of(summary, summary.functions[index].name);
  return text_of(summary, summary.chunks[index - summary.functions.size()].name);
}

Reason LinkGraph::reason(std::uint32_t node) const {
  const std::uint32_t object = object_of(node);
  const Summary& summary = objects_[object].summary;
  const std::size_t index = node - first_[object];
  const bool is_code = index < summary.functions.size();
  const std::uint64_t vaddr = is_code ? summary.functions[index].start
                                      : summary.chunks[index - summary.functions.size()].vaddr;
  const std::string_view name = symbol(node);
  std::string shown = name.empty() ? fmt::format("+{:#x}", vaddr) : demangle(name);
  if (!is_code) shown.insert(0, "data ");
  return {objects_[object].path, std::move(shown)};
}

std::string LinkGraph::describe(std::uint32_t node) const {
  const Reason reason_of = reason(node);
  return fmt::format("{} in {}", reason_of.function, reason_of.object);
}

}  // namespace sysnare
