#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_time.h"
#include "profile/profile.h"

namespace sysnare {
namespace {

TEST(ParseProfile, MistakesAreOneSentenceWithPlaceValueAndWhatIsAllowed) {
  struct Case {
    const char* why;
    const char* text;
    const char* says;
  };
  constexpr Case kCases[] = {
      {"not JSON", "{", "p.json:1: not JSON"},
      {"not JSON, further down", "{\n\n \"a\": tru }", "p.json:3: not JSON"},
      {"an empty file", "", "not JSON"},
      {"cut in half", R"({"defaultAction": "SCMP_ACT_ER)", "not JSON"},
      {"a key twice", R"({"flags": [], "flags": []})", "\"flags\" stands twice"},
      {"not an object", "[]", "p.json:1: top level: an object is needed here, not an array"},
      {"no default action", "{}", "p.json:1: top level: \"defaultAction\" is missing"},
      {"action of another type", R"({"defaultAction": 1})",
       "p.json:1: defaultAction: a string is needed here, not 1"},
      {"unknown action", R"({"defaultAction": "SCMP_ACT_ERNO"})",
       "defaultAction: unknown action \"SCMP_ACT_ERNO\", did you mean SCMP_ACT_ERRNO? (allowed: "
       "SCMP_ACT_KILL, SCMP_ACT_KILL_THREAD,"},
      {"errno above MAX_ERRNO", R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 4096})",
       "defaultErrnoRet: a whole number from 0 to 4095 is needed here, not 4096"},
      {"negative errno", R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": -1})",
       "from 0 to 4095 is needed here, not -1"},
      {"a trace message of more than 16 bits",
       R"({"defaultAction": "SCMP_ACT_TRACE", "defaultErrnoRet": 65536})", "from 0 to 65535"},
      {"errno for an action without one",
       R"({"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1})",
       "defaultErrnoRet goes with SCMP_ACT_ERRNO and SCMP_ACT_TRACE only, not with SCMP_ACT_ALLOW"},
      {"unknown errno name", R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "EPREM"})",
       "defaultErrno: unknown errno \"EPREM\" (allowed: a name such as EPERM"},
      {"errno and name disagree",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "ENOSYS", "defaultErrnoRet": 1})",
       "\"ENOSYS\" is 38, but defaultErrnoRet says 1"},
      {"unknown architecture",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_AARCH65"]})",
       "architectures[0]: unknown architecture \"SCMP_ARCH_AARCH65\", did you mean "
       "SCMP_ARCH_AARCH64?"},
      {"architecture by another name",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["amd64"]})",
       "did you mean SCMP_ARCH_X86_64?"},
      {"unknown architecture in archMap",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "archMap": [{"architecture": "vax"}]})",
       "archMap[0].architecture: unknown architecture \"vax\""},
      {"unknown flag",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "flags": ["SECCOMP_FILTER_FLAG_LGO"]})",
       "flags[0]: unknown flag \"SECCOMP_FILTER_FLAG_LGO\", did you mean SECCOMP_FILTER_FLAG_LOG?"},
      {"a flag that no profile may set",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "flags": ["SECCOMP_FILTER_FLAG_NEW_LISTENER"]})",
       "unknown flag"},
      {"syscalls of another type", R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": {}})",
       "syscalls: an array is needed here, not an object"},
      {"entry without names",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"action": "SCMP_ACT_ALLOW"}]})",
       "syscalls[0]: \"names\" is missing"},
      {"entry without action",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"]}]})",
       "syscalls[0]: \"action\" is missing"},
      {"name and names", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"name": "read", "names": ["write"], "action": "SCMP_ACT_ALLOW"}]})",
       "p.json:2: syscalls[0]: both `name` and `names` are given"},
      {"names of another type", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": "read", "action": "SCMP_ACT_ALLOW"}]})",
       "syscalls[0].names: an array is needed here, not \"read\""},
      {"a name of another type", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read", 1], "action": "SCMP_ACT_ALLOW"}]})",
       "syscalls[0].names[1]: a string is needed here, not 1"},
      {"errnoRet on an allowed call", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW", "errnoRet": 1}]})",
       "syscalls[0]: errnoRet goes with"},
      {"argument index above 5", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
        "args": [{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}]}]})",
       "p.json:3: syscalls[0].args[0].index: a whole number from 0 to 5 is needed here, not 6"},
      {"negative value", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
        "args": [{"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}]}]})",
       "args[0].value: a whole number from 0 to 18446744073709551615 is needed here, not -1"},
      {"value above 64 bits", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
        "args": [{"index": 0, "value": 18446744073709551616, "op": "SCMP_CMP_EQ"}]}]})",
       "args[0].value: a whole number from 0 to 18446744073709551615 is needed here, not "
       "18446744073709551616"},
      {"unknown op", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
        "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQQ"}]}]})",
       "args[0].op: unknown op \"SCMP_CMP_EQQ\", did you mean SCMP_CMP_EQ?"},
      {"minKernel with three parts", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
        "includes": {"minKernel": "5.4.1"}}]})",
       "includes.minKernel: \"5.4.1\" is no kernel version (allowed: MAJOR.MINOR"},
      {"minKernel without a minor", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
        "includes": {"minKernel": "5"}}]})",
       "includes.minKernel: \"5\" is no kernel version"},
      {"minKernel 0.0, which Docker refuses", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
        "excludes": {"minKernel": "0.0"}}]})",
       "excludes.minKernel: \"0.0\" is no kernel version"},
      {"minKernel beyond a byte, which Docker refuses", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
        "includes": {"minKernel": "5.256"}}]})",
       "includes.minKernel: \"5.256\" is no kernel version"},
      {"minKernel in another base", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
        "includes": {"minKernel": "0x5.4"}}]})",
       "includes.minKernel: \"0x5.4\" is no kernel version"},
      {"minKernel as a number", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
        "includes": {"minKernel": 5.4}}]})",
       "includes.minKernel: a string is needed here, not 5.4"},
      {"both kinds of architectures", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86"],
        "archMap": [{"architecture": "SCMP_ARCH_X86_64"}]})",
       "p.json:3: archMap: both `architectures` and `archMap` are given, use one of them"},
      {"both, the other way round", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "archMap": [{"architecture": "SCMP_ARCH_X86_64"}],
        "architectures": ["SCMP_ARCH_X86"]})",
       "p.json:2: archMap: both `architectures` and `archMap` are given, use one of them"},
      {"a bundle's config.json", R"({"ociVersion": "1.0.2", "process": {}, "linux": {
        "seccomp": {"defaultAction": "SCMP_ACT_ERRNO"}}})",
       "p.json:2: linux.seccomp: this is a bundle's config.json, whose profile is this part alone; "
       "`jq .linux.seccomp` takes it out"},
      {"a config.json without a profile", R"({"ociVersion": "1.0.2", "linux": {}})",
       "p.json:1: top level: this is a bundle's config.json, and it has no profile"},
      {"linux of another type", R"({"linux": 1})",
       "p.json:1: top level: this is a bundle's config.json, and it has no profile"},
      {"caps of another type", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
        "excludes": {"caps": "CAP_SYS_ADMIN"}}]})",
       "excludes.caps: an array is needed here"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const Result<Profile> profile = parse_profile(c.text, "p.json");
    ASSERT_FALSE(profile.has_value());
    EXPECT_EQ(profile.error().code, Errc::kBadInput);
    EXPECT_NE(profile.error().message.find(c.says), std::string::npos) << profile.error().message;
    EXPECT_EQ(profile.error().message.find('\n'), std::string::npos);
  }
}

TEST(ParseProfile, OddThingsAreSaidNotDropped) {
  struct Case {
    const char* why;
    const char* text;
    const char* says;
  };
  constexpr Case kCases[] = {
      {"unknown key", R"({"defaultAction": "SCMP_ACT_ERRNO", "sycalls": []})",
       "p.json:1: sycalls: unknown key, ignored; did you mean syscalls?"},
      {"unknown key in an entry", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW", "arg": []}]})",
       "p.json:2: syscalls[0].arg: unknown key, ignored; did you mean args?"},
      {"unknown key in a condition", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
        "includes": {"kernel": "5.4"}}]})",
       "syscalls[0].includes.kernel: unknown key"},
      {"valueTwo without a mask", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
        "args": [{"index": 0, "value": 1, "valueTwo": 2, "op": "SCMP_CMP_EQ"}]}]})",
       "args[0].valueTwo: valueTwo means something with SCMP_CMP_MASKED_EQ only"},
      {"a masked value that never matches", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
        "args": [{"index": 0, "value": 1, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ"}]}]})",
       "0x2 has bits outside the mask 0x1: the condition never holds, but runc and crun drop those "
       "bits"},
      {"an architecture twice", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X86"]})",
       "architectures[1]: SCMP_ARCH_X86 is listed twice"},
      {"no names", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": [], "action": "SCMP_ACT_ALLOW"}]})",
       "syscalls[0]: `names` is empty"},
      {"a capability that is none", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
        "includes": {"caps": ["SYS_ADMIN"]}}]})",
       "p.json:3: syscalls[0].includes.caps[0]: no engine knows a capability \"SYS_ADMIN\", did "
       "you "
       "mean CAP_SYS_ADMIN?"},
      {"a misspelt capability", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
        "excludes": {"caps": ["CAP_SYS_ADMNI"]}}]})",
       "excludes.caps[0]: no engine knows a capability \"CAP_SYS_ADMNI\", did you mean "
       "CAP_SYS_ADMIN?"},
      {"a capability in lower case, which engines compare as it stands",
       R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
        "includes": {"caps": ["cap_sys_admin"]}}]})",
       "no engine knows a capability \"cap_sys_admin\", did you mean CAP_SYS_ADMIN?"},
      {"an architecture by the kernel's name", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
        "includes": {"arches": ["amd64", "x86_64"]}}]})",
       "includes.arches[1]: no engine knows an architecture \"x86_64\", did you mean amd64?"},
      {"an architecture by OCI's name", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
        "excludes": {"arches": ["SCMP_ARCH_AARCH64"]}}]})",
       "no engine knows an architecture \"SCMP_ARCH_AARCH64\", did you mean arm64?"},
      {"Go's 386, which engines call x86", R"({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
        "includes": {"arches": ["386"]}}]})",
       "no engine knows an architecture \"386\", did you mean x86?"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const Result<Profile> profile = parse_profile(c.text, "p.json");
    ASSERT_TRUE(profile.has_value()) << profile.error().message;
    const std::vector<std::string> warnings = warnings_of(*profile);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_NE(warnings[0].find(c.says), std::string::npos) << warnings[0];
  }
}

TEST(ParseProfile, AKeyThatGoReadsWhateverItsCaseIsRefused) {
  // What the key holds counts for Docker, Podman and runc, and not for crun: what it says would be
  // passed over here (a condition that keeps an entry off) or there.
  struct Case {
    const char* why;
    const char* text;
    const char* says;
  };
  const Case kCases[] = {
      {"a condition that would be passed over", R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls":
        [{"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "Includes": {"caps": ["CAP_BPF"]}}]})",
       "p.json:2: syscalls[0].Includes: Docker, Podman and runc take this key for `includes`"},
      {"a second default, which Go lets win",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "DEFAULTACTION": "SCMP_ACT_ALLOW"})",
       "p.json:1: DEFAULTACTION: Docker, Podman and runc take this key for `defaultAction`"},
      {"inside a condition", R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls":
        [{"names": ["bpf"], "action": "SCMP_ACT_ALLOW",
          "args": [{"index": 0, "value": 1, "valuetwo": 1, "op": "SCMP_CMP_MASKED_EQ"}]}]})",
       "args[0].valuetwo: Docker, Podman and runc take this key for `valueTwo`"},
      {"the long s, which Go folds too",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "\u017fyscalls": []})",
       "take this key for `syscalls`"},
      {"the sign of Kelvin", R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls":
        [{"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"min\u212aernel": "5.4"}}]})",
       "take this key for `minKernel`"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const Result<Profile> profile = parse_profile(c.text, "p.json");
    ASSERT_FALSE(profile.has_value());
    EXPECT_EQ(profile.error().code, Errc::kBadInput);
    EXPECT_THAT(profile.error().message, ::testing::HasSubstr(c.says));
  }
}

TEST(ParseProfile, OfManyOddThingsTheFirstAreSaid) {
  // Each suggestion compares with every key; many keys took minutes. For keys of more than 64
  // letters none is looked for.
  const auto text_of = [](int letters) {
    constexpr int kKeys = 50'000;
    std::string text = R"({"defaultAction": "SCMP_ACT_ERRNO")";
    for (int i = 0; i < kKeys; ++i) text += fmt::format(", \"{:0{}}\": 0", i, letters);
    return text + "}";
  };
  const auto parse = [](const std::string& text) {
    const Result<Profile> profile = parse_profile(text, "p.json");
    ASSERT_TRUE(profile.has_value()) << profile.error().message;
    EXPECT_LT(profile->oddities.size(), 100u);
    EXPECT_EQ(warnings_of(*profile).back(), "p.json: and 49936 more warnings like these");
  };
  const std::string meant = text_of(60);
  const std::string too_long = text_of(65);
  EXPECT_LT(times_as_long([&] { parse(meant); }, [&] { parse(too_long); }, 2), 2);
  EXPECT_LT(processor_seconds([&] { parse(meant); }), 5.0);
}

TEST(ParseProfile, TooLongATextIsRefusedUnread) {
  const std::string text = R"({"defaultAction": "SCMP_ACT_ERRNO")" + std::string(5 << 20, ' ');
  const Result<Profile> profile = parse_profile(text + "}", "p.json");
  ASSERT_FALSE(profile.has_value());
  EXPECT_EQ(profile.error().code, Errc::kBadInput);
  EXPECT_EQ(profile.error().message, "p.json: 5242915 bytes of profile, at most 4194304 are read");
}

TEST(ParseProfile, KernelVersionsAreTwoNumbers) {
  EXPECT_EQ(kernel_version("5.4"), (KernelVersion{5, 4}));
  EXPECT_EQ(kernel_version("3.10"), (KernelVersion{3, 10}));
  EXPECT_LT(*kernel_version("3.9"), *kernel_version("3.10"));
  for (const char* none : {"", "5", "5.", ".4", "5.4.1", "5.4-rc1", "-5.4", "+5.4", " 5.4", "5.0x4",
                           "256.1", "5.18446744073709551616"}) {
    EXPECT_FALSE(kernel_version(none)) << none;
  }
}

TEST(ParseProfile, OfTwoEqualArchMapEntriesTheFirstCounts) {
  constexpr int kEntries = 20'000;
  std::string text = R"({"defaultAction": "SCMP_ACT_ERRNO", "archMap": [
    {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]})";
  for (int i = 0; i < kEntries; ++i) {
    text += R"(,{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X32"]})";
  }
  const Result<Profile> profile = parse_profile(text + "]}", "p.json");
  ASSERT_TRUE(profile.has_value()) << profile.error().message;
  ASSERT_EQ(profile->arch_map.size(), 1u);
  EXPECT_EQ(profile->arch_map[0].sub_architectures, std::vector<std::string>{"SCMP_ARCH_X86"});
  EXPECT_EQ(
      warnings_of(*profile).front(),
      "p.json:2: archMap[1].architecture: SCMP_ARCH_X86_64 is listed twice, the first counts");
}

TEST(ParseProfile, AllDialectsAreRead) {
  const Result<Profile> profile = parse_profile(R"({
    "defaultAction": "SCMP_ACT_ERRNO",
    "defaultErrno": "ENOSYS",
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
                {"architecture": "SCMP_ARCH_S390X", "subArchitectures": null}],
    "flags": ["SECCOMP_FILTER_FLAG_LOG"],
    "listenerPath": "/run/l.sock",
    "listenerMetadata": "m",
    "syscalls": [
      {"name": "mkdir", "action": "SCMP_ACT_ERRNO", "args": null},
      {"name": "", "names": ["read", "write"], "action": "SCMP_ACT_ALLOW", "errno": "",
       "comment": "c", "includes": {}, "excludes": {"caps": ["CAP_SYS_ADMIN"]},
       "args": [{"index": 5, "value": 18446744073709551615, "valueTwo": 0, "op": "SCMP_CMP_NE"}]},
      {"names": ["bpf"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "errno": "EPERM",
       "includes": {"arches": ["amd64"], "minKernel": "4.8"}, "excludes": {"minKernel": ""}}
    ]})",
                                                "p.json");
  ASSERT_TRUE(profile.has_value()) << profile.error().message;
  EXPECT_TRUE(profile->oddities.empty());
  EXPECT_EQ(profile->default_errno_ret, 38u);
  EXPECT_EQ(profile->arch_map.size(), 2u);
  EXPECT_EQ(profile->listener_path, "/run/l.sock");
  EXPECT_EQ(profile->listener_metadata, "m");
  ASSERT_EQ(profile->entries.size(), 3u);
  EXPECT_TRUE(profile->entries[0].singular_name);
  EXPECT_EQ(profile->entries[0].names, std::vector<std::string>{"mkdir"});
  EXPECT_EQ(profile->entries[0].line, 10u);
  EXPECT_EQ(profile->entries[0].path, "syscalls[0]");
  EXPECT_FALSE(profile->entries[1].singular_name);
  EXPECT_EQ(profile->entries[1].comment, "c");
  EXPECT_EQ(profile->entries[1].args[0].value, UINT64_MAX);
  EXPECT_EQ(profile->entries[1].args[0].op, Op::kNe);
  EXPECT_TRUE(profile->entries[1].includes.empty());
  EXPECT_EQ(profile->entries[2].errno_ret, 1u);
  EXPECT_EQ(profile->entries[2].includes.min_kernel, (KernelVersion{4, 8}));
}

}  // namespace
}  // namespace sysnare
