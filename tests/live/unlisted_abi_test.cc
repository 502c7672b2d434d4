// --unlisted-abi of run and watch: what calls of ABIs that the profile does not list come to. An
// x32 number is such a call on every x86_64 kernel, since the filter runs before the number is
// looked up.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "alerts.h"
#include "harness.h"
#include "profiles.h"

namespace sysnare::live {
namespace {

using ::testing::HasSubstr;

constexpr const char* kX32Getpid = "0x40000027";

class UnlistedAbi : public ::testing::Test {
 protected:
  void SetUp() override {
#if !defined(__x86_64__)
    GTEST_SKIP() << "an x86_64 machine is needed: x32 numbers are its own";
#endif
  }
  TempDir folder_;
};

TEST_F(UnlistedAbi, RunGivesThemWhatTheOptionSays) {
  const std::string profile = folder_.write(
      "p.json", R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"]})");
  struct Case {
    const char* word;
    int status;
    const char* out;  ///< of run_call: result and errno
  };
  const Case kCases[] = {
      {"kill-process", 159, ""}, {"kill-thread", 159, ""},       {"trap", 159, ""},
      {"errno", 0, "-1 38\n"},   {"errno=EACCES", 0, "-1 13\n"}, {"errno=71", 0, "-1 71\n"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.word);
    const Outcome outcome = sysnare({"run", "--unlisted-abi", c.word, "--profile", profile, "--",
                                     victim("run_call"), kX32Getpid});
    EXPECT_EQ(outcome.status, c.status) << outcome.err;
    EXPECT_EQ(outcome.out, c.out);
    // The ABI that is listed is not touched by it.
    const Outcome native = sysnare(
        {"run", "--unlisted-abi", c.word, "--profile", profile, "--", victim("run_call"), "102"});
    EXPECT_EQ(native.status, 0) << native.err;
  }
}

TEST_F(UnlistedAbi, ATrapCanBeCaughtAndAKillCannot) {
  const std::string profile = folder_.write(
      "p.json", R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"]})");
  RunOptions catching;
  catching.environment = {"CATCH=1"};
  for (const char* word : {"trap", "kill-process", "kill-thread"}) {
    SCOPED_TRACE(word);
    const bool trap = std::string_view(word) == "trap";
    const Outcome outcome = sysnare(
        {"run", "--unlisted-abi", word, "--profile", profile, "--", victim("run_call"), kX32Getpid},
        catching);
    EXPECT_EQ(outcome.status, trap ? 0 : 159) << outcome.err;
    EXPECT_EQ(outcome.out, trap ? "caught\n" : "");
  }
}

TEST_F(UnlistedAbi, WatchEnforcesWhatTheOptionSays) {
  const std::string profile = folder_.write("p.json", profile_text("SCMP_ACT_ERRNO"));
  const Outcome refused =
      sysnare(watch_words(profile, {"--enforce", "--unlisted-abi", "errno=EACCES"}, {"x32", "39"}));
  EXPECT_EQ(refused.status, 0) << refused.err;
  EXPECT_EQ(refused.out, "x32=" + std::to_string(EACCES) + "\n");
  const auto alerts = alerts_in(refused.err);
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0]["output_fields"]["evt.arch"], "x32");
  const Outcome unanswered =
      sysnare(watch_words(profile, {"--enforce", "--unlisted-abi", "errno"}, {"x32", "39"}));
  EXPECT_EQ(unanswered.out, "x32=" + std::to_string(ENOSYS) + "\n");
}

TEST_F(UnlistedAbi, NeverLetsThemPass) {
  for (const char* verb : {"run", "watch"}) {
    for (const char* word : {"allow", "log"}) {
      SCOPED_TRACE(std::string(verb) + " " + word);
      const Outcome outcome = sysnare({verb, "--unlisted-abi", word, "--profile",
                                       folder_.write("p.json", kAllowAll), "--", "true"});
      EXPECT_NE(outcome.status, 0);
      EXPECT_THAT(outcome.err, HasSubstr("the filter could be walked around"));
    }
  }
}

}  // namespace
}  // namespace sysnare::live
