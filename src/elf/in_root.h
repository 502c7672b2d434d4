#pragma once
// How is a path opened so that neither ".." nor a symbolic link leads out of a directory?
// For .cc files of this room alone.
//
// Source: openat2(2), RESOLVE_IN_ROOT; Linux 5.6.

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/fd.h"

namespace sysnare {

/// openat2 of `path` with the directory `root` as "/"; errno says why it failed.
inline Fd open_in_root(int root, const std::string& path, int flags, unsigned mode = 0) {
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
  how.mode = mode;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  // EAGAIN: something was renamed meanwhile, and the kernel could not tell whether ".." led out.
  for (int tries = 0;; ++tries) {
    const long fd = ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
    if (fd >= 0) return Fd(static_cast<int>(fd));
    if (errno != EAGAIN || tries == 100) return Fd();
  }
}

}  // namespace sysnare
