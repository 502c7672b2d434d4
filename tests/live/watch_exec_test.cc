// sysnare watch: no exec passes unseen. What the evidence says of the program's own execs, and what
// is allowed by name.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "alerts.h"
#include "harness.h"
#include "profiles.h"

namespace sysnare::live {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Evidence of `program`, of any build where `sha256` is empty.
std::string evidence_text(const std::string& origin, const std::string& program = victim("tripped"),
                          const std::string& sha256 = "") {
  return R"({"schema": 1, "program": {"path": ")" + program + R"(", "sha256": ")" + sha256 +
         R"(", "build_id": ""}, "command": ["x"],
    "recorder": "ptrace", "runs": 1, "last_new_run": 1, "observed": 1, "lost": 0,
    "unresolved_sites": 0, "notes": [], "calls": [{"abi": "x86_64", "nr": 59, "name": "execve",
    "origin": ")" +
         origin + R"(", "count": 1, "errors": {}, "total_ns": 1, "max_ns": 1, "runs_seen": 1,
    "first_run": 1}]})";
}

std::string why_text(const std::string& profile_sha256, const std::string& origin,
                     const std::string& program = victim("tripped")) {
  return R"({"schema": 1, "profile_sha256": ")" + profile_sha256 + R"(", "program": {"path": ")" +
         program + R"(", "sha256": "", "build_id": ""}, "runs": 1, "lost": 0,
    "calls": [{"name": "execve", "action": "SCMP_ACT_ALLOW", "origins": [")" +
         origin + R"("], "layers": [], "abis": ["x86_64"], "count": 1, "because": []}]})";
}

TEST(WatchExec, NoExecPassesUnseen) {
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
    const Outcome outcome = sysnare(watch_words(c.profile, c.options, {"spawn", "/bin/true"}));
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out, c.out);
    EXPECT_EQ(calls_of(alerts_in(outcome.err), "execve"), c.alert ? 1U : 0U) << outcome.err;
  }
}

TEST(WatchExec, EvidenceSpeaksForItsOwnProgram) {
  const TempDir folder;
  const std::string text = profile_text("SCMP_ACT_ERRNO");
  const std::string profile = folder.write("p.json", text);
  const std::string with_side_file = folder.write("side.json", text);
  folder.write("side.json.why.json",
               why_text(run({"sha256sum", profile}).out.substr(0, 64), "application", "/bin/sh"));
  const std::string sha256 = run({"sha256sum", victim("tripped")}).out.substr(0, 64);
  const std::string other(64, '0');
  const struct {
    const char* why;
    std::string evidence;  ///< empty: the side file
    bool execs;
    std::string says;  ///< empty: nothing
  } cases[] = {
      {"the same file", evidence_text("application", victim("tripped"), sha256), true, ""},
      {"the same content elsewhere", evidence_text("application", "/old/place", sha256), true, ""},
      {"it does not say whose", evidence_text("application", "", ""), true, ""},
      {"another build", evidence_text("application", victim("tripped"), other), true,
       "is evidence of another build of " + victim("tripped")},
      {"another program", evidence_text("application", "/bin/sh", other), false,
       "is evidence of /bin/sh, not of " + victim("tripped")},
      {"another program, content unknown", evidence_text("application", "/bin/sh"), false,
       "is evidence of /bin/sh, not of"},
      {"another program that makes none", evidence_text("launch", "/bin/sh"), false,
       "is evidence of /bin/sh, not of"},
      {"a side file of another program", "", false, "is evidence of /bin/sh, not of"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.why);
    std::vector<std::string> options = {"--kill", "any", "--alerts", "/dev/null"};
    if (!c.evidence.empty()) {
      options.insert(options.end(), {"--evidence", folder.write("e.json", c.evidence)});
    }
    const Outcome outcome = sysnare(watch_words(c.evidence.empty() ? with_side_file : profile,
                                                options, {"spawn", "/bin/true"}));
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out, c.execs ? "spawn=0\n" : "spawn=137\n");
    EXPECT_THAT(outcome.err, HasSubstr(c.says));
    EXPECT_EQ(outcome.err.empty(), c.says.empty() && c.execs) << outcome.err;
  }
}

TEST(WatchExec, AProfileOnStandardInputHasNoSideFile) {
  // A file of that name in the working directory, which anybody may have left there, must not
  // vouch for a profile that it was never held against.
  const TempDir folder;
  folder.write("-.why.json", why_text("", "application"));
  RunOptions options;
  options.cwd = folder.path();
  options.input = profile_text("SCMP_ACT_ERRNO");
  const Outcome outcome =
      sysnare(watch_words("-", {"--kill", "any"}, {"spawn", "/bin/true"}), options);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "spawn=137\n");
  EXPECT_EQ(calls_of(alerts_in(outcome.err), "execve"), 1U) << outcome.err;
}

TEST(WatchExec, AShellThatAProgramIsMadeToExecIsKilledBefore) {
  const TempDir folder;
  const std::string script = folder.write("sh", "#!/bin/sh\n: > " + (folder / "owned") + "\n");
  ASSERT_EQ(::chmod(script.c_str(), 0755), 0);
  const Outcome outcome =
      sysnare(watch_words(folder.write("p.json", profile_text("SCMP_ACT_ERRNO")), {"--kill", "any"},
                          {"execve", script}));
  EXPECT_EQ(outcome.status, 137);
  EXPECT_FALSE(exists(folder / "owned"));
  EXPECT_THAT(outcome.err, HasSubstr("was killed before execve"));
  EXPECT_THAT(outcome.err, HasSubstr(script)) << "the alert names the file";
}

TEST(WatchExec, AnExecAllowedByNameCannotBecomeAnotherFile) {
  const TempDir folder;
  const std::string script = folder.write("evil", "#!/bin/sh\n: > " + (folder / "owned") + "\n");
  ASSERT_EQ(::chmod(script.c_str(), 0755), 0);
  const std::string profile = folder.write("p.json", profile_text("SCMP_ACT_ERRNO"));
  for (int i = 0; i < 20; ++i) {
    // A thread writes the other name over the allowed one, again and again.
    const Outcome outcome = sysnare(
        watch_words(profile, {"--enforce", "--allow-exec", "/bin/true", "--alerts", "/dev/null"},
                    {"exec-race", "/bin/true", script}));
    EXPECT_TRUE(outcome.status == 0 || outcome.status == 137) << outcome.status << outcome.err;
    EXPECT_FALSE(exists(folder / "owned"));
  }
}

}  // namespace
}  // namespace sysnare::live
