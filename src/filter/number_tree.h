#pragma once
// Which decision does a number lead to, in the fewest tests and the fewest steps?
//
// Numbers with equal decisions form runs. Between two runs one JGE decides; a run of one number
// inside a run costs one JEQ instead of two JGE, so that a leaf of the tree is a row of JEQ in
// front of what all other numbers there lead to. Which singles a leaf takes, and how deep it may
// hang below its own decision's longest path, is chosen exactly (number_tree.cc). Of the trees of
// that size and depth one that halves the weight at each test is built.

#include <cstdint>
#include <span>
#include <vector>

#include "filter/graph.h"

namespace sysnare {

/// Numbers from `first` to the next run's first, or to 2^32 - 1, lead to `target`.
struct Run {
  std::uint32_t first = 0;
  NodeId target = 0;
  std::uint64_t weight = 0;  ///< how often its numbers are called, of any unit
};

/// Joins neighbours with equal targets. Precondition: sorted by `first`, which starts at 0.
std::vector<Run> join_runs(const std::vector<Run>& runs);

/// The tree over `runs`, which are joined and not empty; it expects the number in A. Its longest
/// path may be `slack` steps longer than need be so that heavy runs have shorter ones. With
/// `cut_rows` it is an instruction longer for each long row that many calls would walk.
NodeId number_tree(Graph& graph, std::span<const Run> runs, std::uint32_t slack = 0,
                   bool cut_rows = false);

}  // namespace sysnare
