/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#pragma once
// How does a task come into the recording, and how does it go, once each?
//
// Its member's stage goes forward by compare-and-swap, so that each step is one processor's. A walk
// may take in a task that ends meanwhile: its end either finds no member, and then the walk sees
// the mark that an end sets first; or it finds one that is begun, and then the walk gives back what
// it took.

// include/linux/sched.h
enum { kPfExiting = 0x4, kPfIoWorker = 0x10, kPfKthread = 0x200000 };

static __always_inline void leave_life(void) {
  if (__sync_fetch_and_add(&living, -1) == 1) send(SYSNARE_EVENT_NOBODY_LEFT);
}

/// While a slot is being given and taken back, its head holds the address of the registers and this
/// bit, so that nobody else's calls find it.
enum { kSlotBusy = 1 };

/// A place for a table. 0 when there is no memory.
static __always_inline struct sysnare_task* take_table(struct task_struct* task,
                                                       struct sysnare_member* member) {
  if (keeps_heads() && scope == SYSNARE_SCOPE_TREE) {
    const struct pt_regs* regs = (struct pt_regs*)bpf_task_pt_regs(task);
    const __u32 at = slot_of(regs);
    struct sysnare_task* its = table_in(at);
    if (its && __sync_val_compare_and_swap(&heads[at].registers, 0, (__u64)regs + kSlotBusy) == 0) {
      member->slot = at + 1;
      return its;
    }
  }
  return bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/// Empties a table that holds no counts, and gives it back.
static __always_inline void give_back(struct task_struct* task, const struct sysnare_member* member,
                                      struct sysnare_task* its) {
  its->task = 0;
  if (!keeps_heads() || !member->slot) {
    bpf_task_storage_delete(&tasks, task);
    return;
  }
  its->call = 0;
  its->gate = 0;
  its->attached = 0;
  its->phase = 0;
  its->in_main = 0;
  its->unplaced = 0;
  forget_args(its);
  __sync_lock_test_and_set(&heads[(member->slot - 1) % SYSNARE_SLOTS].registers, 0);
}

/// The table of a task that is followed from now on, empty. 0 when others take it in or have, or
/// when there is no memory, which counts as lost. Whoever gets it fills it and calls enter_life().
static __noinline struct sysnare_task* begin_following(struct task_struct* task, __u32 stage) {
  struct sysnare_member* member =
      bpf_task_storage_get(&members, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!member) {
    if (!member_of(task)) lose(SYSNARE_LOST_TASK, 1);  // of two that make it one gets it
    return 0;
  }
  if (__sync_val_compare_and_swap(&member->stage, stage, SYSNARE_STAGE_BEGUN) != stage) return 0;
  if (task->flags & kPfExiting) {
    member->stage = SYSNARE_STAGE_ENDED;
    return 0;
  }
  struct sysnare_task* its = take_table(task, member);
  if (its) return its;
  member->stage = stage;
  lose(SYSNARE_LOST_TASK, 1);
  return 0;
}

/// Lets the calls of a task count from now on: its table is filled.
static __noinline int enter_life(struct task_struct* task, struct sysnare_task* its) {
  struct sysnare_member* member = member_of(task);
  if (!member || !its) return 0;
  __sync_fetch_and_add(&living, 1);
  its->task = (__u64)task;
  if (__sync_val_compare_and_swap(&member->stage, SYSNARE_STAGE_BEGUN, SYSNARE_STAGE_FOLLOWED) !=
      SYSNARE_STAGE_BEGUN) {
    give_back(task, member, its);
    leave_life();
    return 0;
  }
  if (!keeps_heads()) return 0;
  const struct pt_regs* regs = (struct pt_regs*)bpf_task_pt_regs(task);
  struct sysnare_head* head = &heads[slot_of(regs)];
  if (member->slot) {
    // Unless it has ended meanwhile.
    __sync_val_compare_and_swap(&head->registers, (__u64)regs + kSlotBusy, (__u64)regs);
  } else {
    __sync_fetch_and_add(&head->others, 1);
  }
  return 0;
}

/// Takes the table of the current task, which makes no more calls, to the totals.
static __always_inline void end_following(struct task_struct* task) {
  struct sysnare_member* member = member_of(task);
  if (!member) return;
  if (__sync_val_compare_and_swap(&member->stage, SYSNARE_STAGE_FOLLOWED, SYSNARE_STAGE_ENDED) !=
      SYSNARE_STAGE_FOLLOWED) {
    __sync_val_compare_and_swap(&member->stage, SYSNARE_STAGE_BEGUN, SYSNARE_STAGE_ENDED);
    return;
  }
  struct sysnare_task* its = of_member(task, member);
  if (!its) return;
  if (keeps_heads()) {
    const struct pt_regs* regs = (struct pt_regs*)bpf_task_pt_regs(task);
    struct sysnare_head* head = &heads[slot_of(regs)];
    if (member->slot) {
      __sync_lock_test_and_set(&head->registers, (__u64)regs + kSlotBusy);
    } else {
      __sync_fetch_and_add(&head->others, -1);
    }
  }
  const _Bool lived = its->gate != SYSNARE_GATE_LEAVING;
  if (its->call && !at_entry) count_call(its, its->call);  // the one in which it ends
  if (with_sites) place_refused(its, 1);
  move_to_totals(its);
  give_back(task, member, its);
  bpf_task_storage_delete(&members, task);
  if (lived) leave_life();
}

/// Ends the recording of the current task. That a table moves is told before no reader finds it any
/// more.
static __noinline int stop_following(struct task_struct* task) {
  if (!member_of(task)) return 0;
  __sync_fetch_and_add(&moves_begun, 1);
  end_following(task);
  __sync_fetch_and_add(&moves_done, 1);
  return 0;
}

/// A task that is born on the stack of one that is followed still: the end of that one was missed,
/// which is told with the other things that are missing. Its slot is nobody's from now on.
static __always_inline void look_for_dead(struct task_struct* born) {
  if (!keeps_heads() || scope != SYSNARE_SCOPE_TREE) return;
  const struct pt_regs* regs = (struct pt_regs*)bpf_task_pt_regs(born);
  struct sysnare_head* head = &heads[slot_of(regs)];
  if (head->registers == (__u64)regs && !member_of(born)) head->registers = kSlotBusy;
}
