#include "cli/print.h"

#include <fcntl.h>
#include <signal.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "cli/verb.h"

namespace sysnare::cli {

void say_text(std::FILE* to, std::string_view text) {
  if (to != stderr) {
    // A short count is kept by the stream itself, as its error flag.
    static_cast<void>(std::fwrite(text.data(), 1, text.size(), to));
    return;
  }
  // A message without a reader, or past a limit on file sizes, must not cost the command's status:
  // SIGPIPE and SIGXFSZ are held off for this write and taken back. They go to the thread that
  // wrote (pipe_write(), fs/pipe.c; generic_write_check_limits(), fs/read_write.c).
  sigset_t pipe;
  ::sigemptyset(&pipe);
  ::sigaddset(&pipe, SIGPIPE);
  ::sigaddset(&pipe, SIGXFSZ);
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), to));
  for (const int signal : {SIGPIPE, SIGXFSZ}) {
    if (::sigismember(&before, signal) != 0) ::sigdelset(&pipe, signal);
  }
  constexpr timespec kNow = {};
  while (::sigtimedwait(&pipe, nullptr, &kNow) > 0) {
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

int finish(std::string_view verb, int status, int lost) {
  const bool lost_before = std::ferror(stdout) != 0;
  const bool lost_now = std::fflush(stdout) != 0;
  if (!lost_before && !lost_now) return status;
  complain(verb, fmt::format("standard output: not everything could be written{}",
                             lost_now ? fmt::format(": {}", std::strerror(errno)) : ""));
  return status == kOk ? lost : status;
}

void occupy_closed_streams() {
  for (const int fd : {0, 1, 2}) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // open(2) gives the lowest free number, which is `fd`. O_PATH: reading and writing fail with
    // EBADF, as on a closed descriptor.
    static_cast<void>(::open("/", O_PATH | O_CLOEXEC));
  }
}

}  // namespace sysnare::cli
