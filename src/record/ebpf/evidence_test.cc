#include "record/ebpf/evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "arch/syscalls.h"

namespace sysnare {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr std::uint32_t kShell = SYSNARE_FIRST;
constexpr std::uint32_t kChild = SYSNARE_FIRST + 1;

sysnare_call_key key(std::uint64_t call, std::uint32_t executable = kShell) {
  return {call, executable, 0};
}

sysnare_row counted(std::uint64_t count) {
  sysnare_row row{};
  row.count = count;
  return row;
}

struct Times {
  std::uint64_t total, max;
  std::uint32_t min;  ///< as shared.h keeps it
};

sysnare_row timed(std::uint64_t count, Times times) {
  sysnare_row row = counted(count);
  row.total_ns = times.total;
  row.max_ns = times.max;
  row.inverted_min = ~times.min;
  return row;
}

sysnare_row seen(std::uint64_t count, std::uint32_t first, std::uint32_t last) {
  sysnare_row row = counted(count);
  row.inverted_first = ~first;
  row.last = last;
  return row;
}

std::uint64_t native(const char* name) { return *syscall_nr(native_abi(), name); }

TEST(EbpfEvidence, TellsAbisAndOriginsApart) {
  struct Case {
    const char* why;
    sysnare_call_key key;
    Call call;
    Origin origin;
  };
  const Case cases[] = {
      {"native", key(1), {Abi::kX86_64, 1}, Origin::kApplication},
      {"int 0x80", key(1 | SYSNARE_CALL_COMPAT), {Abi::kI386, 1}, Origin::kApplication},
      {"x32 by its bit", key(1 | kX32Bit), {Abi::kX32, 1 | kX32Bit}, Origin::kApplication},
      {"a nonsense number", key(0xffffff00), {Abi::kX32, 0xffffff00}, Origin::kApplication},
      {"our launcher's exec", key(59, SYSNARE_LAUNCHER), {Abi::kX86_64, 59}, Origin::kLaunch},
      {"a runtime", key(1, kShell | SYSNARE_RUNTIME), {Abi::kX86_64, 1}, Origin::kRuntime},
  };
  if (native_abi() != Abi::kX86_64) GTEST_SKIP() << "the ABIs here are those of x86_64";
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EbpfTables tables;
    tables.rows.push_back({c.key, counted(3)});
    Evidence evidence;
    add_tables(tables, evidence);
    const CallEvidence* found = evidence.find(c.call, c.origin);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->count, 3u);
    EXPECT_FALSE(found->min_ns.has_value()) << "it never returned";
    EXPECT_THAT(evidence.notes, IsEmpty());
  }
}

TEST(EbpfEvidence, AddsWhatTasksAndExecutablesCounted) {
  EbpfTables tables;
  const std::uint64_t read = native("read");
  tables.rows.push_back({key(read), timed(2, {50, 40, 10})});
  tables.rows.push_back({key(read, kChild), timed(1, {7, 7, 7})});
  tables.rows.push_back({key(read), counted(1)});  // in flight
  tables.errors.push_back({{read | 11ull << SYSNARE_CALL_ERRNO_SHIFT, kShell, 0}, 2});
  tables.errors.push_back({{read | 2222ull << SYSNARE_CALL_ERRNO_SHIFT, kChild, 0}, 1});
  Evidence evidence;
  add_tables(tables, evidence);
  ASSERT_EQ(evidence.calls.size(), 1u);
  const CallEvidence& sum = evidence.calls.front();
  EXPECT_EQ(sum.count, 4u);
  EXPECT_EQ(sum.total_ns, 57u);
  EXPECT_EQ(sum.max_ns, 40u);
  EXPECT_EQ(sum.min_ns, 7u);
  EXPECT_EQ(sum.errors, (std::map<std::string, std::uint64_t>{{"EAGAIN", 2}, {"errno_2222", 1}}));
}

TEST(EbpfEvidence, ReadsTheShortestTimeFrom32Bits) {
  struct Case {
    const char* why;
    std::uint32_t kept;
    std::uint64_t ns;
  };
  constexpr std::uint64_t kUnit = 1 << SYSNARE_LONG_SHIFT;
  const Case cases[] = {
      {"nanoseconds", 1, 1},
      {"the most of them", SYSNARE_LONG - 1, SYSNARE_LONG - 1},
      {"2.1 s", SYSNARE_LONG + 2048, 2048 * kUnit},
      {"an hour", SYSNARE_LONG + 3'433'227, 3'433'227 * kUnit},
      {"as long as there is", UINT32_MAX - 1, (SYSNARE_LONG - 2) * kUnit},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EbpfTables tables;
    tables.rows.push_back({key(native("read")), timed(1, {c.ns, c.ns, c.kept})});
    Evidence evidence;
    add_tables(tables, evidence);
    EXPECT_EQ(evidence.calls.front().min_ns, c.ns);
  }
}

TEST(EbpfEvidence, OneTaskWithSamplesMakesTheSumOne) {
  EbpfTables tables;
  const std::uint64_t read = native("read");
  tables.rows.push_back({key(read), timed(2, {9, 5, 4})});
  tables.rows.push_back({key(native("write")), timed(2, {9, 5, 4})});
  Evidence exact;
  add_tables(tables, exact);
  EXPECT_FALSE(exact.calls.front().sampled);
  tables.rows.push_back({key(read, kChild), timed(900, {9000, 20, 4})});
  tables.rows.back().second.sampled = 1;
  Evidence evidence;
  add_tables(tables, evidence);
  EXPECT_TRUE(evidence.calls.front().sampled);
  EXPECT_FALSE(evidence.calls.back().sampled);
}

sysnare_arg_set_key arg(std::uint64_t call, unsigned index, std::uint32_t executable = kShell) {
  return {call | std::uint64_t{index + 1} << SYSNARE_CALL_ARG_SHIFT, executable, 0};
}

TEST(EbpfEvidence, JoinsTheArgumentsOfAllExecutables) {
  EbpfTables tables;
  const std::uint64_t socket = native("socket");
  const std::uint64_t ioctl = native("ioctl");
  for (const std::uint32_t executable : {kShell, kChild}) {
    tables.rows.push_back({key(socket, executable), counted(1)});
    tables.rows.push_back({key(ioctl, executable), counted(100)});
    tables.arg_sets.push_back({arg(socket, 0, executable), 1});
    tables.args.push_back({{arg(socket, 0, executable), executable == kShell ? 2u : 1u}, 1});
    for (std::uint64_t i = 0; i < 40; ++i) {
      tables.args.push_back({{arg(ioctl, 1, executable), executable * 1000 + i}, 1});
    }
    tables.arg_sets.push_back({arg(ioctl, 1, executable), 40});
  }
  tables.arg_sets.push_back({arg(socket, 1), SYSNARE_MAX_ARG_VALUES + 1});
  tables.args.push_back({{arg(socket, 1), 7}, 1});
  tables.args.push_back({{arg(native("kill"), 1), 9}, 1});  // of a call that is not counted yet
  Evidence evidence;
  add_tables(tables, evidence);
  ModuleFiles modules;
  add_executables(tables, {}, modules, evidence);
  ASSERT_EQ(evidence.calls.size(), 2u);
  const CallEvidence* sum = find_in(
      evidence.calls, {native_abi(), static_cast<std::uint32_t>(socket)}, Origin::kApplication);
  ASSERT_NE(sum, nullptr);
  EXPECT_THAT(sum->args.at(0), ElementsAre(1, 2));
  EXPECT_THAT(sum->args_many, ElementsAre(1));
  sum = find_in(evidence.calls, {native_abi(), static_cast<std::uint32_t>(ioctl)},
                Origin::kApplication);
  ASSERT_NE(sum, nullptr);
  EXPECT_THAT(sum->args_many, ElementsAre(1)) << "40 here, 40 others there";
  ASSERT_EQ(evidence.executables.size(), 2u);
  for (const ExecutableEvidence& each : evidence.executables) {
    for (const CallEvidence& call : each.calls) {
      if (call.call.nr != ioctl) continue;
      EXPECT_EQ(call.args.at(1).size(), 40u);
    }
  }

  tables.lost[SYSNARE_LOST_ARG] = 1;
  Evidence lossy;
  add_tables(tables, lossy);
  for (const CallEvidence& each : lossy.calls) {
    EXPECT_THAT(each.args, IsEmpty()) << "a set with a hole is none";
    EXPECT_THAT(each.args_many, IsEmpty());
  }
}

TEST(EbpfEvidence, KeepsPhasesApartAsFarAsTheyAreKnown) {
  const std::uint64_t read = native("read");
  EbpfTables tables;
  const auto add = [&](std::uint32_t phase, std::uint64_t count) {
    tables.rows.push_back({{read, kShell, phase}, counted(count)});
  };
  add(SYSNARE_LOAD, 1);
  add(SYSNARE_START, 20);
  add(SYSNARE_START, 30);
  add(SYSNARE_STEADY, 400);
  tables.rows.push_back({{read, kShell | SYSNARE_RUNTIME, SYSNARE_START}, counted(9)});
  tables.rows.push_back({{native("execve"), SYSNARE_LAUNCHER, SYSNARE_NO_PHASE}, counted(1)});
  struct Case {
    bool phases, load;
    std::optional<PhaseCounts> expected;
  };
  const Case cases[] = {{true, true, PhaseCounts{1, 50, 400}}, {false, false, {}}};
  for (const Case& c : cases) {
    tables.knows_phases = c.phases;
    tables.knows_load = c.load;
    Evidence evidence;
    add_tables(tables, evidence);
    const CallEvidence* sum =
        evidence.find({native_abi(), static_cast<std::uint32_t>(read)}, Origin::kApplication);
    ASSERT_NE(sum, nullptr);
    EXPECT_EQ(sum->count, 451u);
    EXPECT_TRUE(sum->phases == c.expected);
    const CallEvidence* of_runtime =
        evidence.find({native_abi(), static_cast<std::uint32_t>(read)}, Origin::kRuntime);
    ASSERT_NE(of_runtime, nullptr);
    EXPECT_FALSE(of_runtime->phases.has_value());
    EXPECT_FALSE(evidence.calls.back().phases.has_value()) << "the launcher is in none";
  }
}

TEST(EbpfEvidence, TurnsTicksIntoMoments) {
  EbpfTables tables;
  tables.first_tick_ns = 1'000'000'000;
  tables.ns_per_tick = 4'000'000;
  const std::uint64_t read = native("read");
  tables.rows.push_back({key(read), seen(2, 3, 5)});
  tables.rows.push_back({key(read, kChild), seen(2, 2, 2)});
  tables.rows.push_back({key(native("write")), counted(1)});
  Evidence evidence;
  add_tables(tables, evidence);
  ASSERT_EQ(evidence.calls.size(), 2u);
  EXPECT_EQ(evidence.calls[0].first_seen_ns, 1'004'000'000u);
  EXPECT_EQ(evidence.calls[0].last_seen_ns, 1'016'000'000u);
  EXPECT_FALSE(evidence.calls[1].first_seen_ns.has_value()) << "with counts alone";
}

TEST(EbpfEvidence, EveryLossIsCountedAndNamed) {
  for (int what = 0; what < SYSNARE_LOSSES; ++what) {
    SCOPED_TRACE(what);
    EbpfTables tables;
    tables.lost[what] = 1234;
    Evidence evidence;
    add_tables(tables, evidence);
    EXPECT_EQ(evidence.lost, 1234u);
    ASSERT_EQ(evidence.losses.size(), 1u);
    EXPECT_EQ(evidence.losses.begin()->second, 1234u);
    EXPECT_THAT(losses_text(evidence), StartsWith("1,234 "));
  }
  EbpfTables tables;
  tables.missed = 5;
  tables.moved_meanwhile = true;
  Evidence evidence;
  add_tables(tables, evidence);
  EXPECT_EQ(evidence.lost, 6u);
  EXPECT_EQ(evidence.losses.size(), 2u);
  EXPECT_EQ(evidence.notes.size(), 1u) << "calls may also be counted twice";
}

TEST(EbpfEvidence, SaysWhoExecutedWhom) {
  EbpfTables tables;
  tables.rows.push_back({key(native("execve"), SYSNARE_LAUNCHER), counted(1)});
  tables.rows.push_back({key(native("fork")), counted(2)});
  tables.edges.push_back({{SYSNARE_LAUNCHER, kShell}, 1});
  ModuleFiles modules;
  Evidence alone;
  add_executables(tables, {}, modules, alone);
  EXPECT_THAT(alone.executables, IsEmpty()) << "one executable is the whole recording";

  tables.rows.push_back({key(native("read"), kChild), counted(5)});
  tables.edges.push_back({{kShell, kChild}, 2});
  Evidence both;
  NumberedExecutable shell;
  shell.program.path = "/bin/sh";
  add_executables(tables, {{kShell, shell}}, modules, both);
  ASSERT_EQ(both.executables.size(), 2u);
  EXPECT_EQ(both.executables[0].program.path, "/bin/sh");
  EXPECT_EQ(both.executables[0].executed_by.at(""), 1u);
  EXPECT_THAT(both.executables[1].program.path, HasSubstr("not known"));
  EXPECT_EQ(both.executables[1].executed_by.at("/bin/sh"), 2u);
  ASSERT_EQ(both.executables[1].calls.size(), 1u);
  EXPECT_EQ(both.executables[1].calls.front().count, 5u);
}

TEST(EbpfEvidence, TellsWhoseCallingInstructionItWas) {
  EbpfTables tables;
  ModuleFiles modules;
  const std::uint64_t read = native("read");
  for (const std::uint32_t executable : {kShell, kChild}) {
    tables.rows.push_back({key(read, executable), counted(3)});
    sysnare_site_key site = {};
    site.call = read;
    site.place.kind = SYSNARE_PLACE_FILE;
    site.place.inode = executable;
    site.place.offset = 0x1000;
    site.executable = executable;
    tables.sites.push_back({site, 3});
  }
  Evidence evidence;
  add_tables(tables, evidence);
  add_sites(tables, modules, evidence);
  NumberedExecutable shell;
  shell.program.path = "/bin/sh";
  NumberedExecutable child;
  child.program.path = "/bin/true";
  add_executables(tables, {{kShell, shell}, {kChild, child}}, modules, evidence);
  ASSERT_EQ(evidence.executables.size(), 2u);
  for (const ExecutableEvidence& each : evidence.executables) {
    ASSERT_EQ(each.calls.size(), 1u);
    EXPECT_EQ(each.calls[0].sites.size(), 1u) << each.program.path;
    EXPECT_EQ(each.calls[0].sites.begin()->second, 3u) << each.program.path;
  }
  std::uint64_t sum = 0;
  for (const auto& [site, count] : evidence.calls.at(0).sites) sum += count;
  EXPECT_EQ(sum, 6u);
}

TEST(EbpfEvidence, TellsOneFileInTwoCgroupsApart) {
  EbpfTables tables;
  tables.rows.push_back({key(native("read")), counted(2)});
  NumberedExecutable shell;
  shell.program.path = "/bin/sh";
  shell.cgroup = "/a";
  ModuleFiles modules;
  Evidence alone;
  add_executables(tables, {{kShell, shell}}, modules, alone);
  ASSERT_EQ(alone.executables.size(), 1u) << "where it ran is told nowhere else";
  EXPECT_EQ(alone.executables[0].cgroup, "/a");

  tables.rows.push_back({key(native("read"), kChild), counted(5)});
  NumberedExecutable other = shell;
  other.cgroup = "/b";
  Evidence both;
  add_executables(tables, {{kShell, shell}, {kChild, other}}, modules, both);
  ASSERT_EQ(both.executables.size(), 2u);
  EXPECT_EQ(both.executables[1].cgroup, "/b");
  EXPECT_EQ(both.executables[1].calls.front().count, 5u);
}

TEST(EbpfEvidence, TheRuntimeIsNotTheProgramOfAContainer) {
  NumberedExecutable runtime;
  runtime.program.path = "/runc";
  NumberedExecutable program;
  program.program.path = "/hello";
  EbpfTables tables;
  EXPECT_EQ(first_program(tables, {}).path, "");
  tables.rows.push_back({key(native("close"), kShell | SYSNARE_RUNTIME), counted(2)});
  EXPECT_EQ(first_program(tables, {{kShell, runtime}}).path, "");
  tables.rows.push_back({key(native("read"), kChild), counted(5)});
  EXPECT_EQ(first_program(tables, {{kShell, runtime}, {kChild, program}}).path, "/hello");
}

TEST(EbpfEvidence, OperationsOfRingsAreSeenOrSaidToBeUnseen) {
  for (const bool seen : {true, false}) {
    SCOPED_TRACE(seen);
    EbpfTables tables;
    tables.sees_operations = seen;
    tables.rows.push_back({key(native("io_uring_setup")), counted(1)});
    if (seen) tables.operations.push_back({{kShell, 18}, 3});
    Evidence evidence;
    add_tables(tables, evidence);
    EXPECT_EQ(evidence.operations.size(), seen ? 1u : 0u);
    EXPECT_EQ(evidence.notes.empty(), seen);
  }
}

}  // namespace
}  // namespace sysnare
