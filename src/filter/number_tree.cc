// How the tree is found.
//
// A leaf takes neighbouring runs: its own, with singles of other targets in between, one JEQ each.
// A tree of L leaves has L - 1 JGE, so instructions = L - 1 + all JEQ. A leaf with a longest path
// of h steps may hang D - h deep in a tree of D steps. Leaves in a given order fit such depths if
// and only if they fit side by side into 2^D units, each as a block of 2^h units at a multiple of
// its size (Yeung 1991, for alphabetic codes): the one that is placed leftmost every time needs the
// least room. So for each prefix of the runs the least room for each number of instructions says
// all there is to know, and one pass from left to right finds the fewest instructions for D.
//
// The fewest instructions have long rows, and every number of a long run walks the whole of its
// row. A row that many walk is then cut in two by a JGE: an instruction more and no path longer.

#include "filter/number_tree.h"

#include <algorithm>
#include <functional>

namespace sysnare {
namespace {

/// Room is counted in units of what a tree of this many steps fewer than D takes: no tree of 2^20
/// leaves fits a program, and leaves with long argument rules would need numbers beyond 64 bits.
constexpr std::uint32_t kUnits = 20;
std::uint64_t room_of(std::uint32_t depth) { return std::uint64_t{1} << std::min(depth, kUnits); }

/// Runs that are laid out together; more are halved first. Real profiles make 150 of an
/// architecture, and the prefixes that have to be kept grow with the runs.
constexpr std::size_t kTogether = 256;

/// Most JEQ in a row: beyond it one JGE that halves the row is always worth it.
constexpr std::size_t kMaxRow = 8;

/// A step less on the longest path is bought with up to this many instructions.
constexpr std::size_t kStepIsWorth = 1;

/// A row is cut where the calls under it are this many tests better off together. The kernel takes
/// every known number through a filter that is attached: a test costs it 2 ns, an instruction 105
/// ns (docs/bench.md).
constexpr std::uint64_t kCutIsWorth = 64;

/// One row in so many instructions is cut, so that short filters stay as short as they can be.
constexpr std::size_t kPerCut = 24;

/// Neighbouring runs under one leaf.
struct Leaf {
  std::size_t first = 0;  ///< of the runs
  std::size_t last = 0;
  std::uint32_t tests = 0;   ///< JEQ
  std::uint32_t height = 0;  ///< steps on its longest path
  std::uint64_t weight = 0;
};

/// Where the next block of 2^h units ends when the ones before it end at `end`.
std::uint64_t place(std::uint64_t end, std::uint32_t height, std::uint32_t depth) {
  const std::uint32_t below = depth - std::min(depth, kUnits);
  const std::uint64_t block = std::uint64_t{1} << (height > below ? height - below : 0);
  return ((end + block - 1) & ~(block - 1)) + block;
}

class Optimiser {
 public:
  Optimiser(Graph& graph, std::span<const Run> runs) : graph_(graph), runs_(runs) {
    for (std::size_t first = 0; first < runs.size(); ++first) {
      begins_.push_back(leaves_.size());
      add_leaves(first);
    }
    begins_.push_back(leaves_.size());
  }

  NodeId build(std::uint32_t slack, bool cuts) {
    // The least depth at which all fits, and what more depth saves.
    std::uint32_t depth = 0;
    for (const Leaf& leaf : leaves_) {
      if (leaf.tests == 0) depth = std::max(depth, leaf.height);
    }
    while (!fit(depth)) ++depth;
    std::vector<Leaf> chosen = chosen_;
    std::size_t size = size_;
    std::uint32_t chosen_depth = depth;
    for (std::uint32_t more = 1; more <= 4; ++more) {
      if (fit(depth + more) && size_ + more * kStepIsWorth < size) {
        chosen = chosen_;
        size = size_;
        chosen_depth = depth + more;
      }
    }
    if (cuts) cut_rows(chosen, size / kPerCut, chosen_depth + slack);
    return tree(chosen, chosen_depth + slack);
  }

 private:
  /// The least room for a prefix of the runs with so many instructions.
  struct Prefix {
    std::size_t size = 0;
    std::uint64_t room = 0;
    std::size_t leaf = 0;    ///< the last one, index into leaves_
    std::size_t before = 0;  ///< index into the prefixes that end before it
  };

  /// The last run of all has no successor here; it is never a single number unless it is
  /// UINT32_MAX.
  [[nodiscard]] bool is_single(std::size_t run) const {
    if (run + 1 < runs_.size()) return runs_[run + 1].first - runs_[run].first == 1;
    return runs_[run].first == UINT32_MAX;
  }

  /// Every leaf whose first run is `first`. One that began or ended with a single would do nothing
  /// that the single as a leaf of its own does not.
  void add_leaves(std::size_t first) {
    const NodeId target = runs_[first].target;
    const std::uint32_t own = graph_.height(target);
    leaves_.push_back({first, first, 0, own, runs_[first].weight});
    std::vector<std::uint32_t> others;  // heights of what the row tests for
    std::uint64_t weight = runs_[first].weight;
    for (std::size_t last = first + 1; last < runs_.size(); ++last) {
      weight += runs_[last].weight;
      if (runs_[last].target != target) {
        if (!is_single(last) || others.size() == kMaxRow) return;
        others.push_back(graph_.height(runs_[last].target));
        std::sort(others.begin(), others.end(), std::greater<>());
        continue;
      }
      const auto tests = static_cast<std::uint32_t>(others.size());
      std::uint32_t height = tests + own;
      for (std::uint32_t i = 0; i < tests; ++i) height = std::max(height, i + 1 + others[i]);
      leaves_.push_back({first, last, tests, height, weight});
    }
  }

  /// The fewest instructions for a tree of `depth` steps, in chosen_ and size_; false when there is
  /// none.
  bool fit(std::uint32_t depth) {
    const std::uint64_t whole = room_of(depth);
    prefixes_.assign(runs_.size() + 1, {});
    prefixes_[0].push_back({});
    for (std::size_t first = 0; first < runs_.size(); ++first) {
      for (std::size_t leaf = begins_[first]; leaf < begins_[first + 1]; ++leaf) {
        if (leaves_[leaf].height > depth) continue;
        for (std::size_t before = 0; before < prefixes_[first].size(); ++before) {
          const Prefix& prefix = prefixes_[first][before];
          const std::uint64_t room = place(prefix.room, leaves_[leaf].height, depth);
          if (room > whole) continue;
          keep(prefixes_[leaves_[leaf].last + 1],
               {prefix.size + leaves_[leaf].tests + 1, room, leaf, before});
        }
      }
    }
    const std::vector<Prefix>& all = prefixes_.back();
    if (all.empty()) return false;
    const Prefix* prefix = &*std::min_element(
        all.begin(), all.end(), [](const Prefix& a, const Prefix& b) { return a.size < b.size; });
    size_ = prefix->size - 1;
    chosen_.clear();
    while (true) {
      const Leaf& leaf = leaves_[prefix->leaf];
      chosen_.push_back(leaf);
      if (leaf.first == 0) break;
      prefix = &prefixes_[leaf.first][prefix->before];
    }
    std::reverse(chosen_.begin(), chosen_.end());
    return true;
  }

  /// Keeps what no other beats in both size and room.
  static void keep(std::vector<Prefix>& prefixes, const Prefix& prefix) {
    for (const Prefix& each : prefixes) {
      if (each.size <= prefix.size && each.room <= prefix.room) return;
    }
    std::erase_if(prefixes, [&](const Prefix& each) {
      return prefix.size <= each.size && prefix.room <= each.room;
    });
    prefixes.push_back(prefix);
  }

  /// What a row tests for: the longest path first, as add_leaves() counts; of equals the most
  /// frequent one.
  [[nodiscard]] std::vector<Run> tested(const Leaf& leaf) const {
    const NodeId otherwise = runs_[leaf.first].target;
    std::vector<Run> others;
    for (std::size_t run = leaf.first; run <= leaf.last; ++run) {
      if (runs_[run].target != otherwise) others.push_back(runs_[run]);
    }
    std::stable_sort(others.begin(), others.end(), [&](const Run& a, const Run& b) {
      return std::pair(graph_.height(a.target), a.weight) >
             std::pair(graph_.height(b.target), b.weight);
    });
    return others;
  }

  /// The leaf of the runs from `first` to `last`, of which the first is its own.
  [[nodiscard]] Leaf leaf_of(std::size_t first, std::size_t last) const {
    Leaf leaf{first, last, 0, 0, 0};
    for (std::size_t run = first; run <= last; ++run) leaf.weight += runs_[run].weight;
    const std::vector<Run> others = tested(leaf);
    leaf.tests = static_cast<std::uint32_t>(others.size());
    leaf.height = leaf.tests + graph_.height(runs_[first].target);
    for (std::uint32_t i = 0; i < leaf.tests; ++i) {
      leaf.height = std::max(leaf.height, i + 1 + graph_.height(others[i].target));
    }
    return leaf;
  }

  /// Tests of its row that the calls of a leaf take together.
  [[nodiscard]] std::uint64_t walked(const Leaf& leaf) const {
    std::uint64_t left = leaf.weight;
    std::uint64_t steps = 0;
    for (const Run& each : tested(leaf)) {
      steps += left;
      left -= each.weight;
    }
    return steps;
  }

  struct Cut {
    std::uint64_t gain = 0;  ///< tests that it saves
    Leaf low;
    Leaf high;
  };

  /// Where a row is cut best: in front of one of its own runs, so that no test is added but the
  /// JGE, and where no path gets longer.
  [[nodiscard]] Cut best_cut(const Leaf& leaf) const {
    Cut best;
    if (leaf.tests < 2) return best;
    const std::uint64_t whole = walked(leaf);
    for (std::size_t run = leaf.first + 1; run <= leaf.last; ++run) {
      if (runs_[run].target != runs_[leaf.first].target) continue;
      const Leaf low = leaf_of(leaf.first, run - 1);
      const Leaf high = leaf_of(run, leaf.last);
      if (1 + std::max(low.height, high.height) > leaf.height) continue;
      const std::uint64_t parted = walked(low) + walked(high) + leaf.weight;
      if (parted + best.gain < whole) best = {whole - parted, low, high};
    }
    return best;
  }

  /// Cuts at most `most` rows, the best first. A leaf more moves others in the tree, too: what
  /// counts is what all calls walk in the end.
  void cut_rows(std::vector<Leaf>& leaves, std::size_t most, std::uint32_t depth) const {
    std::vector<Cut> cuts;
    for (const Leaf& leaf : leaves) cuts.push_back(best_cut(leaf));
    std::uint64_t steps = steps_below(leaves, depth);
    while (most > 0) {
      const auto best = std::max_element(
          cuts.begin(), cuts.end(), [](const Cut& a, const Cut& b) { return a.gain < b.gain; });
      if (best == cuts.end() || best->gain < kCutIsWorth) return;
      const Cut cut = *best;
      const auto at = best - cuts.begin();
      best->gain = 0;
      std::vector<Leaf> parted = leaves;
      parted[static_cast<std::size_t>(at)] = cut.low;
      parted.insert(parted.begin() + at + 1, cut.high);
      const std::uint64_t after = steps_below(parted, depth);
      if (after + kCutIsWorth > steps) continue;
      leaves = std::move(parted);
      steps = after;
      *best = best_cut(cut.low);
      cuts.insert(cuts.begin() + at + 1, best_cut(cut.high));
      --most;
    }
  }

  /// Tests that all calls under `leaves` take together in a tree of `depth`.
  [[nodiscard]] std::uint64_t steps_below(std::span<const Leaf> leaves, std::uint32_t depth) const {
    if (leaves.size() == 1) return walked(leaves.front());
    std::uint64_t whole = 0;
    for (const Leaf& leaf : leaves) whole += leaf.weight;
    const std::size_t split = split_of(leaves, depth);
    return whole + steps_below(leaves.first(split), depth - 1) +
           steps_below(leaves.subspan(split), depth - 1);
  }

  /// How many of `leaves` go below a number in a tree of `depth`.
  [[nodiscard]] static std::size_t split_of(std::span<const Leaf> leaves, std::uint32_t depth) {
    // How many leaves fit in either half, and of these the split that halves the weight best.
    std::uint64_t room = 0;
    std::size_t most = 0;
    while (most + 1 < leaves.size() && leaves[most].height < depth) {
      room = place(room, leaves[most].height, depth - 1);
      if (room > room_of(depth - 1)) break;
      ++most;
    }
    room = 0;
    std::size_t least = leaves.size();
    while (least > 1 && leaves[least - 1].height < depth) {
      room = place(room, leaves[least - 1].height, depth - 1);
      if (room > room_of(depth - 1)) break;
      --least;
    }
    std::uint64_t whole = 0;
    for (const Leaf& leaf : leaves) whole += leaf.weight;
    std::uint64_t low_weight = 0;
    std::uint64_t closest = UINT64_MAX;
    std::size_t split = least;
    for (std::size_t i = 1; i <= most; ++i) {
      low_weight += leaves[i - 1].weight;
      if (i < least) continue;
      const std::uint64_t high_weight = whole - low_weight;
      const std::uint64_t apart =
          low_weight > high_weight ? low_weight - high_weight : high_weight - low_weight;
      if (apart >= closest) continue;
      closest = apart;
      split = i;
    }
    return split;
  }

  NodeId tree(std::span<const Leaf> leaves, std::uint32_t depth) {
    if (leaves.size() == 1) return row(leaves.front());
    const std::size_t split = split_of(leaves, depth);
    const NodeId high = tree(leaves.subspan(split), depth - 1);
    const NodeId low = tree(leaves.first(split), depth - 1);
    return graph_.test(BPF_JGE, runs_[leaves[split].first].first, high, low);
  }

  NodeId row(const Leaf& leaf) {
    const std::vector<Run> others = tested(leaf);
    NodeId node = runs_[leaf.first].target;
    for (auto each = others.rbegin(); each != others.rend(); ++each) {
      node = graph_.test(BPF_JEQ, each->first, each->target, node);
    }
    return node;
  }

  Graph& graph_;
  std::span<const Run> runs_;
  std::vector<Leaf> leaves_;
  std::vector<std::size_t> begins_;  ///< by run: its first leaf in leaves_
  std::vector<std::vector<Prefix>> prefixes_;
  std::vector<Leaf> chosen_;
  std::size_t size_ = 0;
};

}  // namespace

std::vector<Run> join_runs(const std::vector<Run>& runs) {
  std::vector<Run> joined;
  for (const Run& run : runs) {
    if (joined.empty() || joined.back().target != run.target) {
      joined.push_back(run);
    } else {
      joined.back().weight += run.weight;
    }
  }
  return joined;
}

NodeId number_tree(Graph& graph, std::span<const Run> runs, std::uint32_t slack, bool cut_rows) {
  // A test tells two of neighbouring runs apart, or three: past this no program is short enough.
  if (runs.size() > 2 * BPF_MAXINSNS) graph.give_up();
  if (graph.full()) return 0;
  if (runs.size() <= kTogether) return Optimiser(graph, runs).build(slack, cut_rows);
  const std::size_t half = runs.size() / 2;
  const NodeId high = number_tree(graph, runs.subspan(half), slack, cut_rows);
  const NodeId low = number_tree(graph, runs.first(half), slack, cut_rows);
  return graph.test(BPF_JGE, runs[half].first, high, low);
}

}  // namespace sysnare
