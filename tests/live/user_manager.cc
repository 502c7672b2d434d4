#include "user_manager.h"

#include <signal.h>
#include <unistd.h>

#include <ctime>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace sysnare::live {
namespace {

namespace fs = std::filesystem;

/// The hierarchies in which systemd keeps its units: v2, and its own of v1 on a hybrid host.
std::vector<fs::path> hierarchies() {
  std::vector<fs::path> found;
  std::ifstream mounts("/proc/self/mounts");
  std::string device, at, type, options;
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream(line) >> device >> at >> type >> options;
    if (type == "cgroup2" ||
        (type == "cgroup" && options.find("name=systemd") != std::string::npos))
      found.emplace_back(at);
  }
  return found;
}

/// Those below a cgroup before it, and the cgroup: as they can be removed.
std::vector<fs::path> innermost_first(const fs::path& cgroup) {
  std::vector<fs::path> found;
  std::error_code failed;
  for (const auto& entry : fs::recursive_directory_iterator(cgroup, failed))
    if (entry.is_directory(failed)) found.insert(found.begin(), entry.path());
  found.push_back(cgroup);
  return found;
}

void kill_all(const fs::path& cgroup) {
  std::ifstream procs(cgroup / "cgroup.procs");
  for (int pid = 0; procs >> pid;)
    if (pid > 1) ::kill(pid, SIGKILL);
}

}  // namespace

std::string why_no_user_manager() {
  if (!is_root()) return "needs root: a mount namespace";
  if (!have_program("systemctl") || !fs::exists("/lib/systemd/systemd")) return "no systemd";
  return "";
}

UserManager::UserManager(const TempDir& folder) : folder_(folder) {
  fs::create_directories(folder / units());
  folder.write(units() + "/idle.target", "[Unit]\nDescription=nothing\n");
  static int made = 0;
  const std::string name = "sysnare-manager-" + std::to_string(::getpid()) + "-" +
                           std::to_string(++made) + "-" + std::to_string(::time(nullptr));
  for (const fs::path& at : hierarchies()) {
    if (!fs::create_directory(at / name))
      throw std::runtime_error((at / name).string() + " is there already: whose is it?");
    cgroups_.push_back(at / name);
  }
}

UserManager::~UserManager() {
  for (const fs::path& cgroup : cgroups_) {
    eventually([&] {
      for (const fs::path& each : innermost_first(cgroup)) {
        kill_all(each);
        ::rmdir(each.c_str());
      }
      return !fs::exists(cgroup);
    });
  }
}

std::vector<std::string> UserManager::running(const std::string& then) const {
  std::string script = "set -u\n";
  for (const fs::path& cgroup : cgroups_)
    script += "echo $$ >" + cgroup.string() + "/cgroup.procs || exit 1\n";
  script += R"(mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/user && chmod 700 /run/user
export XDG_RUNTIME_DIR=/run/user HOME="$0" XDG_CONFIG_HOME="$0/config"
/lib/systemd/systemd --user --unit=idle.target >"$0/manager.log" 2>&1 </dev/null &
manager=$!
trap 'kill $manager; wait $manager 2>/dev/null' EXIT
until [ -S /run/user/systemd/private ] || ! kill -0 $manager; do sleep 0.1; done
)";
  return {"unshare",   "-m", "--propagation", "private",
          "/bin/bash", "-c", script + then,   folder_.path()};
}

}  // namespace sysnare::live
