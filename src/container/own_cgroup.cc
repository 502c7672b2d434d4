#include "container/own_cgroup.h"

#include <mntent.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "container/cgroups.h"
#include "process/capture.h"

namespace sysnare {
namespace {

namespace fs = std::filesystem;

/// Then the pid of who made it.
constexpr std::string_view kPrefix = "sysnare_run_";
constexpr std::string_view kSlice = ".slice";
/// A runtime removes the groups of its container in its own time, and a task that has just ended
/// holds its group for a moment.
constexpr std::chrono::milliseconds kRemoveLimit{2000};
constexpr int kRetryMs = 10;

/// Removes `folder` with the groups below it; those with processes in them stay. Files in them are
/// the kernel's, and no obstacle.
void remove_tree(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator each(folder, error), end; !error && each != end;
       each.increment(error)) {
    std::error_code ignored;
    if (each->is_directory(ignored) && !each->is_symlink(ignored)) remove_tree(each->path());
  }
  ::rmdir(folder.c_str());
}

/// Where hierarchies are mounted, those without a controller too (name=systemd).
std::vector<std::string> cgroup_mounts() {
  std::vector<std::string> mounts;
  std::FILE* table = ::setmntent("/proc/self/mounts", "re");
  if (table == nullptr) return mounts;
  while (const mntent* each = ::getmntent(table)) {
    const std::string_view type = each->mnt_type;
    if (type == "cgroup" || type == "cgroup2") mounts.emplace_back(each->mnt_dir);
  }
  ::endmntent(table);
  return mounts;
}

bool exists_in_any(const std::vector<std::string>& mounts, const std::string& name) {
  return std::any_of(mounts.begin(), mounts.end(), [&](const std::string& mount) {
    return ::access((mount + "/" + name).c_str(), F_OK) == 0;
  });
}

void remove_everywhere(const std::vector<std::string>& mounts, const std::string& name) {
  for (const std::string& mount : mounts) remove_tree(mount + "/" + name);
}

/// What a sysnare that was killed left: its pid is nobody's now.
void remove_stale(const std::vector<std::string>& mounts) {
  for (const std::string& mount : mounts) {
    std::error_code error;
    std::vector<std::string> stale;
    for (fs::directory_iterator each(mount, error), end; !error && each != end;
         each.increment(error)) {
      const std::string name = each->path().filename().string();
      std::string_view pid = name;
      if (!pid.starts_with(kPrefix)) continue;
      pid.remove_prefix(kPrefix.size());
      if (pid.ends_with(kSlice)) pid.remove_suffix(kSlice.size());
      const auto number = parse_u64(pid);
      if (number && *number > 0 && ::kill(static_cast<pid_t>(*number), 0) != 0 && errno == ESRCH) {
        stale.push_back(name);
      }
    }
    for (const std::string& name : stale) remove_tree(mount + "/" + name);
  }
}

}  // namespace

struct OwnCgroup::State {
  std::vector<std::string> mounts;
  std::string name;
  std::string directory;
  bool slice = false;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    // systemd has it as a unit since a container's scope asked for it.
    if (slice) static_cast<void>(capture({.argv = {"systemctl", "stop", name}}, kRemoveLimit));
    const auto end = std::chrono::steady_clock::now() + kRemoveLimit;
    remove_everywhere(mounts, name);
    while (exists_in_any(mounts, name) && std::chrono::steady_clock::now() < end) {
      ::poll(nullptr, 0, kRetryMs);
      remove_everywhere(mounts, name);
    }
  }
};

OwnCgroup::OwnCgroup(std::unique_ptr<State> state) : state_(std::move(state)) {}
OwnCgroup::OwnCgroup(OwnCgroup&&) noexcept = default;
OwnCgroup& OwnCgroup::operator=(OwnCgroup&&) noexcept = default;
OwnCgroup::~OwnCgroup() = default;

const std::string& OwnCgroup::name() const { return state_->name; }
const std::string& OwnCgroup::directory() const { return state_->directory; }

Result<OwnCgroup> OwnCgroup::make(bool slice) {
  Result<std::vector<CgroupHierarchy>> all = cgroup_hierarchies();
  if (!all) return propagate(all);
  const CgroupHierarchy* recorded = container_hierarchy(*all);
  if (recorded == nullptr) {
    return fail(Errc::kUnsupported, "no hierarchy of control groups is mounted here");
  }
  std::vector<std::string> mounts = cgroup_mounts();
  remove_stale(mounts);
  auto state = std::make_unique<State>();
  const std::string name =
      fmt::format("{}{}{}", kPrefix, ::getpid(), slice ? kSlice : std::string_view());
  const std::string directory = recorded->mounted_at + "/" + name;
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) {
    return fail_errno(errno, "making the control group {}", directory);
  }
  state->mounts = std::move(mounts);
  state->name = name;
  state->directory = directory;
  state->slice = slice;
  return OwnCgroup(std::move(state));
}

}  // namespace sysnare
