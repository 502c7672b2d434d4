/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#pragma once
// Who comes into a recording, and who leaves it?
//
// The living come in by a walk over all tasks, children at their fork, and who changes its cgroup
// when it does. A table is its task's alone: what others decide about a task stands in its gate,
// and the task does it at its next call.
//
// Source: kernel/cgroup/cgroup.c cgroup_attach_task(), cgroup_post_fork(), Linux 6.18.
// Not modelled: calls of the other threads of a process between their change of cgroup and the
// recorder's next walk.

// What comes into the cgroups from outside is a container's runtime until its exec.
const volatile __u8 with_runtime = 0;

__u8 walk_finds_runtime;  // so is what the walk finds
__u32 own_process;        // as the kernel numbers it; our pid namespace may be another

static __always_inline _Bool is_followable(struct task_struct* task) {
  if (task->flags & (kPfKthread | kPfIoWorker | kPfExiting)) return 0;
  return scope == SYSNARE_SCOPE_HOST ? (__u32)task->tgid != own_process : in_followed_cgroup(task);
}

static __noinline struct sysnare_task* of_its_leader(struct task_struct* task) {
  struct task_struct* leader = task->group_leader;
  return leader ? of_task(leader) : 0;
}

/// A task that came into the scope otherwise than by the fork of one that was in it.
static __noinline int follow_entering(struct task_struct* task, __u8 runtime) {
  const __u32 number = number_of_running(task, SYSNARE_FIRST);
  struct sysnare_task* its = begin_following(task, SYSNARE_STAGE_NONE);
  if (!its) return 0;
  its->executable = runtime ? number | SYSNARE_RUNTIME : number;
  its->gate = runtime ? SYSNARE_GATE_RUNTIME : SYSNARE_GATE_OPEN;
  its->attached = 1;
  struct sysnare_task* of_leader = of_its_leader(task);
  its->space =
      of_leader && of_leader != its ? of_leader->space : __sync_fetch_and_add(&spaces, 1) + 1;
  enter_life(task, its);
  return 1;
}

/// Makes what we do with a task what its cgroup now says.
static __always_inline int look_again(struct task_struct* task, __u8 runtime) {
  struct sysnare_task* its = of_task(task);
  const _Bool followable = is_followable(task);
  if (!its) {
    // Threads of a runtime that came in are found by the walk, and are the runtime too.
    const struct sysnare_task* of_leader = of_its_leader(task);
    if (of_leader && of_leader->gate == SYSNARE_GATE_RUNTIME) runtime = 1;
    return followable ? follow_entering(task, runtime) : 0;
  }
  if (!followable) {
    if (its->gate == SYSNARE_GATE_LEAVING || task->flags & kPfExiting) return 0;
    its->gate = SYSNARE_GATE_LEAVING;
    leave_life();
    return 0;
  }
  if (its->gate == SYSNARE_GATE_LEAVING) {  // and came back before its next call
    its->gate = its->executable & SYSNARE_RUNTIME ? SYSNARE_GATE_RUNTIME : SYSNARE_GATE_OPEN;
    __sync_fetch_and_add(&living, 1);
  }
  if (by_cgroup) {
    its->next_executable = number_of_running(task, its->executable);
    if (its->next_executable != its->executable) its->gate = SYSNARE_GATE_SWITCHING;
  }
  return 0;
}

/// A child of anybody, where cgroups decide. 0 when it is not followed.
static __always_inline struct sysnare_task* follow_child(struct task_struct* child,
                                                         struct sysnare_task* of_parent) {
  if (of_parent && of_parent->gate == SYSNARE_GATE_LEAVING) of_parent = 0;
  if (!is_followable(child)) return 0;
  const _Bool runtime = of_parent ? of_parent->gate == SYSNARE_GATE_RUNTIME : with_runtime;
  __u32 number = of_parent ? of_parent->executable : 0;
  if (!of_parent || by_cgroup) {
    number = number_of_running(child, number);
    if (runtime) number |= SYSNARE_RUNTIME;
  }
  struct sysnare_task* its = begin_following(child, SYSNARE_STAGE_NONE);
  if (!its) return 0;
  its->executable = number;
  its->gate = runtime ? SYSNARE_GATE_RUNTIME : SYSNARE_GATE_OPEN;
  return its;
}

/// Whether the exec of a task of the runtime is that of the container's own program. A hook's is
/// none: the parent of a hook waits for it, and is the runtime within the container too. Nor is
/// that of a runtime that executes a copy of itself when it has come in (runc's nsexec.c
/// ensure_cloned_binary()): it has no filter yet, and still the namespaces of who started it.
static __always_inline _Bool begins_container(struct task_struct* task) {
  struct task_struct* parent = task->real_parent;
  if (!parent) return 1;
  struct sysnare_task* of_parent = of_task(parent);
  if (of_parent && of_parent->gate == SYSNARE_GATE_RUNTIME) return 0;
  return task->seccomp.mode >= kSeccompModeFilter ||
         BPF_CORE_READ(task, nsproxy) != BPF_CORE_READ(parent, nsproxy);
}

/// What a task does before its next call. 0 when that call does not count.
static __noinline int pass_gate(struct sysnare_task* self, struct task_struct* task, __u32 nr) {
  switch (self->gate) {
    case SYSNARE_GATE_LAUNCHING:
      return nr == kNrExecve || nr == kNrExecveat;
    case SYSNARE_GATE_RUNTIME:
      if (task->seccomp.mode >= kSeccompModeFilter) return 1;
      self->attached = 1;  // the return of this call is nobody's denial
      return 0;
    case SYSNARE_GATE_SWITCHING:
      move_to_totals(self);
      forget_args(self);
      self->executable = self->next_executable;
      self->gate = SYSNARE_GATE_OPEN;
      return 1;
    case SYSNARE_GATE_LEAVING:
      stop_following(task);
      return 0;
  }
  return 1;
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(on_cgroup_change, struct cgroup* to, const char* path, struct task_struct* task,
             _Bool with_threads) {
  look_again(task, with_runtime);
  if (with_threads && BPF_CORE_READ(task, signal, nr_threads) > 1) send(SYSNARE_EVENT_THREADS);
  return 0;
}

/// A cgroup is made, and nobody is in it yet.
SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(on_new_cgroup, struct cgroup* made, const char* path) {
  if (made->root->hierarchy_id != hierarchy) return 0;
  struct sysnare_cgroup_path its_path = {};
  bpf_probe_read_kernel_str(its_path.text, sizeof its_path.text, path);
  __u64* last = bpf_map_lookup_elem(&followed_paths, &its_path);
  if (!last) return 0;
  const __u64 id = made->kn->id;
  const __u8 followed = 1;
  // The one before is gone: no two have one path.
  bpf_map_delete_elem(&followed_cgroups, last);
  *last = id;
  if (bpf_map_update_elem(&followed_cgroups, &id, &followed, BPF_ANY)) {
    lose(SYSNARE_LOST_CGROUP, 1);
  }
  return 0;
}

/// Follows all that live in the scope. Run by the recorder, whose own process stays out.
SEC("iter/task")
int look_at_all(struct bpf_iter__task* ctx) {
  struct task_struct* task = ctx->task;
  if (!task) return 0;
  own_process = (__u32)(bpf_get_current_pid_tgid() >> 32);
  look_again(task, walk_finds_runtime);
  return 0;
}
