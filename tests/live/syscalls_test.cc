// sysnare syscalls, as a user sees it, and its table against the running kernel's tracefs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness.h"

namespace sysnare::live {
namespace {

using ::testing::HasSubstr;

TEST(SyscallsVerb, AnswersByNameAndByNumber) {
  const Outcome by_name = sysnare({"syscalls", "mkdir"});
  EXPECT_EQ(by_name.status, 0);
  EXPECT_THAT(by_name.out, HasSubstr("mkdir(const char* pathname, umode_t mode)"));
  EXPECT_EQ(sysnare({"syscalls", "83"}).out, by_name.out);
  EXPECT_THAT(sysnare({"syscalls", "83", "--abi", "i386"}).out, HasSubstr("symlink("));
}

TEST(SyscallsVerb, SaysWhatItDoesNotKnow) {
  const Outcome unknown = sysnare({"syscalls", "mkdri"});
  EXPECT_EQ(unknown.status, 1);
  EXPECT_THAT(unknown.err, HasSubstr("unknown call \"mkdri\", did you mean \"mkdir\"?"));
  EXPECT_EQ(sysnare({"syscalls", "4095"}).status, 1);
  EXPECT_EQ(sysnare({"syscalls", "--abi", "vax"}).status, 2);
}

/// Numbers and argument types as the running kernel tells them. Mounting tracefs needs root; the
/// mount namespace is private, so nothing is left behind.
TEST(SyscallsVerb, EqualsTheRunningKernel) {
  if (!is_root()) GTEST_SKIP() << "needs root: mounts tracefs in a private namespace";
  const Outcome formats = run(
      {"unshare", "-m", "--propagation", "private", "sh", "-c",
       "mount -t tracefs none /mnt && cd /mnt/events/syscalls && for f in sys_enter_*/format; do "
       "echo \"@ ${f%/format}\"; grep -v common_ \"$f\" | sed -n "
       "'s/^\\tfield:\\([^;]*\\);.*/\\1/p'; done"});
  if (formats.status != 0) GTEST_SKIP() << "no tracefs syscall events in this kernel";
  const Outcome table = sysnare({"syscalls"});
  ASSERT_EQ(table.status, 0);
  std::size_t checked = 0;
  std::string name;
  std::string arguments;
  const auto check = [&] {
    // The kernel calls some entry points by another name than the call (newstat, sendfile64 …).
    if (!name.empty() && table.out.find(" " + name + " ") != std::string::npos) {
      ++checked;
      const std::size_t row = table.out.find(" " + name + " ");
      std::string line = table.out.substr(row, table.out.find('\n', row) - row);
      std::string packed;
      for (char c : line.substr(name.size() + 1)) {
        if (c != ' ') packed += c;
      }
      std::string wanted;
      for (char c : arguments.empty() ? std::string("void") : arguments) {
        if (c != ' ') wanted += c;
      }
      EXPECT_EQ(packed, wanted) << name;
    }
  };
  std::stringstream lines(formats.out);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("@ ")) {
      check();
      name = line.substr(std::string("@ sys_enter_").size());
      arguments.clear();
    } else if (line != "int __syscall_nr") {
      arguments += (arguments.empty() ? "" : ",") + line;
    }
  }
  check();
  EXPECT_GT(checked, 300u);
}

}  // namespace
}  // namespace sysnare::live
