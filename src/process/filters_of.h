#pragma once
// Which seccomp filters does this process run under?
//
// Source: ptrace(2) PTRACE_SECCOMP_GET_FILTER; kernel/seccomp.c get_nth_filter() (Linux 6.18). The
// thread is stopped for the moment and goes on as it was; when we die meanwhile, the kernel lets it
// go. Not modelled: that threads of one process may have other filters; strict mode, which is said.

#include <linux/filter.h>
#include <sys/types.h>

#include <vector>

#include "base/result.h"

namespace sysnare {

/// The filters of thread `tid` (a process id is its first thread), the first loaded first; none
/// when it has no filter. All of them judge each call, and the strictest answer counts.
///
/// Errors: kNotFound when there is no such thread; kNoPermission without CAP_SYS_ADMIN, when we are
/// under a filter ourselves, or when another tracer has it; kUnsupported when this kernel does not
/// keep filters (CONFIG_CHECKPOINT_RESTORE), or the thread is in strict mode.
Result<std::vector<std::vector<sock_filter>>> filters_of(pid_t tid);

}  // namespace sysnare
