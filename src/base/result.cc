#include "base/result.h"

#include <cerrno>
#include <cstring>

namespace sysnare {

Failure fail_errno_text(int sys_errno, std::string message) {
  Errc code = Errc::kSystem;
  switch (sys_errno) {
    case EPERM:
    case EACCES:
      code = Errc::kNoPermission;
      break;
    case ENOENT:
    case ESRCH:
      code = Errc::kNotFound;
      break;
    case ENOSYS:
      code = Errc::kUnsupported;
      break;
    default:
      break;
  }
  // strerrordesc_np: no shared buffer, and no translation that a test or a script would trip over.
  const char* words = strerrordesc_np(sys_errno);
  std::string why = words != nullptr ? words : "errno " + std::to_string(sys_errno);
  return Failure(Error{code, std::move(message) + ": " + why, sys_errno});
}

}  // namespace sysnare
