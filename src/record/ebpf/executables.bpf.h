/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#pragma once
// Which executables ran, and who executed whom?
//
// Files have numbers, given out at their first sight; a message tells which file has which.

__u32 executables = SYSNARE_FIRST;  // the next number is one more

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

/// Counts that `from` executed the file of `binary`, and gives that file's number.
static __always_inline __u32 count_exec(__u32 from, struct task_struct* task,
                                        struct linux_binprm* binary) {
  struct inode* inode = binary->file->f_inode;
  const struct sysnare_file_key file = {.inode = inode->i_ino, .device = inode->i_sb->s_dev};
  const struct sysnare_edge_key edge = {.from = from, .to = number_of(&file, from, task, binary)};
  __u64* times = bpf_map_lookup_elem(&edges, &edge);
  if (times) {
    __sync_fetch_and_add(times, 1);
  } else {
    const __u64 one = 1;
    if (bpf_map_update_elem(&edges, &edge, &one, BPF_NOEXIST)) lose(SYSNARE_LOST_EDGE, 1);
  }
  return edge.to;
}
