#include "enforce/enforce.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "enforce/children.h"
#include "process/job_control.h"
#include "process/waiter.h"

namespace sysnare {

EnforceHandler::~EnforceHandler() = default;
Result<void> EnforceHandler::on_start(const Launch&) { return {}; }
Result<void> EnforceHandler::on_notification(int) { return {}; }
bool EnforceHandler::on_signal(int) { return false; }
bool EnforceHandler::on_exec(pid_t) { return true; }
TraceAnswer EnforceHandler::on_trace(pid_t, const seccomp_data&, std::uint16_t) { return {}; }
void EnforceHandler::on_kill(const FilterKill&) {}
void EnforceHandler::on_lone_thread(const FilterKill&) {}
void EnforceHandler::on_program_end(int) {}
std::vector<pollfd> EnforceHandler::descriptors() { return {}; }
Result<void> EnforceHandler::on_ready(const pollfd&) { return {}; }
std::optional<std::chrono::steady_clock::time_point> EnforceHandler::deadline() { return {}; }
Result<void> EnforceHandler::on_deadline() { return {}; }

namespace {

using Clock = std::chrono::steady_clock;

/// While it lives, SIGCHLD is blocked and makes a descriptor readable. Made after JobControl, whose
/// before() must not have it, and gone before it.
class ChildSignals {
 public:
  ChildSignals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &set, &before_);
    fd_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  ~ChildSignals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
  ChildSignals(const ChildSignals&) = delete;
  ChildSignals& operator=(const ChildSignals&) = delete;

  [[nodiscard]] int fd() const { return fd_.get(); }
  /// Before the children are asked: what is reported later makes it readable again.
  void clear() const {
    signalfd_siginfo info{};
    while (::read(fd_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    }
  }

 private:
  sigset_t before_{};
  Fd fd_;
};

/// While it lives, no process of our user may read or write our memory, take our descriptors or
/// trace us: the program runs as that user, and with /proc/PID/mem open and write alone would take
/// its supervisor over. (CAP_SYS_PTRACE may all the same.) Made after the launch: a child that is
/// not dumpable cannot be seized.
class Closed {
 public:
  Closed() : before_(::prctl(PR_GET_DUMPABLE)) { ::prctl(PR_SET_DUMPABLE, 0); }
  ~Closed() {
    // Only 0 and 1 can be set; 2 comes from set-user-id alone, and 0 is no less closed.
    if (before_ == 1) ::prctl(PR_SET_DUMPABLE, 1);
  }
  Closed(const Closed&) = delete;
  Closed& operator=(const Closed&) = delete;

 private:
  int before_;
};

class Loop {
 public:
  Loop(const EnforceSpec& spec, EnforceHandler& handler, Launch& launch, JobControl& job,
       ChildSignals& child_signals)
      : spec_(spec),
        handler_(handler),
        launch_(launch),
        job_(job),
        child_signals_(child_signals),
        children_(spec, handler, launch) {}

  Result<EnforceOutcome> run() {
    const Clock::time_point released = Clock::now();
    std::optional<Clock::time_point> ended;
    if (Result<void> done = launch_.release(); !done) return propagate(done);
    // A failed step of the child is found in its outcome, once it has died of it.
    if (Result<Fd> listener = launch_.take_listener()) listener_ = std::move(*listener);
    bool more = true;
    for (;;) {
      if (more) more = !children_.drain();
      if (children_.program_ended() && !ended) ended = Clock::now();
      if (finished()) break;
      mirror_stop();
      Result<bool> children_spoke = wait_and_serve(more);
      if (!children_spoke) {
        kill_program();
        return propagate(children_spoke);
      }
      more |= *children_spoke;
    }
    EnforceOutcome outcome;
    outcome.path = launch_.path();
    outcome.ran = *ended - released;
    children_.report(outcome);
    return outcome;
  }

 private:
  [[nodiscard]] bool finished() const {
    if (!children_.program_ended()) return false;
    if (spec_.after_end == EnforceSpec::AfterEnd::kLeave || leave_) return true;
    return !listener_ && !children_.any_traced();
  }

  /// The program stopped: so do we, for the shell to see; fg wakes both.
  void mirror_stop() {
    const std::optional<int> signal = children_.take_stop();
    if (!signal) return;
    job_.mirror_stop(*signal);
    children_.continued();
    // A program that made a process group of its own is not in the one that fg continues.
    const pid_t group = ::getpgid(launch_.pid());
    if (*signal != SIGSTOP && group > 0 && group != ::getpgrp()) ::kill(-group, SIGCONT);
  }

  [[nodiscard]] int timeout_ms(bool at_once) {
    if (at_once) return 0;
    std::optional<Clock::time_point> next = handler_.deadline();
    if (const auto lone = children_.deadline()) next = next ? std::min(*next, *lone) : *lone;
    if (!next) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
  }

  /// True when the children have something to report.
  Result<bool> wait_and_serve(bool at_once) {
    enum : std::size_t { kSignals, kChildren, kListener, kFurther };
    std::vector<pollfd> waits = {{job_.fd(), POLLIN, 0},
                                 {child_signals_.fd(), POLLIN, 0},
                                 {listener_.get(), POLLIN, 0}};  // -1: poll leaves it out
    const std::vector<pollfd> further = handler_.descriptors();
    waits.insert(waits.end(), further.begin(), further.end());
    if (waiter_.wait(waits, timeout_ms(at_once)) < 0 && errno != EINTR) {
      return fail_errno(errno, "poll");
    }
    if (waits[kSignals].revents != 0) hand_signals_on();
    const bool children_spoke = waits[kChildren].revents != 0;
    if (children_spoke) child_signals_.clear();
    if ((waits[kListener].revents & POLLIN) != 0) {
      if (Result<void> done = handler_.on_notification(listener_.get()); !done) {
        return propagate(done);
      }
    } else if ((waits[kListener].revents & (POLLHUP | POLLERR)) != 0) {
      listener_.reset();  // nobody is left under the filter
    }
    for (std::size_t i = kFurther; i < waits.size(); ++i) {
      if (waits[i].revents == 0) continue;
      if (Result<void> done = handler_.on_ready(waits[i]); !done) return propagate(done);
    }
    children_.on_deadline();
    if (const auto due = handler_.deadline(); due && *due <= Clock::now()) {
      if (Result<void> done = handler_.on_deadline(); !done) return propagate(done);
    }
    return children_spoke;
  }

  void hand_signals_on() {
    for (int signal : job_.take_signals()) {
      if (handler_.on_signal(signal)) continue;
      if (children_.program_ended()) {
        leave_ = true;
      } else {
        ::syscall(SYS_pidfd_send_signal, launch_.pidfd(), signal, nullptr, 0);
      }
    }
  }

  /// Ends a program that cannot be supervised any more. As its tracer we must let every thread pass
  /// its exit.
  void kill_program() {
    ::syscall(SYS_pidfd_send_signal, launch_.pidfd(), SIGKILL, nullptr, 0);
    while (!children_.program_ended()) {
      std::vector<pollfd> wait = {{child_signals_.fd(), POLLIN, 0}};
      waiter_.wait(wait, -1);
      child_signals_.clear();
      while (!children_.drain()) {
      }
    }
  }

  const EnforceSpec& spec_;
  EnforceHandler& handler_;
  Launch& launch_;
  JobControl& job_;
  ChildSignals& child_signals_;
  Children children_;
  Fd listener_;
  Waiter waiter_;
  bool leave_ = false;
};

}  // namespace

Result<EnforceOutcome> enforce(const EnforceSpec& spec, EnforceHandler& handler) {
  if (spec.argv.empty()) return fail(Errc::kUsage, "no command to run");
  // First, so that later refusals are known to be about something else than the program.
  if (Result<std::string> found = find_executable(spec.argv.front()); !found) {
    return propagate(found);
  }
  JobControl job;
  ChildSignals child_signals;
  LaunchSpec launch_spec;
  launch_spec.argv = spec.argv;
  launch_spec.filters = spec.filters;
  launch_spec.listener = spec.listener;
  launch_spec.filter_flags = spec.filter_flags;
  launch_spec.no_new_privs = spec.no_new_privs;
  launch_spec.ptrace = spec.explain;
  launch_spec.ptrace_options = Children::ptrace_options(spec);
  launch_spec.signals = job.before();
  Result<Launch> launch = Launch::start(launch_spec);
  if (!launch) {
    Failure failure = propagate(launch);
    if (failure.value().code == Errc::kNoPermission) failure.value().code = Errc::kUnsupported;
    return failure;
  }
  const Closed closed;
  if (Result<void> started = handler.on_start(*launch); !started) return propagate(started);
  return Loop(spec, handler, *launch, job, child_signals).run();
}

}  // namespace sysnare
