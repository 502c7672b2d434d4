#include "process/filters_of.h"

#include <errno.h>
#include <fmt/format.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "base/file.h"
#include "base/text.h"

namespace sysnare {
namespace {

/// Most filters of one task: 32,768 instructions in all, four more counted for each
/// (kernel/seccomp.c MAX_INSNS_PER_PATH).
constexpr std::size_t kMaxFilters = 32768 / 5;

/// A field of /proc/TID/status; empty when it is not there.
std::string status_field(pid_t tid, std::string_view name) {
  const Result<std::string> status = read_file(fmt::format("/proc/{}/status", tid));
  if (!status) return {};
  for (const std::string_view line : split(*status, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && line.substr(0, colon) == name) {
      return std::string(trim(line.substr(colon + 1)));
    }
  }
  return {};
}

Failure cannot_seize(pid_t tid, int error) {
  if (error == ESRCH) return fail(Errc::kNotFound, "there is no process {}", tid);
  if (tid == ::gettid()) {
    return fail(Errc::kUsage, "process {} is this one, which cannot stop itself", tid);
  }
  if (const std::string tracer = status_field(tid, "TracerPid"); !tracer.empty() && tracer != "0") {
    return fail(Errc::kNoPermission,
                "process {} is traced by process {} (a debugger or strace); end that first", tid,
                tracer);
  }
  if (status_field(tid, "State").starts_with('Z')) {
    return fail(Errc::kNotFound, "process {} has ended and waits for its parent", tid);
  }
  return fail_errno(error, "process {} cannot be stopped", tid);
}

Failure cannot_read(pid_t tid, int error) {
  if (error == EACCES) {
    // kernel/seccomp.c seccomp_get_filter(): capable(CAP_SYS_ADMIN), and no seccomp of our own.
    if (const std::string own = status_field(::getpid(), "Seccomp"); !own.empty() && own != "0") {
      return fail(Errc::kNoPermission,
                  "the kernel shows filters only to a process that has none itself; this one runs "
                  "under a filter (in a container, run it on the host)");
    }
    return fail(Errc::kNoPermission,
                "the kernel shows filters only with CAP_SYS_ADMIN; run it as root");
  }
  if (error == EIO || error == EOPNOTSUPP) {
    return fail(Errc::kUnsupported,
                "this kernel shows no filters (it was built without CONFIG_CHECKPOINT_RESTORE)");
  }
  if (error == EMEDIUMTYPE) {
    return fail(Errc::kUnsupported, "the kernel has not kept a filter of process {}", tid);
  }
  return fail_errno(error, "the filters of process {} cannot be read", tid);
}

/// Stops a thread, and lets it go on whatever happens.
class Stopped {
 public:
  explicit Stopped(pid_t tid) : tid_(tid) {}
  Stopped(const Stopped&) = delete;
  Stopped& operator=(const Stopped&) = delete;
  ~Stopped() {
    // What arrived with the stop is delivered after all.
    if (stopped_) ::ptrace(PTRACE_DETACH, tid_, nullptr, signal_);
  }

  Result<void> stop() {
    if (::ptrace(PTRACE_SEIZE, tid_, nullptr, nullptr) != 0) return cannot_seize(tid_, errno);
    if (::ptrace(PTRACE_INTERRUPT, tid_, nullptr, nullptr) != 0) return cannot_seize(tid_, errno);
    int status = 0;
    pid_t waited = 0;
    do {
      waited = ::waitpid(tid_, &status, __WALL);
    } while (waited < 0 && errno == EINTR);
    if (waited != tid_ || !WIFSTOPPED(status)) {
      return fail(Errc::kNotFound, "process {} ended meanwhile", tid_);
    }
    stopped_ = true;
    // PTRACE_EVENT_STOP is our interrupt, or the stop of its job; anything else a signal.
    if (status >> 16 == 0) signal_ = WSTOPSIG(status);
    return {};
  }

 private:
  pid_t tid_;
  bool stopped_ = false;
  long signal_ = 0;
};

}  // namespace

Result<std::vector<std::vector<sock_filter>>> filters_of(pid_t tid) {
  if (tid <= 0) return fail(Errc::kUsage, "{} is no process id", tid);
  Stopped thread(tid);
  if (Result<void> stopped = thread.stop(); !stopped) return propagate(stopped);
  std::vector<std::vector<sock_filter>> filters;
  for (std::size_t index = 0; index < kMaxFilters; ++index) {
    const long count = ::ptrace(PTRACE_SECCOMP_GET_FILTER, tid, index, nullptr);
    if (count < 0) {
      const int error = errno;
      if (error == ENOENT) break;
      // Also said when it runs under no filter at all.
      if (error == EINVAL) {
        const std::string mode = status_field(tid, "Seccomp");
        if (mode == "0") break;
        if (mode == "1") {
          return fail(Errc::kUnsupported,
                      "process {} is in strict mode: read, write, _exit and sigreturn, no filter",
                      tid);
        }
      }
      return cannot_read(tid, error);
    }
    std::vector<sock_filter> program(static_cast<std::size_t>(count));
    // The thread is stopped, so the filter is the one that was just counted.
    if (::ptrace(PTRACE_SECCOMP_GET_FILTER, tid, index, program.data()) != count) {
      return cannot_read(tid, errno);
    }
    filters.push_back(std::move(program));
  }
  return filters;
}

}  // namespace sysnare
