#pragma once
// What is an Error here? Our own failure to do what was asked, in one sentence for a person.
//
// A refused call is a verdict and a mismatch is a finding; neither is an Error.

#include <cstdint>
#include <string>

namespace sysnare {

/// The class of a failure; it decides the exit status of a verb and what a caller may do about it.
enum class Errc : std::uint8_t {
  kUsage,         ///< the request makes no sense (contradicting options, a value out of range)
  kBadInput,      ///< a file, profile or evidence that cannot be used as it is
  kNotFound,      ///< a file, program, process or name that does not exist
  kNoPermission,  ///< the kernel or a file system said no
  kUnsupported,   ///< this kernel, ABI or build cannot do it
  kLimit,         ///< a named limit of ours was reached
  kSystem,        ///< any other failing system call
};

struct Error {
  Errc code = Errc::kSystem;
  std::string message;  ///< lower case, no full stop, names input, value and limit
  int sys_errno = 0;    ///< the errno behind it, 0 when there is none
};

}  // namespace sysnare
