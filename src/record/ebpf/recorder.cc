#include "record/ebpf/recorder.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "record/command.h"
#include "record/ebpf/evidence.h"
#include "record/ebpf/scope.h"
#include "record/main_entry.h"
#include "record/notes.h"
#include "record/program.h"

namespace sysnare {
namespace {

/// How often we look whether those who are followed still live, once the command has ended. Their
/// own message comes at once; this is for one that was lost.
constexpr int kLookAgainMs = 1000;

constexpr std::uint64_t kNsPerMs = 1'000'000;

std::uint64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 * kNsPerMs +
         static_cast<std::uint64_t>(now.tv_nsec);
}

constexpr const char* kNoteLateReturns =
    "a filter was loaded while only counts were recorded; calls that it denied in its first "
    "moments may be missing: record without --counts to have them";

}  // namespace

EbpfRecorder::EbpfRecorder(const RecordOptions& options, EbpfPrograms programs)
    : options_(options), programs_(std::move(programs)) {
  sigset_t chld;
  sigemptyset(&chld);
  sigaddset(&chld, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &chld, &mask_before_);
  children_.reset(::signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK));
}

EbpfRecorder::~EbpfRecorder() { ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr); }

Result<Recording> EbpfRecorder::record() {
  repeat_early_signal(options_);
  Result<void> begun = begin();
  if (!begun) return propagate(begun);
  if (Result<void> watched = watch(); !watched) return propagate(watched);
  if (Result<void> finished = finish(); !finished) return propagate(finished);
  return std::move(recording_);
}

Result<void> EbpfRecorder::begin() {
  if (!by_scope()) return options_.command.empty() ? attach() : launch();
  if (Result<void> followed = programs_.follow_scope(); !followed) return followed;
  if (Result<void> read = read_events(); !read) return read;
  has_lived_ = programs_.living() != 0 || !options_.awaits_first;
  if (options_.host) {
    add_note(recording_.evidence, kNoteHost);
  } else if (has_lived_ && options_.container != ContainerStage::kNotBegun) {
    add_note(recording_.evidence, kNoteAttachedCgroup);
  }
  started_ns_ = now_ns();
  if (!options_.command.empty()) return launch();
  if (options_.on_armed) options_.on_armed();
  return {};
}

Result<void> EbpfRecorder::launch() {
  LaunchSpec spec = command_spec(options_, jobs_);
  Result<std::optional<OutputTap>> tap = tap_output(options_, spec, [this] {
    if (programs_.mark_ready()) text_ns_ = now_ns();
  });
  if (!tap) return propagate(tap);
  output_ = std::move(*tap);
  Result<std::optional<Launch>> launch = start_command(spec, recording_);
  if (!launch) return propagate(launch);
  launch_ = std::move(*launch);
  if (!launch_) return {};
  command_ = launch_->pid();
  // One that starts what lives in the cgroups is none of them.
  if (!by_scope()) {
    Result<void> followed = programs_.follow_launched(launch_->pidfd());
    if (!followed) return followed;
    if (Result<void> watched = options_.tell_load ? watch_main() : Result<void>(); !watched) {
      add_note(recording_.evidence,
               fmt::format("calls before main are not told from those after it: {}",
                           watched.error().message));
    }
  }
  if (options_.on_armed) options_.on_armed();
  started_ns_ = now_ns();
  return launch_->release();
}

Result<void> EbpfRecorder::watch_main() {
  const std::string path = executed_file(launch_->path());
  struct stat file {};
  // What cannot be executed says so by itself.
  if (::stat(path.c_str(), &file) != 0) return {};
  Result<std::uint32_t> number = programs_.number_of(file.st_dev, file.st_ino);
  if (!number) return propagate(number);
  // Its number is given out, so that no message will name it.
  files_.add_file(*number, path, file.st_dev, file.st_ino);
  return programs_.watch_main(path, *number);
}

int EbpfRecorder::wait_ms(int most) const {
  if (!options_.ready.after || ready_) return most;
  const auto when =
      started_ns_ + static_cast<std::uint64_t>(options_.ready.after->count()) * kNsPerMs;
  const std::uint64_t now = now_ns();
  const auto left =
      now >= when ? 0
                  : static_cast<int>(std::min<std::uint64_t>((when - now) / kNsPerMs + 1, INT_MAX));
  return most < 0 ? left : std::min(most, left);
}

void EbpfRecorder::mark_ready(const char* by) {
  ready_ = true;
  if (programs_.mark_ready()) add_ready(recording_.evidence, by, now_ns() - started_ns_);
}

Result<void> EbpfRecorder::attach() {
  for (pid_t pid : options_.attach) {
    if (Result<void> followed = follow(pid); !followed) return followed;
  }
  started_ns_ = now_ns();
  add_note(recording_.evidence, kNoteAttached);
  recording_.evidence.program =
      identify_program(fmt::format("/proc/{}/exe", options_.attach.front()));
  if (options_.on_armed) options_.on_armed();
  return {};
}

Result<void> EbpfRecorder::follow(pid_t pid) {
  if (pid <= 0) return fail(Errc::kUsage, "{} is no process id; one is 1 or more", pid);
  Result<std::string> status = read_file(fmt::format("/proc/{}/status", pid));
  if (!status) return fail(Errc::kNotFound, "process {}: no such process", pid);
  pid_t process = pid;
  for (std::string_view line : split(*status, '\n')) {
    constexpr std::string_view kKey = "Tgid:";
    if (!line.starts_with(kKey)) continue;
    if (const auto number = parse_u64(trim(line.substr(kKey.size())))) {
      process = static_cast<pid_t>(*number);
    }
  }
  if (process == ::getpid()) return fail(Errc::kUsage, "process {} is this tracer itself", pid);
  const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
  if (!pidfd) return fail_errno(errno, "process {}", pid);
  std::uint32_t executable = SYSNARE_FIRST;
  struct stat file {};
  if (::stat(fmt::format("/proc/{}/exe", process).c_str(), &file) == 0) {
    Result<std::uint32_t> number = programs_.number_of(file.st_dev, file.st_ino);
    if (!number) return propagate(number);
    executable = *number;
    files_.add_running(executable, process, file.st_dev, file.st_ino);
  } else if (errno == ENOENT) {
    return fail(Errc::kNotFound, "process {} is a kernel thread or has ended: it makes no calls",
                pid);
  }
  return programs_.follow_running(process, pidfd.get(), executable);
}

Result<void> EbpfRecorder::watch() {
  while (programs_.living() != 0 || !may_end()) {
    if (stop_asked_) {
      recording_.detached = true;
      return {};
    }
    std::vector<pollfd> waits = {
        {jobs_.fd(), POLLIN, 0},
        {children_.get(), POLLIN, 0},
        {programs_.events_fd(), POLLIN, 0},
        {options_.saver == nullptr ? -1 : options_.saver->fd(), POLLIN, 0}};
    const int ready = waiter_.wait(waits, wait_ms(command_ != 0 ? -1 : kLookAgainMs));
    if (ready < 0 && errno != EINTR) return fail_errno(errno, "poll");
    if (Result<void> read = read_events(); !read) return read;
    read_command();
    read_signals();
    if (wait_ms(-1) == 0) mark_ready(kReadyByTime);
    if (options_.saver != nullptr && options_.saver->due()) {
      // What cannot be read now is no reason to end: the next time, or the end, may have it.
      if (Result<Evidence> now = so_far(); now) options_.saver->save(*now);
    }
    if (ready != 0 || command_ != 0) continue;
    Result<std::uint64_t> living = programs_.count_living();
    if (!living) return propagate(living);
    if (*living == 0 && (may_end() || (!awaits_restart() && cgroups_are_gone()))) break;
  }
  return read_events();
}

bool EbpfRecorder::awaits_restart() {
  if (options_.restart_wait.count() == 0) return false;
  const std::uint64_t now = now_ns();
  if (programs_.living() != 0) {
    quiet_since_ns_ = 0;
    return true;
  }
  if (quiet_since_ns_ == 0) quiet_since_ns_ = now;
  return now - quiet_since_ns_ <
         static_cast<std::uint64_t>(options_.restart_wait.count()) * kNsPerMs;
}

bool EbpfRecorder::may_end() {
  if (options_.host || command_ != 0 || awaits_restart()) return false;
  return options_.cgroups.empty() || !options_.command.empty() || has_lived_;
}

bool EbpfRecorder::cgroups_are_gone() const {
  const auto& all = options_.cgroups;
  return !all.empty() && std::none_of(all.begin(), all.end(), [](const std::string& directory) {
    return ::access(directory.c_str(), F_OK) == 0;
  });
}

void EbpfRecorder::read_command() {
  signalfd_siginfo info{};
  while (::read(children_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
  }
  int status = 0;
  // Our own child alone: whoever started us may have left others.
  while (command_ != 0 && ::waitpid(command_, &status, WNOHANG | WUNTRACED) == command_) {
    if (WIFSTOPPED(status)) {
      jobs_.mirror_stop(WSTOPSIG(status));
      continue;
    }
    recording_.wait_status = status;
    command_ = 0;
  }
}

void EbpfRecorder::read_signals() {
  const TakenSignals taken = take_signals(jobs_, command_, recording_);
  if (taken.end) stop_asked_ = true;
  if (taken.ready) mark_ready(kReadyBySignal);
}

Result<void> EbpfRecorder::read_events() {
  bool filtered = false;
  bool threads_moved = false;
  EbpfPrograms::Listener listener;
  listener.on_event = [&](const sysnare_event& event) {
    if (event.kind == SYSNARE_EVENT_FILTERED) filtered = true;
    if (event.kind == SYSNARE_EVENT_EXECUTABLE) files_.add(event);
    if (event.kind == SYSNARE_EVENT_THREADS) threads_moved = true;
    if (event.kind == SYSNARE_EVENT_NOBODY_LEFT) {
      has_lived_ = true;
      quiet_since_ns_ = 0;
    }
  };
  listener.on_cgroup = [&](const sysnare_cgroup_event& event) { files_.add(event); };
  listener.on_module = [&](const sysnare_module_event& event) { modules_.add(event); };
  programs_.take_events(listener);
  if (threads_moved) {
    if (Result<void> followed = programs_.follow_scope(); !followed) return followed;
  }
  if (!filtered) return {};
  add_note(recording_.evidence, kNoteLateReturns);
  return programs_.attach_returns();
}

Result<Evidence> EbpfRecorder::so_far() {
  Evidence evidence = recording_.evidence;
  if (text_ns_ != 0) add_ready(evidence, kReadyByText, text_ns_ - started_ns_);
  evidence.recorder = "ebpf";
  Result<EbpfTables> tables = programs_.collect();
  if (!tables) return propagate(tables);
  add_tables(*tables, evidence);
  if (tables->ready_ns > started_ns_) {
    add_ready(evidence, ready_by(call_of(tables->ready_call)), tables->ready_ns - started_ns_);
  }
  evidence.runs_unfollowed = options_.follow ? 0 : 1;
  evidence.children_unfollowed = tables->unfollowed;
  if (options_.sites) add_sites(*tables, modules_, evidence);
  const auto programs = files_.all();
  add_executables(*tables, programs, modules_, evidence);
  if (by_scope()) {
    evidence.program = options_.host ? ProgramIdentity{} : first_program(*tables, programs);
  }
  return evidence;
}

Result<void> EbpfRecorder::finish() {
  if (output_) output_->finish();
  Result<Evidence> evidence = so_far();
  if (!evidence) return propagate(evidence);
  recording_.evidence = std::move(*evidence);
  if (recording_.evidence.ready.empty() && !options_.ready.by_calls()) {
    add_note(recording_.evidence, kNoteNotReady);
  }
  if (recording_.detached && !options_.host) add_note(recording_.evidence, kNoteDetached);
  tell_exec_failure(launch_, recording_);
  return {};
}

}  // namespace sysnare
