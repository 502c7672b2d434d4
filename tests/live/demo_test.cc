// sysnare demo, as a newcomer runs it: every command of the story does what it promises.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "harness.h"

namespace sysnare::live {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Demo, TellsTheWholeStoryAsPromised) {
  if (!have_program("go")) GTEST_SKIP() << "needs go: apt install golang-go";
  RunOptions options;
  options.deadline = std::chrono::seconds(400);
  const Outcome demo = sysnare({"demo"}, options);
  EXPECT_EQ(demo.status, 0) << demo.out << demo.err;
  EXPECT_THAT(demo.out, HasSubstr("all as promised"));
  EXPECT_THAT(demo.out, HasSubstr("200 Hello World"));
  EXPECT_THAT(demo.out, Not(HasSubstr("not as promised")));
  EXPECT_THAT(demo.out, Not(HasSubstr("\x1b"))) << "no colour in a pipe";
  if (is_root() && have_program("runc") && have_program("dockerd")) {
    EXPECT_THAT(demo.out, Not(HasSubstr("left out")));
  }
}

TEST(Demo, KeepsItsFolderWhenToldWhereAndWritesIntoNoOther) {
  TempDir dir;
  dir.write("mine", "untouched");
  const Outcome refused = sysnare({"demo", "--dir", dir.path()});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("not an empty folder"));
  EXPECT_EQ(slurp(dir / "mine"), "untouched");
}

TEST(Demo, SaysWhichPackageIsMissing) {
  TempDir empty;
  RunOptions options;
  options.environment = {"PATH=" + empty.path()};
  const Outcome outcome = sysnare({"demo"}, options);
  EXPECT_EQ(outcome.status, 125);
  EXPECT_THAT(outcome.err, HasSubstr("apt install golang-go"));
}

}  // namespace
}  // namespace sysnare::live
