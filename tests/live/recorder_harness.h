#pragma once
// How does a test run a recorder, and what does strace say of the same program?
//
// A recorder runs in a forked process of its own: it reaps every child of its process, takes
// signals, and may hang, which a deadline ends.

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "record/recorder.h"

namespace sysnare::live {

using Recorder = Result<Recording> (*)(const RecordOptions&);

struct Recorded {
  bool timed_out = false;
  std::string error;  ///< of the recorder; the rest is empty then
  Recording recording;
  int recorder_status = 0;  ///< of the process that the recorder ran in
  std::string out;          ///< what the program wrote to standard output
};

/// A recorder at work, in a process group of its own.
class RecorderProcess {
 public:
  RecorderProcess(Recorder recorder, const RecordOptions& options);
  ~RecorderProcess();
  RecorderProcess(const RecorderProcess&) = delete;
  RecorderProcess& operator=(const RecorderProcess&) = delete;
  [[nodiscard]] int pid() const { return pid_; }
  /// Whether it watches by now all that it shall.
  [[nodiscard]] bool armed() const;
  /// What the program has written to standard output so far.
  [[nodiscard]] std::string out_so_far() const;
  /// Waits for its end. At the deadline its group is killed.
  Recorded wait(std::chrono::seconds deadline = std::chrono::seconds(120));

 private:
  int pid_ = -1;
  bool reaped_ = false;
  std::string out_file_;
  std::string evidence_file_;
  std::string outcome_file_;
  std::string armed_file_;
};

/// Sees that a recorder, which waits by now, woke and waits again: that it took note of what came.
class RecorderTurn {
 public:
  explicit RecorderTurn(const RecorderProcess& recorder);
  /// Waits for it; whether it came.
  [[nodiscard]] bool is_over() const;

 private:
  int pid_;
  std::uint64_t before_;  ///< switches
};

Recorded record(Recorder recorder, const RecordOptions& options);
Recorded record(Recorder recorder, const std::vector<std::string>& command);

/// The status of a victim whose alarm came before the call that it shall interrupt: it says nothing
/// then, and is run again, so many times at most.
inline constexpr int kTooEarly = 75;
inline constexpr int kMostEarly = 20;

/// How often a call was begun, and how often it failed with each errno; by name, all ABIs and
/// origins together.
struct Tally {
  std::uint64_t count = 0;
  std::map<std::string, std::uint64_t> errors;
  bool operator==(const Tally&) const = default;
};
using Tallies = std::map<std::string, Tally>;
Tallies tallies_of(const Evidence& evidence);
/// Those of `strace -f` running `command`, call by call.
Tallies strace_log(const std::vector<std::string>& command);
/// Those of the table of `strace -c -f`; errors all under the name "".
Tallies strace_table(const std::vector<std::string>& command);
/// One line a difference; empty when there is none.
std::string differences(const Tallies& ours, const Tallies& theirs);

}  // namespace sysnare::live
