/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
// Programs that do nothing, or read the clock alone: what the kernel asks for the hooks, and for
// the time of a call, below which no recorder can be. The helpers use types of the first: this
// order alone works.
// clang-format off
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
// clang-format on

char LICENSE[] SEC("license") = "GPL";

SEC("tp_btf/sys_enter")
int on_entry(void* ctx) { return 0; }

SEC("tp_btf/sys_exit")
int on_return(void* ctx) { return 0; }

// What they read goes nowhere: a word that all processors write to costs more than the clock.
SEC("tp_btf/sys_enter")
int clock_at_entry(void* ctx) {
  bpf_ktime_get_ns();
  return 0;
}

SEC("tp_btf/sys_exit")
int clock_at_return(void* ctx) {
  bpf_ktime_get_ns();
  return 0;
}
