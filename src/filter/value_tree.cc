#include "filter/value_tree.h"

#include <algorithm>
#include <bit>
#include <map>

#include "filter/number_tree.h"

namespace sysnare {
namespace {

/// Most single values that are searched for a cube: the work grows with their square.
constexpr std::size_t kMaxSingles = 256;

/// All values that are `base` but for any of the bits in `free`.
struct Cube {
  std::uint32_t base = 0;
  std::uint32_t free = 0;
  NodeId target = 0;
  [[nodiscard]] bool has(std::uint32_t value) const { return (value & ~free) == base; }
  [[nodiscard]] std::size_t values() const { return std::size_t{1} << std::popcount(free); }
  /// JSET, or AND and JEQ.
  [[nodiscard]] std::size_t tests() const { return base == 0 ? 1 : 2; }
  /// Instructions less than a JEQ for each value.
  [[nodiscard]] std::size_t saves() const { return values() > tests() ? values() - tests() : 0; }
};

bool is_single(std::span<const Run> runs, std::size_t i) {
  if (i + 1 < runs.size()) return runs[i + 1].first - runs[i].first == 1;
  return runs[i].first == UINT32_MAX;
}

/// Grows a cube from its least value by one bit after the other.
Cube cube_from(std::uint32_t base, NodeId target, std::span<const std::uint32_t> values) {
  const auto is_value = [&](std::uint32_t value) {
    return std::binary_search(values.begin(), values.end(), value);
  };
  Cube cube{base, 0, target};
  for (std::uint32_t bit = 1; bit != 0; bit <<= 1) {
    if ((base & bit) != 0) continue;
    // Every subset of the bits so far, and the new one.
    bool all = true;
    std::uint32_t subset = cube.free;
    while (all) {
      all = is_value(base | bit | subset);
      if (subset == 0) break;
      subset = (subset - 1) & cube.free;
    }
    if (all) cube.free |= bit;
  }
  return cube;
}

/// Of single values with one target, between runs of another, the cube that saves most.
Cube best_cube(std::span<const Run> runs, NodeId background) {
  std::map<NodeId, std::vector<std::uint32_t>> singles;
  std::size_t count = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (runs[i].target == background || !is_single(runs, i)) continue;
    singles[runs[i].target].push_back(runs[i].first);
    if (++count > kMaxSingles) return {};
  }
  Cube best;
  for (const auto& [target, values] : singles) {
    for (const std::uint32_t base : values) {
      const Cube cube = cube_from(base, target, values);
      if (cube.saves() > best.saves()) best = cube;
    }
  }
  return best;
}

/// The tree over low words, which expects one of them in A.
NodeId low_tree(Graph& graph, const std::vector<Run>& runs) {
  // What most values lead to: the widest run.
  std::size_t widest = 0;
  std::uint64_t width = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const std::uint64_t end =
        i + 1 < runs.size() ? runs[i + 1].first : std::uint64_t{UINT32_MAX} + 1;
    if (end - runs[i].first <= width) continue;
    width = end - runs[i].first;
    widest = i;
  }
  const NodeId background = runs[widest].target;
  const Cube cube = best_cube(runs, background);
  if (cube.saves() == 0) return number_tree(graph, runs);
  // JSET leaves A as it is and can come first; AND does not, and comes last, in the background's
  // place.
  const bool first = cube.base == 0;
  const NodeId last =
      graph.mask(~cube.free, graph.test(BPF_JEQ, cube.base, cube.target, background));
  std::vector<Run> rest;
  for (const Run& run : runs) {
    const bool gone = run.target == background || cube.has(run.first);
    rest.push_back({run.first, !gone ? run.target : first ? background : last, 0});
  }
  const std::vector<Run> joined = join_runs(rest);
  if (!first) return number_tree(graph, joined);
  return graph.test(BPF_JSET, ~cube.free, low_tree(graph, joined), cube.target);
}

std::uint32_t high_of(std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32); }
std::uint32_t low_of(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

}  // namespace

NodeId value_tree(Graph& graph, std::span<const ValueRun> runs, const ArgumentWords& words) {
  std::vector<Run> highs;
  for (std::size_t i = 0; i < runs.size();) {
    // All runs that start in one high word, behind what reaches into it.
    const std::uint32_t high = high_of(runs[i].first);
    std::vector<Run> lows;
    if (low_of(runs[i].first) != 0) lows.push_back({0, runs[i - 1].target, 0});
    for (; i < runs.size() && high_of(runs[i].first) == high; ++i) {
      lows.push_back({low_of(runs[i].first), runs[i].target, 0});
    }
    const NodeId behind = lows.back().target;
    NodeId node = low_tree(graph, lows);
    if (words.bits < 32 && graph.height(node) > 1)
      node = graph.mask((std::uint32_t{1} << words.bits) - 1, node);
    highs.push_back({high, graph.load(words.low, node), 0});
    const bool follows = i < runs.size() && high_of(runs[i].first) == high + 1;
    if (high != UINT32_MAX && !follows) highs.push_back({high + 1, behind, 0});
  }
  if (words.bits <= 32) return highs.front().target;
  return graph.load(words.high, number_tree(graph, join_runs(highs)));
}

}  // namespace sysnare
