#include "cli/call_counts.h"

#include <fmt/format.h>

#include <algorithm>

#include "arch/syscalls.h"
#include "evidence/evidence.h"
#include "flow/profile_file.h"
#include "learn/why.h"

namespace sysnare::cli {
namespace {

void add(CallCounts& counts, Call call, std::uint64_t more) {
  std::uint64_t& sum = counts[call];
  sum += std::min(more, UINT64_MAX - sum);
}

CallCounts counts_of(const Evidence& evidence) {
  CallCounts counts;
  for (const CallEvidence& each : evidence.calls) {
    // Static analysis counts places, and the launcher's calls are over.
    if (each.origin != Origin::kApplication && each.origin != Origin::kRuntime) continue;
    add(counts, each.call, each.count);
  }
  return counts;
}

CallCounts counts_of(const Why& why) {
  CallCounts counts;
  for (const auto& [name, count] : why.counts) {
    for (const Abi abi : all_abis()) {
      if (const auto nr = syscall_nr(abi, name)) add(counts, {abi, *nr}, count);
    }
  }
  return counts;
}

}  // namespace

Result<CallCounts> call_counts(const std::string& evidence, const std::string& profile,
                               const std::function<void(const std::string&)>& say) {
  if (!evidence.empty()) {
    Result<Evidence> file = load_evidence_file(evidence);
    if (!file) return propagate(file);
    return counts_of(*file);
  }
  // A profile from standard input has no side file.
  if (profile == "-") return CallCounts{};
  Result<Why> why = load_why(why_path(profile));
  if (why) return counts_of(*why);
  if (why.error().code != Errc::kNotFound) {
    say(fmt::format("{}; it is not used", why.error().message));
  }
  return CallCounts{};
}

}  // namespace sysnare::cli
