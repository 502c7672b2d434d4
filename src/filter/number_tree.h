#pragma once
// Which decision does a number lead to, in the fewest tests?
//
// Numbers with equal decisions form runs. Between two runs one JGE decides; a run of one number
// inside another run costs one JEQ instead of two JGE. Of the smallest trees the one with the
// shortest longest path is taken (dynamic programming over neighbouring runs).
// Not modelled: how often each number is called.

#include <cstdint>
#include <vector>

#include "filter/graph.h"

namespace sysnare {

/// Numbers from `first` to the next run's first, or to 2^32 - 1, lead to `target`.
struct Run {
  std::uint32_t first = 0;
  NodeId target = 0;
};

/// Joins neighbours with equal targets. Precondition: sorted by `first`, which starts at 0.
std::vector<Run> join_runs(const std::vector<Run>& runs);

/// The tree over `runs`, which are joined and not empty; it expects the number in A.
NodeId number_tree(Graph& graph, const std::vector<Run>& runs);

}  // namespace sysnare
