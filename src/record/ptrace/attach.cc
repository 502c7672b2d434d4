#include "record/ptrace/attach.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "record/ptrace/requests.h"

namespace sysnare {
namespace {

namespace fs = std::filesystem;

constexpr const char* kYama = "/proc/sys/kernel/yama/ptrace_scope";

std::vector<pid_t> threads_of(pid_t pid) {
  std::vector<pid_t> threads;
  std::error_code error;
  fs::directory_iterator folder(fmt::format("/proc/{}/task", pid), error);
  while (!error && folder != fs::directory_iterator()) {
    if (const auto thread = parse_u64(folder->path().filename().string())) {
      threads.push_back(static_cast<pid_t>(*thread));
    }
    folder.increment(error);
  }
  return threads;
}

std::string name_of(pid_t pid) {
  Result<std::string> name = read_file(fmt::format("/proc/{}/comm", pid));
  return name ? printable(trim(*name)) : "?";
}

bool is_ancestor(pid_t pid) {
  pid_t at = ::getpid();
  while (at > 1) {
    if (at == pid) return true;
    Result<ProcessStatus> status = process_status(at);
    if (!status) return false;
    at = status->parent;
  }
  return at == pid;
}

/// Why seizing `thread` was refused.
Failure refusal(pid_t pid, pid_t thread, int error) {
  Result<ProcessStatus> status = process_status(thread);
  if (!status) return fail(Errc::kNotFound, "process {}: no such process", pid);
  if (status->state == 'Z' || status->state == 'X') {
    return fail(Errc::kNotFound, "process {} has ended; its parent has not collected it yet", pid);
  }
  if (status->tracer != 0) {
    return fail(Errc::kNoPermission, "process {} is already traced, by process {} ({})", pid,
                status->tracer, name_of(status->tracer));
  }
  if (error == ESRCH) return fail(Errc::kNotFound, "process {}: no such process", pid);
  if (error != EPERM && error != EACCES) return fail_errno(error, "cannot trace process {}", pid);
  if (::geteuid() != 0 && status->uid != ::geteuid()) {
    return fail(Errc::kNoPermission,
                "process {} belongs to user {}; user {} may not trace it: try as root", pid,
                status->uid, ::geteuid());
  }
  Result<std::string> scope = read_file(kYama);
  if (scope && trim(*scope) != "0") {
    return fail(Errc::kNoPermission,
                "process {} may not be traced: {} is {}; try as root, or set it to 0", pid, kYama,
                trim(*scope));
  }
  return fail(Errc::kNoPermission,
              "process {} may not be traced: the kernel protects it (set-user-id, not dumpable, a "
              "kernel thread or another user namespace)",
              pid);
}

}  // namespace

Result<ProcessStatus> process_status(pid_t thread) {
  Result<std::string> text = read_file(fmt::format("/proc/{}/status", thread));
  if (!text) return fail(Errc::kNotFound, "process {}: no such process", thread);
  ProcessStatus status;
  for (std::string_view line : split(*text, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, colon);
    const std::string_view value = trim(line.substr(colon + 1));
    if (key == "State" && !value.empty()) status.state = value.front();
    const auto number = parse_u64(value.substr(0, value.find('\t')));
    if (!number) continue;
    if (key == "Tgid") status.process = static_cast<pid_t>(*number);
    if (key == "PPid") status.parent = static_cast<pid_t>(*number);
    if (key == "TracerPid") status.tracer = static_cast<pid_t>(*number);
    if (key == "Uid") status.uid = static_cast<uid_t>(*number);
  }
  return status;
}

std::uint64_t trace_options(bool follow) {
  // No PTRACE_O_EXITKILL: should we be killed, the program goes on untraced, as under strace. A
  // recording must never cost more than itself. No PTRACE_O_TRACEEXIT: an end is told by waitpid.
  std::uint64_t options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE;
  if (follow) options |= PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
  return options;
}

Result<void> seize_process(pid_t pid, std::uint64_t options, Tracees& tracees) {
  if (pid <= 0) return fail(Errc::kUsage, "{} is no process id; one is 1 or more", pid);
  Result<ProcessStatus> status = process_status(pid);
  if (!status) return propagate(status);
  const pid_t process = status->process;
  if (process == ::getpid()) return fail(Errc::kUsage, "process {} is this tracer itself", pid);
  if (is_ancestor(process)) {
    return fail(Errc::kUsage,
                "process {} ({}) started this tracer, which would then wait for itself: trace it "
                "from elsewhere",
                pid, name_of(process));
  }
  // A thread that we have not seized yet can start others: look again until nothing is new. Those
  // that our tracees start are traced from birth, and seizing them fails.
  bool fresh = true;
  bool any = false;
  while (fresh) {
    fresh = false;
    for (pid_t thread : threads_of(process)) {
      if (tracees.find(thread) != nullptr) {
        any = true;
        continue;
      }
      if (ptrace_requests::raw(PTRACE_SEIZE, thread, 0, options) != 0) {
        const int error = errno;
        Result<ProcessStatus> now = process_status(thread);
        if (!now) continue;
        const bool ours = now->tracer == ::gettid();
        any = any || ours;
        // The leader of a process whose main function has returned is a zombie while others run.
        if (ours || now->state == 'Z' || now->state == 'X') continue;
        return refusal(pid, thread, error);
      }
      tracees.add(thread).process = process;
      ptrace_requests::interrupt(thread);
      fresh = true;
      any = true;
    }
  }
  if (!any) return refusal(pid, pid, ESRCH);
  return {};
}

}  // namespace sysnare
