#pragma once
// How does a function say that it can fail? It returns Result<T>.
//
// A class of our own, not an alias: [[nodiscard]] on an alias of tl::expected would let a dropped
// error compile silently.

#include <fmt/core.h>

#include <tl/expected.hpp>
#include <utility>

#include "base/error.h"

namespace sysnare {

template <typename T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

using Failure = tl::unexpected<Error>;

/// Makes the failing return value of any Result.
template <typename... Args>
Failure fail(Errc code, fmt::format_string<Args...> format, Args&&... args) {
  return Failure(Error{code, fmt::vformat(format, fmt::make_format_args(args...)), 0});
}

/// Failure of a system call: the code follows from `sys_errno` (EPERM and EACCES are kNoPermission,
/// ENOENT and ESRCH kNotFound, ENOSYS kUnsupported, else kSystem) and ": strerror" is appended.
Failure fail_errno_text(int sys_errno, std::string message);

template <typename... Args>
Failure fail_errno(int sys_errno, fmt::format_string<Args...> format, Args&&... args) {
  return fail_errno_text(sys_errno, fmt::vformat(format, fmt::make_format_args(args...)));
}

/// Hands the error of `result` on, unchanged. Precondition: `result` holds an error.
template <typename T>
Failure propagate(Result<T>& result) {
  return Failure(std::move(result.error()));
}

/// Hands the error of `result` on with "context: " in front.
template <typename T, typename... Args>
Failure propagate(Result<T>& result, fmt::format_string<Args...> format, Args&&... args) {
  Error error = std::move(result.error());
  error.message =
      fmt::vformat(format, fmt::make_format_args(args...)) + ": " + std::move(error.message);
  return Failure(std::move(error));
}

}  // namespace sysnare
