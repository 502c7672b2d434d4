#pragma once
// How does a program run under a filter, and what becomes of it?
//
// One event loop for `run` and `watch`: it starts the program (process/launch.h), passes signals
// and job control on, serves the notification listener, and as a tracer explains kills and answers
// SECCOMP_RET_TRACE. The tracer asks for events alone (fork, exec, exit, SECCOMP_RET_TRACE), never
// for system-call stops, so calls that the filter allows cost what the filter costs.
// docs/adr/0050-explain-by-exit-tracing.md
//
// Source: ptrace(2), seccomp(2), seccomp_unotify(2); kernel/seccomp.c __seccomp_filter(),
// kernel/ptrace.c, Linux 6.18.
// Not modelled: children made with CLONE_UNTRACED (they run under the filter, unexplained).

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "process/launch.h"
#include "process/place.h"

namespace sysnare {

struct EnforceSpec {
  std::vector<std::string> argv;                  ///< argv[0] is looked up in PATH
  std::vector<std::vector<sock_filter>> filters;  ///< the last one gets the listener
  std::uint64_t filter_flags = 0;                 ///< SECCOMP_FILTER_FLAG_*, without NEW_LISTENER
  bool no_new_privs = true;                       ///< false needs CAP_SYS_ADMIN
  bool listener = false;                          ///< serve SECCOMP_RET_USER_NOTIF
  /// Be the program's tracer: explain kills, answer SECCOMP_RET_TRACE. A tracee cannot be traced by
  /// another (a debugger, strace) and cannot be set-user-id.
  bool explain = true;
  /// With `explain`: whatever we trace is killed when we end, however that comes
  /// (PTRACE_O_EXITKILL). For a caller whose handler must have its say about every exec: a thread
  /// that stands in PTRACE_EVENT_EXEC goes on when its tracer dies.
  bool end_with_us = false;
  /// When the program has ended and others that it started live on under the filter: leave them
  /// (their NOTIFY and TRACE calls get ENOSYS), or serve them to the last; a further SIGINT,
  /// SIGTERM or SIGHUP leaves them.
  enum class AfterEnd : std::uint8_t { kLeave, kServe };
  AfterEnd after_end = AfterEnd::kLeave;
};

/// One call for which a filter killed. Place and executable were looked up while the thread stood
/// still in it.
struct FilterKill {
  pid_t process = 0;
  pid_t thread = 0;
  bool launched_program = false;  ///< it was the program itself, not one of its children
  seccomp_data data{};            ///< the call
  CallPlace place;                ///< of the calling instruction
  std::string exe;                ///< the executable of the process; empty when unknown
  std::uint32_t action = 0;       ///< SECCOMP_RET_KILL_* or TRAP by EnforceSpec::filters;
                                  ///< ALLOW: by a filter that the program loaded itself
  bool before_exec = false;       ///< in the launch: our child's own execve
  bool others_live = false;       ///< the thread died alone; its process goes on without it
};

/// What a tracer does with a SECCOMP_RET_TRACE call.
struct TraceAnswer {
  enum class Kind : std::uint8_t { kAllow, kErrno, kKill };
  Kind kind = Kind::kErrno;
  int error = 38;  ///< of kErrno; ENOSYS is what the kernel gives without a tracer
};

/// What the caller of enforce() is told while the program runs, always in enforce()'s own thread.
/// Nothing here may block: the program waits meanwhile. Every function has a default, so that a
/// caller writes those it needs.
class EnforceHandler {
 public:
  virtual ~EnforceHandler();
  /// The child is made and waits before its filter (so it can be looked at, put in a cgroup …).
  /// Errors: the child is killed, nothing was executed.
  virtual Result<void> on_start(const Launch& launch);
  /// `listener` is readable: receive and answer at least one notification; do not close it. May
  /// fail with ENOENT inside when the caller is gone, which is no error. Errors end everything: the
  /// program is killed, and enforce() returns the error.
  virtual Result<void> on_notification(int listener);
  /// A signal came for us (kill, not the terminal, whose signals reach the program without us).
  /// True: it was for us alone. False: it is handed on to the program.
  virtual bool on_signal(int signal);
  /// `process` became another program and stands before its first instruction (seen by a tracer
  /// alone; the launch's own exec is one too). False: it is killed there.
  virtual bool on_exec(pid_t process);
  /// SECCOMP_RET_TRACE, the thread standing still before the call. `message` is the filter's data.
  virtual TraceAnswer on_trace(pid_t thread, const seccomp_data& data, std::uint16_t message);
  /// A filter killed; said once a call, whatever the number of threads that die with it.
  virtual void on_kill(const FilterKill& kill);
  /// `kill` took one thread alone, and its process still lives kLoneThreadDelay later: it may hang.
  virtual void on_lone_thread(const FilterKill& kill);
  /// The program (not its children) has ended.
  virtual void on_program_end(int wait_status);

  /// Further descriptors to wait for (timers, sockets), asked anew each round.
  virtual std::vector<pollfd> descriptors();
  /// `ready` is one of descriptors() with revents set. Errors: as on_notification().
  virtual Result<void> on_ready(const pollfd& ready);
  /// When to call on_deadline() at the latest, asked anew each round; empty: never.
  virtual std::optional<std::chrono::steady_clock::time_point> deadline();
  virtual Result<void> on_deadline();
};

/// A process that outlives one of its threads this long is called hanging: the other threads that a
/// fatal event takes along are gone in microseconds.
inline constexpr std::chrono::milliseconds kLoneThreadDelay{500};

struct EnforceOutcome {
  ExecOutcome exec;                ///< kRunning: the program was executed
  std::string path;                ///< the file that was (to be) executed
  int wait_status = 0;             ///< of the program, as from waitpid
  bool killed_by_us = false;       ///< SIGKILL after TraceAnswer::kKill, in the program itself
  std::optional<FilterKill> kill;  ///< why the program died of SIGSYS, when that is known
  /// It exited out of the dynamic loader, before its own code ran (seen by a tracer alone).
  bool ended_in_loader = false;
  std::chrono::nanoseconds ran{};  ///< from the release of the child to the program's end
};

/// Runs `spec` to its end and tells `handler` on the way. Signals, terminal and job control are
/// passed on for as long as it runs (process/job_control.h); waits for its own processes alone, so
/// the caller may have others. Threads of the caller must block SIGCHLD, or wake-ups are lost.
///
/// Errors: kNotFound (exit status 127) and kNoPermission (126) when there is no such program or it
/// cannot be executed, as Launch::start(); kUnsupported when it cannot be traced (try without
/// `explain`); what the handler returned. A refused or failed exec is an outcome.
Result<EnforceOutcome> enforce(const EnforceSpec& spec, EnforceHandler& handler);

}  // namespace sysnare
