#include "enforce/children.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "enforce/own_verdict.h"
#include "process/isa_call.h"

#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1  // si_code of SECCOMP_RET_TRAP, include/uapi/asm-generic/siginfo.h
#endif

namespace sysnare {
namespace {

/// Events handled before the loop looks at signals and the listener again: a program that forks
/// without end must not keep Ctrl-C and notifications waiting.
constexpr int kMaxBatch = 128;
/// What the dynamic loader exits with when it cannot go on (elf/dl-error.c in glibc, musl the
/// same).
constexpr int kLoaderFailed = 127;
/// How long a new tracee waits for its parent's event. That comes within microseconds, unless the
/// parent was killed between the two; then the child must go on all the same.
constexpr std::chrono::seconds kAnnouncementDelay{1};

long trace(int request, pid_t tid, void* data = nullptr) {
  return ::ptrace(static_cast<__ptrace_request>(request), tid, nullptr, data);
}

/// The number in a line of /proc/PID/status, 0 when there is none.
pid_t status_number(pid_t pid, std::string_view key) {
  const Result<std::string> text = read_file(fmt::format("/proc/{}/status", pid));
  if (!text) return 0;
  for (std::string_view line : split(*text, '\n')) {
    if (line.starts_with(key)) {
      return static_cast<pid_t>(parse_u64(trim(line.substr(key.size()))).value_or(0));
    }
  }
  return 0;
}

std::string exe_of(pid_t pid) {
  std::error_code failed;
  const auto path = std::filesystem::read_symlink(fmt::format("/proc/{}/exe", pid), failed);
  return failed ? std::string() : path.string();
}

bool is_loader(const CallPlace& place) {
  const std::string_view module = place.module;
  const std::string_view name = module.substr(module.rfind('/') + 1);
  return name.starts_with("ld-") || name.starts_with("ld.") || name.starts_with("ld64.");
}

bool is_stop_signal(int signal) {
  return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

}  // namespace

Children::Children(const EnforceSpec& spec, EnforceHandler& handler, const Launch& launch)
    : spec_(spec), handler_(handler), launch_(launch) {
  Thread& program = threads_[launch.pid()];
  program.process = launch.pid();
  program.announced = true;
}

std::uint64_t Children::ptrace_options(const EnforceSpec& spec) {
  return (spec.end_with_us ? PTRACE_O_EXITKILL : 0) | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
         PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_TRACESECCOMP;
}

bool Children::is_tracee(pid_t pid) const {
  return spec_.explain && status_number(pid, "TracerPid:") == ::gettid();
}

/// One of ours that has something to report, else 0. The caller's other children are left alone,
/// which waitpid(-1) would not do.
pid_t Children::next_waitable() {
  constexpr int kPeek = WEXITED | WSTOPPED | WNOWAIT | WNOHANG | __WALL;
  siginfo_t info{};
  if (::waitid(P_ALL, 0, &info, kPeek) != 0 || info.si_pid == 0) return 0;
  if (threads_.contains(info.si_pid)) return info.si_pid;
  // A new tracee may report before its parent's fork event does, and has no such event at all when
  // the parent was killed on the way.
  if (is_tracee(info.si_pid)) return info.si_pid;
  for (const auto& [tid, unused] : threads_) {
    info = {};
    if (::waitid(P_PID, static_cast<id_t>(tid), &info, kPeek) == 0 && info.si_pid != 0) return tid;
  }
  return 0;
}

Children::Thread& Children::thread(pid_t tid) {
  Thread& found = threads_[tid];
  if (found.process == 0) found.process = status_number(tid, "Tgid:");
  if (found.process == 0) found.process = tid;
  return found;
}

void Children::continued() {
  for (auto& [tid, each] : threads_) each.held_back = 0;
  just_continued_ = true;
}

bool Children::drain() {
  for (int handled = 0; handled < kMaxBatch; ++handled) {
    const pid_t pid = next_waitable();
    if (pid == 0) {
      just_continued_ = false;
      return true;
    }
    // Only a child that is not yet reaped can tell whether it was killed in its own execve.
    if (pid == launch_.pid()) exec_ = launch_.outcome();
    int status = 0;
    const pid_t got = ::waitpid(pid, &status, __WALL | WNOHANG | WUNTRACED);
    // Gone between peek and wait: a thread that died with its group, or by another thread's exec.
    if (got != pid) continue;
    if (WIFSTOPPED(status)) {
      on_stop(pid, status);
    } else {
      on_gone(pid, status);
    }
  }
  return false;
}

void Children::on_gone(pid_t pid, int status) {
  threads_.erase(pid);
  if (pid == launch_.pid()) {
    ended_ = true;
    wait_status_ = status;
  }
  // A leader is reported last, so nothing of its process is left now.
  if (const auto suspect = suspects_.find(pid); suspect != suspects_.end()) {
    if (!killed_.contains(pid) && !raised_.contains(pid) && WIFSIGNALED(status) &&
        WTERMSIG(status) == SIGSYS) {
      announce(std::move(suspect->second));
    }
    suspects_.erase(pid);
  }
  raised_.erase(pid);
  if (pid != launch_.pid()) killed_.erase(pid);
  if (pid == launch_.pid()) handler_.on_program_end(status);
}

void Children::resume(pid_t tid, int signal) {
  // ESRCH: killed meanwhile; waitpid will tell.
  trace(PTRACE_CONT, tid, reinterpret_cast<void*>(long{signal}));
}

void Children::on_stop(pid_t tid, int status) {
  const int signal = WSTOPSIG(status);
  if (!spec_.explain) {
    stop_ = signal;
    return;
  }
  const int event = status >> 16;
  switch (event) {
    case 0:
      on_signal(tid, signal);
      return;
    case PTRACE_EVENT_STOP:
      on_group_stop(tid, signal);
      return;
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE: {
      unsigned long child = 0;
      if (trace(PTRACE_GETEVENTMSG, tid, &child) == 0) {
        on_birth(static_cast<pid_t>(child), event == PTRACE_EVENT_VFORK);
      }
      break;
    }
    case PTRACE_EVENT_EXEC:
      on_exec(tid);
      break;
    case PTRACE_EVENT_EXIT:
      on_exit(tid);
      break;
    case PTRACE_EVENT_SECCOMP:
      on_trace(tid);
      break;
    default:
      break;
  }
  resume(tid);
  return;
}

/// A signal on its way to the program.
void Children::on_signal(pid_t tid, int signal) {
  siginfo_t info{};
  if (signal == SIGSYS && trace(PTRACE_GETSIGINFO, tid, &info) == 0 &&
      info.si_code != SYS_SECCOMP) {
    raised_[thread(tid).process] = true;
  }
  Thread& receiver = thread(tid);
  if (receiver.in_vfork && (signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU)) {
    // Stopped between vfork and exec it would leave its parent in a wait that no stop reaches, and
    // Ctrl-Z would hang the job. So it happens without a tracer too, but ours makes the time
    // between longer. The stop comes after exec.
    receiver.held_back = just_continued_ ? 0 : signal;
    signal = 0;
  }
  if (signal == SIGCONT) receiver.held_back = 0;
  resume(tid, signal);
}

void Children::on_group_stop(pid_t tid, int signal) {
  const bool of_program = thread(tid).process == launch_.pid();
  if (!is_stop_signal(signal)) {
    // A new tracee's first stop, or the end of a group stop.
    if (of_program) stopped_ = false;
    if (thread(tid).announced) {
      resume(tid);
    } else {
      await_announcement(tid);
    }
    return;
  }
  // Stay stopped, but hear of SIGCONT.
  trace(PTRACE_LISTEN, tid);
  if (of_program && !stopped_) {
    stopped_ = true;
    stop_ = signal;
  }
}

void Children::on_birth(pid_t child, bool in_vfork) {
  // Killed, and its death read, before its parent came to tell of it.
  if (!threads_.contains(child) && !is_tracee(child)) return;
  Thread& born = thread(child);
  born.in_vfork = in_vfork;
  announced(born, child);
}

/// A child may run, get a signal and even exec before its parent's event is there to say that it is
/// a vfork's: so it stays in its first stop until then.
void Children::await_announcement(pid_t tid) {
  thread(tid).waits = true;
  unannounced_.push_back({tid, Clock::now() + kAnnouncementDelay});
}

void Children::announced(Thread& child, pid_t tid) {
  child.announced = true;
  if (!std::exchange(child.waits, false)) return;
  std::erase_if(unannounced_, [&](const Unannounced& each) { return each.tid == tid; });
  resume(tid);
}

void Children::on_exec(pid_t tid) {
  // The thread that called exec has become its leader; its own number is gone without a report.
  unsigned long former = 0;
  if (trace(PTRACE_GETEVENTMSG, tid, &former) == 0 && static_cast<pid_t>(former) != tid) {
    threads_.erase(static_cast<pid_t>(former));
  }
  Thread& execed = thread(tid);
  execed.exiting = false;
  execed.announced = true;
  execed.in_vfork = false;
  if (execed.held_back != 0) ::kill(execed.process, std::exchange(execed.held_back, 0));
  executed_ = true;  // the first exec is the launched program's
  // Stopped, and ours, so that its number cannot come to be another's.
  if (!handler_.on_exec(tid)) ::kill(tid, SIGKILL);
}

void Children::on_exit(pid_t tid) {
  unsigned long code = 0;
  Thread& exiting = thread(tid);
  exiting.exiting = true;
  if (trace(PTRACE_GETEVENTMSG, tid, &code) != 0) return;
  const int status = static_cast<int>(code);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) {
    on_sigsys_exit(tid);
  } else if (WIFEXITED(status) && WEXITSTATUS(status) == kLoaderFailed && tid == launch_.pid()) {
    if (const Result<TraceeCall> call = read_call(tid)) {
      ended_in_loader_ = is_loader(places_.locate(tid, calling_instruction(call->data)));
    }
  }
}

void Children::on_sigsys_exit(pid_t tid) {
  const Result<TraceeCall> call = read_call(tid);
  // Outside any call: it only dies with the others.
  if (!call || call->data.nr < 0) return;
  const pid_t process = thread(tid).process;
  const std::uint32_t action = own_verdict(spec_.filters, call->data) & SECCOMP_RET_ACTION_FULL;
  switch (action) {
    case SECCOMP_RET_KILL_PROCESS:
    case SECCOMP_RET_TRAP:
      // The first is the one: in a group exit no second thread comes to be killed.
      if (!killed_.contains(process)) announce(describe(tid, call->data, action));
      return;
    case SECCOMP_RET_KILL_THREAD:
      announce(describe(tid, call->data, action));
      return;
    default:
      break;
  }
  // Our filters let this call pass: a thread that dies with the guilty one, or the victim of a
  // filter that the program has loaded itself. rolled_back alone cannot tell for sure: a read that
  // returned 0 looks the same.
  if (call->rolled_back && !suspects_.contains(process)) {
    suspects_[process] = describe(tid, call->data, SECCOMP_RET_ALLOW);
  }
}

FilterKill Children::describe(pid_t tid, const seccomp_data& data, std::uint32_t action) {
  FilterKill kill;
  kill.thread = tid;
  kill.process = thread(tid).process;
  kill.launched_program = kill.process == launch_.pid();
  kill.data = data;
  kill.place = places_.locate(tid, calling_instruction(data));
  kill.exe = exe_of(tid);
  kill.action = action;
  kill.before_exec = kill.launched_program && !executed_;
  kill.others_live = action == SECCOMP_RET_KILL_THREAD && process_lives(kill.process);
  return kill;
}

bool Children::process_lives(pid_t process) const {
  return std::any_of(threads_.begin(), threads_.end(), [&](const auto& each) {
    return each.second.process == process && !each.second.exiting;
  });
}

void Children::announce(FilterKill kill) {
  handler_.on_kill(kill);
  if (kill.others_live) lone_.push_back({kill, Clock::now() + kLoneThreadDelay});
  const pid_t process = kill.process;
  killed_[process] = std::move(kill);
}

void Children::on_trace(pid_t tid) {
  const Result<TraceeCall> call = read_call(tid);
  if (!call) return;
  const std::uint32_t verdict = own_verdict(spec_.filters, call->data);
  TraceAnswer answer;
  // A filter that the program loaded itself may return TRACE too: without a tracer of its own that
  // is ENOSYS.
  if ((verdict & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_TRACE) {
    answer = handler_.on_trace(tid, call->data, static_cast<std::uint16_t>(verdict));
  }
  switch (answer.kind) {
    case TraceAnswer::Kind::kAllow:
      break;
    case TraceAnswer::Kind::kErrno:
      // Fails only when the thread was killed meanwhile: then the call is not made either.
      static_cast<void>(skip_call(tid, answer.error));
      break;
    case TraceAnswer::Kind::kKill:
      killed_by_us_ |= thread(tid).process == launch_.pid();
      ::kill(thread(tid).process, SIGKILL);
      break;
  }
}

std::optional<Children::Clock::time_point> Children::deadline() const {
  // Within each list all have the same delay: the first is due first.
  std::optional<Clock::time_point> next;
  if (!lone_.empty()) next = lone_.front().due;
  if (!unannounced_.empty()) {
    next = std::min(next.value_or(Clock::time_point::max()), unannounced_.front().due);
  }
  return next;
}

void Children::on_deadline() {
  while (!lone_.empty() && lone_.front().due <= Clock::now()) {
    const FilterKill kill = std::move(lone_.front().kill);
    lone_.erase(lone_.begin());
    if (process_lives(kill.process)) handler_.on_lone_thread(kill);
  }
  while (!unannounced_.empty() && unannounced_.front().due <= Clock::now()) {
    const pid_t tid = unannounced_.front().tid;
    unannounced_.pop_front();
    if (const auto it = threads_.find(tid); it != threads_.end() && it->second.waits) {
      announced(it->second, tid);
    }
  }
}

void Children::report(EnforceOutcome& outcome) const {
  outcome.exec = exec_;
  outcome.wait_status = wait_status_;
  outcome.killed_by_us = killed_by_us_;
  outcome.ended_in_loader = ended_in_loader_;
  if (const auto kill = killed_.find(launch_.pid()); kill != killed_.end()) {
    outcome.kill = kill->second;
  }
}

}  // namespace sysnare
