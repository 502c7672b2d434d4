#pragma once
// Which control group has a container for itself, and in which directory do we see it?
//
// Source: cgroups(7); proc_pid_cgroup(5); proc_pid_mountinfo(5). Hosts with cgroup v2, with v1, and
// with both (hybrid). Paths are as our own mount and cgroup namespace shows them.

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "process/cgroup.h"

namespace sysnare {

/// The one by which runtimes keep containers apart: the v1 controllers' (pids first) where there
/// are any, since every runtime uses these on a hybrid host and crun nothing else; else v2. Null
/// for none.
const CgroupHierarchy* container_hierarchy(const std::vector<CgroupHierarchy>& all);

/// The directory of the group that the container `id` has for itself, by the text of
/// /proc/PID/cgroup of a process of its own and of ours. Empty where it shares one with us or with
/// those above us: a container without a group.
///
/// A path that has the id in it ends there: what the container makes below belongs to it.
std::optional<std::string> container_cgroup(const std::vector<CgroupHierarchy>& all,
                                            std::string_view its_groups,
                                            std::string_view our_groups, std::string_view id);
/// The same for process `pid`, here and now. Errors: kNotFound when it has ended.
Result<std::optional<std::string>> container_cgroup_of(pid_t pid, std::string_view id);

}  // namespace sysnare
