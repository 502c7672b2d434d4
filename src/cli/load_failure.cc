#include "cli/load_failure.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace sysnare::cli {

std::string load_failure_sentence(const LoadFailure& failure) {
  std::string why = std::strerror(failure.sys_errno);
  if (failure.sys_errno == EBUSY) {
    // Filters are inherited, and with them the one listener that a task can have.
    why = fmt::format(
        "this shell, or whatever started us, already is under a filter with a listener (of another "
        "`sysnare watch`, or of a container engine), and the kernel allows one; {}",
        failure.without_listener);
  } else if (failure.sys_errno == EACCES && failure.privileged_load) {
    why +=
        "; without no_new_privs that needs CAP_SYS_ADMIN: leave --privileged-load out, or run as "
        "root";
  } else if (failure.sys_errno == EINVAL) {
    why +=
        "; this kernel does not know all its flags, or another filter forbids it: `sysnare doctor` "
        "says what works here";
  } else {
    why += "; `sysnare doctor` says what works here";
  }
  return fmt::format("{}: the kernel does not load the filter: {}", printable(failure.profile),
                     why);
}

}  // namespace sysnare::cli
