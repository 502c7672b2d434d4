#include "base/proc.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "base/text.h"

namespace sysnare {

Result<void> check_proc() {
  std::array<char, 32> link{};
  const ssize_t size = ::readlink("/proc/self", link.data(), link.size());
  if (size >= 0) {
    const auto number = parse_u64(std::string_view(link.data(), static_cast<std::size_t>(size)));
    if (number == static_cast<std::uint64_t>(::getpid())) return {};
  } else if (errno != ENOENT || ::access("/proc/uptime", F_OK) != 0) {
    return {};
  }
  return fail(Errc::kSystem,
              "/proc is that of another PID namespace, so what it says of processes is about "
              "others: mount one for this namespace (`mount -t proc proc /proc`, or start us by "
              "`unshare --pid --fork --mount-proc`)");
}

}  // namespace sysnare
