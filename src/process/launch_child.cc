// The child between clone and exec. Async-signal-safe by construction: inline system calls alone.
//
// Order matters: dispositions and mask are put back before the filters, since afterwards nothing
// but execve is sure to be allowed; a pending signal is then taken with its original disposition.

#include "process/launch_child.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "process/isa_syscall.h"

namespace sysnare {
namespace {

using isa::raw_syscall;

/// The kernel's struct sigaction (x86_64 and aarch64: the same members), not libc's.
struct KernelSigaction {
  std::uintptr_t handler;
  unsigned long flags;
  std::uintptr_t restorer;
  std::uint64_t mask;
};

constexpr int kLastSignal = 64;
constexpr long kSigsetBytes = 8;
/// How long an exec may wait for its supervisor's answer. Far above what any takes; it only ends
/// what would else hang for ever.
constexpr long kExecDeadlineSeconds = 30;

long address(const void* pointer) { return reinterpret_cast<long>(pointer); }

[[noreturn]] void stop_with(ChildTells& tells, ChildStep step, long result) {
  tells.error.store(static_cast<int>(-result));
  tells.step.store(step);
  // It may be that not even exit_group is allowed now. The trap kills with no call at all; the
  // process is not dumpable, so no core file is left.
  for (;;) __builtin_trap();
}

void wait_for_release(const ChildPlan& plan) {
  // Without the parent nobody would ever release us, and our shared descriptor table would keep its
  // sockets open.
  raw_syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
  if (raw_syscall(SYS_getppid) != plan.parent) raw_syscall(SYS_exit_group, 1);
  while (plan.tells->released.load() == 0) {
    raw_syscall(SYS_futex, address(&plan.tells->released), FUTEX_WAIT, 0, 0);
  }
  raw_syscall(SYS_prctl, PR_SET_PDEATHSIG, 0);
}

/// From the listener's creation until exec we hold the listener ourselves. Should the supervisor be
/// killed in between, an execve that is NOTIFY would wait for an answer that nobody can give. The
/// timer ends that; exec deletes it (timer_create(2)), so the program never sees it.
void arm_exec_deadline() {
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGKILL;
  int timer = 0;
  if (raw_syscall(SYS_timer_create, CLOCK_MONOTONIC, address(&event), address(&timer)) < 0) return;
  itimerspec when{};
  when.it_value.tv_sec = kExecDeadlineSeconds;
  raw_syscall(SYS_timer_settime, timer, 0, address(&when), 0);
}

void restore_signals(const ChildPlan& plan) {
  for (int number = 1; number <= kLastSignal; ++number) {
    const bool ignored = (plan.ignored_signals >> (number - 1) & 1) != 0;
    const KernelSigaction action{ignored ? reinterpret_cast<std::uintptr_t>(SIG_IGN) : 0, 0, 0, 0};
    raw_syscall(SYS_rt_sigaction, number, address(&action), 0, kSigsetBytes);
  }
}

/// The table of descriptors is the parent's too: a copy of our own first.
void take_output(const ChildPlan& plan, ChildTells& tells) {
  if (plan.out < 0 && plan.err < 0) return;
  const long unshared = raw_syscall(SYS_unshare, CLONE_FILES);
  if (unshared < 0) stop_with(tells, kStepExecFailed, unshared);
  if (plan.out >= 0) raw_syscall(SYS_dup3, plan.out, 1, 0);
  if (plan.err >= 0) raw_syscall(SYS_dup3, plan.err, 2, 0);
}

}  // namespace

void run_child(const ChildPlan& plan) {
  ChildTells& tells = *plan.tells;
  wait_for_release(plan);
  tells.step.store(kStepLoading);
  restore_signals(plan);
  take_output(plan, tells);
  // Until exec gives us an address space of its own (and resets this): no core dump of a failed
  // launch, and no other process of this user reading our copy of the parent's memory.
  raw_syscall(SYS_prctl, PR_SET_DUMPABLE, 0);
  if (plan.no_new_privs) {
    const long done = raw_syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (done < 0) stop_with(tells, kStepFilterFailed, done);
  }
  if (plan.listener) arm_exec_deadline();
  raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, address(&plan.signal_mask), 0, kSigsetBytes);
  for (unsigned i = 0; i < plan.filter_count; ++i) {
    const bool last = i + 1 == plan.filter_count;
    std::uint64_t flags = plan.filter_flags;
    if (last && plan.listener) flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
    // Told before the call: the filter may refuse everything that follows, but not this store.
    if (last) tells.step.store(kStepExec);
    const long done = raw_syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, static_cast<long>(flags),
                                  address(&plan.filters[i]));
    if (done < 0) stop_with(tells, kStepFilterFailed, done);
    if (last && plan.listener) tells.listener.store(static_cast<int>(done));
  }
  tells.step.store(kStepExec);
  const long failed =
      raw_syscall(SYS_execve, address(plan.path), address(plan.argv), address(plan.envp));
  stop_with(tells, kStepExecFailed, failed);
}

}  // namespace sysnare
