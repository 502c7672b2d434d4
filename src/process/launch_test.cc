#include "process/launch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>

namespace sysnare {
namespace {

/// `action` for call `nr`, ALLOW for every other.
std::vector<sock_filter> one_call(std::uint32_t nr, std::uint32_t action) {
  return {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, action),
          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
}

std::vector<sock_filter> always(std::uint32_t action) {
  return {BPF_STMT(BPF_RET | BPF_K, action)};
}

int wait_for(pid_t pid) {
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return status;
}

TEST(Launch, RunsAProgramUnderAFilterAndTellsWhatBecameOfIt) {
  using Kind = ExecOutcome::Kind;
  struct Case {
    const char* why;
    std::vector<std::vector<sock_filter>> filters;
    std::vector<std::string> argv;
    Kind kind;
    int sys_errno;
    int exit_status;  ///< -1: killed by a signal
  };
  const Case cases[] = {
      {"no filter at all", {}, {"sh", "-c", "exit 7"}, Kind::kRunning, 0, 7},
      {"everything allowed",
       {always(SECCOMP_RET_ALLOW)},
       {"sh", "-c", "exit 7"},
       Kind::kRunning,
       0,
       7},
      {"two filters",
       {always(SECCOMP_RET_ALLOW), one_call(SYS_getppid, SECCOMP_RET_ALLOW)},
       {"true"},
       Kind::kRunning,
       0,
       0},
      {"nothing allowed, not even exit",
       {always(SECCOMP_RET_ERRNO | EPERM)},
       {"true"},
       Kind::kExecFailed,
       EPERM,
       -1},
      {"execve is refused with an errno of its own",
       {one_call(SYS_execve, SECCOMP_RET_ERRNO | 2222)},
       {"true"},
       Kind::kExecFailed,
       2222,
       -1},
      {"killed in execve",
       {one_call(SYS_execve, SECCOMP_RET_KILL_PROCESS)},
       {"true"},
       Kind::kKilled,
       0,
       -1},
      {"killed after execve is another thing",
       {one_call(SYS_exit_group, SECCOMP_RET_KILL_PROCESS)},
       {"true"},
       Kind::kRunning,
       0,
       -1},
      {"the first filter forbids loading the second",
       {one_call(SYS_seccomp, SECCOMP_RET_ERRNO | EACCES), always(SECCOMP_RET_ALLOW)},
       {"true"},
       Kind::kFilterFailed,
       EACCES,
       -1},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    LaunchSpec spec;
    spec.argv = c.argv;
    spec.filters = c.filters;
    Result<Launch> launch = Launch::start(spec);
    ASSERT_TRUE(launch.has_value()) << launch.error().message;
    ASSERT_TRUE(launch->release().has_value());
    siginfo_t info{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(launch->pid()), &info, WEXITED | WNOWAIT), 0);
    const ExecOutcome outcome = launch->outcome();
    const int status = wait_for(launch->pid());
    EXPECT_EQ(outcome.kind, c.kind);
    EXPECT_EQ(outcome.sys_errno, c.sys_errno);
    if (c.exit_status < 0) {
      EXPECT_TRUE(WIFSIGNALED(status));
      EXPECT_FALSE(WCOREDUMP(status)) << "a failed launch leaves no core file";
    } else {
      ASSERT_TRUE(WIFEXITED(status));
      EXPECT_EQ(WEXITSTATUS(status), c.exit_status);
    }
  }
}

TEST(Launch, HandsTheListenerOverWithNothingButExecveAllowed) {
  LaunchSpec spec;
  spec.argv = {"true"};
  spec.filters = {always(SECCOMP_RET_USER_NOTIF)};  // execve itself too
  spec.listener = true;
  Result<Launch> launch = Launch::start(spec);
  ASSERT_TRUE(launch.has_value());
  ASSERT_TRUE(launch->release().has_value());
  Result<Fd> listener = launch->take_listener();
  ASSERT_TRUE(listener.has_value()) << listener.error().message;
  EXPECT_NE(::fcntl(listener->get(), F_GETFD) & FD_CLOEXEC, 0);
  int calls = 0;
  bool execve_first = false;
  for (;;) {
    pollfd wait{listener->get(), POLLIN, 0};
    ASSERT_EQ(::poll(&wait, 1, 20000), 1);
    if ((wait.revents & POLLHUP) != 0) break;
    seccomp_notif request{};
    if (::ioctl(listener->get(), SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) continue;
    if (calls++ == 0) execve_first = request.data.nr == SYS_execve;
    seccomp_notif_resp answer{};
    answer.id = request.id;
    answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    ::ioctl(listener->get(), SECCOMP_IOCTL_NOTIF_SEND, &answer);
  }
  EXPECT_TRUE(execve_first);
  EXPECT_GT(calls, 5);
  EXPECT_EQ(wait_for(launch->pid()), 0);
}

TEST(Launch, GivesTheProgramTheDispositionsAndMaskOfItsCaller) {
  LaunchSpec spec;
  spec.signals.ignored.set(SIGUSR1);
  sigaddset(&spec.signals.mask, SIGUSR2);
  spec.argv = {"sh", "-c",
               "set -- $(sed -n 's/^Sig[BI][lg][kn]:.//p' /proc/self/status); "
               "[ $((0x$1 & 0x800)) != 0 ] && [ $((0x$2 & 0x200)) != 0 ]"};
  ::signal(SIGUSR1, SIG_DFL);
  ::signal(SIGTSTP, SIG_IGN);
  Result<Launch> launch = Launch::start(spec);
  ::signal(SIGTSTP, SIG_DFL);
  ASSERT_TRUE(launch.has_value());
  ASSERT_TRUE(launch->release().has_value());
  EXPECT_EQ(wait_for(launch->pid()), 0);
}

TEST(Launch, LeaksNoDescriptorIntoTheProgram) {
  LaunchSpec spec;
  spec.filters = {one_call(SYS_getppid, SECCOMP_RET_USER_NOTIF)};
  spec.listener = true;
  spec.argv = {"sh", "-c", "for f in /proc/self/fd/*; do [ ${f##*/} -le 3 ] || exit 1; done"};
  // Descriptors that the test runner was given are not ours to judge.
  for (int fd = 3; fd < 256; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  Result<Launch> launch = Launch::start(spec);
  ASSERT_TRUE(launch.has_value());
  ASSERT_TRUE(launch->release().has_value());
  Result<Fd> listener = launch->take_listener();
  ASSERT_TRUE(listener.has_value());
  listener->reset();
  EXPECT_EQ(wait_for(launch->pid()), 0);
}

TEST(Launch, AnUnreleasedChildDies) {
  pid_t pid = 0;
  {
    LaunchSpec spec;
    spec.argv = {"true"};
    Result<Launch> launch = Launch::start(spec);
    ASSERT_TRUE(launch.has_value());
    pid = launch->pid();
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(Launch, SaysWhatCannotBeRun) {
  struct Case {
    const char* why;
    std::string name;
    Errc code;
  };
  const Case cases[] = {
      {"not in PATH", "no-such-command-anywhere", Errc::kNotFound},
      {"no such file", "/nonexistent/program", Errc::kNotFound},
      {"a folder", "/tmp", Errc::kNoPermission},
      {"not executable", "/etc/passwd", Errc::kNoPermission},
      {"empty", "", Errc::kNotFound},
      {"a file where a folder is needed", "/etc/passwd/program", Errc::kNoPermission},
      {"too long a name", "/" + std::string(5000, 'x'), Errc::kNoPermission},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    LaunchSpec spec;
    spec.argv = {c.name};
    const Result<Launch> launch = Launch::start(spec);
    ASSERT_FALSE(launch.has_value());
    EXPECT_EQ(launch.error().code, c.code);
  }
}

}  // namespace
}  // namespace sysnare
