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
  // A message without a reader must not cost the command's status: SIGPIPE is held off for this
  // write and taken back. It goes to the thread that wrote (pipe_write(), fs/pipe.c).
  sigset_t pipe;
  ::sigemptyset(&pipe);
  ::sigaddset(&pipe, SIGPIPE);
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), to));
  if (::sigismember(&before, SIGPIPE) == 0) {
    constexpr timespec kNow = {};
    ::sigtimedwait(&pipe, nullptr, &kNow);
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
