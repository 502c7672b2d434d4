#pragma once
// Which profile says what this filter does?
//
// The filter's meaning (meaning.h) is written as a profile, compiled again and compared: what the
// profile would decide otherwise is in `residue`, and nothing else differs. Made for filters of
// others too: libseccomp's, systemd's, Chromium's. Not modelled: what a profile has no word for.
// It names no action for ABIs that it does not list, and no numbers that no table knows.

#include <linux/filter.h>

#include <span>
#include <vector>

#include "base/result.h"
#include "filter/differences.h"
#include "profile/resolve.h"

namespace sysnare {

struct Decompiled {
  Profile profile;          ///< plain OCI
  ActionValue foreign_abi;  ///< what calls of ABIs that it does not list get
  /// What the filter (before) decides otherwise than the profile (after): a profile cannot say it.
  /// Empty when they are equivalent; this machine's ABI comes first.
  std::vector<Difference> residue;
  /// Calls in whose entries an argument stands twice, since nothing shorter says it: "and" by OCI,
  /// "or" to runc and crun.
  std::vector<std::string> repeating;
};

struct DecompileOptions {
  /// The ABIs that are looked at; empty: all. A filter that does not ask for the architecture means
  /// other calls by the same number in each.
  std::vector<Abi> abis;
};

/// The profile of what `meaning` says.
///
/// Errors: kUnsupported for a decision by the instruction pointer; kLimit for decisions by argument
/// that take too many rules.
Result<Decompiled> decompile(DecisionDiagram& diagram, const FilterMeaning& meaning,
                             const DecompileOptions& options = {});

/// The same for a program. Errors: also those of meaning_of.
Result<Decompiled> decompile(std::span<const sock_filter> program,
                             const DecompileOptions& options = {});

/// "x86_64 335-423 (no call): errno EPERM here, errno ENOSYS by the profile"
std::string residue_text(const Difference& difference);

}  // namespace sysnare
