#pragma once
// What did this command print, how did it end, and how long did it take?

#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"

namespace sysnare::bench {

struct Ran {
  int status = -1;         ///< as a shell gives it: 128 + signal
  bool timed_out = false;  ///< killed at the deadline
  double ms = 0;           ///< from fork to its end
  double cpu_ms = 0;       ///< processor time of it and its children, user's and kernel's
  double memory_mb = 0;    ///< the most that was resident at once, of the largest process
  std::string out;
  std::string err;
};

/// A command that runs beside us, in a process group of its own. It is asked to end (SIGTERM) when
/// we die, and its group is killed when this goes out of scope.
class Background {
 public:
  /// `argv` is looked up in PATH; a command that is not there ends with status 127 and no word.
  /// `cpu`: the only processor that it and its children may use.
  explicit Background(const std::vector<std::string>& argv, std::optional<int> cpu = {});
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  ~Background();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool has_ended();
  /// What it wrote so far.
  [[nodiscard]] std::string out() const;
  [[nodiscard]] std::string err() const;
  void signal(int number) const;
  /// Waits for its end; at `deadline` the group is killed.
  Ran wait(std::chrono::milliseconds deadline);

 private:
  void reap(int status, const ::rusage& usage);

  pid_t pid_ = -1;
  Fd out_;
  Fd err_;
  std::chrono::steady_clock::time_point start_;
  Ran ran_;
  bool ended_ = false;
};

/// Runs `argv` to its end.
Ran run_command(const std::vector<std::string>& argv, std::chrono::seconds deadline,
                std::optional<int> cpu = {});

/// Why a command that ended so has no figure: "not installed", "exit status 125: …".
std::string failure_of(const Ran& ran);

/// The first line of `text` that is not empty, cut and safe to print; "no message" without one.
std::string first_line(const std::string& text);

std::vector<std::string> words_of(const std::string& line);

}  // namespace sysnare::bench
