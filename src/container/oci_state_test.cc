#include "container/oci_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"

namespace sysnare {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

TEST(OciState, ReadsWhatRuncAndCrunWrite) {
  const auto state = parse_oci_state(R"({"ociVersion": "1.0.2", "id": "c-1", "status": "creating",
      "pid": 42, "bundle": "/b", "annotations": {"io.sysnare.output": "/x/y", "a": ""}})");
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->id, "c-1");
  EXPECT_EQ(state->pid, 42);
  EXPECT_EQ(state->annotations.at("io.sysnare.output"), "/x/y");
  const auto bare = parse_oci_state(R"({"id": "x", "pid": 1})");
  ASSERT_TRUE(bare);
  EXPECT_TRUE(bare->annotations.empty());
}

TEST(OciState, WhatIsNoStateIsRefusedInOneSentence) {
  const std::string deep = std::string(10'000, '[');
  struct Case {
    const char* why;
    std::string text;
    const char* says;
  };
  const Case kCases[] = {
      {"nothing", "", "standard input"},
      {"no JSON", "hello", "standard input"},
      {"bottomless", deep, "standard input"},
      {"no object", "[]", "an object is needed"},
      {"no id", R"({"pid": 1})", "id"},
      {"an id that is a number", R"({"id": 7, "pid": 1})", "id"},
      {"an id that is a path", R"({"id": "../x", "pid": 1})", "\"../x\" is no container's id"},
      {"an id that is a folder", R"({"id": "..", "pid": 1})", "is no container's id"},
      {"no pid", R"({"id": "x"})", "pid"},
      {"pid 0", R"({"id": "x", "pid": 0})", "pid"},
      {"a pid below 0", R"({"id": "x", "pid": -1})", "pid"},
      {"a pid beyond all", R"({"id": "x", "pid": 99999999})", "pid"},
      {"annotations of numbers", R"({"id": "x", "pid": 1, "annotations": {"a": 1}})",
       "annotations"},
      {"annotations twice", R"({"id": "x", "id": "y", "pid": 1})", "id"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const auto none = parse_oci_state(c.text);
    ASSERT_FALSE(none);
    EXPECT_THAT(none.error().message, HasSubstr(c.says));
    EXPECT_LT(none.error().message.size(), 400u);
  }
}

TEST(OciState, TheAnnotationNamesAFileBelowTheFolder) {
  struct Case {
    const char* value;
    const char* file;  ///< null: refused
  };
  constexpr Case kCases[] = {
      {"", "c1.evidence.json"},
      {"/var/e", "c1.evidence.json"},
      {"/var/e/", "c1.evidence.json"},
      {"/var/e/a.json", "a.json"},
      {"/var/e/team/", "team/c1.evidence.json"},
      {"/var/e/team/a.json", "team/a.json"},
      {"/var/e/..a", "..a"},
      {"a.json", nullptr},
      {"/var/evil", nullptr},
      {"/var/e/../x", nullptr},
      {"/var/e/a/..", nullptr},
      {"/var/e/a/../", nullptr},
      {"/etc/shadow", nullptr},
      {"../x", nullptr},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.value);
    const OciState state{"c1", 1, {{"io.sysnare.output", c.value}}};
    for (const char* folder : {"/var/e", "/var/e/"}) {
      const auto file = hook_file(state, folder);
      ASSERT_EQ(file.has_value(), c.file != nullptr);
      if (file) {
        EXPECT_EQ(file->value(), c.file);
      } else {
        EXPECT_THAT(file.error().message, HasSubstr("a path below /var/e is allowed"));
      }
    }
  }
  const auto none = hook_file({"c1", 1, {{"other", "/var/e/x"}}}, "/var/e");
  ASSERT_TRUE(none);
  EXPECT_EQ(*none, std::nullopt);
}

class SafeFiles : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(folder_.data()), nullptr); }
  void TearDown() override { fs::remove_all(folder_); }
  std::string folder_ = "/tmp/sysnare-safe-XXXXXX";
};

TEST_F(SafeFiles, NothingIsEverReplaced) {
  const auto file = SafeFile::prepare(folder_, "a.json");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->write("one").value_or(""), folder_ + "/a.json");
  EXPECT_EQ(file->write("two").value_or(""), folder_ + "/a.json.2");
  EXPECT_EQ(file->write("three").value_or(""), folder_ + "/a.json.3");
  EXPECT_EQ(read_file(folder_ + "/a.json").value_or(""), "one");
  struct stat info {};
  ASSERT_EQ(::stat((folder_ + "/a.json.2").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777u, 0600u);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 3);
}

TEST_F(SafeFiles, WhatIsSavedAgainReplacesItselfAndNobodyElse) {
  auto file = SafeFile::prepare(folder_, "a.json");
  ASSERT_TRUE(file) << file.error().message;
  auto other = SafeFile::prepare(folder_, "a.json");
  ASSERT_TRUE(other) << other.error().message;
  const std::string name = folder_ + "/a.json";
  EXPECT_EQ(file->save("one").value_or(""), name);
  EXPECT_EQ(other->save("other's").value_or(""), name + ".2");
  EXPECT_EQ(file->save("two").value_or(""), name);
  EXPECT_EQ(read_file(name).value_or(""), "two");
  fs::rename(name, folder_ + "/kept");
  const auto third = SafeFile::prepare(folder_, "a.json");
  EXPECT_EQ(third->write("third's").value_or(""), name);
  EXPECT_EQ(file->save("three").value_or(""), name + ".3") << "the name is another's by now";
  EXPECT_EQ(read_file(name).value_or(""), "third's");
  EXPECT_EQ(read_file(folder_ + "/kept").value_or(""), "two");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 4);
}

TEST_F(SafeFiles, NoLinkIsFollowed) {
  fs::create_directory(folder_ + "/in");
  fs::create_directory(folder_ + "/real");
  fs::create_directory_symlink(folder_ + "/real", folder_ + "/in/link");
  EXPECT_FALSE(SafeFile::prepare(folder_ + "/in", "link/a.json"));
  EXPECT_FALSE(SafeFile::prepare(folder_ + "/in", "../a.json"));
  EXPECT_FALSE(SafeFile::prepare(folder_ + "/in", "missing/a.json"));
  // The name itself: a link there is a taken name.
  fs::create_symlink(folder_ + "/real/target", folder_ + "/in/a.json");
  const auto file = SafeFile::prepare(folder_ + "/in", "a.json");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->write("x").value_or(""), folder_ + "/in/a.json.2");
  EXPECT_FALSE(fs::exists(folder_ + "/real/target"));
}

TEST_F(SafeFiles, AFolderThatOthersMayWriteToIsRefused) {
  const std::string open = folder_ + "/open";
  fs::create_directory(open);
  ::chmod(open.c_str(), 0777);
  const auto refused = SafeFile::prepare(open, "a.json");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("mode 777"));
  EXPECT_FALSE(SafeFile::prepare("relative", "a.json"));
  const auto made = SafeFile::prepare(folder_ + "/new", "a.json");
  ASSERT_TRUE(made);
  struct stat info {};
  ASSERT_EQ(::stat((folder_ + "/new").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777u, 0700u);
}

}  // namespace
}  // namespace sysnare
