#include "record/ptrace/tracees.h"

namespace sysnare {

Tracee* Tracees::find(pid_t thread) {
  if (last_ != nullptr && last_->thread == thread) return last_;
  const auto found = threads_.find(thread);
  if (found == threads_.end()) return nullptr;
  last_ = &found->second;  // nodes of an unordered_map do not move
  return last_;
}

Tracee& Tracees::add(pid_t thread) {
  Tracee& tracee = threads_[thread];
  tracee.thread = thread;
  tracee.announced = true;
  return tracee;
}

Tracee& Tracees::first_stop(pid_t thread) {
  const bool announced = expected_.erase(thread) > 0;
  Tracee& tracee = add(thread);
  tracee.announced = announced;
  return tracee;
}

void Tracees::announced(pid_t thread) {
  if (Tracee* tracee = find(thread); tracee != nullptr) {
    tracee->announced = true;
  } else if (early_dead_.erase(thread) == 0) {
    expected_.insert(thread);
  }
}

void Tracees::gone(pid_t thread) {
  const auto found = threads_.find(thread);
  if (found == threads_.end()) {
    // Killed before its first stop, or no tracee at all.
    if (expected_.erase(thread) == 0) remember_early_dead(thread);
    return;
  }
  if (!found->second.announced) remember_early_dead(thread);
  last_ = nullptr;
  threads_.erase(found);
}

Tracee& Tracees::exec(pid_t leader, pid_t former) {
  last_ = nullptr;
  if (former != leader) {
    const auto found = threads_.find(former);
    if (found != threads_.end()) {
      const Tracee moved = found->second;
      threads_.erase(found);
      threads_[leader] = moved;
    }
  }
  return add(leader);
}

void Tracees::remember_early_dead(pid_t thread) {
  if (early_dead_.size() >= kMaxEarlyDead) early_dead_.erase(early_dead_.begin());
  early_dead_.insert(thread);
}

}  // namespace sysnare
