#pragma once
// Through which functions did the program come to each call?
//
// A call site is unwound each of its first times, then now and then: unwinding takes some hundred
// times as long as the call itself. Counts are those of the calls that were looked at.

#include <sys/types.h>

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "evidence/evidence.h"
#include "process/unwind.h"
#include "record/ptrace/sites.h"

namespace sysnare {

class StackSampler {
 public:
  /// Of each call from each instruction: the first that are unwound. A wrapper in libc has one
  /// instruction for all its callers, which should have come by then.
  static constexpr std::uint64_t kFirst = 32;
  /// Afterwards one in this many: 100 µs of unwinding are then 2 µs a call, less than the stops.
  static constexpr std::uint64_t kOneIn = 64;
  /// Different code paths of one call that are told apart; further ones are not kept. At the end
  /// the most frequent kMaxStacks of them stay.
  static constexpr std::size_t kMaxPaths = 1024;
  /// Call sites that are told apart; a program that writes code as it runs has no end of them.
  static constexpr std::size_t kMaxPlaces = 65536;
  /// Processes whose objects are held open at once; the one begun first is dropped.
  static constexpr std::size_t kMaxProcesses = 32;

  /// `thread` of `process` makes `call` at `address`. Precondition: it is stopped at its entry.
  void count(pid_t process, pid_t thread, const CallCounter& call, std::uint64_t address);
  /// exec, or the process is gone.
  void forget(pid_t process);

  void add_to(const CallCounter& call, CallEvidence& record) const;

 private:
  Unwinder& unwinder_of(pid_t process);

  using Path = std::pair<std::vector<std::string>, bool>;  ///< frames, truncated
  std::list<std::pair<pid_t, std::unique_ptr<Unwinder>>> unwinders_;
  std::unordered_map<CallAt, std::uint64_t, CallAtHash> seen_;
  std::unordered_map<const CallCounter*, std::map<Path, std::uint64_t>> paths_;
};

}  // namespace sysnare
