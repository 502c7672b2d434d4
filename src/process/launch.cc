#include "process/launch.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <thread>

#include "base/file.h"
#include "base/proc.h"
#include "base/text.h"
#include "process/launch_child.h"

namespace sysnare {
namespace {

constexpr int kLastSignal = 64;
/// include/linux/sched.h: forked, and has not called exec since. Field 9 of /proc/PID/stat.
constexpr std::uint64_t kForkNoExec = 0x40;
constexpr auto kListenerPoll = std::chrono::microseconds(50);

std::uint64_t kernel_sigset(const sigset_t& set) {
  std::uint64_t bits = 0;
  for (int number = 1; number <= kLastSignal; ++number) {
    // glibc hides 32 and 33, which it uses itself, from sigismember's callers only by name.
    if (::sigismember(&set, number) == 1) bits |= 1ull << (number - 1);
  }
  return bits;
}

/// Whether a process that still exists (a zombie too) has not called exec since it was forked.
bool never_execed(pid_t pid) {
  Result<std::string> stat = read_file(fmt::format("/proc/{}/stat", pid));
  if (!stat) return false;
  // The name in field 2 may hold anything, blanks and parentheses too: count from its end.
  const std::size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos) return false;
  const auto fields = split(trim(std::string_view(*stat).substr(name_end + 1)), ' ');
  constexpr std::size_t kFlags = 9 - 3;  // the first field here is number 3
  if (fields.size() <= kFlags) return false;
  const auto flags = parse_u64(fields[kFlags]);
  return flags && (*flags & kForkNoExec) != 0;
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> out;
  for (const std::string& word : words) out.push_back(const_cast<char*>(word.c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace

SignalState SignalState::now() {
  SignalState state;
  ::sigprocmask(SIG_SETMASK, nullptr, &state.mask);
  for (int number = 1; number <= kLastSignal; ++number) {
    struct sigaction action {};
    if (::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) {
      state.ignored.set(static_cast<std::size_t>(number));
    }
  }
  return state;
}

struct Launch::State {
  pid_t pid = -1;
  Fd pidfd;
  std::string path;
  bool ptrace = false;
  bool listener = false;
  bool released = false;
  ChildTells* tells = nullptr;

  ~State() {
    if (pid > 0 && !released) {
      ::kill(pid, SIGKILL);
      int status = 0;
      for (;;) {
        const pid_t got = ::waitpid(pid, &status, __WALL);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 || !WIFSTOPPED(status)) break;
        // With PTRACE_O_TRACEEXIT even SIGKILL stops once more.
        ::ptrace(PTRACE_CONT, pid, nullptr, nullptr);
      }
    }
    if (tells != nullptr) ::munmap(tells, sizeof *tells);
  }
};

Launch::Launch(std::unique_ptr<State> state) : state_(std::move(state)) {}
Launch::Launch(Launch&&) noexcept = default;
Launch& Launch::operator=(Launch&&) noexcept = default;
Launch::~Launch() = default;

pid_t Launch::pid() const { return state_->pid; }
int Launch::pidfd() const { return state_->pidfd.get(); }
const std::string& Launch::path() const { return state_->path; }

Result<Launch> Launch::start(const LaunchSpec& spec) {
  if (spec.argv.empty()) return fail(Errc::kUsage, "no command to run");
  Result<std::string> path = find_executable(spec.argv.front());
  if (!path) return propagate(path);
  if (Result<void> ours = check_proc(); !ours) return propagate(ours);

  auto state = std::make_unique<State>();
  state->path = *path;
  state->ptrace = spec.ptrace;
  state->listener = spec.listener;
  void* page = ::mmap(nullptr, sizeof(ChildTells), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return fail_errno(errno, "cannot map the page shared with the child");
  state->tells = new (page) ChildTells{0, kStepWaiting, 0, -1};

  std::vector<sock_fprog> filters;
  for (const auto& program : spec.filters) {
    if (program.empty() || program.size() > BPF_MAXINSNS) {
      return fail(Errc::kLimit,
                  "a filter of {} instructions cannot be loaded; the kernel takes 1 to {}",
                  program.size(), BPF_MAXINSNS);
    }
    filters.push_back(
        {static_cast<unsigned short>(program.size()), const_cast<sock_filter*>(program.data())});
  }
  std::vector<char*> argv = pointers(spec.argv);
  ChildPlan plan{};
  plan.tells = state->tells;
  plan.path = state->path.c_str();
  plan.argv = argv.data();
  plan.envp = environ;
  plan.filters = filters.data();
  plan.filter_count = static_cast<unsigned>(filters.size());
  plan.listener = spec.listener;
  plan.no_new_privs = spec.no_new_privs;
  plan.filter_flags = spec.filter_flags;
  plan.out = spec.out;
  plan.err = spec.err;
  for (int number = 1; number <= kLastSignal; ++number) {
    if (spec.signals.ignored[static_cast<std::size_t>(number)]) {
      plan.ignored_signals |= 1ull << (number - 1);
    }
  }
  plan.signal_mask = kernel_sigset(spec.signals.mask);
  plan.parent = ::getpid();

  // No handler of ours may run in the child: it starts with everything blocked, and unblocks once
  // the dispositions are back.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  const long pid = ::syscall(SYS_clone, CLONE_FILES | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid == 0) run_child(plan);
  const int clone_errno = errno;
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return fail_errno(clone_errno, "cannot start a process");
  state->pid = static_cast<pid_t>(pid);

  state->pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, state->pid, 0)));
  if (!state->pidfd) return fail_errno(errno, "pidfd_open");
  if (spec.ptrace && ::ptrace(PTRACE_SEIZE, state->pid, nullptr,
                              reinterpret_cast<void*>(spec.ptrace_options)) != 0) {
    // Not kNoPermission: that the file cannot be executed is another thing.
    Failure failure = fail_errno(errno, "cannot trace {}", printable(state->path));
    failure.value().code = Errc::kUnsupported;
    return failure;
  }
  return Launch(std::move(state));
}

Result<void> Launch::release() {
  state_->released = true;
  state_->tells->released.store(1);
  if (::syscall(SYS_futex, &state_->tells->released, FUTEX_WAKE, 1, nullptr, nullptr, 0) < 0) {
    return fail_errno(errno, "futex");
  }
  return {};
}

Result<Fd> Launch::take_listener() {
  if (!state_->listener) return Fd();
  for (;;) {
    const int step = state_->tells->step.load();
    if (step == kStepFilterFailed) {
      return fail_errno(state_->tells->error.load(), "cannot load the filter");
    }
    if (const int fd = state_->tells->listener.load(); fd >= 0) return Fd(fd);
    siginfo_t info{};
    const int peeked = ::waitid(P_PID, static_cast<id_t>(state_->pid), &info,
                                WEXITED | WSTOPPED | WNOWAIT | WNOHANG | __WALL);
    if (peeked == 0 && info.si_pid == state_->pid) {
      if (info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED) {
        return fail(Errc::kSystem, "{}: killed before its filter was loaded", state_->path);
      }
      if (state_->ptrace) {
        // A signal came between unblocking and the filter; it would be ours to hand on.
        int status = 0;
        if (::waitpid(state_->pid, &status, __WALL | WNOHANG) == state_->pid &&
            WIFSTOPPED(status)) {
          const int signal = (status >> 16) == 0 ? WSTOPSIG(status) : 0;
          ::ptrace(PTRACE_CONT, state_->pid, nullptr, reinterpret_cast<void*>(long{signal}));
        }
      }
    }
    std::this_thread::sleep_for(kListenerPoll);
  }
}

ExecOutcome Launch::outcome() const {
  const int error = state_->tells->error.load();
  switch (state_->tells->step.load()) {
    case kStepFilterFailed:
      return {ExecOutcome::Kind::kFilterFailed, error};
    case kStepExecFailed:
      return {ExecOutcome::Kind::kExecFailed, error};
    default:
      break;
  }
  siginfo_t info{};
  const bool dead = ::waitid(P_PID, static_cast<id_t>(state_->pid), &info,
                             WEXITED | WNOWAIT | WNOHANG | __WALL) == 0 &&
                    info.si_pid == state_->pid;
  if (dead && never_execed(state_->pid)) return {ExecOutcome::Kind::kKilled, 0};
  return {};
}

Result<std::string> find_executable(const std::string& name) {
  if (name.empty()) return fail(Errc::kNotFound, "\"\": no such command");
  const auto usable = [](const std::string& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return errno;
    if (S_ISDIR(info.st_mode)) return EISDIR;
    return ::access(path.c_str(), X_OK) == 0 ? 0 : errno;
  };
  if (name.find('/') != std::string::npos) {
    const int error = usable(name);
    if (error == 0) return name;
    if (error == EISDIR) return fail(Errc::kNoPermission, "{}: is a directory", printable(name));
    Failure failure = fail_errno(error, "{}", printable(name));
    // A path that leads nowhere (a loop of links, a file in place of a folder) is 126, as in bash.
    if (failure.value().code == Errc::kSystem) failure.value().code = Errc::kNoPermission;
    return failure;
  }
  const char* path = std::getenv("PATH");
  int refused = 0;
  for (std::string_view folder : split(path == nullptr ? "/usr/bin:/bin" : path, ':')) {
    const std::string file = fmt::format("{}/{}", folder.empty() ? "." : folder, name);
    const int error = usable(file);
    if (error == 0) return file;
    // As execvp: go on looking, but remember that there was one. A folder that cannot be searched
    // says nothing (execvp takes it for a refusal; shells do not).
    if (error == EACCES && ::access(file.c_str(), F_OK) == 0) refused = error;
  }
  if (refused != 0) return fail_errno(refused, "{}", printable(name));
  return fail(Errc::kNotFound, "{}: no such command in PATH", printable(name));
}

}  // namespace sysnare
