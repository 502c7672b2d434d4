#include "command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

namespace sysnare::bench {
namespace {

std::string text_of(int fd) {
  std::string text;
  char buffer[4096];
  for (off_t at = 0;;) {
    const ssize_t got = ::pread(fd, buffer, sizeof buffer, at);
    if (got <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
    at += got;
  }
}

}  // namespace

Ran run_command(const std::vector<std::string>& argv, std::chrono::seconds deadline) {
  Ran ran;
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  // Files in memory, not pipes: nobody has to read while the clock runs.
  const Fd out(::memfd_create("out", MFD_CLOEXEC));
  const Fd err(::memfd_create("err", MFD_CLOEXEC));
  const Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const auto start = std::chrono::steady_clock::now();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setpgid(0, 0);
    ::dup2(null.get(), 0);
    ::dup2(out.get(), 1);
    ::dup2(err.get(), 2);
    ::execvp(words[0], words.data());
    ::_exit(127);
  }
  if (pid < 0) return ran;
  ::setpgid(pid, pid);
  const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd ended{pidfd.get(), POLLIN, 0};
  const auto timeout = std::chrono::duration_cast<std::chrono::milliseconds>(deadline);
  ran.timed_out = ::poll(&ended, 1, static_cast<int>(timeout.count())) <= 0;
  if (ran.timed_out) ::kill(-pid, SIGKILL);
  int status = 0;
  ::waitpid(pid, &status, 0);
  ran.ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  ran.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  ran.out = text_of(out.get());
  ran.err = text_of(err.get());
  return ran;
}

}  // namespace sysnare::bench
