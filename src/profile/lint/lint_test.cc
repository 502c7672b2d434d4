#include "profile/lint/lint.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "arch/syscalls.h"
#include "base/file.h"
#include "base/test_time.h"
#include "base/text.h"

namespace sysnare {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

LintOptions x86_64() {
  LintOptions options;
  options.resolve.arch = Abi::kX86_64;
  options.resolve.kernel = {.major = 6, .minor = 1};
  return options;
}

Profile parsed(std::string_view text) {
  Result<Profile> profile = parse_profile(text, "p.json");
  EXPECT_TRUE(profile.has_value()) << profile.error().message;
  return profile.has_value() ? *profile : Profile();
}

LintReport linted(const Profile& profile, const LintOptions& options = x86_64()) {
  Result<LintReport> report = lint(profile, options);
  EXPECT_TRUE(report.has_value()) << report.error().message;
  return report.has_value() ? *report : LintReport();
}

std::vector<std::string> rules_of(const LintReport& report) {
  std::vector<std::string> rules;
  for (const LintFinding& finding : report.findings) rules.emplace_back(finding.rule);
  return rules;
}

std::string page_text(std::string_view id) {
  const Result<std::string> text =
      read_file(fmt::format("{}/docs/lint/{}.md", SYSNARE_SOURCE_DIR, id));
  return text.value_or("");
}

/// The fenced JSON below `heading`.
std::string block_below(const std::string& page, const std::string& heading) {
  const std::size_t at = page.find("\n## " + heading + "\n");
  if (at == std::string::npos) return {};
  const std::size_t start = page.find("```json\n", at);
  const std::size_t end = page.find("\n```", start + 8);
  if (start == std::string::npos || end == std::string::npos) return {};
  return page.substr(start + 8, end - start - 8);
}

TEST(LintPages, EachRuleHasOneWithAProfileThatShowsItAndOneThatDoesNot) {
  for (const LintRule& rule : lint_rules()) {
    SCOPED_TRACE(std::string(rule.id));
    const std::string page = page_text(rule.id);
    EXPECT_THAT(page, HasSubstr(fmt::format("# {}\n", rule.id)));
    EXPECT_THAT(page, HasSubstr(fmt::format("Severity: {}.", severity_name(rule.severity))));
    const std::string shows = block_below(page, "A profile that shows it");
    const std::string does_not = block_below(page, "A profile that does not");
    ASSERT_NE(shows, "");
    ASSERT_NE(does_not, "");
    EXPECT_THAT(rules_of(linted(parsed(shows))), Contains(std::string(rule.id)));
    EXPECT_THAT(rules_of(linted(parsed(does_not))), Not(Contains(std::string(rule.id))));
    LintOptions off = x86_64();
    off.disabled.emplace_back(rule.id);
    EXPECT_THAT(rules_of(linted(parsed(shows), off)), Not(Contains(std::string(rule.id))));
  }
}

TEST(LintPages, NoneIsAboutNoRuleAndTheIndexNamesAll) {
  const std::string index = page_text("README");
  for (const LintRule& rule : lint_rules()) {
    EXPECT_THAT(index, HasSubstr(fmt::format("[{}]({}.md) | {} |", rule.id, rule.id,
                                             severity_name(rule.severity))));
  }
  for (const auto& file :
       std::filesystem::directory_iterator(std::string(SYSNARE_SOURCE_DIR) + "/docs/lint")) {
    const std::string id = file.path().stem().string();
    EXPECT_TRUE(id == "README" || lint_rule(id) != nullptr) << id;
  }
}

TEST(LintRules, AreSortedAndFoundById) {
  for (const LintRule& rule : lint_rules()) EXPECT_EQ(lint_rule(rule.id), &rule);
  EXPECT_EQ(lint_rule("no-such-rule"), nullptr);
}

TEST(Lint, SaysWhereReasonAndFix) {
  const LintReport report = linted(parsed(R"({
  "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
  "syscalls": [
    {"names": ["chdir",
               "mkdir"], "action": "SCMP_ACT_ERRNO"}]})"));
  const auto found =
      std::find_if(report.findings.begin(), report.findings.end(), [](const LintFinding& each) {
        return each.rule == "family-half-denied" && each.message.find("mkdir") != std::string::npos;
      });
  ASSERT_NE(found, report.findings.end());
  EXPECT_EQ(found->path, "syscalls[0].names[1]");
  EXPECT_EQ(found->line, 5U);
  EXPECT_EQ(found->severity, Severity::kError);
  EXPECT_EQ(found->message, "mkdir is refused, but mkdirat is open and can make a folder as well");
  EXPECT_EQ(found->fix, "refuse mkdirat too, or none of them");
}

TEST(Lint, CallsLeftOutOfATightListAreNoFinding) {
  const LintReport report = linted(parsed(R"({
    "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "architectures": ["SCMP_ARCH_X86_64"],
    "syscalls": [
      {"names": ["execve", "exit", "exit_group", "rt_sigreturn", "restart_syscall", "open", "mkdir",
                 "clone", "read"], "action": "SCMP_ACT_ALLOW"},
      {"names": ["clone3", "fchmodat2"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]})"));
  EXPECT_THAT(rules_of(report), IsEmpty());
  EXPECT_EQ(report.score, 100U);
}

TEST(Lint, UpperHalvesOfIntArguments) {
  struct Case {
    const char* why;
    const char* call;
    const char* action;
    const char* arg;
    bool found;
  };
  constexpr Case kCases[] = {
      {"a refusal by EQ is left by bit 32", "socket", "SCMP_ACT_ERRNO",
       R"({"index": 0, "value": 40, "op": "SCMP_CMP_EQ"})", true},
      {"a refusal by NE holds with any upper half", "socket", "SCMP_ACT_ERRNO",
       R"({"index": 0, "value": 40, "op": "SCMP_CMP_NE"})", false},
      {"a refusal by GT holds with any upper half", "socket", "SCMP_ACT_ERRNO",
       R"({"index": 0, "value": 40, "op": "SCMP_CMP_GT"})", false},
      {"a permission by GT is entered by bit 32", "socket", "SCMP_ACT_ALLOW",
       R"({"index": 0, "value": 40, "op": "SCMP_CMP_GT"})", true},
      {"a permission by EQ only gets tighter", "socket", "SCMP_ACT_ALLOW",
       R"({"index": 0, "value": 40, "op": "SCMP_CMP_EQ"})", false},
      {"a mask of the lower half is the cure", "socket", "SCMP_ACT_ERRNO",
       R"({"index": 0, "value": 4294967295, "valueTwo": 40, "op": "SCMP_CMP_MASKED_EQ"})", false},
      {"a mask with an upper half is left", "socket", "SCMP_ACT_ERRNO",
       R"({"index": 0, "value": 18446744073709551615, "valueTwo": 40, "op": "SCMP_CMP_MASKED_EQ"})",
       true},
      {"umode_t is 16 bits wide", "chmod", "SCMP_ACT_ERRNO",
       R"({"index": 1, "value": 4294967295, "valueTwo": 511, "op": "SCMP_CMP_MASKED_EQ"})", true},
      {"a size is 64 bits wide", "read", "SCMP_ACT_ERRNO",
       R"({"index": 2, "value": 40, "op": "SCMP_CMP_EQ"})", false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const auto rules = rules_of(linted(parsed(fmt::format(
        R"({{"defaultAction": "{}", "architectures": ["SCMP_ARCH_X86_64"],
             "syscalls": [{{"names": ["{}"], "action": "{}", "args": [{}]}}]}})",
        std::string_view(c.action) == "SCMP_ACT_ALLOW" ? "SCMP_ACT_ERRNO" : "SCMP_ACT_ALLOW",
        c.call, c.action, c.arg))));
    if (c.found) {
      EXPECT_THAT(rules, Contains("int-arg-as-64"));
    } else {
      EXPECT_THAT(rules, Not(Contains("int-arg-as-64")));
    }
  }
}

TEST(Lint, GrantsAreThoseThatTheMachineGets) {
  const Profile profile = parsed(R"({
    "defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
      {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_BPF"]}},
      {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW",
       "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}]},
      {"names": ["keyctl"], "action": "SCMP_ACT_ALLOW"}]})");
  const auto calls = [](const LintReport& report) {
    std::vector<std::string> names;
    for (const Grant& grant : report.grants) names.emplace_back(grant.call);
    return names;
  };
  EXPECT_THAT(calls(linted(profile)), testing::ElementsAre("keyctl"));
  LintOptions able = x86_64();
  able.resolve.caps = {"CAP_BPF"};
  EXPECT_THAT(calls(linted(profile, able)), testing::ElementsAre("bpf", "keyctl"));
  EXPECT_LT(linted(profile, able).score, linted(profile).score);
}

/// What each call of x86_64 and i386 gets, without arguments.
std::map<Call, ActionValue> actions_of(const Profile& profile) {
  std::map<Call, ActionValue> actions;
  const Result<ResolvedProfile> resolved = resolve(profile, x86_64().resolve);
  if (!resolved) return actions;
  for (const Abi abi : resolved->abis) {
    for (const Call call : syscalls_of(abi)) {
      seccomp_data data{};
      data.nr = static_cast<int>(call.nr);
      data.arch = audit_arch(abi);
      actions[call] = evaluate(*resolved, data);
    }
  }
  return actions;
}

TEST(LintFix, MendsAndChangesNothingElse) {
  const Profile before = parsed(R"({
    "defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
      {"name": "execve", "action": "SCMP_ACT_ALLOW"},
      {"names": ["clone", "read", "read"], "action": "SCMP_ACT_ALLOW"},
      {"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]},
      {"names": [], "action": "SCMP_ACT_ALLOW"},
      {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_LT"}]},
      {"names": ["mount"], "action": "SCMP_ACT_KILL"}]})");
  const Result<FixedProfile> fixed = fix_profile(before, x86_64());
  ASSERT_TRUE(fixed.has_value()) << fixed.error().message;
  const Profile after = parsed(write_profile(fixed->profile));
  for (const LintFinding& finding : linted(after).findings) {
    EXPECT_FALSE(finding.fixable) << finding.rule << ": " << finding.message;
  }
  std::map<Call, ActionValue> expected = actions_of(before);
  const auto set = [&](std::string_view name, ActionValue value) {
    expected[{Abi::kX86_64, *syscall_nr(Abi::kX86_64, name)}] = value;
  };
  for (const char* name : {"exit", "exit_group", "rt_sigreturn", "restart_syscall"}) {
    set(name, {SECCOMP_RET_ALLOW});
  }
  set("clone3", {SECCOMP_RET_ERRNO | 38U});
  set("mount", {SECCOMP_RET_KILL_PROCESS});
  EXPECT_EQ(actions_of(after), expected);
  EXPECT_EQ(fixed->changes.size(), 8U) << fmt::format("{}", fmt::join(fixed->changes, "\n"));
  const Result<FixedProfile> again = fix_profile(after, x86_64());
  ASSERT_TRUE(again.has_value());
  EXPECT_THAT(again->changes, IsEmpty());
}

TEST(LintFix, AddsNoRefusalThatOutranksAnEntryOfAnotherMachine) {
  const Profile profile = parsed(R"({
    "defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
      {"names": ["execve", "exit", "exit_group", "rt_sigreturn", "restart_syscall", "clone"],
       "action": "SCMP_ACT_ALLOW"},
      {"names": ["clone3"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}}]})");
  EXPECT_THAT(rules_of(linted(profile)), Contains("fallback-refused"));
  const Result<FixedProfile> fixed = fix_profile(profile, x86_64());
  ASSERT_TRUE(fixed.has_value());
  EXPECT_THAT(fixed->changes, IsEmpty());
}

TEST(Lint, EngineDefaultsLintWithoutSpecialCases) {
  struct Case {
    const char* path;
    const char* finds;
    const char* finds_not;
  };
  const char* folder = std::getenv("SYSNARE_TEST_DATA");
  const std::string docker =
      (folder != nullptr ? std::string(folder)
                         : std::string(SYSNARE_SOURCE_DIR) + "/../shared/data") +
      "/docker-default.json";
  const Case kCases[] = {
      {docker.c_str(), "int-arg-as-64", "fallback-refused"},
      {"/usr/share/containers/seccomp.json", "risky-grant", "newer-call-refused"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.path);
    if (!std::filesystem::exists(c.path)) GTEST_SKIP() << c.path << " is not there";
    const Result<Profile> profile = load_profile(c.path);
    ASSERT_TRUE(profile.has_value());
    const LintReport report = linted(*profile);
    EXPECT_THAT(rules_of(report), Contains(c.finds));
    EXPECT_THAT(rules_of(report), Not(Contains(c.finds_not)));
    for (const char* wrong : {"exit-refused", "exec-refused", "contradiction", "index-twice"}) {
      EXPECT_THAT(rules_of(report), Not(Contains(wrong)));
    }
  }
}

TEST(Lint, ManyRulesOnOneCallCostLittle) {
  constexpr unsigned kRules = 10000;
  const auto lint_of = [](unsigned rules) {
    Profile profile;
    profile.architectures = {"SCMP_ARCH_X86_64"};
    for (unsigned i = 0; i < rules; ++i) {
      Entry entry;
      entry.names = {"socket"};
      entry.path = fmt::format("syscalls[{}]", i);
      entry.args = {{.index = 0, .value = i % (rules / 2), .value_two = 0, .op = Op::kEq}};
      profile.entries.push_back(std::move(entry));
    }
    const LintReport report = linted(profile);
    EXPECT_EQ(std::count_if(report.findings.begin(), report.findings.end(),
                            [](const LintFinding& each) { return each.rule == "shadowed-rule"; }),
              static_cast<std::ptrdiff_t>(kMaxFindingsOfRule));
    EXPECT_EQ(report.unsaid, rules / 2 - kMaxFindingsOfRule);
  };
  EXPECT_LT(times_as_long([&] { lint_of(kRules); }, [&] { lint_of(kRules / 4); }, kFourTimes),
            kFourTimes);
  EXPECT_LT(processor_seconds([&] { lint_of(kRules); }), 10.0);
}

}  // namespace
}  // namespace sysnare
