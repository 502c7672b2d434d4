#include "record/ptrace/signal_waker.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <system_error>
#include <vector>

#include "process/waiter.h"

namespace sysnare {
namespace {

/// How long until a child that could not be made (EAGAIN) is tried again.
constexpr int kRetryMs = 10;

/// Waits for any of `wanted` (-1: nothing); false when `stop` came first, or no waiting is
/// possible.
bool wait_for(const Waiter& waiter, std::initializer_list<int> wanted, int stop,
              int timeout_ms = -1) {
  std::vector<pollfd> fds = {{stop, POLLIN, 0}};
  for (const int fd : wanted) fds.push_back({fd, POLLIN, 0});
  while (waiter.wait(fds, timeout_ms) < 0) {
    // Without a thread that waits, signals for us are seen when the program next stops or ends.
    // Going on as if something had come would make children without end.
    if (errno != EINTR) return false;
  }
  return (fds[0].revents & POLLIN) == 0;
}

/// A child that exits at once. Not fork(): its handlers would take locks of other threads.
bool make_token() {
  const long pid = ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid == 0) ::_exit(0);
  return pid > 0;
}

void run(int signals, int timer, int rearm, int stop, Waiter waiter) {
  while (wait_for(waiter, {signals, timer}, stop)) {
    while (!make_token()) {
      if (!wait_for(waiter, {}, stop, kRetryMs)) return;
    }
    if (!wait_for(waiter, {rearm}, stop)) return;
    std::uint64_t count = 0;
    if (::read(rearm, &count, sizeof count) < 0) return;
  }
}

}  // namespace

SignalWaker::SignalWaker(Fd rearm, Fd stop) : rearm_(std::move(rearm)), stop_(std::move(stop)) {}
SignalWaker::SignalWaker(SignalWaker&&) noexcept = default;

Result<SignalWaker> SignalWaker::start(int signals, int timer) {
  Fd rearm(::eventfd(0, EFD_CLOEXEC));
  Fd stop(::eventfd(0, EFD_CLOEXEC));
  if (!rearm || !stop) return fail_errno(errno, "eventfd");
  SignalWaker waker(std::move(rearm), std::move(stop));
  // Its descriptor is made now: later the program may have taken our limit away.
  try {
    waker.thread_ =
        std::thread(run, signals, timer, waker.rearm_.get(), waker.stop_.get(), Waiter());
  } catch (const std::system_error& error) {
    return fail_errno(error.code().value(), "cannot start a thread (ulimit -u bounds them)");
  }
  return waker;
}

SignalWaker::~SignalWaker() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  while (::write(stop_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
  thread_.join();
}

void SignalWaker::rearm() {
  const std::uint64_t one = 1;
  while (::write(rearm_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

}  // namespace sysnare
