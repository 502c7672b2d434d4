#include "base/file.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
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

TEST_F(FileTest, LeavesAFileAsClosedAsItWas) {
  const auto mode_of = [](const std::string& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
  };
  const mode_t before = ::umask(022);
  ASSERT_TRUE(write_file_atomic(dir_ + "/mine", "one").has_value());
  EXPECT_EQ(mode_of(dir_ + "/mine"), 0644U);
  ASSERT_EQ(::chmod((dir_ + "/mine").c_str(), 0600), 0);
  ASSERT_TRUE(write_file_atomic(dir_ + "/mine", "two").has_value());
  EXPECT_EQ(mode_of(dir_ + "/mine"), 0600U);
  ASSERT_EQ(::chmod((dir_ + "/mine").c_str(), 04755), 0);
  ASSERT_TRUE(write_file_atomic(dir_ + "/mine", "three").has_value());
  EXPECT_EQ(mode_of(dir_ + "/mine"), 0755U);
  ::umask(before);
}

TEST_F(FileTest, ALimitOnFileSizesIsAFailureAndNoSignal) {
  ASSERT_TRUE(write_file_atomic(dir_ + "/old", "kept").has_value());
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit nothing{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &nothing), 0);
  const Result<void> written = write_file_atomic(dir_ + "/old", "new");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().sys_errno, EFBIG);
  EXPECT_EQ(read_file(dir_ + "/old").value(), "kept");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir_), {}), 1) << "nothing left over";
}

TEST_F(FileTest, KnowsWhenTwoNamesAreOneFile) {
  ASSERT_TRUE(write_file_atomic(dir_ + "/a", "x").has_value());
  ASSERT_EQ(::symlink("a", (dir_ + "/link").c_str()), 0);
  const struct {
    const char* why;
    std::string a;
    std::string b;
    bool same;
  } cases[] = {
      {"itself", dir_ + "/a", dir_ + "/a", true},
      {"another spelling", dir_ + "/a", dir_ + "/./none/../a", true},
      {"by a link", dir_ + "/a", dir_ + "/link", true},
      {"another file", dir_ + "/a", dir_ + "/b", false},
      {"not there yet", dir_ + "/new", dir_ + "//new", true},
      {"standard output", "-", "-", false},
      {"no regular file: nothing is replaced", "/dev/null", "/dev/null", false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(same_file_written(c.a, c.b), c.same);
  }
}

TEST_F(FileTest, NamesAFileInWordsThatATerminalTakes) {
  EXPECT_EQ(read_file(dir_ + "/\x1b[2J").error().message.find('\x1b'), std::string::npos);
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
