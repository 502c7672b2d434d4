#pragma once
// A systemd of a test's own, started as a user's manager is: systemd need not be process 1.

#include <filesystem>
#include <string>
#include <vector>

#include "harness.h"

namespace sysnare::live {

/// Why there can be none; empty when there can.
std::string why_no_user_manager();

/// It lives in cgroups of its own, since systemd takes the one that it is started in for its root
/// and removes every empty cgroup below (manager_shutdown_cgroup, src/core/cgroup.c, systemd 252):
/// from the host's root those are other people's. On destruction whoever is left in them is killed
/// and they are removed. Needs root.
class UserManager {
 public:
  /// Its units are the files that `folder` has in units(), its log is manager.log there. Throws
  /// where a cgroup cannot be made.
  explicit UserManager(const TempDir& folder);
  ~UserManager();
  UserManager(const UserManager&) = delete;
  UserManager& operator=(const UserManager&) = delete;

  /// The folder of units, below the one it was made with; idle.target is there.
  static std::string units() { return "config/systemd/user"; }
  /// The words of a shell that starts it in a mount namespace with an empty /run, does what `then`
  /// says once it answers `systemctl --user`, and stops it. $manager is its process.
  [[nodiscard]] std::vector<std::string> running(const std::string& then) const;

 private:
  const TempDir& folder_;
  std::vector<std::filesystem::path> cgroups_;
};

}  // namespace sysnare::live
