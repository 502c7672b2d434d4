#pragma once
// Whose processes does /proc show?
//
// Source: proc(5), pid_namespaces(7); fs/proc/self.c, Linux 6.18: /proc/self is a link to our
// number in the PID namespace of that mount, and is empty (ENOENT) where we have none there.

#include "base/result.h"

namespace sysnare {

/// Fails where /proc is mounted and numbers processes otherwise than we do, as after `unshare -pf`
/// without --mount-proc: what it says of a number is about another process. No /proc at all is no
/// failure: what it would say is then unknown, and nothing is mistaken.
///
/// Errors: kSystem, with what to do about it.
Result<void> check_proc();

}  // namespace sysnare
