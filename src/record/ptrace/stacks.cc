#include "record/ptrace/stacks.h"

#include <algorithm>

namespace sysnare {

void StackSampler::count(pid_t process, pid_t thread, const CallCounter& call,
                         std::uint64_t address) {
  const CallAt key{&call, address};
  auto seen = seen_.find(key);
  if (seen == seen_.end()) {
    if (seen_.size() >= kMaxPlaces) return;
    seen = seen_.emplace(key, 0).first;
  }
  const std::uint64_t times = seen->second++;
  if (times >= kFirst && times % kOneIn != 0) return;

  UnwoundStack stack = unwinder_of(process).unwind(thread);
  if (stack.frames.empty()) return;
  auto& paths = paths_[&call];
  const Path path{std::move(stack.frames), stack.truncated};
  const auto found = paths.find(path);
  if (found != paths.end()) {
    ++found->second;
  } else if (paths.size() < kMaxPaths) {
    paths.emplace(path, 1);
  }
}

void StackSampler::forget(pid_t process) {
  unwinders_.remove_if([&](const auto& each) { return each.first == process; });
}

Unwinder& StackSampler::unwinder_of(pid_t process) {
  const auto found = std::find_if(unwinders_.begin(), unwinders_.end(),
                                  [&](const auto& each) { return each.first == process; });
  if (found != unwinders_.end()) return *found->second;
  if (unwinders_.size() >= kMaxProcesses) unwinders_.pop_front();
  unwinders_.emplace_back(process, std::make_unique<Unwinder>(process));
  return *unwinders_.back().second;
}

void StackSampler::add_to(const CallCounter& call, CallEvidence& record) const {
  const auto paths = paths_.find(&call);
  if (paths == paths_.end()) return;
  for (const auto& [path, count] : paths->second) {
    record.stacks.push_back(Stack{path.first, count, path.second});
  }
  sort_stacks(record.stacks);
  if (record.stacks.size() > kMaxStacks) record.stacks.resize(kMaxStacks);
}

}  // namespace sysnare
