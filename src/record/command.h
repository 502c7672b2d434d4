#pragma once
// How does a recorder start the command, hand signals on to it, and say that it could not be
// executed? The same for every recorder.

#include <sys/types.h>

#include <functional>
#include <optional>

#include "base/result.h"
#include "process/job_control.h"
#include "process/launch.h"
#include "process/output_tap.h"
#include "record/recorder.h"

namespace sysnare {

/// What launches `options.command`: nothing that the program can see is changed.
LaunchSpec command_spec(const RecordOptions& options, const JobControl& jobs);

/// Starts the command of `spec`, which waits for Launch::release(), and puts command and program
/// into the evidence. Empty when it cannot be executed: `recording` says why then.
/// Errors: as Launch::start() for all that is not the command's own fault.
Result<std::optional<Launch>> start_command(const LaunchSpec& spec, Recording& recording);

/// What became of the exec of `launch`, once the recording has ended.
void tell_exec_failure(const std::optional<Launch>& launch, Recording& recording);

/// Puts a tap into the output of the command of `spec`, where the options ask for a line of it; the
/// first calls `on_text`, in a thread of its own.
Result<std::optional<OutputTap>> tap_output(const RecordOptions& options, LaunchSpec& spec,
                                            std::function<void()> on_text);

/// Sends the signal of `options.early_signal` again, which is taken as all others now.
void repeat_early_signal(const RecordOptions& options);

struct TakenSignals {
  bool end = false;    ///< the recording shall end: there is nobody to hand them to
  bool ready = false;  ///< SIGUSR1: the ready mark
};
/// Takes the signals that came to us: hands them on to `command` while it lives.
TakenSignals take_signals(const JobControl& jobs, pid_t command, Recording& recording);

}  // namespace sysnare
