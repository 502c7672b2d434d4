#include "container/cgroups.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/text.h"

namespace sysnare {
namespace {

constexpr std::array<std::string_view, 4> kPreferred = {"pids", "memory", "freezer", "devices"};

/// The group of `hierarchy` in the text of a /proc/PID/cgroup: lines "ID:CONTROLLERS:PATH".
std::optional<std::string_view> group_in(std::string_view groups,
                                         const CgroupHierarchy& hierarchy) {
  for (std::string_view line : split(groups, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    // A hierarchy is known by its first controller, which /proc names as mounts do.
    const std::string_view named = split(controllers, ',').front();
    if (hierarchy.controller == (named == "blkio" ? "io" : named)) return line.substr(second + 1);
  }
  return std::nullopt;
}

bool is_or_is_below(std::string_view group, std::string_view above) {
  if (above == "/") return true;
  return group.starts_with(above) && (group.size() == above.size() || group[above.size()] == '/');
}

/// Whether runtimes and engines call the group of the container `id` so: "ID", "libpod-ID",
/// "docker-ID.scope".
bool is_named_after(std::string_view component, std::string_view id) {
  constexpr std::string_view kScope = ".scope";
  if (component.ends_with(kScope)) component.remove_suffix(kScope.size());
  if (!component.ends_with(id)) return false;
  component.remove_suffix(id.size());
  return component.empty() || component.ends_with('-');
}

/// Up to the component that is named after `id`; empty where none is.
std::string_view up_to_id(std::string_view group, std::string_view id) {
  if (id.empty()) return {};
  for (std::size_t start = 1; start < group.size();) {
    const std::size_t end = std::min(group.find('/', start), group.size());
    if (is_named_after(group.substr(start, end - start), id)) return group.substr(0, end);
    start = end + 1;
  }
  return {};
}

std::optional<std::string> directory_of(const CgroupHierarchy& hierarchy, std::string_view group) {
  if (!is_or_is_below(group, hierarchy.root)) return std::nullopt;
  if (hierarchy.root != "/") group.remove_prefix(hierarchy.root.size());
  return hierarchy.mounted_at + std::string(group);
}

}  // namespace

const CgroupHierarchy* container_hierarchy(const std::vector<CgroupHierarchy>& all) {
  const CgroupHierarchy* best = nullptr;
  for (const CgroupHierarchy& each : all) {
    const auto rank = [](const CgroupHierarchy& of) {
      const auto at = std::find(kPreferred.begin(), kPreferred.end(), of.controller);
      return at - kPreferred.begin() + (of.controller.empty() ? 1 : 0);  // v2 last of all
    };
    if (best == nullptr || rank(each) < rank(*best)) best = &each;
  }
  return best;
}

std::optional<std::string> container_cgroup(const std::vector<CgroupHierarchy>& all,
                                            std::string_view its_groups,
                                            std::string_view our_groups, std::string_view id) {
  const CgroupHierarchy* usual = container_hierarchy(all);
  if (usual == nullptr) return std::nullopt;
  std::vector<const CgroupHierarchy*> order = {usual};
  for (const CgroupHierarchy& each : all) {
    if (&each != usual) order.push_back(&each);
  }
  for (const CgroupHierarchy* hierarchy : order) {
    const auto its = group_in(its_groups, *hierarchy);
    const std::string_view named = its ? up_to_id(*its, id) : std::string_view();
    const auto ours = group_in(our_groups, *hierarchy);
    const bool shared = ours && is_or_is_below(*ours, named);
    if (!named.empty() && !shared) return directory_of(*hierarchy, named);
  }
  // Named by the user: apart from ours will do. The others of a hybrid host tell nothing then: a
  // runtime may have left its container in the group of whoever called it.
  const auto its = group_in(its_groups, *usual);
  const auto ours = group_in(our_groups, *usual);
  if (!its || !ours || is_or_is_below(*ours, *its)) return std::nullopt;
  return directory_of(*usual, *its);
}

Result<std::optional<std::string>> container_cgroup_of(pid_t pid, std::string_view id) {
  Result<std::vector<CgroupHierarchy>> all = cgroup_hierarchies();
  if (!all) return propagate(all);
  Result<std::string> its = read_file(fmt::format("/proc/{}/cgroup", pid));
  if (!its) return fail(Errc::kNotFound, "process {} of the container has ended", pid);
  Result<std::string> ours = read_file("/proc/self/cgroup");
  if (!ours) return propagate(ours);
  return container_cgroup(*all, *its, *ours, id);
}

}  // namespace sysnare
