#pragma once
// The part of a launch that runs in the child; see launch.h and launch_child.cc.

#include <linux/filter.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>

namespace sysnare {

/// How far the child has come.
enum ChildStep : int {
  kStepWaiting = 0,
  kStepLoading = 1,
  kStepExec = 2,          ///< all filters are in; execve is called
  kStepFilterFailed = 3,  ///< `error` is the errno of prctl or seccomp
  kStepExecFailed = 4,    ///< `error` is the errno of execve
};

/// The shared page: all that the child can tell.
struct ChildTells {
  std::atomic<std::uint32_t> released;  ///< a futex word: 1 once the child may go on
  std::atomic<int> step;
  std::atomic<int> error;
  std::atomic<int> listener;  ///< descriptor in the shared table, -1 before
};
static_assert(std::atomic<int>::is_always_lock_free);

/// Everything the child needs, prepared by the parent so that the child allocates nothing.
struct ChildPlan {
  ChildTells* tells;
  const char* path;
  char* const* argv;
  char* const* envp;
  const sock_fprog* filters;
  unsigned filter_count;
  bool listener;
  bool no_new_privs;
  int out;  ///< to become descriptor 1, -1 for none
  int err;  ///< to become descriptor 2
  std::uint64_t filter_flags;
  std::uint64_t ignored_signals;  ///< bit N-1 for signal N
  std::uint64_t signal_mask;      ///< the kernel's sigset
  pid_t parent;
};

/// Never returns. Runs in the child, with all signals blocked.
[[noreturn]] void run_child(const ChildPlan& plan);

}  // namespace sysnare
