#pragma once
// Which cgroup is meant by a directory, or by the name of a systemd unit?
//
// A hybrid host mounts v1 controllers and v2 beside each other, and a process is in one cgroup of
// each hierarchy; so a directory is known by its hierarchy and, within that, by its kernfs id.
//
// Source: cgroups(7); Documentation/admin-guide/cgroup-v2.rst, fs/kernfs/mount.c, Linux 6.18.
// Not modelled: v1 hierarchies without a controller (name=systemd): what follows tasks in the
// kernel cannot find a task's place in those.

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sysnare {

/// One mounted hierarchy.
struct CgroupHierarchy {
  std::string mounted_at;
  dev_t device = 0;
  /// The first controller of a v1 hierarchy, by the kernel's name ("pids"); empty for v2.
  std::string controller;
  /// Which of its cgroups is mounted there: "/", or that of a container.
  std::string root = "/";
};

/// One cgroup, by its directory.
struct Cgroup {
  CgroupHierarchy hierarchy;
  std::string path;      ///< the directory
  std::uint64_t id = 0;  ///< kernfs id; never given out again while the machine runs
};

/// The hierarchies that `mountinfo` (/proc/self/mountinfo) tells of, v2 first, then in its order.
std::vector<CgroupHierarchy> cgroup_hierarchies(std::string_view mountinfo);
/// Those that are mounted here.
Result<std::vector<CgroupHierarchy>> cgroup_hierarchies();

/// The cgroup of a directory. Errors: kNotFound, kUsage (no cgroup's directory), kUnsupported (a
/// hierarchy without a controller).
Result<Cgroup> cgroup_at(const std::string& directory);

/// The path of a cgroup within its hierarchy, "/system.slice/nginx.service"; empty where its mount
/// does not say.
std::string path_in_hierarchy(const Cgroup& cgroup);

/// The directory of a systemd unit's cgroup; ".service" is put behind a name without a dot.
/// Errors: kNotFound with what to do, kUsage for a name that is no unit's or stands for several.
/// Cost: a walk over all cgroups.
Result<std::string> cgroup_of_unit(std::string_view name);

}  // namespace sysnare
