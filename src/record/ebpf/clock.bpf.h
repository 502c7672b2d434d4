/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#pragma once
// When was a call seen? In ticks of 32 bits, so that two of them fit into a row.
//
// A tick is one of the kernel's timer (jiffies): 1 to 10 ms, and one load to read (the verifier
// inlines it, Linux 5.6), where a reading of the clock costs 15 to 45 ns. With counts alone nothing
// is read.

// One jiffy, as clock_getres(2) tells of CLOCK_MONOTONIC_COARSE, which goes forward by it
// (KTIME_LOW_RES, include/linux/hrtimer.h, Linux 6.18).
const volatile __u64 tick_ns = 4000000;

// Jiffies, and CLOCK_MONOTONIC at that moment, from which ticks count.
__u64 first_jiffies;
__u64 first_ns;

static __always_inline __u64 jiffies_now(void) { return at_entry ? 0 : bpf_jiffies64(); }

/// The tick of a moment, from 1; 0 for none.
static __always_inline __u32 tick_from(__u64 jiffies) {
  const __u64 first = first_jiffies;
  return first ? (__u32)(jiffies - first) + 1 : 0;
}

static __always_inline __u32 tick_of(__u64 jiffies) { return at_entry ? 0 : tick_from(jiffies); }

/// Before the first call of a task is counted.
static __always_inline void read_clock(void) {
  if (at_entry || first_jiffies) return;
  const __u64 now = bpf_jiffies64();
  if (__sync_val_compare_and_swap(&first_jiffies, 0, now) == 0) first_ns = bpf_ktime_get_ns();
}
