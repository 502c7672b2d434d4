#include "process/cgroup.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <optional>
#include <system_error>

#include "base/file.h"
#include "base/text.h"

namespace sysnare {
namespace {

namespace fs = std::filesystem;

// include/uapi/linux/magic.h
constexpr long kCgroupMagic = 0x27e0eb;
constexpr long kCgroup2Magic = 0x63677270;
/// systemd's own bound, UNIT_NAME_MAX in src/basic/unit-name.h.
constexpr std::size_t kMaxUnitName = 256;

/// The names that v1 has for what the kernel calls otherwise (cgroup_subsys::legacy_name).
std::string controller_named(std::string_view mounted) {
  return mounted == "blkio" ? "io" : std::string(mounted);
}

/// What is a super option of a cgroup mount and no controller.
bool is_controller(std::string_view option) {
  constexpr std::string_view kOthers[] = {
      "rw", "ro", "xattr", "noprefix", "clone_children", "cpuset_v2_mode", "none", "all"};
  return option.find('=') == std::string_view::npos &&
         std::find(std::begin(kOthers), std::end(kOthers), option) == std::end(kOthers);
}

/// proc(5): a mount point has \040 and so on for blanks, tabs, line ends and backslashes.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](std::size_t at) {
      return at < text.size() && text[at] >= '0' && text[at] <= '7' ? text[at] - '0' : -1;
    };
    if (text[i] == '\\' && digit(i + 1) >= 0 && digit(i + 2) >= 0 && digit(i + 3) >= 0) {
      plain += static_cast<char>(digit(i + 1) * 64 + digit(i + 2) * 8 + digit(i + 3));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

/// "36 35 0:31 / /sys/fs/cgroup/pids rw shared:1 - cgroup cgroup rw,pids"
std::optional<CgroupHierarchy> hierarchy_of(std::string_view line) {
  const std::vector<std::string_view> words = split(line, ' ');
  const auto dash = std::find(words.begin(), words.end(), "-");
  if (words.size() < 5 || words.end() - dash < 4) return std::nullopt;
  const bool v2 = dash[1] == "cgroup2";
  if (!v2 && dash[1] != "cgroup") return std::nullopt;
  const std::vector<std::string_view> numbers = split(words[2], ':');
  if (numbers.size() != 2) return std::nullopt;
  const auto major_number = parse_u64(numbers[0]);
  const auto minor_number = parse_u64(numbers[1]);
  if (!major_number || !minor_number) return std::nullopt;
  CgroupHierarchy found;
  found.mounted_at = unescaped(words[4]);
  found.root = unescaped(words[3]);
  found.device =
      makedev(static_cast<unsigned>(*major_number), static_cast<unsigned>(*minor_number));
  if (v2) return found;
  for (const std::string_view option : split(dash[3], ',')) {
    if (is_controller(option)) {
      found.controller = controller_named(option);
      return found;
    }
  }
  return std::nullopt;  // a named one
}

}  // namespace

std::vector<CgroupHierarchy> cgroup_hierarchies(std::string_view mountinfo) {
  std::vector<CgroupHierarchy> all;
  for (const std::string_view line : split(mountinfo, '\n')) {
    if (std::optional<CgroupHierarchy> found = hierarchy_of(line)) {
      all.push_back(std::move(*found));
    }
  }
  std::stable_partition(all.begin(), all.end(),
                        [](const CgroupHierarchy& each) { return each.controller.empty(); });
  return all;
}

Result<std::vector<CgroupHierarchy>> cgroup_hierarchies() {
  Result<std::string> mountinfo = read_file("/proc/self/mountinfo");
  if (!mountinfo) return propagate(mountinfo);
  return cgroup_hierarchies(*mountinfo);
}

Result<Cgroup> cgroup_at(const std::string& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) {
    return fail_errno(errno, "cgroup {}", printable(directory));
  }
  struct statfs system {};
  if (::statfs(directory.c_str(), &system) != 0) {
    return fail_errno(errno, "cgroup {}", printable(directory));
  }
  if (!S_ISDIR(status.st_mode) ||
      (system.f_type != kCgroupMagic && system.f_type != kCgroup2Magic)) {
    return fail(Errc::kUsage,
                "{} is no cgroup; one is a directory below /sys/fs/cgroup, and /proc/PID/cgroup "
                "tells a process's",
                printable(directory));
  }
  Cgroup cgroup;
  cgroup.path = directory;
  cgroup.id = status.st_ino;
  cgroup.hierarchy.device = status.st_dev;
  if (system.f_type == kCgroup2Magic) return cgroup;
  Result<std::vector<CgroupHierarchy>> all = cgroup_hierarchies();
  if (!all) return propagate(all);
  const auto found = std::find_if(all->begin(), all->end(), [&](const CgroupHierarchy& each) {
    return each.device == status.st_dev;
  });
  if (found == all->end()) {
    return fail(Errc::kUnsupported,
                "{} is of a cgroup hierarchy without a controller, in which no task can be found; "
                "name the same cgroup below another controller, or in v2",
                printable(directory));
  }
  cgroup.hierarchy = *found;
  return cgroup;
}

std::string path_in_hierarchy(const Cgroup& cgroup) {
  std::error_code error;
  const std::string path = fs::canonical(cgroup.path, error).string();
  Result<std::vector<CgroupHierarchy>> all = cgroup_hierarchies();
  if (error || !all) return "";
  for (const CgroupHierarchy& each : *all) {
    if (each.device != cgroup.hierarchy.device || !path.starts_with(each.mounted_at)) continue;
    const std::string below = path.substr(each.mounted_at.size());
    if (!below.empty() && below.front() != '/') continue;
    const std::string whole = (each.root == "/" ? "" : each.root) + below;
    return whole.empty() ? "/" : whole;
  }
  return "";
}

Result<std::string> cgroup_of_unit(std::string_view name) {
  std::string unit(name);
  if (unit.find('.') == std::string::npos) unit += ".service";
  if (name.empty() || unit.size() > kMaxUnitName || unit.find('/') != std::string::npos) {
    return fail(Errc::kUsage,
                "\"{}\" is no systemd unit; one is a name of up to {} bytes without a slash, as "
                "nginx or nginx.service",
                printable(name), kMaxUnitName);
  }
  Result<std::vector<CgroupHierarchy>> all = cgroup_hierarchies();
  if (!all) return propagate(all);
  for (const CgroupHierarchy& hierarchy : *all) {
    std::vector<std::string> found;
    std::error_code error;
    fs::recursive_directory_iterator at(hierarchy.mounted_at,
                                        fs::directory_options::skip_permission_denied, error);
    // A cgroup that is removed meanwhile ends the walk of its level, and no more.
    for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
      if (at->path().filename() == unit && at->is_directory(error)) {
        found.push_back(at->path().string());
      }
    }
    if (found.size() == 1) return found.front();
    if (found.size() > 1) {
      return fail(Errc::kUsage,
                  "unit {} stands for several cgroups: {} and {}; name one by --cgroup",
                  printable(unit), printable(found[0]), printable(found[1]));
    }
  }
  // sd_booted(3): this directory is there where systemd is the init system.
  if (::access("/run/systemd/system", F_OK) != 0) {
    return fail(Errc::kNotFound,
                "unit {}: systemd does not run here, and no cgroup has that name; name the cgroup "
                "by --cgroup",
                printable(unit));
  }
  return fail(Errc::kNotFound,
              "unit {} has no cgroup: it does not run, or `systemctl status {}` "
              "knows it by another name",
              printable(unit), printable(name));
}

}  // namespace sysnare
