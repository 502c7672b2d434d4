// The installed headers are a face of the rooms: each function once for what it gives and once for
// how it fails. What the answers mean is tested in the rooms.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "sysnare/filter.h"
#include "sysnare/profile.h"

namespace sysnare::v1 {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kNoMkdir = R"({"defaultAction": "SCMP_ACT_ALLOW",
  "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13}]})";
constexpr std::string_view kNothing = R"({"defaultAction": "SCMP_ACT_ERRNO"})";

Machine x86_64() {
  Machine machine;
  machine.arch = "x86_64";
  return machine;
}

Profile profile(std::string_view json) { return *Profile::parse(json, "p.json"); }
Filter filter(std::string_view json) { return *Filter::compile(profile(json), x86_64()); }
seccomp_data call(std::string_view name) { return *make_call("x86_64", name); }

TEST(Api, CallsByNameAndNumber) {
  EXPECT_EQ(call("mkdir").nr, 83);
  EXPECT_EQ(call("83").nr, 83);
  EXPECT_EQ(make_call("x86_64", "write", {1, 2})->args[1], 2U);
  struct {
    std::string_view abi, name, message;
  } const cases[] = {
      {"vax", "mkdir", "unknown architecture \"vax\""},
      {"x86_64", "mkdri", "x86_64 has no call \"mkdri\""},
      {"x86_64", "4294967296", "x86_64 has no call \"4294967296\""},
      {"aarch64", "mkdir", "aarch64 has no call \"mkdir\""},
  };
  for (const auto& each : cases) {
    const Result<seccomp_data> made = make_call(each.abi, each.name);
    ASSERT_FALSE(made) << each.message;
    EXPECT_EQ(made.error().message, each.message);
    EXPECT_EQ(made.error().kind, ErrorKind::kNotFound);
  }
}

TEST(Api, ProfilesSayWhatHappens) {
  const Profile read = profile(kNoMkdir);
  EXPECT_EQ(read.decide(call("mkdir"), x86_64())->text(), "errno EACCES");
  EXPECT_EQ(read.decide(call("read"), x86_64())->text(), "allow");
  EXPECT_THAT(read.warnings(), IsEmpty());
  EXPECT_EQ(profile(read.json()).json(), read.json());
  EXPECT_THAT(profile(R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
                {"names": ["raed"], "action": "SCMP_ACT_ALLOW"}]})")
                  .warnings(),
              ::testing::ElementsAre(HasSubstr("raed")));
}

TEST(Api, ProfilesAreResolvedForAMachine) {
  const Profile read = profile(R"({"defaultAction": "SCMP_ACT_ERRNO",
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
    "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}}]})");
  Machine machine = x86_64();
  EXPECT_EQ(read.decide(call("mount"), machine)->text(), "errno EPERM");
  EXPECT_THAT(read.resolved(machine)->json(), HasSubstr("SCMP_ARCH_X86\""));
  machine.caps = {"CAP_SYS_ADMIN"};
  machine.sub_architectures = false;
  EXPECT_EQ(read.decide(call("mount"), machine)->text(), "allow");
  EXPECT_THAT(read.resolved(machine)->json(), Not(HasSubstr("SCMP_ARCH_X86\"")));
}

TEST(Api, FailuresAreOneSentenceOfTheRightKind) {
  const Result<Profile> bad = Profile::parse("{", "p.json");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().kind, ErrorKind::kBadInput);
  EXPECT_THAT(bad.error().message, HasSubstr("p.json:1"));
  EXPECT_EQ(Profile::load("/nonexistent").error().kind, ErrorKind::kNotFound);
  Machine machine;
  machine.arch = "vax";
  EXPECT_EQ(profile(kNothing).resolved(machine).error().kind, ErrorKind::kUsage);
  machine = {};
  machine.kernel = "six";
  EXPECT_EQ(Filter::compile(profile(kNothing), machine).error().message,
            "\"six\" is no kernel version, which is MAJOR.MINOR such as 5.4");
  EXPECT_EQ(Filter::adopt({}).error().kind, ErrorKind::kBadInput);
  const Result<Filter> unknown = Filter::compile(profile(
      R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["raed"], "action": "SCMP_ACT_ALLOW"}]})"));
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("raed"));
}

TEST(Api, FiltersDoWhatTheirProfileSays) {
  const Filter made = filter(kNoMkdir);
  EXPECT_EQ(made.simulate(call("mkdir")).decision.text(), "errno EACCES");
  EXPECT_GT(made.simulate(call("mkdir")).steps, 0U);
  EXPECT_EQ(*find_difference(made, profile(kNoMkdir), x86_64()), std::nullopt);
  const auto witness = find_difference(made, profile(kNothing), x86_64());
  ASSERT_TRUE(witness && *witness);
  EXPECT_NE(made.simulate(**witness).decision, *profile(kNothing).decide(**witness, x86_64()));
  EXPECT_THAT(made.disassemble(), HasSubstr("errno EACCES"));
  CompileOptions options;
  options.foreign_abi.value = SECCOMP_RET_ERRNO | 38;
  EXPECT_EQ(Filter::compile(profile(kNoMkdir), x86_64(), options)
                ->simulate(*make_call("aarch64", "read"))
                .decision.text(),
            "errno ENOSYS");
  for (const std::uint32_t open : {SECCOMP_RET_ALLOW, SECCOMP_RET_LOG}) {
    options.foreign_abi.value = open;
    const auto refused = Filter::compile(profile(kNoMkdir), x86_64(), options);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("foreign_abi: not "));
  }
}

TEST(Api, FiltersOfOthersAreReadAndCompared) {
  const Filter made = filter(kNoMkdir);
  const Filter adopted = *Filter::adopt({made.program().begin(), made.program().end()});
  const Result<Profile> read = adopted.decompile();
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->decide(call("mkdir"), x86_64())->text(), "errno EACCES");
  EXPECT_THAT(*differences(made, adopted), IsEmpty());

  const auto found = differences(filter(kNothing), made);
  ASSERT_TRUE(found);
  const auto mkdir = std::find_if(found->begin(), found->end(),
                                  [](const Difference& each) { return each.call == "mkdir"; });
  ASSERT_NE(mkdir, found->end());
  EXPECT_EQ(mkdir->abi, "x86_64");
  EXPECT_EQ(mkdir->before.text(), "errno EPERM");
  EXPECT_EQ(mkdir->after.text(), "errno EACCES");
  EXPECT_FALSE(mkdir->looser || mkdir->tighter);
  EXPECT_EQ(mkdir->witness.nr, 83);
  const auto open = std::find_if(found->begin(), found->end(),
                                 [](const Difference& each) { return each.call == "open"; });
  ASSERT_NE(open, found->end());
  EXPECT_TRUE(open->looser);
}

}  // namespace
}  // namespace sysnare::v1
