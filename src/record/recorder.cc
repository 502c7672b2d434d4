#include "record/recorder.h"

#include "record/ebpf/recorder.h"

namespace sysnare {
namespace {

Result<void> check(const RecordOptions& options) {
  if (options.command.empty() && options.attach.empty()) {
    return fail(Errc::kUsage, "neither a command to run nor a process to attach to");
  }
  if (!options.command.empty() && !options.attach.empty()) {
    return fail(Errc::kUsage, "either a command to run or processes to attach to, not both");
  }
  return {};
}

}  // namespace

Result<Recording> record_ebpf(const RecordOptions& options) {
  if (Result<void> good = check(options); !good) return propagate(good);
  if (options.stacks) {
    return fail(Errc::kUnsupported,
                "the eBPF recorder keeps no code paths; `--recorder ptrace` does");
  }
  Result<EbpfPrograms> programs = EbpfPrograms::load(options);
  if (!programs) return propagate(programs);
  return EbpfRecorder(options, std::move(*programs)).record();
}

Result<Recording> record_auto(const RecordOptions& options) {
  if (Result<void> good = check(options); !good) return propagate(good);
  if (options.stacks) return record_ptrace(options);
  Result<EbpfPrograms> programs = EbpfPrograms::load(options);
  // Whatever is missing, ptrace may do without it.
  if (!programs) return record_ptrace(options);
  return EbpfRecorder(options, std::move(*programs)).record();
}

}  // namespace sysnare
