#pragma once
// Which calls does a program try first and do without when the kernel does not have them?
//
// For these ENOSYS is the right way to refuse: the caller then takes its older way, which is in the
// evidence. EPERM makes the same program fail (`pthread_create` with clone3 in glibc 2.34 and
// later).
//
// Source: glibc 2.42 (file named in each row), musl 1.2, and the named programs. Not here:
// execveat, though glibc's fexecve has a fallback: a new program must never pass a trip wire
// unseen.

#include <span>
#include <string_view>

namespace sysnare {

struct Fallback {
  std::string_view call;
  std::string_view because;  ///< who falls back, and to what
  /// The older calls, separated by blanks; empty where callers also take another error than ENOSYS.
  std::string_view older;
};

/// All of them, sorted by call. An ABI may lack some.
std::span<const Fallback> fallbacks();

}  // namespace sysnare
