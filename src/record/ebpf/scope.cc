#include "record/ebpf/scope.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/file.h"
#include "base/text.h"
#include "process/cgroup.h"
#include "record/ebpf/kernel_btf.h"

namespace sysnare {
namespace {

/// enum cgroup_subsys_id has what the kernel was configured with, so only the kernel itself knows
/// the number. Errors: kUnsupported.
Result<int> number_of_controller(const std::string& name) {
  if (const auto value = kernel_enum_value("cgroup_subsys_id", name + "_cgrp_id")) return *value;
  return fail(Errc::kUnsupported,
              "this kernel does not say how its cgroup controller {} is numbered, so the tasks of "
              "a cgroup of it cannot be found",
              printable(name));
}

/// Where processes are told apart on a whole host: v2 where it is mounted (runc and systemd use it
/// on hybrid hosts too), else the controller that every container has.
std::optional<std::string> controller_of_host() {
  Result<std::vector<CgroupHierarchy>> all = cgroup_hierarchies();
  if (!all || all->empty()) return std::nullopt;
  const auto has = [&](std::string_view name) {
    return std::any_of(all->begin(), all->end(),
                       [&](const CgroupHierarchy& each) { return each.controller == name; });
  };
  if (has("")) return "";
  return has("pids") ? "pids" : all->front().controller;
}

/// "4:pids:/a" in /proc/self/cgroup; v2's line is "0::/a".
int number_of_hierarchy(std::string_view controller) {
  if (controller.empty()) return 0;
  Result<std::string> text = read_file("/proc/self/cgroup");
  if (!text) return -1;
  for (std::string_view line : split(*text, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() < 3) continue;
    const auto controllers = split(fields[1], ',');
    const std::string_view named = controller == "io" ? "blkio" : controller;
    const auto number = parse_u64(fields[0]);
    if (number && std::find(controllers.begin(), controllers.end(), named) != controllers.end()) {
      return static_cast<int>(*number);
    }
  }
  return -1;
}

Result<EbpfScope> scope_of_host() {
  EbpfScope scope;
  scope.kind = SYSNARE_SCOPE_HOST;
  const std::optional<std::string> controller = controller_of_host();
  if (!controller) return scope;
  if (!controller->empty()) {
    Result<int> number = number_of_controller(*controller);
    if (!number) return scope;
    scope.controller = *number;
  }
  scope.by_cgroup = true;
  return scope;
}

}  // namespace

Result<EbpfScope> scope_of(const RecordOptions& options) {
  if (options.host) return scope_of_host();
  EbpfScope scope;
  if (options.cgroups.empty()) return scope;
  scope.kind = SYSNARE_SCOPE_CGROUPS;
  scope.with_runtime = options.container != ContainerStage::kNone;
  scope.walk_finds_runtime = options.container == ContainerStage::kNotBegun;
  if (options.cgroups.size() > SYSNARE_MAX_CGROUPS) {
    return fail(Errc::kUsage, "{} cgroups to follow, at most {} are; name one above them",
                options.cgroups.size(), SYSNARE_MAX_CGROUPS);
  }
  std::optional<Cgroup> first;
  for (const std::string& directory : options.cgroups) {
    Result<Cgroup> cgroup = cgroup_at(directory);
    if (!cgroup) return propagate(cgroup);
    if (first && first->hierarchy.device != cgroup->hierarchy.device) {
      return fail(Errc::kUsage,
                  "the cgroups {} and {} are of different hierarchies; name those of one",
                  printable(first->path), printable(directory));
    }
    scope.cgroups.push_back(cgroup->id);
    scope.paths.push_back(path_in_hierarchy(*cgroup));
    if (!first) first = std::move(*cgroup);
  }
  scope.hierarchy = number_of_hierarchy(first->hierarchy.controller);
  if (first->hierarchy.controller.empty()) return scope;
  Result<int> number = number_of_controller(first->hierarchy.controller);
  if (!number) return propagate(number);
  scope.controller = *number;
  return scope;
}

std::string cgroup_path(const sysnare_cgroup_event& event) {
  std::string path;
  for (__u32 i = std::min<__u32>(event.depth, SYSNARE_MAX_CGROUP_DEPTH); i > 0; --i) {
    const char* name = event.names[i - 1];
    path += '/';
    path.append(name, ::strnlen(name, SYSNARE_MAX_CGROUP_NAME));
  }
  return path.empty() ? "/" : path;
}

}  // namespace sysnare
