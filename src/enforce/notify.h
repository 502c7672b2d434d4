#pragma once
// How is one user notification received and answered?
//
// Source: seccomp_unotify(2); kernel/seccomp.c seccomp_notify_recv(), seccomp_notify_send(), Linux
// 6.18.

#include <linux/seccomp.h>

#include <optional>

#include "base/result.h"

namespace sysnare {

/// The next notification; empty when its caller was killed or interrupted meanwhile (ENOENT), or a
/// signal came. Errors: kSystem.
Result<std::optional<seccomp_notif>> receive_notification(int listener);

/// Lets the call be made. A caller that is gone is no error. Never a decision about what pointers
/// point to: the program may change that afterwards.
Result<void> continue_call(int listener, const seccomp_notif& notification);
/// The call is not made and returns -`error`.
Result<void> refuse_call(int listener, const seccomp_notif& notification, int error);
/// Kills the caller's process before the call is made. Waits for nothing. True when the caller was
/// there to be killed.
Result<bool> kill_caller(int listener, const seccomp_notif& notification);

}  // namespace sysnare
