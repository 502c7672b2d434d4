#pragma once
// Why is this call decided so? Every entry that names it, with what held and what did not.
//
// The verdict is evaluate()'s (resolve.h); this file adds who said it.
// Not modelled here: what a particular runtime makes of the file; as_runtime() (runtime.h) gives
// the resolved profile for that.

#include <linux/seccomp.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "profile/profile.h"
#include "profile/resolve.h"

namespace sysnare {

/// One condition and the argument it met.
struct ExplainedCondition {
  ArgCondition condition;
  std::uint64_t argument = 0;
  unsigned bits = 64;  ///< how many low bits of both were compared
  bool held = false;
};

/// One entry that names the call.
struct ExplainedEntry {
  std::size_t entry = 0;  ///< index into Profile::entries
  ActionValue action;
  std::string off;  ///< why it is switched off; empty: it applies
  std::vector<ExplainedCondition> conditions;
  bool matches = false;  ///< it applies, and all conditions held
  bool decides = false;
};

/// What decided.
enum class Decider : std::uint8_t {
  kEntry,
  kDefault,
  kUnlistedAbi,
  kAhead,  ///< what the runtime puts in front of the filter (ResolvedProfile::answered_ahead)
};
std::string_view decider_name(Decider decider);  ///< "entry", "default action", "unlisted ABI", …

struct Explanation {
  std::optional<Call> call;  ///< empty for an architecture that no table here knows
  ActionValue verdict;
  Decider decider = Decider::kDefault;
  std::vector<ExplainedEntry> entries;  ///< in the order of the file
};

/// Explains `call` under `resolved`, which resolve() or as_runtime() made of `profile` with
/// `options`. An entry of which a runtime makes several rules stands once for each.
Explanation explain(const Profile& profile, const ResolveOptions& options,
                    const ResolvedProfile& resolved, const seccomp_data& call);

}  // namespace sysnare
