#include "record/ptrace/recorder.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <iterator>
#include <thread>

#include "arch/syscalls.h"
#include "record/command.h"
#include "record/notes.h"
#include "record/program.h"
#include "record/ptrace/attach.h"
#include "record/ptrace/requests.h"

namespace sysnare {
namespace {

namespace requests = ptrace_requests;

constexpr int kCallStop = SIGTRAP | 0x80;  // PTRACE_O_TRACESYSGOOD
/// wait4 looks for a stopped thread from the oldest on. Two busy threads would be served for ever
/// while a third, for which they spin, waits. So after this many stops all that wait are taken.
constexpr unsigned kStopsInTurn = 8;
constexpr std::size_t kMaxWaiting = 4096;  ///< stops taken at once; what is left comes next time
/// How long a thread may take to stop so that it can be let go. One that waits for its vfork child
/// does not stop before that execs; it is let go when we end.
constexpr auto kDetachDeadline = std::chrono::seconds(3);
constexpr auto kDetachPoll = std::chrono::milliseconds(1);

constexpr const char* kNotePtrace =
    "the program called ptrace, which fails under a tracer (EPERM); what it does otherwise was not "
    "seen";
constexpr const char* kLostUntraced =
    "children made with CLONE_UNTRACED, which no tracer can follow, with all their calls";
constexpr const char* kLostArch = "calls of an architecture that no table here knows";
constexpr const char* kNoteStuck =
    "a thread did not stop in time to be let go; the kernel lets it go when the recorder ends";

std::uint64_t now_ns(clockid_t clock = CLOCK_MONOTONIC) {
  timespec now{};
  ::clock_gettime(clock, &now);  // the vdso's: no call
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(now.tv_nsec);
}

bool is_stop_signal(int signal) {
  return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

/// EINTR, or one of the errors by which the kernel restarts a call: ERESTARTSYS, ERESTARTNOINTR,
/// ERESTARTNOHAND, ERESTART_RESTARTBLOCK (include/linux/errno.h, which only tracers see).
bool is_interruption(int error) {
  return error == EINTR || error == 512 || error == 513 || error == 514 || error == 516;
}

}  // namespace

Result<Recording> PtraceRecorder::record() {
  if (Result<void> good = check_subject(options_); !good) return propagate(good);
  if (!options_.cgroups.empty() || options_.host) {
    return fail(Errc::kUnsupported, "only the eBPF recorder follows {}; it needs root",
                options_.host ? "a whole host" : "a cgroup");
  }
  repeat_early_signal(options_);
  waiting_.reserve(kMaxWaiting);
  unix_offset_ns_ = now_ns(CLOCK_REALTIME) - now_ns();
  if (options_.sites) sites_.emplace();
  if (options_.stacks) stacks_.emplace();
  Result<SignalWaker> waker =
      SignalWaker::start(jobs_.fd(), options_.saver == nullptr ? -1 : options_.saver->fd());
  if (!waker) return propagate(waker);
  waker_.emplace(std::move(*waker));

  Result<void> begun = options_.command.empty() ? attach() : launch();
  if (!begun) {
    Error error = begun.error();
    detach_all();
    return Failure(std::move(error));
  }
  if (options_.on_armed) options_.on_armed();
  if (Result<void> watched = watch(); !watched) return propagate(watched);
  finish();
  return std::move(recording_);
}

Result<void> PtraceRecorder::launch() {
  LaunchSpec spec = command_spec(options_, jobs_);
  spec.ptrace = true;
  spec.ptrace_options = trace_options(options_.follow);
  Result<std::optional<OutputTap>> tap = tap_output(options_, spec, [this] { text_came_ = true; });
  if (!tap) return propagate(tap);
  output_ = std::move(*tap);
  Result<std::optional<Launch>> launch = start_command(spec, recording_);
  if (!launch) return propagate(launch);
  launch_ = std::move(*launch);
  if (!launch_) return {};
  command_ = launch_->pid();
  tracees_.add(command_).launching = true;
  // Stopped before it is released, so that its execve is seen from the start.
  requests::interrupt(command_);
  started_ns_ = now_ns();
  return launch_->release();
}

Result<void> PtraceRecorder::attach() {
  for (pid_t pid : options_.attach) {
    if (Result<void> seized = seize_process(pid, trace_options(options_.follow), tracees_);
        !seized) {
      return seized;
    }
  }
  started_ns_ = now_ns();
  for (const auto& [thread, tracee] : tracees_) attached_.insert(tracee.process);
  add_note(recording_.evidence, kNoteAttached);
  recording_.evidence.program =
      identify_program(fmt::format("/proc/{}/exe", options_.attach.front()));
  return {};
}

Result<void> PtraceRecorder::watch() {
  while (!tracees_.none()) {
    int status = 0;
    const pid_t thread = ::waitpid(-1, &status, __WALL);
    if (thread < 0) {
      if (errno == EINTR) continue;
      if (errno == ECHILD) break;
      return fail_errno(errno, "waitpid");
    }
    handle(thread, status);
    if (tracees_.size() > 1 && ++stops_in_turn_ >= kStopsInTurn) take_waiting_stops();
    if (tracees_.size() == 0) forget_those_who_never_came();
    if (stop_asked_) {
      detach_all();
      recording_.detached = true;
      break;
    }
  }
  return {};
}

void PtraceRecorder::take_waiting_stops() {
  stops_in_turn_ = 0;
  int status = 0;
  while (waiting_.size() < kMaxWaiting) {
    const pid_t thread = ::waitpid(-1, &status, __WALL | WNOHANG);
    if (thread <= 0) break;
    waiting_.emplace_back(thread, status);
  }
  for (const auto& [thread, its_status] : waiting_) handle(thread, its_status);
  waiting_.clear();
}

void PtraceRecorder::handle(pid_t thread, int status) {
  if (WIFSTOPPED(status)) {
    on_stop(thread, status);
  } else {
    on_end(thread, status);
  }
}

void PtraceRecorder::on_end(pid_t thread, int status) {
  const bool known = tracees_.find(thread) != nullptr;
  tracees_.gone(thread);
  forget_code(thread);  // the leader, whose number is the process's, is reaped last
  if (thread == command_) {
    recording_.wait_status = status;
    command_ = 0;
  }
  if (known) return;
  // The waker's child, one killed before its first stop, or a child that we had before.
  read_signals();
  if (options_.saver != nullptr && options_.saver->due()) options_.saver->save(so_far());
  waker_->rearm();
}

void PtraceRecorder::on_stop(pid_t thread, int status) {
  const int signal = WSTOPSIG(status);
  const int event = status >> 16;
  if (event == PTRACE_EVENT_EXEC) {
    on_exec(thread);
    go_on(thread, 0);
    return;
  }
  Tracee* tracee = tracees_.find(thread);
  if (tracee == nullptr) {
    tracee = &tracees_.first_stop(thread);
    if (!options_.follow && is_foreign_child(*tracee)) {
      ++children_unfollowed_;
      requests::detach(thread, 0);
      tracees_.gone(thread);
      return;
    }
  }
  if (signal == kCallStop) {
    place_.on_stop(thread);
    if (on_call_stop(*tracee)) go_on(thread, 0);
    return;
  }
  switch (event) {
    case 0:  // a signal is about to be delivered
      go_on(thread, signal);
      return;
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE:
      on_birth(*tracee);
      break;
    case PTRACE_EVENT_STOP:
      if (is_stop_signal(signal)) {
        on_group_stop(thread, signal);
        return;
      }
      break;  // its first stop, one that we asked for, or the end of a group-stop
    default:
      break;
  }
  go_on(thread, 0);
}

void PtraceRecorder::on_birth(Tracee& parent) {
  unsigned long child = 0;
  parent.gave_birth = true;
  if (requests::event_message(parent.thread, child)) {
    tracees_.announced(static_cast<pid_t>(child));
  }
}

void PtraceRecorder::on_exec(pid_t leader) {
  unsigned long former = 0;
  if (!requests::event_message(leader, former)) former = static_cast<unsigned long>(leader);
  Tracee& tracee = tracees_.exec(leader, static_cast<pid_t>(former));
  if (tracee.launching && tracee.call == nullptr) {
    // Released before it had stopped for us: the entry was not seen.
    const auto nr = syscall_nr(native_abi(), "execve");
    tracee.call = calls_.launch_exec(Call{native_abi(), nr.value_or(0)});
    tracee.call->begin();
    tracee.entered_ns = now_ns();
  }
  tracee.launching = false;
  forget_code(leader);
}

bool PtraceRecorder::on_call_stop(Tracee& tracee) {
  const std::uint64_t now = tracee.call != nullptr ? now_ns() : 0;
  __ptrace_syscall_info info;
  if (!requests::syscall_info(tracee.thread, info)) return false;  // killed; waitpid will say so
  switch (info.op) {
    case PTRACE_SYSCALL_INFO_ENTRY:
      on_entry(tracee, info);
      return true;
    case PTRACE_SYSCALL_INFO_EXIT:
      on_return(tracee, info, now);
      return true;
    default:
      // An exec in another thread has taken over this thread's number since.
      return false;
  }
}

void PtraceRecorder::on_entry(Tracee& tracee, const __ptrace_syscall_info& info) {
  const auto nr = static_cast<std::uint32_t>(info.entry.nr);
  tracee.call = nullptr;
  tracee.gave_birth = false;
  const std::optional<Abi> abi = abi_of(info.arch, nr);
  if (!abi) {
    lose(recording_.evidence, kLostArch);
    return;
  }
  const Call call{*abi, nr};
  if (tracee.launching) {
    if (call_kind(call) != CallKind::kExec) return;  // ours, between clone and exec
    tracee.call = calls_.launch_exec(call);
  } else {
    tracee.call = calls_.find(call);
  }
  if (tracee.call == nullptr) {
    lose(recording_.evidence, kLostOdd);
    return;
  }
  if (!ready_ && !tracee.launching) look_for_ready(*tracee.call);
  tracee.call->begin(ready_);
  if (tracee.call->keeps_args()) tracee.call->note_args(info.entry.args);
  if ((sites_ || stacks_) && !tracee.launching) look_at_code(tracee, info);
  tracee.entered_ns = now_ns();
  tracee.call->seen_at(tracee.entered_ns);
}

void PtraceRecorder::look_for_ready(const CallCounter& call) {
  if (options_.ready.after) {
    const auto after = std::chrono::nanoseconds(*options_.ready.after);
    if (now_ns() - started_ns_ >= static_cast<std::uint64_t>(after.count())) {
      mark_ready(kReadyByTime);
    }
    return;
  }
  if (text_came_) mark_ready(kReadyByText);
  if (!options_.ready.by_calls() || options_.command.empty()) return;
  if (call.ready_call() == ReadyCall::kListens) listened_ = true;
  if (call.ready_call() == ReadyCall::kAccepts ||
      (call.ready_call() == ReadyCall::kWaits && listened_)) {
    mark_ready(ready_by(call.call()));
  }
}

void PtraceRecorder::mark_ready(const std::string& by) {
  if (std::exchange(ready_, true)) return;
  add_ready(recording_.evidence, by, now_ns() - started_ns_);
}

void PtraceRecorder::look_at_code(Tracee& tracee, const __ptrace_syscall_info& info) {
  for (unsigned i = 0; i < std::size(tracee.args); ++i) tracee.args[i] = info.entry.args[i];
  if (tracee.process == 0) {
    Result<ProcessStatus> status = process_status(tracee.thread);
    if (!status) return;  // killed where it stood: this call is not made
    tracee.process = status->process;
  }
  const std::uint64_t address = calling_address(info);
  if (sites_) sites_->count(tracee.process, tracee.thread, *tracee.call, address);
  if (stacks_) stacks_->count(tracee.process, tracee.thread, *tracee.call, address);
}

void PtraceRecorder::on_mapping_changed(const Tracee& tracee, const CallCounter& call,
                                        std::uint64_t result) {
  const std::string_view name = syscall_name(call.call());
  // i386's old mmap has its arguments in memory.
  const bool by_block = name == "mmap" && call.call().abi == Abi::kI386;
  if (name == "munmap" || name == "mremap") {
    sites_->remapped(tracee.process, tracee.args[0], tracee.args[1]);
  }
  if (name == "mremap") {
    sites_->remapped(tracee.process, result, tracee.args[2]);
  } else if (name.starts_with("mmap") && !by_block) {
    sites_->remapped(tracee.process, result, tracee.args[1]);
  } else if (name != "munmap") {
    sites_->forget(tracee.process);
  }
}

void PtraceRecorder::forget_code(pid_t process) {
  if (sites_) sites_->forget(process);
  if (stacks_) stacks_->forget(process);
}

void PtraceRecorder::on_return(Tracee& tracee, const __ptrace_syscall_info& info,
                               std::uint64_t now) {
  CallCounter* call = std::exchange(tracee.call, nullptr);
  // A call that began before we attached.
  if (call == nullptr) return;
  const bool failed = info.exit.is_error != 0;
  // Not the call's own end: the stop that we asked for so as to let the thread go broke it off. It
  // is begun anew behind our back, and counts as one that has not returned.
  if (detaching_ && failed && is_interruption(static_cast<int>(-info.exit.rval))) return;
  call->seen_at(now);
  call->end(now - tracee.entered_ns, failed ? static_cast<int>(-info.exit.rval) : 0);
  if (call->kind() == CallKind::kBirth && !failed && info.exit.rval > 0 && !tracee.gave_birth) {
    if (options_.follow) {
      lose(recording_.evidence, kLostUntraced);
    } else {
      ++children_unfollowed_;
    }
  }
  if (sites_ && call->kind() == CallKind::kMapping && !failed) {
    on_mapping_changed(tracee, *call, static_cast<std::uint64_t>(info.exit.rval));
  }
}

void PtraceRecorder::on_group_stop(pid_t thread, int signal) {
  if (detaching_) {
    go_on(thread, 0);  // it stays stopped: the kernel remembers the group-stop
    return;
  }
  requests::listen(thread);
  // Only for the leader, so that a process of many threads stops us once. Its SIGCONT is ours too.
  if (thread == command_) jobs_.mirror_stop(signal);
}

void PtraceRecorder::go_on(pid_t thread, int signal) {
  if (!detaching_) {
    requests::resume(thread, signal);
  } else if (requests::detach(thread, signal)) {
    tracees_.gone(thread);
  }
}

bool PtraceRecorder::is_foreign_child(const Tracee& tracee) const {
  Result<ProcessStatus> status = process_status(tracee.thread);
  return status && status->process != command_ && !attached_.contains(status->process);
}

void PtraceRecorder::read_signals() {
  const TakenSignals taken = take_signals(jobs_, command_, recording_);
  if (taken.end) stop_asked_ = true;
  if (taken.ready) mark_ready(kReadyBySignal);
}

void PtraceRecorder::detach_all() {
  detaching_ = true;
  for (const auto& [thread, tracee] : tracees_) requests::interrupt(thread);
  const auto deadline = std::chrono::steady_clock::now() + kDetachDeadline;
  while (!tracees_.none()) {
    int status = 0;
    const pid_t thread = ::waitpid(-1, &status, __WALL | WNOHANG);
    if (thread > 0) {
      handle(thread, status);
      continue;
    }
    if (thread < 0 && errno != EINTR) break;
    if (tracees_.size() == 0) forget_those_who_never_came();
    if (std::chrono::steady_clock::now() > deadline) {
      add_note(recording_.evidence, kNoteStuck);
      break;
    }
    std::this_thread::sleep_for(kDetachPoll);
  }
}

void PtraceRecorder::forget_those_who_never_came() {
  const std::set<pid_t> expected = tracees_.expected();
  for (pid_t thread : expected) {
    Result<ProcessStatus> status = process_status(thread);
    if (!status || status->tracer != ::gettid()) tracees_.forget_expected(thread);
  }
}

Evidence PtraceRecorder::so_far() const {
  Evidence evidence = recording_.evidence;
  evidence.recorder = "ptrace";
  const bool knows_phases = ready_ || !options_.command.empty();
  calls_.add_to(evidence, [&](const CallCounter& counter, CallEvidence& record) {
    if (counter.last_ns() != 0) {
      record.seen_at(unix_offset_ns_ + counter.first_ns());
      record.seen_at(unix_offset_ns_ + counter.last_ns());
    }
    if (knows_phases && record.origin != Origin::kLaunch) {
      record.phases = PhaseCounts{{}, counter.count() - counter.steady(), counter.steady()};
    }
    if (sites_) sites_->add_to(counter, record);
    if (stacks_) stacks_->add_to(counter, record);
    if (counter.kind() == CallKind::kPtrace && counter.times_failed_with(EPERM) > 0) {
      add_note(evidence, kNotePtrace);
    }
    if (counter.kind() == CallKind::kIoUring && counter.succeeded() > 0) {
      add_note(evidence, kNoteIoUring);
    }
  });
  evidence.runs_unfollowed = options_.follow ? 0 : 1;
  evidence.children_unfollowed = children_unfollowed_;
  if (sites_) evidence.unresolved_sites = sites_->unresolved();
  return evidence;
}

void PtraceRecorder::finish() {
  place_.leave();
  if (output_) output_->finish();
  if (text_came_) mark_ready(kReadyByText);  // after the last call
  recording_.evidence = so_far();
  if (!ready_ && !options_.ready.by_calls()) add_note(recording_.evidence, kNoteNotReady);
  if (recording_.detached) add_note(recording_.evidence, kNoteDetached);
  tell_exec_failure(launch_, recording_);
}

Result<Recording> record_ptrace(const RecordOptions& options) {
  return PtraceRecorder(options).record();
}

}  // namespace sysnare
