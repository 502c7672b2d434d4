// sysnare watch: what is alerted, what goes on, what is refused, and what is killed before it
// happens.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "harness.h"

namespace sysnare::live {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Json = nlohmann::json;

/// What the victim `tripped` and the shell need, without mkdir and getppid.
const std::vector<std::string> kNeeded = {
    "access",
    "arch_prctl",
    "brk",
    "clock_nanosleep",
    "clone",
    "clone3",
    "close",
    "dup2",
    "execve",
    "exit",
    "exit_group",
    "fcntl",
    "fstat",
    "futex",
    "getegid",
    "geteuid",
    "getgid",
    "getpid",
    "getrandom",
    "gettid",
    "getuid",
    "ioctl",
    "lseek",
    "madvise",
    "mmap",
    "mprotect",
    "munmap",
    "nanosleep",
    "newfstatat",
    "openat",
    "poll",
    "prctl",
    "pread64",
    "prlimit64",
    "read",
    "readlink",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "seccomp",
    "setitimer",
    "setsid",
    "set_robust_list",
    "set_tid_address",
    "sigaltstack",
    "stat",
    "vfork",
    "wait4",
    "write",
};

/// A profile with `default_action` that allows kNeeded, and `more` entries.
std::string profile_text(const std::string& default_action, const std::vector<Json>& more = {},
                         bool allow_needed = true) {
  Json profile = {{"defaultAction", default_action}, {"syscalls", Json::array()}};
  if (allow_needed) {
    profile["syscalls"].push_back({{"names", kNeeded}, {"action", "SCMP_ACT_ALLOW"}});
  }
  for (const Json& entry : more) profile["syscalls"].push_back(entry);
  return profile.dump();
}

Json entry(const std::string& name, const std::string& action, int errno_ret = -1) {
  Json json = {{"names", {name}}, {"action", action}};
  if (errno_ret >= 0) json["errnoRet"] = errno_ret;
  return json;
}

/// The alerts among `text`'s lines, each checked to be a whole one.
std::vector<Json> alerts_in(const std::string& text) {
  std::vector<Json> alerts;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("{")) continue;
    Json alert = Json::parse(line, nullptr, false);
    EXPECT_TRUE(alert.is_object()) << line;
    alerts.push_back(alert);
  }
  return alerts;
}

/// How many calls of `name` the alerts stand for.
std::uint64_t calls_of(const std::vector<Json>& alerts, const std::string& name) {
  std::uint64_t sum = 0;
  for (const Json& alert : alerts) {
    const Json& fields = alert["output_fields"];
    if (fields["evt.type"] == name) sum += fields["count"].get<std::uint64_t>();
  }
  return sum;
}

bool exists(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

/// Words of `sysnare watch` for the victim `tripped`.
std::vector<std::string> words(const std::string& profile, const std::vector<std::string>& options,
                               const std::vector<std::string>& steps) {
  std::vector<std::string> all = {"watch", "--profile", profile};
  all.insert(all.end(), options.begin(), options.end());
  all.push_back("--");
  all.push_back(victim("tripped"));
  all.insert(all.end(), steps.begin(), steps.end());
  return all;
}

TEST(Watch, GivesEachCallWhatProfileAndOptionsSay) {
  const Json argument = {{"names", {"mkdir"}},
                         {"action", "SCMP_ACT_ALLOW"},
                         {"args", {{{"index", 1}, {"value", 0700}, {"op", "SCMP_CMP_EQ"}}}}};
  const struct {
    const char* why;
    std::string profile;
    std::vector<std::string> options;
    int status;
    std::string out;
    bool made;
    std::string grade;  ///< empty: no alert
    std::string action;
  } cases[] = {
      {"outside the profile: said, and goes on",
       profile_text("SCMP_ACT_ERRNO"),
       {},
       0,
       "mkdir=0\n",
       true,
       "unknown",
       "alert"},
      {"the same for a default of KILL",
       profile_text("SCMP_ACT_KILL_PROCESS"),
       {},
       0,
       "mkdir=0\n",
       true,
       "unknown",
       "alert"},
      {"enforced: ERRNO",
       profile_text("SCMP_ACT_ERRNO"),
       {"--enforce"},
       0,
       "mkdir=1\n",
       false,
       "unknown",
       "errno EPERM"},
      {"enforced: LOG",
       profile_text("SCMP_ACT_LOG"),
       {"--enforce"},
       0,
       "mkdir=0\n",
       true,
       "unknown",
       "alert"},
      {"enforced: TRACE",
       profile_text("SCMP_ACT_TRACE"),
       {"--enforce"},
       0,
       "mkdir=38\n",
       false,
       "unknown",
       "errno ENOSYS"},
      {"enforced: NOTIFY",
       profile_text("SCMP_ACT_NOTIFY"),
       {"--enforce"},
       0,
       "mkdir=38\n",
       false,
       "unknown",
       "errno ENOSYS"},
      {"enforced: TRAP",
       profile_text("SCMP_ACT_TRAP"),
       {"--enforce"},
       137,
       "",
       false,
       "unknown",
       "kill"},
      {"enforced: KILL",
       profile_text("SCMP_ACT_KILL"),
       {"--enforce"},
       137,
       "",
       false,
       "unknown",
       "kill"},
      {"enforced: KILL_THREAD",
       profile_text("SCMP_ACT_KILL_THREAD"),
       {"--enforce"},
       137,
       "",
       false,
       "unknown",
       "kill"},
      {"enforced: KILL_PROCESS",
       profile_text("SCMP_ACT_KILL_PROCESS"),
       {"--enforce"},
       137,
       "",
       false,
       "unknown",
       "kill"},
      {"--kill any",
       profile_text("SCMP_ACT_ERRNO"),
       {"--kill", "any"},
       137,
       "",
       false,
       "unknown",
       "kill"},
      {"--kill by grade",
       profile_text("SCMP_ACT_ERRNO"),
       {"--kill", "unknown"},
       137,
       "",
       false,
       "unknown",
       "kill"},
      {"--kill of another grade",
       profile_text("SCMP_ACT_ERRNO"),
       {"--kill", "denied"},
       0,
       "mkdir=0\n",
       true,
       "unknown",
       "alert"},
      {"--on GRADE=errno",
       profile_text("SCMP_ACT_LOG"),
       {"--on", "unknown=errno"},
       0,
       "mkdir=1\n",
       false,
       "unknown",
       "errno EPERM"},
      {"--on GRADE=kill",
       profile_text("SCMP_ACT_ERRNO"),
       {"--on=unknown=kill"},
       137,
       "",
       false,
       "unknown",
       "kill"},
      {"--on GRADE=alert goes before --enforce",
       profile_text("SCMP_ACT_ERRNO"),
       {"--enforce", "--on", "unknown=alert"},
       0,
       "mkdir=0\n",
       true,
       "unknown",
       "alert"},
      {"an explicit errno stays refused",
       profile_text("SCMP_ACT_ERRNO", {entry("mkdir", "SCMP_ACT_ERRNO", 13)}),
       {},
       0,
       "mkdir=13\n",
       false,
       "denied",
       "errno EACCES"},
      {"an explicit ENOSYS stays refused, silently",
       profile_text("SCMP_ACT_ERRNO", {entry("mkdir", "SCMP_ACT_ERRNO", 38)}),
       {"--kill", "any"},
       0,
       "mkdir=38\n",
       false,
       "",
       ""},
      {"an explicit KILL_PROCESS is the kernel's",
       profile_text("SCMP_ACT_ERRNO", {entry("mkdir", "SCMP_ACT_KILL_PROCESS")}),
       {},
       159,
       "",
       false,
       "denied",
       "kill by filter"},
      {"an explicit TRAP is the kernel's",
       profile_text("SCMP_ACT_ERRNO", {entry("mkdir", "SCMP_ACT_TRAP")}),
       {},
       159,
       "",
       false,
       "denied",
       "kill by filter"},
      {"an explicit TRAP under --kill any",
       profile_text("SCMP_ACT_ERRNO", {entry("mkdir", "SCMP_ACT_TRAP")}),
       {"--kill", "any"},
       137,
       "",
       false,
       "denied",
       "kill"},
      {"an explicit TRACE",
       profile_text("SCMP_ACT_ERRNO", {entry("mkdir", "SCMP_ACT_TRACE")}),
       {},
       0,
       "mkdir=38\n",
       false,
       "denied",
       "errno ENOSYS"},
      {"other arguments than the allowed ones",
       profile_text("SCMP_ACT_ERRNO", {argument}),
       {},
       0,
       "mkdir=0\n",
       true,
       "argument",
       "alert"},
      {"other arguments, killed",
       profile_text("SCMP_ACT_ERRNO", {argument}),
       {"--kill", "argument"},
       137,
       "",
       false,
       "argument",
       "kill"},
      {"default ALLOW: an errno entry is the wire",
       profile_text("SCMP_ACT_ALLOW", {entry("mkdir", "SCMP_ACT_ERRNO")}, false),
       {},
       0,
       "mkdir=1\n",
       false,
       "denied",
       "errno EPERM"},
      {"default ALLOW: a LOG entry is the wire",
       profile_text("SCMP_ACT_ALLOW", {entry("mkdir", "SCMP_ACT_LOG")}, false),
       {},
       0,
       "mkdir=0\n",
       true,
       "unknown",
       "alert"},
      {"allowed: nothing is said",
       profile_text("SCMP_ACT_ERRNO", {entry("mkdir", "SCMP_ACT_ALLOW")}),
       {"--kill", "any"},
       0,
       "mkdir=0\n",
       true,
       "",
       ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.why);
    const TempDir folder;
    const std::string made = folder / "made";
    std::vector<std::string> options = c.options;
    options.insert(options.end(), {"--alerts", folder / "alerts"});
    const Outcome outcome =
        sysnare(words(folder.write("p.json", c.profile), options, {"mkdir", made}));
    EXPECT_EQ(outcome.status, c.status) << outcome.err;
    EXPECT_EQ(outcome.out, c.out);
    EXPECT_EQ(exists(made), c.made);
    const std::vector<Json> alerts = alerts_in(slurp(folder / "alerts"));
    if (c.grade.empty()) {
      EXPECT_THAT(alerts, IsEmpty());
      EXPECT_EQ(outcome.err, "");
      continue;
    }
    ASSERT_EQ(alerts.size(), 1U) << slurp(folder / "alerts");
    EXPECT_EQ(alerts[0]["output_fields"]["sysnare.grade"], c.grade);
    EXPECT_EQ(alerts[0]["output_fields"]["sysnare.action"], c.action);
    EXPECT_EQ(alerts[0]["output_fields"]["evt.type"], "mkdir");
    EXPECT_THAT(outcome.err, HasSubstr("1 call outside the profile: mkdir"));
    if (c.status == 137) {
      EXPECT_THAT(outcome.err, HasSubstr("was killed before mkdir"));
    }
  }
}

TEST(Watch, KillAnyKillsBeforeTheCallTakesEffect) {
  constexpr int kTimes = 100;
  const TempDir folder;
  std::vector<std::string> steps;
  for (int i = 0; i < kTimes; ++i) {
    steps.insert(steps.end(), {"fork-mkdir", folder / ("made" + std::to_string(i))});
  }
  const Outcome outcome = sysnare(words(folder.write("p.json", profile_text("SCMP_ACT_ERRNO")),
                                        {"--kill", "any", "--alerts", folder / "alerts"}, steps));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  std::string killed;
  for (int i = 0; i < kTimes; ++i) {
    killed += "fork-mkdir=137\n";
    EXPECT_FALSE(exists(folder / ("made" + std::to_string(i))));
  }
  EXPECT_EQ(outcome.out, killed);
  EXPECT_EQ(calls_of(alerts_in(slurp(folder / "alerts")), "mkdir"), kTimes);
  EXPECT_THAT(outcome.err, HasSubstr("killed: 100 processes"));
}

TEST(Watch, WritesAlertsWithAllTheirFields) {
  const TempDir folder;
  const std::string profile = folder.write("p.json", profile_text("SCMP_ACT_ERRNO"));
  const std::string file = folder / "alerts";
  for (int round = 1; round <= 2; ++round) {
    sysnare(words(profile, {"--alerts", file}, {"mkdir", folder / std::to_string(round)}));
  }
  const std::vector<Json> alerts = alerts_in(slurp(file));
  ASSERT_EQ(alerts.size(), 2U) << "appended, not overwritten";
  struct stat info {};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);

  const Json& alert = alerts[0];
  EXPECT_THAT(alert["time"].get<std::string>(),
              ::testing::MatchesRegex("20..-..-..T..:..:...[0-9]*Z"));
  EXPECT_EQ(alert["priority"], "Notice");
  EXPECT_EQ(alert["rule"], "sysnare.unknown");
  EXPECT_EQ(alert["source"], "sysnare");
  EXPECT_NE(alert["hostname"], "");
  EXPECT_TRUE(alert["tags"].is_array());
  EXPECT_THAT(alert["output"].get<std::string>(),
              HasSubstr("called mkdir(\"" + (folder / "1") + "\", 0777)"));
  const Json& fields = alert["output_fields"];
  EXPECT_EQ(fields["evt.arch"], "x86_64");
  EXPECT_EQ(fields["evt.num"], 83);
  ASSERT_EQ(fields["evt.args"].size(), 2U);
  EXPECT_EQ(fields["evt.args"][1], "0x1ff");
  EXPECT_EQ(fields["proc.name"], "tripped");
  EXPECT_EQ(fields["proc.pid"], fields["proc.tid"]);
  EXPECT_GT(fields["proc.ppid"].get<int>(), 0);
  EXPECT_EQ(fields["proc.exepath"], victim("tripped"));
  EXPECT_EQ(fields["proc.cmdline"], victim("tripped") + " mkdir " + (folder / "1"));
  EXPECT_EQ(fields["user.uid"], ::getuid());
  for (const char* key : {"container.id", "container.name", "container.image"}) {
    EXPECT_TRUE(fields[key].is_string()) << key;
  }
  EXPECT_EQ(fields["profile.name"], profile);
  EXPECT_EQ(fields["profile.sha256"], run({"sha256sum", profile}).out.substr(0, 64));
  EXPECT_THAT(fields["sysnare.site"].get<std::string>(), HasSubstr("libc.so.6+0x"));
  EXPECT_EQ(fields["count"], 1);
  EXPECT_EQ(fields["lost_before"], 0);
  EXPECT_EQ(fields["alert_id"], alerts[1]["output_fields"]["alert_id"]) << "the same kind of thing";
}

TEST(Watch, SumsUpRepeatsAndLosesNone) {
  const TempDir folder;
  const Outcome outcome = sysnare(
      words(folder.write("p.json", profile_text("SCMP_ACT_ERRNO")), {}, {"repeat", "20000"}));
  EXPECT_EQ(outcome.status, 0);
  const std::vector<Json> alerts = alerts_in(outcome.err);
  EXPECT_EQ(alerts.size(), 2U) << "the first, and one for all the others";
  EXPECT_EQ(calls_of(alerts, "getppid"), 20000U);
  EXPECT_THAT(outcome.err,
              HasSubstr("20000 calls outside the profile: getppid (20,000); alerts: 2"));
}

TEST(Watch, SeesThreadsAndChildrenAndWhatOutlivesTheProgram) {
  const TempDir folder;
  const std::string profile = folder.write("p.json", profile_text("SCMP_ACT_ERRNO"));
  const struct {
    const char* why;
    std::vector<std::string> steps;
    std::uint64_t calls;
    std::string last;
  } cases[] = {
      {"eight threads", {"threads", folder / "t"}, 8, "t7"},
      {"a child", {"fork-mkdir", folder / "c"}, 1, "c"},
      {"a daemon that outlives it", {"daemon", folder / "d"}, 1, "d"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.why);
    const Outcome outcome = sysnare(words(profile, {}, c.steps));
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(calls_of(alerts_in(outcome.err), "mkdir"), c.calls);
    EXPECT_TRUE(exists(folder / c.last));
  }
}

TEST(Watch, HoldsCallsThroughAStormOfSignals) {
  const TempDir folder;
  const Outcome outcome = sysnare(
      words(folder.write("p.json", profile_text("SCMP_ACT_ERRNO")), {}, {"storm", folder / "s"}));
  EXPECT_EQ(outcome.out, "storm=0\n") << "every directory made, no EINTR";
  EXPECT_EQ(calls_of(alerts_in(outcome.err), "mkdir"), 50U) << "and none was notified twice";
}

TEST(Watch, LeavesTheProgramsOwnSeccompToIt) {
  const TempDir folder;
  const Outcome outcome =
      sysnare(words(folder.write("p.json", profile_text("SCMP_ACT_ERRNO")), {}, {"seccomp", "x"}));
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, "filter=0\nlistener=16\n") << "one listener a task: EBUSY";
}

TEST(Watch, JudgesForeignAbis) {
  const TempDir folder;
  const std::string profile = folder.write("p.json", profile_text("SCMP_ACT_ERRNO"));
  Outcome outcome = sysnare(words(profile, {}, {"x32", "39"}));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  const std::vector<Json> alerts = alerts_in(outcome.err);
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0]["output_fields"]["evt.arch"], "x32");
  EXPECT_EQ(alerts[0]["output_fields"]["evt.type"], "getpid");
  outcome = sysnare(words(profile, {"--enforce"}, {"x32", "39"}));
  EXPECT_EQ(outcome.status, 137) << "what an unlisted ABI gets in the kernel's filter";
}

TEST(Watch, JudgesI386Programs) {
  const TempDir folder;
  const std::string profile = folder.write("p.json", profile_text("SCMP_ACT_ERRNO"));
  if (run({victim("tripped_i386.i386"), folder / "probe"}).status != 0) {
    GTEST_SKIP() << "this machine runs no i386 programs";
  }
  const Outcome outcome =
      sysnare({"watch", "--profile", profile, "--", victim("tripped_i386.i386"), folder / "made"});
  EXPECT_EQ(outcome.out, "mkdir=0\n");
  const std::vector<Json> alerts = alerts_in(outcome.err);
  EXPECT_EQ(calls_of(alerts, "mkdir"), 1U);
  ASSERT_FALSE(alerts.empty());
  EXPECT_EQ(alerts[0]["output_fields"]["evt.arch"], "i386");
}

std::string evidence_text(const std::string& origin) {
  return R"({"schema": 1, "program": {"path": "/x", "sha256": "", "build_id": ""}, "command": ["x"],
    "recorder": "ptrace", "runs": 1, "last_new_run": 1, "observed": 1, "lost": 0,
    "unresolved_sites": 0, "notes": [], "calls": [{"abi": "x86_64", "nr": 59, "name": "execve",
    "origin": ")" +
         origin + R"(", "count": 1, "errors": {}, "total_ns": 1, "max_ns": 1, "runs_seen": 1,
    "first_run": 1}]})";
}

std::string why_text(const std::string& profile_sha256, const std::string& origin) {
  return R"({"schema": 1, "profile_sha256": ")" + profile_sha256 +
         R"(", "program": {"path": "/x", "sha256": "", "build_id": ""}, "runs": 1, "lost": 0,
    "calls": [{"name": "execve", "action": "SCMP_ACT_ALLOW", "origins": [")" +
         origin + R"("], "layers": [], "abis": ["x86_64"], "count": 1, "because": []}]})";
}

TEST(Watch, NoExecPassesUnseen) {
  const TempDir folder;
  const std::string text = profile_text("SCMP_ACT_ERRNO");
  const std::string profile = folder.write("p.json", text);
  const std::string own = folder.write("own.json", evidence_text("application"));
  const std::string launch = folder.write("launch.json", evidence_text("launch"));
  const std::string scan = folder.write("scan.json", evidence_text("scan"));
  const std::string sha256 = run({"sha256sum", profile}).out.substr(0, 64);
  const std::string with_side_file = folder.write("side.json", text);
  folder.write("side.json.why.json", why_text(sha256, "application"));
  const std::string launch_side_file = folder.write("launched.json", text);
  folder.write("launched.json.why.json", why_text(sha256, "launch"));
  const std::string edited = folder.write("edited.json", text);
  folder.write("edited.json.why.json", why_text(std::string(64, '0'), "application"));

  const struct {
    const char* why;
    std::string profile;
    std::vector<std::string> options;
    std::string out;
    bool alert;
  } cases[] = {
      {"no evidence: said, goes on", profile, {}, "spawn=0\n", true},
      {"no evidence: killed before", profile, {"--kill", "any"}, "spawn=137\n", true},
      {"no evidence: refused", profile, {"--enforce"}, "spawn=101\n", true},
      {"evidence of the launcher alone",
       profile,
       {"--kill", "any", "--evidence", launch},
       "spawn=137\n",
       true},
      {"evidence of the program itself",
       profile,
       {"--kill", "any", "--evidence", own},
       "spawn=0\n",
       false},
      {"the static analysis shows it",
       profile,
       {"--kill", "any", "--evidence", scan},
       "spawn=0\n",
       false},
      {"the side file shows it", with_side_file, {"--kill", "any"}, "spawn=0\n", false},
      {"the side file shows the launcher's alone",
       launch_side_file,
       {"--kill", "any"},
       "spawn=137\n",
       true},
      {"the side file is of another profile", edited, {"--kill", "any"}, "spawn=137\n", true},
      {"allowed by name", profile, {"--kill", "any", "--allow-exec", "true"}, "spawn=0\n", false},
      {"another one allowed by name",
       profile,
       {"--kill", "any", "--allow-exec", "/bin/false"},
       "spawn=137\n",
       true},
      {"allowed by name, without a tracer",
       profile,
       {"--kill", "any", "--no-explain", "--allow-exec", "/bin/true"},
       "spawn=0\n",
       false},
      {"forbidden by a rule, allowed by name",
       folder.write("denied.json",
                    profile_text("SCMP_ACT_ALLOW", {entry("execve", "SCMP_ACT_ERRNO")}, false)),
       {"--allow-exec", "/bin/true"},
       "spawn=101\n",
       true},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.why);
    const Outcome outcome = sysnare(words(c.profile, c.options, {"spawn", "/bin/true"}));
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out, c.out);
    EXPECT_EQ(calls_of(alerts_in(outcome.err), "execve"), c.alert ? 1U : 0U) << outcome.err;
  }
}

TEST(Watch, AProfileOnStandardInputHasNoSideFile) {
  // A file of that name in the working directory, which anybody may have left there, must not
  // vouch for a profile that it was never held against.
  const TempDir folder;
  folder.write("-.why.json", why_text("", "application"));
  RunOptions options;
  options.cwd = folder.path();
  options.input = profile_text("SCMP_ACT_ERRNO");
  const Outcome outcome = sysnare(words("-", {"--kill", "any"}, {"spawn", "/bin/true"}), options);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "spawn=137\n");
  EXPECT_EQ(calls_of(alerts_in(outcome.err), "execve"), 1U) << outcome.err;
}

TEST(Watch, AShellThatAProgramIsMadeToExecIsKilledBefore) {
  const TempDir folder;
  const std::string script = folder.write("sh", "#!/bin/sh\n: > " + (folder / "owned") + "\n");
  ASSERT_EQ(::chmod(script.c_str(), 0755), 0);
  const Outcome outcome = sysnare(words(folder.write("p.json", profile_text("SCMP_ACT_ERRNO")),
                                        {"--kill", "any"}, {"execve", script}));
  EXPECT_EQ(outcome.status, 137);
  EXPECT_FALSE(exists(folder / "owned"));
  EXPECT_THAT(outcome.err, HasSubstr("was killed before execve"));
  EXPECT_THAT(outcome.err, HasSubstr(script)) << "the alert names the file";
}

TEST(Watch, AnExecAllowedByNameCannotBecomeAnotherFile) {
  const TempDir folder;
  const std::string script = folder.write("evil", "#!/bin/sh\n: > " + (folder / "owned") + "\n");
  ASSERT_EQ(::chmod(script.c_str(), 0755), 0);
  const std::string profile = folder.write("p.json", profile_text("SCMP_ACT_ERRNO"));
  for (int i = 0; i < 20; ++i) {
    // A thread writes the other name over the allowed one, again and again.
    const Outcome outcome =
        sysnare(words(profile, {"--enforce", "--allow-exec", "/bin/true", "--alerts", "/dev/null"},
                      {"exec-race", "/bin/true", script}));
    EXPECT_TRUE(outcome.status == 0 || outcome.status == 137) << outcome.status << outcome.err;
    EXPECT_FALSE(exists(folder / "owned"));
  }
}

TEST(Watch, FailsClosedWhenTheSupervisorDies) {
  const TempDir folder;
  Background watched([&] {
    std::vector<std::string> argv = {sysnare_path()};
    const auto more =
        words(folder.write("p.json", profile_text("SCMP_ACT_ERRNO")), {},
              {"pid", "x", "wait", folder / "go", "mkdir", folder / "made", "ret", "x"});
    argv.insert(argv.end(), more.begin(), more.end());
    return argv;
  }());
  ASSERT_TRUE(eventually([&] { return watched.out_so_far().find('\n') != std::string::npos; }))
      << watched.err_so_far();
  const std::string out = watched.out_so_far();
  const int program = std::stoi(out.substr(out.find('=') + 1));
  watched.signal(SIGKILL);
  // The supervisor is gone once its memory is: the victim's is then a child of another.
  ASSERT_TRUE(eventually(
      [&] { return slurp("/proc/" + std::to_string(watched.pid()) + "/cmdline").empty(); }));
  folder.write("go", "");
  EXPECT_TRUE(eventually([&] {
    return watched.out_so_far().find("mkdir=38\nret=-1\n") != std::string::npos;
  })) << watched.out_so_far();
  EXPECT_FALSE(exists(folder / "made"));
  EXPECT_TRUE(eventually([&] {
    return slurp("/proc/" + std::to_string(program) + "/cmdline").empty();
  })) << "it ends";
}

TEST(Watch, NoExecAllowedByNameOutlivesItsSupervisor) {
  // Between an exec that was let go on and the look at what runs, the supervisor's death must not
  // let another file run. So the program dies with it, wherever it stands.
  const TempDir folder;
  std::vector<std::string> argv = {sysnare_path()};
  const auto more =
      words(folder.write("p.json", profile_text("SCMP_ACT_ERRNO")), {"--allow-exec", "/bin/true"},
            {"pid", "x", "wait", folder / "go", "mkdir", folder / "made"});
  argv.insert(argv.end(), more.begin(), more.end());
  Background watched(argv);
  ASSERT_TRUE(eventually([&] { return watched.out_so_far().find('\n') != std::string::npos; }))
      << watched.err_so_far();
  const std::string out = watched.out_so_far();
  const int program = std::stoi(out.substr(out.find('=') + 1));
  watched.signal(SIGKILL);
  EXPECT_TRUE(
      eventually([&] { return slurp("/proc/" + std::to_string(program) + "/cmdline").empty(); }));
  folder.write("go", "");
  EXPECT_EQ(watched.wait().status, 137);
  EXPECT_EQ(watched.out_so_far().find("mkdir"), std::string::npos) << watched.out_so_far();
}

TEST(Watch, TheProgramCannotReachIntoItsSupervisor) {
  if (is_root()) GTEST_SKIP() << "root may reach into any process; run as another user too";
  const TempDir folder;
  const std::string profile = folder.write("p.json", profile_text("SCMP_ACT_ERRNO"));
  const Outcome outcome =
      sysnare(words(profile, {}, {"open-of-parent", "mem", "open-of-parent", "fd/0"}));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "open-of-parent=13\nopen-of-parent=13\n");
}

TEST(Watch, GoesOnWhenAlertsCannotBeWritten) {
  const TempDir folder;
  const std::string profile = folder.write("p.json", profile_text("SCMP_ACT_ERRNO"));
  const Outcome full = sysnare(words(profile, {"--alerts", "/dev/full"}, {"mkdir", folder / "a"}));
  EXPECT_EQ(full.status, 0);
  EXPECT_TRUE(exists(folder / "a"));
  EXPECT_THAT(full.err, HasSubstr("No space left on device"));
  EXPECT_THAT(full.err, HasSubstr("1 alert could not be written to /dev/full: lost"));

  const Outcome closed =
      run({"sh", "-c", "exec \"$@\" 2>&-", "sh", sysnare_path(), "watch", "--profile", profile,
           "--", victim("tripped"), "mkdir", folder / "b"});
  EXPECT_EQ(closed.status, 0);
  EXPECT_TRUE(exists(folder / "b"));

  const Outcome killed =
      sysnare(words(profile, {"--kill", "any", "--alerts", "/dev/full"}, {"mkdir", folder / "c"}));
  EXPECT_EQ(killed.status, 137) << "no log does not mean no wire";
  EXPECT_FALSE(exists(folder / "c"));
}

/// What a job-control shell does with one job: it goes to the foreground, is continued when it
/// stops, and its end is printed.
[[noreturn]] void be_a_shell(const std::vector<std::string>& argv) {
  std::vector<char*> args;
  for (const std::string& word : argv) args.push_back(const_cast<char*>(word.c_str()));
  args.push_back(nullptr);
  ::signal(SIGTTOU, SIG_IGN);
  const pid_t job = ::fork();
  if (job == 0) {
    ::setpgid(0, 0);
    ::tcsetpgrp(0, ::getpid());
    ::signal(SIGTTOU, SIG_DFL);
    ::execv(args[0], args.data());
    ::_exit(127);
  }
  ::setpgid(job, job);
  ::tcsetpgrp(0, job);
  int status = 0;
  while (::waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status)) {
    ::dprintf(1, "stopped by %d\n", WSTOPSIG(status));
    ::kill(-job, SIGCONT);
  }
  ::dprintf(1, "status %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  ::_exit(0);
}

TEST(Watch, StopsAndContinuesWithItsJob) {
  const TempDir folder;
  std::vector<std::string> argv = {sysnare_path()};
  const auto more = words(folder.write("p.json", profile_text("SCMP_ACT_ERRNO")), {},
                          {"pid", "x", "wait", folder / "go", "mkdir", folder / "made"});
  argv.insert(argv.end(), more.begin(), more.end());
  int terminal = -1;
  const pid_t shell = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  ASSERT_GE(shell, 0);
  if (shell == 0) be_a_shell(argv);
  ::fcntl(terminal, F_SETFL, O_NONBLOCK);
  std::string screen;
  const auto shows = [&](const std::string& text) {
    return eventually([&] {
      char buffer[4096];
      const ssize_t got = ::read(terminal, buffer, sizeof buffer);
      if (got > 0) screen.append(buffer, static_cast<std::size_t>(got));
      return screen.find(text) != std::string::npos;
    });
  };
  EXPECT_TRUE(shows("pid=")) << screen;
  EXPECT_EQ(::write(terminal, "\x1a", 1), 1);
  EXPECT_TRUE(shows("stopped by " + std::to_string(SIGTSTP))) << screen;
  folder.write("go", "");
  EXPECT_TRUE(shows("mkdir=0")) << screen;
  EXPECT_TRUE(shows("status 0")) << screen;
  EXPECT_TRUE(exists(folder / "made"));
  ::kill(shell, SIGKILL);
  ::close(terminal);
  ::waitpid(shell, nullptr, 0);
}

TEST(Watch, SaysWhatItCannotUse) {
  const TempDir folder;
  const std::string profile = folder.write("p.json", profile_text("SCMP_ACT_ERRNO"));
  const std::string unknown = folder.write(
      "unknown.json", profile_text("SCMP_ACT_ERRNO", {entry("nosuchcall", "SCMP_ACT_ALLOW")}));
  const struct {
    const char* why;
    std::vector<std::string> words;
    int status;
    std::string message;
  } cases[] = {
      {"no profile", {"--", "true"}, 125, "--profile"},
      {"no such profile", {"--profile", folder / "none", "--", "true"}, 125, folder / "none"},
      {"no JSON", {"--profile", folder.write("broken", "{"), "--", "true"}, 125, "broken:1"},
      {"an unknown call", {"--profile", unknown, "--", "true"}, 125, "nosuchcall"},
      {"no command", {"--profile", profile}, 125, "no command"},
      {"an unknown grade",
       {"--profile", profile, "--kill", "bad", "--", "true"},
       125,
       "unknown grade \"bad\""},
      {"a grade of the static analysis",
       {"--profile", profile, "--on", "foreign=kill", "--", "true"},
       125,
       "needs the static analysis"},
      {"freeze",
       {"--profile", profile, "--on", "unknown=freeze", "--", "true"},
       125,
       "freeze is not supported"},
      {"an unknown response",
       {"--profile", profile, "--on", "unknown=explode", "--", "true"},
       125,
       "must be GRADE=alert"},
      {"no response",
       {"--profile", profile, "--on", "unknown", "--", "true"},
       125,
       "must be GRADE=alert"},
      {"no place for alerts",
       {"--profile", profile, "--alerts", "/nonexistent/a", "--", "true"},
       125,
       "cannot open /nonexistent/a"},
      {"no evidence file",
       {"--profile", profile, "--evidence", "/nonexistent/e", "--", "true"},
       125,
       "/nonexistent/e"},
      {"evidence cut in half",
       {"--profile", profile, "--evidence",
        folder.write("half", evidence_text("scan").substr(0, 200)), "--", "true"},
       125,
       "half"},
      {"no such file to allow",
       {"--profile", profile, "--allow-exec", "/nonexistent/x", "--", "true"},
       125,
       "--allow-exec: /nonexistent/x"},
      {"no such command",
       {"--profile", profile, "--", "/nonexistent/program"},
       127,
       "/nonexistent/program"},
      {"not executable", {"--profile", profile, "--", "/etc/passwd"}, 126, "/etc/passwd"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.why);
    std::vector<std::string> all = {"watch"};
    all.insert(all.end(), c.words.begin(), c.words.end());
    const Outcome outcome = sysnare(all);
    EXPECT_EQ(outcome.status, c.status) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(c.message));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }
  const Outcome warned = sysnare({"watch", "--profile", unknown, "--allow-unknown", "--", "true"});
  EXPECT_EQ(warned.status, 0) << warned.err;
  EXPECT_THAT(warned.err, HasSubstr("nosuchcall"));
}

TEST(Watch, PassesTheProgramsStatusOn) {
  const TempDir folder;
  const std::string profile = folder.write("p.json", profile_text("SCMP_ACT_ALLOW", {}, false));
  EXPECT_EQ(sysnare({"watch", "--profile", profile, "--", "sh", "-c", "exit 7"}).status, 7);
  EXPECT_EQ(sysnare({"watch", "--profile", profile, "--", "sh", "-c", "kill -TERM $$"}).status,
            128 + SIGTERM);
}

}  // namespace
}  // namespace sysnare::live
