#pragma once
// How does a hook record a container that outlives the hook? By a recorder in a session of its own,
// which is armed before the hook returns, and so before the container's program runs.

#include <chrono>
#include <string>

#include "base/result.h"
#include "container/oci_state.h"
#include "evidence/evidence.h"

namespace sysnare {

/// How long arming may take; runtimes have limits of their own for a hook.
inline constexpr std::chrono::seconds kArmLimit{20};

struct BackgroundRecording {
  std::string cgroup;  ///< directory of the container's own
  Workload workload;
  SafeFile file;  ///< where the evidence goes when the container has ended, and
  std::chrono::seconds save_every{0};  ///< meanwhile, so often; 0: not
};

/// Starts the recorder, and returns once it follows everything in the cgroup. It holds no
/// descriptors of ours but that of the file's folder, and is no child of ours; a SIGTERM ends it
/// with what it has seen. What fails after arming goes to syslog(3).
/// Errors: as record_ebpf(); kLimit when it is not armed in time.
Result<void> record_in_background(BackgroundRecording recording);

}  // namespace sysnare
