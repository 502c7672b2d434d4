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

TEST(ConvertVerb, UsageErrors) {
  const std::string in = source_file("tests/profiles/deny.json");
  EXPECT_EQ(sysnare({"convert"}).status, 2);
  EXPECT_EQ(sysnare({"convert", "--to", "pdf", in}).status, 2);
  EXPECT_EQ(sysnare({"convert", "--arch", "vax", in}).status, 2);
  EXPECT_EQ(sysnare({"convert", "--kernel", "5", in}).status, 2);
}

}  // namespace
}  // namespace sysnare::live
