#pragma once
// How does a program start under a filter, with nothing but execve allowed to it?
//
// The child is made by clone(CLONE_FILES | SIGCHLD): an address space of its own, but our table of
// file descriptors until exec. So the listener that seccomp(2) returns in the child is ours at
// once, and the child needs no call to hand it over; what it has to tell (the listener's number,
// the errno of a failed step) it stores in a shared page. exec gives the child a table of its own
// and drops the close-on-exec listener. CLONE_VM is not needed, and avoided: a core dump of the
// child would take the parent with it before Linux 5.16. docs/adr/ has the whole story.
//
// Source: seccomp(2), seccomp_unotify(2), ptrace(2), clone(2); kernel/seccomp.c, Linux 6.18.

#include <linux/filter.h>
#include <signal.h>
#include <sys/types.h>

#include <bitset>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace sysnare {

/// Which signals a process blocks and ignores: what a program inherits over exec.
struct SignalState {
  sigset_t mask{};
  std::bitset<65> ignored;  ///< by signal number
  /// The calling thread's mask and the process's dispositions, as they are now.
  static SignalState now();
};

struct LaunchSpec {
  std::vector<std::string> argv;                  ///< argv[0] is looked up in PATH, as execvp does
  std::vector<std::vector<sock_filter>> filters;  ///< loaded in order, the last one with `listener`
  bool listener = false;                          ///< ask for a user-notification listener
  std::uint64_t filter_flags = 0;                 ///< further SECCOMP_FILTER_FLAG_*
  bool no_new_privs = true;                       ///< false needs CAP_SYS_ADMIN
  bool ptrace = false;                            ///< seize the child before it goes on
  std::uint64_t ptrace_options = 0;               ///< PTRACE_O_*
  int out = -1;  ///< what the program gets as descriptor 1; -1: ours. Without `listener` alone
  int err = -1;  ///< as descriptor 2
  SignalState signals = SignalState::now();  ///< what the program starts with (JobControl::before)
};

/// What became of the child's exec.
struct ExecOutcome {
  enum class Kind : std::uint8_t {
    kRunning,       ///< the program runs (or ran: see the wait status)
    kFilterFailed,  ///< prctl or seccomp failed; `sys_errno` says why
    kExecFailed,    ///< execve failed with `sys_errno` (which the filter may have given)
    kKilled,        ///< the child died of its own filter before or in execve
  };
  Kind kind = Kind::kRunning;
  int sys_errno = 0;
};

/// A child between clone and exec, then the running program. Move-only; does not kill on
/// destruction once released (an unreleased child is killed and reaped).
class Launch {
 public:
  /// Makes the child, which waits for release(); with `ptrace` it is already seized.
  /// Errors: kNotFound when no such program is in PATH (exit status 127), kNoPermission when it is
  /// there and cannot be executed (126), kUnsupported when it cannot be traced, as check_proc(),
  /// else as the failing system call.
  static Result<Launch> start(const LaunchSpec& spec);

  Launch(Launch&&) noexcept;
  Launch& operator=(Launch&&) noexcept;
  ~Launch();

  [[nodiscard]] pid_t pid() const;
  [[nodiscard]] int pidfd() const;
  /// The file that will be executed.
  [[nodiscard]] const std::string& path() const;

  /// Lets the child go on: load its filters, then execve.
  Result<void> release();
  /// After release(): the listener's descriptor, taken out of the shared table as soon as the child
  /// has it; waits for that. Invalid Fd without `listener`. Errors: the child's prctl or seccomp
  /// failed.
  Result<Fd> take_listener();
  /// What the exec came to, as far as it can be seen now; kRunning while the child has said
  /// nothing. Never blocks. kKilled is told apart from the death of the running program only until
  /// the child is reaped: ask at PTRACE_EVENT_EXIT or after waitid(WNOWAIT).
  [[nodiscard]] ExecOutcome outcome() const;

 private:
  struct State;
  explicit Launch(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The file that execvp would run for `name`: `name` itself when it has a slash, else by PATH.
/// Errors: kNotFound, kNoPermission.
Result<std::string> find_executable(const std::string& name);

}  // namespace sysnare
