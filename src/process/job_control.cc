#include "process/job_control.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

namespace sysnare {
namespace {

constexpr int kForwarded[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
constexpr int kStops[] = {SIGTSTP, SIGTTIN, SIGTTOU};
/// A reader of ours that goes away, and a limit on file sizes that the program, which may be of our
/// user, sets on us by prlimit(2): writing fails then, which is told and counted, and ends nobody.
constexpr int kOfWriting[] = {SIGPIPE, SIGXFSZ};
constexpr int kChanged[] = {SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE, SIGXFSZ, SIGCHLD};

sigset_t set_of(std::span<const int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : signals) sigaddset(&set, signal);
  return set;
}

}  // namespace

JobControl::JobControl() : before_(SignalState::now()) {
  const sigset_t forwarded = set_of(kForwarded);
  ::sigprocmask(SIG_BLOCK, &forwarded, nullptr);
  fd_.reset(::signalfd(-1, &forwarded, SFD_CLOEXEC | SFD_NONBLOCK));
  for (int signal : kStops) ::signal(signal, SIG_IGN);
  for (int signal : kOfWriting) ::signal(signal, SIG_IGN);
  ::signal(SIGCHLD, SIG_DFL);
}

JobControl::~JobControl() {
  for (int signal : kChanged) {
    ::signal(signal, before_.ignored[static_cast<std::size_t>(signal)] ? SIG_IGN : SIG_DFL);
  }
  ::sigprocmask(SIG_SETMASK, &before_.mask, nullptr);
}

std::vector<int> JobControl::take_signals() {
  std::vector<int> signals;
  signalfd_siginfo info{};
  while (::read(fd_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    // SI_KERNEL: the terminal's driver, which signals the whole foreground group. But a hang-up is
    // told to the session's leader alone (tty_signal_session_leader, drivers/tty/tty_jobctrl.c).
    const bool ours_alone = info.ssi_signo == SIGHUP && ::getsid(0) == ::getpid();
    if (info.ssi_code != SI_KERNEL || ours_alone) {
      signals.push_back(static_cast<int>(info.ssi_signo));
    }
  }
  return signals;
}

void JobControl::mirror_stop(int signal) {
  if (std::find(std::begin(kStops), std::end(kStops), signal) == std::end(kStops)) return;
  ::signal(signal, SIG_DFL);
  // Blocked by whoever started us, it would stay pending and stop nothing.
  const sigset_t one = set_of({&signal, 1});
  sigset_t old;
  ::sigprocmask(SIG_UNBLOCK, &one, &old);
  ::raise(signal);  // we stand still here until SIGCONT
  ::signal(signal, SIG_IGN);
  ::sigprocmask(SIG_SETMASK, &old, nullptr);
}

}  // namespace sysnare
