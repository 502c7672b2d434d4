#pragma once
// How does a stop of a tracee become a count? The loop of the ptrace recorder.
//
// A call is counted at its entry, so that exit and a call cut short by death count too; its return
// adds time and errno. Between the two the kernel says by PTRACE_GET_SYSCALL_INFO which of them a
// stop is; no toggling state of ours can get out of step.
//
// Source: ptrace(2); kernel/ptrace.c, kernel/signal.c, kernel/fork.c, Linux 6.18.
// Not modelled: children made with CLONE_UNTRACED (the kernel hides them from tracers; they are
// counted as lost), operations of io_uring (a note says so).

#include <sys/ptrace.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/result.h"
#include "process/job_control.h"
#include "process/launch.h"
#include "process/output_tap.h"
#include "record/ptrace/call_table.h"
#include "record/ptrace/signal_waker.h"
#include "record/ptrace/sites.h"
#include "record/ptrace/stacks.h"
#include "record/ptrace/tracees.h"
#include "record/ptrace/tracer_place.h"
#include "record/recorder.h"

namespace sysnare {

class PtraceRecorder {
 public:
  explicit PtraceRecorder(const RecordOptions& options) : options_(options) {}
  Result<Recording> record();

 private:
  Result<void> launch();
  Result<void> attach();
  Result<void> watch();
  /// Takes the stops that are there already, so that busy threads cannot keep others waiting.
  void take_waiting_stops();
  void handle(pid_t thread, int status);
  void on_end(pid_t thread, int status);
  void on_stop(pid_t thread, int status);
  void on_birth(Tracee& parent);
  void on_exec(pid_t leader);
  /// False when the stop is not the one that was reported: its own report is on its way.
  bool on_call_stop(Tracee& tracee);
  void on_entry(Tracee& tracee, const __ptrace_syscall_info& info);
  void on_return(Tracee& tracee, const __ptrace_syscall_info& info, std::uint64_t now);
  /// Where in the program a call comes from, as far as the options ask for it.
  void look_at_code(Tracee& tracee, const __ptrace_syscall_info& info);
  void on_mapping_changed(const Tracee& tracee, const CallCounter& call, std::uint64_t result);
  /// What is known about the code of `process` holds no longer.
  void forget_code(pid_t process);
  void on_group_stop(pid_t thread, int signal);
  /// Lets a stopped tracee go on; for good when we detach.
  void go_on(pid_t thread, int signal);
  [[nodiscard]] bool is_foreign_child(const Tracee& tracee) const;
  void read_signals();
  /// A call begins: is it the ready mark, or is its time over?
  void look_for_ready(const CallCounter& call);
  void mark_ready(const std::string& by);
  void detach_all();
  void forget_those_who_never_came();
  /// What was seen so far. At any time.
  [[nodiscard]] Evidence so_far() const;
  void finish();

  const RecordOptions& options_;
  JobControl jobs_;
  Recording recording_;
  CallTable calls_;
  Tracees tracees_;
  TracerPlace place_;
  std::optional<SignalWaker> waker_;
  std::optional<Launch> launch_;
  std::optional<SiteCounter> sites_;
  std::optional<StackSampler> stacks_;
  std::vector<std::pair<pid_t, int>> waiting_;
  pid_t command_ = 0;                      ///< the launched process while it lives, else 0
  std::set<pid_t> attached_;               ///< processes that we attached to
  std::uint64_t children_unfollowed_ = 0;  ///< left alone, as the options ask for
  unsigned stops_in_turn_ = 0;
  bool stop_asked_ = false;
  bool detaching_ = false;
  std::uint64_t unix_offset_ns_ = 0;  ///< CLOCK_REALTIME less CLOCK_MONOTONIC
  std::uint64_t started_ns_ = 0;      ///< when the command was let go, or we had attached
  bool ready_ = false;                ///< what comes is in phase steady
  bool listened_ = false;
  std::optional<OutputTap> output_;  ///< with ReadyOptions::text
  std::atomic<bool> text_came_{false};
};

}  // namespace sysnare
