// sysnare watch: what is alerted, what goes on, what is refused, and what is killed before it
// happens. Alerts are in watch_alerts_test.cc, execs in watch_exec_test.cc, the end of either side
// in watch_lifetime_test.cc.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "alerts.h"
#include "harness.h"
#include "profiles.h"
#include "sentences.h"

namespace sysnare::live {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Json = nlohmann::json;

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
        sysnare(watch_words(folder.write("p.json", c.profile), options, {"mkdir", made}));
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
  const Outcome outcome =
      sysnare(watch_words(folder.write("p.json", profile_text("SCMP_ACT_ERRNO")),
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
    const Outcome outcome = sysnare(watch_words(profile, {}, c.steps));
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(calls_of(alerts_in(outcome.err), "mkdir"), c.calls);
    EXPECT_TRUE(exists(folder / c.last));
  }
}

TEST(Watch, HoldsCallsThroughAStormOfSignals) {
  const TempDir folder;
  const Outcome outcome = sysnare(watch_words(
      folder.write("p.json", profile_text("SCMP_ACT_ERRNO")), {}, {"storm", folder / "s"}));
  EXPECT_EQ(outcome.out, "storm=0\n") << "every directory made, no EINTR";
  EXPECT_EQ(calls_of(alerts_in(outcome.err), "mkdir"), 50U) << "and none was notified twice";
}

TEST(Watch, LeavesTheProgramsOwnSeccompToIt) {
  const TempDir folder;
  const Outcome outcome = sysnare(
      watch_words(folder.write("p.json", profile_text("SCMP_ACT_ERRNO")), {}, {"seccomp", "x"}));
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, "filter=0\nlistener=16\n") << "one listener a task: EBUSY";
}

TEST(Watch, JudgesForeignAbis) {
  const TempDir folder;
  const std::string profile = folder.write("p.json", profile_text("SCMP_ACT_ERRNO"));
  Outcome outcome = sysnare(watch_words(profile, {}, {"x32", "39"}));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  const std::vector<Json> alerts = alerts_in(outcome.err);
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0]["output_fields"]["evt.arch"], "x32");
  EXPECT_EQ(alerts[0]["output_fields"]["evt.type"], "getpid");
  outcome = sysnare(watch_words(profile, {"--enforce"}, {"x32", "39"}));
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

TEST(Watch, SaysWhatItCannotUse) {
  const TempDir folder;
  const std::string profile = folder.write("p.json", profile_text("SCMP_ACT_ERRNO"));
  const std::string unknown = folder.write(
      "unknown.json", profile_text("SCMP_ACT_ERRNO", {entry("nosuchcall", "SCMP_ACT_ALLOW")}));
  expect_sentences(
      {"watch"},
      {
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
            folder.write("half", R"({"schema": 1, "lost": 0, "calls": [{"abi")"), "--", "true"},
           125,
           "half"},
          {"evidence that does not say what was lost",
           {"--profile", profile, "--evidence",
            folder.write("lossless", R"({"schema": 1, "calls": []})"), "--", "true"},
           125,
           "lossless:1: top level: \"lost\" is missing"},
          {"a profile that is no text",
           {"--profile", folder.write("nul", std::string("{\0}", 3)), "--", "true"},
           125,
           "nul:1: not JSON: byte 2 of the file is 0"},
          {"no such file to allow",
           {"--profile", profile, "--allow-exec", "/nonexistent/x", "--", "true"},
           125,
           "--allow-exec: /nonexistent/x"},
          {"no such command",
           {"--profile", profile, "--", "/nonexistent/program"},
           127,
           "/nonexistent/program"},
          {"not executable", {"--profile", profile, "--", "/etc/passwd"}, 126, "/etc/passwd"},
      });
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

/// A task can have one listener. What cannot be had is said with what to do, not as the bare EBUSY.
TEST(Watch, InsideAnotherItSaysWhatToDo) {
  const TempDir folder;
  const std::string all = folder.write("all.json", kAllowAll);
  const std::string notify = folder.write("notify.json", all_but(R"("getppid")", "NOTIFY"));
  const struct {
    const char* why;
    std::vector<std::string> inner;
    int status;
    const char* says;  ///< empty: nothing of ours
  } cases[] = {
      {"a second watch",
       {"watch", "--profile", all},
       125,
       "and the kernel allows one; start this watch outside of it, or use `sysnare run`"},
      {"a run with a listener",
       {"run", "--on-notify", "continue", "--profile", notify},
       125,
       "and the kernel allows one; start this run outside of it, or do without: --no-explain"},
      {"a run without", {"run", "--no-explain", "--profile", all}, 0, ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.why);
    std::vector<std::string> words = {"watch", "--profile", all, "--", sysnare_path()};
    words.insert(words.end(), c.inner.begin(), c.inner.end());
    words.insert(words.end(), {"--", "true"});
    const Outcome outcome = sysnare(words);
    EXPECT_EQ(outcome.status, c.status) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(c.says));
    EXPECT_THAT(outcome.err, Not(HasSubstr("resource busy")));
  }
}

}  // namespace
}  // namespace sysnare::live
