// sysnare scan on programs for aarch64 of which every call is known (tests/victims/scan), and what
// an emulator sees them do.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "harness.h"
#include "scans.h"

namespace sysnare::live {
namespace {

namespace fs = std::filesystem;

std::string root() { return victim("scan_aarch64"); }

/// `program`: its name in the tree's bin.
Scanned scan(const std::string& program) {
  const Scanned found = run_scan({"--root", root(), "/bin/" + program}, "aarch64");
  for (const std::string& call : found.calls)
    EXPECT_EQ(call.find(':'), std::string::npos) << call << " is of another ABI";
  return found;
}

std::vector<std::string> builds_of(const std::string& name) {
  std::vector<std::string> builds;
  for (const auto& [variant, path] : builds_in(root() + "/bin", name))
    builds.push_back(name + "." + variant);
  return builds;
}

class ScanAarch64 : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::is_directory(root() + "/bin"))
      GTEST_SKIP() << "no cross compiler for aarch64 (gcc-aarch64-linux-gnu) when this was built";
  }
};

TEST_F(ScanAarch64, KnowsEveryCallOfAProgramWithoutACLibrary) {
  struct Case {
    const char* why;
    const char* program;
    Names calls;  ///< beside exit_group: these and no other
    /// Sound is enough here: it may also be said that the number is not known.
    bool may_be_open = false;
  };
  const Case cases[] = {
      {"an immediate in the same block", "immediate", {"getpid", "getuid"}},
      {"two constants meet", "join", {"getpid", "getuid"}},
      {"a parameter", "wrapper", {"getpid", "getuid"}},
      {"two wrappers, and a tail jump", "wrapper_of_wrapper", {"getpid", "getuid", "getgid"}},
      {"the last parameter in a register", "seventh", {"getpid", "getuid"}},
      {"a constant struct", "constant_struct", {"getpid"}, true},
      {"a struct of the caller's", "local_struct", {"getpid", "getuid"}, true},
      {"a table of constants, index unknown",
       "number_table",
       {"getpid", "getuid", "getgid", "getppid"},
       true},
      {"a table of jumps before the call",
       "jump_table",
       {"getpid", "getuid", "getgid", "geteuid", "getegid", "getppid", "getpgid", "gettid"}},
      {"a table of jumps to the calls",
       "jump_table_after",
       {"getuid", "getgid", "geteuid", "getegid", "getppid", "getpgid", "gettid"}},
      {"a live table of functions", "live_table", {"getuid", "getgid"}},
      {"a table that dead code uses", "dead_table", {"getpid"}},
      {"wrappers in a circle", "recursion", {"getpid"}},
  };
  for (const Case& c : cases) {
    const std::vector<std::string> builds = builds_of(c.program);
    EXPECT_FALSE(builds.empty()) << c.program;
    for (const std::string& program : builds) {
      SCOPED_TRACE(program + ": " + c.why);
      const Scanned scanned = scan(program);
      Names expected = c.calls;
      expected.insert("exit_group");
      if (c.may_be_open && scanned.open.count("site")) continue;
      EXPECT_EQ(scanned.calls, expected) << scanned.text;
      EXPECT_THAT(scanned.open, ::testing::IsEmpty()) << scanned.text;
    }
  }
}

TEST_F(ScanAarch64, SaysThatANumberIsNotKnown) {
  for (const char* name : {"unknown", "loop"}) {
    for (const std::string& program : builds_of(name)) {
      SCOPED_TRACE(program);
      const Scanned scanned = scan(program);
      EXPECT_EQ(scanned.open, Names{"site"}) << scanned.text;
      EXPECT_TRUE(scanned.calls.count("exit_group")) << "what is known is said";
    }
  }
}

TEST_F(ScanAarch64, KnowsTheCallsOfProgramsWithLibraries) {
  struct Case {
    const char* why;
    const char* program;
    Names calls;   ///< at least
    Names absent;  ///< none of these, where the program is not static
  };
  const Case cases[] = {
      {"the number is an argument of syscall(3)", "libc_syscall", {"ioprio_get"}, {"ioprio_set"}},
      {"setuid in all threads", "setxid", {"setuid"}, {"setgid", "setgroups", "setresgid"}},
      {"code before and after main, handlers",
       "constructors",
       {"ioprio_get", "syncfs", "mlockall", "munlockall", "sched_yield"},
       {}},
      {"tables of functions, constant and writable, and a variable",
       "tables",
       {"ioprio_get", "mlockall", "munlockall", "syncfs"},
       {}},
      {"a function that libc calls through a stream", "stream", {"ioprio_get"}, {}},
      {"both candidates of a resolver", "ifunc", {"ioprio_get", "syncfs"}, {}},
      {"virtual functions", "virtual_call", {"ioprio_get", "syncfs"}, {}},
      {"a destructor that only unwinding runs", "unwinding", {"ioprio_get"}, {}},
      {"the vDSO falls back", "clock", {"clock_gettime"}, {}},
      {"clone lies behind its frame", "threads", {"ioprio_get", "clone"}, {}},
      {"exec", "starts_known", {"execve"}, {}},
      {"package syscall, and a wrapper",
       "go_direct",
       {"ioprio_get", "mlockall", "getpriority", "write"},
       {"reboot"}},
  };
  for (const Case& c : cases) {
    for (const std::string& program : builds_of(c.program)) {
      SCOPED_TRACE(program + ": " + c.why);
      const Scanned scanned = scan(program);
      // With a call whose number is said to be unknown, any may be behind that.
      // Nobody writes to the number in the struct that glibc's setuid hands around.
      if (std::string_view(c.program) == "setxid" && program.find(".static") == std::string::npos) {
        EXPECT_FALSE(scanned.open.count("site")) << scanned.text;
      }
      if (!scanned.open.count("site")) {
        EXPECT_THAT(missing_in(c.calls, scanned.calls), ::testing::IsEmpty()) << scanned.text;
      }
      if (program.find(".static") != std::string::npos) continue;  // it may load all of libc
      for (const std::string& name : c.absent) EXPECT_FALSE(scanned.calls.count(name)) << name;
    }
  }
}

/// The names of the calls in what `qemu -strace` prints: "123 openat(AT_FDCWD, ...) = 3".
Names emulated(const std::string& program) {
  const Outcome outcome =
      run({"qemu-aarch64", "-L", root(), "-strace", root() + "/bin/" + program});
  Names names;
  std::istringstream lines(outcome.err);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t space = line.find(' ');
    const std::size_t open = line.find('(');
    if (space == std::string::npos || open == std::string::npos || open < space) continue;
    const std::string name = line.substr(space + 1, open - space - 1);
    const bool word = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
    if (word && std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(space),
                            [](char c) { return c >= '0' && c <= '9'; }))
      names.insert(name);
  }
  return names;
}

TEST_F(ScanAarch64, HasEveryCallThatAnEmulatorSees) {
  if (run({"qemu-aarch64", "--version"}).status != 0) GTEST_SKIP() << "no qemu-aarch64 (qemu-user)";
  for (const char* name : {"constructors", "go_direct", "jump_table_after", "libc_syscall",
                           "setxid", "stream", "tables", "threads", "unwinding", "virtual_call"}) {
    for (const std::string& program : builds_of(name)) {
      SCOPED_TRACE(program);
      Names seen = emulated(program);
      EXPECT_FALSE(seen.empty());
      seen.erase("rt_sigreturn");
      const Scanned scanned = scan(program);
      // With a call whose number is said to be unknown, any may be behind that.
      if (scanned.open.count("site")) continue;
      EXPECT_THAT(missing_in(seen, scanned.calls), ::testing::IsEmpty());
    }
  }
}

}  // namespace
}  // namespace sysnare::live
