#include "record/command.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <utility>

#include "process/exec_failure.h"
#include "record/program.h"

namespace sysnare {
namespace {

// As a shell gives them.
constexpr int kNotExecutable = 126;
constexpr int kNoSuchCommand = 127;

}  // namespace

LaunchSpec command_spec(const RecordOptions& options, const JobControl& jobs) {
  LaunchSpec spec;
  spec.argv = options.command;
  spec.no_new_privs = false;
  spec.signals = jobs.before();
  return spec;
}

Result<std::optional<Launch>> start_command(const LaunchSpec& spec, Recording& recording) {
  recording.evidence.command = spec.argv;
  Result<Launch> launch = Launch::start(spec);
  if (!launch) {
    const Error& error = launch.error();
    if (error.code != Errc::kNotFound && error.code != Errc::kNoPermission) {
      return propagate(launch);
    }
    recording.exec_error = error.message;
    recording.exit_code_of_failure =
        error.code == Errc::kNotFound ? kNoSuchCommand : kNotExecutable;
    return std::optional<Launch>();
  }
  recording.evidence.program = identify_program(launch->path());
  return std::optional<Launch>(std::move(*launch));
}

void tell_exec_failure(const std::optional<Launch>& launch, Recording& recording) {
  if (!launch) return;
  const ExecOutcome outcome = launch->outcome();
  if (outcome.kind != ExecOutcome::Kind::kExecFailed) return;
  recording.exec_error = exec_failure_sentence(launch->path(), outcome.sys_errno);
  recording.exit_code_of_failure = kNotExecutable;
}

Result<std::optional<OutputTap>> tap_output(const RecordOptions& options, LaunchSpec& spec,
                                            std::function<void()> on_text) {
  if (options.ready.text.empty()) return std::optional<OutputTap>();
  Result<OutputTap> tap = OutputTap::open(options.ready.text, std::move(on_text));
  if (!tap) return propagate(tap);
  spec.out = tap->out();
  spec.err = tap->err();
  return std::optional<OutputTap>(std::move(*tap));
}

void repeat_early_signal(const RecordOptions& options) {
  const int signal = options.early_signal ? options.early_signal() : 0;
  if (signal != 0) ::kill(::getpid(), signal);  // blocked by now: it waits in the signalfd
}

TakenSignals take_signals(const JobControl& jobs, pid_t command, Recording& recording) {
  TakenSignals taken;
  signalfd_siginfo info{};
  while (::read(jobs.fd(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGUSR1) {
      taken.ready = true;
      continue;
    }
    recording.interrupted_by = static_cast<int>(info.ssi_signo);
    // Nobody else to hand it to: processes that we attached to, or that outlive the command, did
    // not ask for it.
    if (command == 0) {
      taken.end = true;
    } else if (info.ssi_code != SI_KERNEL) {  // the terminal's has reached the command already
      ::kill(command, static_cast<int>(info.ssi_signo));
    }
  }
  return taken;
}

}  // namespace sysnare
