#pragma once
// Which pitfalls are in this profile, why do they matter, and how are they mended?
//
// Each rule has a stable id, which is also the name of its page: docs/lint/ID.md says it at length,
// with a profile that shows the finding and one that does not; both are tests. Rules about what a
// profile means ask the resolved one (LintOptions::resolve), rules about how it is written look at
// every entry, whether it applies or not.
// Not modelled: what the program under the profile needs; a call left out of a tight allow-list is
// no finding.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "profile/profile.h"
#include "profile/resolve.h"

namespace sysnare {

enum class Severity : std::uint8_t { kInfo, kWarning, kError };
std::string_view severity_name(Severity severity);  ///< "info", "warning", "error"
std::optional<Severity> severity_by_name(std::string_view name);

struct LintRule {
  std::string_view id;  ///< "int-arg-as-64"; also docs/lint/ID.md
  Severity severity = Severity::kWarning;
  std::string_view summary;  ///< one line, for lists
};

/// Every rule, sorted by id.
std::span<const LintRule> lint_rules();
const LintRule* lint_rule(std::string_view id);  ///< nullptr when there is none

struct LintFinding {
  std::string_view rule;
  Severity severity = Severity::kWarning;
  std::string path;                  ///< "syscalls[3].args[0]"; empty for the profile as a whole
  std::uint32_t line = 0;            ///< 0 when not read from a file
  std::string message;               ///< one sentence: what is wrong, and what comes of it
  std::string fix;                   ///< what to do, in the imperative
  bool fixable = false;              ///< fix_profile() does it
  std::optional<std::size_t> entry;  ///< index into Profile::entries
  std::vector<std::size_t> names;  ///< indices into its names, sorted; empty: the entry as a whole
};

/// A call that lets a program do much, and that the profile lets pass whatever its arguments.
struct Grant {
  std::string_view call;
  std::string_view why;
  unsigned weight = 0;  ///< 1 to 3, what it takes from the score
};

struct LintOptions {
  ResolveOptions resolve;
  std::vector<std::string> disabled;  ///< ids of rules
};

struct LintReport {
  std::vector<LintFinding> findings;  ///< sorted by line, path, rule
  std::vector<Grant> grants;          ///< sorted by weight, heaviest first, then by call
  /// 100 for a profile without findings and grants, never below 0; score() of docs/lint/README.md.
  unsigned score = 100;
  std::size_t unsaid = 0;  ///< findings beyond kMaxFindingsOfRule
};

/// Most findings of one rule that are kept: nobody reads on, and a hostile file has millions.
inline constexpr std::size_t kMaxFindingsOfRule = 100;

/// Errors: as resolve(). Cost: about that of resolve(); pairs of rules on one call are compared up
/// to a bound, beyond which only unconditional and equal rules are.
Result<LintReport> lint(const Profile& profile, const LintOptions& options);

struct FixedProfile {
  Profile profile;
  std::vector<std::string> changes;  ///< one sentence each, in the order made
};

/// `profile` with the mechanical findings mended: those that are `fixable`. What is dropped never
/// decided any call; what is added is ENOSYS for calls that were refused otherwise, and the calls
/// by which a program ends and returns from signals.
/// Errors: as resolve().
Result<FixedProfile> fix_profile(const Profile& profile, const LintOptions& options);

}  // namespace sysnare
