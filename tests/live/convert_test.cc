// sysnare convert, as a user sees it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "harness.h"

namespace sysnare::live {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ConvertVerb, SingularNamesBecomeNames) {
  TempDir folder;
  const std::string out = folder / "oci.json";
  const Outcome done =
      sysnare({"convert", source_file("tests/profiles/deny-dir.name.json"), "-o", out});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(done.out, "");
  EXPECT_EQ(done.err, "");
  EXPECT_THAT(slurp(out), HasSubstr("\"names\": [\n        \"mkdir\"\n      ]"));
  EXPECT_THAT(slurp(out), Not(HasSubstr("\"name\":")));
}

TEST(ConvertVerb, SaysWhatItLeavesOutAndWhatItDoesNotKnow) {
  TempDir folder;
  const std::string in = folder.write("p.json", R"({"defaultAction": "SCMP_ACT_ERRNO", "why": 1,
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
    "syscalls": [
    {"names": ["chroot", "mkdri"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_CHROOT"]}},
    {"names": ["read"], "action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": "5.4"}}]})");
  const Outcome bare = sysnare({"convert", "--kernel", "5.3", "--arch", "amd64", in});
  EXPECT_EQ(bare.status, 0) << bare.err;
  EXPECT_THAT(bare.err, HasSubstr("p.json:1: why: unknown key, ignored"));
  EXPECT_THAT(bare.err,
              HasSubstr("syscalls[0].names[1]: no ABI has a call \"mkdri\", did you mean mkdir?"));
  EXPECT_THAT(bare.err, HasSubstr("syscalls[0]: left out (needs CAP_SYS_CHROOT): chroot, mkdri"));
  EXPECT_THAT(
      bare.out,
      HasSubstr("\"architectures\": [\n    \"SCMP_ARCH_X86_64\",\n    \"SCMP_ARCH_X86\"\n  ]"));
  EXPECT_THAT(bare.out, HasSubstr("\"read\""));
  EXPECT_THAT(bare.out, Not(HasSubstr("chroot")));
  const Outcome able = sysnare({"convert", "--caps", "sys_chroot,CAP_BPF", "--kernel", "5.4", in});
  EXPECT_THAT(able.out, HasSubstr("\"chroot\""));
  EXPECT_THAT(able.err, HasSubstr("syscalls[1]: left out (not from Linux 5.4 on): read"));
}

TEST(ConvertVerb, DockersOwnKeepsItsConditions) {
  TempDir folder;
  const std::string in = folder.write("p.json", R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
    {"name": "chroot", "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_CHROOT"]}}]})");
  const Outcome done = sysnare({"convert", "--to", "docker", in});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("CAP_SYS_CHROOT"));
  EXPECT_THAT(done.out, HasSubstr("\"names\""));
  EXPECT_EQ(sysnare({"convert", "--to", "docker", "--caps", "CAP_BPF", in}).status, 2);
}

TEST(ConvertVerb, BadInputIsOneSentenceAndOverwritesNothing) {
  TempDir folder;
  const std::string out = folder.write("out.json", "old");
  struct Case {
    const char* why;
    const char* text;
    const char* says;
  };
  constexpr Case kCases[] = {
      {"not JSON", "{", "p.json:1: not JSON"},
      {"unknown action", R"({"defaultAction": "ALLOW"})",
       "defaultAction: unknown action \"ALLOW\""},
      {"both kinds of architectures",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86"],
           "archMap": [{"architecture": "SCMP_ARCH_X86_64"}]})",
       "both `architectures` and `archMap` are given"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const Outcome done = sysnare({"convert", folder.write("p.json", c.text), "-o", out});
    EXPECT_EQ(done.status, 3);
    EXPECT_THAT(done.err, HasSubstr(c.says));
    EXPECT_EQ(std::count(done.err.begin(), done.err.end(), '\n'), 1) << done.err;
    EXPECT_EQ(done.out, "");
    EXPECT_EQ(slurp(out), "old");
  }
  EXPECT_EQ(sysnare({"convert", folder / "missing.json"}).status, 3);
}

TEST(ConvertVerb, AFilterOfARuntimeIsThatOfTheRuntime) {
  TempDir folder;
  const std::string in = folder.write("p.json", R"({"defaultAction": "SCMP_ACT_ERRNO",
    "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
    {"names": ["read", "openat"], "action": "SCMP_ACT_ALLOW"},
    {"names": ["socket"], "action": "SCMP_ACT_ALLOW",
     "args": [{"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}]}]})");
  const std::string rows = folder.write("rows",
                                        "i386 read -> kill thread\n"
                                        "x32 read -> kill thread\n"
                                        "x86_64 read -> allow\n"
                                        "x86_64 mkdir -> errno EPERM\n"
                                        "x86_64 socket 2 -> allow\n"
                                        "x86_64 socket 0x100000002 -> errno EPERM\n");
  const std::string newer = folder.write("newer", "x86_64 1000 -> errno ENOSYS\n");
  const std::string filter = folder / "f.bpf";
  for (const std::string runtime : {"runc", "crun"}) {
    SCOPED_TRACE(runtime);
    const Outcome made = sysnare({"convert", "--as", runtime, "--to", "filter", "-o", filter, in});
    ASSERT_EQ(made.status, 0) << made.err;
    const Outcome holds = sysnare({"simulate", filter, "--table", rows});
    EXPECT_EQ(holds.status, 0) << holds.out;
    // What is asked of the number alone has no word in OCI.
    EXPECT_EQ(sysnare({"simulate", filter, "--table", newer}).status, runtime == "runc" ? 0 : 1);
    const Outcome same = sysnare({"diff", "--as", runtime, filter, in});
    EXPECT_EQ(same.status, 0) << same.out;
    EXPECT_EQ(sysnare({"diff", "--as", runtime, in, filter}).status, 0);
    EXPECT_EQ(sysnare({"diff", "--as-b", runtime, in, filter}).status, 2) << "B is a filter";
    EXPECT_EQ(sysnare({"convert", "--as", runtime, "--to", "c", in}).status, 0);
  }
}

TEST(ConvertVerb, ARuntimeReadsWhatIsWrittenByWidth) {
  TempDir folder;
  const std::string in = folder.write("p.json", R"({"defaultAction": "SCMP_ACT_ERRNO",
    "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
    {"names": ["socket"], "action": "SCMP_ACT_ALLOW",
     "args": [{"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}]}]})");
  const std::string rows = folder.write("rows", "x86_64 socket 0x100000002 -> allow\n");
  for (const char* runtime : {"kernel", "runc", "crun", "docker", "podman"}) {
    SCOPED_TRACE(runtime);
    for (const char* format : {"oci", "filter"}) {
      SCOPED_TRACE(format);
      const std::string out = folder / format;
      const Outcome made = sysnare(
          {"convert", "--as", runtime, "--int-args", "by-width", "--to", format, "-o", out, in});
      ASSERT_EQ(made.status, 0) << made.err;
      EXPECT_EQ(sysnare({"simulate", out, "--table", rows}).status, 0);
    }
  }
  EXPECT_EQ(sysnare({"simulate", "--as", "runc", in, "--table", rows}).status, 1);
  const Outcome refused =
      sysnare({"simulate", "--as", "runc", "--int-args", "by-width", in, "read"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("`sysnare convert --int-args by-width` writes a profile"));
}

TEST(ConvertVerb, UsageErrors) {
  const std::string in = source_file("tests/profiles/deny.json");
  EXPECT_EQ(sysnare({"convert"}).status, 2);
  EXPECT_EQ(sysnare({"convert", "--to", "pdf", in}).status, 2);
  EXPECT_EQ(sysnare({"convert", "--arch", "vax", in}).status, 2);
  EXPECT_EQ(sysnare({"convert", "--kernel", "5", in}).status, 2);
}

}  // namespace
}  // namespace sysnare::live
