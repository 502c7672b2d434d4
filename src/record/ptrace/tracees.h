#pragma once
// Which threads do we trace, and what is each doing?
//
// The kernel tells of a new thread twice, in any order: by its parent's event, and by its own first
// stop. It may even be dead and reaped before its parent's event is read, and its number used
// again. A thread is entered at its first stop; an announced one that has not stopped yet is
// expected; one that stopped before its announcement is remembered until that has come.
//
// Source: ptrace(2); kernel/fork.c kernel_clone(), which wakes the child before the parent stops.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <unordered_map>

#include "record/ptrace/call_table.h"

namespace sysnare {

struct Tracee {
  pid_t thread = 0;
  pid_t process = 0;            ///< thread group; 0 until somebody asked
  CallCounter* call = nullptr;  ///< the call it is in, null outside
  std::uint64_t entered_ns = 0;
  std::uint64_t args[3] = {};  ///< of the call it is in
  bool announced = false;      ///< its parent's event has come, or there is none to come
  bool gave_birth = false;     ///< the call it is in made a thread that we follow
  bool launching = false;      ///< our own code between clone and exec
  bool detaching = false;      ///< was asked to stop so that it can be let go
};

class Tracees {
 public:
  /// Dead threads whose announcement is awaited, at most. One may never come (its parent was
  /// killed), so that the oldest numbers are forgotten.
  static constexpr std::size_t kMaxEarlyDead = 1024;

  /// The thread, or null when it is not traced.
  Tracee* find(pid_t thread);
  /// Enters a thread that was attached to or launched.
  Tracee& add(pid_t thread);
  /// A stop of a thread that is not known: its first.
  Tracee& first_stop(pid_t thread);
  /// The event of its parent.
  void announced(pid_t thread);
  /// It is dead and reaped, or let go.
  void gone(pid_t thread);
  /// exec in `former`, which has taken over the number of its leader, `leader`, now dead.
  Tracee& exec(pid_t leader, pid_t former);

  /// Nobody is left, and nobody is expected.
  [[nodiscard]] bool none() const { return threads_.empty() && expected_.empty(); }
  [[nodiscard]] std::size_t size() const { return threads_.size(); }
  [[nodiscard]] const std::set<pid_t>& expected() const { return expected_; }
  /// One that was announced and will never come.
  void forget_expected(pid_t thread) { expected_.erase(thread); }

  auto begin() { return threads_.begin(); }
  auto end() { return threads_.end(); }

 private:
  void remember_early_dead(pid_t thread);

  std::unordered_map<pid_t, Tracee> threads_;
  Tracee* last_ = nullptr;      ///< the one that find() gave last
  std::set<pid_t> expected_;    ///< announced, not yet stopped
  std::set<pid_t> early_dead_;  ///< gone before it was announced
};

}  // namespace sysnare
