#pragma once
// How does a thread that blocks in waitpid(-1) notice a signal for us, or a timer, with none
// slipping through just before it blocks?
//
// A helper thread polls the signalfd and the timer. When there is something, it makes a child that
// exits at once: to the blocked waitpid one more event, which cannot be missed. There is no
// handler, no flag and no further call per stop; poll on a signalfd of SIGCHLD would cost two more
// calls for each stop. docs/adr/0020-ptrace-recorder.md compares the ways. A program that takes our
// descriptors' limit away does not end the waiting (process/waiter.h).

#include <thread>

#include "base/fd.h"
#include "base/result.h"

namespace sysnare {

class SignalWaker {
 public:
  /// `signals` and `timer` (-1: none) stay the caller's, and readable until the caller has read
  /// them.
  static Result<SignalWaker> start(int signals, int timer);
  SignalWaker(SignalWaker&&) noexcept;
  SignalWaker& operator=(SignalWaker&&) = delete;
  ~SignalWaker();

  /// Whenever waitpid gave a child that is no tracee: read signals and timer, then call this.
  void rearm();

 private:
  SignalWaker(Fd rearm, Fd stop);

  Fd rearm_;  ///< eventfd: the caller has read what there was
  Fd stop_;   ///< eventfd: the thread ends
  std::thread thread_;
};

}  // namespace sysnare
