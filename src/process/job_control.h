#pragma once
// How does a supervisor stay out of the way of Ctrl-C, Ctrl-Z and fg?
//
// The child is in our process group, so the terminal's signals reach it without us. We ignore them
// ourselves and mirror what becomes of the child: when it stops, we stop ourselves, so that the
// shell sees the job stopped; fg's SIGCONT wakes both.

#include <signal.h>
#include <sys/types.h>

#include <vector>

namespace sysnare {

/// While it lives: SIGINT, SIGQUIT, SIGTSTP, SIGTTIN and SIGTTOU are ignored by us, SIGTERM and
/// SIGHUP are kept for `forward`. The launched child gets the dispositions and the mask from before
/// (Launch restores them).
class JobControl {
 public:
  JobControl();
  ~JobControl();
  JobControl(const JobControl&) = delete;
  JobControl& operator=(const JobControl&) = delete;

  /// Signals that came for us since the last call, to hand on to the child (SIGTERM, SIGHUP, and
  /// SIGINT/SIGQUIT sent to us alone rather than by the terminal).
  std::vector<int> take_signals();
  /// A descriptor that is readable when take_signals() has something (signalfd).
  [[nodiscard]] int fd() const;
  /// The child stopped by `signal`: stop ourselves the same way; returns when we are continued.
  void mirror_stop(int signal);

 private:
  sigset_t old_mask_{};
  int fd_ = -1;
};

}  // namespace sysnare
