#include "record/ptrace/sites.h"

#include <linux/seccomp.h>

#include "process/isa_call.h"

namespace sysnare {

std::uint64_t calling_address(const __ptrace_syscall_info& info) {
  seccomp_data data{};
  data.arch = info.arch;
  data.instruction_pointer = info.instruction_pointer;
  return calling_instruction(data);
}

void SiteCounter::count(pid_t process, pid_t thread, const CallCounter& call,
                        std::uint64_t address) {
  auto& known = known_[process];
  auto found = known.find(address);
  if (found == known.end()) {
    if (known.size() >= kMaxAddresses) known.clear();
    found = known.emplace(address, resolve(thread, address)).first;
  }
  if (found->second == kUnresolved) {
    ++unresolved_;
  } else {
    ++counts_[CallAt{&call, found->second}];
  }
}

void SiteCounter::remapped(pid_t process, std::uint64_t start, std::uint64_t length) {
  const auto known = known_.find(process);
  if (known == known_.end()) return;
  // `address - start < length` holds for what lies inside, whatever wraps.
  std::erase_if(known->second, [&](const auto& each) { return each.first - start < length; });
}

std::uint32_t SiteCounter::resolve(pid_t thread, std::uint64_t address) {
  const CallPlace place = places_.locate(thread, address);
  if (place.module == "[unknown]") return kUnresolved;
  Site site{place.module, place.module_key, place.offset};
  // Memory without a file lies elsewhere in each run: the address would say nothing.
  if (place.module.starts_with('[') && place.module != "[vdso]") site.offset = 0;
  if (const auto found = index_.find(site); found != index_.end()) return found->second;
  if (sites_.size() >= kMaxSites) return kUnresolved;
  const auto index = static_cast<std::uint32_t>(sites_.size());
  sites_.push_back(site);
  index_.emplace(std::move(site), index);
  return index;
}

void SiteCounter::add_to(const CallCounter& call, CallEvidence& record) const {
  for (const auto& [key, count] : counts_) {
    if (key.call == &call) record.sites[sites_[key.place]] += count;
  }
}

}  // namespace sysnare
