/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#pragma once
// What do the programs of the recorder share, and how do they read registers?
//
// For eBPF alone, as all *.bpf.h here: recorder.bpf.c includes each once, after the kernel's types.

#if defined(__TARGET_ARCH_x86)
#define TS_COMPAT 0x0002  // arch/x86/include/asm/thread_info.h
enum { kNrExecve = 59, kNrExecveat = 322, kNrSeccomp = 317 };
// A child begins with a return, which has a tracepoint (ret_from_fork(), arch/x86/kernel/process.c,
// Linux 6.18) …
enum { kReturnsFromFork = 1 };
#elif defined(__TARGET_ARCH_arm64)
#define TIF_32BIT 22  // arch/arm64/include/asm/thread_info.h
enum { kNrExecve = 221, kNrExecveat = 281, kNrSeccomp = 277 };
enum { kReturnsFromFork = 0 };  // … and here none (ret_from_fork, arch/arm64/kernel/entry.S)
#endif

_Static_assert(sizeof(struct sysnare_task) <= SYSNARE_TASK_ROOM, "a task has 16 KB");

enum {
  kSigkill = 9,
  kSigsys = 31,
  kEintr = 4,
  kErestartsys = 512,           // include/linux/errno.h, to
  kErestartRestartblock = 516,  // with 515, ENOIOCTLCMD, between
  kSeccompModeFilter = 2,       // include/uapi/linux/seccomp.h; above it, killed by one
  kPrSetSeccomp = 22,           // include/uapi/linux/prctl.h
  kSignalMask = 0x7f,           // of a wait status
  kSignalGroupExit = 4,         // include/linux/sched/signal.h SIGNAL_GROUP_EXIT
  kProtExec = 4,                // include/uapi/asm-generic/mman-common.h
  kPageShift = 12,
  kVdsoBytes = 16384,  // 2 pages on x86 and arm64, and room to grow
  kRowsInTurn = 20,
  kSwapTries = 8,  // more processors than that do not meet at one row in a row
};

// Decided before the programs are loaded; the verifier drops what they exclude. Not _Bool: the
// skeleton is C++ too, and clang has no such type there.
const volatile __u8 at_entry = 0;  // counts alone, taken where a call begins
const volatile __u8 with_time = 1;
const volatile __u8 exact_time = 0;  // each call is timed, where others are sampled
const volatile __u8 follow = 1;      // child processes too
const volatile __u8 with_sites = 0;
const volatile __u8 scope = SYSNARE_SCOPE_TREE;
const volatile __u8 may_cast = 0;  // programs are compiled, which the function below asks for

__u64 lost[SYSNARE_LOSSES];
__u64 unfollowed;  // child processes, without `follow`
__u64 living;      // tasks that are followed and have not ended
__u32 spaces;      // address spaces so far
__u32 filtered;    // a task with a seccomp filter was seen

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, SYSNARE_RING_BYTES);
} events SEC(".maps");

static __always_inline void lose(enum sysnare_loss what, __u64 calls) {
  __sync_fetch_and_add(&lost[what], calls);
}

static __always_inline int send(__u32 kind) {
  struct sysnare_event* event =
      bpf_ringbuf_reserve(&events, __builtin_offsetof(struct sysnare_event, path), 0);
  if (!event) {
    lose(SYSNARE_LOST_EVENT, 1);
    return 0;
  }
  event->kind = kind;
  event->path_bytes = 0;
  bpf_ringbuf_submit(event, 0);
  return 0;
}

static __always_inline _Bool is_compat(struct task_struct* task) {
#if defined(__TARGET_ARCH_x86)
  return (task->thread_info.status & TS_COMPAT) != 0;
#else
  return (task->thread_info.flags >> TIF_32BIT) & 1;
#endif
}

// Makes a task_struct of an address, to be read alone, at no cost (kernel/bpf/helpers.c, Linux
// 6.2). Whether it is there shows by a helper as old: a look for a function would be one into all
// of the kernel's types.
extern void* bpf_rdonly_cast(const void* obj, __u32 btf_id) __ksym __weak;
enum bpf_func_id___linux_6_2 { BPF_FUNC_cgrp_storage_get___linux_6_2 = 210 };

/// Of the task at an address, which is the current one; `task` may be 0.
static __always_inline _Bool is_compat_caller(__u64 address, struct task_struct* task) {
  if (may_cast && bpf_core_enum_value_exists(enum bpf_func_id___linux_6_2,
                                             BPF_FUNC_cgrp_storage_get___linux_6_2)) {
    return is_compat(
        bpf_rdonly_cast((const void*)address, bpf_core_type_id_kernel(struct task_struct)));
  }
  return is_compat(task ? task : bpf_get_current_task_btf());
}

static __always_inline __u32 current_nr(struct pt_regs* regs) {
#if defined(__TARGET_ARCH_x86)
  return (__u32)regs->orig_ax;
#else
  return (__u32)regs->syscallno;
#endif
}

static __always_inline unsigned long address_behind_call(struct pt_regs* regs) {
#if defined(__TARGET_ARCH_x86)
  return regs->ip;
#else
  return regs->pc;
#endif
}

/// With `--counts` the program of returns is attached only once somebody has a filter, or loads
/// one: a task gets one by its own call, from its parent, or from a thread beside it.
static __always_inline void tell_of_filter(void) {
  if (filtered) return;
  filtered = 1;
  send(SYSNARE_EVENT_FILTERED);
}

static __always_inline void look_for_filter(struct task_struct* task) {
  if (at_entry && task->seccomp.mode >= kSeccompModeFilter) tell_of_filter();
}
