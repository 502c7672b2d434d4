#pragma once
// Which calls does a container runtime, firejail or systemd itself make between loading the filter
// and exec?
//
// They have to pass the filter, or no container starts; the program may need none of them. Measured
// on runc 1.1.5 (Go 1.19.8) and crun 1.8.1 under Linux 6.18, by tools/measure_runtime.py, which
// measures any other version too; on firejail 0.9.72 and systemd 252 by strace. See
// docs/reference/runtime-layers.md.
//
// Not modelled: SELinux and AppArmor labels, startContainer hooks, and programs that an engine puts
// before the container's own (docker run --init).

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sysnare {

/// Calls with one reason: a layer of a profile, with a label of its own.
struct RuntimeCalls {
  std::string runtime;             ///< the label: "runc", "runc: Go", "runc without no_new_privs"
  std::string reason;              ///< one sentence: who makes them, when, where that was seen
  std::vector<std::string> calls;  ///< sorted
};

/// The names that runtime_calls() takes, sorted: crun, docker, firejail, podman, podman+crun …
const std::vector<std::string_view>& runtime_names();

/// The layers of `runtime`. podman may start either of runc and crun: it gets those of both;
/// `podman+crun` and `podman+runc` are narrower. docker starts runc.
///
/// Without `no_new_privileges` a runtime loads the filter while it still has to drop its
/// privileges, and needs further calls (capset, setuid …), which are layers of their own.
///
/// Errors: kUsage for a name that is not in runtime_names().
Result<std::vector<RuntimeCalls>> runtime_calls(std::string_view runtime,
                                                bool no_new_privileges = true);

}  // namespace sysnare
