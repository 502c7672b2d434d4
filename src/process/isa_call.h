#pragma once
// Which call is this stopped tracee in, and how is it kept from being made?
//
// For every kind of ptrace stop, PTRACE_EVENT_EXIT among them, where PTRACE_GET_SYSCALL_INFO tells
// the architecture alone and the registers have to tell the rest.
//
// Source: ptrace(2); kernel/seccomp.c __seccomp_filter(), arch/x86/include/asm/syscall.h,
// arch/arm64/kernel/ptrace.c, Linux 6.18.

#include <linux/seccomp.h>
#include <sys/types.h>

#include <cstdint>

#include "base/result.h"

namespace sysnare {

struct TraceeCall {
  seccomp_data data{};  ///< as a filter sees it; data.nr is -1 outside any call
  /// The registers are those before the call: what seccomp leaves behind when it kills or traps. A
  /// thread that merely dies with the others has the result of its last call there. Always true
  /// where the ISA cannot tell.
  bool rolled_back = false;
};

/// Errors: kNotFound when the tracee is gone.
Result<TraceeCall> read_call(pid_t thread);

/// At PTRACE_EVENT_SECCOMP: the call is not made, and returns -`error`.
Result<void> skip_call(pid_t thread, int error);

/// The address of the instruction that made the call: a filter and a debugger see the one behind
/// it.
std::uint64_t calling_instruction(const seccomp_data& data);

}  // namespace sysnare
