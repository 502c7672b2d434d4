// What every recorder must tell, whatever it is made of: the same victims, the same known answers,
// and strace's own counts where a program does the same in each run.
//
// A new recorder is a row of kRecorders (recorder_contract.h). Attaching, signals and job control
// are in recorder_attach_test.cc, many runs of the same in recorder_runs_test.cc,
// times of calls in recorder_times_test.cc.

#include "recorder_contract.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <set>
#include <sstream>

#include "arch/syscalls.h"
#include "harness.h"
#include "processes.h"

namespace sysnare::live {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

INSTANTIATE_TEST_SUITE_P(Live, RecorderContract, ::testing::ValuesIn(kRecorders),
                         [](const auto& row) { return std::string(row.param.name); });

const Victim kVictims[] = {
    {"threads",
     {"threads", "4", "200"},
     0,
     {{"getppid", 800, {}}, {"exit", 4, {}}, {"exit_group", 1, {}}}},
    {"more threads than processors, by far",
     {"threads", "64", "20"},
     0,
     {{"getppid", 1280, {}}, {"exit", 64, {}}}},
    {"every way to make a child",
     {"births"},
     0,
     {{"getppid", 10, {}}, {"execve", 1, {}}, {"vfork", 1, {}}, {"fork", 1, {}}}},
    {"exec in a thread that is not the leader",
     {"exec_from_thread"},
     0,
     {{"getppid", 3, {}}, {"execve", 1, {}}, {"exit_group", 1, {}}, {"pause", 1, {}}}},
    {"signals interrupt, restart, stop and continue",
     {"signals"},
     0,
     {{"nanosleep", 1, {{"ERESTART_RESTARTBLOCK", 1}}},
      {"pause", 1, {{"ERESTARTNOHAND", 1}}},
      {"rt_sigreturn", 4, {{"EINTR", 2}}}}},
    {"filters of its own: denied calls count, with their errno",
     {"self_seccomp"},
     0,
     {{"getppid", 3, {{"EACCES", 3}}},
      {"getuid", 2, {{"errno_2222", 2}}},
      {"getgid", 1, {}},
      {"geteuid", 2, {{"ENOSYS", 2}}},
      {"mkdir", 1, {}},
      {"rmdir", 1, {}}}},
    {"filters that answer with success: those calls count too, and births and execs as before",
     {"faked_success"},
     0,
     {{"getppid", 5, {}},
      {"getuid", 2, {}},
      {"clone", 2, {}},
      {"clone3", 1, {}},
      {"execve", 1, {}}}},
    {"each errno",
     {"errors"},
     0,
     {{"close", 4, {{"EBADF", 3}}},
      {"access", 4, {{"ENOENT", 4}}},
      {"mkdir", 2, {{"EEXIST", 2}}},
      {"rmdir", 1, {{"ENOTDIR", 1}}},
      {"kill", 2, {{"ESRCH", 2}}},
      {"getpriority", 1, {{"EINVAL", 1}}},
      {"write", 2, {{"EFAULT", 1}, {"EPIPE", 1}}},
      {"read", 1, {{"EISDIR", 1}}},
      {"getppid", 5, {}}}},
    {"children that end or are killed at once",
     {"quick_death", "5"},
     0,
     {{"getppid", 5, {}}, {"fork", 16, {}}, {"kill", 11, {}}, {"nanosleep", 1, {}}}},
    {"orphans are waited for", {"orphans"}, 3, {{"setpgid", 5, {{"EPERM", 5}}}}},
    {"the main thread ends first",
     {"main_thread_ends"},
     6,
     {{"getppid", 500, {}}, {"exit", 1, {}}, {"exit_group", 1, {}}}},
    {"C++ with exceptions and threads", {"throws"}, 0, {{"getppid", 100, {}}}},
    {"Go", {"gocalls"}, 0, {{"getppid", 400, {}}, {"exit_group", 1, {}}}},
    {"processes that live for a moment",
     {"short_lives", "500"},
     0,
     {{"getppid", 500, {}}, {"fork", 500, {}}, {"wait4", 500, {}}, {"exit_group", 501, {}}}},
    {"busy threads that wait for another", {"spins_for_one"}, 0, {{"getppid", 200, {}}}},
};

TEST_P(RecorderContract, CountsWhatIsKnown) {
  for (const Victim& each : kVictims) {
    SCOPED_TRACE(each.why);
    expect_known(run_in_time(command_of(each)), each);
  }
}

TEST_P(RecorderContract, CountsMoreThreadsAtOnceThanThereAreTablesReadyFor) {
  if (!room_for_threads(700)) GTEST_SKIP() << kNoRoomForThreads;
  const Victim together = {"together",
                           {"threads", "700", "4", "together"},
                           0,
                           {{"getppid", 2800, {}}, {"exit", 700, {}}}};
  expect_known(run(command_of(together)), together);
}

TEST_P(RecorderContract, TenThousandForksOfOnePidAreTenThousandProcesses) {
  const std::uint64_t forks = GetParam().is_tracer ? 500 : 10'000;
  const Recorded recorded = run({victim("same_pid"), std::to_string(forks)});
  expect_ended(recorded, 0);
  // Who may say which pid comes next gives each child the pid of the one before it.
  if (has_capability(CAP_SYS_ADMIN) && exists("/proc/sys/kernel/ns_last_pid")) {
    EXPECT_EQ(recorded.out, "1\n");
  }
  EXPECT_EQ(recorded.recording.evidence.lost, 0u);
  EXPECT_EQ(call(recorded, "fork").count, forks + 1);
  EXPECT_EQ(call(recorded, "getppid").count, forks);
  EXPECT_EQ(call(recorded, "exit_group").count, forks + 2);
}

TEST_P(RecorderContract, LosesNoneOfMillions) {
  // A tracer stops the program twice a call: it gets a share that it can do in the time.
  const std::uint64_t each = GetParam().is_tracer ? 2'500 : 1'250'000;
  const Recorded recorded = run({victim("threads"), "8", std::to_string(each)});
  expect_ended(recorded, 0);
  EXPECT_EQ(recorded.recording.evidence.lost, 0u);
  EXPECT_EQ(call(recorded, "getppid").count, 8 * each);
}

TEST_P(RecorderContract, CountsCallByCallAsStraceDoes) {
  if (!have_program("strace")) GTEST_SKIP() << "strace is not installed";
  const std::vector<std::string> commands[] = {
      {"true"},
      {"ls", "/"},
      {"sh", "-c", "exit 0"},
      {"sh", "-c", "cd / && test -d tmp && umask 022; echo done"},
      {victim("births")},
      {victim("signals")},
      {victim("self_seccomp")},
      {victim("faked_success")},
      {victim("errors")},
      {victim("self_ptrace")},
  };
  for (const auto& command : commands) {
    SCOPED_TRACE(::testing::PrintToString(command));
    // Under strace the program's own ptrace fails; without a tracer it does not.
    if (!GetParam().is_tracer && command.front() == victim("self_ptrace")) continue;
    const Recorded recorded = run_in_time(command);
    EXPECT_FALSE(recorded.timed_out);
    EXPECT_EQ(differences(tallies_of(recorded.recording.evidence), strace_log(command)), "");
  }
}

TEST_P(RecorderContract, CountsAsTheTableOfStraceDoesAndEndsToo) {
  if (!have_program("strace")) GTEST_SKIP() << "strace is not installed";
  const std::vector<std::string> commands[] = {
      {"true"},           {"ls", "/"},        {"sh", "-c", "cd / && echo done"},
      {victim("births")}, {victim("errors")},
  };
  for (const auto& command : commands) {
    SCOPED_TRACE(::testing::PrintToString(command));
    Tallies ours = tallies_of(run(command).recording.evidence);
    EXPECT_GE(ours["exit_group"].count, 1u);
    ours.erase("exit_group");
    ours.erase("exit");
    // The table has no row for a number without a name.
    std::erase_if(ours, [](const auto& each) { return each.first.starts_with("syscall_"); });
    for (auto& [name, tally] : ours) {
      std::uint64_t sum = 0;
      for (const auto& [error, count] : tally.errors) sum += count;
      tally.errors.clear();
      if (sum > 0) tally.errors[""] = sum;
    }
    EXPECT_EQ(differences(ours, strace_table(command)), "");
  }
}

/// The one difference to strace -c that is meant: its table counts returns. A profile needs the
/// calls that were begun, and a program makes some that never return beside its exits.
TEST_P(RecorderContract, CountsCallsThatNeverReturnAsTheLogOfStraceDoes) {
  if (!have_program("strace")) GTEST_SKIP() << "strace is not installed";
  struct Case {
    const char* why;
    std::vector<std::string> command;
    const char* name;
  };
  const Case cases[] = {
      {"a pause that an exec in another thread ends", {victim("exec_from_thread")}, "pause"},
      {"a kill that kills its caller", {"sh", "-c", "kill -KILL $$"}, "kill"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.why);
    EXPECT_EQ(call(run(each.command), each.name).count, 1u);
    EXPECT_EQ(strace_log(each.command)[each.name].count, 1u);
    EXPECT_EQ(strace_table(each.command).count(each.name), 0u) << "then docs/reference/trace.md";
  }
}

TEST_P(RecorderContract, KnowsAnI386CallFromAnX86One) {
  struct Case {
    const char* victim;
    std::vector<Known> known;
  };
  const Case cases[] = {
      {"int80", {{"getpid", 5, {}}, {"close", 2, {{"EBADF", 2}}}}},
      {"plain.i386", {{"getppid", 7, {}}, {"openat", 2, {{"ENOENT", 2}}}}},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.victim);
    if (live::run({victim(each.victim)}).status != 0) {
      GTEST_SKIP() << "this kernel runs no i386 code (" << each.victim << " fails by itself)";
    }
    const Recorded recorded = run({victim(each.victim)});
    expect_ended(recorded, 0);
    for (const Known& known : each.known) {
      const CallEvidence found = call(recorded, known.name, Abi::kI386);
      EXPECT_GE(found.count, known.count) << known.name;
      EXPECT_GE(found.errors.size(), known.errors.size()) << known.name;
    }
    EXPECT_EQ(call(recorded, "writev").count, 0u);
  }
}

TEST_P(RecorderContract, MeasuresWallTime) {
  const Recorded recorded = run({"sleep", "0.3"});
  expect_ended(recorded, 0);
  const CallEvidence sleep = call(recorded, "clock_nanosleep");
  EXPECT_EQ(sleep.count, 1u);
  EXPECT_GE(sleep.total_ns, 300'000'000u);
  EXPECT_LT(sleep.total_ns, 5'000'000'000u);
  EXPECT_EQ(sleep.max_ns, sleep.total_ns);
  EXPECT_EQ(call(recorded, "exit_group").total_ns, 0u) << "it never returns";
  std::uint64_t sum = 0;
  for (const CallEvidence& each : recorded.recording.evidence.calls) {
    EXPECT_LE(each.max_ns, each.total_ns);
    EXPECT_GE(each.max_ns * each.count, each.total_ns);
    sum += each.total_ns;
  }
  EXPECT_GT(sum, sleep.total_ns);
}

TEST_P(RecorderContract, SaysWhenACallCameFirstAndLast) {
  constexpr std::uint64_t kMs = 1'000'000;
  // A jiffy is 10 ms at most, CONFIG_HZ=100; what is in a recording came while it went on.
  constexpr std::uint64_t kPrecision = 25 * kMs;
  for (const RecordDetail detail : {RecordDetail::kTime, RecordDetail::kErrors}) {
    SCOPED_TRACE(static_cast<int>(detail));
    RecordOptions options;
    options.command = {"sh", "-c",
                       "mkdir /proc/x 2>/dev/null; sleep 0.3; rmdir /proc/x 2>/dev/null; exit 0"};
    options.detail = detail;
    const auto clock = [] {
      return static_cast<std::uint64_t>(
          std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count());
    };
    const std::uint64_t before = clock();
    const Recorded recorded = record(GetParam().record, options);
    const std::uint64_t after = clock();
    expect_ended(recorded, 0);
    for (const CallEvidence& each : recorded.recording.evidence.calls) {
      SCOPED_TRACE(call_label(each.call));
      ASSERT_TRUE(each.first_seen_ns && each.last_seen_ns);
      EXPECT_GE(*each.first_seen_ns + kPrecision, before);
      EXPECT_LE(*each.first_seen_ns, *each.last_seen_ns);
      EXPECT_LE(*each.last_seen_ns, after + kPrecision);
    }
    const CallEvidence mkdir = call(recorded, "mkdir");
    const CallEvidence rmdir = call(recorded, "rmdir");
    EXPECT_GE(rmdir.first_seen_ns.value() + kPrecision, mkdir.last_seen_ns.value() + 300 * kMs);
    const CallEvidence execve = call(recorded, "execve");
    EXPECT_GE(execve.last_seen_ns.value() + kPrecision, execve.first_seen_ns.value() + 300 * kMs);
  }
}

TEST_P(RecorderContract, SaysWhichProgramAndHow) {
  const Recorded recorded = run({"sh", "-c", "exit 7"});
  expect_ended(recorded, 7);
  const Evidence& evidence = recorded.recording.evidence;
  EXPECT_EQ(evidence.recorder, GetParam().name);
  EXPECT_EQ(evidence.command, (std::vector<std::string>{"sh", "-c", "exit 7"}));
  EXPECT_EQ(evidence.program.path, std::filesystem::canonical("/bin/sh").string());
  EXPECT_EQ(evidence.program.sha256.size(), 64u);
  EXPECT_NE(evidence.program.build_id, "");
  EXPECT_EQ(evidence.runs, 1u);
  EXPECT_THAT(evidence.notes, IsEmpty());
  for (const CallEvidence& each : evidence.calls) {
    EXPECT_EQ(each.runs_seen, 1u);
    EXPECT_EQ(each.first_run, 1u);
  }
}

TEST_P(RecorderContract, LeavesTheProgramsOutputAndStatusAlone) {
  struct Case {
    const char* why;
    std::vector<std::string> command;
    std::string out;
    int wait_status;
  };
  const Case cases[] = {
      {"output and status", {"sh", "-c", "echo out; exit 3"}, "out\n", 3 << 8},
      {"killed by a signal", {"sh", "-c", "kill -USR1 $$"}, "", SIGUSR1},
      {"killed by SIGKILL", {"sh", "-c", "kill -KILL $$"}, "", SIGKILL},
      {"its mask and dispositions are ours",
       {"sh", "-c", "grep -c 'SigBlk:\t0000000000000000' /proc/self/status"},
       "1\n",
       0},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.why);
    const Recorded recorded = run(each.command);
    EXPECT_FALSE(recorded.timed_out);
    EXPECT_EQ(recorded.out, each.out);
    EXPECT_EQ(recorded.recording.wait_status & ~0x80, each.wait_status);
  }
}

TEST_P(RecorderContract, SaysWhyACommandCannotBeExecuted) {
  // A folder of PATH that this user may not search would make "not found" a "permission denied".
  const std::string path = std::getenv("PATH") == nullptr ? "" : std::getenv("PATH");
  ::setenv("PATH", "/usr/bin:/bin", 1);
  const TempDir folder;
  const std::string junk = folder.write("junk", "no program\n");
  const std::string orphan = folder.write("orphan", "#!/nonexistent/interpreter\n");
  for (const std::string& file : {junk, orphan}) {
    std::filesystem::permissions(file, std::filesystem::perms(0755));
  }
  struct Case {
    const char* why;
    std::string command;
    int code;
    std::string says;
  };
  const Case cases[] = {
      {"no such file", "/nonexistent/program", 127, "/nonexistent/program"},
      {"not in PATH", "no-such-command-anywhere", 127, "no such command in PATH"},
      {"not executable", "/etc/passwd", 126, "ermission denied"},
      {"a folder", "/", 126, "is a directory"},
      {"neither a program nor a script", junk, 126, "neither a program"},
      {"a missing interpreter", orphan, 126, "its interpreter /nonexistent/interpreter"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.why);
    const Recorded recorded = run({each.command});
    EXPECT_FALSE(recorded.timed_out);
    EXPECT_EQ(recorded.error, "");
    EXPECT_THAT(recorded.recording.exec_error, HasSubstr(each.says));
    EXPECT_EQ(recorded.recording.exit_code_of_failure, each.code);
  }
  ::setenv("PATH", path.c_str(), 1);
}

TEST_P(RecorderContract, SaysWhatItCouldNotSee) {
  const Recorded untraced = run({victim("births"), "untraced"});
  expect_ended(untraced, 0);
  const std::uint64_t seen = call(untraced, "getppid").count;
  EXPECT_EQ(seen + untraced.recording.evidence.lost, 11u);
  if (seen == 10) {
    EXPECT_THAT(losses_text(untraced.recording.evidence),
                HasSubstr("1 children made with CLONE_UNTRACED"));
  }

  const Recorded ptrace = run({victim("self_ptrace")});
  if (GetParam().is_tracer) {
    expect_ended(ptrace, 0);
    EXPECT_EQ(call(ptrace, "ptrace").errors, (std::map<std::string, std::uint64_t>{{"EPERM", 2}}));
    EXPECT_THAT(ptrace.recording.evidence.notes, Contains(HasSubstr("called ptrace")));
  }
}

TEST_P(RecorderContract, FollowsChildrenOnlyWhenAsked) {
  RecordOptions options;
  options.command = {victim("births")};
  options.follow = false;
  const Recorded recorded = record(GetParam().record, options);
  expect_ended(recorded, 0);
  // The bare thread is a thread of the program itself.
  EXPECT_EQ(call(recorded, "getppid").count, 1u);
  EXPECT_EQ(recorded.recording.evidence.lost, 0u);
  // What it leaves out, it says: 9 processes by fork, vfork, clone and clone3.
  EXPECT_EQ(recorded.recording.evidence.runs_unfollowed, 1u);
  EXPECT_EQ(recorded.recording.evidence.children_unfollowed, 9u);
  EXPECT_EQ(run({victim("births")}).recording.evidence.runs_unfollowed, 0u);
}

using Values = std::vector<std::uint64_t>;
using Args = std::map<unsigned, Values>;

TEST_P(RecorderContract, KeepsTheValuesOfArgumentsThatSayWhatACallIs) {
  const Recorded recorded = run({victim("arguments")});
  expect_ended(recorded, 0);
  EXPECT_EQ(recorded.recording.evidence.lost, 0u);
  EXPECT_EQ(call(recorded, "socket").args,
            (Args{{0, {1, 12345}}, {1, {1, 0x80002}}, {2, {0, 77}}}));
  EXPECT_EQ(call(recorded, "futex").args, (Args{{1, {129}}}));
  EXPECT_EQ(call(recorded, "ioctl").args, (Args{{1, {0x10000, 0x10001, 0x10002}}}));
  EXPECT_EQ(call(recorded, "kill").args, (Args{{1, {0, SIGCONT}}}));
  EXPECT_EQ(call(recorded, "personality").args, (Args{{0, {0xffffffff}}}));
  for (const CallEvidence& each : recorded.recording.evidence.calls) {
    EXPECT_THAT(each.args_many, IsEmpty()) << call_label(each.call);
  }
  EXPECT_THAT(call(recorded, "getpid").args, IsEmpty());
}

TEST_P(RecorderContract, ValuesOfAnArgumentTurnToManyPastTheLimit) {
  for (const unsigned values : {64u, 65u, 1000u}) {
    SCOPED_TRACE(values);
    const Recorded recorded = run({victim("arguments"), std::to_string(values)});
    expect_ended(recorded, 0);
    const CallEvidence ioctl = call(recorded, "ioctl");
    EXPECT_EQ(ioctl.count, values);
    EXPECT_EQ(ioctl.args.contains(1), values <= kMaxArgValues);
    EXPECT_EQ(ioctl.args_many,
              values <= kMaxArgValues ? std::set<unsigned>{} : std::set<unsigned>{1});
  }
}

TEST_P(RecorderContract, ArgumentsOfDeniedCallsCountAsWell) {
  const Recorded recorded = run({victim("denied_arguments")});
  expect_ended(recorded, 0);
  EXPECT_EQ(call(recorded, "socket").args, (Args{{0, {2, 10}}, {1, {1, 3}}, {2, {0, 6}}}));
  EXPECT_EQ(call(recorded, "ioctl").args, (Args{{1, {0x11}}}));
  EXPECT_EQ(call(recorded, "kill").args, (Args{{1, {33}}}));
  EXPECT_EQ(call(recorded, "personality").args, (Args{{0, {0x55}}}));
}

TEST_P(RecorderContract, KnowsTheCallingInstruction) {
  RecordOptions options;
  options.command = {victim("threads"), "3", "50"};
  options.sites = true;
  // An eBPF program cannot wait for the map of an address space, which another thread may hold for
  // its whole turn. Whenever that happens it is counted; a recording without it comes soon.
  constexpr int kTries = 25;
  Recorded recorded;
  for (int i = 0; i < kTries; ++i) {
    recorded = record(GetParam().record, options);
    expect_ended(recorded, 0);
    std::uint64_t without_site = 0;
    for (const CallEvidence& each : recorded.recording.evidence.calls) {
      if (each.origin == Origin::kLaunch) continue;
      without_site += each.count;
      for (const auto& [site, count] : each.sites) without_site -= count;
    }
    EXPECT_EQ(without_site, recorded.recording.evidence.unresolved_sites);
    if (GetParam().is_tracer || without_site == 0) break;
  }
  const Evidence& evidence = recorded.recording.evidence;
  EXPECT_EQ(evidence.unresolved_sites, 0u);
  for (const CallEvidence& each : evidence.calls) {
    if (each.origin == Origin::kLaunch) continue;
    std::uint64_t sum = 0;
    for (const auto& [site, count] : each.sites) {
      sum += count;
      EXPECT_NE(site.module_key, "") << site.module;
      EXPECT_NE(site.offset, 0u);
    }
    EXPECT_EQ(sum, each.count) << call_label(each.call);
  }
  // All by syscall(3), a function of libc.
  const CallEvidence getppid = call(recorded, "getppid");
  ASSERT_EQ(getppid.sites.size(), 1u);
  EXPECT_THAT(getppid.sites.begin()->first.module, HasSubstr("libc"));
}

TEST_P(RecorderContract, KnowsWhichCodeIsAtAnAddressNow) {
  TempDir dir;
  RecordOptions options;
  options.command = {victim("replaced_code"), dir.path()};
  options.sites = true;
  const Recorded recorded = record(GetParam().record, options);
  expect_ended(recorded, 0);
  std::map<std::string, std::uint64_t> counts;
  for (const auto& [site, count] : call(recorded, "getppid").sites) counts[site.module] += count;
  const std::map<std::string, std::uint64_t> expected = {
      {dir / "one", 3}, {dir / "two", 4}, {"/memfd:code", 5}};
  EXPECT_EQ(counts, expected);
  EXPECT_EQ(recorded.recording.evidence.unresolved_sites, 0u);
}

TEST_P(RecorderContract, KnowsTheCodePath) {
  if (!GetParam().keeps_stacks) GTEST_SKIP() << GetParam().name << " keeps no code paths";
  struct Case {
    const char* why;
    std::vector<std::string> words;
    const char* call;
    std::vector<std::string> frames;  ///< in this order, others may stand between
  };
  const Case cases[] = {
      {"C", {"threads", "2", "5"}, "getppid", {"syscall", "work"}},
      {"Go", {"helloworld"}, "write", {"os.(*File).Write", "fmt.Fprintln", "main.main"}},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.why);
    RecordOptions options;
    options.command = each.words;
    options.command.front() = victim(each.words.front());
    options.stacks = true;
    const Recorded recorded = record(GetParam().record, options);
    expect_ended(recorded, 0);
    const CallEvidence found = call(recorded, each.call);
    ASSERT_FALSE(found.stacks.empty());
    std::uint64_t sum = 0;
    for (const Stack& stack : found.stacks) sum += stack.count;
    EXPECT_EQ(sum, found.count) << "so few are all looked at";
    auto at = found.stacks.front().frames.begin();
    const auto end = found.stacks.front().frames.end();
    for (const std::string& frame : each.frames) {
      at = std::find(at, end, frame);
      EXPECT_NE(at, end) << frame << " in "
                         << ::testing::PrintToString(found.stacks.front().frames);
    }
  }
}

}  // namespace
}  // namespace sysnare::live
