#include "container/cgroups.h"

#include <gtest/gtest.h>

namespace sysnare {
namespace {

constexpr std::string_view kHybrid =
    "21 1 0:20 / / rw - ext4 /dev/vda rw\n"
    "30 21 0:25 / /sys/fs/cgroup rw shared:4 - tmpfs tmpfs rw,mode=755\n"
    "31 30 0:26 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "32 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "33 30 0:28 / /sys/fs/cgroup/pids rw shared:7 - cgroup cgroup rw,pids\n"
    "34 30 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup "
    "rw,xattr,release_agent=/lib/agent,name=systemd\n"
    "35 30 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr std::string_view kUnified =
    "30 21 0:25 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
    "31 21 0:25 / /mnt/again rw - cgroup2 cgroup2 rw\n";

TEST(Cgroups, RuntimesKeepContainersApartByAControllerOfV1WhereThereIsOne) {
  EXPECT_EQ(container_hierarchy(cgroup_hierarchies(kHybrid))->mounted_at, "/sys/fs/cgroup/pids");
  EXPECT_EQ(container_hierarchy(cgroup_hierarchies(kUnified))->mounted_at, "/sys/fs/cgroup");
  EXPECT_EQ(container_hierarchy({}), nullptr);
}

TEST(Cgroups, TheContainersOwnIsFoundByItsIdOrByBeingApartFromOurs) {
  struct Case {
    const char* why;
    std::string_view mounts;
    const char* its;
    const char* ours;
    const char* id;
    const char* directory;  ///< "": none
  };
  constexpr Case kCases[] = {
      {"cgroupfs driver, hybrid", kHybrid,
       "4:memory:/docker/ab\n3:pids:/docker/ab\n0::/docker/ab\n", "3:pids:/\n0::/\n", "ab",
       "/sys/fs/cgroup/pids/docker/ab"},
      {"systemd driver, v2", kUnified, "0::/system.slice/docker-ab.scope\n",
       "0::/user.slice/session-1.scope\n", "ab", "/sys/fs/cgroup/system.slice/docker-ab.scope"},
      {"systemd within the container moved itself", kUnified,
       "0::/system.slice/docker-ab.scope/init.scope\n", "0::/\n", "ab",
       "/sys/fs/cgroup/system.slice/docker-ab.scope"},
      {"crun on v2 makes a group below", kUnified, "0::/machine.slice/libpod-ab.scope/container\n",
       "0::/\n", "ab", "/sys/fs/cgroup/machine.slice/libpod-ab.scope"},
      {"only one hierarchy has it", kHybrid, "3:pids:/\n4:memory:/x/ab\n", "3:pids:/\n4:memory:/\n",
       "ab", "/sys/fs/cgroup/memory/x/ab"},
      {"a path without the id, apart from ours", kHybrid, "3:pids:/mine/web\n0::/\n",
       "3:pids:/other\n0::/other\n", "ab", "/sys/fs/cgroup/pids/mine/web"},
      {"the group that we are in as well", kUnified, "0::/user.slice\n",
       "0::/user.slice/session-1.scope\n", "ab", ""},
      {"the root", kUnified, "0::/\n", "0::/x\n", "ab", ""},
      {"v2 of a hybrid host alone tells nothing", kHybrid, "3:pids:/\n0::/session-1\n",
       "3:pids:/\n0::/session-2\n", "ab", ""},
      {"a name that only starts like ours", kUnified, "0::/web\n", "0::/web2\n", "",
       "/sys/fs/cgroup/web"},
      {"an id that is part of a name", kUnified, "0::/user.slice/x\n", "0::/\n", "user",
       "/sys/fs/cgroup/user.slice/x"},
      {"an id like that of our own session", kUnified, "0::/user.slice/session-1.scope\n",
       "0::/user.slice/session-1.scope\n", "1", ""},
      {"no such line", kUnified, "3:pids:/x\n", "0::/\n", "ab", ""},
      {"no text", kUnified, "", "", "", ""},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(container_cgroup(cgroup_hierarchies(c.mounts), c.its, c.ours, c.id).value_or(""),
              c.directory);
  }
}

TEST(Cgroups, InACgroupNamespaceTheMountBeginsBelowTheRoot) {
  const auto all = cgroup_hierarchies("30 21 0:25 /outer /sys/fs/cgroup rw - cgroup2 c rw\n");
  EXPECT_EQ(container_cgroup(all, "0::/outer/ab\n", "0::/outer/me\n", "ab").value_or(""),
            "/sys/fs/cgroup/ab");
  EXPECT_EQ(container_cgroup(all, "0::/elsewhere/ab\n", "0::/outer/me\n", "ab").value_or(""), "");
}

}  // namespace
}  // namespace sysnare
