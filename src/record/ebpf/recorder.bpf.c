/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
// Counts the calls of the tasks that are followed, with no event for a call.
//
// The hot path is two comparisons and plain additions: a task's table is written by that task
// alone. It moves to the totals of its executable when the task execs or ends; tables of
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

#include "task.bpf.h"

#include "tables.bpf.h"

#include "clock.bpf.h"

#include "times.bpf.h"

#include "args.bpf.h"
#include "cgroups.bpf.h"
#include "counting.bpf.h"
#include "executables.bpf.h"
#include "phases.bpf.h"
#include "sites.bpf.h"

#include "following.bpf.h"

#include "scope.bpf.h"

#include "rings.bpf.h"
// clang-format on

// The kernel takes a program for GPL compatible by this string (include/linux/license.h).
char LICENSE[] SEC("license") = "GPL";

/// A task about which there is something to decide begins a call. 0 when that does not count.
__noinline int settle(struct sysnare_task* self, __u32 nr) {
  if (!self) return 0;
  struct task_struct* task = bpf_get_current_task_btf();
  read_clock();
  look_for_filter(task);
  if (self->gate && !pass_gate(self, task, nr)) return 0;
  self->attached = 0;
  if (self->gate != SYSNARE_GATE_LAUNCHING) enter_phase(self);
  return 1;
}

/// A call with traits begins. Few have any: out of the way of the others.
static __noinline int on_traits(struct sysnare_task* self, struct pt_regs* regs, __u64 call) {
  const __u32 its_traits = traits_of(call);
  if (look_for_ready(self, call, its_traits)) enter_phase(self);
  if (with_sites) look_for_code(self, regs, call, its_traits);
  if (!at_entry) {
    note_args(self, regs, call, its_traits);
  } else if (its_traits & SYSNARE_TRAIT_FILTER) {
    const _Bool compat = (call & SYSNARE_CALL_COMPAT) != 0;
    if ((__u32)call == kNrSeccomp || argument(regs, 0, compat) == kPrSetSeccomp) tell_of_filter();
  }
  return 0;
}

static __always_inline int begin_call(struct pt_regs* regs, long id) {
  struct task_struct* task = 0;
  struct sysnare_task* self = of_caller(regs, &task);
  if (!self) return 0;
  __u64 call = (__u32)id | SYSNARE_CALL_IN_FLIGHT;
  if (is_compat_caller(self->task, task)) call |= SYSNARE_CALL_COMPAT;
  if (standing_of(self) != standing && !settle(self, (__u32)id)) return 0;
  if (with_sites && self->maps_code) forget_places(self);
  if (traits_of(call)) on_traits(self, regs, call);
  self->call = call;
  if (at_entry) count_call(self, call);
  if (with_sites && self->gate != SYSNARE_GATE_LAUNCHING) {
    count_site(self, address_behind_call(regs), call);
  }
  // Last: our own work is not the call's.
  if (!at_entry) begin_in_row(self, call);
  return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_entry, struct pt_regs* regs, long id) { return begin_call(regs, id); }

static __noinline int begin_other_call(struct pt_regs* regs, long id) {
  return begin_call(regs, id);
}

/// Where in the table of slot `at` a native call is counted about which there is nothing to be done
/// but that; SYSNARE_NO_ROW for all others. Where may_cast holds.
static __always_inline __u32 plain_place(__u32 at, long id, struct sysnare_task** table) {
  struct sysnare_task* self = table_in(at);
  if (!self) return SYSNARE_NO_ROW;
  *table = self;
  __u32 nr = (__u32)id;
  asm volatile("" : "+r"(nr));  // as in row_of()
  if (nr >= SYSNARE_TRAITS || standing_of(self) != standing ||
      is_compat(
          bpf_rdonly_cast((const void*)self->task, bpf_core_type_id_kernel(struct task_struct)))) {
    return SYSNARE_NO_ROW;
  }
  __u32 place = plain_rows[nr];
  asm volatile("" : "+r"(place));
  return place;
}

/// on_entry for a process tree, where may_cast and has_heads() hold: most calls take a short way.
SEC("tp_btf/sys_enter")
int BPF_PROG(on_plain_entry, struct pt_regs* regs, long id) {
  const __u32 at = slot_of(regs);
  if (heads[at].registers != (__u64)regs) return heads[at].others ? begin_other_call(regs, id) : 0;
  struct sysnare_task* self = 0;
  const __u32 place = plain_place(at, id, &self);
  if (!self || place >= SYSNARE_ROWS_END) return begin_other_call(regs, id);
  self->call = (__u32)id | SYSNARE_CALL_IN_FLIGHT;
  self->row = place;
  if (with_time) begin_time(self, row_at(self, place));
  return 0;
}

/// The same for counts alone.
SEC("tp_btf/sys_enter")
int BPF_PROG(on_counted_entry, struct pt_regs* regs, long id) {
  const __u32 at = slot_of(regs);
  if (heads[at].registers != (__u64)regs) return heads[at].others ? begin_other_call(regs, id) : 0;
  struct sysnare_task* self = 0;
  const __u32 place = plain_place(at, id, &self);
  if (!self || place >= SYSNARE_ROWS_END) return begin_other_call(regs, id);
  self->call = SYSNARE_CALL_BEGUN;
  ++row_at(self, place)->count;
  return 0;
}

/// Counts a call that a filter denied: its entry was not seen.
static __always_inline void count_denied(struct sysnare_task* self, struct pt_regs* regs,
                                         __u64 call) {
  count_call(self, call);
  const __u32 its_traits = at_entry ? 0 : traits_of(call);
  if (its_traits) note_args(self, regs, call, its_traits);
  if (with_sites) count_site(self, address_behind_call(regs), call);
}

/// A return whose beginning was not seen: answered by a filter, or begun before we came, or that of
/// a birth or an exec (on_fork, on_exec).
static __noinline int on_lone_return(struct sysnare_task* self, struct pt_regs* regs, long result) {
  struct task_struct* task = bpf_get_current_task_btf();
  if (self->gate == SYSNARE_GATE_LAUNCHING || self->gate == SYSNARE_GATE_LEAVING) return 0;
  const _Bool began_before_us = self->attached;
  self->attached = 0;
  if (began_before_us) return 0;
  read_clock();  // it may be the first that is counted
  enter_phase(self);
  const __u32 nr = current_nr(regs);
  const _Bool compat = is_compat(task);
  if (compat) result = (int)result;
  const __u64 call = compat ? nr | SYSNARE_CALL_COMPAT : nr;
  if (result < 0 && result >= -SYSNARE_MAX_ERRNO) {
    count_denied(self, regs, call);
    if (!at_entry) count_error(self, call, (__u64)-result);
  } else if (task->seccomp.mode >= kSeccompModeFilter) {
    // ERRNO with 0, or a NOTIFY whose supervisor said so; and TRAP and KILL_PROCESS, which put the
    // registers back to what they were at the call (syscall_rollback), and a signal follows.
    count_denied(self, regs, call);
  }
  return 0;
}

/// Whether a call was broken off by death (SIGKILL, another thread's exec or exit) rather than
/// returned. Nobody will ever see its result. Any other deadly signal becomes a SIGKILL too
/// (complete_signal(), kernel/signal.c); in a process of one thread it is known to have come to
/// this call, whose error is then told as a tracer would.
static __always_inline _Bool broken_off(long result) {
  const long error = -result;
  if (error != kEintr && (error < kErestartsys || error > kErestartRestartblock)) return 0;
  struct task_struct* task = bpf_get_current_task_btf();
  if (!((task->pending.signal.sig[0] >> (kSigkill - 1)) & 1)) return 0;
  const int ended_by = BPF_CORE_READ(task, signal, group_exit_code) & kSignalMask;
  return ended_by == 0 || ended_by == kSigkill || BPF_CORE_READ(task, signal, nr_threads) != 1;
}

static __always_inline int end_call(struct pt_regs* regs, long result) {
  struct task_struct* task = 0;
  struct sysnare_task* self = of_caller(regs, &task);
  if (!self) return 0;
  const __u64 call = self->call;
  if (with_sites) place_refused(self, 0);
  if (with_sites && self->maps_code) forget_places(self);
  if (!call) {
    on_lone_return(self, regs, result);
    return 0;
  }
  if (at_entry) {
    self->call = 0;
    return 0;
  }
  if (result < 0) {
    if (broken_off(result)) return 0;
    if (call & SYSNARE_CALL_COMPAT) result = (int)result;
    if (result < 0 && result >= -SYSNARE_MAX_ERRNO) count_error(self, call, (__u64)-result);
  }
  self->call = 0;
  count_return(self, call);
  return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_return, struct pt_regs* regs, long result) { return end_call(regs, result); }

static __noinline int end_other_call(struct pt_regs* regs, long result) {
  return end_call(regs, result);
}

/// on_return beside on_plain_entry: a call that has a row and did not fail takes a short way.
SEC("tp_btf/sys_exit")
int BPF_PROG(on_plain_return, struct pt_regs* regs, long result) {
  const __u32 at = slot_of(regs);
  if (heads[at].registers != (__u64)regs)
    return heads[at].others ? end_other_call(regs, result) : 0;
  struct sysnare_task* self = table_in(at);
  if (!self) return 0;
  __u32 place = self->row;
  asm volatile("" : "+r"(place));  // as in row_of()
  if (!self->call || result < 0 || place >= SYSNARE_ROWS_END) return end_other_call(regs, result);
  self->call = 0;
  struct sysnare_row* row = row_at(self, place);
  const __u64 now = bpf_jiffies64();
  count_in(row, tick_from(now));
  if (with_time) end_time(self, row, now);
  return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct* parent, struct task_struct* child) {
  // The child does not run yet (kernel/fork.c kernel_clone()).
  struct sysnare_task* self = of_task(parent);
  struct sysnare_task* its = 0;
  look_for_dead(child);
  if (scope == SYSNARE_SCOPE_TREE) {
    if (!self) return 0;
    if (!follow && parent->tgid != child->tgid) {
      __sync_fetch_and_add(&unfollowed, 1);
      return 0;
    }
    its = begin_following(child, SYSNARE_STAGE_NONE);
    if (!its) return 0;
    its->executable = self->executable;
  } else {
    its = follow_child(child, self);
    if (!its) return 0;
  }
  // Else it comes into its phase with its first call.
  if (self) its->phase = self->phase;
  if (self) its->in_main = self->in_main;
  its->attached = kReturnsFromFork;
  its->space =
      self && parent->tgid == child->tgid ? self->space : __sync_fetch_and_add(&spaces, 1) + 1;
  enter_life(child, its);
  return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct* task, int old_pid, struct linux_binprm* binary) {
  struct sysnare_task* self = of_task(task);
  if (!self) return 0;
  // This call returns in the new program; it is the old one's.
  const __u64 call = self->call;
  if (call && !at_entry) count_return(self, call);
  // The address space that it came from is gone.
  if (with_sites && self->unplaced) {
    __sync_fetch_and_add(&unresolved, 1);
    self->unplaced = 0;
  }
  move_to_totals(self);
  self->call = 0;
  self->attached = 1;  // its return is still to come
  self->space = __sync_fetch_and_add(&spaces, 1) + 1;
  self->executable = count_exec(self->executable, task, binary);
  self->phase = phase_at_exec(self->executable);
  self->in_main = 0;
  self->maps_code = 0;
  forget_args(self);
  look_for_filter(task);
  if (scope == SYSNARE_SCOPE_CGROUPS && self->gate == SYSNARE_GATE_RUNTIME &&
      !begins_container(task)) {
    self->executable |= SYSNARE_RUNTIME;
  } else if (self->gate != SYSNARE_GATE_LEAVING) {
    self->gate = SYSNARE_GATE_OPEN;
  }
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct* task) {
  struct sysnare_task* self = of_task(task);
  // With counts alone `call` is the last that began: where returns are not seen, it stays.
  if (self && (!self->call || at_entry) && self->gate != SYSNARE_GATE_LAUNCHING &&
      self->gate != SYSNARE_GATE_LEAVING && task->exit_code == kSigsys &&
      task->seccomp.mode >= kSeccompModeFilter &&
      !(BPF_CORE_READ(task, signal, flags) & kSignalGroupExit) &&
      bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs)) {
    // KILL_THREAD ends the thread on the spot: neither entry nor return.
    struct pt_regs* regs = (struct pt_regs*)bpf_task_pt_regs(task);
    const __u64 nr = current_nr(regs);
    const __u64 call = is_compat(task) ? nr | SYSNARE_CALL_COMPAT : nr;
    count_denied(self, regs, call);
  }
  stop_following(task);
  return 0;
}

/// Writes the tables of living tasks, each whole.
SEC("iter/task")
int read_living(struct bpf_iter__task* ctx) {
  struct task_struct* task = ctx->task;
  if (!task) return 0;
  struct sysnare_task* its = of_task(task);
  if (!its) return 0;
  bpf_seq_write(ctx->meta->seq, its, sizeof *its);
  return 0;
}

/// Takes in a process that the recorder named.
static __always_inline void take_in(struct task_struct* leader) {
  struct sysnare_member* named = member_of(leader);
  // One that ends stays named, for its threads.
  if (!named || named->ended || leader->flags & kPfExiting) return;
  struct sysnare_task* its = begin_following(leader, SYSNARE_STAGE_NAMED);
  if (!its) return;
  its->executable = named->executable;
  its->space = named->space;
  its->gate = named->gate;
  its->attached = named->attached;
  enter_life(leader, its);
}

/// Takes in the processes that the recorder named, and their threads, for each of which it writes a
/// byte.
SEC("iter/task")
int follow_named(struct bpf_iter__task* ctx) {
  struct task_struct* task = ctx->task;
  if (!task) return 0;
  struct task_struct* leader = task->group_leader;
  if (leader == task) take_in(task);
  if (!leader || leader == task || task->flags & kPfExiting || member_of(task)) return 0;
  const struct sysnare_member* named = member_of(leader);
  if (!named || !named->space) return 0;
  struct sysnare_task* its = begin_following(task, SYSNARE_STAGE_NONE);
  if (!its) return 0;
  its->executable = named->executable;
  its->space = named->space;
  its->attached = 1;
  enter_life(task, its);
  const __u8 one = 1;
  bpf_seq_write(ctx->meta->seq, &one, sizeof one);
  return 0;
}
