#include "record/recorder.h"

#include "base/proc.h"
#include "record/ebpf/recorder.h"

namespace sysnare {
namespace {

bool needs_ebpf(const RecordOptions& options) { return !options.cgroups.empty() || options.host; }

/// The programs, which see every call from here on. Nothing is started yet.
Result<EbpfPrograms> ready_programs(const RecordOptions& options) {
  Result<EbpfPrograms> programs = EbpfPrograms::load(options);
  if (!programs) return programs;
  if (Result<void> attached = programs->attach(); !attached) {
    return fail(Errc::kUnsupported, "{}", attached.error().message);
  }
  return programs;
}

}  // namespace

Result<void> check_subject(const RecordOptions& options) {
  const bool command = !options.command.empty();
  const bool cgroups = !options.cgroups.empty();
  const int subjects = (options.attach.empty() ? 0 : 1) + (cgroups ? 1 : 0) +
                       (options.host ? 1 : 0) + (command && !cgroups ? 1 : 0);
  if (subjects == 0) {
    return fail(
        Errc::kUsage,
        "nothing to record: a command to run, a process to attach to, a cgroup or the host");
  }
  if (subjects > 1) {
    return fail(Errc::kUsage,
                "one of a command to run, processes to attach to, cgroups and the host is recorded "
                "at a time, not several");
  }
  // Whom a number names. For a command the launch looks.
  return options.attach.empty() ? Result<void>() : check_proc();
}

Result<Recording> record_ebpf(const RecordOptions& options) {
  if (Result<void> good = check_subject(options); !good) return propagate(good);
  if (options.stacks && needs_ebpf(options)) {
    return fail(
        Errc::kUnsupported,
        "code paths of {} are not kept: the eBPF recorder has none, and no other follows it",
        options.host ? "a whole host" : "a cgroup");
  }
  if (options.stacks) {
    return fail(Errc::kUnsupported,
                "the eBPF recorder keeps no code paths; `--recorder ptrace` does");
  }
  Result<EbpfPrograms> programs = ready_programs(options);
  if (!programs) {
    if (needs_ebpf(options)) return propagate(programs);
    return fail(programs.error().code, "{}; `--recorder ptrace` {}", programs.error().message,
                programs.error().code == Errc::kNoPermission ? "needs no privilege, and is slower"
                                                             : "may serve, and is slower");
  }
  return EbpfRecorder(options, std::move(*programs)).record();
}

Result<Recording> record_auto(const RecordOptions& options) {
  if (Result<void> good = check_subject(options); !good) return propagate(good);
  if (needs_ebpf(options)) return record_ebpf(options);
  if (options.stacks) return record_ptrace(options);
  Result<EbpfPrograms> programs = ready_programs(options);
  if (programs) return EbpfRecorder(options, std::move(*programs)).record();
  // Whatever is missing, ptrace may do without it. That a user lacks the privilege is no news;
  // anything else costs microseconds a call for a reason that nobody would find.
  Result<Recording> recording = record_ptrace(options);
  if (recording && programs.error().code != Errc::kNoPermission) {
    add_note(recording->evidence,
             "recorded by ptrace, which is slower: " + programs.error().message);
  }
  return recording;
}

}  // namespace sysnare
