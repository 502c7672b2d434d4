#pragma once
// What did this command print, how did it end, and how long did it take?

#include <chrono>
#include <string>
#include <vector>

namespace sysnare::bench {

struct Ran {
  int status = -1;         ///< as a shell gives it: 128 + signal
  bool timed_out = false;  ///< killed at the deadline
  double ms = 0;           ///< from fork to its end
  std::string out;
  std::string err;
};

/// Runs `argv` (looked up in PATH) in a process group of its own, which is killed at `deadline`.
Ran run_command(const std::vector<std::string>& argv, std::chrono::seconds deadline);

}  // namespace sysnare::bench
