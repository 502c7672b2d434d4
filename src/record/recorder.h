#pragma once
// What did the program call? The seam between `trace` and whatever watches the kernel.
//
// Every recorder passes the contract tests in tests/live/recorder_contract_test.cc.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "evidence/evidence.h"
#include "record/ready.h"
#include "record/saver.h"

namespace sysnare {

/// How much is kept of each call. The eBPF recorder gets cheaper with less; ptrace always keeps
/// all.
enum class RecordDetail : std::uint8_t {
  kExactTime,  ///< counts, errors, the time of each call
  kTime,       ///< the same; by eBPF the times of short calls may be samples
  kErrors,     ///< counts and errors
  kCounts,     ///< counts alone
};

/// What is known of the container that a recording of cgroups is about. Its runtime's calls before
/// the exec of the container's own program have origin `runtime` from the moment on in which a
/// filter is loaded, and are left out before.
enum class ContainerStage : std::uint8_t {
  kNone,      ///< no container: whatever happens in the cgroups is the application
  kRunning,   ///< the program runs; who comes in from outside is the runtime until its exec
  kNotBegun,  ///< who is in the cgroups already is the runtime too
};

struct RecordOptions {
  std::vector<std::string> command;  ///< launch this, or
  std::vector<pid_t> attach;         ///< attach to these with all their threads, or
  /// follow whatever lives in these cgroup directories or below, now and later, also where one is
  /// removed and made again. All are of one hierarchy: v2, or one of v1. With `command` that is
  /// launched and waited for, and its own calls are not recorded: it starts what lives in the
  /// cgroups. Ends when the command has ended and nothing lives there; without a command, once
  /// something has lived there (an empty cgroup is waited for), or by a signal. eBPF alone.
  std::vector<std::string> cgroups;
  ContainerStage container = ContainerStage::kNone;  ///< with `cgroups`
  /// Once nothing lives in `cgroups` any more, how long something is waited for that may live there
  /// again: a systemd unit that restarts, in a new cgroup of the same path.
  std::chrono::milliseconds restart_wait{0};
  bool awaits_first = true;  ///< `cgroups` that are empty at the start are waited for, not ended
  bool host = false;         ///< or every process but our own, until a signal comes; eBPF alone
  bool stacks = false;       ///< keep the code path of each call
  bool sites = false;        ///< keep the calling instruction of each call
  bool follow = true;        ///< children too
  RecordDetail detail = RecordDetail::kTime;
  /// When the steady phase begins; SIGUSR1 to us says it in any case. Where the start of the program
  /// is not seen (no command, and no container that begins), only a time and the signal do.
  ReadyOptions ready;
  /// Calls before a launched program's main are phase `load`, else `start`. By eBPF it takes a
  /// uprobe, and the kernel some 0.1 s to take that out at the end.
  bool tell_load = true;
  /// Called once, when everything asked for is watched (and a command is about to be executed).
  std::function<void()> on_armed;
  /// A signal that came to the caller's own handler before a recorder listens (loading eBPF
  /// programs takes its time), 0 for none: handled as if it came now. May be empty.
  std::function<int()> early_signal;
  /// Gets the evidence so far whenever it is due; may be null.
  const EvidenceSaver* saver = nullptr;
};

struct Recording {
  Evidence evidence;
  int wait_status = 0;  ///< of the launched command, as waitpid gives it
  /// The last SIGINT, SIGQUIT, SIGTERM or SIGHUP that came to us, from the terminal too; 0 for
  /// none. Who repeats recordings stops then.
  int interrupted_by = 0;
  bool detached = false;         ///< ended by a signal to us, with the tracees still running
  std::string exec_error;        ///< set when the command could not be executed; one sentence
  int exit_code_of_failure = 0;  ///< 126 or 127 in that case
};

/// Whether `options` name one thing to record. Errors: kUsage.
Result<void> check_subject(const RecordOptions& options);

/// Watches until the command and everything it started has ended, or until SIGINT/SIGTERM/SIGHUP
/// (attach: detach; launch: the signal goes to the command). Needs no privilege. Cgroups and the
/// host are kUnsupported.
Result<Recording> record_ptrace(const RecordOptions& options);

/// The same by eBPF programs, at tens of nanoseconds a call. `stacks` is kUnsupported.
/// Errors: before anything is started, kNoPermission where this user may not, kUnsupported where
/// this kernel cannot; one sentence.
Result<Recording> record_ebpf(const RecordOptions& options);

/// By eBPF where it can, else by ptrace; Evidence::recorder says which it was, and a note why,
/// where it is more than a lack of privilege.
Result<Recording> record_auto(const RecordOptions& options);

}  // namespace sysnare
