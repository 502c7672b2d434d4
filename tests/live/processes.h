#pragma once
// In which state is a process, as /proc tells?

#include <cstdint>
#include <string>
#include <vector>

namespace sysnare::live {

/// The process whose command line is `argv`, in whatever container it runs; 0 for none.
int process_of(const std::vector<std::string>& argv);

/// Whether somebody traces the thread `pid`.
bool is_traced(int pid);
/// Whether every thread of the process is traced.
bool all_threads_traced(int pid);
/// "R", "S", "T" …; '?' when it is gone.
char state_of(int pid);
/// Voluntary context switches of all threads of `pid` so far.
std::uint64_t context_switches(int pid);
/// Nanoseconds that the main thread of `pid` spent on a processor so far.
std::uint64_t ran_ns(int pid);

}  // namespace sysnare::live
