#pragma once
// How does a supervisor stay out of the way of Ctrl-C, Ctrl-Z and fg?
//
// The child is in our process group, so the terminal's signals reach it without us. We ignore them
// ourselves and mirror what becomes of the child: when it stops, we stop ourselves, so that the
// shell sees the job stopped; fg's SIGCONT wakes both.

#include <signal.h>
#include <sys/types.h>

#include <vector>

#include "base/fd.h"
#include "process/launch.h"

namespace sysnare {

/// While it lives: SIGTSTP, SIGTTIN and SIGTTOU are ignored by us; SIGINT, SIGQUIT, SIGTERM,
/// SIGHUP, SIGUSR1 and SIGUSR2 are blocked and read by take_signals(); SIGPIPE is ignored (a closed
/// stderr must not end a supervisor) and SIGCHLD is not (an inherited SIG_IGN would make waitpid
/// fail). Hand before() to LaunchSpec::signals, so that the child starts with what was there
/// before. The destructor puts everything back.
class JobControl {
 public:
  JobControl();
  ~JobControl();
  JobControl(const JobControl&) = delete;
  JobControl& operator=(const JobControl&) = delete;

  /// Signals that came for us since the last call, to hand on to the child. What the terminal sent
  /// is left out: the kernel has sent it to the whole process group.
  std::vector<int> take_signals();
  [[nodiscard]] const SignalState& before() const { return before_; }
  /// A descriptor that is readable when take_signals() has something (signalfd).
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// The child stopped by `signal`: stop ourselves the same way; returns when we are continued.
  /// Only job control's own signals are mirrored: after SIGSTOP to the child alone nobody would
  /// ever continue us.
  void mirror_stop(int signal);

 private:
  SignalState before_;
  Fd fd_;
};

}  // namespace sysnare
