#pragma once
// Which functions and data are live, and why?
//
// See reach.cc for the algorithm. Sound as long as the summaries are: whatever has its address
// taken in live code or live data counts as called, by anybody, with anything.

#include <cstdint>
#include <string>
#include <vector>

#include "scan/link_graph.h"

namespace sysnare {

/// Where execution can begin.
struct Root {
  std::uint32_t node = kNone;
  std::uint32_t object = 0;
  std::string what;         ///< "(entry)", "(init)"
  std::uint8_t phases = 0;  ///< of ScanPhase: in which it begins
  /// Somebody outside of all objects calls it. Else it is only kept as live, and its callers are
  /// known.
  bool called = true;
};

/// A set of nodes, one byte each.
using NodeSet = std::vector<std::uint8_t>;

class Reach {
 public:
  /// Nothing is live yet. Nodes in `blocked` (empty: none) never become so.
  explicit Reach(LinkGraph& graph, NodeSet blocked = {});

  void add_root(std::uint32_t node, std::uint32_t root_index, bool called = true);
  /// `node` is live because `from` is; for edges found after `from` was walked.
  void add(std::uint32_t node, std::uint32_t from);
  /// Walks until nothing new is live. May be called again after more was added.
  void run();

  [[nodiscard]] bool live(std::uint32_t node) const { return parent_[node] != kNone; }
  /// Live nodes in the order in which they were reached.
  [[nodiscard]] const std::vector<std::uint32_t>& order() const { return order_; }
  /// The nodes of a shortest chain to `node`, the first is a root's; and the index of that root.
  struct Chain {
    std::uint32_t root = 0;
    std::vector<std::uint32_t> nodes;
  };
  [[nodiscard]] Chain chain(std::uint32_t node) const;
  /// The node that `node` is live for, or kNone where it is so for a root.
  [[nodiscard]] std::uint32_t parent(std::uint32_t node) const;

  /// How a function can be entered other than through a CallSite.
  enum class Entry : std::uint8_t { kCallsOnly, kTaken, kJumped, kRoot };
  [[nodiscard]] Entry entry(std::uint32_t node) const { return entry_[node]; }
  /// For kTaken and kJumped: by which live node, the first that was met.
  [[nodiscard]] std::uint32_t entered_by(std::uint32_t node) const { return entered_by_[node]; }

 private:
  void enter(std::uint32_t node, std::uint32_t parent);

  LinkGraph& graph_;
  NodeSet blocked_;
  std::vector<std::uint32_t> parent_;  ///< kNone: dead; kRootBit | root index; else a node
  std::vector<Entry> entry_;
  std::vector<std::uint32_t> entered_by_;
  std::vector<std::uint32_t> order_;  ///< also the queue
  std::size_t walked_ = 0;            ///< of order_
};

}  // namespace sysnare
