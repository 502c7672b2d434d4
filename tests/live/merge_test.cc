// sysnare merge and saturation, as a user sees them: what several recordings say together.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "harness.h"
#include "sentences.h"

namespace sysnare::live {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

Json parsed(const std::string& text) { return Json::parse(text, nullptr, false); }

/// Evidence of `command`, run once or as `options` say.
std::string record(const TempDir& dir, const std::string& name, const Words& command,
                   const Words& options = {}) {
  Words words = {"trace", "-o", dir / name};
  words.insert(words.end(), options.begin(), options.end());
  words.emplace_back("--");
  words.insert(words.end(), command.begin(), command.end());
  const Outcome outcome = sysnare(words);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  return dir / name;
}

TEST(MergeVerb, AddsRunsUpAndSaysWhatEachFileBrings) {
  TempDir dir;
  const std::string one = record(dir, "1.json", {"sh", "-c", "cd /"}, {"--runs", "3"});
  const std::string two = record(dir, "2.json", {"sh", "-c", "cd /; umask 77"});
  const Outcome outcome = sysnare({"merge", one, two, "-o", dir / "m.json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("1.json: 3 runs, "));
  EXPECT_THAT(outcome.err, HasSubstr("2.json: 1 run, "));
  EXPECT_THAT(outcome.err, HasSubstr(", 1 of them new: umask\n"));
  EXPECT_THAT(outcome.err, HasSubstr("seen in 1 of 4 runs: umask\n"));
  EXPECT_THAT(outcome.err, HasSubstr("new calls came until the last of 4 runs"));
  EXPECT_THAT(outcome.err, HasSubstr(" observed, 0 lost\n"));
  const Json merged = parsed(slurp(dir / "m.json"));
  EXPECT_EQ(merged["runs"], 4);
  EXPECT_EQ(merged["last_new_run"], 4);
  EXPECT_EQ(merged["observed"], parsed(slurp(one))["observed"].get<std::uint64_t>() +
                                    parsed(slurp(two))["observed"].get<std::uint64_t>());
  for (const Json& call : merged["calls"]) {
    if (call["name"] == "chdir") {
      EXPECT_EQ(call["runs_seen"], 4);
    }
    if (call["name"] == "umask") {
      EXPECT_EQ(call["runs_seen"], 1);
    }
  }
  EXPECT_EQ(sysnare({"profile", dir / "m.json"}).out, sysnare({"profile", one, two}).out);
  EXPECT_EQ(sysnare({"profile", dir / "m.json"}).out, sysnare({"profile", two, one}).out)
      << "in any order";

  const Outcome json = sysnare({"merge", one, two, "--json", "-o", dir / "m2.json"});
  EXPECT_EQ(slurp(dir / "m2.json"), slurp(dir / "m.json"));
  const Json summary = parsed(json.out);
  ASSERT_TRUE(summary.is_object()) << json.out;
  EXPECT_EQ(summary["schema"], 1);
  EXPECT_EQ(summary["files"][1]["new_calls"], Json::array({{{"name", "umask"}, {"runs_seen", 1}}}));
  EXPECT_EQ(summary["saturation"]["runs"], 4);
  EXPECT_EQ(summary["saturation"]["quiet_runs"], 0);
}

TEST(MergeVerb, TakesSeveralProgramsOnlyWhenForced) {
  TempDir dir;
  const std::string one = record(dir, "1.json", {"true"});
  const std::string two = record(dir, "2.json", {"sh", "-c", "cd /"});
  const Outcome refused = sysnare({"merge", one, two, "-o", dir / "m.json"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("/true and "));
  EXPECT_FALSE(exists(dir / "m.json"));
  const Outcome forced = sysnare({"merge", "--force", one, two, "-o", dir / "m.json"});
  EXPECT_EQ(forced.status, 0);
  EXPECT_THAT(forced.err, HasSubstr("2.json is a recording of another program"));
  EXPECT_EQ(parsed(slurp(dir / "m.json"))["runs"], 2);

  // Another build of one program is daily life, and said.
  Json other = parsed(slurp(one));
  other["program"]["sha256"] = std::string(64, '0');
  const Outcome builds =
      sysnare({"merge", one, dir.write("3.json", other.dump()), "-o", dir / "m.json"});
  EXPECT_EQ(builds.status, 0);
  EXPECT_THAT(builds.err, HasSubstr("3.json is of another build of "));
  EXPECT_THAT(slurp(dir / "m.json"), HasSubstr("holds runs of another build of "));
}

TEST(MergeVerb, KeepsLossesAndTheirNames) {
  TempDir dir;
  Json evidence = parsed(slurp(record(dir, "1.json", {"true"})));
  evidence["lost"] = 5;
  evidence["losses"] = {{"failures whose errno found no room", 4}};
  const std::string lossy = dir.write("2.json", evidence.dump());
  const Outcome outcome = sysnare({"merge", dir / "1.json", lossy, lossy, "-o", dir / "m.json"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.err, HasSubstr("10 lost: 8 failures whose errno found no room, 2 others\n"));
  const Outcome refused = sysnare({"profile", dir / "m.json", "-o", dir / "p.json"});
  EXPECT_EQ(refused.status, 3);
  EXPECT_THAT(refused.err, HasSubstr("(8 failures whose errno found no room, 2 others)"));
  EXPECT_FALSE(exists(dir / "p.json"));
  const Outcome accepted =
      sysnare({"profile", "--accept-loss", dir / "m.json", "-o", dir / "p.json"});
  EXPECT_EQ(accepted.status, 0);
  EXPECT_THAT(accepted.err, HasSubstr("10 calls were lost while recording"));
  EXPECT_THAT(sysnare({"saturation", "--runs", "1", dir / "m.json"}).out,
              HasSubstr("not yet: 10 calls were lost"));
}

TEST(MergeVerb, RefusesWhatItCannotMerge) {
  TempDir dir;
  const std::string evidence = record(dir, "e.json", {"true"});
  const std::string profile = dir.write("profile.json", R"({"defaultAction": "SCMP_ACT_ALLOW"})");
  const std::string kept = dir.write("kept.json", "old");
  expect_sentences(
      {"merge", "-o", kept},
      {
          {"a mix", {evidence, profile}, 2, "one kind"},
          {"profiles by force", {"--force", profile, profile}, 2, "--force and --json go with"},
          {"nothing", {}, 2, "FILE is missing"},
          {"no such file", {evidence, dir / "none"}, 3, "none"},
          {"half a file", {evidence, dir.write("half", slurp(evidence).substr(0, 99))}, 3, "half"},
      });
  EXPECT_EQ(slurp(kept), "old");
  expect_sentences({"merge"}, {{"two documents in one place", {"--json", evidence}, 2, "-o FILE"}});
}

TEST(SaturationVerb, SaysWhetherItIsEnough) {
  TempDir dir;
  const std::string file = record(dir, "1.json", {"true"}, {"--runs", "6"});
  const Outcome enough = sysnare({"saturation", "--runs", "5", file});
  EXPECT_EQ(enough.status, 0);
  EXPECT_THAT(enough.out, HasSubstr("/true: "));
  EXPECT_THAT(enough.out, HasSubstr("no new call in the last 5 of 6 runs\n"));
  EXPECT_THAT(enough.out, HasSubstr("a new call: below 50 % (0 of 6 runs"));
  EXPECT_THAT(enough.out, HasSubstr("\nenough\n"));
  const Outcome not_yet = sysnare({"saturation", file});
  EXPECT_EQ(not_yet.status, 1);
  EXPECT_THAT(not_yet.out, HasSubstr("not yet: 5 runs with nothing new, of 10 that are wanted\n"));
  // Several files, as merge takes them.
  EXPECT_EQ(sysnare({"saturation", file, file}).status, 0);

  const Outcome json = sysnare({"saturation", "--json", file});
  EXPECT_EQ(json.status, 1);
  const Json document = parsed(json.out);
  ASSERT_TRUE(document.is_object()) << json.out;
  EXPECT_EQ(document["enough"], false);
  EXPECT_EQ(document["wanted"]["quiet_runs"], 10);
  EXPECT_EQ(document["saturation"]["quiet_runs"], 5);
  EXPECT_EQ(document["saturation"]["limit_of_chance"], 0.5);

  const std::string profile = dir.write("profile.json", R"({"defaultAction": "SCMP_ACT_ALLOW"})");
  expect_sentences(
      {"saturation"},
      {
          {"a profile", {profile}, 3, "a profile, where an evidence file is wanted"},
          {"nothing", {}, 2, "FILE is missing"},
          {"no run at all", {"--runs", "0", file}, 2, "--runs"},
          {"no time at all", {"--hours", "0", file}, 2, "--hours: \"0\" is not allowed"},
          {"no number of hours", {"--hours", "1h", file}, 2, "--hours: \"1h\" is not allowed"},
          {"several programs", {file, record(dir, "2.json", {"ls"})}, 2, "--force merges"},
      });
}

/// A server is recorded in one long run: for how long has it done nothing new?
TEST(SaturationVerb, TellsHoursWhereRunsSayNothing) {
  TempDir dir;
  Json evidence = parsed(slurp(record(dir, "e.json", {"sh", "-c", "umask 77; cd /"})));
  ASSERT_TRUE(evidence.is_object());
  std::uint64_t begun = 0;
  for (Json& call : evidence["calls"]) {
    if (call["name"] == "umask") {
      ASSERT_TRUE(call.contains("first_seen")) << call;
    }
    // As if it had gone on for two hours, and had done nothing new since the first minute.
    call["first_seen"] = "2026-11-27T10:00:00Z";
    call["last_seen"] = "2026-11-27T12:00:00Z";
    ++begun;
  }
  ASSERT_GT(begun, 10u);
  evidence["calls"][0]["first_seen"] = "2026-11-27T10:30:00Z";
  const std::string file = dir.write("long.json", evidence.dump());
  const Outcome enough = sysnare({"saturation", "--hours", "1.5", file});
  EXPECT_EQ(enough.status, 0) << enough.err;
  EXPECT_THAT(enough.out, HasSubstr("no new call in the last 1.50 of 2.00 hours\nenough\n"));
  const Outcome not_yet = sysnare({"saturation", "--hours", "2", file});
  EXPECT_EQ(not_yet.status, 1);
  EXPECT_THAT(not_yet.out,
              HasSubstr("not yet: 1.50 hours with nothing new, of 2 that are wanted\n"));
  EXPECT_EQ(sysnare({"saturation", "--hours", "1", "--runs", "1", file}).status, 1)
      << "both must hold";
  EXPECT_EQ(
      parsed(
          sysnare({"saturation", "--json", "--hours", "1", file}).out)["saturation"]["quiet_hours"],
      1.5);

  for (Json& call : evidence["calls"]) call.erase("first_seen");
  EXPECT_THAT(sysnare({"saturation", "--hours", "1", dir.write("old.json", evidence.dump())}).out,
              HasSubstr("not yet: the evidence does not say when calls came\n"));
}

/// The rare call of a program that makes it in its third run alone.
TEST(SaturationVerb, RunsEndWhenNothingNewComes) {
  TempDir dir;
  const std::string script = "echo x >> " + (dir / "runs") + "; read line < " + (dir / "runs") +
                             "; test $(wc -l < " + (dir / "runs") + ") != 3 || umask 77";
  const Outcome outcome =
      sysnare({"trace", "--until-saturated", "4", "-o", dir / "e.json", "--", "sh", "-c", script});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(slurp(dir / "runs").size(), 2u * 7) << "three, and four with nothing new";
  EXPECT_THAT(outcome.err, HasSubstr("nothing new in the last 4 of 7 runs"));
  EXPECT_THAT(outcome.err, Not(HasSubstr("not saturated")));
  EXPECT_THAT(sysnare({"saturation", dir / "e.json"}).out,
              HasSubstr("about 15 % (1 of 7 runs showed a call that no other run did)\n"
                        "seen in 1 of 7 runs: umask\n"));

  const Outcome few =
      sysnare({"trace", "--until-saturated", "4", "--runs", "5", "--", "sh", "-c", "umask 77"});
  EXPECT_THAT(few.err, Not(HasSubstr("not saturated"))) << "run 5 is the fourth quiet one";
  const std::string late =
      "echo x >> " + (dir / "late") + "; test $(wc -l < " + (dir / "late") + ") != 4 || umask 77";
  EXPECT_THAT(sysnare({"profile", "--until-saturated", "4", "--runs", "5", "-o", dir / "p.json",
                       "--", "sh", "-c", late})
                  .err,
              HasSubstr("not saturated, 4 runs with nothing new were asked for: nothing new in the "
                        "last 1 of 5 runs\n"));
}

}  // namespace
}  // namespace sysnare::live
