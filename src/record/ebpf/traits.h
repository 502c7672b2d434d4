#pragma once
// What do the eBPF programs do for each call beside counting it, and in which row do they count it?

#include "record/ebpf/shared.h"

namespace sysnare {

/// SYSNARE_TRAIT_* by number, of native calls and, from SYSNARE_TRAITS on, of their i386 sibling's.
void fill_traits(__u16 (&traits)[2 * SYSNARE_TRAITS]);

/// Where the row of each native call is that has no traits, in bytes; SYSNARE_NO_ROW for all
/// others.
void fill_plain_rows(const __u16 (&traits)[2 * SYSNARE_TRAITS], __u16 (&rows)[SYSNARE_TRAITS]);

}  // namespace sysnare
