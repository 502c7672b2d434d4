#include "enforce/own_verdict.h"

#include "filter/filter.h"

namespace sysnare {

std::uint32_t own_verdict(const std::vector<std::vector<sock_filter>>& filters,
                          const seccomp_data& data) {
  ActionValue joined{SECCOMP_RET_ALLOW};
  // The kernel asks the newest first, and an equal action of an older one does not replace it.
  for (auto filter = filters.rbegin(); filter != filters.rend(); ++filter) {
    // The kernel has loaded it, so it is a valid program.
    if (const Result<Verdict> verdict = simulate(*filter, data);
        verdict && outranks(verdict->action, joined)) {
      joined = verdict->action;
    }
  }
  return joined.value;
}

}  // namespace sysnare
