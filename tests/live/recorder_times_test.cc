// How long do calls take, where those of a kind are short, long, or both?
//
// The victim measures each call by its own clock, outside of what a recorder measures: no sum may
// be above its, but for what an estimate may miss. And when were calls seen?

#include <gtest/gtest.h>
#include <signal.h>
#include <time.h>

#include <cstdio>
#include <string>

#include "harness.h"
#include "processes.h"
#include "recorder_contract.h"

namespace sysnare::live {
namespace {

class RecorderTimes : public RecorderContract {};

INSTANTIATE_TEST_SUITE_P(Live, RecorderTimes, ::testing::ValuesIn(kRecorders),
                         [](const auto& row) { return std::string(row.param.name); });

constexpr std::uint64_t kMs = 1'000'000;

/// One tick of the kernel's timer: by it calls are told that were not timed and take long.
std::uint64_t tick_ns() {
  timespec tick{};
  ::clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
  return static_cast<std::uint64_t>(tick.tv_nsec);
}

struct Paced {
  CallEvidence read;
  std::uint64_t sum = 0;      ///< by the victim's own clock
  std::uint64_t longest = 0;  ///< likewise
};

/// `words` after the name of the victim `paces`.
Paced paced(Recorder recorder, RecordDetail detail, const std::vector<std::string>& words) {
  RecordOptions options;
  options.command = {victim("paces")};
  options.command.insert(options.command.end(), words.begin(), words.end());
  options.detail = detail;
  const Recorded recorded = record(recorder, options);
  expect_ended(recorded, 0);
  Paced result{call(recorded, "read"), 0, 0};
  unsigned long long sum = 0;
  unsigned long long longest = 0;
  EXPECT_EQ(std::sscanf(recorded.out.c_str(), "%llu %llu", &sum, &longest), 2) << recorded.out;
  result.sum = sum;
  result.longest = longest;
  return result;
}

TEST_P(RecorderTimes, CallsThatSleepAreNeverTakenForShortOnes) {
  struct Case {
    const char* why;
    std::vector<std::string> words;
    std::uint64_t long_calls;
    std::uint64_t each_ns;
  };
  const Case cases[] = {
      {"a long one after 999 short ones, again and again",
       {"20000", "1000", "sleep", "50"},
       20,
       50 * kMs},
      {"a single one among many", {"5001", "5000", "sleep", "200"}, 1, 200 * kMs},
      {"less than a tick, after 499 short ones", {"25000", "500", "sleep", "1"}, 50, kMs},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.why);
    const Paced got = paced(GetParam().record, RecordDetail::kTime, each.words);
    const std::uint64_t tick = got.read.sampled ? tick_ns() : 0;
    // Each of those may have been one that was not timed, and is known to a tick …
    const std::uint64_t by_ticks = each.long_calls * tick;
    const std::uint64_t slept = each.long_calls * each.each_ns;
    EXPECT_GE(got.read.total_ns + by_ticks, slept);
    // … and a short one may stand for those before it at a bad moment.
    EXPECT_LE(got.read.total_ns, got.sum + by_ticks + 16 * tick);
    EXPECT_GE(got.read.max_ns + tick, each.each_ns);
    EXPECT_LE(got.read.max_ns, got.longest + tick);
  }
}

TEST_P(RecorderTimes, CallsThatTakeLongAreTimedOneByOne) {
  struct Case {
    const char* why;
    std::vector<std::string> words;
    std::uint64_t at_least_ns;
  };
  const Case cases[] = {
      {"all of them sleep", {"300", "1", "sleep", "1"}, 300 * kMs},
      {"every third", {"600", "3", "sleep", "1"}, 200 * kMs},
      {"every fiftieth, before the others are sampled", {"5000", "50", "sleep", "1"}, 100 * kMs},
      {"none sleeps: a megabyte each", {"500", "1", "large", "1000000"}, 1},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.why);
    const Paced got = paced(GetParam().record, RecordDetail::kTime, each.words);
    EXPECT_FALSE(got.read.sampled);
    EXPECT_GE(got.read.total_ns, each.at_least_ns);
    EXPECT_LE(got.read.total_ns, got.sum);
    EXPECT_LE(got.read.max_ns, got.longest);
  }
}

TEST_P(RecorderTimes, SumsOfShortCallsAreEstimates) {
  struct Case {
    const char* why;
    std::vector<std::string> words;
  };
  const Case cases[] = {
      {"short ones alone", {"200000", "0", "large", "1"}},
      {"every eighth takes longer", {"200000", "8", "large", "20000"}},
      {"every fourth", {"200000", "4", "large", "20000"}},
  };
  const bool samples = !GetParam().is_tracer;
  for (const Case& each : cases) {
    SCOPED_TRACE(each.why);
    std::vector<std::string> words = each.words;
    if (GetParam().is_tracer) words.front() = "2000";
    const Paced got = paced(GetParam().record, RecordDetail::kTime, words);
    EXPECT_EQ(got.read.sampled, samples);
    EXPECT_LE(got.read.total_ns, got.sum + (samples ? 32 * tick_ns() : 0));
    // The victim's own clock is in its sum, and the way into the kernel.
    EXPECT_GE(got.read.total_ns, got.sum / 4);
    EXPECT_GE(got.read.total_ns, got.read.min_ns.value() * (got.read.count * 95 / 100));
    EXPECT_LE(got.read.total_ns, got.read.max_ns * got.read.count);

    const Paced exact = paced(GetParam().record, RecordDetail::kExactTime, words);
    EXPECT_FALSE(exact.read.sampled);
    EXPECT_LE(exact.read.total_ns, exact.sum);
    EXPECT_GE(exact.read.total_ns, exact.read.min_ns.value() * exact.read.count);
  }
}

std::uint64_t unix_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

/// What comes in first may be the return of a call whose entry nobody saw.
TEST_P(RecorderTimes, CallsThatAFilterDeniesBeforeAnyOtherIsSeenHaveTheirMoment) {
  if (!may_attach()) GTEST_SKIP() << kMayNotAttach;
  for (const RecordDetail detail :
       {RecordDetail::kExactTime, RecordDetail::kTime, RecordDetail::kErrors}) {
    SCOPED_TRACE(static_cast<int>(detail));
    Background denied({victim("denied_first")});
    ASSERT_TRUE(eventually([&] { return denied.out_so_far() == "ready\n"; }));
    ASSERT_TRUE(eventually([&] { return state_of(denied.pid()) == 'S'; })) << "it waits";
    RecordOptions options;
    options.attach = {denied.pid()};
    options.detail = detail;
    const std::uint64_t before = unix_ns();
    RecorderProcess recorder(GetParam().record, options);
    ASSERT_TRUE(eventually([&] {
      return recorder.armed() && (!GetParam().is_tracer || all_threads_traced(denied.pid()));
    }));
    denied.signal(SIGTERM);
    EXPECT_EQ(denied.wait().status, 0);
    const Recorded recorded = recorder.wait();
    const std::uint64_t after = unix_ns();
    const CallEvidence first = call(recorded, "getppid");
    EXPECT_EQ(first.count, 2u);
    EXPECT_EQ(first.errors.at("EACCES"), 2u);
    // Moments go by ticks, and the clock may begin in the midst of one.
    const std::uint64_t slack = 2 * tick_ns();
    ASSERT_TRUE(first.first_seen_ns.has_value());
    ASSERT_TRUE(first.last_seen_ns.has_value());
    EXPECT_GE(*first.first_seen_ns + slack, before);
    EXPECT_LE(*first.first_seen_ns, *first.last_seen_ns);
    EXPECT_LE(*first.last_seen_ns, after + slack);
  }
}

}  // namespace
}  // namespace sysnare::live
