#pragma once
// How is a descriptor written to that may have no reader, no room, or a limit on its file's size?

#include <signal.h>

namespace sysnare {

/// Whether writing to `fd` would not block within `timeout_ms`, or would fail at once. Also where
/// poll(2) answers EINVAL since our RLIMIT_NOFILE is 0 (see process/waiter.h); regular files can
/// always be written, which epoll(7) does not know.
bool takes_writing(int fd, int timeout_ms);

/// While it lives, writing past RLIMIT_FSIZE is EFBIG and no signal that ends us. It comes to the
/// thread that wrote (generic_write_check_limits(), fs/read_write.c, Linux 6.18), so it is blocked
/// for the write and taken back. `also`: SIGPIPE likewise, which pipe_write(), fs/pipe.c, sends.
class NoSignalOfWriting {
 public:
  explicit NoSignalOfWriting(int also = 0);
  ~NoSignalOfWriting();
  NoSignalOfWriting(const NoSignalOfWriting&) = delete;
  NoSignalOfWriting& operator=(const NoSignalOfWriting&) = delete;

 private:
  sigset_t ours_{};    ///< blocked by us: what is pending of it came while we lived
  sigset_t before_{};  ///< the mask to go back to
};

}  // namespace sysnare
