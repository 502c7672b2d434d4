#include "tripwire/ledger.h"

#include <algorithm>

#include "arch/syscalls.h"
#include "tripwire/judge.h"

namespace sysnare {
namespace {

/// The number under which calls that no table knows are counted together.
constexpr std::uint32_t kOtherNumber = UINT32_MAX;

Call known_or_other(Call call) {
  return syscall_name(call).empty() ? Call{call.abi, kOtherNumber} : call;
}

std::size_t max_paths(Call call) { return is_exec(call) ? kMaxExecPaths : kMaxPaths; }

AlertKind without_path(AlertKind kind) {
  kind.path.clear();
  return kind;
}

/// Bytes of all texts that are kept.
std::size_t text_of(const AlertKind& kind, const Alert& alert) {
  std::size_t size = kind.executable.size() + kind.module.size() + kind.path.size();
  for (const std::string* text :
       {&alert.output, &alert.action, &alert.proc_name, &alert.exe_path, &alert.cmdline,
        &alert.container_id, &alert.container_name, &alert.container_image, &alert.profile_name,
        &alert.profile_sha256, &alert.site_module, &alert.site_symbol, &alert.path}) {
    size += text->size();
  }
  return size;
}

}  // namespace

bool Ledger::count(AlertKind& kind, pid_t process) {
  ++total_;
  ++calls_[known_or_other(kind.call)];
  auto found = kinds_.find(kind);
  if (found == kinds_.end() && !kind.path.empty()) {
    const auto paths = paths_.find(without_path(kind));
    if (paths != paths_.end() && paths->second >= max_paths(kind.call)) {
      kind.path.clear();
      kind.other_paths = true;
      found = kinds_.find(kind);
    }
  }
  if (found == kinds_.end()) {
    std::size_t& of_process = kinds_of_process_[process];
    if (of_process < kMaxKindsOfProcess && kinds_.size() < kMaxKinds && text_ < kMaxKindText) {
      ++of_process;
      // At most as many as there are kinds, and of less text.
      if (!kind.path.empty()) ++paths_[without_path(kind)];
      return true;
    }
    if (of_process == 0) kinds_of_process_.erase(process);
    kind = {"", known_or_other(kind.call), kind.grade, "", 0, "", false};
    ++folded_;
    found = kinds_.find(kind);
    if (found == kinds_.end()) return true;
  }
  ++found->second.repeats;
  ++repeats_;
  return false;
}

void Ledger::first(const AlertKind& kind, const Alert& alert) {
  text_ += text_of(kind, alert);
  kinds_[kind] = {alert, 0};
}

std::vector<Alert> Ledger::take_repeats() {
  std::vector<Alert> alerts;
  for (auto& [kind, entry] : kinds_) {
    if (entry.repeats == 0) continue;
    Alert alert = entry.alert;
    alert.count = std::exchange(entry.repeats, 0);
    alerts.push_back(std::move(alert));
  }
  repeats_ = 0;
  return alerts;
}

std::vector<std::pair<Call, std::uint64_t>> Ledger::by_call() const {
  std::vector<std::pair<Call, std::uint64_t>> calls(calls_.begin(), calls_.end());
  std::stable_sort(calls.begin(), calls.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return calls;
}

}  // namespace sysnare
