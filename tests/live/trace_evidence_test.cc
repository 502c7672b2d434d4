// The evidence of sysnare trace, as a user sees it: in a file, in place of the table, with places
// in the code, and what it says of what is missing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <nlohmann/json.hpp>

#include "harness.h"

namespace sysnare::live {
namespace {

using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

Words with_command(Words words, const Words& command) {
  words.emplace_back("--");
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

Outcome trace(Words options, const Words& command) {
  options.insert(options.begin(), "trace");
  return sysnare(with_command(std::move(options), command));
}

TEST(TraceEvidence, JsonIsTheEvidenceInPlaceOfTheTable) {
  TempDir dir;
  const Outcome outcome =
      trace({"--json", "-o", dir / "e.json"}, {"sh", "-c", "cd /no/such; cd /"});
  const Json json = Json::parse(outcome.err.substr(outcome.err.find('{')), nullptr, false);
  ASSERT_TRUE(json.is_object()) << outcome.err;
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["lost"], 0);
  EXPECT_EQ(json["command"][0], "sh");
  EXPECT_EQ(json, Json::parse(slurp(dir / "e.json"), nullptr, false));
  std::uint64_t observed = 0;
  bool launched = false;
  for (const Json& call : json["calls"]) {
    observed += call["count"].get<std::uint64_t>();
    if (call["name"] == "chdir") {
      EXPECT_EQ(call["errors"], Json({{"ENOENT", 1}}));
      EXPECT_EQ(call["count"], 2);
      EXPECT_EQ(call["origin"], "application");
    }
    if (call["name"] == "execve") {
      launched = true;
      EXPECT_EQ(call["origin"], "launch");
    }
    EXPECT_FALSE(call.contains("sites"));
  }
  EXPECT_TRUE(launched);
  EXPECT_EQ(json["observed"], observed);
}

TEST(TraceEvidence, SitesStandInTheEvidence) {
  const Outcome outcome = trace({"--sites", "--json"}, {"true"});
  const Json json = Json::parse(outcome.err, nullptr, false);
  ASSERT_TRUE(json.is_object()) << outcome.err;
  std::size_t sites = 0;
  for (const Json& call : json["calls"]) {
    if (call.contains("sites")) sites += call["sites"].size();
  }
  EXPECT_GT(sites, 5u) << outcome.err;
}

TEST(TraceEvidence, StacksShowTheCodePathOfEachCall) {
  const Outcome outcome = trace({"--stacks"}, {victim("helloworld")});
  EXPECT_EQ(outcome.out, "Hello World\n");
  EXPECT_THAT(outcome.err, HasSubstr("main.main → fmt.Println → "));
  EXPECT_THAT(outcome.err, HasSubstr(" → write\n"));
  EXPECT_THAT(outcome.err, EndsWith(" observed, 0 lost\n"));
}

TEST(TraceEvidence, SavesEvidenceAndSaysWhatNext) {
  TempDir dir;
  const Outcome outcome = trace({"-o", dir / "e.json"}, {"true"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.err, HasSubstr("sysnare profile " + (dir / "e.json") + " -o PROFILE.json"));
  EXPECT_EQ(Json::parse(slurp(dir / "e.json"), nullptr, false)["runs"], 1);
}

TEST(TraceEvidence, AnInterruptKeepsTheRunsSoFar) {
  TempDir dir;
  Background tracer(
      with_command({sysnare_path(), "trace", "--runs", "100000", "-o", dir / "e.json"},
                   {"sh", "-c", "echo x >> " + (dir / "runs")}));
  ASSERT_TRUE(eventually([&] { return slurp(dir / "runs").size() >= 6; }));
  tracer.signal(SIGINT);
  const Outcome outcome = tracer.wait();
  ASSERT_FALSE(outcome.timed_out);
  // In a run or between two.
  EXPECT_THAT(outcome.status, AnyOf(0, 128 + SIGINT));
  EXPECT_THAT(outcome.err, HasSubstr("ended by SIGINT in run "));
  const Json json = Json::parse(slurp(dir / "e.json"), nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_GE(json["runs"], 2);
}

/// A profile without the calls of the children stops them, so it is said from trace to profile.
TEST(TraceEvidence, WhatNoFollowLeavesOutIsSaidToTheEnd) {
  TempDir dir;
  const Words command = {"sh", "-c", "/bin/true; /bin/true; cd /"};
  const std::string said = "2 children were not followed (--no-follow): their calls are missing";
  EXPECT_THAT(trace({"--no-follow", "-o", dir / "e.json"}, command).err, HasSubstr(said));
  const Json evidence = Json::parse(slurp(dir / "e.json"), nullptr, false);
  EXPECT_EQ(evidence["runs_unfollowed"], 1);
  EXPECT_EQ(evidence["children_unfollowed"], 2);
  const Outcome made = sysnare({"profile", dir / "e.json", "-o", dir / "p.json"});
  EXPECT_EQ(made.status, 0) << made.err;
  EXPECT_THAT(made.err, HasSubstr("note: " + said));
  EXPECT_THAT(slurp(dir / "p.json.why.json"), HasSubstr(said));

  // Merged with a run that followed them, some may still be missing.
  ASSERT_EQ(trace({"-o", dir / "all.json"}, command).status, 0);
  ASSERT_EQ(sysnare({"merge", dir / "all.json", dir / "e.json", "-o", dir / "both.json"}).status,
            0);
  EXPECT_THAT(sysnare({"profile", dir / "both.json", "-o", dir / "p.json"}).err,
              HasSubstr("2 children were not followed (--no-follow, 1 of 2 runs)"));
  // Nothing is missing of a program that starts none.
  EXPECT_THAT(trace({"--no-follow"}, {"/bin/true"}).err, Not(HasSubstr("followed")));
}

}  // namespace
}  // namespace sysnare::live
