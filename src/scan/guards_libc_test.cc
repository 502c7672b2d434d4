// Options that glibc's functions are given in objects.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "scan/built_summary.h"

namespace sysnare {
namespace {

using namespace testing;

/// A C library whose calls have the numbers that they have in truth.
struct Glibc : ProgramAndLibc {
  std::uint32_t set_flags = libc.global("posix_spawnattr_setflags");
  std::uint32_t spawn = libc.global("posix_spawn");
  std::uint32_t child = libc.function("");
  std::uint32_t create = libc.global("pthread_create");
  std::uint32_t create_one = libc.function("");
  std::uint32_t thread_ends = libc.function("");
  std::uint32_t cleanup = libc.function("");
  std::uint32_t unregister = libc.global("svc_unregister");
  std::vector<std::uint32_t> steps;  ///< of the child

  explicit Glibc(bool glibc = true) {
    if (glibc) libc.global("gnu_get_libc_version");
    for (const auto& [name, nr] : {std::pair("sched_setparam", 142),
                                   {"sched_setscheduler", 144},
                                   {"setsid", 112},
                                   {"setpgid", 109},
                                   {"getpgid", 121},
                                   {"dup2", 33},
                                   {"chdir", 80},
                                   {"fchdir", 81}}) {
      const std::uint32_t made = libc.global(name);
      libc.site(made, {num(static_cast<std::uint64_t>(nr))});
      libc.call(child, made);
      steps.push_back(made);
    }
    for (const int nr : {117, 119, 436, 59}) {  // setresuid, setresgid, close_range, execve
      libc.site(child, {num(static_cast<std::uint64_t>(nr))});
    }
    libc.take(spawn, child);
    const std::uint32_t system = libc.global("system");
    libc.call(system, set_flags);
    libc.call(system, spawn);
    for (const char* action : {"adddup2", "addopen", "addchdir_np", "addfchdir_np",
                               "addclosefrom_np", "addtcsetpgrp_np"}) {
      libc.global(std::string("posix_spawn_file_actions_") + action);
    }
    libc.site(create, {num(143)});
    libc.site(create, {num(145)});
    libc.site(create_one, {num(203)});
    libc.site(create_one, {num(144)});
    libc.site(create_one, {num(56)});
    libc.call(create, create_one);
    libc.call(create, thread_ends);
    libc.call(thread_ends, cleanup);
    libc.call(cleanup, unregister);
    libc.site(unregister, {num(41)});
    libc.call(create, libc.global("pthread_attr_setaffinity_np"));  // of who copies attributes
    for (const char* name :
         {"pthread_attr_setinheritsched", "pthread_getattr_np", "svc_register"}) {
      libc.global(name);
    }
  }
};

TEST(GuardsOfGlibc, LetNothingLiveThatNoOptionAsksFor) {
  struct Case {
    const char* why;
    std::vector<const char*> calls;
    const char* numbers;
  };
  const Case kCases[] = {
      {"no option of posix_spawn is set", {"posix_spawn"}, "59"},
      {"system() sets none that matters", {"system"}, "59"},
      {"flags are set by the program",
       {"posix_spawn", "posix_spawnattr_setflags"},
       "59 109 112 117 119 142 144"},
      {"actions: a descriptor", {"system", "posix_spawn_file_actions_adddup2"}, "33 59"},
      {"actions: a file", {"system", "posix_spawn_file_actions_addopen"}, "33 59"},
      {"actions: a directory", {"system", "posix_spawn_file_actions_addchdir_np"}, "59 80"},
      {"actions: an open one", {"system", "posix_spawn_file_actions_addfchdir_np"}, "59 81"},
      {"actions: all from there on",
       {"system", "posix_spawn_file_actions_addclosefrom_np"},
       "59 436"},
      {"actions: the terminal", {"system", "posix_spawn_file_actions_addtcsetpgrp_np"}, "59 121"},
      {"the same calls elsewhere are free", {"system", "dup2", "setsid"}, "33 59 112"},
      {"a thread as it comes", {"pthread_create"}, "56"},
      {"a thread with a scheduler",
       {"pthread_create", "pthread_attr_setinheritsched"},
       "56 143 144 145"},
      {"a thread on some processors", {"pthread_create", "pthread_attr_setaffinity_np"}, "56 203"},
      {"a thread like another one", {"pthread_create", "pthread_getattr_np"}, "56 203"},
      {"a thread with services", {"pthread_create", "svc_register"}, "41 56"},
      {"services are taken back by the program", {"svc_unregister"}, "41"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    Glibc world;
    for (const char* name : c.calls) world.call(name);
    EXPECT_EQ(world.numbers(), c.numbers);
  }
}

TEST(GuardsOfGlibc, WakeForWhoFindsTheFunctionByName) {
  Glibc world;
  world.libc.global("dlsym");
  world.call("posix_spawn");
  world.program.call(
      world.start, world.program.import("dlsym"),
      {{kRdi, {any()}},
       {kRsi, {address(world.program.string(world.start, "posix_spawnattr_setflags"))}}});
  EXPECT_EQ(world.numbers(), "59 109 112 117 119 142 144");
}

TEST(GuardsOfGlibc, SayNothingOfOtherLibraries) {
  Glibc world(false);
  world.call("system");
  EXPECT_EQ(world.numbers(), "33 59 80 81 109 112 117 119 121 142 144 436");
}

TEST(GuardsOfGlibc, SayNothingForALibraryOnItsOwnWhichIsHandedWhatOthersMade) {
  Glibc world;
  world.program.summary().entry = 0;
  world.program.call(world.program.global("begin"), world.program.import("posix_spawn"));
  EXPECT_EQ(world.numbers(), "33 59 80 81 109 112 117 119 121 142 144 436");
}

TEST(GuardsOfGlibc, MakeTemporaryDirectoriesForWhoAsksForOne) {
  struct Case {
    const char* why;
    const char* calls;
    const char* numbers;
  };
  const Case kCases[] = {
      {"a file is asked for", "mkstemp", "2 6"},
      {"a directory is", "mkdtemp", "2 6 83"},
      {"the program makes one itself", "mkdir", "83"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    Glibc world;
    TestObject& libc = world.libc;
    const std::uint32_t make = libc.global("mkdir");
    const std::uint32_t try_directory = libc.function("");
    const std::uint32_t try_file = libc.function("");
    const std::uint32_t name = libc.function("");
    libc.site(make, {num(83)});
    libc.site(try_file, {num(2)});
    libc.call(try_directory, make);
    libc.refer(name, chunk_target(libc.chunk("", {function_target(try_directory, true),
                                                  function_target(try_file, true)})));
    libc.call(libc.global("mkstemp"), name);
    libc.call(libc.global("mkdtemp"), name);
    // In older versions one function makes whatever is asked for.
    libc.site(try_directory, {num(6)});
    world.call(c.calls);
    EXPECT_EQ(world.numbers(), c.numbers);
  }
}

TEST(GuardsOfGlibc, CountProcessorsForWhoHasManyArenas) {
  struct Case {
    const char* why;
    std::vector<const char*> calls;
    const char* numbers;
    bool of_malloc = true;
  };
  const Case kCases[] = {
      {"one thread has no more than two", {"malloc"}, "12"},
      {"threads are made", {"malloc", "pthread_create"}, "12 56 204"},
      {"mallopt sets another bound", {"malloc", "mallopt"}, "12 204"},
      {"another C library is loaded", {"malloc", "dlmopen"}, "12 204"},
      {"the program makes threads of its own", {"malloc", "clone"}, "12 204"},
      {"it asks how many there are", {"malloc", "get_nprocs"}, "12 204"},
      {"who counts is not malloc's", {"malloc", "calloc"}, "12 204", false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    Glibc world;
    TestObject& libc = world.libc;
    const std::uint32_t allocate = libc.global("malloc");
    const std::uint32_t arena = libc.function("");
    const std::uint32_t count = libc.global("get_nprocs");
    libc.site(allocate, {num(12)});
    libc.site(count, {num(204)});
    libc.call(arena, count);
    libc.call(libc.global("calloc"), arena);
    if (c.of_malloc) libc.call(allocate, arena);
    for (const char* name : {"mallopt", "dlmopen", "clone"}) libc.global(name);
    for (const char* name : c.calls) world.call(name);
    EXPECT_EQ(world.numbers(), c.numbers);
  }
}

TEST(GuardsOfGlibc, ConvertersAreNotLookedForInTheWorkingDirectory) {
  struct Case {
    const char* why;
    std::function<void(Glibc&)> build;
    const char* numbers;
    bool is_known = true;
  };
  const Case kCases[] = {
      {"nobody sets GCONV_PATH", [](Glibc&) {}, "2"},
      {"another function", [](Glibc&) {}, "2 79", false},
      {"a variable is set", [](Glibc& world) { world.call("setenv"); }, "2 79"},
      {"it is put there", [](Glibc& world) { world.call("putenv"); }, "2 79"},
      {"the program has the environment",
       [](Glibc& world) {
         world.program.refer(world.start, world.program.import("environ", "", false, true));
       },
       "2 79"},
      {"it has a copy of it",
       [](Glibc& world) {
         world.program.export_as("__environ", chunk_target(world.program.chunk("__environ")));
       },
       "2 79"},
      {"the C library sets one", [](Glibc& world) { world.call("sets"); }, "2"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    Glibc world;
    TestObject& libc = world.libc;
    const std::uint32_t where = libc.global("getcwd");
    const std::uint32_t paths = libc.function("");
    libc.site(where, {num(79)});
    libc.call(paths, where);
    if (c.is_known) libc.call(paths, libc.global("strtok_r"));
    const std::uint32_t open = libc.global("iconv_open");
    libc.site(open, {num(2)});
    libc.call(open, paths);
    libc.global("putenv");
    libc.export_as("environ", chunk_target(libc.chunk("environ")));
    libc.call(libc.global("sets"), libc.global("setenv"));
    world.call("iconv_open");
    c.build(world);
    EXPECT_EQ(world.numbers(), c.numbers);
  }
}

TEST(GuardsOfGlibc, TheLinkerAsksForTheWorkingDirectoryForARelativePath) {
  struct Case {
    const char* why;
    std::function<void(TestObject& program, TestObject& library)> build;
    const char* numbers;
  };
  const Case kCases[] = {
      {"all are absolute",
       [](TestObject& program, TestObject& library) {
         program.needs("/opt/libx.so");
         program.needs("$ORIGIN/libx.so");
         library.looks_in("${ORIGIN}/../lib");
         library.needs("libx.so");
       },
       "3 89"},
      {"a library is needed by a relative one",
       [](TestObject&, TestObject& library) { library.needs("lib/libx.so"); }, "3 79"},
      {"a directory is relative", [](TestObject&, TestObject& library) { library.looks_in("lib"); },
       "3 79"},
      {"it is empty", [](TestObject& program, TestObject&) { program.looks_in(""); }, "3 79"},
      {"it begins as the origin does",
       [](TestObject& program, TestObject&) { program.looks_in("$ORIGINAL"); }, "3 79 89"},
      {"somebody names the name services",
       [](TestObject& program, TestObject&) {
         program.call(0, program.import("__nss_configure_lookup"));
       },
       "3 79"},
      {"it begins with another token",
       [](TestObject& program, TestObject&) { program.looks_in("$LIB/own"); }, "3 79 89"},
      {"somebody opens what they will",
       [](TestObject& program, TestObject&) { program.call(0, program.import("dlopen")); }, "3 79"},
      {"the program asks itself",
       [](TestObject& program, TestObject&) { program.site(0, {num(79)}); }, "3 79"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    TestObject program, library("libmine.so"), libc("libc.so.6"), linker("ld-linux-x86-64.so.2");
    program.entry(program.function("_start"));
    c.build(program, library);
    libc.global("gnu_get_libc_version");
    libc.global("dlopen");
    libc.global("__nss_configure_lookup");
    const std::uint32_t main = linker.function("_start");
    linker.global("_dl_mcount");
    linker.entry(main);
    for (const std::uint64_t nr : {3, 79, 89}) linker.site(main, {num(nr)});
    EXPECT_EQ(numbers_of(linked({program.load("/p", Role::kProgram),
                                 library.load("/libmine.so", Role::kLibrary),
                                 libc.load("/libc.so.6", Role::kLibrary),
                                 linker.load("/lib/ld.so", Role::kInterpreter)})),
              c.numbers);
  }
}

TEST(GuardsOfGlibc, KnowWhatTheEnvironmentAloneAsksTheLinkerFor) {
  struct Case {
    const char* why;
    std::function<void(TestObject&)> build;
    const char* numbers;
  };
  const Case kCases[] = {
      {"neither a profile nor an origin", [](TestObject&) {}, "3"},
      {"a library is needed beside the program",
       [](TestObject& program) { program.needs("$ORIGIN/libx.so"); }, "3 89"},
      {"one may be opened there",
       [](TestObject& program) { program.string(0, "${ORIGIN}/../lib/libx.so"); }, "3 89"},
      {"a library of that name", [](TestObject& program) { program.string(0, "libx.so"); }, "3"},
      {"a library has others beside itself",
       [](TestObject& program) { program.needs("libmine.so"); }, "3"},
      {"the program has a timer of its own",
       [](TestObject& program) { program.site(0, {num(38)}); }, "3 38"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    TestObject program;
    TestObject linker("ld-linux-x86-64.so.2");
    TestObject library("libmine.so");
    library.needs("$ORIGIN/libx.so");
    program.entry(program.function("_start"));
    c.build(program);
    const std::uint32_t main = linker.function("_start");
    linker.global("_dl_mcount");
    linker.entry(main);
    for (const std::uint64_t nr : {3, 38, 89}) linker.site(main, {num(nr)});
    EXPECT_EQ(numbers_of(linked({program.load("/p", Role::kProgram),
                                 library.load("/libmine.so", Role::kLibrary),
                                 linker.load("/lib/ld.so", Role::kInterpreter)})),
              c.numbers);
  }
}

/// Calls 59 and 63 (execve, uname) of the linker as a program of its own.
TEST(GuardsOfGlibc, KnowThatAnInterpreterIsNoProgram) {
  struct Case {
    const char* why;
    const char* soname;
    Role role;
    std::vector<const char*> texts;  ///< of who prints
    const char* numbers;
    bool of_glibc = true;
  };
  const Case kCases[] = {
      {"it starts no other, and prints nothing of the system",
       "ld-linux-x86-64.so.2",
       Role::kInterpreter,
       {"libc.so.6", "/etc"},
       "3"},
      {"nobody knows who prints", "ld-linux-x86-64.so.2", Role::kInterpreter, {"/etc"}, "3 63"},
      {"another linker", "ld-other.so.1", Role::kInterpreter, {"libc.so.6", "/etc"}, "3 59 63"},
      {"another linker of that name",
       "ld-linux-x86-64.so.2",
       Role::kInterpreter,
       {"libc.so.6", "/etc"},
       "3 59 63",
       false},
      {"it is the program",
       "ld-linux-x86-64.so.2",
       Role::kProgram,
       {"libc.so.6", "/etc"},
       "3 59 63"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    TestObject program, linker(c.soname);
    program.entry(program.function("_start"));
    const std::uint32_t main = linker.function("_start");
    linker.entry(main);
    if (c.of_glibc) linker.global("_dl_mcount");
    linker.site(main, {num(59)});
    linker.site(main, {num(3)});
    const std::uint32_t prints = linker.function("");
    linker.call(main, prints);
    linker.site(prints, {num(63)});
    for (const char* text : c.texts) linker.string(prints, text);
    const LoadedObject loaded = linker.load("/lib/ld.so", c.role);
    EXPECT_EQ(
        numbers_of(c.role == Role::kProgram ? linked({loaded})
                                            : linked({program.load("/p", Role::kProgram), loaded})),
        c.numbers);
  }
}

TEST(GuardsOfGlibc, SayNothingWhereItIsNotClearWhichIsTheChild) {
  Glibc world;
  const std::uint32_t other = world.libc.function("");
  for (const std::uint32_t step : world.steps) world.libc.call(other, step);
  world.libc.take(world.spawn, other);
  world.call("system");
  EXPECT_EQ(world.numbers(), "33 59 80 81 109 112 117 119 121 142 144 436");
}

}  // namespace
}  // namespace sysnare
