// Where nothing is put to sleep, though rows know it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "scan/built_summary.h"

namespace sysnare {
namespace {

using namespace testing;

/// A static program that exports all of its functions (-static-pie -rdynamic): its C library has no
/// object of its own, and what looks like a part of that may be the program's.
struct Static {
  TestObject program;
  std::uint32_t start = program.function("_start");
  std::uint32_t own = program.function("own");

  Static() {
    program.entry(start);
    program.call(start, own);
    program.global("gnu_get_libc_version");
  }
  /// `own` calls it, and it makes the call `nr`.
  std::uint32_t calls(const char* name, std::uint64_t nr) {
    const std::uint32_t made = program.global(name);
    program.site(made, {num(nr)});
    program.call(own, made);
    return made;
  }
};

TEST(Guards, HoldForNoCLibraryThatIsOneWithTheProgram) {
  struct Case {
    const char* why;
    std::function<void(Static&)> build;
    const char* numbers;
  };
  const Case cases[] = {
      {"it becomes a process apart, as the child of posix_spawn does",
       [](Static& s) {
         s.calls("sched_setparam", 142);
         s.calls("sched_setscheduler", 144);
         s.calls("setsid", 112);
         s.calls("setpgid", 109);
       },
       "109 112 142 144"},
      {"it chooses a priority, as who locks a mutex of priority protection does",
       [](Static& s) {
         s.program.global("pthread_mutexattr_setprotocol");
         s.calls("sched_get_priority_max", 146);
         s.calls("sched_get_priority_min", 147);
       },
       "146 147"},
      {"it takes a service back, as a thread that ends does",
       [](Static& s) { s.calls("svc_unregister", 3); }, "3"},
      {"it makes a directory, as mkdtemp does",
       [](Static& s) {
         s.program.global("mkdtemp");
         s.calls("mkdir", 83);
       },
       "83"},
      {"it is called as what tells who asks",
       [](Static& s) {
         const std::uint32_t access = s.program.global("faccessat");
         const std::uint32_t who = s.program.function("geteuid");
         s.program.site(who, {num(107)});
         s.program.export_as("geteuid", function_target(who));
         s.program.call(access, who);
         s.program.call(s.start, access, {{kRdx, {num(0)}}});
       },
       "107"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Static world;
    c.build(world);
    EXPECT_EQ(numbers_of(linked({world.program.load("/p", Role::kProgram)})), c.numbers);
  }
}

/// Steps from each to each: 2^14 at most.
TEST(Guards, OfTooManyStepsLetAllLive) {
  struct Case {
    const char* why;
    int tables, handlers;
    const char* numbers;
  };
  constexpr Case kCases[] = {
      {"as many as there may be", 128, 128, "2"},
      {"too many tables", 129, 128, "1 2"},
      {"too many handlers", 128, 129, "1 2"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    // libxml2, whose destructor fills tables of handlers that parsers alone call.
    TestObject program, xml("libxml2.so.2");
    program.entry(program.function("_start"));
    xml.global("xmlInitParserCtxt");
    const std::uint32_t free = xml.function("");
    xml.site(free, {num(2)});
    xml.fini().push_back(function_target(free));
    std::vector<std::uint32_t> handlers;
    for (int i = 0; i < c.handlers; ++i) {
      handlers.push_back(xml.global("xmlSAX2Handler" + std::to_string(i)));
      xml.site(handlers.back(), {num(1)});
    }
    for (int i = 0; i < c.tables; ++i) {
      const std::uint32_t fill = xml.global("initDefaultSAXHandler" + std::to_string(i));
      xml.call(free, fill);
      xml.take(fill, handlers[static_cast<std::size_t>(i) % handlers.size()]);
    }
    EXPECT_EQ(numbers_of(linked(
                  {program.load("/p", Role::kProgram), xml.load("/libxml2.so.2", Role::kLibrary)})),
              c.numbers);
  }
}

/// A row that finds too many is left out, and the rows before it stay.
TEST(Guards, OfALoopInTooManyPartsLetThoseSourcesLive) {
  struct Case {
    const char* why;
    int parts;  ///< three functions are called for a directory
    const char* numbers;
  };
  constexpr Case kCases[] = {
      {"as many as there may be", 5461, "232"},
      {"too many for directories, and not for signals", 5462, "232 254"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    TestObject program, libc("libc.so.6"), loop("libnss_systemd.so.2");
    const std::uint32_t start = program.function("_start");
    program.entry(start);
    program.call(start, program.import("ask"));
    const std::uint32_t ask = loop.global("ask");
    const std::uint32_t add_io = loop.function("");
    const std::uint32_t run = loop.function("");
    loop.call(ask, add_io);
    loop.call(ask, run);
    loop.string(add_io, "sd_event_add_io");
    for (const auto& [name, nr] : {std::pair("signalfd", 289),
                                   {"inotify_init1", 294},
                                   {"inotify_add_watch", 254},
                                   {"inotify_rm_watch", 255},
                                   {"epoll_wait", 232}}) {
      libc.site(libc.global(name), {num(static_cast<std::uint64_t>(nr))});
    }
    for (const char* name : {"signalfd", "inotify_add_watch", "epoll_wait"})
      loop.call(run, loop.import(name));
    loop.string(run, "src/libsystemd/sd-event/sd-event.c");
    for (int i = 1; i < c.parts; ++i)
      loop.string(loop.function(""), "src/libsystemd/sd-event/sd-event.c");
    EXPECT_EQ(numbers_of(linked({program.load("/p", Role::kProgram),
                                 loop.load("/libnss_systemd.so.2", Role::kLibrary),
                                 libc.load("/libc.so.6", Role::kLibrary)})),
              c.numbers);
  }
}

}  // namespace
}  // namespace sysnare
