/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#pragma once
// In which cgroup is a task, and is it one that is followed?
//
// Cgroups are told apart by their kernfs id, which is the inode of their directory. A task is in
// one cgroup of each hierarchy: v2's is css_set::dfl_cgrp, that of a v1 controller hangs on the
// controller's state. The way up is self.parent, the same in all kernels; kernfs_node's own parent
// has had two names.
//
// Source: include/linux/cgroup-defs.h, fs/kernfs/dir.c, Linux 6.18.
// Not modelled: v1 hierarchies without a controller (name=systemd).

// Decided before the programs are loaded.
const volatile __u8 by_cgroup = 0;   // executables are told apart by cgroup too
const volatile int controller = -1;  // enum cgroup_subsys_id of this kernel; -1: v2
const volatile int hierarchy = -1;   // as /proc/self/cgroup numbers them: 0 is v2; -1: not known

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SYSNARE_MAX_CGROUPS);
  __type(key, __u64);
  __type(value, __u8);
} followed_cgroups SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SYSNARE_MAX_CGROUPS_TOLD);
  __type(key, __u64);
  __type(value, __u8);
} cgroups_told SEC(".maps");

/// The same by path, to the id that has it now: who restarts a service makes a new cgroup for it.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SYSNARE_MAX_CGROUPS);
  __type(key, struct sysnare_cgroup_path);
  __type(value, __u64);
} followed_paths SEC(".maps");

static __always_inline struct cgroup* cgroup_of(struct task_struct* task) {
  struct css_set* set = BPF_CORE_READ(task, cgroups);
  if (controller < 0) return BPF_CORE_READ(set, dfl_cgrp);
  // The index is this kernel's, so that CO-RE finds the array's place alone.
  struct cgroup_subsys_state* state = 0;
  const void* at = __builtin_preserve_access_index(&set->subsys);
  bpf_probe_read_kernel(&state, sizeof state, at + controller * sizeof state);
  return BPF_CORE_READ(state, cgroup);
}

static __always_inline __u64 cgroup_id_of(struct task_struct* task) {
  return BPF_CORE_READ(cgroup_of(task), kn, id);
}

static __always_inline struct cgroup* above(struct cgroup* cgroup) {
  return BPF_CORE_READ(cgroup, self.parent, cgroup);
}

/// Whether a task's cgroup is a followed one or below one.
static __noinline int in_followed_cgroup(struct task_struct* task) {
  struct cgroup* at = cgroup_of(task);
  for (int level = 0; level < SYSNARE_MAX_LEVELS && at; ++level) {
    const __u64 id = BPF_CORE_READ(at, kn, id);
    if (bpf_map_lookup_elem(&followed_cgroups, &id)) return 1;
    at = above(at);
  }
  return 0;
}

/// Tells the path of a task's cgroup, `id`, at its first sight.
static __always_inline void tell_cgroup(struct task_struct* task, __u64 id) {
  const __u8 known = 1;
  if (bpf_map_update_elem(&cgroups_told, &id, &known, BPF_NOEXIST)) return;
  struct sysnare_cgroup_event* event = bpf_ringbuf_reserve(&events, sizeof *event, 0);
  if (!event) {
    lose(SYSNARE_LOST_EVENT, 1);
    return;
  }
  event->kind = SYSNARE_EVENT_CGROUP;
  event->id = id;
  struct cgroup* at = cgroup_of(task);
  __u32 depth = 0;
  for (; depth < SYSNARE_MAX_CGROUP_DEPTH; ++depth) {
    struct cgroup* parent = above(at);
    if (!parent) break;
    event->names[depth][0] = 0;
    bpf_probe_read_kernel_str(event->names[depth], SYSNARE_MAX_CGROUP_NAME,
                              BPF_CORE_READ(at, kn, name));
    at = parent;
  }
  event->depth = depth;
  bpf_ringbuf_submit(event, 0);
}
