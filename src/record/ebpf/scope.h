#pragma once
// What shall the eBPF programs follow, as they take it?

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "record/ebpf/shared.h"
#include "record/recorder.h"

namespace sysnare {

struct EbpfScope {
  sysnare_scope kind = SYSNARE_SCOPE_TREE;
  int controller = -1;                 ///< enum cgroup_subsys_id of this kernel; -1 is v2
  std::vector<std::uint64_t> cgroups;  ///< kernfs ids
  /// Their paths within the hierarchy; empty for one whose path is not known (in a namespace).
  std::vector<std::string> paths;
  int hierarchy = -1;               ///< its number in /proc/self/cgroup; -1: not known
  bool by_cgroup = false;           ///< executables are told apart by cgroup too
  bool with_runtime = false;        ///< who comes in is a container's runtime until its exec
  bool walk_finds_runtime = false;  ///< so are those who are in it already
};

/// Errors: as cgroup_at(); kUsage for cgroups of several hierarchies or too many; kUnsupported for
/// a controller that this kernel does not describe.
Result<EbpfScope> scope_of(const RecordOptions& options);

/// The path of a cgroup within its hierarchy, by the names that an event has: "/a/b", "/".
std::string cgroup_path(const sysnare_cgroup_event& event);

}  // namespace sysnare
