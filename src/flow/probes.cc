#include "flow/probes.h"

#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "base/fd.h"
#include "process/isa_syscall.h"

namespace sysnare {
namespace {

/// A child that got stuck ends by SIGALRM after this many seconds.
constexpr unsigned kStuckSeconds = 5;
/// Room for what later kernels add to seccomp_notif (80 bytes in Linux 6.18).
constexpr std::size_t kNotificationRoom = 512;
/// A child's exit status is 0, an errno (all are below this), or:
constexpr int kWrongAnswer = 255;

/// Runs `body` in a child and gives what it returned (an errno, or 0), kWrongAnswer when it died;
/// then the signal stands in `killed_by`.
template <typename Body>
int in_child(Body body, int* killed_by = nullptr) {
  const pid_t pid = ::fork();
  if (pid < 0) return errno;
  if (pid == 0) {
    ::signal(SIGALRM, SIG_DFL);
    ::alarm(kStuckSeconds);
    ::_exit(body());
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (killed_by != nullptr && WIFSIGNALED(status)) *killed_by = WTERMSIG(status);
  return WIFEXITED(status) ? WEXITSTATUS(status) : kWrongAnswer;
}

Probe from_status(int status, std::string_view step) {
  Probe probe;
  probe.works = status == 0;
  probe.sys_errno = status == kWrongAnswer ? 0 : status;
  probe.step = step;
  return probe;
}

/// A call of getpid that must give what our own ABI's gives.
std::optional<Probe> probe_getpid(long (*make)(), std::string_view step) {
  if (!isa::kHasOtherAbis) return std::nullopt;
  int killed_by = 0;
  const int status = in_child(
      [make] {
        // That it crashes is an answer: no core file, and the default action.
        ::prctl(PR_SET_DUMPABLE, 0);
        for (int signal : {SIGSEGV, SIGSYS, SIGILL}) ::signal(signal, SIG_DFL);
        const long pid = make();
        if (pid < 0) return static_cast<int>(-pid);
        return pid == ::getpid() ? 0 : kWrongAnswer;
      },
      &killed_by);
  Probe probe = from_status(status, step);
  probe.killed_by = killed_by;
  return probe;
}

/// Loads a filter that gives `value` to getppid and allows the rest. What seccomp(2) returns.
long load_getppid_filter(std::uint32_t value, unsigned flags) {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, value),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program = {static_cast<unsigned short>(std::size(code)), code};
  return ::syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

int answer_one_notification(int listener) {
  alignas(8) std::array<char, kNotificationRoom> request_room{};
  alignas(8) std::array<char, kNotificationRoom> response_room{};
  auto* request = reinterpret_cast<seccomp_notif*>(request_room.data());
  auto* response = reinterpret_cast<seccomp_notif_resp*>(response_room.data());
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, request) != 0) return errno;
  response->id = request->id;
  response->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  return ::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, response) == 0 ? 0 : errno;
}

int notification_round_trip() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  const long listener =
      load_getppid_filter(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
  if (listener < 0) return errno;
  const pid_t caller = ::fork();
  if (caller < 0) return errno;
  if (caller == 0) {
    // With the listener open in itself the caller would wait for ever if its supervisor died.
    ::close(static_cast<int>(listener));
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::_exit(::syscall(__NR_getppid) > 0 ? 0 : errno);
  }
  const int answered = answer_one_notification(static_cast<int>(listener));
  if (answered != 0) {
    ::kill(caller, SIGKILL);
    return answered;
  }
  int status = 0;
  ::waitpid(caller, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : kWrongAnswer;
}

long bpf(int command, bpf_attr& attributes) {
  return ::syscall(__NR_bpf, command, &attributes, sizeof attributes);
}

}  // namespace

Probe probe_no_new_privs() {
  const int status = in_child([] {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
    return ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : kWrongAnswer;
  });
  return from_status(status, "prctl(PR_SET_NO_NEW_PRIVS)");
}

Probe probe_filter() {
  constexpr int kMarker = 77;  // an errno that getppid never gives by itself
  const int status = in_child([] {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
    if (load_getppid_filter(SECCOMP_RET_ERRNO | kMarker, 0) != 0) return errno;
    return ::syscall(__NR_getppid) == -1 && errno == kMarker ? 0 : kWrongAnswer;
  });
  return from_status(status, "seccomp(2)");
}

Probe probe_notification() {
  seccomp_notif_sizes sizes = {};
  if (::syscall(__NR_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0) {
    return from_status(errno, "SECCOMP_GET_NOTIF_SIZES");
  }
  if (sizes.seccomp_notif > kNotificationRoom || sizes.seccomp_notif_resp > kNotificationRoom) {
    return from_status(kWrongAnswer, "SECCOMP_GET_NOTIF_SIZES");
  }
  return from_status(in_child(notification_round_trip), "SECCOMP_FILTER_FLAG_NEW_LISTENER");
}

Probe probe_ptrace() {
  const pid_t child = ::fork();
  if (child < 0) return from_status(errno, "fork");
  if (child == 0) {
    ::signal(SIGALRM, SIG_DFL);
    ::alarm(kStuckSeconds);
    for (;;) ::pause();
  }
  Probe probe = from_status(0, "");
  int status = 0;
  if (::ptrace(PTRACE_SEIZE, child, nullptr, nullptr) != 0) {
    probe = from_status(errno, "PTRACE_SEIZE");
  } else if (::ptrace(PTRACE_INTERRUPT, child, nullptr, nullptr) != 0 ||
             ::waitpid(child, &status, __WALL) != child || !WIFSTOPPED(status)) {
    probe = from_status(errno == 0 ? kWrongAnswer : errno, "PTRACE_INTERRUPT");
  } else {
    std::array<char, 128> info{};
    if (::ptrace(PTRACE_GET_SYSCALL_INFO, child, info.size(), info.data()) <= 0) {
      probe = from_status(errno, "PTRACE_GET_SYSCALL_INFO");
    }
  }
  ::kill(child, SIGKILL);
  while (::waitpid(child, &status, __WALL) > 0 && WIFSTOPPED(status)) {
  }
  return probe;
}

Probe probe_ebpf() {
  const bpf_insn code[] = {
      {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0},
      {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
  };
  bpf_attr load = {};
  load.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT;
  load.insns = reinterpret_cast<std::uint64_t>(code);
  load.insn_cnt = std::size(code);
  load.license = reinterpret_cast<std::uint64_t>("GPL");
  const Fd program(static_cast<int>(bpf(BPF_PROG_LOAD, load)));
  if (!program) return from_status(errno, "BPF_PROG_LOAD");
  bpf_attr hook = {};
  hook.raw_tracepoint.name = reinterpret_cast<std::uint64_t>("sys_enter");
  hook.raw_tracepoint.prog_fd = static_cast<std::uint32_t>(program.get());
  const Fd link(static_cast<int>(bpf(BPF_RAW_TRACEPOINT_OPEN, hook)));
  if (!link) return from_status(errno, "BPF_RAW_TRACEPOINT_OPEN");
  return from_status(0, "");
}

std::optional<Probe> probe_i386() { return probe_getpid(isa::getpid_as_i386, "int 0x80"); }
std::optional<Probe> probe_x32() { return probe_getpid(isa::getpid_as_x32, "an x32 getpid"); }

bool action_available(unsigned action) {
  return ::syscall(__NR_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

std::vector<std::string> filter_flags() {
  struct Flag {
    unsigned long bits;
    const char* name;
  };
  // WAIT_KILLABLE_RECV is known only together with NEW_LISTENER (kernel/seccomp.c, Linux 6.18).
  constexpr Flag kFlags[] = {
      {SECCOMP_FILTER_FLAG_TSYNC, "tsync"},
      {SECCOMP_FILTER_FLAG_LOG, "log"},
      {SECCOMP_FILTER_FLAG_SPEC_ALLOW, "spec_allow"},
      {SECCOMP_FILTER_FLAG_NEW_LISTENER, "new_listener"},
      {SECCOMP_FILTER_FLAG_TSYNC_ESRCH, "tsync_esrch"},
      {SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV | SECCOMP_FILTER_FLAG_NEW_LISTENER,
       "wait_killable_recv"},
  };
  std::vector<std::string> known;
  for (const Flag& flag : kFlags) {
    // Flags are checked before the program is read: a known one fails on the null pointer.
    if (::syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flag.bits, nullptr) != 0 &&
        errno == EFAULT) {
      known.emplace_back(flag.name);
    }
  }
  return known;
}

}  // namespace sysnare
