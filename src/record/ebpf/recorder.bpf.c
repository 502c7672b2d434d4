/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
// Counts the calls of the tasks that carry our storage, with no event for a call.
//
// The hot path is one storage lookup a program and plain additions: a task's table is written by
// that task alone. It moves to the totals of its executable when the task execs or ends; tables of
// living tasks are read by an iterator.
//
// A call is counted where it returns (with `--counts`: where it begins), and one that is in flight
// when its task ends is counted then. seccomp runs before sys_enter: a return with no beginning is
// a call that a filter denied (kernel/entry/common.c syscall_trace_enter(), Linux 6.18).
//
// Not modelled: a call denied by KILL_THREAD in kernels before 5.15 leaves no trace.

// libbpf's headers use the types of the kernel's, and include none: this order alone works.
// clang-format off
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "kernel_types.h"
#include "shared.h"
// clang-format on

// The kernel takes a program for GPL compatible by this string (include/linux/license.h).
char LICENSE[] SEC("license") = "GPL";

#if defined(__TARGET_ARCH_x86)
#define TS_COMPAT 0x0002  // arch/x86/include/asm/thread_info.h
enum { kNrExecve = 59, kNrExecveat = 322, kNrPrctl = 157, kNrSeccomp = 317 };
#elif defined(__TARGET_ARCH_arm64)
#define TIF_32BIT 22  // arch/arm64/include/asm/thread_info.h
enum { kNrExecve = 221, kNrExecveat = 281, kNrPrctl = 167, kNrSeccomp = 277 };
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
// Tables that began to move to the totals, and that have moved: a reader that finds them equal, and
// the same when it has read, has read each table once.
__u64 moves_begun;
__u64 moves_done;
__u32 executables = SYSNARE_FIRST;  // the next number is one more
__u32 spaces;                       // address spaces so far
__u64 unresolved;                   // calls whose place the kernel would not tell at that moment
__u32 filtered;                     // a task with a seccomp filter was seen

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct sysnare_task);
} tasks SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SYSNARE_MAX_TOTALS);
  __type(key, struct sysnare_call_key);
  __type(value, struct sysnare_row);
} totals SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SYSNARE_MAX_FOREIGN);
  __type(key, struct sysnare_call_key);
  __type(value, struct sysnare_row);
} foreign SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SYSNARE_MAX_ERRORS);
  __type(key, struct sysnare_error_key);
  __type(value, __u64);
} errors SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SYSNARE_MAX_EXECUTABLES);
  __type(key, struct sysnare_file_key);
  __type(value, __u32);
} files SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SYSNARE_MAX_EDGES);
  __type(key, struct sysnare_edge_key);
  __type(value, __u64);
} edges SEC(".maps");

// Where addresses lie. What is thrown out is looked up again.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, SYSNARE_MAX_PLACES);
  __type(key, struct sysnare_place_key);
  __type(value, struct sysnare_place);
} places SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SYSNARE_MAX_SITES);
  __type(key, struct sysnare_site_key);
  __type(value, __u64);
} sites SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SYSNARE_MAX_MODULES);
  __type(key, struct sysnare_file_key);
  __type(value, __u8);
} modules SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, SYSNARE_RING_BYTES);
} events SEC(".maps");

static __always_inline void lose(enum sysnare_loss what, __u64 calls) {
  __sync_fetch_and_add(&lost[what], calls);
}

static __always_inline struct sysnare_task* of_task(struct task_struct* task) {
  return bpf_task_storage_get(&tasks, task, 0, 0);
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

/// Raises *at to `value`, with other processors at it.
static __always_inline void raise(__u64* at, __u64 value) {
  for (int i = 0; i < kSwapTries; ++i) {
    const __u64 old = *(volatile __u64*)at;
    if (value <= old || __sync_val_compare_and_swap(at, old, value) == old) return;
  }
}

/// Adds to a row that many tasks share. 0 when the map is full.
static __always_inline int add_row(void* map, const struct sysnare_call_key* key,
                                   const struct sysnare_row* more) {
  struct sysnare_row* row = bpf_map_lookup_elem(map, key);
  if (!row) {
    const struct sysnare_row none = {};
    bpf_map_update_elem(map, key, &none, BPF_NOEXIST);  // or another processor was first
    row = bpf_map_lookup_elem(map, key);
    if (!row) return 0;
  }
  __sync_fetch_and_add(&row->count, more->count);
  if (more->total_ns != 0) {
    __sync_fetch_and_add(&row->total_ns, more->total_ns);
    raise(&row->max_ns, more->max_ns);
    raise(&row->inverted_min_ns, more->inverted_min_ns);
  }
  return 1;
}

static __noinline int add_errors(__u32 executable, __u64 call, __u64 count) {
  const struct sysnare_error_key key = {.call = call, .executable = executable};
  __u64* sum = bpf_map_lookup_elem(&errors, &key);
  if (!sum) {
    const __u64 none = 0;
    bpf_map_update_elem(&errors, &key, &none, BPF_NOEXIST);
    sum = bpf_map_lookup_elem(&errors, &key);
    if (!sum) {
      lose(SYSNARE_LOST_ERROR, count);
      return 0;
    }
  }
  __sync_fetch_and_add(sum, count);
  return 0;
}

static __noinline int add_foreign(__u32 executable, __u64 call, __u64 count, __u64 ns) {
  const struct sysnare_call_key key = {.call = call & ~SYSNARE_CALL_IN_FLIGHT,
                                       .executable = executable};
  const struct sysnare_row row = {count, ns, ns, ns ? ~ns : 0};
  if (!add_row(&foreign, &key, &row)) lose(SYSNARE_LOST_FOREIGN, count);
  return 0;
}

static __always_inline void count_error(struct sysnare_task* self, __u64 call, __u64 error) {
  const __u64 key = (call & ~SYSNARE_CALL_IN_FLIGHT) | (error << SYSNARE_CALL_ERRNO_SHIFT);
  const __u32 at = ((__u32)call ^ ((__u32)call >> 4) ^ (__u32)error) % SYSNARE_ERROR_SLOTS;
  struct sysnare_error_slot* slot = &self->errors[at];
  if (slot->key != key && slot->key != 0) {
    slot = &self->errors[at ^ 1];
    if (slot->key != key && slot->key != 0) {
      // What is there stays there: a reader may be looking.
      add_errors(self->executable, key, 1);
      return;
    }
  }
  slot->key = key;
  ++slot->count;
}

/// Counts `call`, whose table is the task's own or, for a foreign one, shared.
static __always_inline void count_call(struct sysnare_task* self, __u64 call, __u64 ns) {
  __u32 nr = (__u32)call;
  // Or clang compares one copy of the number and indexes with another, which the verifier refuses.
  asm volatile("" : "+r"(nr));
  if (!(call & SYSNARE_CALL_COMPAT) && nr < SYSNARE_INDEXED) {
    struct sysnare_row* row = &self->rows[nr];
    ++row->count;
    if (ns) {
      row->total_ns += ns;
      if (ns > row->max_ns) row->max_ns = ns;
      if (~ns > row->inverted_min_ns) row->inverted_min_ns = ~ns;
    }
    return;
  }
  add_foreign(self->executable, call, 1, ns);
}

static __always_inline unsigned long address_behind_call(struct pt_regs* regs) {
#if defined(__TARGET_ARCH_x86)
  return regs->ip;
#else
  return regs->pc;
#endif
}

/// Tells the way to a file at its first sight; a path is more than a program of ours may ask for.
static __always_inline void tell_module(struct file* file, const struct sysnare_file_key* key) {
  const __u8 known = 1;
  if (bpf_map_update_elem(&modules, key, &known, BPF_NOEXIST)) return;
  struct sysnare_module_event* event = bpf_ringbuf_reserve(&events, sizeof *event, 0);
  if (!event) {
    lose(SYSNARE_LOST_EVENT, 1);
    return;
  }
  event->kind = SYSNARE_EVENT_MODULE;
  event->inode = key->inode;
  event->device = key->device;
  struct dentry* at = file->f_path.dentry;
  __u32 depth = 0;
  for (; depth < SYSNARE_MAX_DEPTH; ++depth) {
    struct dentry* above = at->d_parent;
    if (above == at) break;
    event->names[depth][0] = 0;
    bpf_probe_read_kernel_str(event->names[depth], SYSNARE_MAX_NAME, at->d_name.name);
    at = above;
  }
  event->depth = depth;
  bpf_ringbuf_submit(event, 0);
}

struct look {
  struct sysnare_place place;
  __u64 address;
};

/// With the map lock of the address space held for reading.
static long look_at(struct task_struct* task, struct vm_area_struct* area, void* data) {
  struct look* look = data;
  struct file* file = area->vm_file;
  if (!file) {
    const __u64 vdso = (__u64)task->mm->context.vdso;
    look->place.kind = SYSNARE_PLACE_ANONYMOUS;
    if (look->address - vdso < kVdsoBytes && area->vm_start == vdso) {
      look->place.kind = SYSNARE_PLACE_VDSO;
      look->place.offset = look->address - vdso;
    }
    return 0;
  }
  struct inode* inode = file->f_inode;
  const struct sysnare_file_key key = {.inode = inode->i_ino, .device = inode->i_sb->s_dev};
  look->place.kind = SYSNARE_PLACE_FILE;
  look->place.inode = key.inode;
  look->place.device = key.device;
  look->place.offset = look->address - area->vm_start + (area->vm_pgoff << kPageShift);
  tell_module(file, &key);
  return 0;
}

/// Counts where a call comes from.
static __noinline int count_site(struct sysnare_task* self, struct task_struct* task, __u64 address,
                                 __u64 call) {
  const struct sysnare_place_key at = {.address = address, .space = self->space};
  struct look look = {.address = address};
  const struct sysnare_place* known = bpf_map_lookup_elem(&places, &at);
  if (known) {
    look.place = *known;
  } else {
    // EBUSY: somebody changes the mappings, or an unlock of ours is still to be done.
    if (bpf_find_vma(task, address, look_at, &look, 0) != 0) {
      __sync_fetch_and_add(&unresolved, 1);
      return 0;
    }
    bpf_map_update_elem(&places, &at, &look.place, BPF_ANY);
  }
  const struct sysnare_site_key key = {.call = call & ~SYSNARE_CALL_IN_FLIGHT, .place = look.place};
  __u64* count = bpf_map_lookup_elem(&sites, &key);
  if (!count) {
    const __u64 none = 0;
    bpf_map_update_elem(&sites, &key, &none, BPF_NOEXIST);
    count = bpf_map_lookup_elem(&sites, &key);
    if (!count) {
      lose(SYSNARE_LOST_SITE, 1);
      return 0;
    }
  }
  __sync_fetch_and_add(count, 1);
  return 0;
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

static __always_inline unsigned long first_argument(struct pt_regs* regs) {
#if defined(__TARGET_ARCH_x86)
  return regs->di;
#else
  return regs->orig_x0;
#endif
}

/// With `--counts` the program of returns is attached only once somebody has a filter, or loads
/// one.
static __always_inline void look_for_filter(struct task_struct* task, struct pt_regs* regs,
                                            __u32 nr) {
  if (filtered) return;
  const _Bool loads = nr == kNrSeccomp || (nr == kNrPrctl && first_argument(regs) == kPrSetSeccomp);
  if (!loads && task->seccomp.mode < kSeccompModeFilter) return;
  filtered = 1;
  send(SYSNARE_EVENT_FILTERED);
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_entry, struct pt_regs* regs, long id) {
  struct task_struct* task = bpf_get_current_task_btf();
  struct sysnare_task* self = of_task(task);
  if (!self) return 0;
  __u64 call = (__u32)id | SYSNARE_CALL_IN_FLIGHT;
  if (is_compat(task)) call |= SYSNARE_CALL_COMPAT;
  if (self->launching && id != kNrExecve && id != kNrExecveat) return 0;
  self->call = call;
  self->attached = 0;
  if (at_entry) {
    count_call(self, call, 0);
    look_for_filter(task, regs, (__u32)id);
  } else if (with_time) {
    self->entered_ns = bpf_ktime_get_ns();
  }
  if (with_sites && !self->launching) count_site(self, task, address_behind_call(regs), call);
  return 0;
}

/// A return whose beginning was not seen: denied by a filter, or begun before we came.
static __always_inline void on_lone_return(struct sysnare_task* self, struct task_struct* task,
                                           struct pt_regs* regs, long result) {
  if (self->launching) return;
  const _Bool began_before_us = self->attached;
  self->attached = 0;
  if (began_before_us) return;
  const __u32 nr = current_nr(regs);
  const _Bool compat = is_compat(task);
  if (compat) result = (int)result;
  const __u64 call = compat ? nr | SYSNARE_CALL_COMPAT : nr;
  if (result < 0 && result >= -SYSNARE_MAX_ERRNO) {
    count_call(self, call, 0);
    if (!at_entry) count_error(self, call, (__u64)-result);
    if (with_sites) count_site(self, task, address_behind_call(regs), call);
  } else if ((__u32)result == nr && task->seccomp.mode >= kSeccompModeFilter) {
    // TRAP and KILL_PROCESS put the registers back to what they were at the call
    // (syscall_rollback), and a signal follows.
    count_call(self, call, 0);
    if (with_sites) count_site(self, task, address_behind_call(regs), call);
  }
}

/// Whether a call was broken off by death (SIGKILL, another thread's exec or exit) rather than
/// returned. Nobody will ever see its result. Any other deadly signal becomes a SIGKILL too
/// (complete_signal(), kernel/signal.c); in a process of one thread it is known to have come to
/// this call, whose error is then told as a tracer would.
static __always_inline _Bool broken_off(struct task_struct* task, long result) {
  const long error = -result;
  if (error != kEintr && (error < kErestartsys || error > kErestartRestartblock)) return 0;
  if (!((task->pending.signal.sig[0] >> (kSigkill - 1)) & 1)) return 0;
  const int ended_by = task->signal->group_exit_code & kSignalMask;
  return ended_by == 0 || ended_by == kSigkill || task->signal->nr_threads != 1;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_return, struct pt_regs* regs, long result) {
  struct task_struct* task = bpf_get_current_task_btf();
  struct sysnare_task* self = of_task(task);
  if (!self) return 0;
  const __u64 call = self->call;
  if (!call) {
    on_lone_return(self, task, regs, result);
    return 0;
  }
  if (at_entry) {
    self->call = 0;
    return 0;
  }
  if (result < 0) {
    if (broken_off(task, result)) return 0;
    if (call & SYSNARE_CALL_COMPAT) result = (int)result;
    if (result < 0 && result >= -SYSNARE_MAX_ERRNO) count_error(self, call, (__u64)-result);
  }
  self->call = 0;
  count_call(self, call, with_time ? bpf_ktime_get_ns() - self->entered_ns : 0);
  return 0;
}

/// Adds a task's row to the totals, and empties it. Not static: the verifier then checks it once,
/// and not for each of the rows.
__noinline int move_row(struct sysnare_row* row, __u32 executable, __u32 nr) {
  if (!row) return 0;
  const struct sysnare_call_key key = {.call = nr, .executable = executable};
  if (!add_row(&totals, &key, row)) lose(SYSNARE_LOST_TOTAL, row->count);
  row->count = 0;
  row->total_ns = 0;
  row->max_ns = 0;
  row->inverted_min_ns = 0;
  return 0;
}

__noinline int move_error(struct sysnare_error_slot* slot, __u32 executable) {
  if (!slot) return 0;
  add_errors(executable, slot->key, slot->count);
  slot->key = 0;
  slot->count = 0;
  return 0;
}

/// Moves a task's table to the totals of its executable.
static __always_inline void move_to_totals(struct sysnare_task* self) {
  __sync_fetch_and_add(&moves_begun, 1);
  for (__u32 nr = 0; nr < SYSNARE_INDEXED; ++nr) {
    if (self->rows[nr].count != 0) move_row(&self->rows[nr], self->executable, nr);
  }
  for (__u32 i = 0; i < SYSNARE_ERROR_SLOTS; ++i) {
    if (self->errors[i].key != 0) move_error(&self->errors[i], self->executable);
  }
  __sync_fetch_and_add(&moves_done, 1);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct* parent, struct task_struct* child) {
  // The child does not run yet (kernel/fork.c kernel_clone()).
  struct sysnare_task* self = of_task(parent);
  if (!self || self->ended) return 0;
  if (!follow && parent->tgid != child->tgid) {
    __sync_fetch_and_add(&unfollowed, 1);
    return 0;
  }
  struct sysnare_task* its = bpf_task_storage_get(&tasks, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!its) {
    lose(SYSNARE_LOST_TASK, 1);
    return 0;
  }
  its->executable = self->executable;
  its->space = parent->tgid == child->tgid ? self->space : __sync_fetch_and_add(&spaces, 1) + 1;
  __sync_fetch_and_add(&living, 1);
  return 0;
}

static __always_inline __u32 number_of(const struct sysnare_file_key* file, __u32 from,
                                       struct task_struct* task, struct linux_binprm* binary) {
  __u32* known = bpf_map_lookup_elem(&files, file);
  if (known) return *known;
  __u32 number = __sync_fetch_and_add(&executables, 1);
  if (bpf_map_update_elem(&files, file, &number, BPF_NOEXIST)) {
    known = bpf_map_lookup_elem(&files, file);
    if (known) return *known;  // another processor was first; our number stays unused
    lose(SYSNARE_LOST_EXECUTABLE, 1);
    return from;
  }
  struct sysnare_event* event = bpf_ringbuf_reserve(&events, sizeof *event, 0);
  if (!event) {
    lose(SYSNARE_LOST_EVENT, 1);
    return number;
  }
  event->kind = SYSNARE_EVENT_EXECUTABLE;
  event->executable = number;
  event->from = from;
  event->process = task->tgid;
  event->inode = file->inode;
  event->device = file->device;
  const long bytes = bpf_probe_read_kernel_str(event->path, sizeof event->path, binary->interp);
  event->path_bytes = bytes > 0 ? (__u32)bytes : 0;
  bpf_ringbuf_submit(event, 0);
  return number;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct* task, int old_pid, struct linux_binprm* binary) {
  struct sysnare_task* self = of_task(task);
  if (!self) return 0;
  // This call returns in the new program; it is the old one's.
  const __u64 call = self->call;
  if (call && !at_entry) {
    count_call(self, call, with_time ? bpf_ktime_get_ns() - self->entered_ns : 0);
  }
  move_to_totals(self);
  self->call = 0;
  self->launching = 0;
  self->space = __sync_fetch_and_add(&spaces, 1) + 1;
  struct inode* inode = binary->file->f_inode;
  const struct sysnare_file_key file = {.inode = inode->i_ino, .device = inode->i_sb->s_dev};
  const struct sysnare_edge_key edge = {.from = self->executable,
                                        .to = number_of(&file, self->executable, task, binary)};
  __u64* times = bpf_map_lookup_elem(&edges, &edge);
  if (times) {
    __sync_fetch_and_add(times, 1);
  } else {
    const __u64 one = 1;
    if (bpf_map_update_elem(&edges, &edge, &one, BPF_NOEXIST)) lose(SYSNARE_LOST_EDGE, 1);
  }
  self->executable = edge.to;
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct* task) {
  struct sysnare_task* self = of_task(task);
  if (!self || self->ended) return 0;
  if (self->call) {
    if (!at_entry) count_call(self, self->call, 0);
  } else if (!self->launching && task->exit_code == kSigsys &&
             task->seccomp.mode >= kSeccompModeFilter &&
             !(task->signal->flags & kSignalGroupExit) &&
             bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs)) {
    // KILL_THREAD ends the thread on the spot: neither entry nor return.
    struct pt_regs* regs = (struct pt_regs*)bpf_task_pt_regs(task);
    const __u64 nr = current_nr(regs);
    const __u64 call = is_compat(task) ? nr | SYSNARE_CALL_COMPAT : nr;
    count_call(self, call, 0);
    if (with_sites) count_site(self, task, address_behind_call(regs), call);
  }
  self->ended = 1;
  move_to_totals(self);
  bpf_task_storage_delete(&tasks, task);
  if (__sync_fetch_and_add(&living, -1) == 1) send(SYSNARE_EVENT_NOBODY_LEFT);
  return 0;
}

/// Writes the tables of living tasks, each whole.
SEC("iter/task")
int read_living(struct bpf_iter__task* ctx) {
  struct task_struct* task = ctx->task;
  if (!task) return 0;
  struct sysnare_task* its = of_task(task);
  if (!its || its->ended) return 0;
  bpf_seq_write(ctx->meta->seq, its, sizeof *its);
  return 0;
}

/// Follows the threads of every process whose leader is followed.
SEC("iter/task")
int follow_threads(struct bpf_iter__task* ctx) {
  struct task_struct* task = ctx->task;
  if (!task) return 0;
  struct task_struct* leader = task->group_leader;
  if (!leader || leader == task || of_task(task)) return 0;
  struct sysnare_task* of_leader = of_task(leader);
  if (!of_leader) return 0;
  struct sysnare_task* its = bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!its) {
    lose(SYSNARE_LOST_TASK, 1);
    return 0;
  }
  its->executable = of_leader->executable;
  its->space = of_leader->space;
  its->attached = 1;
  __sync_fetch_and_add(&living, 1);
  const __u8 one = 1;
  bpf_seq_write(ctx->meta->seq, &one, sizeof one);
  return 0;
}
