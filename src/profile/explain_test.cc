#include "profile/explain.h"

#include <gtest/gtest.h>

#include "arch/syscalls.h"

namespace sysnare {
namespace {

constexpr const char* kProfile = R"({
  "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "architectures": ["SCMP_ARCH_X86_64"],
  "syscalls": [
    {"names": ["socket"], "action": "SCMP_ACT_ALLOW"},
    {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 22,
     "args": [{"index": 0, "value": 16, "op": "SCMP_CMP_EQ"},
              {"index": 2, "value": 9, "op": "SCMP_CMP_EQ"}]},
    {"names": ["chroot"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_CHROOT"]}}]})";

TEST(Explain, NamesWhoDecidesAndWhatDidNotHold) {
  struct Case {
    const char* why;
    Abi abi;
    const char* call;
    std::uint64_t args[3];
    std::uint32_t value;
    Decider decider;
    int entry;  // that decides, -1 for none
    std::size_t entries;
  };
  constexpr Case kCases[] = {
      {"one of two conditions holds",
       Abi::kX86_64,
       "socket",
       {16, 1, 0},
       SECCOMP_RET_ALLOW,
       Decider::kEntry,
       0,
       2},
      {"the stronger of two that match",
       Abi::kX86_64,
       "socket",
       {16, 1, 9},
       SECCOMP_RET_ERRNO | 22U,
       Decider::kEntry,
       1,
       2},
      {"switched off",
       Abi::kX86_64,
       "chroot",
       {0, 0, 0},
       SECCOMP_RET_ERRNO | 38U,
       Decider::kDefault,
       -1,
       1},
      {"named nowhere",
       Abi::kX86_64,
       "mkdir",
       {0, 0, 0},
       SECCOMP_RET_ERRNO | 38U,
       Decider::kDefault,
       -1,
       0},
      {"unlisted ABI",
       Abi::kI386,
       "socket",
       {16, 1, 0},
       SECCOMP_RET_KILL_PROCESS,
       Decider::kUnlistedAbi,
       -1,
       2},
  };
  const Result<Profile> profile = parse_profile(kProfile, "p.json");
  ASSERT_TRUE(profile.has_value());
  ResolveOptions options;
  options.arch = Abi::kX86_64;
  const Result<ResolvedProfile> resolved = resolve(*profile, options);
  ASSERT_TRUE(resolved.has_value());
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    seccomp_data data{};
    data.arch = audit_arch(c.abi);
    data.nr = static_cast<int>(*syscall_nr(c.abi, c.call));
    std::copy(std::begin(c.args), std::end(c.args), data.args);
    const Explanation explained = explain(*profile, options, *resolved, data);
    EXPECT_EQ(explained.verdict.value, c.value);
    EXPECT_EQ(explained.decider, c.decider);
    ASSERT_EQ(explained.entries.size(), c.entries);
    int decides = -1;
    for (const ExplainedEntry& entry : explained.entries) {
      if (entry.decides) decides = static_cast<int>(entry.entry);
    }
    EXPECT_EQ(decides, c.entry);
  }
}

TEST(Explain, SaysWhatSwitchedAnEntryOffAndEachCondition) {
  const Result<Profile> profile = parse_profile(kProfile, "p.json");
  ASSERT_TRUE(profile.has_value());
  ResolveOptions options;
  options.arch = Abi::kX86_64;
  const Result<ResolvedProfile> resolved = resolve(*profile, options);
  ASSERT_TRUE(resolved.has_value());
  seccomp_data data{};
  data.arch = audit_arch(Abi::kX86_64);
  data.nr = static_cast<int>(*syscall_nr(Abi::kX86_64, "chroot"));
  EXPECT_EQ(explain(*profile, options, *resolved, data).entries.at(0).off, "needs CAP_SYS_CHROOT");
  data.nr = static_cast<int>(*syscall_nr(Abi::kX86_64, "socket"));
  data.args[2] = 9;
  const Explanation explained = explain(*profile, options, *resolved, data);
  ASSERT_EQ(explained.entries.at(1).conditions.size(), 2U);
  EXPECT_FALSE(explained.entries[1].conditions[0].held);
  EXPECT_TRUE(explained.entries[1].conditions[1].held);
  EXPECT_EQ(explained.entries[1].conditions[1].argument, 9U);
}

}  // namespace
}  // namespace sysnare
