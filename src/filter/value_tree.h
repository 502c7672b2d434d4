#pragma once
// Which decision does the value of one argument lead to?
//
// Values with equal decisions form runs, as numbers do (number_tree.h): a tree over the high words,
// and below it one over the low words of each high word that does not decide by itself. Where
// values differ in single bits, one test with a mask stands for all of them: 0, 8, 0x20000 and
// 0x20008 are what has no other bit set.

#include <cstdint>
#include <span>
#include <vector>

#include "filter/graph.h"

namespace sysnare {

/// Values from `first` to the next run's first, or to the largest, lead to `target`.
struct ValueRun {
  std::uint64_t first = 0;
  NodeId target = 0;
};

/// Where an argument stands in seccomp_data, and how many of its low bits count.
struct ArgumentWords {
  std::uint32_t high = 0;
  std::uint32_t low = 0;
  unsigned bits = 64;  ///< above 32: the high word counts as a whole
};

/// Precondition: `runs` are sorted, the first starts at 0, neighbours have different targets, which
/// expect nothing in A.
NodeId value_tree(Graph& graph, std::span<const ValueRun> runs, const ArgumentWords& words);

}  // namespace sysnare
