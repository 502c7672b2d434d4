#pragma once
// What does this profile say to a runtime that reads OCI's JSON and nothing else?
//
// runc and crun know neither the singular `name`, archMap, includes, excludes nor errno names, and
// ignore them silently: an entry with `name` allows or denies nothing there.
// Source: OCI runtime specification 1.2, config-linux.md; Docker's profiles/seccomp, which does the
// same conversion for its containers.

#include <string>
#include <vector>

#include "profile/profile.h"
#include "profile/resolve.h"

namespace sysnare {

struct PlainProfile {
  Profile profile;
  /// What was left out or would be read otherwise, "FILE:LINE: PATH: …", in the order of the file.
  std::vector<std::string> notes;
};

/// Why `entry` does not apply, for one that does not: "needs CAP_SYS_ADMIN". In the order in which
/// Docker asks.
std::string why_left_out(const Entry& entry, const ResolveOptions& options);

/// `profile` in plain OCI, for one machine: `names`, `architectures`, no conditions.
/// Errors: kBadInput for both `architectures` and archMap.
Result<PlainProfile> plain_profile(const Profile& profile, const ResolveOptions& options);

}  // namespace sysnare
