#include "tripwire/listener.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

// Linux 5.19; newer than the headers of some build machines.
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

namespace sysnare {

bool call_waits(int listener) {
  pollfd wait{listener, POLLIN, 0};
  return ::poll(&wait, 1, 0) > 0 && (wait.revents & POLLIN) != 0;
}

bool still_held(int listener, const seccomp_notif& call) {
  std::uint64_t id = call.id;
  return ::ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

std::uint64_t wait_killable_flag() {
  // No program: EFAULT once the flags are accepted, EINVAL where one of them is unknown.
  constexpr unsigned long kFlags =
      SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  const long done = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, kFlags, nullptr);
  return done < 0 && errno == EFAULT ? SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV : 0;
}

}  // namespace sysnare
