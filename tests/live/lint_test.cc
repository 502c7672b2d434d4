// sysnare lint and explain, as a user sees them; the pinned texts are in tests/golden/cmd.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "harness.h"

namespace sysnare::live {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kMendable = R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
  "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
  {"name": "execve", "action": "SCMP_ACT_ALLOW"},
  {"names": ["mount"], "action": "SCMP_ACT_KILL"},
  {"names": ["fchmodat2"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
  {"names": ["read", "read"], "action": "SCMP_ACT_ALLOW"}]})";

TEST(LintVerb, FixMendsInPlaceKeepsTheModeAndIsDoneAfterOnce) {
  TempDir folder;
  const std::string file = folder.write("p.json", kMendable);
  ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
  const Outcome before = sysnare({"lint", file});
  EXPECT_EQ(before.status, 1);
  EXPECT_THAT(before.out, HasSubstr("`sysnare lint --fix"));
  const Outcome fixed = sysnare({"lint", "--fix", file});
  EXPECT_EQ(fixed.status, 0) << fixed.out;
  EXPECT_THAT(fixed.out, HasSubstr("fixed: syscalls[1]: SCMP_ACT_KILL becomes"));
  EXPECT_THAT(fixed.out, HasSubstr("score 100 of 100: no findings"));
  struct stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  const std::string text = slurp(file);
  const Outcome again = sysnare({"lint", "--fix", file});
  EXPECT_EQ(again.status, 0);
  EXPECT_THAT(again.out, HasSubstr("nothing to fix by itself"));
  EXPECT_EQ(slurp(file), text);
}

TEST(LintVerb, StandardInputSeveralFilesAndStatuses) {
  TempDir folder;
  const std::string file = folder.write("p.json", kMendable);
  RunOptions input;
  input.input = kMendable;
  EXPECT_EQ(sysnare({"lint", "-"}, input).status, 1);
  const Outcome both = sysnare({"lint", file, folder / "missing.json"});
  EXPECT_EQ(both.status, 3);
  EXPECT_THAT(both.out, HasSubstr("score"));
  EXPECT_THAT(both.err, HasSubstr("missing.json"));
  EXPECT_EQ(sysnare({"lint", "--json", "--sarif", file}).status, 2);
  EXPECT_EQ(
      sysnare({"lint", "--fail-on", "error", "--disable", "exit-refused,sigreturn-refused", file})
          .status,
      0);
  EXPECT_THAT(sysnare({"lint", file}).out, Not(HasSubstr("\033")));
}

TEST(LintVerb, SarifHasWhatTheSpecificationAsksFor) {
  TempDir folder;
  const Outcome done = sysnare({"lint", "--sarif", folder.write("a b.json", kMendable)});
  EXPECT_EQ(done.status, 1);
  const Json log = Json::parse(done.out);
  EXPECT_EQ(log["version"], "2.1.0");
  const Json& run = log["runs"][0];
  const Json& rules = run["tool"]["driver"]["rules"];
  ASSERT_FALSE(run["results"].empty());
  for (const Json& result : run["results"]) {
    EXPECT_EQ(rules[result["ruleIndex"].get<std::size_t>()]["id"], result["ruleId"]);
    EXPECT_THAT(result["level"].get<std::string>(), testing::AnyOf("error", "warning", "note"));
    EXPECT_NE(result["message"]["text"], "");
    const Json& place = result["locations"][0]["physicalLocation"];
    EXPECT_THAT(place["artifactLocation"]["uri"].get<std::string>(), HasSubstr("a%20b.json"));
    EXPECT_GE(place["region"]["startLine"].get<int>(), 1);
  }
}

TEST(LintVerb, TenThousandRulesOnOneCallTakeSeconds) {
  TempDir folder;
  std::string text = R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [)";
  for (int i = 0; i < 10000; ++i) {
    text += std::string(i == 0 ? "" : ",") +
            R"({"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": )" +
            std::to_string(i) + R"(, "op": "SCMP_CMP_GT"}]})";
  }
  // Its deadline tells: what grew as the square took longer.
  const Outcome done = sysnare({"lint", folder.write("p.json", text + "]}")});
  EXPECT_FALSE(done.timed_out);
  EXPECT_EQ(done.status, 1);
  EXPECT_THAT(done.out, HasSubstr("and 9900 more of the same rules"));
}

TEST(ExplainVerb, ConstantsAndCapabilities) {
  TempDir folder;
  const std::string file =
      folder.write("p.json", R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
    {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_ADMIN"]},
     "args": [{"index": 0, "value": 2114060288, "op": "SCMP_CMP_MASKED_EQ"}]}]})");
  const Outcome threads = sysnare({"explain", file, "clone", "CLONE_VM|CLONE_THREAD"});
  EXPECT_THAT(threads.out, HasSubstr(": allow\n"));
  const Outcome user = sysnare({"explain", file, "clone", "CLONE_NEWUSER"});
  EXPECT_THAT(user.out, HasSubstr(": errno EPERM\n"));
  EXPECT_THAT(user.out, HasSubstr("does not hold (it is 0x10000000)"));
  const Outcome admin = sysnare({"explain", "--caps", "sys_admin", file, "clone", "0"});
  EXPECT_THAT(admin.out, HasSubstr("switched off: not with CAP_SYS_ADMIN"));
  EXPECT_EQ(sysnare({"explain", file, "clone", "NO_SUCH"}).status, 2);
  EXPECT_EQ(sysnare({"explain", file, "clone", "1", "2", "3", "4", "5", "6", "7"}).status, 2);
  EXPECT_EQ(sysnare({"explain", folder / "missing.json", "clone"}).status, 3);
}

}  // namespace
}  // namespace sysnare::live
