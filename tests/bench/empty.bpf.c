/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
// Programs that do nothing: what the kernel asks for the hooks alone, below which no recorder can
// be. The helpers use types of the first: this order alone works.
// clang-format off
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
// clang-format on

char LICENSE[] SEC("license") = "GPL";

SEC("tp_btf/sys_enter")
int on_entry(void* ctx) { return 0; }

SEC("tp_btf/sys_exit")
int on_return(void* ctx) { return 0; }
