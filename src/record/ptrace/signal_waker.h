#pragma once
// How does a thread that blocks in waitpid(-1) notice a signal for us, with none slipping through
// just before it blocks?
//
// A helper thread polls the signalfd. When a signal is there, it makes a child that exits at once:
// to the blocked waitpid one more event, which cannot be missed. There is no handler, no flag and
// no further call per stop; poll on a signalfd of SIGCHLD would cost two more calls for each stop.
// docs/adr/0020-ptrace-recorder.md compares the ways. A program that takes our descriptors' limit
// away does not end the waiting (process/waiter.h).

#include <thread>

#include "base/fd.h"
#include "base/result.h"

namespace sysnare {

class SignalWaker {
 public:
  /// `signals` stays the caller's, and readable until the caller has read it.
  static Result<SignalWaker> start(int signals);
  SignalWaker(SignalWaker&&) noexcept;
  SignalWaker& operator=(SignalWaker&&) = delete;
  ~SignalWaker();

  /// Whenever waitpid gave a child that is no tracee: read the signals, then call this.
  void rearm();

 private:
  SignalWaker(Fd rearm, Fd stop);

  Fd rearm_;  ///< eventfd: the caller has read the signals
  Fd stop_;   ///< eventfd: the thread ends
  std::thread thread_;
};

}  // namespace sysnare
