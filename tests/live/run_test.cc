// sysnare run: programs under profiles, the nine actions in the kernel's meaning, and what is said
// about a kill. Signals, supervisors that die and the terminal are in run_job_test.cc.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "harness.h"
#include "processes.h"
#include "profiles.h"
#include "sentences.h"

namespace sysnare::live {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

using Words = std::vector<std::string>;

RunOptions in_folder(const TempDir& dir) {
  RunOptions options;
  options.cwd = dir.path();
  return options;
}
Outcome run_under(const std::string& profile, const Words& command, const Words& options = {},
                  const RunOptions& how = {}) {
  Words words = {"run", "--profile", profile};
  words.insert(words.end(), options.begin(), options.end());
  words.push_back("--");
  words.insert(words.end(), command.begin(), command.end());
  return sysnare(words, how);
}

TEST(Run, TheThreeProfilesBehaveAsTheirUsersExpect) {
  const TempDir dir;
  ::mkdir((dir / "home").c_str(), 0755);
  for (const char* spelling : {"", ".name"}) {
    SCOPED_TRACE(spelling);
    const auto profile = [&](const std::string& name) {
      return source_file("tests/profiles/" + name + spelling + ".json");
    };
    const Outcome denied = run_under(profile("deny"), {victim("helloworld")});
    EXPECT_EQ(denied.status, 126);
    EXPECT_THAT(denied.out, IsEmpty());
    EXPECT_THAT(denied.err, AllOf(HasSubstr("was not started: execve is refused with EPERM"),
                                  HasSubstr("deny"), HasSubstr("sysnare profile -o FILE --")));
    EXPECT_EQ(std::count(denied.err.begin(), denied.err.end(), '\n'), 1);

    const Outcome hello = run_under(profile("allow-helloworld"), {victim("helloworld")});
    EXPECT_EQ(hello.status, 0) << hello.err;
    EXPECT_THAT(hello.out, HasSubstr("Hello"));

    const Outcome bash = run_under(
        profile("deny-dir"), {"bash", "-c", "cd home; mkdir test; echo works > file; cat file"}, {},
        in_folder(dir));
    EXPECT_EQ(bash.status, 0);
    EXPECT_EQ(bash.out, "works\n");
    EXPECT_THAT(bash.err, AllOf(HasSubstr("cd: home: Operation not permitted"),
                                HasSubstr("cannot create directory"), HasSubstr("test")));
    EXPECT_FALSE(exists(dir / "test"));
  }
}

TEST(Run, EveryActionHasTheKernelsMeaning) {
  struct Case {
    const char* why;
    std::string action;
    Words options;
    int status;
    bool made;  ///< whether the folder appears
    std::string out;
    std::string err;  ///< part of it; empty: nothing is said at all
  };
  const std::string named = "was killed for mkdir(\"folder\", 0755) at libc.so.6+0x";
  const Case cases[] = {
      {"KILL is KILL_THREAD, and the last thread takes the process along",
       "KILL",
       {},
       159,
       false,
       "",
       named},
      {"KILL_THREAD", "KILL_THREAD", {}, 159, false, "", named},
      {"KILL_PROCESS", "KILL_PROCESS", {}, 159, false, "", named},
      {"KILL raised to KILL_PROCESS",
       "KILL",
       {"--kill-process"},
       159,
       false,
       "",
       "says kill process"},
      {"TRAP without a handler kills", "TRAP", {}, 159, false, "", "says trap"},
      {"ERRNO", "ERRNO", {}, 1, false, "refused\n", ""},
      {"TRACE: by default what no tracer would give",
       "TRACE",
       {},
       1,
       false,
       "refused\n",
       "TRACE for mkdir: answered ENOSYS"},
      {"TRACE, allowed",
       "TRACE",
       {"--on-trace", "allow"},
       0,
       true,
       "made\n",
       "TRACE for mkdir: allowed"},
      {"TRACE, another errno",
       "TRACE",
       {"--on-trace", "errno=EACCES"},
       1,
       false,
       "refused\n",
       "answered EACCES"},
      {"TRACE, killed before the call",
       "TRACE",
       {"--on-trace", "kill"},
       137,
       false,
       "",
       "its process killed before it"},
      {"TRACE without a tracer",
       "TRACE",
       {"--no-explain", "--on-trace", "allow"},
       1,
       false,
       "refused\n",
       "--no-explain"},
      {"LOG lets pass", "LOG", {}, 0, true, "made\n", ""},
      {"NOTIFY without a listener is ENOSYS", "NOTIFY", {}, 1, false, "refused\n", ""},
      {"NOTIFY, let through",
       "NOTIFY",
       {"--on-notify", "continue"},
       0,
       true,
       "made\n",
       "NOTIFY for mkdir: let through"},
      {"NOTIFY, another errno",
       "NOTIFY",
       {"--on-notify", "errno=2"},
       1,
       false,
       "refused\n",
       "answered ENOENT"},
      {"NOTIFY, killed before the call",
       "NOTIFY",
       {"--on-notify", "kill"},
       137,
       false,
       "",
       "its process killed before it"},
      {"NOTIFY served without a tracer",
       "NOTIFY",
       {"--no-explain", "--on-notify", "continue"},
       0,
       true,
       "made\n",
       "let through"},
      {"ALLOW", "ALLOW", {}, 0, true, "made\n", ""},
      {"KILL_PROCESS unexplained",
       "KILL_PROCESS",
       {"--no-explain"},
       159,
       false,
       "",
       "without --no-explain the call is named"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const TempDir dir;
    const std::string profile = dir.write("profile.json", no_mkdir(c.action));
    const Outcome outcome =
        run_under(profile, {victim("run_mkdir"), "folder"}, c.options, in_folder(dir));
    EXPECT_EQ(outcome.status, c.status) << outcome.err;
    EXPECT_EQ(exists(dir / "folder"), c.made);
    EXPECT_EQ(outcome.out, c.out);
    if (c.err.empty()) {
      EXPECT_THAT(outcome.err, IsEmpty());
    } else {
      EXPECT_THAT(outcome.err, AllOf(StartsWith("sysnare run: "), HasSubstr(c.err)));
    }
  }
}

TEST(Run, ErrnoRetIsWhatTheProgramGets) {
  struct Case {
    const char* why;
    std::string more;
    std::string out;
  };
  const Case cases[] = {
      {"default", "", "-1 1\n"},
      {"0: the call seems to succeed", R"(, "errnoRet": 0)", "0 0\n"},
      {"ENOSYS", R"(, "errnoRet": 38)", "-1 38\n"},
      {"the largest", R"(, "errnoRet": 4095)", "-1 4095\n"},
  };
  const TempDir dir;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const std::string profile = dir.write("p.json", all_but(R"("getppid")", "ERRNO", c.more));
    const Outcome outcome = run_under(profile, {victim("run_call"), std::to_string(SYS_getppid)});
    EXPECT_EQ(outcome.out, c.out) << outcome.err;
    EXPECT_EQ(outcome.status, 0);
  }
  EXPECT_EQ(
      run_under(dir.write("p.json", all_but(R"("getppid")", "ERRNO", R"(, "errnoRet": 4096)")),
                {"true"})
          .status,
      125);
}

TEST(Run, ExitStatusIsThePrograms) {
  struct Case {
    const char* why;
    Words command;
    int status;
    std::string err;
  };
  const TempDir dir;
  const auto file = [&](const std::string& name, const std::string& text, unsigned mode) {
    const std::string path = dir.write(name, text);
    ::chmod(path.c_str(), mode);
    return path;
  };
  const Case cases[] = {
      {"success", {"true"}, 0, ""},
      {"its own status", {"sh", "-c", "exit 77"}, 77, ""},
      {"killed by a signal", {"sh", "-c", "kill -TERM $$"}, 143, ""},
      {"a SIGSYS that no filter sent",
       {"sh", "-c", "kill -SYS $$"},
       159,
       "SIGSYS that the filter did not send"},
      {"exec from a thread", {victim("run_exec_from_thread")}, 9, ""},
      {"not in PATH", {"no-such-command-anywhere"}, 127, "no such command in PATH"},
      {"no such file", {"/nonexistent/program"}, 127, "/nonexistent/program: No such file"},
      {"a folder", {"/tmp"}, 126, "/tmp: is a directory"},
      {"not executable", {file("plain", "#!/bin/sh\n", 0644)}, 126, "Permission denied"},
      {"a script", {file("script", "#!/bin/sh\nexit 5\n", 0755)}, 5, ""},
  };
  const std::string profile = dir.write("p.json", kAllowAll);
  for (const Case& c : cases) {
    for (const Words& options : {Words{}, Words{"--no-explain"}}) {
      SCOPED_TRACE(c.why + std::string(options.empty() ? "" : ", unexplained"));
      const Outcome outcome = run_under(profile, c.command, options);
      EXPECT_EQ(outcome.status, c.status);
      if (c.err.empty()) {
        EXPECT_THAT(outcome.err, IsEmpty());
      } else if (options.empty()) {
        EXPECT_THAT(outcome.err, AllOf(StartsWith("sysnare run: "), HasSubstr(c.err)));
        EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1);
      }
    }
  }
}

/// No tracer is told of such a child. What its parent makes of its end is all that there is.
TEST(Run, TheKillOfAChildThatNoTracerSeesIsGuessedFromTheStatus) {
  const TempDir dir;
  const std::string profile = dir.write("p.json", no_mkdir("KILL_PROCESS"));
  const Words command = {victim("run_untraced_child"), dir / "made"};
  const Outcome outcome = run_under(profile, command);
  EXPECT_EQ(outcome.status, 159);
  EXPECT_FALSE(exists(dir / "made"));
  EXPECT_THAT(outcome.err, HasSubstr("run_untraced_child ended with status 159, as a shell does "
                                     "whose child died of SIGSYS, and no kill was seen: a child "
                                     "made with CLONE_UNTRACED is hidden from tracers"));
  EXPECT_THAT(run_under(profile, command, {"--no-explain"}).err,
              HasSubstr("without --no-explain such a kill is named"));
  // The advice holds: the wire needs no tracer.
  const Outcome watched =
      sysnare({"watch", "--kill", "any", "--profile", profile, "--", command[0], command[1]});
  EXPECT_EQ(watched.status, 137);
  EXPECT_THAT(watched.err, HasSubstr("\"sysnare.path\":\"" + (dir / "made") + "\""));

  // A kill that was seen needs no guess, and another status is none.
  EXPECT_THAT(run_under(profile, {"sh", "-c", "mkdir " + (dir / "made") + "; exit $?"}).err,
              AllOf(HasSubstr("was killed for mkdir"), Not(HasSubstr("CLONE_UNTRACED"))));
  EXPECT_THAT(run_under(profile, {"sh", "-c", "exit 158"}).err, IsEmpty());
}

TEST(Run, OurOwnFailuresAre125AndOneSentence) {
  const TempDir dir;
  const std::string good = dir.write("good.json", kAllowAll);
  const std::string unknown = dir.write("unknown.json", all_but(R"("mkdri")", "ERRNO"));
  expect_sentences(
      {"run"},
      {
          {"no profile option", {"true"}, 125, "--profile"},
          {"no such profile", {"--profile", "/nonexistent.json", "true"}, 125, "/nonexistent.json"},
          {"not JSON", {"--profile", dir.write("bad.json", "{"), "true"}, 125, "bad.json"},
          {"unknown call", {"--profile", unknown, "true"}, 125, "mkdri"},
          {"no command", {"--profile", good}, 125, "no command"},
          {"unknown option", {"--profile", good, "--frobnicate", "true"}, 125, "--frobnicate"},
          {"unknown answer",
           {"--profile", good, "--on-trace", "maybe", "true"},
           125,
           "expected allow, errno, errno=NAME, errno=0 to 4095 or kill"},
          {"errno out of range",
           {"--profile", good, "--on-notify", "errno=4096", "true"},
           125,
           "0 to 4095"},
          {"unknown capability", {"--profile", good, "--caps", "CAP_FLY", "true"}, 125, "CAP_FLY"},
      });
  const Outcome warned = sysnare({"run", "--allow-unknown", "--profile", unknown, "true"});
  EXPECT_EQ(warned.status, 0);
  EXPECT_THAT(warned.err, HasSubstr("mkdri"));
}

TEST(Run, AKilledExecIs159AndSaidSo) {
  const TempDir dir;
  for (const char* action : {"KILL", "KILL_PROCESS", "TRAP"}) {
    for (const Words& options : {Words{}, Words{"--no-explain"}}) {
      SCOPED_TRACE(action);
      const std::string profile = dir.write("p.json", all_but(R"("execve")", action));
      const Outcome outcome = run_under(profile, {"true"}, options);
      EXPECT_EQ(outcome.status, 159);
      EXPECT_THAT(outcome.err, HasSubstr("true was not started: execve is killed"));
      EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    }
  }
}

TEST(Run, NamesTheGuiltyThreadAmongManyAndKilledChildren) {
  const TempDir dir;
  const std::string kill = dir.write("kill.json", no_mkdir("KILL_PROCESS"));
  // Often: the order in which threads report their ends varies.
  for (int i = 0; i < 20; ++i) {
    const Outcome many = run_under(kill, {victim("run_many_threads"), dir / "folder"});
    EXPECT_EQ(many.status, 159);
    EXPECT_THAT(many.err, HasSubstr("run_many_threads was killed for mkdir("));
    EXPECT_EQ(many.err.find("was killed"), many.err.rfind("was killed")) << many.err;
  }
  const Outcome child = run_under(kill, {victim("run_child_killed"), dir / "folder"});
  EXPECT_EQ(child.status, 0);
  EXPECT_EQ(child.out, "child killed by 31\n");
  EXPECT_THAT(child.err,
              MatchesRegex("sysnare run: its child run_child_killed \\(pid [0-9]+\\) was "
                           "killed for mkdir\\(.*libc.so.6.*mkdir.*\n"));
  EXPECT_FALSE(exists(dir / "folder"));
}

TEST(Run, SaysWhenAThreadWasKilledAloneAndItsProcessHangs) {
  const TempDir dir;
  const std::string kill = dir.write("kill.json", no_mkdir("KILL"));
  const Words program = {victim("run_hung_thread"), dir / "folder"};
  Background hung({sysnare_path(), "run", "--profile", kill, "--", program[0], program[1]});
  EXPECT_TRUE(eventually([&] { return hung.err_so_far().find("may hang") != std::string::npos; }));
  hung.signal(SIGTERM);
  const Outcome outcome = hung.wait();
  EXPECT_EQ(outcome.status, 143);
  EXPECT_THAT(outcome.out, Not(HasSubstr("woken")));
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("was killed for mkdir("), HasSubstr("--kill-process")));
  const Outcome raised = run_under(kill, program, {"--kill-process"});
  EXPECT_EQ(raised.status, 159);
  EXPECT_THAT(raised.err, Not(HasSubstr("may hang")));
}

TEST(Run, AGoProgramWhoseWriteIsKilledHangsUnlessTheProcessIs) {
  const TempDir dir;
  const std::string kill = dir.write("kill.json", all_but(R"("write")", "KILL"));
  Background hung({sysnare_path(), "run", "--profile", kill, "--", victim("helloworld")});
  EXPECT_TRUE(eventually([&] { return hung.err_so_far().find("may hang") != std::string::npos; }))
      << hung.err_so_far();
  hung.signal(SIGTERM);
  EXPECT_FALSE(hung.wait().timed_out);
  const Outcome raised = run_under(kill, {victim("helloworld")}, {"--kill-process"});
  EXPECT_EQ(raised.status, 159);
  EXPECT_THAT(raised.err,
              AllOf(HasSubstr("helloworld was killed for write("), HasSubstr("syscall")));
}

TEST(Run, TrapRunsTheProgramsOwnHandler) {
  const TempDir dir;
  const std::string profile = dir.write("p.json", no_mkdir("TRAP"));
  for (const Words& options : {Words{}, Words{"--no-explain"}}) {
    const Outcome outcome =
        run_under(profile, {victim("run_trap_handler"), dir / "folder"}, options);
    EXPECT_EQ(outcome.status, 0);
    EXPECT_THAT(outcome.out, StartsWith("trapped 83 code 1"));
    EXPECT_THAT(outcome.err, IsEmpty());
    EXPECT_FALSE(exists(dir / "folder"));
  }
}

TEST(Run, CallsOfAnAbiThatTheProfileDoesNotListAreKilled) {
#if defined(__x86_64__)
  const TempDir dir;
  const std::string narrow =
      dir.write("narrow.json",
                R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"]})");
  // x32 is seen by the filter even where the kernel has no x32 at all.
  const Outcome x32 = run_under(narrow, {victim("run_call"), "0x40000027"});
  EXPECT_EQ(x32.status, 159);
  EXPECT_THAT(x32.err, AllOf(HasSubstr("x32 getpid()"), HasSubstr("lists no x32 calls")));

  const std::string others =
      dir.write("others.json",
                R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_AARCH64"]})");
  const Outcome not_ours = run_under(others, {"true"});
  EXPECT_EQ(not_ours.status, 159);
  EXPECT_THAT(not_ours.err, HasSubstr("add SCMP_ARCH_X86_64 to its architectures"));

  if (run({victim("run_foreign_abi")}).out != "answered\n") {
    GTEST_SKIP() << "the i386 half needs a kernel that runs i386 calls";
  }
  const Outcome killed = run_under(narrow, {victim("run_foreign_abi")});
  EXPECT_EQ(killed.status, 159);
  EXPECT_THAT(killed.err, AllOf(HasSubstr("i386 getpid()"), HasSubstr("lists no i386 calls"),
                                HasSubstr("run_foreign_abi+0x")));
  const std::string wide = dir.write("wide.json", R"({"defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]})");
  EXPECT_EQ(run_under(wide, {victim("run_foreign_abi")}).out, "answered\n");
#else
  GTEST_SKIP() << "an x86_64 machine is needed: int 0x80 is its own";
#endif
}

TEST(Run, AProgramsOwnFilterKeepsItsMeaning) {
  const TempDir dir;
  const std::string profile = dir.write("p.json", kAllowAll);
  const Outcome killed = run_under(profile, {victim("run_own_filter"), "kill"});
  EXPECT_EQ(killed.status, 159);
  EXPECT_THAT(killed.err, HasSubstr("getppid() at"));
  EXPECT_THAT(killed.err, HasSubstr("by a filter that it loaded itself"));
  // Its own TRACE has no tracer of its own, whatever we would answer to ours.
  const Outcome traced =
      run_under(profile, {victim("run_own_filter"), "trace"}, {"--on-trace", "allow"});
  EXPECT_EQ(traced.out, "-1 38\n");
  EXPECT_THAT(traced.err, IsEmpty());
}

TEST(Run, TheProgramStandsInItsCallersPlace) {
  const TempDir dir;
  const std::string profile = dir.write("p.json", kAllowAll);
  const Outcome outcome =
      run_under(profile,
                {"sh", "-c",
                 "pwd; echo $GREETING; cat; echo aside >&2; ls /proc/self/fd | grep -v ...; "
                 "grep NoNewPrivs /proc/self/status; ps -o pgid= -p $$ $PPID | sort -u | wc -l"},
                {}, {.cwd = dir.path(), .input = "in\n", .environment = {"GREETING=hello"}});
  EXPECT_EQ(outcome.status, 0);
  // ls opens the folder it lists as 3; what a test runner holds open is far above.
  EXPECT_EQ(outcome.out, dir.path() + "\nhello\nin\n0\n1\n2\n3\nNoNewPrivs:\t1\n1\n");
  EXPECT_EQ(outcome.err, "aside\n");
}

TEST(Run, PrivilegedLoadLeavesNoNewPrivsAlone) {
  const TempDir dir;
  const std::string profile = dir.write("p.json", kAllowAll);
  const Outcome outcome =
      run_under(profile, {"grep", "NoNewPrivs", "/proc/self/status"}, {"--privileged-load"});
  if (has_capability(CAP_SYS_ADMIN)) {
    EXPECT_EQ(outcome.out, "NoNewPrivs:\t0\n") << outcome.err;
  } else {
    EXPECT_EQ(outcome.status, 125);
    EXPECT_THAT(outcome.err, HasSubstr("needs CAP_SYS_ADMIN"));
  }
}

TEST(Run, HonoursTheFlagsOfTheProfile) {
  struct Case {
    const char* why;
    std::string flag;
    Words options;
    std::string err;
  };
  const Case cases[] = {
      {"LOG", "SECCOMP_FILTER_FLAG_LOG", {}, ""},
      {"SPEC_ALLOW", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", {}, ""},
      {"TSYNC", "SECCOMP_FILTER_FLAG_TSYNC", {}, ""},
      {"TSYNC with a listener",
       "SECCOMP_FILTER_FLAG_TSYNC",
       {"--on-notify", "continue"},
       "NOTIFY for getppid"},
      {"WAIT_KILLABLE_RECV with a listener",
       "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
       {"--on-notify", "continue"},
       "NOTIFY for getppid"},
      {"WAIT_KILLABLE_RECV without one",
       "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
       {},
       "nobody listens"},
  };
  const TempDir dir;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const std::string profile = dir.write(
        "p.json", R"({"defaultAction": "SCMP_ACT_ALLOW", "flags": [")" + c.flag +
                      R"("], "syscalls": [{"names": ["getppid"], "action": "SCMP_ACT_NOTIFY"}]})");
    const Outcome outcome =
        run_under(profile, {victim("run_call"), std::to_string(SYS_getppid)}, c.options);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out == "-1 38\n", c.options.empty()) << outcome.out;
    EXPECT_THAT(outcome.err, c.err.empty() ? testing::Matcher<std::string>(IsEmpty())
                                           : testing::Matcher<std::string>(HasSubstr(c.err)));
  }
}

TEST(Run, SaysThatNobodyIsAskedAtTheListenerPath) {
  const TempDir dir;
  const std::string profile = dir.write("p.json", R"({"defaultAction": "SCMP_ACT_ALLOW",
      "listenerPath": "/run/x.sock", "syscalls": [
      {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}]})");
  for (const char* verb : {"run", "watch"}) {
    SCOPED_TRACE(verb);
    const Outcome outcome = sysnare({verb, "--profile", profile, "true"});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_THAT(outcome.err, HasSubstr("p.json: listenerPath \"/run/x.sock\" is not used"));
  }
  EXPECT_THAT(sysnare({"convert", profile}).out, HasSubstr("/run/x.sock")) << "kept for a runtime";
}

TEST(Run, CapabilitiesDecideIncludes) {
  const TempDir dir;
  const std::string profile = dir.write("p.json", R"({
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{"names": ["getppid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5,
                  "includes": {"caps": ["CAP_SYS_BOOT"]}}]})");
  const Words call = {victim("run_call"), std::to_string(SYS_getppid)};
  EXPECT_EQ(run_under(profile, call, {"--caps", "CAP_SYS_BOOT"}).out, "-1 5\n");
  EXPECT_THAT(run_under(profile, call, {"--caps", "none"}).out, Not(StartsWith("-1")));
}

TEST(Run, DockersDefaultProfileCanBeUsed) {
  const char* data = std::getenv("SYSNARE_TEST_DATA");
  const std::string folder = data == nullptr ? source_file("../shared/data") : data;
  const std::string profile = folder + "/docker-default.json";
  if (!exists(profile)) GTEST_SKIP() << "no docker-default.json in SYSNARE_TEST_DATA";
  const TempDir dir;
  const Outcome hello = run_under(profile, {victim("helloworld")});
  EXPECT_EQ(hello.status, 0) << hello.err;
  EXPECT_THAT(hello.err, IsEmpty());
  const Outcome refused =
      run_under(profile, {victim("run_call"), std::to_string(SYS_mount)}, {"--caps", "none"});
  EXPECT_EQ(refused.out, "-1 1\n");
}

TEST(Run, HelloWorldTwoHundredTimesInARow) {
  for (int i = 0; i < 200; ++i) {
    const Outcome hello =
        run_under(source_file("tests/profiles/allow-helloworld.json"), {victim("helloworld")});
    ASSERT_EQ(hello.status, 0) << "run " << i << ": " << hello.err;
    ASSERT_THAT(hello.err, IsEmpty());
  }
}

TEST(Run, SaysThatErrnoRefusalsAreSeenElsewhereWhenTheLoaderGivesUp) {
  const TempDir dir;
  const std::string profile = dir.write("p.json", all_but(R"("openat")", "ERRNO"));
  const Outcome outcome = run_under(profile, {"true"});
  EXPECT_EQ(outcome.status, 127);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("error while loading shared libraries"),
                                 HasSubstr("true ended in the dynamic loader"),
                                 HasSubstr("sysnare watch --enforce --profile")));
  // Said of what lives for less than a second: again where it may have lived for longer. A core of
  // it would be written in that time; 1 is no core for a pipe either (core(5), RLIMIT_CORE).
  Outcome crashed;
  bool in_time = false;
  const std::string mkdir_refused = dir.write("r.json", all_but(R"("mkdir")", "ERRNO"));
  for (int i = 0; i < 20 && !in_time && crashed.err.empty(); ++i) {
    const auto start = std::chrono::steady_clock::now();
    crashed =
        run({"sh", "-c", "prlimit --core=1 --pid $$ 2>/dev/null; exec \"$@\"", "sh", sysnare_path(),
             "run", "--profile", mkdir_refused, "--", "sh", "-c", "kill -SEGV $$"});
    in_time = std::chrono::steady_clock::now() - start < std::chrono::seconds(1);
  }
  EXPECT_THAT(crashed.err, HasSubstr("-- sh -c 'kill -SEGV $$'")) << "ready for a shell";
  // A program's own 127 is no reason to speak.
  EXPECT_THAT(run_under(dir.write("q.json", no_mkdir("ERRNO")), {"sh", "-c", "exit 127"}).err,
              IsEmpty());
}

}  // namespace
}  // namespace sysnare::live
