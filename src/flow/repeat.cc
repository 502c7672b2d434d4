#include "flow/repeat.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"
#include "evidence/saturation.h"
#include "record/notes.h"
#include "record/saver.h"

namespace sysnare {
namespace {

constexpr int kEnding[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};
constexpr int kSignalBase = 128;

/// A handler has nothing else to write to. Set only while an EndWatch lives.
std::atomic<int> g_ending_signal{0};
static_assert(std::atomic<int>::is_always_lock_free);

extern "C" void note_ending(int signal) { g_ending_signal = signal; }

/// Notes the signals that come between two recordings, which would end us and lose everything seen.
/// Handlers, not a blocked mask: the programs started meanwhile would inherit the mask. What was
/// ignored (nohup) stays so.
class EndWatch {
 public:
  EndWatch() {
    g_ending_signal = 0;
    struct sigaction mine {};
    mine.sa_handler = note_ending;
    mine.sa_flags = SA_RESTART;
    for (int signal : kEnding) {
      struct sigaction old {};
      ::sigaction(signal, nullptr, &old);
      if (old.sa_handler == SIG_IGN) continue;
      ::sigaction(signal, &mine, nullptr);
      saved_.emplace_back(signal, old);
    }
  }
  ~EndWatch() {
    for (const auto& [signal, old] : saved_) ::sigaction(signal, &old, nullptr);
  }
  EndWatch(const EndWatch&) = delete;
  EndWatch& operator=(const EndWatch&) = delete;
  [[nodiscard]] int signal() const { return g_ending_signal; }

 private:
  std::vector<std::pair<int, struct sigaction>> saved_;
};

int shell_status(int wait_status) {
  return WIFSIGNALED(wait_status) ? kSignalBase + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/// The signal that says that the user wants an end: one that came to us, or that ended the program.
int ending_signal(const EndWatch& watch, const Recording& run) {
  if (watch.signal() != 0) return watch.signal();
  if (run.interrupted_by != 0) return run.interrupted_by;
  const int killed_by = WIFSIGNALED(run.wait_status) ? WTERMSIG(run.wait_status) : 0;
  return std::find(std::begin(kEnding), std::end(kEnding), killed_by) == std::end(kEnding)
             ? 0
             : killed_by;
}

/// Saves what the runs showed so far, none of which goes on.
void save_between(const Evidence& evidence, const RepeatOptions& options) {
  Evidence so_far = evidence;
  add_note(so_far, kNoteNotEnded);
  options.save(so_far);
}

}  // namespace

Result<Repeated> repeat_recording(const RepeatOptions& options) {
  Repeated all;
  EndWatch watch;
  RecordOptions record = options.record;
  record.early_signal = [&watch] { return watch.signal(); };
  std::optional<EvidenceSaver> saver;
  if (options.save && options.save_every.count() > 0) {
    Result<EvidenceSaver> started =
        EvidenceSaver::start(options.save_every, [&](const Evidence& now) {
          Evidence so_far = now;
          if (all.runs > 0) {
            so_far = all.last.evidence;
            merge_evidence(so_far, now);
          }
          add_note(so_far, kNoteNotEnded);
          options.save(so_far);
        });
    if (!started) return propagate(started);
    saver.emplace(std::move(*started));
    record.saver = &*saver;
  }
  while (all.runs < options.runs) {
    Result<Recording> run = options.recorder(record);
    if (!run) {
      if (all.runs == 0) return propagate(run);
      return propagate(run, "run {} of {}", all.runs + 1, options.runs);
    }
    if (all.runs == 0) {
      all.last = std::move(*run);
    } else {
      Evidence merged = std::move(all.last.evidence);
      merge_evidence(merged, run->evidence);
      all.last = std::move(*run);
      all.last.evidence = std::move(merged);
    }
    ++all.runs;
    if (!all.last.exec_error.empty()) break;
    ++all.statuses[shell_status(all.last.wait_status)];
    all.interrupted_by = ending_signal(watch, all.last);
    if (all.interrupted_by != 0) break;
    all.saturated =
        options.until_saturated != 0 && quiet_runs(all.last.evidence) >= options.until_saturated;
    if (all.saturated || all.runs == options.runs) break;
    // Runs that are shorter than that leave the saving to us.
    if (saver && saver->due()) save_between(all.last.evidence, options);
    if (options.progress) options.progress({all.runs, options.runs, all.last.evidence});
  }
  return all;
}

std::string status_text(const Repeated& repeated) {
  const auto good = repeated.statuses.find(0);
  const std::size_t bad = repeated.statuses.size() - (good == repeated.statuses.end() ? 0 : 1);
  if (bad == 0) return "";
  if (repeated.runs == 1) {
    return fmt::format("the command ended with status {}", repeated.statuses.begin()->first);
  }
  std::vector<std::string> parts;
  for (const auto& [status, runs] : repeated.statuses) {
    parts.push_back(fmt::format("{} in {}", status, runs));
  }
  return fmt::format("the command ended with status {} of {}", fmt::join(parts, ", "),
                     plural(repeated.runs, "run"));
}

}  // namespace sysnare
