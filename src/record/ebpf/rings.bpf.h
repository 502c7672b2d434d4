/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#pragma once
// Which io_uring operations were submitted?
//
// They are no calls, and pass no filter. The kernel tells of each that it has taken from a ring and
// found good, in the task that took it: the one in io_uring_enter, or the kernel's thread that
// polls the ring (IORING_SETUP_SQPOLL), a thread of the ring's owner that was made with no fork.
//
// Raw tracepoints, since those that are not there fail where they are attached, and not where all
// programs are loaded.
//
// Source: io_uring/io_uring.c io_submit_sqe(), io_uring/sqpoll.c, Linux 6.18.
// Not modelled: operations that a polling thread takes for a process whose main thread has ended.

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SYSNARE_MAX_OPERATIONS);
  __type(key, struct sysnare_operation_key);
  __type(value, __u64);
} operations SEC(".maps");

static __always_inline int count_operation(struct io_kiocb* request) {
  struct task_struct* task = bpf_get_current_task_btf();
  struct task_struct* owner = task;
  struct sysnare_task* self = of_task(owner);
  if (!self && (task->flags & kPfIoWorker)) {
    owner = task->group_leader;
    self = of_task(owner);
  }
  if (!self || self->gate == SYSNARE_GATE_RUNTIME || self->gate == SYSNARE_GATE_LEAVING) return 0;
  const struct sysnare_operation_key key = {.executable = self->executable,
                                            .opcode = BPF_CORE_READ(request, opcode)};
  if (owner != task && of_task(owner) != self) return 0;  // has just ended
  __u64* count = bpf_map_lookup_elem(&operations, &key);
  if (!count) {
    const __u64 none = 0;
    bpf_map_update_elem(&operations, &key, &none, BPF_NOEXIST);
    count = bpf_map_lookup_elem(&operations, &key);
    if (!count) {
      lose(SYSNARE_LOST_OPERATION, 1);
      return 0;
    }
  }
  __sync_fetch_and_add(count, 1);
  return 0;
}

/// Linux 6.4 and later.
SEC("raw_tp/io_uring_submit_req")
int on_ring_request(struct bpf_raw_tracepoint_args* ctx) {
  return count_operation((struct io_kiocb*)ctx->args[0]);
}

/// Linux 6.0 to 6.3; before, its arguments were others.
SEC("raw_tp/io_uring_submit_sqe")
int on_ring_entry(struct bpf_raw_tracepoint_args* ctx) {
  return count_operation((struct io_kiocb*)ctx->args[0]);
}
