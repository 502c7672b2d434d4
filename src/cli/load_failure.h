#pragma once
// Why does the kernel not load a filter, and what can the user do about it?
//
// Source: seccomp(2); kernel/seccomp.c seccomp_set_mode_filter(), has_duplicate_listener(),
// Linux 6.18.

#include <string>

namespace sysnare::cli {

struct LoadFailure {
  std::string profile;           ///< the file
  int sys_errno = 0;             ///< of prctl or seccomp
  bool privileged_load = false;  ///< --privileged-load was given
  std::string without_listener;  ///< what to do where no second listener can be had
};

/// One sentence.
std::string load_failure_sentence(const LoadFailure& failure);

}  // namespace sysnare::cli
