// sysnare profile, as a user sees it: evidence or a command in, a profile out that the program runs
// under.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "harness.h"
#include "sentences.h"

namespace sysnare::live {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

Json parsed(const std::string& text) { return Json::parse(text, nullptr, false); }

std::set<std::string> names_in(const Json& profile, const std::string& action) {
  std::set<std::string> names;
  for (const Json& entry : profile["syscalls"]) {
    if (entry["action"] != action) continue;
    for (const Json& name : entry["names"]) names.insert(name.get<std::string>());
  }
  return names;
}

/// Evidence of one run of `command`.
std::string record(const TempDir& dir, const std::string& name, const Words& command) {
  Words words = {"trace", "-o", dir / name, "--"};
  words.insert(words.end(), command.begin(), command.end());
  const Outcome outcome = sysnare(words);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  return dir / name;
}

TEST(ProfileVerb, SaysHowTheProfileIsUsedWhereItIsMadeFor) {
  struct Case {
    const char* runtime;
    const char* next;
  };
  constexpr Case kCases[] = {
      {"docker", "next: docker run --security-opt seccomp="},
      {"podman", "next: podman run --security-opt seccomp="},
      {"podman+crun", "next: podman --runtime crun run --security-opt seccomp="},
      {"runc", "into config.json as linux.seccomp, then runc run ID"},
      {"crun", "into config.json as linux.seccomp, then crun run ID"},
  };
  TempDir dir;
  const std::string evidence = record(dir, "e.json", {"true"});
  for (const Case& c : kCases) {
    const Outcome outcome =
        sysnare({"profile", "--runtime", c.runtime, evidence, "-o", dir / "p.json"});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(c.next));
    EXPECT_THAT(outcome.err, Not(HasSubstr("next: sysnare run")));
  }
}

TEST(ProfileVerb, AllowsWhatWasSeenAndSaysWhy) {
  TempDir dir;
  const std::string evidence = record(dir, "e.json", {"sh", "-c", "cd /"});
  const Outcome outcome = sysnare({"profile", evidence, "-o", dir / "p.json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("1 run; more runs"));
  EXPECT_THAT(outcome.err,
              HasSubstr("next: sysnare run --profile " + (dir / "p.json") + " -- sh -c 'cd /'\n"));
  const Json profile = parsed(slurp(dir / "p.json"));
  ASSERT_TRUE(profile.is_object());
  EXPECT_EQ(profile["defaultAction"], "SCMP_ACT_ERRNO");
  std::set<std::string> wanted = {"execve", "exit", "exit_group", "restart_syscall",
                                  "rt_sigreturn"};
  const Json seen = parsed(slurp(evidence));
  for (const Json& call : seen["calls"]) {
    wanted.insert(call["name"].get<std::string>());
  }
  EXPECT_EQ(names_in(profile, "SCMP_ACT_ALLOW"), wanted) << "nothing is added, nothing left out";

  const Json why = parsed(slurp(dir / "p.json.why.json"));
  ASSERT_TRUE(why.is_object());
  std::set<std::string> explained;
  for (const Json& call : why["calls"]) {
    EXPECT_FALSE(call["because"].empty()) << call;
    explained.insert(call["name"].get<std::string>());
    if (call["name"] == "execve") {
      EXPECT_EQ(call["origins"], Json({"launch"}));
    }
  }
  std::set<std::string> all = wanted;
  all.merge(names_in(profile, "SCMP_ACT_ERRNO"));
  EXPECT_EQ(explained, all);
  const Outcome sum = run({"sha256sum", dir / "p.json"});
  EXPECT_THAT(sum.out, StartsWith(why["profile_sha256"].get<std::string>()));
}

TEST(ProfileVerb, TheSameEvidenceGivesTheSameBytes) {
  TempDir dir;
  const std::string one = record(dir, "1.json", {"ls", "/"});
  const std::string two = record(dir, "2.json", {"cat", "/etc/passwd"});
  for (const char* out : {"a.json", "b.json"}) {
    ASSERT_EQ(sysnare({"profile", one, two, "-o", dir / out}).status, 0);
  }
  EXPECT_EQ(slurp(dir / "a.json"), slurp(dir / "b.json"));
  EXPECT_EQ(slurp(dir / "a.json.why.json"), slurp(dir / "b.json.why.json"));
  ASSERT_EQ(sysnare({"profile", two, one, "-o", dir / "c.json"}).status, 0);
  EXPECT_EQ(slurp(dir / "c.json"), slurp(dir / "a.json")) << "whatever the order";
  EXPECT_EQ(sysnare({"profile", one, two}).out, slurp(dir / "a.json")) << "on standard output too";
}

TEST(ProfileVerb, ReadsStandardInput) {
  TempDir dir;
  RunOptions options;
  options.input = slurp(record(dir, "e.json", {"true"}));
  const Outcome outcome = sysnare({"profile", "-"}, options);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(parsed(outcome.out).is_object());
}

TEST(ProfileVerb, OptionsDecideWhatTheRestGets) {
  TempDir dir;
  const std::string evidence = record(dir, "e.json", {"true"});
  const auto profile = [&](Words options) {
    options.insert(options.begin(), {"profile", evidence});
    const Outcome outcome = sysnare(options);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return parsed(outcome.out);
  };
  EXPECT_EQ(profile({"--default-action", "kill-process"})["defaultAction"],
            "SCMP_ACT_KILL_PROCESS");
  EXPECT_EQ(profile({"--default-action", "SCMP_ACT_LOG"})["defaultAction"], "SCMP_ACT_LOG");
  EXPECT_EQ(profile({"--default-errno", "ENOSYS"})["defaultErrnoRet"], 38);
  EXPECT_EQ(profile({"--default-errno", "13"})["defaultErrnoRet"], 13);
  EXPECT_THAT(profile({"--runtime", "runc"}).dump(), HasSubstr("runtime: runc"));
  EXPECT_TRUE(names_in(profile({"--runtime", "runc"}), "SCMP_ACT_ALLOW").contains("fstatfs"));
  EXPECT_FALSE(names_in(profile({}), "SCMP_ACT_ALLOW").contains("fstatfs"));
}

/// The story: 50 runs make a profile under which the program runs 200 times in a row.
TEST(ProfileVerb, AGoProgramRunsUnderItsProfileEachTime) {
  constexpr int kTimes = 200;
  TempDir dir;
  const std::string hello = victim("helloworld");
  RunOptions of_many;
  of_many.deadline = 10 * kDeadline;  // it is made for one run, and short ones
  const Outcome made = sysnare(
      {"profile", "--runs", "50", "--evidence", dir / "e.json", "-o", dir / "p.json", "--", hello},
      of_many);
  ASSERT_EQ(made.status, 0) << made.err;
  EXPECT_THAT(made.err, HasSubstr("of 50 runs\n"));
  std::string fifty;
  for (int i = 0; i < 50; ++i) fifty += "Hello World\n";
  EXPECT_EQ(made.out, fifty) << "the command's output is its own";
  EXPECT_EQ(parsed(slurp(dir / "e.json"))["runs"], 50);
  EXPECT_EQ(parsed(slurp(dir / "p.json.why.json"))["runs"], 50);
  for (int i = 0; i < kTimes; ++i) {
    const Outcome outcome = sysnare({"run", "--profile", dir / "p.json", "--", hello});
    ASSERT_EQ(outcome.status, 0) << "time " << i << ": " << outcome.err;
    ASSERT_EQ(outcome.out, "Hello World\n");
  }
}

TEST(ProfileVerb, ACommandIsRunTwentyTimesAndItsFailureIsSaid) {
  TempDir dir;
  const Outcome outcome = sysnare({"profile", "-o", dir / "p.json", "--", "sh", "-c",
                                   "echo x >> " + (dir / "runs") + "; exit 3"});
  EXPECT_EQ(outcome.status, 0) << "the profile is written";
  EXPECT_EQ(slurp(dir / "runs").size(), 40u);
  EXPECT_THAT(outcome.err, HasSubstr("ended with status 3 in 20 of 20 runs"));
  EXPECT_THAT(outcome.err, HasSubstr("nothing new in the last 19 of 20 runs"));
}

TEST(ProfileVerb, ItsEvidenceKnowsThePhasesThatAreAskedFor) {
  TempDir dir;
  struct Case {
    const char* why;
    std::vector<std::string> options;
    const char* ready_by;
  };
  const Case kCases[] = {{"a line of output", {"--ready-when", "up and"}, "--ready-when"},
                         {"a time", {"--ready-after", "0"}, "--ready-after"}};
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    std::vector<std::string> words = {"profile", "--runs", "2", "-o", dir / "p.json"};
    words.insert(words.end(), c.options.begin(), c.options.end());
    std::vector<std::string> no_evidence = words;
    no_evidence.insert(no_evidence.end(), {"--", "true"});
    const Outcome without = sysnare(no_evidence);
    EXPECT_EQ(without.status, 2);
    EXPECT_THAT(without.err, HasSubstr("add --evidence FILE"));
    words.insert(words.end(),
                 {"--evidence", dir / "e.json", "--", "sh", "-c", "echo up and running"});
    const Outcome outcome = sysnare(words);
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const auto evidence = nlohmann::json::parse(slurp(dir / "e.json"), nullptr, false);
    ASSERT_TRUE(evidence.contains("ready")) << evidence;
    EXPECT_EQ(evidence["ready"][c.ready_by]["runs"], 2);
  }
}

TEST(ProfileVerb, AnInterruptKeepsWhatWasSeen) {
  TempDir dir;
  Background profiler({sysnare_path(), "profile", "--runs", "100000", "-o", dir / "p.json", "--",
                       "sh", "-c", "echo x >> " + (dir / "runs")});
  ASSERT_TRUE(eventually([&] { return slurp(dir / "runs").size() >= 6; }));
  profiler.signal(SIGINT);
  const Outcome outcome = profiler.wait();
  ASSERT_FALSE(outcome.timed_out);
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.err, HasSubstr("ended by SIGINT in run "));
  EXPECT_TRUE(names_in(parsed(slurp(dir / "p.json")), "SCMP_ACT_ALLOW").contains("write"));
}

TEST(ProfileVerb, SaysInOneSentenceWhatIsWrongAndOverwritesNothing) {
  TempDir dir;
  const std::string good = record(dir, "e.json", {"true"});
  const std::string text = slurp(good);
  const std::string half = dir.write("half.json", text.substr(0, text.size() / 2));
  Json newer = parsed(text);
  newer["schema"] = 99;
  const std::string newer_file = dir.write("newer.json", newer.dump());
  Json lossy = parsed(text);
  lossy["lost"] = 7;
  const std::string lossy_file = dir.write("lossy.json", lossy.dump());
  const std::string words = dir.write("words", "these are words\n");
  const std::string profile = dir.write("profile.json", R"({"defaultAction": "SCMP_ACT_ALLOW"})");
  const std::string kept = dir.write("kept.json", "old profile");
  const std::string kept_why = dir.write("kept.json.why.json", "old reasons");
  const std::string mark = dir / "mark";
  expect_sentences(
      {"profile", "-o", kept},
      {
          {"cut in half", {half}, 3, "half.json:"},
          {"newer schema", {newer_file}, 3, "99"},
          {"not JSON", {words}, 3, "words:1: not JSON"},
          {"lossy", {lossy_file}, 3, "--accept-loss"},
          {"a profile", {profile}, 3, "a profile, where an evidence file is wanted"},
          {"no such file", {dir / "none"}, 3, "none"},
          {"a program without --", {"/bin/true"}, 3, "`--`"},
          {"good and bad together", {good, half}, 3, "half.json:"},
          {"nothing", {}, 2, "no evidence file"},
          {"an action that is none", {good, "--default-action", "deny"}, 2, "allowed: errno"},
          {"an action that forbids nothing",
           {good, "--default-action", "allow"},
           2,
           "forbids nothing"},
          {"an errno out of range", {good, "--default-errno", "4096"}, 2, "4095"},
          {"an errno of no errno",
           {good, "--default-action", "log", "--default-errno", "1"},
           2,
           "errno"},
          {"a runtime that is none", {good, "--runtime", "rnuc"}, 2, "runc"},
          {"a format that is none", {good, "--to", "yaml"}, 2, "docker, filter"},
          {"runs of no command", {good, "--runs", "3"}, 2, "--runs"},
          {"runs that are none", {"--runs", "0", "--", "touch", mark}, 2, "--runs"},
          {"no such command", {"--", "no-such-program"}, 127, "no-such-program"},
          {"not executable", {"--", words}, 126, "words"},
          {"evidence into no folder", {"--evidence", dir / "no/e", "--", "touch", mark}, 3, "no/e"},
      });
  EXPECT_EQ(slurp(kept), "old profile");
  EXPECT_EQ(slurp(kept_why), "old reasons");
  EXPECT_NE(::access(mark.c_str(), F_OK), 0) << "a command ran for nothing";
  EXPECT_EQ(sysnare({"profile", "-o", dir / "no/p.json", "--", "touch", mark}).status, 3);
  EXPECT_NE(::access(mark.c_str(), F_OK), 0) << "a command ran for nothing";

  const Outcome forced = sysnare({"profile", lossy_file, "--accept-loss"});
  EXPECT_EQ(forced.status, 0);
  EXPECT_THAT(forced.err, HasSubstr("7 calls were lost"));
}

TEST(ProfileVerb, ReplacesNoEvidenceByAProfile) {
  TempDir dir;
  const std::string evidence = record(dir, "e.json", {"true"});
  const std::string before = slurp(evidence);
  const std::string out = dir / "p.json";
  expect_sentences(
      {"profile"},
      {
          {"the evidence that is read", {evidence, "-o", evidence}, 2, "evidence that is read"},
          {"by another name", {evidence, "-o", dir / "./e.json"}, 2, "evidence that is read"},
          {"and the new one", {"-o", out, "--evidence", out, "--", "true"}, 2, "the file of -o"},
          {"where the side file comes to stand",
           {"-o", out, "--evidence", out + ".why.json", "--", "true"},
           2,
           "the side file of -o"},
      });
  EXPECT_EQ(slurp(evidence), before);
  EXPECT_FALSE(exists(out));
}

}  // namespace
}  // namespace sysnare::live
