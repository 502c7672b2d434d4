#pragma once
// What the trip wire asks of a seccomp listener beside receiving and answering
// (enforce/notify.h).
//
// Source: seccomp_unotify(2); kernel/seccomp.c, Linux 6.18.

#include <linux/seccomp.h>

#include <cstdint>

namespace sysnare {

/// Whether a call waits to be received, now.
bool call_waits(int listener);

/// Whether the call is still held: then its thread lives, its pid is still its own, and what was
/// read about it before this question was read about it.
bool still_held(int listener, const seccomp_notif& call);

/// SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV where the kernel has it (Linux 5.19), else 0. With it a
/// held call is not interrupted by signals, so that a storm of them cannot make it be notified anew
/// each time; a stop (Ctrl-Z, SIGSTOP) takes effect when it is answered, which is at once.
std::uint64_t wait_killable_flag();

}  // namespace sysnare
