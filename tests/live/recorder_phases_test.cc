// In which phase of its program is each call told to be? Both recorders, by a victim that knows it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "arch/syscalls.h"
#include "harness.h"
#include "processes.h"
#include "recorder_contract.h"

namespace sysnare::live {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RecorderPhases : public RecorderContract {
 protected:
  /// By a recorder that does not tell load apart it is in start.
  static std::optional<PhaseCounts> phases(std::uint64_t load, std::uint64_t start,
                                           std::uint64_t steady) {
    if (GetParam().is_tracer) return PhaseCounts{{}, load + start, steady};
    return PhaseCounts{load, start, steady};
  }
};

INSTANTIATE_TEST_SUITE_P(Live, RecorderPhases, ::testing::ValuesIn(kRecorders),
                         [](const auto& row) { return std::string(row.param.name); });

/// `phases until FILE`, which ends when it is told to.
class Looping {
 public:
  [[nodiscard]] std::vector<std::string> command() const {
    return {victim("phases"), "until", folder_ / "end"};
  }
  /// Whether it comes to its loop.
  [[nodiscard]] bool comes(const RecorderProcess& recorder) const {
    return eventually([&] { return recorder.out_so_far() == "looping\n"; }) &&
           process_of(command()) != 0;
  }
  /// Whether it makes more calls: each turn of its loop is a switch, or ten where it is traced.
  [[nodiscard]] bool goes_on() const {
    const int pid = process_of(command());
    const std::uint64_t before = context_switches(pid);
    return eventually([&] { return context_switches(pid) > before + 20; });
  }
  void end() const { folder_.write("end", ""); }

 private:
  TempDir folder_;
};

std::string text_of(const std::optional<PhaseCounts>& phases) {
  if (!phases) return "not known";
  return (phases->load ? std::to_string(*phases->load) : "-") + " " +
         std::to_string(phases->start) + " " + std::to_string(phases->steady);
}

struct Mark {
  const char* why;
  std::vector<std::string> command;
  const char* by;  ///< in the evidence, null for none
};

TEST_P(RecorderPhases, ServersShowByThemselvesWhenTheyAreReady) {
  const Mark marks[] = {
      {"the first accept", {victim("phases"), "accept"}, "first accept4"},
      {"a wait for events once somebody listens",
       {victim("phases"), "poll"},
       "first poll after a listen"},
      {"no server", {victim("phases"), "none"}, nullptr},
  };
  for (const Mark& each : marks) {
    SCOPED_TRACE(each.why);
    const Recorded recorded = run(each.command);
    expect_ended(recorded, 0);
    const Evidence& evidence = recorded.recording.evidence;
    EXPECT_EQ(evidence.lost, 0u);
    EXPECT_THAT(evidence.notes, IsEmpty());
    const bool steady = each.by != nullptr;
    EXPECT_EQ(text_of(call(recorded, "getsid").phases), text_of(phases(3, 0, 0)));
    EXPECT_EQ(text_of(call(recorded, "getppid").phases), text_of(phases(0, 5, 0)));
    EXPECT_EQ(text_of(call(recorded, "getgid").phases),
              text_of(steady ? phases(0, 2, 4) : phases(0, 6, 0)));
    EXPECT_EQ(text_of(call(recorded, "getuid").phases),
              text_of(steady ? phases(0, 0, 7) : phases(0, 7, 0)));
    for (const CallEvidence& record : evidence.calls) {
      SCOPED_TRACE(call_label(record.call));
      if (record.origin == Origin::kLaunch) continue;
      ASSERT_TRUE(record.phases.has_value());
      EXPECT_EQ(record.phases->load.value_or(0) + record.phases->start + record.phases->steady,
                record.count);
    }
    ASSERT_EQ(evidence.ready.size(), steady ? 1u : 0u);
    if (!steady) continue;
    EXPECT_EQ(evidence.ready.begin()->first, each.by);
    EXPECT_EQ(evidence.ready.begin()->second.runs, 1u);
    EXPECT_GT(evidence.ready.begin()->second.min_ns, 0u);
  }
}

/// The thread waits in a read that began in start.
TEST_P(RecorderPhases, ACallBelongsToThePhaseInWhichItBegan) {
  for (int i = 0; i < 20 && !HasFailure(); ++i) {
    const Recorded recorded = run({victim("phases"), "accept"});
    expect_ended(recorded, 0);
    const CallEvidence accept = call(recorded, "accept4");
    EXPECT_EQ(text_of(accept.phases), text_of(phases(0, 0, 1))) << "the mark itself is steady";
    EXPECT_EQ(text_of(call(recorded, "getgid").phases), text_of(phases(0, 2, 4)));
  }
}

TEST_P(RecorderPhases, WhatIsExecutedLaterBeginsInStart) {
  const Recorded recorded = run({"sh", "-c", "exec \"$0\" accept", victim("phases")});
  expect_ended(recorded, 0);
  EXPECT_EQ(text_of(call(recorded, "getsid").phases), text_of(phases(0, 3, 0)));
  EXPECT_EQ(call(recorded, "getuid").phases.value().steady, 7u) << "the shell makes some in start";
}

TEST_P(RecorderPhases, ScriptsAndGoHaveAMainToo) {
  if (GetParam().is_tracer) GTEST_SKIP() << "ptrace does not tell load from start";
  const TempDir folder;
  const std::string script = folder.write("script", "#!/bin/sh\ncd /\n");
  std::filesystem::permissions(script, std::filesystem::perms(0755));
  const Recorded shell = run({script});
  expect_ended(shell, 0);
  EXPECT_EQ(text_of(call(shell, "chdir").phases), "0 1 0");
  const CallEvidence mmap = call(shell, "mmap");
  EXPECT_GT(mmap.phases.value().load.value_or(0), 0u) << "of the loader";

  const Recorded go = run({victim("gocalls")});
  expect_ended(go, 0);
  EXPECT_EQ(text_of(call(go, "getppid").phases), "0 400 0");
  EXPECT_GT(call(go, "rt_sigaction").phases.value().load.value_or(0), 0u) << "of Go's runtime";
}

/// A mark by time, as seen from outside: it comes no earlier than `after` behind this.
class MarkByTime {
 public:
  explicit MarkByTime(std::chrono::milliseconds after) : after_(after) {}
  [[nodiscard]] bool is_ahead() const { return Clock::now() < began_ + after_; }
  /// Waits until it is due for a recorder that has begun by now.
  void await() const {
    std::this_thread::sleep_until(Clock::now() + after_ + std::chrono::milliseconds(1));
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::chrono::milliseconds after_;
  Clock::time_point began_ = Clock::now();
};

/// From which a test of such a mark begins: on a machine that does not come to what shall be before
/// the mark in that time, it is tried again with a later one.
constexpr std::chrono::milliseconds kFirstAfter{250};

TEST_P(RecorderPhases, TheUserSaysWhen) {
  Recorded recorded;
  RecordOptions options;
  bool in_time = false;
  for (auto after = kFirstAfter; !in_time; after *= 2) {
    ASSERT_LT(after, kPatience);
    const Looping program;
    options.command = program.command();
    options.ready.after = after;
    const MarkByTime mark(after);
    RecorderProcess recorder(GetParam().record, options);
    ASSERT_TRUE(program.comes(recorder));
    const RecorderTurn turn(recorder);
    in_time = mark.is_ahead();
    if (in_time) {
      mark.await();
      ASSERT_TRUE(turn.is_over());
      ASSERT_TRUE(program.goes_on());
    }
    program.end();
    recorded = recorder.wait();
  }
  expect_ended(recorded, 0);
  const Evidence& evidence = recorded.recording.evidence;
  ASSERT_TRUE(evidence.ready.contains(kReadyByTime));
  EXPECT_GE(std::chrono::nanoseconds(evidence.ready.at(kReadyByTime).min_ns), options.ready.after);
  EXPECT_EQ(text_of(call(recorded, "getppid").phases), text_of(phases(0, 5, 0)));
  const CallEvidence getuid = call(recorded, "getuid");
  ASSERT_TRUE(getuid.phases.has_value());
  EXPECT_GE(getuid.phases->start, 7u);
  EXPECT_GT(getuid.phases->steady, 0u);

  options.command = {victim("phases"), "accept"};
  options.ready.after = std::chrono::hours(1);
  const Recorded too_soon = record(GetParam().record, options);
  expect_ended(too_soon, 0);
  EXPECT_EQ(text_of(call(too_soon, "getuid").phases), text_of(phases(0, 7, 0)))
      << "the accept is no mark then";
  EXPECT_THAT(too_soon.recording.evidence.notes, Contains(HasSubstr("did not come")));
}

TEST_P(RecorderPhases, ASignalToTheRecorderIsTheMark) {
  const Looping program;
  RecordOptions options;
  options.command = program.command();
  RecorderProcess recorder(GetParam().record, options);
  ASSERT_TRUE(eventually([&] { return recorder.armed(); }));
  ASSERT_TRUE(program.comes(recorder));
  ASSERT_EQ(::kill(recorder.pid(), SIGUSR1), 0);
  ASSERT_TRUE(eventually([&] { return !is_pending(recorder.pid(), SIGUSR1); }));
  ASSERT_TRUE(program.goes_on());
  program.end();
  const Recorded recorded = recorder.wait();
  expect_ended(recorded, 0);
  EXPECT_TRUE(recorded.recording.evidence.ready.contains(kReadyBySignal));
  EXPECT_EQ(recorded.recording.interrupted_by, 0) << "it ends nothing";
  EXPECT_GT(call(recorded, "getuid").phases.value().steady, 0u);
}

TEST_P(RecorderPhases, ARunningProgramHasPhasesOnceThereIsAMark) {
  const Looping program;
  Background running(program.command());
  ASSERT_TRUE(eventually([&] { return running.out_so_far() == "looping\n"; }));
  for (const bool marked : {true, false}) {
    SCOPED_TRACE(marked);
    Recorded recorded;
    bool in_time = false;
    for (auto after = kFirstAfter; !in_time; after *= 2) {
      ASSERT_LT(after, kPatience);
      RecordOptions options;
      options.attach = {running.pid()};
      if (marked) options.ready.after = after;
      const MarkByTime mark(after);
      RecorderProcess recorder(GetParam().record, options);
      ASSERT_TRUE(eventually([&] { return recorder.armed(); }));
      ASSERT_TRUE(program.goes_on());
      const RecorderTurn turn(recorder);
      in_time = !marked || mark.is_ahead();
      if (marked && in_time) {
        mark.await();
        ASSERT_TRUE(turn.is_over());
        ASSERT_TRUE(program.goes_on());
      }
      ASSERT_EQ(::kill(recorder.pid(), SIGINT), 0);
      recorded = recorder.wait();
    }
    EXPECT_EQ(recorded.error, "");
    const CallEvidence getuid = call(recorded, "getuid");
    EXPECT_GT(getuid.count, 0u);
    ASSERT_EQ(getuid.phases.has_value(), marked);
    if (!marked) continue;
    EXPECT_FALSE(getuid.phases->load.has_value());
    EXPECT_GT(getuid.phases->start, 0u);
    EXPECT_GT(getuid.phases->steady, 0u);
  }
}

}  // namespace
}  // namespace sysnare::live
