// sysnare demo, as a newcomer runs it: every command of the story does what it promises.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

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

/// Lines cut with "..." count by what is there.
TEST(Demo, IsWhatTheReadmeShows) {
  const std::string readme = slurp(source_file("README.md"));
  const std::string story = slurp(source_file("src/flow/demo_story.cc"));
  const std::size_t begin = readme.find("<!-- story: begin -->");
  ASSERT_NE(begin, std::string::npos);
  // The story's source has its lines broken, with quotes between.
  std::string packed;
  for (char c : story) {
    if (c != '"' && c != '\\' && c != ' ' && c != '\n') packed += c;
  }
  std::stringstream lines(readme.substr(begin, readme.find("<!-- story: end -->") - begin));
  std::size_t commands = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("    $ ")) continue;
    std::string command = line.substr(6);
    if (command.ends_with(" ...")) command.resize(command.size() - 4);
    std::string wanted;
    for (char c : command) {
      if (c != '"' && c != '\\' && c != ' ') wanted += c;
    }
    EXPECT_THAT(packed, HasSubstr(wanted));
    ++commands;
  }
  EXPECT_GT(commands, 8u);
}

TEST(Demo, KeepsItsFolderWhenToldWhereAndWritesIntoNoOther) {
  TempDir dir;
  dir.write("mine", "untouched");
  const Outcome refused = sysnare({"demo", "--dir", dir.path()});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("not an empty folder"));
  EXPECT_EQ(slurp(dir / "mine"), "untouched");
  const Outcome nowhere = sysnare({"demo", "--dir", dir / "no/such/folder"});
  EXPECT_EQ(nowhere.status, 2);
  EXPECT_THAT(nowhere.err, HasSubstr("the folder that it is to stand in does not exist"));
  EXPECT_FALSE(exists(dir / "no")) << "no part of a path that is wrong is made";
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
