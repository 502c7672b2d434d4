#pragma once
// What shape does a filter have before it is a list of instructions? A graph without cycles in
// which equal parts exist once.
//
// Not modelled: registers other than A. Whether A holds what a test expects is the builder's care.

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace sysnare {

using NodeId = std::uint32_t;

/// One instruction and where it goes on. A load or AND goes on at `yes`; a return nowhere.
struct Node {
  std::uint16_t code = 0;
  std::uint32_t k = 0;
  NodeId yes = 0;
  NodeId no = 0;
  auto operator<=>(const Node&) const = default;
};

class Graph {
 public:
  /// More nodes than any program that fits BPF_MAXINSNS needs; past it add() gives node 0 and
  /// full() is true, so that a hostile profile costs bounded memory.
  static constexpr std::size_t kMaxNodes = 1u << 16;

  NodeId ret(std::uint32_t value) { return add({BPF_RET | BPF_K, value, 0, 0}); }
  NodeId load(std::uint32_t word, NodeId next) {
    // What the next instruction overwrites or does not look at is not loaded.
    if (const std::uint16_t kind = BPF_CLASS(nodes_[next].code);
        kind == BPF_LD || kind == BPF_RET) {
      return next;
    }
    return add({BPF_LD | BPF_W | BPF_ABS, word * 4, next, next});
  }
  NodeId mask(std::uint32_t bits, NodeId next) {
    return add({BPF_ALU | BPF_AND | BPF_K, bits, next, next});
  }
  /// `jump` is BPF_JEQ, BPF_JGE, BPF_JGT or BPF_JSET.
  NodeId test(std::uint16_t jump, std::uint32_t k, NodeId yes, NodeId no) {
    if (yes == no) return yes;
    return add({static_cast<std::uint16_t>(BPF_JMP | jump | BPF_K), k, yes, no});
  }

  [[nodiscard]] bool full() const { return full_; }
  void give_up() { full_ = true; }
  [[nodiscard]] const Node& at(NodeId id) const { return nodes_[id]; }
  /// Instructions on the longest path from `id` to its end, both included.
  [[nodiscard]] std::uint32_t height(NodeId id) const { return heights_[id]; }

  /// The program that starts at `root`. Errors: kLimit past BPF_MAXINSNS.
  [[nodiscard]] Result<std::vector<sock_filter>> layout(NodeId root) const;

 private:
  NodeId add(const Node& node);
  void grow();

  static constexpr NodeId kNone = UINT32_MAX;

  std::vector<Node> nodes_;
  std::vector<std::uint32_t> heights_;
  std::vector<NodeId> places_;  ///< hash -> node, probed in a row
  bool full_ = false;
};

}  // namespace sysnare
