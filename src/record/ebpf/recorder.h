#pragma once
// How does a recording by eBPF begin and end? The loop around the programs.
//
// The command waits in our launcher until the programs are attached and it is followed, so that its
// exec is the first call they count. From then on we sleep: nothing of ours runs for a call. The
// end is that of the last follower, told by the ring buffer.
//
// Source: docs/adr/0021-ebpf-recorder.md.
// Not modelled: code paths (the ptrace recorder has them), operations of io_uring (a note says so).
// A calling instruction is looked up once for each address of an address space: code that another
// file replaces there is taken for the first.

#include <signal.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "process/job_control.h"
#include "process/launch.h"
#include "process/waiter.h"
#include "record/ebpf/module_files.h"
#include "record/ebpf/programs.h"
#include "record/recorder.h"

namespace sysnare {

/// An executable as it was seen at its first exec.
struct ExecutableFile {
  std::string path;  ///< leads to the file itself, as far as we could tell
  dev_t device = 0;
  ino_t inode = 0;
  std::optional<ProgramIdentity> identity;  ///< found out when first asked for
};

class EbpfRecorder {
 public:
  /// `programs` are attached.
  EbpfRecorder(const RecordOptions& options, EbpfPrograms programs);
  ~EbpfRecorder();
  EbpfRecorder(const EbpfRecorder&) = delete;
  EbpfRecorder& operator=(const EbpfRecorder&) = delete;
  Result<Recording> record();

 private:
  Result<void> launch();
  Result<void> attach();
  Result<void> follow(pid_t pid);
  Result<void> watch();
  void read_command();
  void read_signals();
  Result<void> read_events();
  void on_executable(const sysnare_event& event);
  /// What was seen so far. At any time.
  Result<Evidence> so_far();
  static const ProgramIdentity& identity_of(ExecutableFile& file);
  Result<void> finish();

  const RecordOptions& options_;
  EbpfPrograms programs_;
  JobControl jobs_;
  sigset_t mask_before_{};
  Waiter waiter_;
  Fd children_;  ///< signalfd of SIGCHLD
  Recording recording_;
  std::optional<Launch> launch_;
  std::map<std::uint32_t, ExecutableFile> files_;  ///< executables by number
  ModuleFiles modules_;
  pid_t command_ = 0;  ///< the launched process while it lives, else 0
  bool stop_asked_ = false;
};

}  // namespace sysnare
