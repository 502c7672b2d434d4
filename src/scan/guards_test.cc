// What hangs on another function.

#include "scan/guards.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "scan/built_summary.h"

namespace sysnare {
namespace {

using namespace testing;

/// A C library in which locking can lead to a change of priority: 1 and 2 are the calls of that, 3
/// is locking's own.
struct World : ProgramAndLibc {
  std::uint32_t lock = libc.global("pthread_mutex_lock");
  std::uint32_t least = libc.global("sched_get_priority_min");
  std::uint32_t most = libc.global("sched_get_priority_max");
  std::uint32_t set = libc.global("sched_setscheduler");
  std::uint32_t change = libc.function("");
  World() {
    libc.global("pthread_mutexattr_setprotocol");
    libc.site(lock, {num(3)});
    libc.site(least, {num(1)});
    libc.site(set, {num(2)});
    libc.call(lock, change);
    for (const std::uint32_t each : {least, most, set}) libc.call(change, each);
  }
};

TEST(Guards, LetNothingLiveThatHangsOnWhatIsDead) {
  struct Case {
    const char* why;
    std::function<void(World&)> build;
    const char* calls;
  };
  const Case kCases[] = {
      {"no mutex of that protocol can be made", [](World& w) { w.call("pthread_mutex_lock"); },
       "3"},
      {"one is made",
       [](World& w) {
         w.call("pthread_mutex_lock");
         w.call("pthread_mutexattr_setprotocol");
       },
       "1 2 3"},
      {"its maker is only referred to",
       [](World& w) {
         w.call("pthread_mutex_lock");
         w.program.refer(w.start,
                         w.program.import("pthread_mutexattr_setprotocol", "", false, true));
       },
       "1 2 3"},
      {"its maker is found by name",
       [](World& w) {
         w.call("pthread_mutex_lock");
         w.libc.global("dlsym");
         w.program.call(
             w.start, w.program.import("dlsym"),
             {{kRdi, {any()}},
              {kRsi, {address(w.program.string(w.start, "pthread_mutexattr_setprotocol"))}}});
       },
       "1 2 3"},
      {"a ceiling is asked for",
       [](World& w) {
         w.libc.call(w.libc.global("pthread_mutexattr_getprioceiling"), w.change);
         w.call("pthread_mutexattr_getprioceiling");
       },
       "1 2"},
      {"what others can call is no part of it",
       [](World& w) {
         w.libc.export_as("change", function_target(w.change));
         w.call("pthread_mutex_lock");
       },
       "1 2 3"},
      {"the calls themselves are free",
       [](World& w) {
         w.call("pthread_mutex_lock");
         w.call("sched_setscheduler");
       },
       "2 3"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    World world;
    c.build(world);
    EXPECT_EQ(world.numbers(), c.calls);
  }
}

}  // namespace
}  // namespace sysnare
