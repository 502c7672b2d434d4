/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#pragma once
// When was a call seen? In ticks of 32 bits, so that two of them fit into a row.
//
// With times of calls the clock is read anyway: a tick is 2^20 ns of it. Without them the kernel's
// own count of its timer's ticks (jiffies) costs one load (the verifier inlines it, Linux 5.6); how
// long such a tick is (CONFIG_HZ) follows from two readings of both clocks. With counts alone
// nothing is read.

const volatile __u64 epoch_ns = 0;  // CLOCK_MONOTONIC, from which ticks of 2^20 ns count

// Jiffies, and CLOCK_MONOTONIC at that moment: the first, from which ticks count, and the last.
__u64 first_jiffies;
__u64 first_ns;
__u64 last_jiffies;
__u64 last_ns;

/// In nanoseconds, or jiffies; 0 with counts alone.
static __always_inline __u64 moment(void) {
  if (with_time) return bpf_ktime_get_ns();
  return at_entry ? 0 : bpf_jiffies64();
}

/// The tick of a moment, from 1; 0 for none.
static __always_inline __u32 tick_of(__u64 now) {
  if (at_entry) return 0;
  if (with_time) return (__u32)((now - epoch_ns) >> SYSNARE_TICK_SHIFT) + 1;
  const __u64 first = first_jiffies;
  return first ? (__u32)(now - first) + 1 : 0;
}

/// Before the first call of a task is counted, and at times later on.
static __always_inline void read_clocks(void) {
  if (with_time || at_entry) return;
  const __u64 now = bpf_jiffies64();
  if (first_jiffies == 0 && __sync_val_compare_and_swap(&first_jiffies, 0, now) == 0) {
    first_ns = bpf_ktime_get_ns();
  }
  last_ns = bpf_ktime_get_ns();
  last_jiffies = now;
}
