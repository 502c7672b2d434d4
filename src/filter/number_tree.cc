#include "filter/number_tree.h"

#include <algorithm>
#include <span>
#include <tuple>

namespace sysnare {
namespace {

/// Runs that are optimised together: the work grows with the cube. An ABI has 470 calls, and real
/// profiles make 60 runs of them.
constexpr std::size_t kOptimised = 160;

/// Most JEQ in a row; a longer row saves instructions at the cost of a long path.
constexpr std::size_t kMaxRow = 3;

class Optimiser {
 public:
  Optimiser(Graph& graph, std::span<const Run> runs)
      : graph_(graph), runs_(runs), best_(runs.size() * runs.size()) {
    const std::size_t count = runs.size();
    for (std::size_t length = 1; length <= count; ++length) {
      for (std::size_t first = 0; first + length <= count; ++first) {
        best(first, first + length - 1) = choose(first, first + length - 1);
      }
    }
  }

  NodeId build() { return build(0, runs_.size() - 1); }

 private:
  struct Choice {
    std::size_t size = 0;   ///< instructions
    std::size_t depth = 0;  ///< tests on the longest path
    /// A split in front of this run, or 0 for a row of JEQ.
    std::size_t split = 0;
    bool operator<(const Choice& other) const {
      return std::tie(size, depth) < std::tie(other.size, other.depth);
    }
  };

  Choice& best(std::size_t first, std::size_t last) { return best_[first * runs_.size() + last]; }

  /// The last run of all has no successor here; it is never a single number unless it is
  /// UINT32_MAX.
  [[nodiscard]] bool is_single(std::size_t run) const {
    if (run + 1 < runs_.size()) return runs_[run + 1].first - runs_[run].first == 1;
    return runs_[run].first == UINT32_MAX;
  }

  Choice choose(std::size_t first, std::size_t last) {
    if (first == last) return {};
    Choice found{SIZE_MAX, SIZE_MAX, 0};
    for (std::size_t split = first + 1; split <= last; ++split) {
      const Choice& low = best(first, split - 1);
      const Choice& high = best(split, last);
      const Choice choice{1 + low.size + high.size, 1 + std::max(low.depth, high.depth), split};
      if (choice < found) found = choice;
    }
    if (const std::size_t row = row_length(first, last); row != 0) {
      const Choice choice{row, row, 0};
      if (choice < found) found = choice;
    }
    return found;
  }

  /// JEQs that decide first..last where all runs but those of one target are single numbers; 0 when
  /// they are not, or are too many.
  [[nodiscard]] std::size_t row_length(std::size_t first, std::size_t last) const {
    if (last - first > 2 * kMaxRow) return 0;
    const std::size_t background = background_run(first, last);
    std::size_t row = 0;
    for (std::size_t run = first; run <= last; ++run) {
      if (runs_[run].target == runs_[background].target) continue;
      if (!is_single(run)) return 0;
      ++row;
    }
    return row <= kMaxRow ? row : 0;
  }

  /// The first run that is no single number, or `first`.
  [[nodiscard]] std::size_t background_run(std::size_t first, std::size_t last) const {
    for (std::size_t run = first; run <= last; ++run) {
      if (!is_single(run)) return run;
    }
    return first;
  }

  NodeId build(std::size_t first, std::size_t last) {
    if (first == last) return runs_[first].target;
    const std::size_t split = best(first, last).split;
    if (split != 0) {
      const NodeId high = build(split, last);
      const NodeId low = build(first, split - 1);
      return graph_.test(BPF_JGE, runs_[split].first, high, low);
    }
    NodeId node = runs_[background_run(first, last)].target;
    const NodeId background = node;
    for (std::size_t run = first; run <= last; ++run) {
      if (runs_[run].target != background) {
        node = graph_.test(BPF_JEQ, runs_[run].first, runs_[run].target, node);
      }
    }
    return node;
  }

  Graph& graph_;
  std::span<const Run> runs_;
  std::vector<Choice> best_;
};

}  // namespace

std::vector<Run> join_runs(const std::vector<Run>& runs) {
  std::vector<Run> joined;
  for (const Run& run : runs) {
    if (joined.empty() || joined.back().target != run.target) joined.push_back(run);
  }
  return joined;
}

NodeId number_tree(Graph& graph, const std::vector<Run>& runs) {
  std::span<const Run> rest(runs);
  if (rest.size() <= kOptimised) return Optimiser(graph, rest).build();
  const std::size_t half = rest.size() / 2;
  const NodeId high = number_tree(graph, {rest.begin() + half, rest.end()});
  const NodeId low = number_tree(graph, {rest.begin(), rest.begin() + half});
  return graph.test(BPF_JGE, rest[half].first, high, low);
}

}  // namespace sysnare
