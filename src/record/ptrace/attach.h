#pragma once
// Can this process be traced, and by whom is it traced already?
//
// Source: ptrace(2) "Ptrace access mode checking"; proc_pid_status(5); Yama's ptrace_scope,
// Documentation/admin-guide/LSM/Yama.rst.

#include <sys/types.h>

#include <cstdint>

#include "base/result.h"
#include "record/ptrace/tracees.h"

namespace sysnare {

/// Fields of /proc/PID/status.
struct ProcessStatus {
  pid_t process = 0;  ///< thread group
  pid_t parent = 0;
  pid_t tracer = 0;  ///< 0: not traced
  uid_t uid = 0;
  char state = '?';  ///< R, S, D, T, t, Z, X
};
/// Errors: kNotFound when it is gone.
Result<ProcessStatus> process_status(pid_t thread);

/// PTRACE_O_* for a recording; new threads are always followed, new processes with `follow`.
std::uint64_t trace_options(bool follow);

/// Seizes every thread of the process of `pid`, and those that they start meanwhile; asks each to
/// stop. On an error some may be seized; the caller lets them go.
/// Errors: one sentence that says why this process cannot be traced.
Result<void> seize_process(pid_t pid, std::uint64_t options, Tracees& tracees);

}  // namespace sysnare
