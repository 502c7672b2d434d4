#include "record/ptrace/tracer_place.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace sysnare {
namespace {

constexpr pid_t kOne = 100;
constexpr pid_t kOther = 101;
constexpr std::uint64_t kNoWait = 500;  ///< ns a stop: what a switch takes

/// A kernel that writes down where it put the tracer.
struct FakeKernel : Scheduling {
  bool movable = true;
  bool tells_waits = true;
  bool goes = true;
  std::optional<unsigned> processor = 3;
  std::uint64_t waited = 0;
  int asked = 0;
  std::vector<std::string> moves;

  bool may_move() override {
    ++asked;
    return movable;
  }
  std::optional<unsigned> processor_of(pid_t) override { return processor; }
  bool go_to(unsigned where) override {
    if (goes) moves.push_back("to " + std::to_string(where));
    return goes;
  }
  void go_back() override { moves.emplace_back("back"); }
  std::optional<std::uint64_t> waited_ns() override {
    return tells_waits ? std::optional(waited) : std::nullopt;
  }
};

struct Tracer {
  FakeKernel* kernel = new FakeKernel;  // the place's
  TracerPlace place{std::unique_ptr<Scheduling>(kernel)};

  void stops(pid_t thread, std::uint64_t times, std::uint64_t wait_ns = kNoWait) {
    for (std::uint64_t i = 0; i < times; ++i) {
      kernel->waited += wait_ns;
      place.on_stop(thread);
    }
  }
};

using Moves = std::vector<std::string>;

TEST(TracerPlace, GoesToAThreadThatStopsAloneAndBackWhenAnotherStops) {
  Tracer tracer;
  tracer.stops(kOne, TracerPlace::kAlone);
  EXPECT_EQ(tracer.kernel->moves, Moves{});
  tracer.stops(kOne, 1);
  EXPECT_EQ(tracer.kernel->moves, Moves{"to 3"});
  tracer.stops(kOne, 1000);
  EXPECT_EQ(tracer.kernel->moves, Moves{"to 3"}) << "it stays";
  tracer.stops(kOther, 1);
  EXPECT_EQ(tracer.kernel->moves, (Moves{"to 3", "back"}));
  tracer.stops(kOther, TracerPlace::kAlone);
  EXPECT_EQ(tracer.kernel->moves, (Moves{"to 3", "back", "to 3"}));
  tracer.place.leave();
  EXPECT_EQ(tracer.kernel->moves.back(), "back") << "at the end";
}

TEST(TracerPlace, StaysWhereItIsForThreadsThatTakeTurns) {
  Tracer tracer;
  for (int i = 0; i < 1000; ++i) {
    tracer.stops(kOne, 2);
    tracer.stops(kOther, 2);
  }
  EXPECT_EQ(tracer.kernel->moves, Moves{});
  EXPECT_EQ(tracer.kernel->asked, 0);
}

TEST(TracerPlace, FollowsAThreadThatTheSchedulerMoved) {
  Tracer tracer;
  tracer.stops(kOne, TracerPlace::kAlone + 1);
  tracer.kernel->processor = 7;
  tracer.stops(kOne, TracerPlace::kLook * TracerPlace::kLooksUntilMove);
  EXPECT_EQ(tracer.kernel->moves, (Moves{"to 3", "to 7"}));
}

TEST(TracerPlace, MakesRoomWhereOthersWantTheProcessorAndRestsLongerEachTime) {
  Tracer tracer;
  const std::uint64_t long_wait = 2 * TracerPlace::kWaitTooLongNs;
  tracer.stops(kOne, TracerPlace::kAlone + 1);
  tracer.stops(kOne, TracerPlace::kLook, long_wait);
  EXPECT_EQ(tracer.kernel->moves, (Moves{"to 3", "back"}));
  tracer.stops(kOne, TracerPlace::kFirstRest - 1, long_wait);
  EXPECT_EQ(tracer.kernel->moves.size(), 2u) << "it rests";
  tracer.stops(kOne, 1, long_wait);
  EXPECT_EQ(tracer.kernel->moves, (Moves{"to 3", "back", "to 3"}));
  tracer.stops(kOne, TracerPlace::kLook, long_wait);
  tracer.stops(kOne, TracerPlace::kFirstRest, long_wait);
  EXPECT_EQ(tracer.kernel->moves.size(), 4u) << "twice as long";
  tracer.stops(kOther, 2 * TracerPlace::kAlone, long_wait);
  EXPECT_EQ(tracer.kernel->moves.size(), 4u) << "whoever stops";
  tracer.stops(kOther, TracerPlace::kFirstRest);
  EXPECT_EQ(tracer.kernel->moves.size(), 5u);
}

TEST(TracerPlace, StaysWhereItMayNotMoveOrIsNotTold) {
  struct Case {
    const char* why;
    void (*set)(FakeKernel&);
    int times_asked;
  };
  const Case cases[] = {
      {"it could not come back", [](FakeKernel& kernel) { kernel.movable = false; }, 1},
      {"the thread was killed", [](FakeKernel& kernel) { kernel.processor.reset(); }, 1},
      {"the kernel does not tell of waits", [](FakeKernel& kernel) { kernel.tells_waits = false; },
       1},
      {"the processor is not in our cpuset", [](FakeKernel& kernel) { kernel.goes = false; }, 1},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Tracer tracer;
    c.set(*tracer.kernel);
    tracer.stops(kOne, 3 * TracerPlace::kFirstRest);
    tracer.stops(kOther, 3 * TracerPlace::kFirstRest);
    EXPECT_EQ(tracer.kernel->moves, Moves{});
    EXPECT_EQ(tracer.kernel->asked, c.times_asked);
  }
}

TEST(TracerPlace, TheKernelMovesTheThreadThatCallsAndBack) {
  std::thread([] {
    cpu_set_t before;
    ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
    const std::unique_ptr<Scheduling> kernel = kernel_scheduling();
    if (!kernel->may_move()) {
      EXPECT_EQ(::sched_getscheduler(0), SCHED_OTHER) << "to be asked changes nothing";
      GTEST_SKIP() << "needs CAP_SYS_NICE or RLIMIT_NICE, and /proc/thread-self/schedstat";
    }
    ASSERT_TRUE(kernel->waited_ns());
    const std::optional<unsigned> processor = kernel->processor_of(::gettid());
    ASSERT_TRUE(processor);
    ASSERT_TRUE(kernel->go_to(*processor));
    EXPECT_EQ(::sched_getscheduler(0), SCHED_IDLE);
    EXPECT_EQ(::sched_getcpu(), static_cast<int>(*processor));
    kernel->go_back();
    EXPECT_EQ(::sched_getscheduler(0), SCHED_OTHER);
    cpu_set_t after;
    ASSERT_EQ(::sched_getaffinity(0, sizeof after, &after), 0);
    EXPECT_TRUE(CPU_EQUAL(&before, &after));
  }).join();
}

}  // namespace
}  // namespace sysnare
