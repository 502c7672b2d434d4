#pragma once
// The objects of a program as one graph: who reaches whom?
//
// A node is a function or a chunk of data of one object; nodes are numbered through all objects. A
// search is breadth-first, so the way back from a node over `parent` is a shortest chain of
// reasons.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scan/link.h"
#include "scan/summary.h"

namespace sysnare {

/// What one search has reached.
struct Reached {
  std::vector<std::uint32_t> parent;  ///< by node: 1 + the node before it, or kRoot; 0: not reached
  std::vector<std::uint32_t> order;   ///< the nodes, as they were reached
  static constexpr std::uint32_t kRoot = kNone;

  [[nodiscard]] bool has(std::uint32_t node) const {
    return node < parent.size() && parent[node] != 0;
  }
};

class CallGraph {
 public:
  explicit CallGraph(const std::vector<LoadedObject>& objects);

  [[nodiscard]] const std::vector<LoadedObject>& objects() const { return objects_; }
  [[nodiscard]] std::uint32_t size() const { return size_; }
  [[nodiscard]] std::uint32_t function_node(std::uint32_t object, std::uint32_t function) const {
    return base_[object] + function;
  }
  [[nodiscard]] std::uint32_t object_of(std::uint32_t node) const;
  [[nodiscard]] bool is_function(std::uint32_t node) const;
  /// The function of a function's node.
  [[nodiscard]] const Function& function(std::uint32_t node) const;
  /// The node that `target` of `object` leads to; kNone for data without pointers and for symbols
  /// that nobody defines.
  [[nodiscard]] std::uint32_t node_of(std::uint32_t object, const Target& target) const;
  /// By what name others call the node's function; empty where they do not.
  [[nodiscard]] std::string_view export_name(std::uint32_t node) const;
  /// The function or data that `name` means to the program; kNone.
  [[nodiscard]] std::uint32_t find(std::string_view name) const;

  /// All that is reached from `roots`, without entering the nodes that `closed` marks.
  [[nodiscard]] Reached search(std::span<const std::uint32_t> roots,
                               std::span<const std::uint8_t> closed = {}) const;
  /// Marks the functions whose address something reached takes.
  [[nodiscard]] std::vector<std::uint8_t> taken(const Reached& reached) const;
  /// From the root to `node`.
  [[nodiscard]] std::vector<Reason> chain(const Reached& reached, std::uint32_t node) const;
  /// How a function or a chunk is called in a chain.
  [[nodiscard]] Reason reason(std::uint32_t node) const;

 private:
  struct Definition {
    std::uint32_t object = kNone;
    std::uint32_t exported = kNone;
  };
  [[nodiscard]] Definition lookup(std::uint32_t object, std::uint32_t import) const;
  [[nodiscard]] Definition define(std::uint32_t object, std::string_view name,
                                  std::string_view version) const;
  [[nodiscard]] std::uint32_t node_of_export(const Definition& definition) const;
  template <typename Visit>
  void each_target(std::uint32_t node, Visit visit) const;

  const std::vector<LoadedObject>& objects_;
  std::vector<std::uint32_t> base_;  ///< the first node of each object
  std::uint32_t size_ = 0;
  mutable std::vector<std::vector<std::uint32_t>> imports_;  ///< by object and import: 1 + node
};

}  // namespace sysnare
