/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#pragma once
// Who is followed, what do the programs of the recorder share, and how do they read registers?
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
  kSwapTries = 8,      // more processors than that do not meet at one row in a row
};

// Decided before the programs are loaded; the verifier drops what they exclude. Not _Bool: the
// skeleton is C++ too, and clang has no such type there.
const volatile __u8 at_entry = 0;  // counts alone, taken where a call begins
const volatile __u8 with_time = 1;
const volatile __u8 follow = 1;  // child processes too
const volatile __u8 with_sites = 0;

__u64 lost[SYSNARE_LOSSES];
__u64 unfollowed;  // child processes, without `follow`
__u64 living;      // tasks with storage
__u32 spaces;      // address spaces so far
__u32 filtered;    // a task with a seccomp filter was seen

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct sysnare_task);
} tasks SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, SYSNARE_RING_BYTES);
} events SEC(".maps");

static __always_inline void lose(enum sysnare_loss what, __u64 calls) {
  __sync_fetch_and_add(&lost[what], calls);
}

static __always_inline struct sysnare_task* of_task(struct task_struct* task) {
  // Without storage of anybody's it has none of ours: a load instead of a call, for every other
  // task of the machine.
  if (!task->bpf_storage) return 0;
  return bpf_task_storage_get(&tasks, task, 0, 0);
}

/// The storage of a task that is followed from now on. 0 when it is followed already, since a walk
/// and a fork may meet at a child that is just born; or when there is none to be had, which counts
/// as lost. Whoever gets it gives it its `space`.
static __always_inline struct sysnare_task* begin_following(struct task_struct* task) {
  if (of_task(task)) return 0;
  struct sysnare_task* its = bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!its) {
    if (!of_task(task)) lose(SYSNARE_LOST_TASK, 1);
    return 0;
  }
  return its->space ? 0 : its;
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

/// Somebody more, or one less, is followed and lives.
static __always_inline void enter_life(void) { __sync_fetch_and_add(&living, 1); }
static __always_inline void leave_life(void) {
  if (__sync_fetch_and_add(&living, -1) == 1) send(SYSNARE_EVENT_NOBODY_LEFT);
}

static __always_inline _Bool is_compat(struct task_struct* task) {
#if defined(__TARGET_ARCH_x86)
  return (task->thread_info.status & TS_COMPAT) != 0;
#else
  return (task->thread_info.flags >> TIF_32BIT) & 1;
#endif
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
