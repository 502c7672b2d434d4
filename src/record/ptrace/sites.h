#pragma once
// By which instruction was each call made, and how often?
//
// Resolved while the program still has its objects mapped: an address becomes {module, offset} at
// its first call and is looked up from then on. What was looked up is forgotten when the process
// maps something else there, or calls exec.
// Not modelled: a call from a new mapping in the instant before the mmap that made it has returned
// to us; processes that share memory and are no threads (vfork's child is suspended with it).

#include <sys/ptrace.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "evidence/evidence.h"
#include "process/place.h"
#include "record/ptrace/call_table.h"

namespace sysnare {

/// The instruction behind `info`, which stands at a call's entry.
std::uint64_t calling_address(const __ptrace_syscall_info& info);

/// A call of one kind from one place; the key of counts.
struct CallAt {
  const CallCounter* call = nullptr;
  std::uint64_t place = 0;
  bool operator==(const CallAt&) const = default;
};
struct CallAtHash {
  std::size_t operator()(const CallAt& key) const {
    // Golden-ratio multiplier: addresses and pointers differ in few bits.
    return static_cast<std::size_t>(
        (reinterpret_cast<std::uintptr_t>(key.call) ^ (key.place * 0x9e3779b97f4a7c15u)) *
            0x9e3779b97f4a7c15u >>
        7);
  }
};

class SiteCounter {
 public:
  /// Addresses kept for one process. Programs call from a few hundred; one that writes code as it
  /// runs has no end of them, and starts anew.
  static constexpr std::size_t kMaxAddresses = 16384;
  /// Sites kept in all. A call from a further one counts as unresolved.
  static constexpr std::size_t kMaxSites = 65536;

  /// `thread` of `process` makes `call` by the instruction at `address`. Precondition: it is
  /// stopped.
  void count(pid_t process, pid_t thread, const CallCounter& call, std::uint64_t address);
  /// What stood at [start, start + length) of `process` may be something else now.
  void remapped(pid_t process, std::uint64_t start, std::uint64_t length);
  /// Everything may be something else: exec, or the process is gone.
  void forget(pid_t process) { known_.erase(process); }

  /// Adds the sites of each call to its record.
  void add_to(const CallCounter& call, CallEvidence& record) const;
  [[nodiscard]] std::uint64_t unresolved() const { return unresolved_; }

 private:
  static constexpr std::uint32_t kUnresolved = UINT32_MAX;
  std::uint32_t resolve(pid_t thread, std::uint64_t address);

  Places places_;
  std::unordered_map<pid_t, std::unordered_map<std::uint64_t, std::uint32_t>> known_;
  std::map<Site, std::uint32_t> index_;
  std::vector<Site> sites_;
  std::unordered_map<CallAt, std::uint64_t, CallAtHash> counts_;
  std::uint64_t unresolved_ = 0;
};

}  // namespace sysnare
