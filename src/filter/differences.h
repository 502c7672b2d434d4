#pragma once
// On which calls do two filters decide differently, and which of the two is looser?
//
// By meaning and not by text: both are compared over every number of every architecture and all
// argument values (meaning.h). A profile is compared through its compiled filter.

#include <optional>
#include <string>
#include <vector>

#include "filter/argument_sets.h"
#include "filter/meaning.h"

namespace sysnare {

/// How the second filter stands to the first on some calls.
enum class Change : std::uint8_t {
  kTighter,  ///< the kernel prefers the new action over the old one
  kLooser,   ///< or the other way round
  kOther,    ///< the same action with another errno, message or signal
};
std::string_view change_name(Change change);  ///< "tighter", "looser", "other"
Change change_of(ActionValue before, ActionValue after);

/// Calls of one number, or of numbers in a row that no table knows, with one action before and one
/// behind.
struct Difference {
  std::uint32_t arch = 0;  ///< AUDIT_ARCH_*
  std::optional<Abi> abi;  ///< empty: an architecture that no table here knows
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  std::string name;  ///< empty: no table knows the numbers
  ActionValue before;
  ActionValue after;
  /// One of them holds: all arguments on which they differ so. Empty when that is all arguments.
  std::vector<Conjunction> when;
  bool always = true;      ///< whatever the arguments are
  std::string unsaid;      ///< why `when` is empty though the arguments count
  seccomp_data witness{};  ///< one such call
  [[nodiscard]] Change change() const { return change_of(before, after); }
};

/// "x86_64 mkdir: allow BEFORE, errno EPERM AFTER"; numbers without a call as "335-423 (no call)",
/// arguments that count behind "when".
std::string difference_text(const Difference& difference, std::string_view before,
                            std::string_view after);

/// All differences, sorted by architecture and number. Errors: kLimit.
Result<std::vector<Difference>> differences(DecisionDiagram& diagram, const FilterMeaning& a,
                                            const FilterMeaning& b);

/// The same for two programs. Errors: as meaning_of.
Result<std::vector<Difference>> differences(std::span<const sock_filter> a,
                                            std::span<const sock_filter> b);

/// The action of all calls of `abi`, when they all get the same: a filter that does not list the
/// ABI.
std::optional<ActionValue> whole_abi(const DecisionDiagram& diagram, const FilterMeaning& meaning,
                                     Abi abi);

}  // namespace sysnare
