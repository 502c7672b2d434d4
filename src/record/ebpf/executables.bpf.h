/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#pragma once
// Which executables ran, and who executed whom?
//
// Files have numbers, given out at their first sight; a message tells which file has which.

__u32 executables = SYSNARE_FIRST;  // the next number is one more

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SYSNARE_MAX_EXECUTABLES);
  __type(key, struct sysnare_executable_key);
  __type(value, __u32);
} files SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SYSNARE_MAX_EDGES);
  __type(key, struct sysnare_edge_key);
  __type(value, __u64);
} edges SEC(".maps");

/// The number of `key`, given out and told at its first sight; `from` when there is none left.
/// `name` is the one by which it is executed, or 0.
static __always_inline __u32 number_of(const struct sysnare_executable_key* key, __u32 from,
                                       struct task_struct* task, const char* name) {
  __u32* known = bpf_map_lookup_elem(&files, key);
  if (known) return *known;
  __u32 number = __sync_fetch_and_add(&executables, 1);
  if (bpf_map_update_elem(&files, key, &number, BPF_NOEXIST)) {
    known = bpf_map_lookup_elem(&files, key);
    if (known) return *known;  // another processor was first; our number stays unused
    lose(SYSNARE_LOST_EXECUTABLE, 1);
    return from;
  }
  if (key->cgroup) tell_cgroup(task, key->cgroup);
  struct sysnare_event* event = bpf_ringbuf_reserve(&events, sizeof *event, 0);
  if (!event) {
    lose(SYSNARE_LOST_EVENT, 1);
    return number;
  }
  event->kind = SYSNARE_EVENT_EXECUTABLE;
  event->executable = number;
  event->from = from;
  event->process = task->tgid;
  event->inode = key->inode;
  event->device = key->device;
  event->cgroup = key->cgroup;
  event->path_bytes = 0;
  if (name) {
    const long bytes = bpf_probe_read_kernel_str(event->path, sizeof event->path, name);
    event->path_bytes = bytes > 0 ? (__u32)bytes : 0;
  }
  bpf_ringbuf_submit(event, 0);
  return number;
}

/// The number of what `task` runs. A kernel thread that becomes a program runs no file: 0, 0.
static __noinline __u32 number_of_running(struct task_struct* task, __u32 from) {
  struct inode* inode = BPF_CORE_READ(task, mm, exe_file, f_inode);
  const struct sysnare_executable_key key = {.inode = BPF_CORE_READ(inode, i_ino),
                                             .device = BPF_CORE_READ(inode, i_sb, s_dev),
                                             .cgroup = by_cgroup ? cgroup_id_of(task) : 0};
  return number_of(&key, from, task, 0);
}

/// Counts that `from` executed the file of `binary`, and gives that file's number.
static __always_inline __u32 count_exec(__u32 from, struct task_struct* task,
                                        struct linux_binprm* binary) {
  struct inode* inode = BPF_CORE_READ(binary, file, f_inode);
  const struct sysnare_executable_key key = {.inode = BPF_CORE_READ(inode, i_ino),
                                             .device = BPF_CORE_READ(inode, i_sb, s_dev),
                                             .cgroup = by_cgroup ? cgroup_id_of(task) : 0};
  const struct sysnare_edge_key edge = {
      .from = from, .to = number_of(&key, from, task, BPF_CORE_READ(binary, interp))};
  __u64* times = bpf_map_lookup_elem(&edges, &edge);
  if (times) {
    __sync_fetch_and_add(times, 1);
  } else {
    const __u64 one = 1;
    if (bpf_map_update_elem(&edges, &edge, &one, BPF_NOEXIST)) lose(SYSNARE_LOST_EDGE, 1);
  }
  return edge.to & ~SYSNARE_RUNTIME;
}
