#pragma once
// What will really be enforced, if this runtime is given this profile?
//
// Source: runc 1.1.5 (libcontainer/seccomp, specconv), crun 1.8.1 (src/libcrun/seccomp.c),
// libseccomp 2.5.4 with Debian's list of calls (src/db.c, src/syscalls.c), dockerd 20.10.24,
// Podman 4.3.1 with containers/common 0.50. Tests hold it against filters of containers that those
// started. runc, crun, Docker and Podman are modelled as they run here: on the architecture of the
// options, which they add to every list.
//
// Not modelled: multiplexed calls of s390x, ppc64le and mips; the order in which libseccomp asks
// conditional rules of different actions on one call, and its mistakes where several inequality
// rules meet (both are said in the notes); calls that the runtime itself needs.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "profile/profile.h"
#include "profile/resolve.h"

namespace sysnare {

enum class Runtime : std::uint8_t { kKernel, kRunc, kCrun, kDocker, kPodman };
std::string_view runtime_name(Runtime runtime);  ///< "kernel", "runc" …
std::optional<Runtime> runtime_by_name(std::string_view name);
std::vector<std::string_view> known_runtimes();  ///< their names, in the order of the enum

struct RuntimeView {
  ResolvedProfile resolved;
  /// What is enforced otherwise than plain OCI says, or by no rule of the profile; sentences.
  std::vector<std::string> notes;
};

/// `profile` as `runtime` enforces it.
///
/// kKernel: plain OCI as resolve() reads it. kRunc and kCrun take the file as linux.seccomp of a
/// config.json: keys of Docker's dialect mean nothing there. kDocker and kPodman resolve those with
/// `options` first, then it is runc's and crun's turn.
///
/// Errors: kBadInput for what the runtime refuses, one sentence that begins with its name.
Result<RuntimeView> as_runtime(const Profile& profile, const ResolveOptions& options,
                               Runtime runtime);

/// A profile that says in plain OCI what `resolved` does, as far as OCI can: `notes` gets a
/// sentence for each thing that it cannot say.
Profile flat_profile(const ResolvedProfile& resolved, std::vector<std::string>& notes);

}  // namespace sysnare
