#include "process/isa_call.h"

#include <elf.h>
#include <linux/audit.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#include <cerrno>
#include <cstddef>

namespace sysnare {
namespace {

long ptrace_raw(int request, pid_t thread, std::uintptr_t address, void* data) {
  return ::ptrace(static_cast<__ptrace_request>(request), thread, reinterpret_cast<void*>(address),
                  data);
}

#if defined(__x86_64__)

constexpr unsigned kCallBytes = 2;  ///< syscall, int 0x80 and sysenter alike

Result<void> read_registers(pid_t thread, TraceeCall& call) {
  user_regs_struct regs{};
  // GETREGS, not GETREGSET: its layout is ours for a 32-bit tracee too.
  if (ptrace_raw(PTRACE_GETREGS, thread, 0, &regs) != 0) {
    return fail_errno(errno, "registers of thread {}", thread);
  }
  call.data.nr = static_cast<int>(regs.orig_rax);
  call.data.instruction_pointer = regs.rip;
  if (call.data.arch == AUDIT_ARCH_I386) {
    const unsigned long long args[] = {regs.rbx, regs.rcx, regs.rdx, regs.rsi, regs.rdi, regs.rbp};
    for (unsigned i = 0; i < 6; ++i) call.data.args[i] = static_cast<std::uint32_t>(args[i]);
  } else {
    const unsigned long long args[] = {regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9};
    for (unsigned i = 0; i < 6; ++i) call.data.args[i] = args[i];
  }
  // syscall_rollback() puts the number back where the result would be.
  call.rolled_back = call.data.nr >= 0 && static_cast<int>(regs.rax) == call.data.nr;
  return {};
}

Result<void> write_skip(pid_t thread, int error) {
  const auto poke = [&](std::size_t offset, long value) {
    return ptrace_raw(PTRACE_POKEUSER, thread, offset, reinterpret_cast<void*>(value));
  };
  if (poke(offsetof(user, regs.rax), -long{error}) != 0 ||
      poke(offsetof(user, regs.orig_rax), -1) != 0) {
    return fail_errno(errno, "registers of thread {}", thread);
  }
  return {};
}

#elif defined(__aarch64__)

constexpr unsigned kCallBytes = 4;  ///< svc; Thumb's is 2, and its addresses are rounded down

constexpr int kSystemCallSet = 0x404;  ///< NT_ARM_SYSTEM_CALL

/// What NT_PRSTATUS gives for a 32-bit tracee: r0 to r15, cpsr, orig_r0.
struct ArmRegisters {
  std::uint32_t r[16];
  std::uint32_t cpsr;
  std::uint32_t orig_r0;
};

Result<void> read_registers(pid_t thread, TraceeCall& call) {
  union {
    user_regs_struct wide;
    ArmRegisters narrow;
  } regs{};
  iovec range{&regs, sizeof regs};
  if (ptrace_raw(PTRACE_GETREGSET, thread, NT_PRSTATUS, &range) != 0) {
    return fail_errno(errno, "registers of thread {}", thread);
  }
  if (range.iov_len == sizeof(ArmRegisters)) {
    call.data.nr = static_cast<int>(regs.narrow.r[7]);
    call.data.instruction_pointer = regs.narrow.r[15];
    for (unsigned i = 0; i < 6; ++i) call.data.args[i] = regs.narrow.r[i];
  } else {
    call.data.nr = static_cast<int>(regs.wide.regs[8]);
    call.data.instruction_pointer = regs.wide.pc;
    for (unsigned i = 0; i < 6; ++i) call.data.args[i] = regs.wide.regs[i];
  }
  int nr = 0;
  iovec nr_range{&nr, sizeof nr};
  if (ptrace_raw(PTRACE_GETREGSET, thread, kSystemCallSet, &nr_range) == 0) call.data.nr = nr;
  // syscall_rollback() puts x0 back, which says nothing by itself.
  call.rolled_back = call.data.nr >= 0;
  return {};
}

Result<void> write_skip(pid_t thread, int error) {
  user_regs_struct regs{};
  iovec range{&regs, sizeof regs};
  if (ptrace_raw(PTRACE_GETREGSET, thread, NT_PRSTATUS, &range) != 0) {
    return fail_errno(errno, "registers of thread {}", thread);
  }
  if (range.iov_len == sizeof(ArmRegisters)) {
    const auto result = static_cast<std::uint32_t>(-error);
    __builtin_memcpy(&regs, &result, sizeof result);
  } else {
    regs.regs[0] = static_cast<unsigned long long>(-static_cast<long long>(error));
  }
  int none = -1;
  iovec nr_range{&none, sizeof none};
  // The number first: setting it may overwrite x0 on old kernels.
  if (ptrace_raw(PTRACE_SETREGSET, thread, kSystemCallSet, &nr_range) != 0 ||
      ptrace_raw(PTRACE_SETREGSET, thread, NT_PRSTATUS, &range) != 0) {
    return fail_errno(errno, "registers of thread {}", thread);
  }
  return {};
}

#else
#error "tracee registers are written for x86_64 and aarch64"
#endif

}  // namespace

Result<TraceeCall> read_call(pid_t thread) {
  TraceeCall call;
  __ptrace_syscall_info info{};
  if (ptrace_raw(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) < 0) {
    return fail_errno(errno, "call of thread {}", thread);
  }
  call.data.arch = info.arch;
  if (Result<void> read = read_registers(thread, call); !read) return propagate(read);
  return call;
}

Result<void> skip_call(pid_t thread, int error) { return write_skip(thread, error); }

std::uint64_t calling_instruction(const seccomp_data& data) {
  return data.instruction_pointer - kCallBytes;
}

}  // namespace sysnare
