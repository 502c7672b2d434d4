#pragma once
// In which state is a process, as /proc tells?

namespace sysnare::live {

/// Whether somebody traces the thread `pid`.
bool is_traced(int pid);
/// Whether every thread of the process is traced.
bool all_threads_traced(int pid);
/// "R", "S", "T" …; '?' when it is gone.
char state_of(int pid);

}  // namespace sysnare::live
