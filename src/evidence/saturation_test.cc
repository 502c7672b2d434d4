#include "evidence/saturation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "arch/syscalls.h"

namespace sysnare {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// `names` once each, in one run.
Evidence run_of(const std::vector<std::string>& names) {
  Evidence evidence;
  for (const std::string& name : names) {
    CallEvidence& call =
        evidence.record({native_abi(), *syscall_nr(native_abi(), name)}, Origin::kApplication);
    call.count = 1;
    call.runs_seen = 1;
    call.first_run = 1;
  }
  return evidence;
}

Evidence runs_of(const std::vector<std::vector<std::string>>& runs) {
  Evidence all = run_of(runs.front());
  for (std::size_t i = 1; i < runs.size(); ++i) merge_evidence(all, run_of(runs[i]));
  return all;
}

TEST(Saturation, EstimatesTheChanceByTheRunsThatWereNewToAllOthers) {
  struct Case {
    const char* why;
    std::vector<std::vector<std::string>> runs;
    std::uint64_t new_runs;
    std::uint64_t quiet_runs;
    double chance;
    double limit;
  };
  const Case cases[] = {
      {"one run knows nothing of the others", {{"read"}}, 1, 0, 1, 1},
      {"none was new", {{"read"}, {"read"}, {"read"}, {"read"}}, 0, 3, 0, 0.75},
      {"one of four", {{"read"}, {"read", "write"}, {"read"}, {"read"}}, 1, 2, 0.25, 0.25},
      {"three calls of one rare path are one new run",
       {{"read"}, {"read", "write", "close", "mkdir"}, {"read"}, {"read"}},
       1,
       2,
       0.25,
       0.25},
      {"the last one", {{"read"}, {"read"}, {"read"}, {"read", "write"}}, 1, 0, 0.25, 0.25},
      {"a call of two runs is new to none",
       {{"read"}, {"read", "write"}, {"read", "write"}, {"read"}},
       0,
       2,
       0,
       0.75},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const Saturation saturation = saturation_of(runs_of(c.runs));
    EXPECT_EQ(saturation.runs, c.runs.size());
    EXPECT_EQ(saturation.new_runs, c.new_runs);
    EXPECT_EQ(saturation.quiet_runs, c.quiet_runs);
    EXPECT_DOUBLE_EQ(saturation.chance_of_new(), c.chance);
    EXPECT_DOUBLE_EQ(saturation.limit_of_chance(), c.limit);
  }
}

/// The estimate is right on average: a program whose rare call comes in one run of ten.
TEST(Saturation, TheEstimateIsRightOnAverage) {
  constexpr unsigned kPrograms = 2000;
  constexpr unsigned kRuns = 20;
  std::uint64_t state = 1;
  const auto rare = [&state] {  // a linear congruential generator: Knuth, MMIX
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % 10 == 0;
  };
  double estimated = 0;
  unsigned came = 0;
  const Evidence common = run_of({"read"});
  const Evidence with = run_of({"read", "write"});
  for (unsigned program = 0; program < kPrograms; ++program) {
    Evidence all = rare() ? with : common;
    for (unsigned i = 1; i < kRuns; ++i) merge_evidence(all, rare() ? with : common);
    estimated += saturation_of(all).chance_of_new();
    const bool known = all.calls.size() == 2;
    if (rare() && !known) ++came;
  }
  // Both are 0.1 * 0.9^19 or so: 1.4 %.
  EXPECT_NEAR(estimated / kPrograms, static_cast<double>(came) / kPrograms, 0.008);
  EXPECT_NEAR(estimated / kPrograms, 0.0135, 0.003);
}

TEST(Saturation, KnowsForHowLongNothingNewHasCome) {
  Evidence evidence = run_of({"read", "write", "pause", "exit_group"});
  EXPECT_FALSE(saturation_of(evidence).quiet_ns.has_value()) << "nobody says when";
  evidence.calls[0].seen_at(1000);
  evidence.calls[0].seen_at(9000);
  evidence.calls[1].seen_at(4000);
  evidence.calls[3].seen_at(9500);  // the end is new in each run
  const Saturation saturation = saturation_of(evidence);
  EXPECT_EQ(saturation.span_ns, 8000u);
  EXPECT_EQ(saturation.quiet_ns, 5000u);
  EXPECT_FALSE(saturation_of(Evidence{}).span_ns.has_value());
}

TEST(Saturation, NamesTheRareCalls) {
  std::vector<std::vector<std::string>> runs(20, {"read", "write"});
  runs[3].insert(runs[3].end(), {"mkdir", "chdir"});
  runs[5].push_back("close");
  runs[6].push_back("close");
  for (int i = 0; i < 3; ++i) runs[i].push_back("pause");
  Evidence evidence = runs_of(runs);
  // Of another ABI, and of another origin; a scan's record is of no run.
  const Call old{Abi::kI386, *syscall_nr(Abi::kI386, "getpid")};
  CallEvidence& foreign = evidence.record(old, Origin::kApplication);
  foreign.runs_seen = foreign.first_run = 1;
  CallEvidence& ring =
      evidence.record({native_abi(), *syscall_nr(native_abi(), "openat")}, Origin::kIoUring);
  ring.runs_seen = ring.first_run = 1;
  evidence.record({native_abi(), *syscall_nr(native_abi(), "ptrace")}, Origin::kScan);
  const Saturation saturation = saturation_of(evidence);
  EXPECT_EQ(saturation.calls, 8u);
  ASSERT_EQ(saturation.rare.size(), 2u) << "three of twenty runs are not rare";
  EXPECT_EQ(saturation.rare[0].runs_seen, 1u);
  EXPECT_THAT(saturation.rare[0].calls,
              ElementsAre("chdir", "getpid (i386)", "mkdir", "openat (io_uring)"));
  EXPECT_EQ(saturation.rare[1].runs_seen, 2u);
  EXPECT_THAT(saturation.rare[1].calls, ElementsAre("close"));
  EXPECT_THAT(saturation_of(run_of({"read"})).rare, IsEmpty()) << "all of one run";
}

TEST(Saturation, SaysHowLongNothingNewHasCome) {
  struct Case {
    std::uint64_t runs;
    std::uint64_t last_new;
    const char* text;
  };
  constexpr Case kCases[] = {
      {20, 6, "nothing new in the last 14 of 20 runs"},
      {20, 20, "new calls came until the last of 20 runs; take more (--runs N)"},
      {1, 1, "1 run; more runs (--runs N) may show more calls"},
      {0, 0, "no run, static analysis only"},
  };
  for (const Case& c : kCases) {
    Evidence evidence;
    evidence.runs = c.runs;
    evidence.last_new_run = c.last_new;
    EXPECT_EQ(saturation_text(evidence), c.text);
  }
}

}  // namespace
}  // namespace sysnare
