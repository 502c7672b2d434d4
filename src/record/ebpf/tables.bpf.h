/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#pragma once
// Is a task followed, and where is its table?
//
// A call is asked that first, and each helper of the kernel costs it several nanoseconds. So
// neither a call of somebody who is not followed nor one of most who are pays for any: the address
// of the registers, which the tracepoint hands over, leads to `heads`. Registers lie at the top of
// the task's kernel stack, so that no two living tasks have the same address, and a task keeps its
// own through exec; from the end of a task on nobody is found by it, before its stack is another's.
//
// In storage every task that is followed has a small member, which decides who takes it in when two
// want to (a walk and a fork), and its table where there is no slot for it. A slot's next owner may
// write to it at once; so slots are for the scope where nobody writes to the table of somebody
// else: a process tree.
//
// Source: task_pt_regs(), arch/x86/include/asm/processor.h and arch/arm64/include/asm/processor.h;
// THREAD_SIZE there is 16 KB or more; Linux 6.18. What the verifier takes of a pointer from a
// program with CAP_PERFMON (all since 5.8): moving its low half (check_alu_op()), comparing it with
// a number (check_cond_jmp_op()) and storing it (check_mem_access(), kernel/bpf/verifier.c).

enum { kStackShift = 14, kHashShift = 32 - 9 };
_Static_assert(SYSNARE_SLOTS == 1 << (32 - kHashShift), "a hash is a slot");

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct sysnare_member);
} members SEC(".maps");

/// Tables of members without a slot.
struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct sysnare_task);
} tasks SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SYSNARE_SLOTS);
  __type(key, __u32);
  __type(value, struct sysnare_task);
} slots SEC(".maps");

struct sysnare_head heads[SYSNARE_SLOTS];

/// bpf_task_pt_regs(), which tells the address for a task that does not run, is there since Linux
/// 5.15.
static __always_inline _Bool has_heads(void) {
  return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs);
}

/// Whether tasks are kept in the heads. On the whole host, where nearly everybody is followed, each
/// head says from the start that there are others.
static __always_inline _Bool keeps_heads(void) {
  return scope != SYSNARE_SCOPE_HOST && has_heads();
}

/// The slot of registers at an address.
static __always_inline __u32 slot_of(const struct pt_regs* regs) {
  __u64 low;
  asm volatile(
      "r0 = %1\n"
      "w0 = w0\n"
      "%0 = r0"
      : "=r"(low)
      : "r"(regs)
      : "r0");
  return ((__u32)low >> kStackShift) * 0x9e3779b1u >> kHashShift;
}

static __always_inline struct sysnare_task* table_in(__u32 slot) {
  return bpf_map_lookup_elem(&slots, &slot);  // of an array: no call
}

static __always_inline struct sysnare_member* member_of(struct task_struct* task) {
  return bpf_task_storage_get(&members, task, 0, 0);
}

static __always_inline struct sysnare_task* of_member(struct task_struct* task,
                                                      const struct sysnare_member* member) {
  if (keeps_heads() && member->slot) return table_in(member->slot - 1);
  return bpf_task_storage_get(&tasks, task, 0, 0);
}

/// The table of any task that is followed, else 0. That of another task may become somebody else's
/// while one looks at it: whoever minds asks once more.
static __noinline struct sysnare_task* of_task(struct task_struct* task) {
  const struct sysnare_member* member = member_of(task);
  if (!member || member->stage != SYSNARE_STAGE_FOLLOWED) return 0;
  return of_member(task, member);
}

/// The table of the task that makes a call with these registers. Where the kernel had to be asked
/// for the task, it is in `task`.
static __always_inline struct sysnare_task* of_caller(const struct pt_regs* regs,
                                                      struct task_struct** task) {
  if (has_heads()) {
    const __u32 at = slot_of(regs);
    const struct sysnare_head* head = &heads[at];
    if (head->registers == (__u64)regs) return table_in(at);
    if (!head->others) return 0;
  }
  *task = bpf_get_current_task_btf();
  struct sysnare_task* its = bpf_task_storage_get(&tasks, *task, 0, 0);
  return its && its->task ? its : 0;
}
