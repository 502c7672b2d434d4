// What systemd's event loop does for sources of one kind.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scan/built_summary.h"

namespace sysnare {
namespace {

using namespace testing;

constexpr std::uint64_t kKill = 424;  // pidfd_send_signal

/// An object with such a loop: `run` is part of it and can make all calls, `add_io` makes a source.
struct Loop : ProgramAndLibc {
  TestObject loop{"libnss_systemd.so.2"};
  std::uint32_t ask = loop.global("ask");
  std::uint32_t run = loop.function("");
  std::uint32_t add_io = loop.function("");
  Loop() {
    call("ask");
    for (const auto& [name, nr] : {std::pair("signalfd", 289),
                                   {"waitid", 247},
                                   {"kill", 62},
                                   {"inotify_init1", 294},
                                   {"inotify_add_watch", 254},
                                   {"inotify_rm_watch", 255},
                                   {"epoll_wait", 232}}) {
      libc.site(libc.global(name), {num(static_cast<std::uint64_t>(nr))});
      loop.call(run, loop.import(name));
    }
    const std::uint32_t any_call = libc.global("syscall");
    libc.site(any_call, {passed(kRdi)});
    loop.call(run, loop.import("syscall"), {{kRdi, {num(kKill)}}});
    loop.call(ask, run);
    loop.call(ask, add_io);
    loop.string(run, "src/libsystemd/sd-event/sd-event.c");
    loop.string(add_io, "sd_event_add_io");
  }
  /// Functions that are not of the loop's file.
  std::uint32_t helper(const char* calls) {
    const std::uint32_t made = loop.function("");
    loop.call(made, loop.import(calls));
    return made;
  }
  std::uint32_t maker(const char* name) {
    const std::uint32_t made = loop.function("");
    loop.string(made, name);
    return made;
  }
  std::string numbers() {
    return ProgramAndLibc::numbers({loop.load("/libnss_systemd.so.2", Role::kLibrary)});
  }
};

TEST(GuardsOfEvents, LetNothingLiveForSourcesThatAreNotMade) {
  struct Case {
    const char* why;
    void (*build)(Loop&);
    const char* numbers;
  };
  const Case kCases[] = {
      {"files alone", [](Loop&) {}, "232"},
      {"of a function into which a part of the loop was inlined its own calls are kept",
       [](Loop& l) {
         const std::uint32_t both = l.helper("signalfd");
         l.loop.string(both, "src/libsystemd/sd-event/sd-event.c");
         l.loop.string(both, "src/other/other.c");
         l.loop.call(l.ask, both);
       },
       "232 289"},
      {"a signal", [](Loop& l) { l.loop.call(l.ask, l.maker("sd_event_add_signal")); }, "232 289"},
      {"a child, which a signal tells of",
       [](Loop& l) { l.loop.call(l.ask, l.maker("sd_event_add_child")); }, "62 232 247 289 424"},
      {"a child by its descriptor",
       [](Loop& l) { l.loop.call(l.ask, l.maker("sd_event_add_child_pidfd")); },
       "62 232 247 289 424"},
      {"a directory", [](Loop& l) { l.loop.call(l.ask, l.maker("event_add_inotify_fd_internal")); },
       "232 254 255 294"},
      {"its maker is there and dead", [](Loop& l) { l.maker("sd_event_add_inotify"); }, "232"},
      {"its maker is called by its name",
       [](Loop& l) {
         l.loop.global("sd_event_add_signal");
         l.program.call(l.start, l.program.import("sd_event_add_signal"));
       },
       "232 289"},
      {"whether there is a /proc is asked for inotify alone",
       [](Loop& l) {
         l.libc.site(l.libc.global("statfs"), {num(137)});
         l.loop.call(l.run, l.helper("statfs"));
       },
       "232"},
      {"and for that it is",
       [](Loop& l) {
         l.libc.site(l.libc.global("statfs"), {num(137)});
         l.loop.call(l.run, l.helper("statfs"));
         l.loop.call(l.ask, l.maker("sd_event_add_inotify"));
       },
       "137 232 254 255 294"},
      {"nobody watches whether it lives",
       [](Loop& l) {
         const std::uint32_t notify = l.helper("kill");
         l.loop.string(notify, "NOTIFY_SOCKET");
         l.loop.call(l.run, notify);
       },
       "232"},
      {"somebody does",
       [](Loop& l) {
         const std::uint32_t notify = l.helper("kill");
         l.loop.string(notify, "NOTIFY_SOCKET");
         l.loop.call(l.run, notify);
         l.loop.call(l.ask, l.maker("sd_event_set_watchdog"));
       },
       "62 232"},
      {"others say that they live",
       [](Loop& l) {
         const std::uint32_t notify = l.helper("kill");
         l.loop.string(notify, "NOTIFY_SOCKET");
         l.loop.call(l.run, notify);
         l.loop.call(l.ask, notify);
       },
       "62 232"},
      {"another function of the object",
       [](Loop& l) {
         const std::uint32_t other = l.loop.function("");
         l.loop.call(other, l.loop.import("waitid"));
         l.loop.call(l.ask, other);
       },
       "232 247"},
      {"another number is passed there",
       [](Loop& l) {
         l.loop.call(l.run, l.loop.import("syscall"), {{kRdi, {num(39)}}});
       },
       "39 232 424"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    Loop world;
    c.build(world);
    EXPECT_EQ(world.numbers(), c.numbers);
  }
}

TEST(GuardsOfEvents, SayNothingOfALoopWithoutAssertions) {
  TestObject program, libc{"libc.so.6"};
  const std::uint32_t start = program.function("_start");
  program.entry(start);
  program.string(start, "src/libsystemd/sd-event/sd-event.c");
  for (const auto& [name, nr] : {std::pair("signalfd", 289), {"epoll_wait", 232}}) {
    libc.site(libc.global(name), {num(static_cast<std::uint64_t>(nr))});
    program.call(start, program.import(name));
  }
  EXPECT_EQ(numbers_of(linked(
                {program.load("/p", Role::kProgram), libc.load("/libc.so.6", Role::kLibrary)})),
            "232 289");
}

}  // namespace
}  // namespace sysnare
