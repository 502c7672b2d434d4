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

namespace sysnare {

/// How much is kept of each call. The eBPF recorder gets cheaper with less; ptrace always keeps
/// all.
enum class RecordDetail : std::uint8_t {
  kTime,    ///< counts, errors, time
  kErrors,  ///< counts and errors
  kCounts,  ///< counts alone
};

struct RecordOptions {
  std::vector<std::string> command;  ///< launch this, or
  std::vector<pid_t> attach;         ///< attach to these with all their threads
  bool stacks = false;               ///< keep the code path of each call
  bool sites = false;                ///< keep the calling instruction of each call
  bool follow = true;                ///< children too
  RecordDetail detail = RecordDetail::kTime;
  /// Called once, when everything asked for is watched (and a command is about to be executed).
  std::function<void()> on_armed;
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

/// Watches until the command and everything it started has ended, or until SIGINT/SIGTERM/SIGHUP
/// (attach: detach; launch: the signal goes to the command). Needs no privilege.
Result<Recording> record_ptrace(const RecordOptions& options);

/// The same by eBPF programs, at tens of nanoseconds a call. `stacks` is kUnsupported.
/// Errors: kUnsupported, before anything is started, where this user or kernel cannot; one
/// sentence.
Result<Recording> record_ebpf(const RecordOptions& options);

/// By eBPF where it can, else by ptrace; Evidence::recorder says which it was.
Result<Recording> record_auto(const RecordOptions& options);

}  // namespace sysnare
