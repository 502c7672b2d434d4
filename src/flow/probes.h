#pragma once
// Does this kernel let us do it, here and as this user? Each probe tries it, in a child where it
// would change the process.
//
// Source: seccomp(2), seccomp_unotify(2), ptrace(2), bpf(2); arch/x86/entry/, Linux 6.18.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sysnare {

struct Probe {
  bool works = false;
  int sys_errno = 0;           ///< of the step that failed; 0 also when it was something else
  int killed_by = 0;           ///< the signal that ended who tried; 0 for none
  std::string_view step = "";  ///< what failed: "seccomp(2)"
};

/// prctl(PR_SET_NO_NEW_PRIVS) in a child.
Probe probe_no_new_privs();
/// Loads a filter that refuses one call, and makes that call.
Probe probe_filter();
/// The whole of user notification: listener, receive, CONTINUE.
Probe probe_notification();
/// Seizes and interrupts a child and asks for its system call (Linux 5.3).
Probe probe_ptrace();
/// Loads an eBPF program and hooks it on sys_enter.
Probe probe_ebpf();
/// Whether x86_64 processes can make calls of these ABIs. Empty on other machines, which have none.
std::optional<Probe> probe_i386();
std::optional<Probe> probe_x32();
/// Whether seccomp(2) knows this action (SECCOMP_GET_ACTION_AVAIL).
bool action_available(unsigned action);
/// Which SECCOMP_FILTER_FLAG_* the kernel knows: "tsync", "log", …
std::vector<std::string> filter_flags();

}  // namespace sysnare
