/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#pragma once
// In which phase is a call made: before main, until the program is ready, or after?
//
// The whole recording is in start, then, from the ready mark on, in steady. A process is in load
// until a uprobe tells that it has come to main, where the recorder could put one. A task's table
// holds calls of one phase; it moves to the totals at the first call of the next.

const volatile __u8 ready_by_calls = 0;  // the first accept, or wait for events after a listen

// What a task's `gate`, `attached` and `phase` are when there is nothing to decide: the phase of
// the whole recording, SYSNARE_START or SYSNARE_STEADY, alone.
__u32 standing = SYSNARE_STANDING(SYSNARE_START);
__u64 ready_ns;    // CLOCK_MONOTONIC of the mark, where a call of the program was it
__u64 ready_call;  // that call
__u32 listened;
__u8 has_main[SYSNARE_MAX_EXECUTABLES];  // by number of the executable: a uprobe stands at its main

static __always_inline __u32 standing_of(const struct sysnare_task* self) {
  return *(const __u32*)&self->gate;
}

static __always_inline __u8 phase_of_all(void) { return (__u8)(standing >> 16); }

/// A call that may be the ready mark begins. Whether it was it. A container's runtime is none of
/// the program.
static __always_inline int look_for_ready(const struct sysnare_task* self, __u64 call,
                                          __u32 its_traits) {
  if (!ready_by_calls || phase_of_all() != SYSNARE_START) return 0;
  if (self->gate == SYSNARE_GATE_RUNTIME) return 0;
  if (its_traits & SYSNARE_TRAIT_LISTENS) listened = 1;
  if (!(its_traits & SYSNARE_TRAIT_ACCEPTS) && !(its_traits & SYSNARE_TRAIT_WAITS && listened)) {
    return 0;
  }
  if (__sync_val_compare_and_swap(&standing, SYSNARE_STANDING(SYSNARE_START),
                                  SYSNARE_STANDING(SYSNARE_STEADY)) !=
      SYSNARE_STANDING(SYSNARE_START)) {
    return 0;
  }
  ready_call = call & ~SYSNARE_CALL_IN_FLIGHT;
  ready_ns = bpf_ktime_get_ns();
  return 1;
}

static __always_inline _Bool has_come_to_main(struct sysnare_task* self, struct task_struct* task) {
  struct task_struct* leader = task->group_leader;
  if (leader == task) return self->in_main;
  // A leader that has ended has been there.
  const struct sysnare_task* its = leader ? of_task(leader) : 0;
  return !its || its->in_main || of_task(leader) != its;
}

/// In which phase an executable begins.
static __always_inline __u8 phase_at_exec(__u32 executable) {
  const __u8 now = phase_of_all();
  if (now != SYSNARE_START || executable >= SYSNARE_MAX_EXECUTABLES) return now;
  return has_main[executable] ? SYSNARE_LOAD : now;
}

/// Before a call of the current task counts: brings it to the phase that it is in.
__noinline int enter_phase(struct sysnare_task* self) {
  if (!self) return 0;
  const __u8 now = phase_of_all();
  if (self->phase == now) return 0;
  if (self->phase == SYSNARE_LOAD && now == SYSNARE_START &&
      !has_come_to_main(self, bpf_get_current_task_btf()))
    return 0;
  if (self->phase != SYSNARE_NO_PHASE) move_to_totals(self);
  self->phase = now;
  return 0;
}

/// At main of an executable, in whatever process: most are not followed.
SEC("uprobe")
int on_main(void* context) {
  struct task_struct* leader = bpf_get_current_task_btf()->group_leader;
  struct sysnare_task* its = leader ? of_task(leader) : 0;
  if (its) its->in_main = 1;
  return 0;
}
