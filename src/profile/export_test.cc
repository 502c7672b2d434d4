#include "profile/export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sysnare {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

Profile profile_of(const std::string& text) {
  Result<Profile> profile = parse_profile(text, "p.json");
  EXPECT_TRUE(profile) << (profile ? "" : profile.error().message);
  return profile ? *profile : Profile{};
}

Exported exported(const std::string& json, std::string_view format) {
  const Profile profile = profile_of(json);
  ResolveOptions options;
  options.arch = Abi::kX86_64;
  Result<Exported> done = export_profile(profile, format, options, "My Tool.json");
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
  return done ? *done : Exported{};
}

constexpr const char* kTight = R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
    {"names": ["write", "read", "execve"], "action": "SCMP_ACT_ALLOW"},
    {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]})";

constexpr const char* kArguments = R"({"defaultAction": "SCMP_ACT_KILL_PROCESS", "syscalls": [
    {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
    {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
     "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]},
    {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
     "args": [{"index": 0, "value": 4294967295, "op": "SCMP_CMP_EQ"}]},
    {"names": ["clone"], "action": "SCMP_ACT_ALLOW",
     "args": [{"index": 0, "value": 14, "valueTwo": 10, "op": "SCMP_CMP_MASKED_EQ"},
              {"index": 2, "value": 4096, "op": "SCMP_CMP_LT"}]},
    {"names": ["clone"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]})";

TEST(Export, SystemdTakesDefaultOutOfAnAllowList) {
  const Exported done = exported(kTight, "systemd");
  EXPECT_THAT(done.losses, IsEmpty());
  EXPECT_EQ(done.text,
            "[Service]\n"
            "SystemCallArchitectures=native\n"
            "SystemCallErrorNumber=EPERM\n"
            "# An allow-list holds @default unasked. Not all of it is allowed here: out with it "
            "first.\n"
            "SystemCallFilter=@default\n"
            "SystemCallFilter=~@default\n"
            "SystemCallFilter=execve read write\n"
            "SystemCallFilter=~clone3:ENOSYS\n");
}

TEST(Export, SystemdDenyListSaysEachAnswer) {
  const Exported done = exported(R"({"defaultAction": "SCMP_ACT_ALLOW",
      "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], "syscalls": [
      {"names": ["mkdir", "chdir"], "action": "SCMP_ACT_ERRNO"},
      {"names": ["ptrace"], "action": "SCMP_ACT_KILL_PROCESS"}]})",
                                 "systemd");
  EXPECT_THAT(done.losses, IsEmpty());
  EXPECT_EQ(done.text,
            "[Service]\n"
            "SystemCallArchitectures=native x86\n"
            "SystemCallFilter=~chdir:EPERM mkdir:EPERM ptrace:kill\n");
}

TEST(Export, SystemdNamesAGroupOnlyWhenAllOfItIsMeant) {
  const std::string all =
      R"("chown", "fchown", "fchownat", "lchown", "chown32", "fchown32", "lchown32", "read")";
  const std::string head = R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": [)";
  const std::string tail = R"(], "action": "SCMP_ACT_ALLOW"}]})";
  EXPECT_THAT(exported(head + all + tail, "systemd").text,
              HasSubstr("\nSystemCallFilter=@chown read\n"));
  EXPECT_THAT(exported(head + R"("chown", "fchown", "lchown")" + tail, "systemd").text,
              HasSubstr("\nSystemCallFilter=chown fchown lchown\n"));
}

TEST(Export, WhatAFormatCannotSayIsALossAndNeverLooser) {
  struct Case {
    const char* why;
    const char* format;
    const char* json;
    std::vector<std::string> losses;
    const char* text;
  };
  const Case kCases[] = {
      {"no arguments in systemd: the strictest of what can happen",
       "systemd",
       R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["socket"],
           "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_EQ"}]}]})",
       {"p.json:1: syscalls[0]: socket: systemd cannot look at arguments, \"errno EPERM\" is "
        "written whatever they are"},
       "SystemCallFilter=~socket:EPERM\n"},
      {"a trap becomes a kill",
       "systemd",
       R"({"defaultAction": "SCMP_ACT_TRAP"})",
       {"p.json: defaultAction: systemd cannot say \"trap\" here, kill process is written"},
       "SystemCallErrorNumber=kill\n"},
      {"notify without a listener answers ENOSYS",
       "systemd",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
          {"names": ["mount"], "action": "SCMP_ACT_NOTIFY"}]})",
       {"p.json:2: syscalls[0]: mount: systemd cannot say \"notify\" here, errno ENOSYS is "
        "written"},
       "SystemCallFilter=~mount:ENOSYS\n"},
      {"errno 0 by default",
       "systemd",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 0})",
       {"p.json: defaultAction: systemd cannot say \"errno 0\" here, errno EPERM is written"},
       "SystemCallErrorNumber=EPERM\n"},
      {"flags",
       "systemd",
       R"({"defaultAction": "SCMP_ACT_KILL_PROCESS", "flags": ["SECCOMP_FILTER_FLAG_LOG"]})",
       {"p.json: flags: systemd cannot say SECCOMP_FILTER_FLAG_LOG, left out"},
       "SystemCallErrorNumber=kill\n"},
      {"minijail's default can only kill",
       "minijail",
       R"({"defaultAction": "SCMP_ACT_ERRNO"})",
       {"p.json: defaultAction: minijail cannot say \"errno EPERM\" here, kill process is written"},
       "@default kill-process\n"},
      {"one ABI only",
       "kafel",
       R"({"defaultAction": "SCMP_ACT_ERRNO",
          "architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X86_64"]})",
       {"p.json: architectures: Kafel filters one ABI, x86_64; i386 is left out"},
       "DEFAULT ERRNO(1)\n"},
      {"firejail kills the thread",
       "firejail",
       R"({"defaultAction": "SCMP_ACT_KILL_PROCESS"})",
       {"p.json: defaultAction: firejail cannot say \"kill process\" here, kill thread is written"},
       "--seccomp-error-action=kill"},
      {"firejail drops an errno without a name",
       "firejail",
       R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
          {"names": ["mount"], "action": "SCMP_ACT_ERRNO", "errnoRet": 4000}]})",
       {"p.json:2: syscalls[0]: mount: firejail cannot say \"errno 4000\" here, errno EPERM is "
        "written"},
       "mount:EPERM"},
      {"no defaultErrnoRet in the operator's object",
       "k8s",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38})",
       {"p.json: defaultErrnoRet: k8s has no such field, errno EPERM stands for errno ENOSYS"},
       "defaultAction: SCMP_ACT_ERRNO\n"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const Exported done = exported(c.json, c.format);
    EXPECT_EQ(done.losses, c.losses);
    EXPECT_THAT(done.text, HasSubstr(c.text));
  }
}

TEST(Export, MinijailTriesRulesInOrder) {
  const Exported done = exported(kArguments, "minijail");
  EXPECT_THAT(done.losses, IsEmpty());
  EXPECT_EQ(done.text,
            "# My Tool.json: seccomp policy for x86_64, to be compiled by compile_seccomp_policy\n"
            "@default kill-process\n"
            "clone: return 38\n"
            "personality: arg0 == 0x8 || arg0 == 0xffffffff\n"
            "read: 1\n");
}

TEST(Export, MinijailSaysMaskedValuesBitByBit) {
  const Exported done = exported(R"({"defaultAction": "SCMP_ACT_KILL_PROCESS", "syscalls": [
    {"names": ["clone"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38,
     "args": [{"index": 0, "value": 14, "valueTwo": 10, "op": "SCMP_CMP_MASKED_EQ"},
              {"index": 2, "value": 4096, "op": "SCMP_CMP_LT"}]},
    {"names": ["clone"], "action": "SCMP_ACT_ALLOW"}]})",
                                 "minijail");
  EXPECT_THAT(done.losses, IsEmpty());
  EXPECT_THAT(done.text, HasSubstr("clone: { arg0 in 0xfffffffffffffffb && arg0 & 0x2 && arg0 & "
                                   "0x8 && arg2 < 0x1000; return 38, 1 }\n"));
}

TEST(Export, KafelBlocksStandInTheKernelsOrder) {
  const Exported done = exported(kTight, "kafel");
  EXPECT_THAT(done.losses, IsEmpty());
  EXPECT_EQ(done.text,
            "POLICY p_My_Tool_json {\n"
            "  ERRNO(38) {\n"
            "    clone3\n"
            "  },\n"
            "  ALLOW {\n"
            "    execve,\n"
            "    read,\n"
            "    write\n"
            "  }\n"
            "}\n"
            "USE p_My_Tool_json DEFAULT ERRNO(1)\n");
  EXPECT_THAT(exported(R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
          {"names": ["_sysctl", "clone"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 1, "value": 14, "valueTwo": 10, "op": "SCMP_CMP_MASKED_EQ"}]}]})",
                       "kafel")
                  .text,
              HasSubstr("    SYSCALL[156](a0, a1) { (a1 & 0xe) == 0xa },\n"
                        "    clone(a0, a1) { (a1 & 0xe) == 0xa }\n"));
}

TEST(Export, FirejailRefusesWhatItWouldKeep) {
  const Exported done = exported(kTight, "firejail");
  EXPECT_THAT(done.losses, IsEmpty());
  EXPECT_EQ(done.text,
            "firejail --noprofile --seccomp.block-secondary --seccomp-error-action=EPERM "
            "'--seccomp.keep=clone3:ENOSYS,execve,read,write,!execveat,!prctl'\n");
}

TEST(Export, KubernetesObjectIsWhatTheOperatorReads) {
  const Exported done = exported(kTight, "k8s");
  EXPECT_THAT(done.losses, IsEmpty());
  EXPECT_EQ(done.text,
            "apiVersion: security-profiles-operator.x-k8s.io/v1beta1\n"
            "kind: SeccompProfile\n"
            "metadata:\n"
            "  name: my-tool-json\n"
            "spec:\n"
            "  defaultAction: SCMP_ACT_ERRNO\n"
            "  syscalls:\n"
            "  - names:\n"
            "    - write\n"
            "    - read\n"
            "    - execve\n"
            "    action: SCMP_ACT_ALLOW\n"
            "  - names:\n"
            "    - clone3\n"
            "    action: SCMP_ACT_ERRNO\n"
            "    errnoRet: 38\n");
}

TEST(Export, WhatCouldOnlyBeLeftOutByAllowingMoreIsRefused) {
  ResolveOptions options;
  options.arch = Abi::kX86_64;
  const Profile wide = profile_of(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
    {"names": ["ioctl"], "action": "SCMP_ACT_ERRNO",
     "args": [{"index": 1, "value": 18446744073709551615, "op": "SCMP_CMP_EQ"}]}]})");
  Result<Exported> done = export_profile(wide, "k8s", options, "t");
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("p.json:2: syscalls[0].args[0]: k8s keeps integers"));
  Result<Exported> unknown = export_profile(wide, "kafle", options, "t");
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message,
              HasSubstr("unknown format \"kafle\", did you mean kafel?; there are: docker"));
}

TEST(Export, UnacceptedLossesAreOneSentence) {
  EXPECT_EQ(lossy_error("systemd", {"p.json: a"}).message,
            "p.json: a; systemd cannot say all of this, --lossy writes what it can and "
            "lists each as a warning");
  EXPECT_THAT(lossy_error("systemd", {"a", "b", "c"}).message, HasSubstr("a (and 2 more); "));
}

}  // namespace
}  // namespace sysnare
