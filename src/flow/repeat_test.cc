#include "flow/repeat.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

namespace sysnare {
namespace {

constexpr Call kRead{Abi::kX86_64, 0};
constexpr Call kWrite{Abi::kX86_64, 1};

int exited(int status) { return status << 8; }

/// A recorder that hands out what it is given, run by run.
struct Script {
  std::vector<Recording> runs;
  std::size_t next = 0;

  void add(int wait_status, Call call, int interrupted_by = 0) {
    Recording run;
    run.wait_status = wait_status;
    run.interrupted_by = interrupted_by;
    CallEvidence& record = run.evidence.record(call, Origin::kApplication);
    record.count = 1;
    record.runs_seen = 1;
    record.first_run = 1;
    runs.push_back(run);
  }
  RepeatOptions options(std::uint64_t wanted) {
    RepeatOptions result;
    result.runs = wanted;
    result.recorder = [this](const RecordOptions&) -> Result<Recording> {
      if (next == runs.size()) return fail(Errc::kSystem, "no more runs");
      return runs[next++];
    };
    return result;
  }
};

TEST(Repeat, MergesRunsAndKeepsTheLastStatus) {
  Script script;
  script.add(exited(0), kRead);
  script.add(exited(0), kWrite);
  script.add(exited(3), kRead);
  std::vector<std::uint64_t> progress;
  RepeatOptions options = script.options(3);
  options.progress = [&](const RunProgress& now) { progress.push_back(now.done); };
  const Result<Repeated> all = repeat_recording(options);
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(all->runs, 3u);
  EXPECT_EQ(all->last.evidence.runs, 3u);
  EXPECT_EQ(all->last.evidence.last_new_run, 2u);
  EXPECT_EQ(all->last.evidence.find(kRead, Origin::kApplication)->count, 2u);
  EXPECT_EQ(all->last.wait_status, exited(3));
  EXPECT_EQ(status_text(*all), "the command ended with status 0 in 2, 3 in 1 of 3 runs");
  EXPECT_EQ(progress, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(all->interrupted_by, 0);
}

TEST(Repeat, EndsEarlyWhereTheUserWantsAnEnd) {
  struct Case {
    const char* why;
    int wait_status;
    int interrupted_by;
    std::uint64_t runs;
  };
  constexpr Case kCases[] = {
      {"the program died of Ctrl-C", SIGINT, 0, 1},
      {"the program ended well on Ctrl-C", 0, SIGINT, 1},
      {"the program crashed: the next run may not", SIGSEGV, 0, 2},
      {"the program ended with 130 by itself", 130 << 8, 0, 2},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    Script script;
    script.add(c.wait_status, kRead, c.interrupted_by);
    script.add(0, kRead);
    const Result<Repeated> all = repeat_recording(script.options(2));
    ASSERT_TRUE(all.has_value());
    EXPECT_EQ(all->runs, c.runs);
    EXPECT_EQ(all->interrupted_by, c.runs == 1 ? SIGINT : 0);
    EXPECT_EQ(all->last.evidence.runs, c.runs);
  }
}

TEST(Repeat, ASignalBetweenTwoRunsLosesNothing) {
  Script script;
  script.add(0, kRead);
  script.add(0, kRead);
  RepeatOptions options = script.options(2);
  const auto recorder = options.recorder;
  options.recorder = [&](const RecordOptions& record) {
    ::raise(SIGINT);  // would end this test, were it not watched for
    return recorder(record);
  };
  const Result<Repeated> all = repeat_recording(options);
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(all->runs, 1u);
  EXPECT_EQ(all->interrupted_by, SIGINT);
  struct sigaction now {};
  ::sigaction(SIGINT, nullptr, &now);
  EXPECT_EQ(now.sa_handler, SIG_DFL) << "as it was before";
}

TEST(Repeat, EndsWhenEnoughRunsInARowShowedNothingNew) {
  Script script;
  for (Call call : {kRead, kRead, kWrite, kRead, kWrite, kRead, kRead}) script.add(0, call);
  RepeatOptions options = script.options(7);
  options.until_saturated = 3;
  const Result<Repeated> all = repeat_recording(options);
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(all->runs, 6u) << "run 3 was new, and 4 to 6 were not";
  EXPECT_TRUE(all->saturated);

  script.next = 0;
  options.runs = 5;
  const Result<Repeated> few = repeat_recording(options);
  ASSERT_TRUE(few.has_value());
  EXPECT_EQ(few->runs, 5u);
  EXPECT_FALSE(few->saturated);
}

/// Within a run the recorder saves, between runs we do; what is saved holds the runs before.
TEST(Repeat, SavesWhatAllRunsShowedSoFar) {
  Script script;
  script.add(0, kRead);
  script.add(0, kWrite);
  script.add(0, kRead);
  RepeatOptions options = script.options(3);
  std::vector<Evidence> saved;
  options.save = [&](const Evidence& evidence) { saved.push_back(evidence); };
  options.save_every = std::chrono::milliseconds(1);
  const auto recorder = options.recorder;
  bool within = false;
  options.recorder = [&](const RecordOptions& record) {
    Result<Recording> run = recorder(record);
    // Waits for the timer; what it says is taken only where a recorder would.
    pollfd due{record.saver->fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&due, 1, 10'000), 1);
    if (within && record.saver->due()) record.saver->save(run->evidence);
    within = !within;
    return run;
  };
  const Result<Repeated> all = repeat_recording(options);
  ASSERT_TRUE(all.has_value());
  ASSERT_GE(saved.size(), 2u);
  EXPECT_EQ(saved[0].runs, 1u) << "between run 1 and 2";
  EXPECT_EQ(saved[1].runs, 2u) << "within run 2, with run 1";
  EXPECT_EQ(saved[1].calls.size(), 2u);
  for (const Evidence& each : saved) {
    ASSERT_EQ(each.notes.size(), 1u);
    EXPECT_NE(each.notes[0].find("had not ended"), std::string::npos);
  }
  EXPECT_TRUE(all->last.evidence.notes.empty()) << "it has ended";
}

TEST(Repeat, AProgramThatCannotRunIsTriedOnce) {
  Script script;
  script.add(0, kRead);
  script.runs[0].exec_error = "no such program";
  script.add(0, kRead);
  const Result<Repeated> all = repeat_recording(script.options(2));
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(all->runs, 1u);
  EXPECT_TRUE(all->statuses.empty());
}

TEST(Repeat, ALaterFailureNamesTheRun) {
  Script script;
  script.add(0, kRead);
  const Result<Repeated> all = repeat_recording(script.options(2));
  ASSERT_FALSE(all.has_value());
  EXPECT_EQ(all.error().message, "run 2 of 2: no more runs");
}

}  // namespace
}  // namespace sysnare
