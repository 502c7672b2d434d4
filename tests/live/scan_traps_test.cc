// sysnare scan on programs of which every call is known (tests/victims/scan): each trap of static
// analysis, built by several compilers in many ways.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "harness.h"
#include "scans.h"

namespace sysnare::live {
namespace {

namespace fs = std::filesystem;

Scanned scan(const std::string& program) { return run_scan({program}); }

/// How `name` was built: variant -> path.
std::map<std::string, std::string> builds_of(const std::string& name) {
  return builds_in(victim("scan"), name);
}

class Scan : public ::testing::Test {
 protected:
  void SetUp() override {
    if (sysnare({"scan", "--help"}).status != 0) GTEST_SKIP() << "this sysnare has no scan";
  }
};

TEST_F(Scan, KnowsEveryCallOfAProgramWithoutACLibrary) {
  struct Case {
    const char* why;
    const char* program;
    Names calls;  ///< beside exit_group: these and no other
    /// Sound is enough here: it may also be said that the number is not known.
    bool may_be_open = false;
  };
  const Case cases[] = {
      {"an immediate in the same block", "immediate", {"getpid", "getuid"}},
      {"copies, push and pop, xor, lea, add, cmov",
       "copies",
       {"getpid", "getuid", "read", "getgid", "geteuid", "getegid", "getppid", "getpgrp"}},
      {"two constants meet", "join", {"getpid", "getuid"}},
      {"a parameter", "wrapper", {"getpid", "getuid"}},
      {"two wrappers, and a tail jump", "wrapper_of_wrapper", {"getpid", "getuid", "getgid"}},
      {"a parameter on the stack", "seventh", {"getpid", "getuid"}},
      {"a constant struct", "constant_struct", {"getpid"}, true},
      {"a struct of the caller's", "local_struct", {"getpid", "getuid"}, true},
      {"a table of constants, index unknown",
       "number_table",
       {"getpid", "getuid", "getgid", "getppid"},
       true},
      {"a table of jumps before the call",
       "jump_table",
       {"getpid", "getuid", "getgid", "geteuid", "getegid", "getppid", "getpgrp", "gettid"}},
      {"a table of jumps to the calls",
       "jump_table_after",
       {"getuid", "getgid", "geteuid", "getegid", "getppid", "getpgrp", "gettid"}},
      {"a live table of functions", "live_table", {"getuid", "getgid"}},
      {"a table that dead code uses", "dead_table", {"getpid"}},
      {"wrappers in a circle", "recursion", {"getpid"}},
      {"static variables that are written through pointers",
       "static_by_pointer",
       {"getpid", "getuid", "getgid"},
       true},
      {"static variables that are written as parts of vectors, and added to",
       "static_wide",
       {"getpid", "getuid", "getgid"},
       true},
      {"a callee goes back from the address that it gets", "container", {"getpid", "getuid"}, true},
      {"pop to memory", "pop_memory", {"getuid"}},
      {"0f 05 in data and in an immediate", "no_calls", {}, true},
      {"int 0x80 is a call of i386", "old_gate", {"i386:getpid"}},
      {"a switch without a bound, one case is in the cold part",
       "cold_case",
       {"getpid", "getuid", "getgid", "geteuid", "getegid", "getppid", "getpgrp", "gettid"}},
      {"pointers at odd addresses", "packed", {"getuid", "getgid"}},
      {"calls twelve deep", "deep_calls", {"getpid"}},
      {"functions that are entered in their middle, one from another", "enters_middle", {"getpid"}},
      {"a struct of the caller's that is changed", "changed_struct", {"getpid", "getuid"}, true},
      {"a struct of the caller's that a function further down changes",
       "changed_by_callee",
       {"getpid", "getuid", "getgid"},
       true},
      {"a struct of the caller's that is changed by another address of it",
       "changed_by_another",
       {"getpid", "getuid"},
       true},
      {"a struct of the caller's that is changed by who has what keeps its address",
       "changed_by_keeper",
       {"getpid", "getuid"},
       true},
      {"functions of the vDSO, found by hand", "vdso_by_hand", {"clock_gettime"}},
      {"functions that run on into the next", "runs_on", {"getpid", "getuid"}},
      {"jumps to a label and a distance",
       "label_differences",
       {"getpid", "getuid", "getgid", "getppid", "getpgrp", "gettid"},
       true},
  };
  for (const Case& c : cases) {
    const auto builds = builds_of(c.program);
    EXPECT_FALSE(builds.empty()) << c.program;
    for (const auto& [variant, program] : builds) {
      SCOPED_TRACE(std::string(c.program) + "." + variant + ": " + c.why);
      const Scanned scanned = scan(program);
      Names expected = c.calls;
      expected.insert("exit_group");
      // Where nothing tells functions apart, a parameter is hard to follow.
      const bool may_be_open = c.may_be_open || variant == "no-frames";
      if (may_be_open && scanned.open.count("site")) continue;
      if (variant == "no-frames") {
        EXPECT_THAT(missing_in(expected, scanned.calls), ::testing::IsEmpty());
        continue;
      }
      EXPECT_EQ(scanned.calls, expected) << scanned.text;
      EXPECT_THAT(scanned.open, ::testing::IsEmpty()) << scanned.text;
      EXPECT_THAT(scanned.execs, ::testing::IsEmpty());
    }
  }
}

TEST_F(Scan, SaysThatANumberIsNotKnown) {
  for (const char* name : {"unknown", "loop"}) {
    for (const auto& [variant, program] : builds_of(name)) {
      SCOPED_TRACE(std::string(name) + "." + variant);
      const Scanned scanned = scan(program);
      EXPECT_EQ(scanned.open, std::set<std::string>{"site"}) << scanned.text;
      EXPECT_TRUE(scanned.calls.count("exit_group")) << "what is known is said";
    }
  }
}

TEST_F(Scan, KnowsTheCallsOfProgramsWithLibraries) {
  struct Case {
    const char* why;
    const char* program;
    Names calls;   ///< at least
    Names absent;  ///< none of these
  };
  const Names never = {"reboot", "kexec_load", "init_module", "swapon", "acct"};
  const Case cases[] = {
      {"the number is an argument of syscall(3)", "libc_syscall", {"ioprio_get"}, {"ioprio_set"}},
      {"setuid in all threads", "setxid", {"setuid"}, {"setgid", "setgroups", "setresgid"}},
      {"setuid behind another variable of the C library", "setxid_beside", {"setuid"}, {}},
      {"code before and after main, handlers",
       "constructors",
       {"ioprio_get", "syncfs", "mlockall", "munlockall", "sched_yield"},
       {}},
      {"tables of functions, constant and writable, and a variable",
       "tables",
       {"ioprio_get", "mlockall", "munlockall", "syncfs"},
       {}},
      {"data of a library leads to its functions, and a constructor is one",
       "imports",
       {"ioprio_get", "syncfs"},
       {}},
      {"a struct with a wrapper is lent, and a library's function is a constructor",
       "lent",
       {"ioprio_get", "syncfs"},
       {}},
      {"a switch that yields addresses",
       "lookup_table",
       {"ioprio_get", "mlockall", "munlockall", "syncfs"},
       {}},
      {"a cold function of a library stands before those that no table describes",
       "cold_end",
       {"ioprio_get"},
       {"syncfs"}},
      {"an element of an array whose address is taken",
       "array_element",
       {"ioprio_get", "mlockall", "munlockall", "syncfs"},
       {}},
      {"an address in a vector register", "kept_in_vector", {"ioprio_get"}, {}},
      {"the large code model", "large_model", {"ioprio_get", "syncfs"}, {}},
      {"functions of its own have names of some that never return",
       "own_names",
       {"ioprio_get", "syncfs"},
       {}},
      {"a pointer begins as exit", "ends_by_pointer", {"ioprio_get"}, {}},
      {"a table in a section of a name like .gnu.hash",
       "named_section",
       {"ioprio_get", "syncfs"},
       {}},
      {"a function that libc calls through a stream", "stream", {"ioprio_get"}, {}},
      {"both candidates of a resolver", "ifunc", {"ioprio_get", "syncfs"}, {}},
      {"virtual functions", "virtual_call", {"ioprio_get", "syncfs"}, {}},
      {"a destructor that only unwinding runs", "unwinding", {"ioprio_get"}, {}},
      {"the vDSO falls back", "clock", {"clock_gettime"}, {}},
      {"clone lies behind its frame", "threads", {"ioprio_get", "clone"}, {}},
      {"exec", "starts_known", {"execve"}, {}},
      {"setjmp and vfork return twice", "returns_twice", {"ioprio_get", "munlockall"}, {}},
      {"a static pointer has a beginning", "static_pointer", {"ioprio_get", "munlockall"}, {}},
      {"package syscall, and a wrapper",
       "go_direct",
       {"ioprio_get", "mlockall", "getpriority", "write"},
       {"reboot"}},
      {"a table that is reached by an index from what stands before it",
       "folded_index",
       {"ioprio_get", "mlockall", "munlockall"},
       {}},
      {"a field and an element of Go's variables", "go_fields", {"mlockall", "munlockall"}, {}},
      {"a variable of Go's own, in what is inlined", "go_inlined", {"fcntl"}, {"reboot"}},
      {"a variable of the program, in a method of Go's that is inlined",
       "go_method",
       {"munlockall"},
       {}},
      {"numbers in variables of Go, with C beside it",
       "go_variable",
       {"ioprio_get", "mlockall", "munlockall", "getppid"},
       {"reboot"}},
      {"a Go program that has all of the C library: who makes a mutex of priority protection, and "
       "sets a user",
       "go_static",
       {"ioprio_get", "setuid", "sched_setscheduler", "sched_get_priority_max", "prlimit64"},
       {"reboot"}},
  };
  for (const Case& c : cases) {
    for (const auto& [variant, program] : builds_of(c.program)) {
      SCOPED_TRACE(std::string(c.program) + "." + variant + ": " + c.why);
      const Scanned scanned = scan(program);
      // With a call whose number is said to be unknown, any may be behind that.
      if (!scanned.open.count("site")) {
        EXPECT_THAT(missing_in(c.calls, scanned.calls), ::testing::IsEmpty()) << scanned.text;
      }
      EXPECT_FALSE(scanned.open.count("object")) << scanned.text;
      // Nobody writes to the number in the struct that glibc's setuid hands around, nor to
      // variables of Go, where symbols say how large these are, or where they are Go's own.
      if ((std::string_view(c.program).starts_with("setxid") && !variant.starts_with("musl")) ||
          (std::string_view(c.program) == "go_variable" && variant == "go") ||
          std::string_view(c.program) == "go_inlined") {
        EXPECT_FALSE(scanned.open.count("site")) << scanned.text;
      }
      for (const Names* none : {&c.absent, &never}) {
        for (const std::string& name : *none) EXPECT_FALSE(scanned.calls.count(name)) << name;
      }
    }
  }
}

/// What glibc does depends on the mode that it is passed; of a program that has all in one object
/// nothing is known of that.
TEST_F(Scan, KnowsWhatGlibcDoesForSomeArgumentsAlone) {
  const Names judges = {"geteuid", "getegid", "getgroups", "mkdir"};
  for (const auto& [variant, program] : builds_of("may_read")) {
    SCOPED_TRACE(variant);
    const Names wanted = variant.starts_with("musl") ? Names{"mkdir"} : judges;
    EXPECT_THAT(missing_in(wanted, scan(program).calls), ::testing::IsEmpty());
  }
  for (const auto& [variant, program] : builds_of("finds_file")) {
    if (variant.starts_with("musl") || variant.starts_with("static")) continue;
    SCOPED_TRACE(variant);
    const Names calls = scan(program).calls;
    EXPECT_EQ(missing_in(judges, calls), judges);
    EXPECT_EQ(missing_in({"execve", "uname"}, calls), (Names{"execve", "uname"}))
        << "the dynamic linker is no program of its own here";
  }
  const Names places = {"getcwd", "sched_getaffinity"};
  for (const auto& [variant, program] : builds_of("may_look")) {
    SCOPED_TRACE(variant);
    const Names wanted = variant.starts_with("musl") ? Names{"sched_getaffinity"} : places;
    EXPECT_THAT(missing_in(wanted, scan(program).calls), ::testing::IsEmpty());
  }
  for (const auto& [variant, program] : builds_of("looks")) {
    if (variant.starts_with("musl") || variant.starts_with("static")) continue;
    SCOPED_TRACE(variant);
    EXPECT_EQ(missing_in(places, scan(program).calls), places);
  }
  for (const auto& [variant, program] : builds_of("sets_converters")) {
    if (variant.starts_with("musl")) continue;  // it has all of them in itself
    SCOPED_TRACE(variant);
    const Scanned scanned = scan(program);
    EXPECT_TRUE(scanned.open.count("dlopen")) << scanned.text;
    EXPECT_TRUE(scanned.calls.count("getcwd"));
  }
}

/// gcc has the tables of all classes behind one another, and where they have no names nothing tells
/// them apart.
TEST_F(Scan, OfClassesThatNobodyMakesHasNothing) {
  for (const auto& [variant, program] : builds_of("dead_class")) {
    SCOPED_TRACE(variant);
    const Scanned scanned = scan(program);
    EXPECT_THAT(missing_in({"ioprio_get", "syncfs"}, scanned.calls), ::testing::IsEmpty());
    const bool has_dead = scanned.calls.count("reboot") != 0;
    EXPECT_FALSE(has_dead && variant.starts_with("clang"));
  }
}

TEST_F(Scan, TellsWhatComesBeforeMain) {
  for (const auto& [variant, program] : builds_of("constructors")) {
    SCOPED_TRACE(variant);
    const Scanned scanned = scan(program);
    const auto when = [&](const char* name) {
      const auto found = scanned.when.find(name);
      return found == scanned.when.end() ? Names() : found->second;
    };
    EXPECT_TRUE(when("ioprio_get").count("load")) << "a constructor";
    EXPECT_TRUE(when("sched_yield").count("main"));
    for (const char* later : {"syncfs", "mlockall", "munlockall"}) {
      EXPECT_TRUE(when(later).count("main")) << later << ": destructors and handlers run later";
    }
  }
}

TEST_F(Scan, FollowsWhatIsLoadedAtRunTimeOrSaysThatItCannot) {
  for (const auto& [variant, program] : builds_of("opens_known")) {
    SCOPED_TRACE(variant);
    // A library that it needs anyway is none that is opened.
    const std::set<std::string> opened = scan(program).opened;
    EXPECT_TRUE(variant == "more" ||
                std::any_of(opened.begin(), opened.end(),
                            [](const auto& name) { return name.starts_with("libz.so.1"); }))
        << "it stands in the program by name";
  }
  for (const auto& [variant, program] : builds_of("opens_variable")) {
    SCOPED_TRACE(variant);
    const Scanned scanned = scan(program);
    const bool found = std::any_of(scanned.opened.begin(), scanned.opened.end(),
                                   [](const auto& name) { return name.starts_with("libz.so.1"); });
    EXPECT_TRUE(variant == "more" || found || scanned.open.count("dlopen")) << scanned.text;
  }
  for (const char* name : {"opens_unknown", "opens_symbol"}) {
    for (const auto& [variant, program] : builds_of(name)) {
      SCOPED_TRACE(std::string(name) + "." + variant);
      const Scanned scanned = scan(program);
      EXPECT_TRUE(scanned.open.count("dlopen")) << scanned.text;
    }
  }
}

TEST_F(Scan, TellsWhatIsStarted) {
  for (const auto& [variant, program] : builds_of("starts_known")) {
    SCOPED_TRACE(variant);
    const std::set<std::string> execs = scan(program).execs;
    // What static libraries start themselves may hide it.
    EXPECT_TRUE(execs.count("/bin/true") || execs.count("?"));
    EXPECT_THAT(execs, ::testing::Not(::testing::IsEmpty()));
  }
  for (const auto& [variant, program] : builds_of("starts_unknown")) {
    SCOPED_TRACE(variant);
    // The linker of dynamic programs starts some too, when it is called by its own name.
    EXPECT_TRUE(scan(program).starters.count(fs::path(program).filename()));
  }
}

/// What is taken away from a file never makes its calls fewer.
TEST_F(Scan, NeverShrinksWithLessToGoBy) {
  struct Case {
    const char* why;
    std::vector<std::string> tool;  ///< and then the file and its copy
  };
  const Case cases[] = {
      {"without symbols", {"objcopy", "--strip-all"}},
      {"without frames",
       {"objcopy", "--remove-section", ".eh_frame", "--remove-section", ".eh_frame_hdr"}},
      {"without section headers", {"objcopy", "--strip-all", "--strip-section-headers"}},
  };
  TempDir dir;
  std::vector<std::string> programs = {"/bin/cat", "/bin/grep"};
  for (const char* name :
       {"libc_syscall", "virtual_call", "unwinding", "setxid", "jump_table_after"}) {
    for (const auto& [variant, program] : builds_of(name)) {
      if (variant != "stripped") programs.push_back(program);
    }
  }
  for (const std::string& program : programs) {
    const Scanned before = scan(program);
    for (const Case& c : cases) {
      // Nothing unwinds without frames: that destructor does not run then.
      if (c.tool[1] == "--remove-section" && program.find("unwinding") != std::string::npos)
        continue;
      SCOPED_TRACE(program + ": " + c.why);
      std::vector<std::string> argv = c.tool;
      argv.insert(argv.end(), {program, dir / "copy"});
      if (run(argv).status != 0) continue;  // binutils of Debian 12 know no --strip-section-headers
      const Scanned after = scan(dir / "copy");
      // What is open that was not before may lack calls.
      if (after.open.empty() || !before.open.empty()) {
        EXPECT_THAT(missing_in(before.calls, after.calls), ::testing::IsEmpty()) << after.text;
      }
    }
  }
}

TEST_F(Scan, ClosesStaticProgramsAndThoseOfMuslWithAndWithoutSymbols) {
  struct Case {
    const char* why;
    const char* program;
    bool with_glibc;
  };
  constexpr Case kCases[] = {
      {"glibc's hooks for libraries that it opens are no caller", "libc_syscall", true},
      {"functions without frames, and the cancellation of threads", "stream", true},
      {"musl has all threads call a function with a struct; where glibc keeps its own, no symbol "
       "says",
       "setxid", false},
      {"clone's number is put together; glibc's handler of setxid stays open", "threads", false},
  };
  TempDir dir;
  for (const Case& c : kCases) {
    for (const auto& [variant, program] : builds_of(c.program)) {
      const bool is_musl = variant.starts_with("musl");
      if (!is_musl && !(c.with_glibc && variant.starts_with("static"))) continue;
      SCOPED_TRACE(program + ": " + c.why);
      const Scanned whole = scan(program);
      EXPECT_THAT(whole.open, ::testing::IsEmpty()) << whole.text;
      EXPECT_TRUE(whole.calls.count("set_tid_address")) << "the C library begins so";
      ASSERT_EQ(run({"objcopy", "--strip-all", program, dir / "copy"}).status, 0);
      const Scanned stripped = scan(dir / "copy");
      EXPECT_THAT(stripped.open, ::testing::IsEmpty()) << stripped.text;
      EXPECT_THAT(missing_in(whole.calls, stripped.calls), ::testing::IsEmpty());
    }
  }
}

TEST_F(Scan, NeverShrinksWithOneLibraryMore) {
  for (const char* name : {"libc_syscall", "setxid", "constructors", "ifunc", "threads"}) {
    SCOPED_TRACE(name);
    const auto builds = builds_of(name);
    ASSERT_TRUE(builds.count("pie") && builds.count("more"));
    const Scanned fewer = scan(builds.at("pie"));
    EXPECT_THAT(missing_in(fewer.calls, scan(builds.at("more")).calls), ::testing::IsEmpty());
  }
}

}  // namespace
}  // namespace sysnare::live
