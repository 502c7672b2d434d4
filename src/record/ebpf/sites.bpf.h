/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#pragma once
// Which instruction made a call, as a file and an offset?
//
// Source: bpf_find_vma(), kernel/bpf/task_iter.c, Linux 5.17 and later.

__u64 unresolved;  // calls whose place the kernel would not tell at that moment

// Where addresses lie. What is thrown out is looked up again.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, SYSNARE_MAX_PLACES);
  __type(key, struct sysnare_place_key);
  __type(value, struct sysnare_place);
} places SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SYSNARE_MAX_SITES);
  __type(key, struct sysnare_site_key);
  __type(value, __u64);
} sites SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SYSNARE_MAX_MODULES);
  __type(key, struct sysnare_file_key);
  __type(value, __u8);
} modules SEC(".maps");

/// Tells the way to a file at its first sight; a path is more than a program of ours may ask for.
static __always_inline void tell_module(struct file* file, const struct sysnare_file_key* key) {
  const __u8 known = 1;
  if (bpf_map_update_elem(&modules, key, &known, BPF_NOEXIST)) return;
  struct sysnare_module_event* event = bpf_ringbuf_reserve(&events, sizeof *event, 0);
  if (!event) {
    lose(SYSNARE_LOST_EVENT, 1);
    return;
  }
  event->kind = SYSNARE_EVENT_MODULE;
  event->inode = key->inode;
  event->device = key->device;
  struct dentry* at = file->f_path.dentry;
  __u32 depth = 0;
  for (; depth < SYSNARE_MAX_DEPTH; ++depth) {
    struct dentry* above = at->d_parent;
    if (above == at) break;
    event->names[depth][0] = 0;
    bpf_probe_read_kernel_str(event->names[depth], SYSNARE_MAX_NAME, at->d_name.name);
    at = above;
  }
  event->depth = depth;
  bpf_ringbuf_submit(event, 0);
}

struct look {
  struct sysnare_place place;
  __u64 address;
};

/// With the map lock of the address space held for reading.
static long look_at(struct task_struct* task, struct vm_area_struct* area, void* data) {
  struct look* look = data;
  struct file* file = area->vm_file;
  if (!file) {
    const __u64 vdso = (__u64)task->mm->context.vdso;
    look->place.kind = SYSNARE_PLACE_ANONYMOUS;
    if (look->address - vdso < kVdsoBytes && area->vm_start == vdso) {
      look->place.kind = SYSNARE_PLACE_VDSO;
      look->place.offset = look->address - vdso;
    }
    return 0;
  }
  struct inode* inode = file->f_inode;
  const struct sysnare_file_key key = {.inode = inode->i_ino, .device = inode->i_sb->s_dev};
  look->place.kind = SYSNARE_PLACE_FILE;
  look->place.inode = key.inode;
  look->place.device = key.device;
  look->place.offset = look->address - area->vm_start + (area->vm_pgoff << kPageShift);
  tell_module(file, &key);
  return 0;
}

/// Counts where a call comes from. 0 when the kernel would not tell at this moment.
static __noinline int place_call(struct sysnare_task* self, struct task_struct* task, __u64 address,
                                 __u64 call) {
  const struct sysnare_place_key at = {.address = address, .space = self->space};
  struct look look = {.address = address};
  const struct sysnare_place* known = bpf_map_lookup_elem(&places, &at);
  if (known) {
    look.place = *known;
  } else {
    // EBUSY: somebody changes the mappings, or an unlock of ours is still to be done.
    if (bpf_find_vma(task, address, look_at, &look, 0) != 0) return 0;
    bpf_map_update_elem(&places, &at, &look.place, BPF_ANY);
  }
  const struct sysnare_site_key key = {
      .call = call & ~SYSNARE_CALL_IN_FLIGHT, .place = look.place, .executable = self->executable};
  __u64* count = bpf_map_lookup_elem(&sites, &key);
  if (!count) {
    const __u64 none = 0;
    bpf_map_update_elem(&sites, &key, &none, BPF_NOEXIST);
    count = bpf_map_lookup_elem(&sites, &key);
    if (!count) {
      lose(SYSNARE_LOST_SITE, 1);
      return 1;
    }
  }
  __sync_fetch_and_add(count, 1);
  return 1;
}

/// Asks again for the place that was refused. `finally` there will be no further occasion: its
/// address space goes.
static __noinline int place_refused(struct sysnare_task* self, struct task_struct* task,
                                    int finally) {
  const __u64 call = self->unplaced;
  if (!call) return 0;
  if (!place_call(self, task, self->unplaced_address, call)) {
    if (!finally) return 0;
    __sync_fetch_and_add(&unresolved, 1);
  }
  self->unplaced = 0;
  return 0;
}

/// Counts where a call comes from, now or at the task's next calls.
static __noinline int count_site(struct sysnare_task* self, struct task_struct* task, __u64 address,
                                 __u64 call) {
  place_refused(self, task, 0);
  if (place_call(self, task, address, call)) return 0;
  if (self->unplaced) {
    __sync_fetch_and_add(&unresolved, 1);
    return 0;
  }
  self->unplaced_address = address;
  self->unplaced = call | SYSNARE_CALL_IN_FLIGHT;  // number 0 is a call
  return 0;
}
