#pragma once
// All objects as one graph: what can each function and datum reach?
//
// A node is a function or a chunk of data of some object; nodes are numbered through, object by
// object, its functions first. Edges are read from the summaries as they are walked; an import is
// looked up when an edge first needs it. What no summary says is added by hand (`add_edge`): copy
// relocations, and what the dynamic linker or dlsym finds by name.
//
// Copy relocations: the program's copy of a library's datum begins as what the library has there,
// so a datum that the program exports refers to the next definition of its name. Source: System V
// ABI, AMD64 supplement 1.0, 4.4 (R_X86_64_COPY).

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "scan/link.h"
#include "scan/parts.h"
#include "scan/scope.h"

namespace sysnare {

class LinkGraph {
 public:
  /// How `to` is referred to.
  enum class Edge : std::uint8_t {
    kCall,   ///< a CallSite: what is passed is known
    kJump,   ///< entered with who knows what in its registers
    kTaken,  ///< the address is taken
  };

  /// `objects` must outlive it. Precondition: at most kMaxLinkNodes nodes.
  explicit LinkGraph(const std::vector<LoadedObject>& objects);

  [[nodiscard]] const std::vector<LoadedObject>& objects() const { return objects_; }
  [[nodiscard]] const Scope& scope() const { return scope_; }
  [[nodiscard]] std::uint32_t size() const { return first_.back(); }
  [[nodiscard]] std::uint32_t object_of(std::uint32_t node) const { return object_[node]; }
  [[nodiscard]] const Summary& summary_of(std::uint32_t node) const {
    return objects_[object_of(node)].summary;
  }
  /// Null for a chunk.
  [[nodiscard]] const Function* function(std::uint32_t node) const;
  [[nodiscard]] std::uint32_t node_of_function(std::uint32_t object, std::uint32_t index) const {
    return index < functions_[object] ? first_[object] + index : kNone;
  }
  [[nodiscard]] std::uint32_t node_of_chunk(std::uint32_t object, std::uint32_t index) const;

  /// The nodes that an import means; none: it is undefined (or absolute). Cost: a lookup, once. The
  /// span lives until the next call.
  std::span<const std::uint32_t> import(std::uint32_t object, std::uint32_t index);
  /// The nodes that `target` of `object` means. The span lives until the next call of `nodes`.
  std::span<const std::uint32_t> nodes(std::uint32_t object, const Target& target) {
    if (target.kind == Target::Kind::kImport) return import(object, target.index);
    single_ = target.kind == Target::Kind::kFunction ? node_of_function(object, target.index)
                                                     : node_of_chunk(object, target.index);
    if (single_ == kNone) return {};
    return {&single_, 1};
  }
  /// Imports that were looked up, are not weak, and nobody defines.
  struct Undefined {
    std::uint32_t object = 0;
    std::uint32_t index = 0;
  };
  [[nodiscard]] const std::vector<Undefined>& undefined() const { return undefined_; }
  /// The nodes of a definition's target, none or one.
  [[nodiscard]] std::uint32_t node_of(const Definition& definition) const;
  /// Every node that a symbol of this name stands for, in any object.
  [[nodiscard]] std::vector<std::uint32_t> named(std::string_view name) const;
  /// The functions of the C library that have this name; in a static program, of its functions.
  [[nodiscard]] std::vector<std::uint32_t> library_functions(std::string_view name) const;

  /// `from` also takes the address of `to`. Returns whether that is new.
  bool add_edge(std::uint32_t from, std::uint32_t to);

  /// No edge leads to a function that is asleep (scan/guards.h).
  void set_asleep(std::uint32_t node, bool asleep) {
    if (is_asleep_.empty()) is_asleep_.assign(size(), 0);
    is_asleep_[node] = asleep ? 1 : 0;
  }
  /// Nor does one lead from `from` to `to`, while that step is asleep; the call's number `nr` is
  /// not made in `from`, while that site is.
  void set_step_asleep(std::uint32_t from, std::uint32_t to, bool asleep) {
    set_asleep(asleep_steps_, from, to, asleep);
  }
  void set_site_asleep(std::uint32_t from, std::uint32_t nr, bool asleep) {
    set_asleep(asleep_sites_, from, nr, asleep);
  }
  [[nodiscard]] bool is_step_asleep(std::uint32_t from, std::uint32_t to) const {
    return is_partly_asleep(from) && asleep_steps_.contains(std::uint64_t{from} << 32 | to);
  }
  [[nodiscard]] bool is_site_asleep(std::uint32_t from, std::uint32_t nr) const {
    return is_partly_asleep(from) && asleep_sites_.contains(std::uint64_t{from} << 32 | nr);
  }

  /// Calls `visit(to, edge)` for all that `node` refers to. `visit` must not walk edges itself.
  template <typename Visit>
  void for_each_edge(std::uint32_t node, Visit visit);

  /// Calls `visit(target)` for what the summary says that `node` refers to, imports not looked up.
  template <typename Visit>
  void for_each_target(std::uint32_t node, Visit visit) const;

  /// The functions and data of its own object that refer to `node`, each once. Cost: the first
  /// question about an object walks all of it. The span lives until the next call.
  [[nodiscard]] std::span<const std::uint32_t> users(std::uint32_t node) const;

  /// Its name as the symbol table has it, empty: none.
  [[nodiscard]] std::string_view symbol(std::uint32_t node) const;
  /// For people; demangled.
  [[nodiscard]] Reason reason(std::uint32_t node) const;
  /// "FUNCTION in OBJECT"
  [[nodiscard]] std::string describe(std::uint32_t node) const;

  /// Whether the object is the C library or a part of it (also the dynamic linker; a static
  /// program, which has its own).
  [[nodiscard]] bool is_c_library(std::uint32_t object) const { return c_library_[object] != 0; }
  /// The dynamic linker, where it is an object apart from the C library; else kNone.
  [[nodiscard]] std::uint32_t interpreter() const { return interpreter_; }
  [[nodiscard]] bool is_static() const { return is_static_; }

  /// A function of a name service that is called by name alone (scan/name_services.h).
  struct ServiceFunction {
    std::string_view name;  ///< without _nss_SERVICE_
    std::uint32_t node = kNone;
    auto operator<=>(const ServiceFunction&) const = default;
  };
  /// Sorted; none where the summaries do not have the names that are asked for.
  [[nodiscard]] const std::vector<ServiceFunction>& service_functions() const { return services_; }
  [[nodiscard]] bool is_service_function(std::uint32_t node) const {
    return !is_service_.empty() && is_service_[node] != 0;
  }

 private:
  static constexpr unsigned kEdgeShift = 30;
  static constexpr std::uint32_t kNodeBits = (1u << kEdgeShift) - 1;

  void read_edges(std::uint32_t node);
  void set_asleep(std::unordered_set<std::uint64_t>& all, std::uint32_t from, std::uint32_t what,
                  bool asleep);
  [[nodiscard]] bool is_partly_asleep(std::uint32_t node) const {
    return !is_partly_asleep_.empty() && is_partly_asleep_[node] != 0;
  }
  void link_copies();
  void find_c_library();
  void index_static_names();
  void find_services();

  const std::vector<LoadedObject>& objects_;
  Scope scope_;
  std::vector<std::uint32_t> first_;      ///< node of each object's first function; then the end
  std::vector<std::uint32_t> object_;     ///< of each node
  std::vector<std::uint32_t> functions_;  ///< how many each object has
  std::vector<std::uint32_t> import_;  ///< first import of each object in resolved_; then the end
  std::vector<Slice> resolved_;        ///< into found_; begin kNone: not looked up yet
  std::vector<std::uint32_t> found_;
  std::vector<Undefined> undefined_;
  /// Edges of the nodes that were walked, for the walks that follow: Edge << kEdgeShift | node.
  std::vector<Slice> edges_of_;
  std::vector<std::uint32_t> edges_;
  std::uint32_t single_ = kNone;  ///< what `nodes` gives for a target of the object itself
  std::vector<std::uint8_t> has_extra_;
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> extra_;
  std::unordered_set<std::uint64_t> known_extra_;  ///< from << 32 | to
  std::vector<std::uint8_t> c_library_;
  std::unordered_multimap<std::string_view, std::uint32_t> static_names_;
  std::vector<std::uint8_t> is_asleep_;             ///< by node; empty: none
  std::vector<std::uint8_t> is_partly_asleep_;      ///< by node: some step or site is, or was
  std::unordered_set<std::uint64_t> asleep_steps_;  ///< from << 32 | to
  std::unordered_set<std::uint64_t> asleep_sites_;  ///< from << 32 | number of the call
  std::vector<ServiceFunction> services_;
  std::vector<std::uint8_t> is_service_;  ///< by node; empty: there are none
  /// Of one object, by what they refer to and its users.
  using Users = std::vector<std::pair<std::uint32_t, std::uint32_t>>;
  mutable std::unordered_map<std::uint32_t, Users> users_;  ///< by object; see users()
  mutable std::vector<std::uint32_t> some_users_;           ///< what users() gave last
  std::uint32_t interpreter_ = kNone;
  bool is_static_ = true;
};

template <typename Visit>
void LinkGraph::for_each_edge(std::uint32_t node, Visit visit) {
  if (edges_of_[node].begin == kNone) read_edges(node);
  const bool partly = is_partly_asleep(node);
  for (const std::uint32_t edge : cut(std::span<const std::uint32_t>(edges_), edges_of_[node])) {
    const std::uint32_t to = edge & kNodeBits;
    if (!is_asleep_.empty() && is_asleep_[to] != 0) continue;
    if (partly && is_step_asleep(node, to)) continue;
    visit(to, static_cast<Edge>(edge >> kEdgeShift));
  }
  if (has_extra_[node] != 0) {
    for (const std::uint32_t to : extra_.at(node)) visit(to, Edge::kTaken);
  }
}

template <typename Visit>
void LinkGraph::for_each_target(std::uint32_t node, Visit visit) const {
  const std::uint32_t object = object_of(node);
  const Summary& summary = objects_[object].summary;
  if (const Function* code = function(node)) {
    for (const CallSite& call : cut(summary.calls, code->calls)) visit(call.target);
    for (const Target& target : cut(summary.targets, code->targets)) visit(target);
  } else {
    const std::size_t index = node - first_[object] - summary.functions.size();
    for (const Target& target : cut(summary.targets, summary.chunks[index].targets)) visit(target);
  }
}

}  // namespace sysnare
