#include "evidence/evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "evidence/saturation.h"
#include "evidence/test_evidence.h"

namespace sysnare {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Evidence, KeepsCallsSortedAndUnequal) {
  Evidence evidence;
  evidence.record(call_of("write"), Origin::kApplication).count = 1;
  evidence.record(call_of("read"), Origin::kApplication).count = 2;
  evidence.record(call_of("read"), Origin::kLaunch).count = 3;
  evidence.record(call_of("write", Abi::kI386), Origin::kApplication).count = 4;
  evidence.record(call_of("read"), Origin::kApplication).count += 10;
  std::vector<std::uint64_t> counts;
  for (const CallEvidence& call : evidence.calls) counts.push_back(call.count);
  EXPECT_THAT(counts, ElementsAre(3, 12, 1, 4));
  EXPECT_EQ(evidence.observed(), 20u);
  EXPECT_EQ(evidence.find(call_of("close"), Origin::kApplication), nullptr);
  EXPECT_EQ(evidence.find(call_of("write"), Origin::kApplication)->count, 1u);
}

TEST(Evidence, MergeNumbersTheRunsOn) {
  Evidence all = run_of({"read", "write"});
  merge_evidence(all, run_of({"read"}));
  merge_evidence(all, run_of({"read", "close"}));
  merge_evidence(all, run_of({"write"}));
  EXPECT_EQ(all.runs, 4u);
  EXPECT_EQ(all.last_new_run, 3u);
  const CallEvidence* read = all.find(call_of("read"), Origin::kApplication);
  EXPECT_EQ(std::tuple(read->count, read->runs_seen, read->first_run), std::tuple(3u, 3u, 1u));
  const CallEvidence* close = all.find(call_of("close"), Origin::kApplication);
  EXPECT_EQ(std::tuple(close->count, close->runs_seen, close->first_run), std::tuple(1u, 1u, 3u));

  // Two merged files merged again: what came first in run 3 of the second comes in run 4 + 3.
  Evidence twice = all;
  Evidence second = run_of({"write"});
  merge_evidence(second, run_of({"write"}));
  merge_evidence(second, run_of({"mkdir"}));
  merge_evidence(twice, second);
  EXPECT_EQ(twice.runs, 7u);
  EXPECT_EQ(twice.last_new_run, 7u);
  EXPECT_EQ(twice.find(call_of("mkdir"), Origin::kApplication)->first_run, 7u);
}

TEST(Evidence, AScanIsNoRunInAMerge) {
  const auto scan_of = [](const std::vector<std::string>& names) {
    Evidence scan = run_of({});
    scan.recorder = "scan";
    for (const std::string& name : names) {
      CallEvidence& call = scan.record(call_of(name), Origin::kScan);
      call.count = call.runs_seen = call.first_run = 1;
    }
    return scan;
  };
  struct Case {
    const char* why;
    std::vector<Evidence> parts;
    std::uint64_t runs;  ///< in the file, which needs one
    std::uint64_t last_new_run;
    std::uint64_t recorded;
  };
  const Case kCases[] = {
      {"after a run", {run_of({"read"}), scan_of({"read", "write"})}, 1, 1, 1},
      {"before a run", {scan_of({"read", "write"}), run_of({"read"})}, 1, 1, 1},
      {"between two", {run_of({"read"}), scan_of({"write"}), run_of({"read"})}, 2, 1, 2},
      {"two scans", {scan_of({"read"}), scan_of({"read", "write"})}, 1, 1, 0},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    Evidence all = c.parts.front();
    for (std::size_t i = 1; i < c.parts.size(); ++i) merge_evidence(all, c.parts[i]);
    EXPECT_EQ(all.runs, c.runs);
    EXPECT_EQ(all.last_new_run, c.last_new_run);
    EXPECT_EQ(recorded_runs(all), c.recorded);
    EXPECT_EQ(saturation_of(all).quiet_runs, c.recorded - std::min(c.recorded, c.last_new_run));
    const CallEvidence* found = all.find(call_of("write"), Origin::kScan);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->runs_seen, 0u);
    EXPECT_TRUE(parse_evidence(write_evidence(all), "x.json").has_value())
        << "what we write we read";
  }
}

TEST(Evidence, MergeKeepsOfTheContainersWhatAllShare) {
  const auto container = [](const char* id, const char* image) {
    Evidence evidence = run_of({"read"});
    evidence.workload = {
        .engine = "docker", .runtime = "docker", .name = id, .id = id, .image = image};
    return evidence;
  };
  Evidence all = container("a1", "web");
  merge_evidence(all, container("b2", "web"));
  EXPECT_EQ(all.workload, (Workload{.engine = "docker", .runtime = "docker", .image = "web"}));
  EXPECT_THAT(all.notes, ElementsAre());
  merge_evidence(all, run_of({"read"}));
  EXPECT_EQ(all.workload.image, "web");
  merge_evidence(all, container("c3", "other"));
  EXPECT_THAT(all.notes, ElementsAre("holds runs of the image other too"));

  Evidence plain = run_of({"read"});
  EXPECT_THAT(write_evidence(plain), ::testing::Not(HasSubstr("workload")));
  merge_evidence(plain, container("a1", "web"));
  EXPECT_EQ(plain.workload.id, "a1");
  const Result<Evidence> back = parse_evidence(write_evidence(plain), "x");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->workload, plain.workload);
}

TEST(Evidence, MergeAddsWhatHangsOnACall) {
  Evidence a = run_of({"openat"});
  Evidence b = run_of({"openat"});
  CallEvidence& left = a.calls[0];
  CallEvidence& right = b.calls[0];
  left.errors = {{"ENOENT", 2}};
  right.errors = {{"ENOENT", 1}, {"EACCES", 4}};
  left.max_ns = 7;
  right.max_ns = 5;
  left.total_ns = 10;
  right.total_ns = 5;
  left.sites = {{Site{"libc", "", 16}, 1}};
  right.sites = {{Site{"libc", "", 16}, 1}, {Site{"libc", "", 8}, 1}};
  left.stacks = {{{"open", "main"}, 1, false}};
  right.stacks = {{{"open", "f"}, 2, false}, {{"open", "main"}, 2, false}};
  left.args = {{0, {1, 2}}, {1, {5}}, {2, {1}}, {4, {1}}};
  left.args_many = {3};
  right.args = {{0, {2, 3}}, {2, {}}};
  right.args_many = {4, 5};
  for (std::uint64_t value = 100; value < 100 + kMaxArgValues; ++value) {
    right.args[2].push_back(value);
  }
  a.lost = 1;
  b.lost = 2;
  a.runs_unfollowed = 1;
  b.runs_unfollowed = 1;
  b.children_unfollowed = 5;
  b.notes = {"n"};
  merge_evidence(a, b);
  merge_evidence(a, run_of({}));
  const CallEvidence& sum = a.calls[0];
  EXPECT_EQ(sum.error_count(), 7u);
  EXPECT_EQ(sum.errors.at("ENOENT"), 3u);
  EXPECT_EQ(sum.max_ns, 7u);
  EXPECT_EQ(sum.total_ns, 15u);
  EXPECT_EQ(sum.sites.at(Site{"libc", "", 16}), 2u);
  EXPECT_EQ(sum.sites.size(), 2u);
  ASSERT_EQ(sum.stacks.size(), 2u);
  EXPECT_THAT(sum.stacks[0].frames, ElementsAre("open", "main"));
  EXPECT_EQ(sum.stacks[0].count, 3u);
  ASSERT_EQ(sum.args.size(), 1u) << "a set missing on one side or grown too large is no set";
  EXPECT_THAT(sum.args.at(0), ElementsAre(1, 2, 3));
  EXPECT_THAT(sum.args_many, ElementsAre(2, 3, 4, 5)) << "grown too large, or many on either side";
  EXPECT_EQ(a.lost, 3u);
  EXPECT_EQ(a.runs_unfollowed, 2u);
  EXPECT_EQ(a.children_unfollowed, 5u);
  EXPECT_THAT(a.notes, ElementsAre("n"));
}

/// All but which run was the first, and the order of a list of notes, is the same in any order.
TEST(Evidence, TheOrderOfMergingShowsOnlyInTheNumbersOfRuns) {
  Evidence a = run_of({"openat", "read"});
  Evidence b = run_of({"openat", "mkdir"});
  Evidence c = run_of({"read", "chdir"});
  b.recorder = "ebpf";
  a.record(call_of("openat"), Origin::kApplication).errors = {{"ENOENT", 1}};
  a.record(call_of("openat"), Origin::kApplication).args = {{0, {1, 2}}};
  b.record(call_of("openat"), Origin::kApplication).args = {{0, {3}}};
  lose(a, "calls of one kind", 2);
  lose(c, "calls of one kind", 3);
  lose(c, "calls of another kind");
  c.notes = {"n"};
  std::vector<const Evidence*> order = {&a, &b, &c};
  std::sort(order.begin(), order.end());
  std::set<std::string> texts;
  do {
    Evidence all = *order[0];
    merge_evidence(all, *order[1]);
    merge_evidence(all, *order[2]);
    EXPECT_EQ(all.runs, 3u);
    EXPECT_EQ(all.find(call_of("read"), Origin::kApplication)->runs_seen, 2u);
    all.last_new_run = 0;
    for (CallEvidence& call : all.calls) call.first_run = 0;
    texts.insert(write_evidence(all));
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_EQ(texts.size(), 1u);
  EXPECT_THAT(*texts.begin(), HasSubstr("\"ebpf+ptrace\""));
  EXPECT_THAT(*texts.begin(), HasSubstr("\"calls of one kind\": 5"));
}

TEST(Evidence, KnowsProgramsByPathOrByWhatIsInThem) {
  struct Case {
    const char* why;
    ProgramIdentity a, b;
    SameProgram same;
  };
  const Case cases[] = {
      {"equal", {"/bin/x", "11", ""}, {"/bin/x", "11", ""}, SameProgram::kYes},
      {"another build", {"/bin/x", "11", ""}, {"/bin/x", "22", ""}, SameProgram::kOtherBuild},
      {"a file that could not be read",
       {"/bin/x", "", ""},
       {"/bin/x", "22", ""},
       SameProgram::kYes},
      {"another name of the file", {"/bin/x", "11", ""}, {"/usr/y", "11", ""}, SameProgram::kYes},
      {"another program", {"/bin/x", "11", ""}, {"/bin/y", "22", ""}, SameProgram::kNo},
      {"two of which only the names are known", {"/x", "", ""}, {"/y", "", ""}, SameProgram::kNo},
      {"a whole host", {"", "", ""}, {"/bin/y", "22", ""}, SameProgram::kYes},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(same_program(c.a, c.b), c.same);
    EXPECT_EQ(same_program(c.b, c.a), c.same);
  }
}

TEST(Evidence, WhatWasLostIsNamedFromTheFileOn) {
  Evidence evidence = run_of({"read"});
  EXPECT_EQ(losses_text(evidence), "");
  lose(evidence, "calls of one kind", 0);
  EXPECT_EQ(evidence.losses.size(), 0u) << "nothing";
  lose(evidence, "calls of one kind", 1200);
  evidence.lost += 3;  // of an older file, which does not say
  EXPECT_EQ(losses_text(evidence), "1,200 calls of one kind, 3 others");
  const Result<Evidence> back = parse_evidence(write_evidence(evidence), "e.json");
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_EQ(back->lost, 1203u);
  EXPECT_EQ(back->losses, evidence.losses);
  Evidence lies = evidence;
  lies.lost = 1199;
  const Result<Evidence> refused = parse_evidence(write_evidence(lies), "e.json");
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("more than the 1,199 of `lost`"));
}

TEST(Evidence, ValuesOfAnArgumentTurnToManyPastTheLimit) {
  CallEvidence call;
  for (std::uint64_t value = kMaxArgValues; value > 0; --value) {
    call.add_arg(1, value);
    call.add_arg(1, value);
  }
  ASSERT_EQ(call.args.at(1).size(), kMaxArgValues);
  EXPECT_TRUE(std::is_sorted(call.args.at(1).begin(), call.args.at(1).end()));
  EXPECT_TRUE(call.args_many.empty());
  call.add_arg(1, 0);
  EXPECT_FALSE(call.args.contains(1));
  EXPECT_THAT(call.args_many, ElementsAre(1));
  call.add_arg(1, 7);
  EXPECT_FALSE(call.args.contains(1)) << "many stay many";
}

TEST(Evidence, MergeAddsPhasesWhereBothKnowThem) {
  using Phases = std::optional<PhaseCounts>;
  struct Case {
    const char* why;
    Phases left, right, sum;
  };
  const Case cases[] = {
      {"each by itself", PhaseCounts{1, 2, 3}, PhaseCounts{10, 20, 30}, PhaseCounts{11, 22, 33}},
      {"load is in start on the right", PhaseCounts{1, 2, 3}, PhaseCounts{{}, 20, 30},
       PhaseCounts{{}, 23, 33}},
      {"load is in start on the left", PhaseCounts{{}, 2, 3}, PhaseCounts{10, 20, 30},
       PhaseCounts{{}, 32, 33}},
      {"not known on one side", PhaseCounts{1, 2, 3}, {}, {}},
      {"not known on the other", {}, PhaseCounts{1, 2, 3}, {}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Evidence a = run_of({"read"});
    Evidence b = run_of({"read"});
    a.calls[0].phases = c.left;
    b.calls[0].phases = c.right;
    merge_evidence(a, b);
    EXPECT_TRUE(a.calls[0].phases == c.sum);
  }
}

TEST(Evidence, MergeKeepsTheFirstAndTheLastMoment) {
  Evidence a = run_of({"read", "write"});
  Evidence b = run_of({"read", "write"});
  a.calls[0].seen_at(500);
  b.calls[0].seen_at(700);
  b.calls[0].seen_at(300);
  b.calls[1].seen_at(9);
  merge_evidence(a, b);
  EXPECT_EQ(a.calls[0].first_seen_ns, 300u);
  EXPECT_EQ(a.calls[0].last_seen_ns, 700u);
  EXPECT_EQ(a.calls[1].first_seen_ns, 9u) << "known on one side";
}

TEST(Evidence, MergeKeepsWhenProgramsWereReady) {
  Evidence a = run_of({"read"});
  Evidence b = run_of({"read"});
  a.ready = {{"first accept", {1, 50, 50}}};
  b.ready = {{"first accept", {1, 20, 20}}, {"SIGUSR1", {1, 9, 9}}};
  merge_evidence(a, b);
  merge_evidence(a, run_of({"read"}));
  const std::map<std::string, ReadyMark> both = {{"first accept", {2, 20, 50}},
                                                 {"SIGUSR1", {1, 9, 9}}};
  EXPECT_TRUE(a.ready == both);
}

TEST(Evidence, MergeKeepsTheShortestTimeWhereBothKnowIt) {
  struct Case {
    const char* why;
    std::optional<std::uint64_t> left, right;
    std::uint64_t left_total, right_total;
    std::optional<std::uint64_t> sum;
  };
  const Case cases[] = {
      {"the smaller", 7, 5, 10, 5, 5},
      {"no call returned on the right", 7, {}, 10, 0, 7},
      {"no call returned on the left", {}, 5, 0, 5, 5},
      {"a file that does not know it", 7, {}, 10, 5, {}},
      {"the other way round", {}, 5, 10, 5, {}},
      {"none returned at all", {}, {}, 0, 0, {}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Evidence a = run_of({"read"});
    Evidence b = run_of({"read"});
    a.calls[0].min_ns = c.left;
    a.calls[0].total_ns = c.left_total;
    b.calls[0].min_ns = c.right;
    b.calls[0].total_ns = c.right_total;
    merge_evidence(a, b);
    EXPECT_EQ(a.calls[0].min_ns, c.sum);
  }
}

TEST(Evidence, MergeOfExactTimesAndSamplesIsOfSamples) {
  struct Case {
    const char* why;
    bool left, right, sum;
  };
  const Case cases[] = {
      {"both exact", false, false, false},
      {"samples on the right", false, true, true},
      {"samples on the left", true, false, true},
      {"both", true, true, true},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Evidence a = run_of({"read", "write"});
    Evidence b = run_of({"read", "write"});
    a.calls[0].sampled = c.left;
    b.calls[0].sampled = c.right;
    merge_evidence(a, b);
    EXPECT_EQ(a.calls[0].sampled, c.sum);
    EXPECT_FALSE(a.calls[1].sampled);
  }
}

TEST(Evidence, SumsThatDoNotFitStayAtTheTop) {
  Evidence a = run_of({"read"});
  a.calls[0].count = UINT64_MAX - 1;
  a.calls[0].errors = {{"EIO", UINT64_MAX}, {"EBADF", 2}};
  a.runs = UINT64_MAX;
  a.lost = UINT64_MAX;
  merge_evidence(a, a);
  EXPECT_EQ(a.calls[0].count, UINT64_MAX);
  EXPECT_EQ(a.calls[0].error_count(), UINT64_MAX);
  EXPECT_EQ(a.runs, UINT64_MAX);
  EXPECT_EQ(a.lost, UINT64_MAX);
}

TEST(Evidence, SaysWhenTwoProgramsAreMixed) {
  Evidence a = run_of({"read"});
  Evidence b = run_of({"read"});
  b.program = {"/bin/y", "ab", ""};
  merge_evidence(a, b);
  EXPECT_EQ(a.program.path, "/bin/x");
  EXPECT_THAT(a.notes, ElementsAre("holds runs of /bin/y too, sha256 ab"));
}

TEST(Evidence, MergeAddsExecutablesByTheirFiles) {
  Evidence all = run_with_child({"read"});
  Evidence other = run_with_child({"read", "close"});
  other.executables.front().program.sha256 = "another build";
  merge_evidence(all, other);
  ASSERT_EQ(all.executables.size(), 3u);
  EXPECT_EQ(all.executables[1].program.sha256, "another build");
  const ExecutableEvidence& child = all.executables.back();
  EXPECT_EQ(child.executed_by.at("/bin/x"), 2u);
  ASSERT_EQ(child.calls.size(), 2u);
  EXPECT_EQ(child.calls[0].count, 2u);
  EXPECT_EQ(child.calls[1].first_run, 2u) << "numbered on";
}

}  // namespace
}  // namespace sysnare
