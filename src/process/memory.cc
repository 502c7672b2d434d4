#include "process/memory.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"

namespace sysnare {

std::size_t read_memory(pid_t pid, std::uint64_t address, void* buffer, std::size_t length) {
  if (length == 0 || address > UINT64_MAX - length) return 0;
  iovec local{buffer, length};
  iovec remote{reinterpret_cast<void*>(static_cast<std::uintptr_t>(address)), length};
  const ssize_t got = ::process_vm_readv(pid, &local, 1, &remote, 1, 0);
  if (got > 0) return static_cast<std::size_t>(got);
  if (got < 0 && (errno == ENOSYS || errno == EPERM)) {
    // A seccomp filter around ourselves may refuse the call (Docker's default did before 19.03).
    const Fd file(::open(fmt::format("/proc/{}/mem", pid).c_str(), O_RDONLY | O_CLOEXEC));
    const ssize_t from_file =
        file ? ::pread(file.get(), buffer, length, static_cast<off_t>(address)) : -1;
    return from_file > 0 ? static_cast<std::size_t>(from_file) : 0;
  }
  return 0;
}

}  // namespace sysnare
