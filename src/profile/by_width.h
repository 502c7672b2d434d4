#pragma once
// How does a profile say that int arguments are compared as the kernel reads them?
//
// The kernel reads an argument declared as int (or uid_t, umode_t …) from the low 32 (16) bits of
// its register; a condition in OCI compares all 64, and a caller that sets an upper bit passes it
// by. The same conditions over the declared width are sums of SCMP_CMP_MASKED_EQ: a profile written
// so means the same to every runtime and needs no key that OCI does not have.
//
// Source: data/syscall-args.tsv (widths), Linux 6.18. ResolvedProfile::int_args_by_width is the
// same meaning without the rewriting; a test holds the two against each other.

#include "base/result.h"
#include "profile/profile.h"

namespace sysnare {

/// `profile` with every condition on a narrow argument rewritten. An entry whose names differ in
/// widths becomes one a width; an inequality becomes up to 32 entries. Conditions on wide arguments
/// and on calls whose arguments no table knows stay.
///
/// Errors: kLimit for an entry that would become more than kMaxAlternatives (condition_sets.h).
Result<Profile> by_width(const Profile& profile);

}  // namespace sysnare
