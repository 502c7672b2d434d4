#pragma once
// The ptrace(2) requests that the recorder makes, with types.
//
// Each returns false when the tracee is gone or does not stand still (ESRCH); its end is reported
// by waitpid in any case, so no caller has more to do about it.

#include <sys/ptrace.h>
#include <sys/types.h>

#include <cstdint>

namespace sysnare::ptrace_requests {

inline long raw(int request, pid_t thread, std::uintptr_t address = 0, std::uintptr_t data = 0) {
  return ::ptrace(static_cast<__ptrace_request>(request), thread, reinterpret_cast<void*>(address),
                  reinterpret_cast<void*>(data));
}

/// Lets it run to its next call or return from a call, with `signal` delivered (0: none).
inline bool resume(pid_t thread, int signal) {
  return raw(PTRACE_SYSCALL, thread, 0, static_cast<std::uintptr_t>(signal)) == 0;
}

/// Leaves it in its group-stop, but hears of SIGCONT.
inline bool listen(pid_t thread) { return raw(PTRACE_LISTEN, thread) == 0; }

/// Makes it stop as soon as it can; nothing that the program sees.
inline bool interrupt(pid_t thread) { return raw(PTRACE_INTERRUPT, thread) == 0; }

/// Lets it go for good, with `signal` delivered.
inline bool detach(pid_t thread, int signal) {
  return raw(PTRACE_DETACH, thread, 0, static_cast<std::uintptr_t>(signal)) == 0;
}

/// The message of a PTRACE_EVENT stop: a new child, or the thread id before an exec.
inline bool event_message(pid_t thread, unsigned long& message) {
  return raw(PTRACE_GETEVENTMSG, thread, 0, reinterpret_cast<std::uintptr_t>(&message)) == 0;
}

inline bool syscall_info(pid_t thread, __ptrace_syscall_info& info) {
  return raw(PTRACE_GET_SYSCALL_INFO, thread, sizeof info,
             reinterpret_cast<std::uintptr_t>(&info)) > 0;
}

}  // namespace sysnare::ptrace_requests
