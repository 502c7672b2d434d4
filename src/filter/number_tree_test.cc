#include "filter/number_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "filter/machine.h"

namespace sysnare {
namespace {

using Runs = std::vector<Run>;  // testing::Test has a Run of its own

std::uint32_t answer(std::span<const sock_filter> program, std::uint32_t nr) {
  seccomp_data call{};
  call.nr = static_cast<int>(nr);
  return run_program(program, call).value;
}

/// The least longest path of any tree of JGE with rows of JEQ as leaves, found the long way.
class Exhaustive {
 public:
  Exhaustive(const Graph& graph, const std::vector<Run>& runs) : graph_(graph), runs_(runs) {}

  std::uint32_t depth(std::size_t first, std::size_t last) {
    if (const auto known = known_.find({first, last}); known != known_.end()) return known->second;
    std::uint32_t best = row(first, last);
    for (std::size_t split = first + 1; split <= last; ++split) {
      best = std::min(best, 1 + std::max(depth(first, split - 1), depth(split, last)));
    }
    known_[{first, last}] = best;
    return best;
  }

 private:
  std::uint32_t row(std::size_t first, std::size_t last) const {
    if (runs_[first].target != runs_[last].target) return 1000;
    std::vector<std::uint32_t> others;
    for (std::size_t i = first; i <= last; ++i) {
      if (runs_[i].target == runs_[first].target) continue;
      if (runs_[i + 1].first - runs_[i].first != 1) return 1000;
      others.push_back(graph_.height(runs_[i].target));
    }
    std::sort(others.rbegin(), others.rend());
    auto height = static_cast<std::uint32_t>(others.size()) + graph_.height(runs_[first].target);
    for (std::uint32_t i = 0; i < others.size(); ++i) height = std::max(height, i + 1 + others[i]);
    return height;
  }

  const Graph& graph_;
  const std::vector<Run>& runs_;
  std::map<std::pair<std::size_t, std::size_t>, std::uint32_t> known_;
};

TEST(NumberTree, DecidesEveryNumberAndIsAsShallowAsCanBe) {
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE(round);
    Graph graph;
    // Decisions of different length, as argument rules make them.
    std::vector<NodeId> targets = {graph.ret(1), graph.ret(2), graph.ret(3)};
    NodeId chain = graph.ret(4);
    for (std::uint32_t i = 0; i < 6; ++i) chain = graph.test(BPF_JEQ, UINT32_MAX - i, 1, chain);
    if (round % 2 == 0) targets.push_back(chain);
    Runs runs;
    std::uint32_t next = 0;
    const std::size_t count = 1 + random() % 40;
    while (runs.size() < count) {
      runs.push_back({next, targets[random() % targets.size()], random() % 5});
      next += random() % 2 == 0 ? 1 : 2 + static_cast<std::uint32_t>(random() % 9);
    }
    runs = join_runs(runs);
    const NodeId root = number_tree(graph, runs);
    const std::vector<sock_filter> program = graph.layout(graph.load(kNrWord, root)).value();
    for (std::uint32_t nr = 0; nr < next + 3; ++nr) {
      const auto run =
          std::prev(std::upper_bound(runs.begin(), runs.end(), nr,
                                     [](std::uint32_t k, const auto& r) { return k < r.first; }));
      const NodeId target = run->target;
      const std::uint32_t expected = target == chain && round % 2 == 0 ? 4 : graph.at(target).k;
      ASSERT_EQ(answer(program, nr), expected) << nr;
    }
    // Up to four steps more are taken where they save instructions.
    const std::uint32_t least = Exhaustive(graph, runs).depth(0, runs.size() - 1);
    EXPECT_GE(graph.height(root), least);
    EXPECT_LE(graph.height(root), least + 4);
  }
}

TEST(NumberTree, FrequentNumbersAreReachedInFewSteps) {
  Runs runs;
  Graph graph;
  for (std::uint32_t i = 0; i < 64; ++i) {
    runs.push_back({10 * i, graph.ret(i), i == 37 ? 1000u : 1u});
  }
  const auto steps = [&](NodeId root) {
    const std::vector<sock_filter> program = graph.layout(graph.load(kNrWord, root)).value();
    seccomp_data call{};
    call.nr = 375;
    EXPECT_EQ(run_program(program, call).value, 37u);
    return run_program(program, call).steps;
  };
  const std::uint32_t even = steps(number_tree(graph, runs));
  const std::uint32_t skewed = steps(number_tree(graph, runs, 2));
  EXPECT_EQ(even, 8u);
  EXPECT_LE(skewed, 4u);
}

TEST(NumberTree, RowsAreCutOnlyWhereThatSavesSteps) {
  std::mt19937 random(11);
  std::size_t cut_ones = 0;
  for (int round = 0; round < 100; ++round) {
    SCOPED_TRACE(round);
    // Long runs with single numbers inside, beside runs enough to pay for a cut; a number weighs 1.
    std::vector<std::uint32_t> firsts;
    std::vector<std::uint32_t> answers;
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < 60; ++i) {
      const bool single = i % 2 == 1;
      firsts.push_back(next);
      answers.push_back(single ? 2 + static_cast<std::uint32_t>(random() % 3) : 1);
      next += single ? 1 : 1 + static_cast<std::uint32_t>(random() % (i < 20 ? 30 : 4));
    }
    const auto built = [&](bool cut_rows) {
      Graph graph;
      Runs runs;
      for (std::size_t i = 0; i < firsts.size(); ++i) {
        const std::uint32_t end = i + 1 < firsts.size() ? firsts[i + 1] : next;
        runs.push_back({firsts[i], graph.ret(answers[i]), end - firsts[i]});
      }
      runs = join_runs(runs);
      const NodeId root = number_tree(graph, runs, 0, cut_rows);
      return graph.layout(graph.load(kNrWord, root)).value();
    };
    const std::vector<sock_filter> whole = built(false);
    const std::vector<sock_filter> cut = built(true);
    std::uint32_t before = 0;
    std::uint32_t after = 0;
    for (std::uint32_t nr = 0; nr < next; ++nr) {
      seccomp_data call{};
      call.nr = static_cast<int>(nr);
      const Outcome was = run_program(whole, call);
      const Outcome is = run_program(cut, call);
      ASSERT_EQ(is.value, was.value) << nr;
      before += was.steps;
      after += is.steps;
    }
    ASSERT_GE(cut.size(), whole.size());
    const auto more = static_cast<std::uint32_t>(cut.size() - whole.size());
    EXPECT_LE(after + 64 * more, before) << more << " instructions more";
    EXPECT_LE(more, whole.size() / 24 + 1);
    EXPECT_LE(longest_path(cut), longest_path(whole));
    cut_ones += more > 0 ? 1 : 0;
  }
  EXPECT_GT(cut_ones, 0U) << "none was worth it";
}

TEST(NumberTree, TooManyRunsAreNoProgram) {
  Runs runs;
  Graph graph;
  for (std::uint32_t i = 0; i < 3 * BPF_MAXINSNS; ++i) runs.push_back({2 * i, graph.ret(i % 2), 0});
  const NodeId root = number_tree(graph, runs);
  EXPECT_TRUE(graph.full());
  const auto program = graph.layout(root);
  ASSERT_FALSE(program.has_value());
  EXPECT_EQ(program.error().code, Errc::kLimit);
}

}  // namespace
}  // namespace sysnare
