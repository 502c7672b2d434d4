#pragma once
// How does a recording by eBPF begin and end? The loop around the programs.
//
// The command waits in our launcher until the programs are attached and it is followed, so that its
// exec is the first call they count. From then on we sleep: nothing of ours runs for a call. The
// end is that of the last follower, told by the ring buffer.
//
// Source: docs/adr/0021-ebpf-recorder.md.
// Not modelled: code paths (the ptrace recorder has them).

#include <signal.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "process/job_control.h"
#include "process/launch.h"
#include "process/output_tap.h"
#include "process/waiter.h"
#include "record/ebpf/executable_files.h"
#include "record/ebpf/module_files.h"
#include "record/ebpf/programs.h"
#include "record/recorder.h"

namespace sysnare {

class EbpfRecorder {
 public:
  /// `programs` are attached.
  EbpfRecorder(const RecordOptions& options, EbpfPrograms programs);
  ~EbpfRecorder();
  EbpfRecorder(const EbpfRecorder&) = delete;
  EbpfRecorder& operator=(const EbpfRecorder&) = delete;
  Result<Recording> record();

 private:
  Result<void> begin();
  Result<void> launch();
  Result<void> attach();
  Result<void> follow(pid_t pid);
  Result<void> watch();
  /// Whether the recording is over once nobody lives.
  [[nodiscard]] bool may_end();
  /// Whether something may live again in a cgroup in which nothing does.
  [[nodiscard]] bool awaits_restart();
  /// Nobody can come into a cgroup whose directory is no more.
  [[nodiscard]] bool cgroups_are_gone() const;
  /// Whether cgroups or the host decide who is followed, and not who we started or were given.
  [[nodiscard]] bool by_scope() const { return options_.host || !options_.cgroups.empty(); }
  void read_command();
  void read_signals();
  /// Puts a probe where the launched program's main begins.
  Result<void> watch_main();
  /// Milliseconds until --ready-after, at most `most` (-1: none).
  [[nodiscard]] int wait_ms(int most) const;
  void mark_ready(const char* by);
  Result<void> read_events();
  /// What was seen so far. At any time.
  Result<Evidence> so_far();
  Result<void> finish();

  const RecordOptions& options_;
  EbpfPrograms programs_;
  JobControl jobs_;
  sigset_t mask_before_{};
  Waiter waiter_;
  Fd children_;  ///< signalfd of SIGCHLD
  Recording recording_;
  std::optional<Launch> launch_;
  ExecutableFiles files_;
  ModuleFiles modules_;
  pid_t command_ = 0;  ///< the launched process while it lives, else 0
  bool stop_asked_ = false;
  bool has_lived_ = false;  ///< somebody in the cgroups
  std::uint64_t quiet_since_ns_ =
      0;  ///< since when nobody lives there, as far as seen; 0: somebody does
  std::uint64_t started_ns_ = 0;  ///< CLOCK_MONOTONIC when the command was let go, or we attached
  bool ready_ = false;            ///< marked by us
  std::optional<OutputTap> output_;        ///< with ReadyOptions::text
  std::atomic<std::uint64_t> text_ns_{0};  ///< when that came, by the tap's thread
};

}  // namespace sysnare
