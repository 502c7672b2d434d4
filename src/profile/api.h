#pragma once
// What stands behind the profile that the installed headers show? Internal to the library.

#include "base/result.h"
#include "profile/resolve.h"
#include "sysnare/profile.h"

namespace sysnare::v1 {

struct Profile::Impl {
  sysnare::Profile model;
};

/// An Error as the installed headers show it.
Error shown(const sysnare::Error& error);

/// Errors: kUsage for an architecture or a kernel version that is none.
sysnare::Result<ResolveOptions> resolve_options(const Machine& machine);

}  // namespace sysnare::v1
