#pragma once
// Where do we put a container so that its first instruction is recorded already? Into a control
// group that we made, and follow, before there is a container.
//
// The engine makes the container's group below ours (`--cgroup-parent`, `cgroupsPath`). Source:
// cgroups(7); docker-run(1), podman-run(1); OCI runtime spec, config-linux.md, cgroupsPath.

#include <memory>
#include <string>

#include "base/result.h"

namespace sysnare {

/// A control group at the root of the hierarchies, and all that runtimes make below it. The
/// destructor removes it from every hierarchy: at the end, after failures, and what a killed
/// sysnare left is removed by the next one.
class OwnCgroup {
 public:
  /// `slice`: named as systemd names slices, for engines whose groups systemd makes.
  /// Errors: kUnsupported where no hierarchy is mounted; kNoPermission.
  static Result<OwnCgroup> make(bool slice);
  OwnCgroup(OwnCgroup&&) noexcept;
  OwnCgroup& operator=(OwnCgroup&&) noexcept;
  ~OwnCgroup();

  [[nodiscard]] const std::string& name() const;       ///< "sysnare_run_12", for the engine
  [[nodiscard]] const std::string& directory() const;  ///< in the hierarchy that is recorded

 private:
  struct State;
  explicit OwnCgroup(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sysnare
