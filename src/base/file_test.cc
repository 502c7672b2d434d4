#include "base/file.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace sysnare {
namespace {

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/sysnare-file-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    dir_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string dir_;
};

TEST_F(FileTest, WritesAllOrNothing) {
  const std::string path = dir_ + "/out.json";
  ASSERT_TRUE(write_file_atomic(path, "one").has_value());
  ASSERT_TRUE(write_file_atomic(path, "two").has_value());
  EXPECT_EQ(read_file(path).value(), "two");
  EXPECT_FALSE(write_file_atomic(dir_ + "/none/out.json", "x").has_value());
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
    (void)entry;
    ++files;
  }
  EXPECT_EQ(files, 1) << "a temporary file was left behind";
}

TEST_F(FileTest, ReplacesTheTargetOfALinkAndNotTheLink) {
  ASSERT_TRUE(write_file_atomic(dir_ + "/real", "one").has_value());
  ASSERT_EQ(::symlink("real", (dir_ + "/link").c_str()), 0);
  ASSERT_TRUE(write_file_atomic(dir_ + "/link", "two").has_value());
  EXPECT_TRUE(std::filesystem::is_symlink(dir_ + "/link"));
  EXPECT_EQ(read_file(dir_ + "/real").value(), "two");
}

TEST_F(FileTest, WritesSeveralFilesOrNone) {
  ASSERT_TRUE(write_file_atomic(dir_ + "/a", "old").has_value());
  EXPECT_FALSE(write_files_atomic({{dir_ + "/a", "new"}, {dir_ + "/none/b", "new"}}).has_value());
  EXPECT_EQ(read_file(dir_ + "/a").value(), "old");
  EXPECT_TRUE(write_files_atomic({{dir_ + "/a", "new"}, {dir_ + "/b", "newer"}}).has_value());
  EXPECT_EQ(read_file(dir_ + "/a").value(), "new");
  EXPECT_EQ(read_file(dir_ + "/b").value(), "newer");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir_), {}), 2) << "nothing left over";
}

TEST_F(FileTest, TellsBeforehandWhetherAFileCanBeWritten) {
  EXPECT_TRUE(check_writable(dir_ + "/new").has_value());
  EXPECT_TRUE(std::filesystem::is_empty(dir_)) << "asking leaves nothing behind";
  EXPECT_TRUE(check_writable("-").has_value());
  EXPECT_TRUE(check_writable("/dev/null").has_value());
  EXPECT_FALSE(check_writable(dir_).has_value()) << "a folder";
  EXPECT_FALSE(check_writable("").has_value());
  EXPECT_FALSE(check_writable(dir_ + "/none/out.json").has_value());
  ASSERT_TRUE(write_file_atomic(dir_ + "/old", "kept").has_value());
  EXPECT_TRUE(check_writable(dir_ + "/old").has_value());
  EXPECT_EQ(read_file(dir_ + "/old").value(), "kept");
}

TEST_F(FileTest, ReadsNoMoreThanItsLimit) {
  const auto text = read_file("/dev/zero", 1000);
  ASSERT_FALSE(text.has_value());
  EXPECT_EQ(text.error().code, Errc::kLimit);
  EXPECT_EQ(read_file(dir_ + "/none").error().code, Errc::kNotFound);
}

TEST_F(FileTest, HashesAsSha256Says) {
  // FIPS 180-4 example "abc".
  const std::string expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(sha256_hex("abc"), expected);
  ASSERT_TRUE(write_file_atomic(dir_ + "/abc", "abc").has_value());
  EXPECT_EQ(sha256_file(dir_ + "/abc").value(), expected);
  EXPECT_FALSE(sha256_file("/dev/zero").has_value());
}

}  // namespace
}  // namespace sysnare
