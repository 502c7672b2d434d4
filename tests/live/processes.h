#pragma once
// In which state is a process, as /proc tells, and what may this one do here?

#include <cstdint>
#include <string>
#include <vector>

namespace sysnare::live {

/// The process whose command line is `argv`, in whatever container it runs; 0 for none.
int process_of(const std::vector<std::string>& argv);

/// Whether one process of ours may attach to another: Yama may forbid it to all but root.
bool may_attach();
inline constexpr const char* kMayNotAttach = "Yama forbids attaching (kernel.yama.ptrace_scope)";

/// Whether CAP_… is in effect for us: root of a container lacks some.
bool has_capability(int number);
/// Why we cannot read the filters of another process; empty when we can.
std::string why_no_filters();

/// Whether this user, its control group and this machine let a process have `count` threads, and
/// leave some for others. By trying: who limits them are many.
bool room_for_threads(unsigned count);
inline constexpr const char* kNoRoomForThreads =
    "a limit (RLIMIT_NPROC, pids.max, threads-max) allows fewer threads";

/// Whether somebody traces the thread `pid`.
bool is_traced(int pid);
/// Whether every thread of the process is traced.
bool all_threads_traced(int pid);
/// "R", "S", "T" …; '?' when it is gone.
char state_of(int pid);
/// Whether a signal to the process waits to be taken, be it by a signalfd.
bool is_pending(int pid, int signal);
/// Voluntary context switches of all threads of `pid` so far.
std::uint64_t context_switches(int pid);
/// Nanoseconds that the main thread of `pid` spent on a processor so far.
std::uint64_t ran_ns(int pid);

}  // namespace sysnare::live
