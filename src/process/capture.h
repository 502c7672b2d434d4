#pragma once
// What does this other program print, and what if it never ends? Run it with a time limit.
//
// For programs that we ask something (engines, compilers), not for the user's own command: they get
// /dev/null as standard input and a process group of their own, which is killed at the limit.

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace sysnare {

/// Most that is kept of each stream; the rest is read and dropped.
inline constexpr std::size_t kMaxCaptured = 4u << 20;

struct CaptureJob {
  std::vector<std::string> argv = {};         ///< argv[0] by PATH
  std::string cwd = {};                       ///< empty: ours
  std::vector<std::string> environment = {};  ///< "NAME=value", added to ours
  bool join = false;                          ///< stderr into `out`, in the order written
};

struct Captured {
  bool started = false;  ///< false: could not be executed
  bool timed_out = false;
  int status = -1;  ///< exit status as a shell gives it
  std::string out;
  std::string err;
  [[nodiscard]] bool ok() const { return started && !timed_out && status == 0; }
};

/// Runs all `jobs` at once and waits for them, for `limit` at most. Results in the order of `jobs`.
std::vector<Captured> capture_all(const std::vector<CaptureJob>& jobs,
                                  std::chrono::milliseconds limit);
Captured capture(const CaptureJob& job, std::chrono::milliseconds limit);

/// Every executable file `name` in PATH, each real file once, in the order of PATH.
std::vector<std::string> programs_in_path(const std::string& name);

}  // namespace sysnare
