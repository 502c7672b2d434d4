#pragma once
// How does the supervisor wait when the program has taken its descriptors' limit away?
//
// A program of our user can set our RLIMIT_NOFILE to 0 by prlimit(2), which asks for equal users
// and no more. From then on poll(2) answers EINVAL, for it allows no more entries than the limit
// (do_sys_poll(), fs/select.c, Linux 6.18). epoll has no such limit, but for the descriptor that it
// needs itself, so that is opened before the program starts. select(2) would do too, but does not
// tell a listener's POLLIN from its POLLHUP.

#include <poll.h>

#include <vector>

#include "base/fd.h"

namespace sysnare {

class Waiter {
 public:
  /// Without a descriptor of its own (none left) wait() is poll(2) alone.
  Waiter();
  /// As poll(2): fills in `revents`; the number of ready entries, -1 with errno for an error.
  int wait(std::vector<pollfd>& waits, int timeout_ms) const;

 private:
  Fd epoll_;
};

}  // namespace sysnare
