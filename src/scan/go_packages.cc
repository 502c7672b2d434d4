#include "scan/go_packages.h"

#include <algorithm>
#include <array>

namespace sysnare {

bool is_of_go(std::string_view name) {
  // What is generic is made where it is used, and has the user's code in it.
  if (name.find('[') != std::string_view::npos) return false;
  // A package's path ends at the first '.' behind its last '/': others there are escaped
  // (objabi.PathToPrefix of Go 1.19).
  const std::size_t last = name.rfind('/');
  const std::size_t dot = name.find('.', last == std::string_view::npos ? 0 : last);
  if (dot == std::string_view::npos) return false;  // of C
  const std::string_view package = name.substr(0, dot);
  constexpr std::array<std::string_view, 8> kOwn = {
      "syscall", "os", "net", "runtime", "sync", "time", "reflect", "golang.org/x/sys/unix"};
  constexpr std::array<std::string_view, 4> kBelow = {"internal/", "os/", "net/", "runtime/"};
  return std::find(kOwn.begin(), kOwn.end(), package) != kOwn.end() ||
         std::any_of(kBelow.begin(), kBelow.end(),
                     [&](std::string_view own) { return package.starts_with(own); });
}

// fcntl64Syscall of src/syscall/flock.go, FcntlSyscall of src/internal/syscall/unix/nonblocking.go
// and src/internal/poll/fcntl_syscall.go (Go 1.19).
bool reads_own_number(std::string_view name) {
  return name == "syscall.FcntlFlock" || name == "internal/syscall/unix.IsNonblock" ||
         name == "internal/poll.fcntl";
}

}  // namespace sysnare
