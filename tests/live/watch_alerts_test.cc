// The alerts of sysnare watch: their fields, what is told one by one, and what is summed up.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <set>

#include "alerts.h"
#include "harness.h"
#include "processes.h"
#include "profiles.h"

namespace sysnare::live {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

TEST(WatchAlerts, WritesAlertsWithAllTheirFields) {
  const TempDir folder;
  const std::string profile = folder.write("p.json", profile_text("SCMP_ACT_ERRNO"));
  const std::string file = folder / "alerts";
  for (const char* name : {"1", "2", "1"}) {
    sysnare(watch_words(profile, {"--alerts", file}, {"mkdir", folder / name}));
  }
  const std::vector<Json> alerts = alerts_in(slurp(file));
  ASSERT_EQ(alerts.size(), 3U) << "appended, not overwritten";
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
  EXPECT_EQ(fields["sysnare.path"], folder / "1");
  EXPECT_NE(fields["alert_id"], alerts[1]["output_fields"]["alert_id"]) << "another folder";
  EXPECT_EQ(fields["alert_id"], alerts[2]["output_fields"]["alert_id"]) << "the same kind of thing";
}

/// All of a program's folders, and execs, come from the one instruction of its libc.
TEST(WatchAlerts, NamesEachPathAndBoundsThem) {
  constexpr std::size_t kTold = 32;
  constexpr std::size_t kFolders = kTold + 8;
  const TempDir folder;
  std::vector<std::string> steps;
  std::set<std::string> paths;
  for (std::size_t i = 0; i < kFolders; ++i) {
    const std::string path = folder / ("made" + std::to_string(i));
    if (i < kTold) paths.insert(path);
    steps.insert(steps.end(), {"mkdir", path});
  }
  steps.insert(steps.end(), {"mkdir", folder / "made0", "mkdir", folder / "made0"});
  const Outcome outcome =
      sysnare(watch_words(folder.write("p.json", profile_text("SCMP_ACT_ERRNO")), {}, steps));
  const std::vector<Json> alerts = alerts_in(outcome.err);
  std::set<std::string> told;
  std::set<std::string> ids;
  std::uint64_t others = 0;
  std::uint64_t of_first = 0;
  for (const Json& alert : alerts) {
    const Json& fields = alert["output_fields"];
    const std::string path = fields["sysnare.path"].get<std::string>();
    ids.insert(fields["alert_id"].get<std::string>());
    if (path.empty()) {
      others += fields["count"].get<std::uint64_t>();
    } else {
      told.insert(path);
    }
    if (path == folder / "made0") of_first += fields["count"].get<std::uint64_t>();
  }
  EXPECT_EQ(told, paths);
  EXPECT_EQ(ids.size(), kTold + 1) << "one for each path, and one for all others";
  EXPECT_EQ(others, kFolders - kTold);
  EXPECT_EQ(of_first, 3U);
  EXPECT_EQ(calls_of(alerts, "mkdir"), kFolders + 2) << "none is lost";
  EXPECT_THAT(outcome.err, HasSubstr("further paths of this call from this place are counted"));
  EXPECT_THAT(outcome.err,
              HasSubstr("7 calls more of the same call from the same place, with paths "
                        "that were not told one by one"));
}

TEST(WatchAlerts, NamesEveryProgramThatIsExecuted) {
  const TempDir folder;
  const Outcome outcome =
      sysnare({"watch", "--profile", folder.write("p.json", kAllowAll), "--", "sh", "-c",
               "/bin/true; /bin/echo a; /bin/true; exec /bin/echo"});
  std::multiset<std::string> told;
  for (const Json& alert : alerts_in(outcome.err)) {
    told.insert(alert["output_fields"]["sysnare.path"].get<std::string>());
  }
  EXPECT_EQ(told.count("/bin/true"), 2U) << "the first, and its repeat";
  EXPECT_GE(told.count("/bin/echo"), 1U);
}

TEST(WatchAlerts, SumsUpRepeatsAndLosesNone) {
  const TempDir folder;
  const Outcome outcome = sysnare(
      watch_words(folder.write("p.json", profile_text("SCMP_ACT_ERRNO")), {}, {"repeat", "20000"}));
  EXPECT_EQ(outcome.status, 0);
  const std::vector<Json> alerts = alerts_in(outcome.err);
  EXPECT_EQ(alerts.size(), 2U) << "the first, and one for all the others";
  EXPECT_EQ(calls_of(alerts, "getppid"), 20000U);
  EXPECT_THAT(outcome.err,
              HasSubstr("20000 calls outside the profile: getppid (20,000); alerts: 2"));
}

TEST(WatchAlerts, ThousandsOfThreadsAreOneProcess) {
  constexpr unsigned kThreads = 2000;
  if (!room_for_threads(kThreads)) GTEST_SKIP() << kNoRoomForThreads;
  const TempDir folder;
  const Outcome outcome =
      sysnare(watch_words(folder.write("p.json", profile_text("SCMP_ACT_ERRNO")),
                          {"--alerts", folder / "alerts"}, {"crowd", std::to_string(kThreads)}));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "crowd=0\n");
  const std::vector<Json> alerts = alerts_in(slurp(folder / "alerts"));
  EXPECT_EQ(calls_of(alerts, "getppid"), 3 * kThreads);
  EXPECT_LE(alerts.size(), 3U) << "one site: its first call, and sums of the others";
}

TEST(WatchAlerts, ClosesWithACommandLineThatCanBeRead) {
  const TempDir folder;
  const std::string profile = folder.write("p.json", profile_text("SCMP_ACT_ERRNO"));
  const Outcome outcome =
      sysnare({"watch", "--profile", profile, "--alerts", "/dev/null", "--", victim("tripped"),
               "mkdir", folder / "made", "ret", std::string(100'000, 'x')});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.err, HasSubstr("made ret ...`"));
  EXPECT_LT(outcome.err.size(), 6000U);
}

}  // namespace
}  // namespace sysnare::live
