#pragma once
// What does a program call over several runs? Records it again and again and merges what was seen.
//
// One run shows what that run needed: Go's scheduler alone makes calls that come in one of fifteen
// runs. How long nothing new has come is in the evidence (last_new_run).

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "record/recorder.h"

namespace sysnare {

/// Most runs in one go: years of them, so that a slip of a finger is refused and nothing else.
inline constexpr std::uint64_t kMaxRuns = 1'000'000;

/// Where the recordings stand after a run; for progress.
struct RunProgress {
  std::uint64_t done = 0;
  std::uint64_t wanted = 0;
  const Evidence& so_far;
};

struct RepeatOptions {
  RecordOptions record;
  std::uint64_t runs = 1;
  /// Called after each run but the last; may be empty.
  std::function<void(const RunProgress&)> progress;
  /// Stops as soon as so many runs in a row showed no new call; 0: takes all runs.
  std::uint64_t until_saturated = 0;
  /// Gets what all runs showed so far each time that `save_every` has passed, within a run too; a
  /// note in it says that the recording had not ended. Empty, or 0: never.
  std::function<void(const Evidence&)> save;
  std::chrono::milliseconds save_every{0};
  std::function<Result<Recording>(const RecordOptions&)> recorder = record_auto;  ///< what records
};

struct Repeated {
  Recording last;          ///< the last run; its evidence is that of all runs
  std::uint64_t runs = 0;  ///< how many there were
  int interrupted_by = 0;  ///< the signal that ended it early, 0 for none
  bool saturated = false;  ///< ended by RepeatOptions::until_saturated
  /// Exit status as a shell gives it -> in how many runs.
  std::map<int, std::uint64_t> statuses;
};

/// Records `options.runs` runs. SIGINT, SIGQUIT, SIGTERM and SIGHUP to us, or a run that one of
/// them ended, make the run at hand the last: what was seen until then is kept. A run whose program
/// could not be executed is the last too (Recording::exec_error).
///
/// Errors: as the recorder; also when a later run fails, since something is wrong then.
Result<Repeated> repeat_recording(const RepeatOptions& options);

/// "the command ended with status 0 in 17, 1 in 3 of 20 runs"; empty when all ended
/// with 0.
std::string status_text(const Repeated& repeated);

}  // namespace sysnare
