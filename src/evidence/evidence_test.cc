#include "evidence/evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <set>

#include "arch/syscalls.h"
#include "base/text.h"

namespace sysnare {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Call call_of(std::string_view name, Abi abi = Abi::kX86_64) {
  return {abi, *syscall_nr(abi, name)};
}

/// One run in which each of `names` came once.
Evidence run_of(const std::vector<std::string>& names) {
  Evidence evidence;
  evidence.program.path = "/bin/x";
  evidence.recorder = "ptrace";
  for (const std::string& name : names) {
    CallEvidence& call = evidence.record(call_of(name), Origin::kApplication);
    call.count = 1;
    call.runs_seen = 1;
    call.first_run = 1;
  }
  return evidence;
}

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

TEST(EvidenceFile, GivesBackWhatWasWritten) {
  Evidence evidence = run_of({"read", "openat"});
  evidence.program = {"/bin/x", "00ff", "go:abc"};
  evidence.command = {"x", "with \"quotes\"\n"};
  evidence.runs = 3;
  evidence.last_new_run = 2;
  evidence.lost = (1ull << 53) - 1;
  evidence.runs_unfollowed = 2;
  evidence.children_unfollowed = 7;
  evidence.unresolved_sites = 4;
  evidence.notes = {"one", "two"};
  CallEvidence& call = evidence.record(call_of("openat"), Origin::kApplication);
  call.count = 1ull << 53;
  call.errors = {{"ENOENT", 3}, {"errno_600", 1}};
  call.total_ns = UINT64_MAX;
  call.max_ns = 9;
  call.min_ns = 2;
  call.runs_seen = 3;
  call.first_run = 2;
  call.sites = {{Site{"/lib/libc.so.6", "ab", 0xfffffffffffffff0}, 7}, {Site{"[anon]", "", 1}, 1}};
  call.stacks = {{{"write", "main"}, 2, true}, {{"f"}, 1, false}};
  call.args = {{0, {0, UINT64_MAX}}, {5, {}}};
  call.args_many = {2, 3};
  call.phases = PhaseCounts{1, 1ull << 52, 0};
  call.first_seen_ns = 1'795'811'412'345'000'000;
  call.last_seen_ns = 1'795'811'412'346'000'000;
  evidence.ready = {{"first accept", {2, 20, 1ull << 60}}};
  const CallEvidence expected = call;
  evidence.record({Abi::kI386, 5000}, Origin::kScan).count = 1;  // moves what `call` refers to
  const std::string text = write_evidence(evidence);
  EXPECT_THAT(text, HasSubstr("\"first_seen\": \"2026-11-27T20:30:12.345Z\","));
  EXPECT_THAT(text, HasSubstr("\"lost\": 9007199254740991,"));
  EXPECT_THAT(text, HasSubstr("\"count\": \"0x20000000000000\""));
  EXPECT_THAT(text, HasSubstr("\"name\": \"syscall_0x1388\""));
  const auto back = parse_evidence(text, "f");
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_EQ(write_evidence(*back), text);
  EXPECT_EQ(back->runs_unfollowed, 2u);
  EXPECT_EQ(back->children_unfollowed, 7u);
  const CallEvidence* got = back->find(call_of("openat"), Origin::kApplication);
  ASSERT_NE(got, nullptr);
  EXPECT_EQ(got->count, expected.count);
  EXPECT_EQ(got->errors, expected.errors);
  EXPECT_EQ(got->min_ns, expected.min_ns);
  EXPECT_FALSE(back->find(call_of("read"), Origin::kApplication)->min_ns.has_value());
  EXPECT_EQ(got->sites, expected.sites);
  EXPECT_EQ(got->stacks, expected.stacks);
  EXPECT_EQ(got->args, expected.args);
  EXPECT_EQ(got->args_many, expected.args_many);
  EXPECT_TRUE(got->phases == expected.phases);
  EXPECT_EQ(got->first_seen_ns, expected.first_seen_ns);
  EXPECT_EQ(got->last_seen_ns, expected.last_seen_ns);
  EXPECT_TRUE(back->ready == evidence.ready);
  EXPECT_EQ(back->command, evidence.command);
  EXPECT_EQ(back->program, evidence.program);
}

/// A run of /bin/x that executed /bin/y, which made `names`.
Evidence run_with_child(const std::vector<std::string>& names) {
  Evidence evidence = run_of(names);
  for (const char* path : {"/bin/x", "/bin/y"}) {
    ExecutableEvidence executable;
    executable.program.path = path;
    executable.executed_by[std::string_view(path) == "/bin/x" ? "" : "/bin/x"] = 1;
    evidence.executables.push_back(executable);
  }
  evidence.executables.back().calls = evidence.calls;
  return evidence;
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

TEST(EvidenceFile, GivesBackExecutables) {
  const std::string text = write_evidence(run_with_child({"read", "write"}));
  const Result<Evidence> back = parse_evidence(text, "x.json");
  ASSERT_TRUE(back.has_value()) << back.error().message;
  ASSERT_EQ(back->executables.size(), 2u);
  EXPECT_EQ(back->executables[1].calls.size(), 2u);
  EXPECT_EQ(write_evidence(*back), text);

  const std::string twice = write_evidence([] {
    Evidence evidence = run_with_child({"read"});
    evidence.executables.push_back(evidence.executables.back());
    return evidence;
  }());
  const Result<Evidence> refused = parse_evidence(twice, "x.json");
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("/bin/y stands twice"));
}

TEST(EvidenceFile, KeepsOneExecutableInTwoCgroupsApart) {
  Evidence evidence = run_with_child({"read"});
  evidence.executables.front() = evidence.executables.back();
  evidence.executables.front().cgroup = "/a";
  evidence.executables.back().cgroup = "/b";
  const std::string text = write_evidence(evidence);
  Result<Evidence> back = parse_evidence(text, "x.json");
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_EQ(write_evidence(*back), text);
  merge_evidence(*back, evidence);
  ASSERT_EQ(back->executables.size(), 2u);
  EXPECT_EQ(back->executables[0].cgroup, "/a");
  EXPECT_EQ(back->executables[1].calls.front().count, 2u);
}

TEST(EvidenceFile, KeepsOperationsOfRings) {
  Evidence evidence = run_with_child({"read"});
  evidence.operations[18] = {3, 1, 1};
  evidence.executables.back().operations[18] = {3, 1, 1};
  const std::string text = write_evidence(evidence);
  EXPECT_THAT(text, HasSubstr("\"name\": \"IORING_OP_OPENAT\""));
  Result<Evidence> back = parse_evidence(text, "x.json");
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_EQ(write_evidence(*back), text);

  Evidence more = run_with_child({"read"});
  more.operations[0] = {1, 1, 1};
  more.operations[18] = {4, 1, 1};
  merge_evidence(*back, more);
  EXPECT_EQ(back->operations.at(0).first_run, 2u) << "numbered on";
  EXPECT_EQ(back->operations.at(18).count, 7u);
  EXPECT_EQ(back->operations.at(18).runs_seen, 2u);

  struct Case {
    const char* why;
    const char* list;
    const char* sentence;
  };
  constexpr Case kCases[] = {
      {"another name", R"([{"opcode": 18, "name": "IORING_OP_NOP", "count": 1, "runs_seen": 1,
                            "first_run": 1}])",
       "operation 18 is IORING_OP_OPENAT, not \"IORING_OP_NOP\""},
      {"no byte", R"([{"opcode": 256, "count": 1, "runs_seen": 1, "first_run": 1}])", "256"},
      {"twice", R"([{"opcode": 1, "count": 1, "runs_seen": 1, "first_run": 1},
                    {"opcode": 1, "count": 1, "runs_seen": 1, "first_run": 1}])",
       "operation 1 stands twice"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const std::string bad = std::string(R"({"schema": 1, "runs": 1, "lost": 0, "calls": [],
                                           "io_uring": )") +
                            c.list + "}";
    const Result<Evidence> refused = parse_evidence(bad, "x.json");
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(refused.error().message, HasSubstr(c.sentence));
  }
}

TEST(EvidenceFile, EveryCutIsRefusedInOneSentence) {
  Evidence evidence = run_of({"read"});
  evidence.calls[0].sites = {{Site{"m", "k", 1}, 1}};
  const std::string text = write_evidence(evidence);
  for (std::size_t length = 0; length + 2 < text.size(); ++length) {
    const auto cut = parse_evidence(text.substr(0, length), "f");
    ASSERT_FALSE(cut.has_value()) << length;
    ASSERT_EQ(cut.error().code, Errc::kBadInput);
    ASSERT_THAT(cut.error().message, ::testing::StartsWith("f:"));
  }
}

TEST(EvidenceFile, NamesTheMistake) {
  struct Case {
    const char* why;
    std::string text;
    const char* expected;
  };
  const auto with = [](std::string entry) {
    return "{\"schema\": 1, \"runs\": 2, \"lost\": 0,\n \"calls\": [\n" + entry + "]}";
  };
  const std::string read = R"({"abi": "x86_64", "nr": 0, "name": "read")";
  const Case cases[] = {
      {"a profile", R"({"defaultAction": "SCMP_ACT_ERRNO"})",
       "no evidence file: f:1: top level: \"schema\" is missing"},
      {"an array", "[]", "f:1: top level: an object is needed"},
      {"newer", R"({"schema": 2, "calls": []})",
       "f:1: schema: this is evidence of schema 2, and this sysnare reads up to 1"},
      {"schema 0", R"({"schema": 0, "calls": []})", "f:1: schema: a whole number from 1"},
      {"schema as text", R"({"schema": "1", "calls": []})", "f:1: schema: a whole number"},
      {"no calls", R"({"schema": 1, "lost": 0})", "f:1: top level: \"calls\" is missing"},
      {"program is a text", R"({"schema": 1, "lost": 0, "program": "x", "calls": []})",
       "f:1: program: an object"},
      {"lost is not said", R"({"schema": 1, "calls": []})", "f:1: top level: \"lost\" is missing"},
      {"lost is null", R"({"schema": 1, "lost": null, "calls": []})", "f:1: lost: a whole number"},
      {"negative", R"({"schema": 1, "lost": -1, "calls": []})", "f:1: lost: a whole number"},
      {"a fraction", R"({"schema": 1, "lost": 0, "runs": 1.5, "calls": []})",
       "f:1: runs: a whole number"},
      {"no run at all", R"({"schema": 1, "lost": 0, "runs": 0, "calls": []})", "f:1: runs: 0 runs"},
      {"too large", R"({"schema": 1, "lost": 0, "runs": 18446744073709551616, "calls": []})",
       "f:1: runs:"},
      {"last_new_run past runs",
       R"({"schema": 1, "lost": 0, "runs": 2, "last_new_run": 3, "calls": []})",
       "f:1: last_new_run: 3 is above 2"},
      {"more runs without children than runs",
       R"({"schema": 1, "lost": 0, "runs": 2, "runs_unfollowed": 3, "calls": []})",
       "f:1: runs_unfollowed: "},
      {"calls is an object", R"({"schema": 1, "lost": 0, "calls": {}})",
       "f:1: calls: an array is needed"},
      {"a call is a number", with("7"), "f:3: calls[0]: an object is needed"},
      {"no abi", with(R"({"nr": 0})"), "f:3: calls[0]: \"abi\" is missing"},
      {"unknown abi", with(R"({"abi": "vax", "nr": 0})"), "f:3: calls[0].abi: \"vax\" is no ABI"},
      {"no nr", with(R"({"abi": "x86_64"})"), "f:3: calls[0]: \"nr\" is missing"},
      {"nr past 32 bits", with(R"({"abi": "x86_64", "nr": 4294967296})"), "from 0 to 4294967295"},
      {"x32 bit in x86_64", with(R"({"abi": "x86_64", "nr": 1073741824})"), "is no x86_64 number"},
      {"x32 without its bit", with(R"({"abi": "x32", "nr": 0})"), "is no x32 number"},
      {"name against number", with(R"({"abi": "x86_64", "nr": 1, "name": "mkdir"})"),
       "f:3: calls[0].name: x86_64 number 1 is write, not \"mkdir\""},
      {"twice", with(read + "},\n" + read + "}"),
       "f:4: calls[1]: read of x86_64 with origin application stands twice"},
      {"origin", with(read + R"(, "origin": "moon"})"),
       "f:3: calls[0].origin: \"moon\" is no origin"},
      {"count as text", with(read + R"(, "count": "many"})"),
       "f:3: calls[0].count: a whole number or"},
      {"no errno", with(read + R"(, "errors": {"EWHAT": 1}})"), "\"EWHAT\" is no errno"},
      {"errors a list", with(read + R"(, "errors": []})"), "calls[0].errors: an object"},
      {"errors count", with(read + R"(, "errors": {"EIO": -1}})"), "calls[0].errors.EIO: a whole"},
      {"more errors than calls", with(read + R"(, "count": 2, "errors": {"EIO": 1, "EBADF": 2}})"),
       "f:3: calls[0]: errors: 3 of 2 calls, more than there were"},
      {"errors whose sum does not fit",
       with(read + R"(, "count": 2, "errors": {"EIO": "0xffffffffffffffff", "EBADF": 3}})"),
       "more than there were"},
      {"the shortest time is text", with(read + R"(, "min_ns": "short"})"),
       "calls[0].min_ns: a whole"},
      {"seen in more runs than there were", with(read + R"(, "runs_seen": 3})"),
       "calls[0].runs_seen: 3 is above 2"},
      {"argument 6", with(read + R"(, "args": {"6": []}})"), "argument \"6\" is not within 0 to 5"},
      {"argument value", with(read + R"(, "args": {"0": ["x"]}})"), "calls[0].args.0[0]: a whole"},
      {"argument twice under two spellings", with(read + R"(, "args": {"0": [], "0x0": []}})"),
       "argument 0 stands twice"},
      {"no time", with(read + R"(, "first_seen": "yesterday"})"),
       "\"yesterday\" is no time such as"},
      {"last before first",
       with(read +
            R"(, "first_seen": "2026-01-01T00:00:00Z", "last_seen": "2025-01-01T00:00:00Z"})"),
       "calls[0]: last_seen is before first_seen"},
      {"phases is a number", with(read + R"(, "phases": 1})"), "calls[0].phases: an object"},
      {"more in phases than there were",
       with(read + R"(, "count": 5, "phases": {"load": 3, "start": 2, "steady": 1}})"),
       "calls[0].phases: more than the 5 calls there were"},
      {"phases whose sum does not fit",
       with(read + R"(, "count": 5, "phases": {"start": "0xffffffffffffffff", "steady": 2}})"),
       "more than the 5 calls"},
      {"ready is a list", R"({"schema": 1, "lost": 0, "ready": [], "calls": []})",
       "f:1: ready: an object"},
      {"ready in more runs than there were",
       R"({"schema": 1, "lost": 0, "runs": 1, "ready": {"x": {"runs": 2}}, "calls": []})",
       "f:1: ready.x.runs: 2 is above 1"},
      {"many of argument 6", with(read + R"(, "args_many": [6]})"),
       "calls[0].args_many[0]: a whole number from 0 to 5"},
      {"a set and many", with(read + R"(, "args": {"1": []}, "args_many": [1]})"),
       "argument 1 has a set in \"args\" too"},
      {"site without module", with(read + R"(, "sites": [{}]})"), "calls[0].sites[0]: \"module\""},
      {"site twice", with(read + R"(, "sites": [{"module": "m"}, {"module": "m"}]})"),
       "sites[1]: the site stands twice"},
      {"frames", with(read + R"(, "stacks": [{"frames": [1]}]})"), "stacks[0].frames[0]: a string"},
      {"truncated", with(read + R"(, "stacks": [{"truncated": 1}]})"),
       "stacks[0].truncated: true or"},
      {"control bytes are shown, not sent", with(R"({"abi": "\u001b[2J", "nr": 0})"), "\\x1b[2J"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const auto evidence = parse_evidence(c.text, "f");
    ASSERT_FALSE(evidence.has_value());
    EXPECT_EQ(evidence.error().code, Errc::kBadInput);
    EXPECT_THAT(evidence.error().message, HasSubstr(c.expected));
  }
}

TEST(EvidenceFile, ReadsTheLeastThereCanBe) {
  const auto evidence = parse_evidence(
      R"({"schema": 1, "lost": 0, "later_key": {}, "calls": [{"abi": "amd64", "nr": 0, "count": "0x10"}]})",
      "f");
  ASSERT_TRUE(evidence.has_value()) << evidence.error().message;
  EXPECT_EQ(evidence->find(call_of("read"), Origin::kApplication)->count, 16u);
  EXPECT_EQ(evidence->runs, 1u);
}

TEST(EvidenceFile, ReadsAndMergesManyCallsInAnyOrder) {
  // Each call put into its place used to move all behind it: 60,000 took minutes.
  constexpr std::uint32_t kCalls = 40'000;
  const auto file_of = [](std::uint32_t first) {
    std::string calls;
    for (std::uint32_t i = 0; i < kCalls; ++i) {
      calls += fmt::format(R"({}{{"abi": "i386", "nr": {}, "count": 1}})", i == 0 ? "" : ",",
                           first + 2 * (kCalls - i));
    }
    return R"({"schema": 1, "lost": 0, "calls": [)" + calls + "]}";
  };
  const std::clock_t start = std::clock();
  Result<Evidence> even = parse_evidence(file_of(10'000), "even.json");
  const Result<Evidence> odd = parse_evidence(file_of(10'001), "odd.json");
  ASSERT_TRUE(even.has_value() && odd.has_value());
  merge_evidence(*even, *odd);
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  ASSERT_EQ(even->calls.size(), 2 * kCalls);
  EXPECT_TRUE(
      std::is_sorted(even->calls.begin(), even->calls.end(),
                     [](const CallEvidence& a, const CallEvidence& b) { return a.call < b.call; }));
  EXPECT_LT(seconds, 10.0);
}

TEST(EvidenceFile, ANulByteIsNamed) {
  const std::string text("{\"schema\":\n1\0, \"calls\": []}", 27);
  const auto evidence = parse_evidence(text, "f");
  ASSERT_FALSE(evidence.has_value());
  EXPECT_EQ(evidence.error().message, "f:2: not JSON: byte 13 of the file is 0, so it is no text");
}

TEST(EvidenceFile, MissingFileIsNamed) {
  const auto evidence = load_evidence("/nonexistent/x.evidence.json");
  ASSERT_FALSE(evidence.has_value());
  EXPECT_EQ(evidence.error().code, Errc::kNotFound);
  EXPECT_THAT(evidence.error().message, HasSubstr("/nonexistent/x.evidence.json"));
}

}  // namespace
}  // namespace sysnare
