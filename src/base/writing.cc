#include "base/writing.h"

#include <poll.h>
#include <sys/select.h>

#include <cerrno>
#include <ctime>
#include <initializer_list>

namespace sysnare {

bool takes_writing(int fd, int timeout_ms) {
  pollfd wait{fd, POLLOUT, 0};
  const int ready = ::poll(&wait, 1, timeout_ms);
  if (ready >= 0 || errno != EINVAL || fd < 0 || fd >= FD_SETSIZE) return ready > 0;
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  timeval timeout{timeout_ms / 1000, (timeout_ms % 1000) * 1000};
  return ::select(fd + 1, nullptr, &set, nullptr, &timeout) > 0;
}

NoSignalOfWriting::NoSignalOfWriting(int also) {
  ::sigemptyset(&ours_);
  ::sigaddset(&ours_, SIGXFSZ);
  if (also != 0) ::sigaddset(&ours_, also);
  ::pthread_sigmask(SIG_BLOCK, &ours_, &before_);
  for (const int signal : {SIGXFSZ, also}) {
    if (signal != 0 && ::sigismember(&before_, signal) != 0) ::sigdelset(&ours_, signal);
  }
}

NoSignalOfWriting::~NoSignalOfWriting() {
  const int error = errno;
  constexpr timespec kNow = {};
  while (::sigtimedwait(&ours_, nullptr, &kNow) > 0) {
  }
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  errno = error;
}

}  // namespace sysnare
