#include "filter/graph.h"

#include <algorithm>
#include <deque>
#include <utility>

namespace sysnare {
namespace {

constexpr std::uint32_t kMaxOffset = 255;  // jt and jf are one byte
constexpr std::uint32_t kNowhere = UINT32_MAX;

std::size_t hash(const Node& node) {
  // Odd multipliers of splitmix64 (Steele, Lea, Flood 2014).
  std::uint64_t sum = (std::uint64_t{node.code} << 32 | node.k) * 0x9e3779b97f4a7c15;
  sum ^= (std::uint64_t{node.yes} << 32 | node.no) * 0xbf58476d1ce4e5b9;
  sum ^= sum >> 31;
  sum *= 0x94d049bb133111eb;
  return static_cast<std::size_t>(sum ^ sum >> 29);
}

bool is_return(const Node& node) { return BPF_CLASS(node.code) == BPF_RET; }
bool is_test(const Node& node) { return BPF_CLASS(node.code) == BPF_JMP; }

/// Writes the program from its end to its start: every jump goes forward, so the distance to what
/// is already placed is known when a jump is written. `place` of a node is counted from the end.
class Writer {
 public:
  explicit Writer(const std::vector<Node>& nodes) : nodes_(nodes), place_(nodes.size(), kNowhere) {}

  void write(NodeId id) {
    const Node& node = nodes_[id];
    if (is_return(node)) {
      push({node.code, 0, 0, node.k});
    } else if (is_test(node)) {
      // Bringing one target near pushes the other away by one.
      while (distance(node.yes) > kMaxOffset || distance(node.no) > kMaxOffset) {
        bring_near(distance(node.yes) > distance(node.no) ? node.yes : node.no);
      }
      push({node.code, static_cast<std::uint8_t>(distance(node.yes)),
            static_cast<std::uint8_t>(distance(node.no)), node.k});
    } else {
      if (distance(node.yes) != 0) bring_near(node.yes);
      push({node.code, 0, 0, node.k});
    }
    place_[id] = size() - 1;
  }

  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(program_.size()); }

  [[nodiscard]] std::vector<sock_filter> program() const {
    return {program_.begin(), program_.end()};
  }

 private:
  /// Instructions between the one that is written next and `id`.
  [[nodiscard]] std::uint32_t distance(NodeId id) const { return size() - 1 - place_[id]; }

  /// A copy of a return, or a jump to anything else; what is written from here on uses it too.
  void bring_near(NodeId id) {
    const Node& node = nodes_[id];
    if (is_return(node)) {
      push({node.code, 0, 0, node.k});
    } else {
      push({BPF_JMP | BPF_JA, 0, 0, distance(id)});
    }
    place_[id] = size() - 1;
  }

  void push(sock_filter insn) { program_.push_front(insn); }

  const std::vector<Node>& nodes_;
  std::vector<std::uint32_t> place_;
  std::deque<sock_filter> program_;
};

/// Children before parents, so that the last child visited stands directly behind its parent.
std::vector<NodeId> post_order(const std::vector<Node>& nodes, NodeId root) {
  std::vector<NodeId> order;
  std::vector<bool> seen(nodes.size(), false);
  std::vector<std::pair<NodeId, int>> stack{{root, 0}};
  seen[root] = true;
  while (!stack.empty()) {
    auto& [id, stage] = stack.back();
    const Node& node = nodes[id];
    if (is_return(node) || stage == 2) {
      order.push_back(id);
      stack.pop_back();
      continue;
    }
    const NodeId child = stage == 0 ? node.yes : node.no;
    ++stage;
    if (!seen[child]) {
      seen[child] = true;
      stack.emplace_back(child, 0);
    }
  }
  return order;
}

}  // namespace

NodeId Graph::add(const Node& node) {
  if (2 * (nodes_.size() + 1) > places_.size()) grow();
  std::size_t place = hash(node) & (places_.size() - 1);
  while (places_[place] != kNone) {
    if (nodes_[places_[place]] == node) return places_[place];
    place = (place + 1) & (places_.size() - 1);
  }
  if (nodes_.size() >= kMaxNodes) {
    full_ = true;
    return 0;
  }
  const auto id = static_cast<NodeId>(nodes_.size());
  std::uint32_t height = 1;
  if (!is_return(node)) height += std::max(heights_[node.yes], heights_[node.no]);
  nodes_.push_back(node);
  heights_.push_back(height);
  places_[place] = id;
  return id;
}

void Graph::grow() {
  constexpr std::size_t kFirstPlaces = 512;
  places_.assign(std::max(kFirstPlaces, 2 * places_.size()), kNone);
  for (NodeId id = 0; id < nodes_.size(); ++id) {
    std::size_t place = hash(nodes_[id]) & (places_.size() - 1);
    while (places_[place] != kNone) place = (place + 1) & (places_.size() - 1);
    places_[place] = id;
  }
}

Result<std::vector<sock_filter>> Graph::layout(NodeId root) const {
  Writer writer(nodes_);
  if (!full_) {
    for (const NodeId id : post_order(nodes_, root)) {
      if (writer.size() > BPF_MAXINSNS) break;
      writer.write(id);
    }
  }
  if (full_ || writer.size() > BPF_MAXINSNS) {
    return fail(
        Errc::kLimit,
        "the profile needs a filter of more than {} instructions, which the kernel does not "
        "take: drop argument rules",
        BPF_MAXINSNS);
  }
  return writer.program();
}

}  // namespace sysnare
