#pragma once
// How are the eBPF programs loaded, started and read? recorder.bpf.c has what they do.
//
// Source: bpf(2); libbpf 1.1; Linux 6.18. What a kernel lacks shows when the programs are loaded,
// and is told in one sentence: another recorder may serve then.

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "record/ebpf/shared.h"
#include "record/recorder.h"

namespace sysnare {

/// What the programs hold at one moment.
struct EbpfTables {
  std::vector<std::pair<sysnare_call_key, sysnare_row>> rows;
  std::vector<std::pair<sysnare_error_key, std::uint64_t>> errors;
  std::vector<std::pair<sysnare_edge_key, std::uint64_t>> edges;
  std::vector<std::pair<sysnare_site_key, std::uint64_t>> sites;
  std::vector<std::pair<sysnare_operation_key, std::uint64_t>> operations;  ///< of io_uring
  bool sees_operations = false;
  std::vector<std::pair<sysnare_arg_set_key, std::uint32_t>> arg_sets;
  std::vector<std::pair<sysnare_arg_key, std::uint8_t>> args;
  /// When the first tick of the rows began, in nanoseconds since 1970, and how long one is.
  std::uint64_t first_tick_ns = 0;
  std::uint64_t ns_per_tick = 0;
  bool knows_phases = false;     ///< sysnare_call_key::phase says which
  bool knows_load = false;       ///< and tells load from start
  std::uint64_t ready_ns = 0;    ///< CLOCK_MONOTONIC of the ready mark, if a call was it
  std::uint64_t ready_call = 0;  ///< that call
  std::uint64_t unresolved_sites = 0;
  std::uint64_t lost[SYSNARE_LOSSES] = {};
  std::uint64_t unfollowed = 0;  ///< child processes that were left alone
  std::uint64_t missed = 0;      ///< times that a program did not run since it ran already
  bool moved_meanwhile = false;  ///< tasks ended again and again while we read
};

/// Whether eBPF programs can be loaded here, as far as that shows without trying.
/// Errors: kNoPermission for a user who may not, kLimit for too few file descriptors, else
/// kUnsupported. Cost: four system calls.
Result<void> check_ebpf();

class EbpfPrograms {
 public:
  struct Listener {
    std::function<void(const sysnare_event&)> on_event;
    std::function<void(const sysnare_module_event&)> on_module;
    std::function<void(const sysnare_cgroup_event&)> on_cgroup;
  };

  /// Loads the programs for `options` (detail, follow, sites, cgroups, host); nothing runs yet.
  /// Errors: kNoPermission for a user who may not, kUsage for cgroups that make no sense, else
  /// kUnsupported; the ptrace recorder may serve then, but for cgroups and the host.
  /// Cost: 50 to 100 ms.
  static Result<EbpfPrograms> load(const RecordOptions& options);
  EbpfPrograms(EbpfPrograms&&) noexcept;
  EbpfPrograms& operator=(EbpfPrograms&&) noexcept;
  /// Detaches everything; so does our death.
  ~EbpfPrograms();

  /// From now on every call in the system passes the programs; tasks that are not followed end
  /// there.
  Result<void> attach();
  /// With counts alone: returns too, since a filter denies calls before their beginning is seen.
  Result<void> attach_returns();

  /// With cgroups or the host: follows whoever lives there, and no longer whoever has left. At any
  /// time; what comes and goes one task at a time is seen without it.
  Result<void> follow_scope();
  /// Follows the process of `pidfd`, which waits in our launcher: its exec is the first call.
  Result<void> follow_launched(int pidfd);
  /// Follows all threads of the running process `pid`, which runs `executable`.
  Result<void> follow_running(pid_t pid, int pidfd, std::uint32_t executable);
  /// The number of a file, given out at its first sight. `device` as in stat(2).
  Result<std::uint32_t> number_of(dev_t device, ino_t inode);

  /// Tells the calls before main of the executable `number` from those after it; `file` is its
  /// path. Errors: no main is found there, or the kernel takes no uprobe.
  Result<void> watch_main(const std::string& file, std::uint32_t number);
  /// From now on everybody is in the steady phase. False where that was so before.
  bool mark_ready();

  /// Tasks that are followed and have not ended.
  [[nodiscard]] std::uint64_t living() const;
  /// The same, counted by a walk over all tasks.
  Result<std::uint64_t> count_living();
  /// Readable when take_events() has something.
  [[nodiscard]] int events_fd() const;
  void take_events(const Listener& listener);

  /// Reads everything. At any time; what goes on meanwhile is in it or not, but never twice.
  Result<EbpfTables> collect();

 private:
  struct State;
  explicit EbpfPrograms(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sysnare
