// What every recorder must keep when it attaches, is interrupted or stopped, and when it dies: the
// other half of the contract of recorder_contract_test.cc.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>

#include "arch/syscalls.h"
#include "harness.h"
#include "processes.h"
#include "recorder_contract.h"

namespace sysnare::live {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RecorderAttach : public RecorderContract {};

INSTANTIATE_TEST_SUITE_P(Live, RecorderAttach, ::testing::ValuesIn(kRecorders),
                         [](const auto& row) { return std::string(row.param.name); });

RecordOptions attach_to(int pid) {
  RecordOptions options;
  options.attach = {pid};
  return options;
}

/// Whether the recorder has all threads of `pid`, as far as that shows from outside.
bool holds(const RecorderProcess& recorder, bool is_tracer, int pid) {
  return recorder.armed() && (!is_tracer || all_threads_traced(pid));
}

TEST_P(RecorderAttach, AttachesToAllThreadsAndLetsThemGo) {
  if (!may_attach()) GTEST_SKIP() << kMayNotAttach;
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
    SCOPED_TRACE(signal);
    Background looper({victim("looper"), "5"});
    ASSERT_TRUE(eventually([&] { return looper.out_so_far() == "ready\n"; }));
    RecorderProcess recorder(GetParam().record, attach_to(looper.pid()));
    ASSERT_TRUE(eventually([&] { return holds(recorder, GetParam().is_tracer, looper.pid()); }));
    // Each call of a tracee is two stops, and each stop a context switch: no clock needed.
    const std::uint64_t before = context_switches(looper.pid());
    ASSERT_TRUE(eventually([&] { return context_switches(looper.pid()) > before + 400; }));
    ::kill(recorder.pid(), signal);
    const Recorded recorded = recorder.wait();
    EXPECT_FALSE(recorded.timed_out);
    EXPECT_EQ(recorded.error, "");
    EXPECT_TRUE(recorded.recording.detached);
    EXPECT_GE(call(recorded, "getppid").count, 5u);
    EXPECT_GE(call(recorded, "nanosleep").count, 5u);
    EXPECT_THAT(recorded.recording.evidence.command, IsEmpty());
    EXPECT_THAT(recorded.recording.evidence.notes, Contains(HasSubstr("calls of its start")));
    EXPECT_THAT(recorded.recording.evidence.program.path, HasSubstr("looper"));
    EXPECT_NE(recorded.recording.evidence.program.build_id, "");

    EXPECT_FALSE(is_traced(looper.pid()));
    looper.signal(SIGTERM);
    const Outcome outcome = looper.wait();
    EXPECT_EQ(outcome.status, 0) << "it goes on as if nothing had been";
    EXPECT_THAT(outcome.out, HasSubstr("failed 0")) << "no sleep was interrupted";
  }
}

TEST_P(RecorderAttach, LeavesAStoppedProcessStopped) {
  if (!may_attach()) GTEST_SKIP() << kMayNotAttach;
  Background looper({victim("looper"), "2"});
  ASSERT_TRUE(eventually([&] { return looper.out_so_far() == "ready\n"; }));
  looper.signal(SIGSTOP);
  ASSERT_TRUE(eventually([&] { return state_of(looper.pid()) == 'T'; }));
  RecorderProcess recorder(GetParam().record, attach_to(looper.pid()));
  ASSERT_TRUE(eventually([&] { return holds(recorder, GetParam().is_tracer, looper.pid()); }));
  ::kill(recorder.pid(), SIGINT);
  EXPECT_TRUE(recorder.wait().recording.detached);
  EXPECT_TRUE(eventually([&] { return state_of(looper.pid()) == 'T'; }));
  looper.signal(SIGCONT);
  looper.signal(SIGTERM);
  EXPECT_EQ(looper.wait().status, 0);
}

TEST_P(RecorderAttach, KnowsTheKeyOfAFileThatIsGone) {
  if (!may_attach()) GTEST_SKIP() << kMayNotAttach;
  if (!is_root()) GTEST_SKIP() << "only root may open what a process has mapped";
  TempDir dir;
  std::filesystem::copy_file(victim("static_looper"), dir / "replaced");
  Background looper({dir / "replaced", "2"});
  ASSERT_TRUE(eventually([&] { return looper.out_so_far() == "ready\n"; }));
  std::filesystem::remove(dir / "replaced");  // as an upgrade does
  RecordOptions options = attach_to(looper.pid());
  options.sites = true;
  RecorderProcess recorder(GetParam().record, options);
  ASSERT_TRUE(eventually([&] { return holds(recorder, GetParam().is_tracer, looper.pid()); }));
  const std::uint64_t before = context_switches(looper.pid());
  ASSERT_TRUE(eventually([&] { return context_switches(looper.pid()) > before + 50; }));
  ::kill(recorder.pid(), SIGINT);
  const Recorded recorded = recorder.wait();
  std::set<std::string> keys;
  for (const CallEvidence& each : recorded.recording.evidence.calls) {
    for (const auto& [site, count] : each.sites) {
      if (site.module == dir / "replaced") keys.insert(site.module_key);
    }
  }
  EXPECT_THAT(keys, ::testing::ElementsAre(recorded.recording.evidence.program.build_id))
      << recorded.recording.evidence.unresolved_sites << " unresolved";
  looper.signal(SIGTERM);
  EXPECT_EQ(looper.wait().status, 0);
}

TEST_P(RecorderAttach, ASignalThatCameBeforeItListenedEndsIt) {
  if (!may_attach()) GTEST_SKIP() << kMayNotAttach;
  Background looper({victim("looper"), "2"});
  ASSERT_TRUE(eventually([&] { return looper.out_so_far() == "ready\n"; }));
  RecordOptions options = attach_to(looper.pid());
  options.early_signal = [] { return SIGINT; };
  RecorderProcess recorder(GetParam().record, options);
  const Recorded recorded = recorder.wait();
  EXPECT_FALSE(recorded.timed_out) << "as if it had never come";
  EXPECT_TRUE(recorded.recording.detached);
  looper.signal(SIGTERM);
  EXPECT_EQ(looper.wait().status, 0);
}

TEST_P(RecorderAttach, EndsWithTheProcessItAttachedTo) {
  if (!may_attach()) GTEST_SKIP() << kMayNotAttach;
  Background looper({victim("looper"), "2"});
  ASSERT_TRUE(eventually([&] { return looper.out_so_far() == "ready\n"; }));
  RecorderProcess recorder(GetParam().record, attach_to(looper.pid()));
  ASSERT_TRUE(eventually([&] { return holds(recorder, GetParam().is_tracer, looper.pid()); }));
  looper.signal(SIGTERM);
  EXPECT_EQ(looper.wait().status, 0);
  const Recorded recorded = recorder.wait();
  EXPECT_FALSE(recorded.timed_out);
  EXPECT_FALSE(recorded.recording.detached);
  EXPECT_EQ(call(recorded, "exit_group").count, 1u);
}

TEST_P(RecorderAttach, SaysWhyItCannotAttach) {
  Background traced({victim("looper"), "1"});
  ASSERT_TRUE(eventually([&] { return traced.out_so_far() == "ready\n"; }));
  struct Case {
    const char* why;
    int pid;
    std::string says;
  };
  std::vector<Case> cases = {
      {"gone", 0x3ffffff0, "no such process"},
      {"no process id", -5, "no process id"},
  };
  // Who stops nobody can record those who wait for it.
  if (GetParam().is_tracer) cases.push_back({"an ancestor", ::getpid(), "started this tracer"});
  if (!is_root()) cases.push_back({"another user's", 1, ""});
  for (const Case& each : cases) {
    SCOPED_TRACE(each.why);
    const Recorded recorded = record(GetParam().record, attach_to(each.pid));
    EXPECT_FALSE(recorded.timed_out);
    EXPECT_NE(recorded.error, "");
    EXPECT_THAT(recorded.error, HasSubstr(each.says));
  }
  if (!may_attach() || !GetParam().is_tracer) return;
  RecorderProcess first(GetParam().record, attach_to(traced.pid()));
  ASSERT_TRUE(eventually([&] { return is_traced(traced.pid()); }));
  const Recorded second = record(GetParam().record, attach_to(traced.pid()));
  EXPECT_THAT(second.error, AllOf(HasSubstr("already traced"),
                                  HasSubstr("process " + std::to_string(first.pid()))));
  ::kill(first.pid(), SIGINT);
  EXPECT_TRUE(first.wait().recording.detached) << "the refused one disturbed nobody";
}

TEST_P(RecorderAttach, DoesNotWaitForChildrenThatItsProcessHadBefore) {
  // As in a script: a background job, then `exec sysnare trace …`.
  static Recorder inner;
  inner = GetParam().record;
  const Recorder with_child = [](const RecordOptions& options) -> Result<Recording> {
    if (::fork() == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) ::pause();
    }
    return inner(options);
  };
  const Recorded recorded = record(with_child, {victim("births")});
  expect_ended(recorded, 0);
  EXPECT_EQ(call(recorded, "getppid").count, 10u);
}

// ---- signals and job control --------------------------------------------------------------------

TEST_P(RecorderAttach, HandsSignalsToTheCommand) {
  for (int signal : {SIGTERM, SIGHUP, SIGINT, SIGQUIT}) {
    SCOPED_TRACE(signal);
    RecordOptions options;
    options.command = {"sh", "-c", "echo ready; exec sleep 100"};
    RecorderProcess recorder(GetParam().record, options);
    const std::string children = "/proc/" + std::to_string(recorder.pid()) + "/task/" +
                                 std::to_string(recorder.pid()) + "/children";
    ASSERT_TRUE(eventually([&] {
      const int child = std::atoi(slurp(children).c_str());
      return child > 0 && slurp("/proc/" + std::to_string(child) + "/comm") == "sleep\n";
    }));
    ::kill(recorder.pid(), signal);
    const Recorded recorded = recorder.wait();
    EXPECT_FALSE(recorded.timed_out);
    EXPECT_EQ(recorded.recording.wait_status & 0x7f, signal);
    EXPECT_FALSE(recorded.recording.detached);
  }
}

TEST_P(RecorderAttach, StopsAndGoesOnWithTheCommand) {
  // As a terminal does it: to the whole group, for Ctrl-Z and for fg.
  RecordOptions options;
  options.command = {victim("looper"), "2"};
  RecorderProcess recorder(GetParam().record, options);
  const std::string children = "/proc/" + std::to_string(recorder.pid()) + "/task/" +
                               std::to_string(recorder.pid()) + "/children";
  int child = 0;
  ASSERT_TRUE(eventually([&] {
    child = std::atoi(slurp(children).c_str());
    return child > 0 && slurp("/proc/" + std::to_string(child) + "/comm") == "looper\n" &&
           std::distance(
               std::filesystem::directory_iterator("/proc/" + std::to_string(child) + "/task"),
               {}) == 3;
  }));
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(round);
    ::kill(-recorder.pid(), SIGTSTP);
    int status = 0;
    ASSERT_TRUE(
        eventually([&] { return ::waitpid(recorder.pid(), &status, WUNTRACED | WNOHANG) > 0; }));
    ASSERT_TRUE(WIFSTOPPED(status)) << "the shell would see the job stopped";
    ::kill(-recorder.pid(), SIGCONT);
    ASSERT_TRUE(eventually([&] {
      return ::waitpid(recorder.pid(), &status, WCONTINUED | WNOHANG) > 0 && WIFCONTINUED(status);
    }));
  }
  ::kill(child, SIGTERM);
  const Recorded recorded = recorder.wait();
  expect_ended(recorded, 0);
  EXPECT_THAT(recorded.out, HasSubstr("failed 0"));
}

TEST_P(RecorderAttach, ItsOwnDeathDoesNotHarmTheCommand) {
  RecordOptions options;
  options.command = {victim("looper"), "2"};
  int child = 0;
  {
    RecorderProcess recorder(GetParam().record, options);
    const std::string children = "/proc/" + std::to_string(recorder.pid()) + "/task/" +
                                 std::to_string(recorder.pid()) + "/children";
    ASSERT_TRUE(eventually([&] {
      child = std::atoi(slurp(children).c_str());
      return child > 0 && slurp("/proc/" + std::to_string(child) + "/comm") == "looper\n";
    }));
    ::kill(recorder.pid(), SIGKILL);
    recorder.wait();
  }
  EXPECT_TRUE(eventually([&] { return !is_traced(child) && state_of(child) == 'S'; }))
      << "it goes on, untraced";
  ::kill(child, SIGKILL);
}

}  // namespace
}  // namespace sysnare::live
