#pragma once
// What does a profile say of each call, by name and in the order in which a first-match reader
// tries it?
//
// Internal to the writers of other formats. Not modelled: conditions that no argument satisfies.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "profile/export.h"

namespace sysnare {

/// The first rule whose conditions all hold decides. Only the last may be without conditions; when
/// it has some, the default follows. No rule gives what would follow anyway.
struct NamedRules {
  std::string name;
  std::vector<ResolvedRule> rules;
  [[nodiscard]] bool conditional() const {
    return rules.size() > 1 || !rules.front().conditions.empty();
  }
};

/// What a format can answer. `action` has its data bits.
using CanSay = std::function<bool(ActionValue action)>;

struct RulesByName {
  const Profile* profile = nullptr;  ///< for messages; must outlive this
  ResolvedProfile resolved;
  std::vector<NamedRules> calls;  ///< sorted by name; without those that just get the default

  /// What follows the last rule of `call`.
  [[nodiscard]] ActionValue otherwise(const NamedRules& call) const;
  /// "FILE:LINE: syscalls[3]"
  [[nodiscard]] std::string where(const ResolvedRule& rule) const;
};

Result<RulesByName> rules_by_name(const Profile& profile, const ResolveOptions& options);

/// Replaces actions that `can` refuses by the nearest one that it takes and that allows no more,
/// and says each in `losses`; of the default action `can_default` decides. `format` is the subject
/// of the sentences: "systemd".
void fit_actions(RulesByName& said, std::string_view format, const CanSay& can,
                 const CanSay& can_default, std::vector<std::string>& losses);

/// Where arguments decide, the strictest of what can happen, for formats that cannot look at them.
void forget_arguments(RulesByName& said, std::string_view format, std::vector<std::string>& losses);

/// Flags and the listener, which no text format can say.
void forget_loading(const RulesByName& said, std::string_view format,
                    std::vector<std::string>& losses);

/// The one ABI for which a format of a single architecture is written: `preferred` when listed. The
/// others are losses.
Abi single_abi(const RulesByName& said, Abi preferred, std::string_view format,
               std::vector<std::string>& losses);

/// Leaves out the calls that `abi` does not have: they cannot happen there.
void keep_calls_of(RulesByName& said, Abi abi);

/// "EPERM", or the number where no C library has a name for it.
std::string errno_word(std::uint16_t number);

/// Lines of at most `width` bytes: `prefix`, then words with `separator` between them.
std::string wrapped(std::string_view prefix, const std::vector<std::string>& words,
                    std::string_view separator, std::size_t width);

}  // namespace sysnare
