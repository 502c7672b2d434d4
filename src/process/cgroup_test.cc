#include "process/cgroup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/sysmacros.h>

namespace sysnare {
namespace {

using ::testing::HasSubstr;

TEST(Cgroup, ReadsTheHierarchiesOfAHybridHost) {
  const auto all = cgroup_hierarchies(
      "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
      "32 31 0:29 / /sys/fs/cgroup/cpu\\040x rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
      "33 31 0:30 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,xattr,blkio\n"
      "34 31 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
      "35 31 0:32 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n"
      "cut\n"
      "36 31 x:y / /a rw - cgroup2 b rw\n"
      "37 31 0:1 / /a - cgroup\n");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].mounted_at, "/sys/fs/cgroup/unified");
  EXPECT_EQ(all[0].controller, "");
  EXPECT_EQ(all[0].device, makedev(0, 32));
  EXPECT_EQ(all[1].mounted_at, "/sys/fs/cgroup/cpu x");
  EXPECT_EQ(all[1].controller, "cpu");
  EXPECT_EQ(all[2].controller, "io") << "v1 calls it blkio";
}

TEST(Cgroup, SaysWhatIsNoCgroup) {
  struct Case {
    const char* why;
    const char* path;
    const char* sentence;
  };
  constexpr Case kCases[] = {
      {"nothing there", "/no/such", "cgroup /no/such: No such file"},
      {"another file system", "/tmp", "/tmp is no cgroup; one is a directory below"},
      {"a file", "/proc/self/cgroup", "/proc/self/cgroup is no cgroup"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const Result<Cgroup> found = cgroup_at(c.path);
    ASSERT_FALSE(found.has_value());
    EXPECT_THAT(found.error().message, HasSubstr(c.sentence));
  }
}

TEST(Cgroup, AUnitHasAName) {
  for (const std::string& name : {std::string(), std::string("a/b"), std::string(300, 'a')}) {
    const Result<std::string> found = cgroup_of_unit(name);
    ASSERT_FALSE(found.has_value());
    EXPECT_THAT(found.error().message, HasSubstr("is no systemd unit"));
  }
  const Result<std::string> none = cgroup_of_unit("sysnare-no-such-unit");
  ASSERT_FALSE(none.has_value());
  EXPECT_THAT(none.error().message, HasSubstr("unit sysnare-no-such-unit.service"));
}

}  // namespace
}  // namespace sysnare
