/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#pragma once
// How long did calls take, where two readings of the clock cost more than the shortest calls do?
//
// The first 64 calls of a row are timed one by one, and so are those of a row whose calls take
// long: their time pays for it. The others are sampled: after a random gap a call is timed, and
// stands for those since the last one. A call that is not timed, and during which the task was
// switched away or two ticks of the timer passed, is none of those that others stand for: its time
// is that of the ticks, and the 64 calls after it are timed.
//
// So no call in which a task sleeps passes for a short one, and sums are right in the mean: ticks
// that pass, times their length, are what calls take on average, since those begin at any moment of
// a tick. One that had to give way to another task is the exception (note_switch()). Gaps are
// random since programs repeat themselves.
//
// Source: struct sched_info, include/linux/sched.h; sched_info_arrive(), kernel/sched/stats.h;
// Linux 6.18.
//
// Not modelled: the calls after the last that is timed, at most 15 of 1,024 and more, 3 of 67.

enum {
  kPacedBelow = SYSNARE_ONE_UNTIMED,  // what is below it of sysnare_row::pace
  kFewCalls = 256,                    // gaps are at most 3 up to there …
  kSomeCalls = 1024,                  // … and 7
  kTellsLong = 2,                     // ticks that no short call sees
};

static __always_inline __u32 as_word(__u64 ns) {
  if (ns < SYSNARE_LONG) return (__u32)ns;
  const __u64 units = ns >> SYSNARE_LONG_SHIFT;
  return SYSNARE_LONG | (__u32)(units < SYSNARE_LONG - 1 ? units : SYSNARE_LONG - 2);
}

/// The current task, to be read alone, at no cost where that can be.
static __always_inline struct task_struct* reading(const struct sysnare_task* self) {
  if (may_cast && bpf_core_enum_value_exists(enum bpf_func_id___linux_6_2,
                                             BPF_FUNC_cgrp_storage_get___linux_6_2)) {
    return bpf_rdonly_cast((const void*)self->task, bpf_core_type_id_kernel(struct task_struct));
  }
  return bpf_get_current_task_btf();
}

/// The current task was switched away since its last call returned. How long at least it was so
/// within a call that went over so many ticks: one that had to give way did so at a tick, and goes
/// on at one, so that it sees one more than it waited for. The kernel knows how long that was.
static __always_inline __u64 note_switch(struct sysnare_task* self, __u64 ticks) {
  struct task_struct* task = bpf_get_current_task_btf();
  const __u32 sleeps = (__u32)task->nvcsw;
  const _Bool slept = sleeps != self->sleeps;
  __u64 ns = ticks * tick_ns;
  if (bpf_core_field_exists(task->sched_info.run_delay)) {
    const __u64 waited = task->sched_info.run_delay;
    const __u64 more = waited - self->waited;
    if (!slept && more < ns) ns = more;
    self->waited = waited;
  } else if (!slept && ticks) {
    ns -= tick_ns;
  }
  self->switches = sleeps + (__u32)task->nivcsw;
  self->sleeps = sleeps;
  return ns;
}

/// For how much of a call that took `ns` others stand too, which are not seen to be long. One of
/// one to two ticks is seen the more often the longer it is.
static __always_inline __u64 unseen_of(__u64 ns) {
  if (ns < tick_ns) return ns;
  return ns < 2 * tick_ns ? 2 * tick_ns - ns : 0;
}

/// Decides which call of a row is timed next.
static __always_inline void draw_gap(struct sysnare_task* self, struct sysnare_row* row, __u64 ns) {
  // Numerical Recipes' generator; with the time, tasks of one program do not do the same.
  self->dice = (self->dice + (__u32)ns) * 1664525u + 1013904223u;
  const __u32 most = row->count < kFewCalls ? 3 : row->count < kSomeCalls ? 7 : SYSNARE_MAX_GAP;
  const __u16 gap = self->dice >> 16 & most;
  row->pace = gap;
  if (gap) row->sampled = 1;
}

/// A timed call has taken `ns`. Not static, as count_call().
__noinline int add_time(struct sysnare_task* self, struct sysnare_row* row, __u64 ns,
                        __u32 switched) {
  if (!self || !row) return 0;
  if (switched) note_switch(self, 0);
  row->total_ns += ns;
  if (ns > row->max_ns) row->max_ns = ns;
  const __u32 inverted = ~as_word(ns);
  if (inverted > row->inverted_min) row->inverted_min = inverted;
  if (exact_time) return 0;
  if (switched) {
    row->spent = 0;  // those since the last timed one wait for another to stand for them
    return 0;
  }
  row->total_ns += unseen_of(ns) * (row->pace / SYSNARE_ONE_UNTIMED);
  row->pace = 0;
  const __u64 paid = ns >> SYSNARE_PAID_SHIFT;
  const __u32 spent = (row->spent > paid ? row->spent - (__u32)paid : 0) + 1;
  if (spent < SYSNARE_TIMED_EACH) {
    row->spent = spent;
  } else {
    row->spent = SYSNARE_TIMED_EACH;
    draw_gap(self, row, ns);
  }
  return 0;
}

/// A call that was not timed is known to be none of the short ones.
__noinline int add_ticks(struct sysnare_task* self, struct sysnare_row* row, __u64 ticks,
                         __u32 switched) {
  if (!self || !row) return 0;
  const __u64 ns = switched ? note_switch(self, ticks) : ticks * tick_ns;
  row->total_ns += ns;
  if (ns > row->max_ns) row->max_ns = ns;
  row->pace = (row->pace - SYSNARE_ONE_UNTIMED) & ~(kPacedBelow - 1);  // the next is timed
  row->spent = 0;
  return 0;
}

/// A call begins, of this row in the task's table (0: in a shared one).
static __always_inline void begin_time(struct sysnare_task* self, const struct sysnare_row* row) {
  if (exact_time || !row || row->pace % kPacedBelow == 0) {
    self->entered = bpf_ktime_get_ns();
  } else {
    self->entered = bpf_jiffies64();
  }
}

/// It returns.
static __always_inline void end_time(struct sysnare_task* self, struct sysnare_row* row,
                                     __u64 jiffies) {
  if (exact_time) {
    add_time(self, row, bpf_ktime_get_ns() - self->entered, 0);
    return;
  }
  // Also those since its last return, outside of calls: they make us look closer, and no more.
  const struct task_struct* now = reading(self);
  const __u32 switched = (__u32)(now->nvcsw + now->nivcsw) - self->switches;
  if (row->pace % kPacedBelow == 0) {
    const __u64 ns = bpf_ktime_get_ns() - self->entered;
    add_time(self, row, ns, switched);
    return;
  }
  row->pace += SYSNARE_ONE_UNTIMED - 1;
  const __u64 ticks = jiffies - self->entered;
  if (switched || ticks >= kTellsLong) add_ticks(self, row, ticks, switched);
}
