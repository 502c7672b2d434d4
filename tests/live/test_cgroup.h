#pragma once
// A cgroup of a test's own, in a hierarchy that is mounted here.

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>

#include "harness.h"
#include "process/cgroup.h"

namespace sysnare::live {

/// Made below the root of a hierarchy, removed with those below it when whoever lived in it is
/// gone.
class TestCgroup {
 public:
  /// `controller` as in CgroupHierarchy: "" is v2. Where there is none, or we may not, no cgroup.
  explicit TestCgroup(const std::string& controller) {
    Result<std::vector<CgroupHierarchy>> all = cgroup_hierarchies();
    if (!all) return;
    for (const CgroupHierarchy& each : *all) {
      if (each.controller != controller) continue;
      name_ = "sysnare-test-" + std::to_string(::getpid()) + "-" + std::to_string(++made());
      path_ = each.mounted_at + "/" + name_;
      if (::mkdir(path_.c_str(), 0755) != 0) path_.clear();
      return;
    }
  }
  ~TestCgroup() {
    if (path_.empty()) return;
    eventually([&] {
      // Those below first; what is busy still has somebody in it, who is on its way out.
      ::rmdir((path_ + "/inner").c_str());
      return ::rmdir(path_.c_str()) == 0 || errno == ENOENT;
    });
  }
  TestCgroup(const TestCgroup&) = delete;
  TestCgroup& operator=(const TestCgroup&) = delete;

  [[nodiscard]] bool there() const { return !path_.empty(); }
  [[nodiscard]] const std::string& path() const { return path_; }
  /// The path within the hierarchy.
  [[nodiscard]] std::string name() const { return "/" + name_; }
  /// A cgroup below.
  [[nodiscard]] std::string inner() const {
    const std::string inner = path_ + "/inner";
    ::mkdir(inner.c_str(), 0755);
    return inner;
  }
  static bool move(int pid, const std::string& to) {
    std::ofstream procs(to + "/cgroup.procs");
    procs << pid << std::flush;
    return procs.good();
  }

 private:
  static int& made() {
    static int count = 0;
    return count;
  }
  std::string path_;
  std::string name_;
};

/// The words of a shell that goes into `cgroup` and becomes `command`.
inline std::vector<std::string> inside(const std::string& cgroup,
                                       const std::vector<std::string>& command) {
  std::vector<std::string> words = {"sh", "-c", "echo $$ > \"$0/cgroup.procs\" && exec \"$@\"",
                                    cgroup};
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

}  // namespace sysnare::live
