#pragma once
/// \file
/// How does a function of this library say that it failed? It returns Result<T>: a value or an
/// Error.
///
/// Nothing here throws but std::bad_alloc, and nothing prints. All types are values: copies are
/// independent, and different objects may be used by different threads at once.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace sysnare::v1 {

/// The class of a failure: what a caller may do about it.
enum class ErrorKind : std::uint8_t {
  kUsage,         ///< the request makes no sense
  kBadInput,      ///< a file or text that cannot be used as it is
  kNotFound,      ///< a file or name that does not exist
  kNoPermission,  ///< the kernel or a file system said no
  kUnsupported,   ///< this kernel, ABI or build cannot do it
  kLimit,         ///< a named limit was reached
  kSystem,        ///< any other failing system call
};

struct Error {
  ErrorKind kind = ErrorKind::kSystem;
  /// One sentence for a person: what, where, which value, what is allowed. Lower case, no full
  /// stop.
  std::string message;
};

/// A T, or the Error that kept it from being made.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return value_.has_value(); }
  /// Precondition of these: there is a value.
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }
  /// Precondition: there is none.
  [[nodiscard]] const Error& error() const { return error_; }

 private:
  std::optional<T> value_;
  Error error_;
};

}  // namespace sysnare::v1
