/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#pragma once
// Which instruction made a call, as a file and an offset?
//
// What an address stands for is kept until the process maps other code.
//
// Source: bpf_find_vma(), kernel/bpf/task_iter.c, Linux 5.17 and later.
// Not modelled: code that mremap moves, and that i386's old mmap (its arguments are in memory)
// maps.

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
static __always_inline void tell_module(struct task_struct* task, struct file* file,
                                        const struct sysnare_file_key* key) {
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
  event->process = task->tgid;
  struct dentry* at = BPF_CORE_READ(file, f_path.dentry);
  __u32 depth = 0;
  for (; depth < SYSNARE_MAX_DEPTH; ++depth) {
    struct dentry* above = BPF_CORE_READ(at, d_parent);
    if (above == at) break;
    event->names[depth][0] = 0;
    bpf_probe_read_kernel_str(event->names[depth], SYSNARE_MAX_NAME,
                              BPF_CORE_READ(at, d_name.name));
    at = above;
  }
  if (depth == 0) {  // a memfd is the root of itself, and has a name all the same
    event->names[0][0] = 0;
    bpf_probe_read_kernel_str(event->names[0], SYSNARE_MAX_NAME, BPF_CORE_READ(at, d_name.name));
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
  struct file* file = BPF_CORE_READ(area, vm_file);
  if (!file) {
    const __u64 vdso = (__u64)BPF_CORE_READ(task, mm, context.vdso);
    look->place.kind = SYSNARE_PLACE_ANONYMOUS;
    if (look->address - vdso < kVdsoBytes && area->vm_start == vdso) {
      look->place.kind = SYSNARE_PLACE_VDSO;
      look->place.offset = look->address - vdso;
    }
    return 0;
  }
  struct inode* inode = BPF_CORE_READ(file, f_inode);
  const struct sysnare_file_key key = {.inode = BPF_CORE_READ(inode, i_ino),
                                       .device = BPF_CORE_READ(inode, i_sb, s_dev)};
  look->place.kind = SYSNARE_PLACE_FILE;
  look->place.inode = key.inode;
  look->place.device = key.device;
  look->place.offset = look->address - area->vm_start + (area->vm_pgoff << kPageShift);
  tell_module(task, file, &key);
  return 0;
}

/// The address space of a task: its leader's, as long as that lives.
static __always_inline __u32 space_of(struct sysnare_task* self, struct task_struct* task) {
  struct task_struct* leader = task->group_leader;
  const struct sysnare_task* its = leader && leader != task ? of_task(leader) : self;
  return its ? its->space : self->space;
}

/// A call that begins may put other code where some was.
static __always_inline void look_for_code(struct sysnare_task* self, struct pt_regs* regs,
                                          __u64 call, __u32 its_traits) {
  const _Bool compat = (call & SYSNARE_CALL_COMPAT) != 0;
  if (its_traits & SYSNARE_TRAIT_MAPS_CODE && argument(regs, 2, compat) & kProtExec) {
    self->maps_code = 1;
  }
}

/// It has: what is known of addresses holds no more.
static __noinline int forget_places(struct sysnare_task* self) {
  struct task_struct* task = bpf_get_current_task_btf();
  const __u32 space = __sync_fetch_and_add(&spaces, 1) + 1;
  struct task_struct* leader = task->group_leader;
  struct sysnare_task* its = leader ? of_task(leader) : 0;
  if (its) its->space = space;
  self->space = space;
  self->maps_code = 0;
  return 0;
}

/// Counts where a call of the current task comes from. 0 when the kernel would not tell at this
/// moment. Not static: see count_call().
__noinline int place_call(struct sysnare_task* self, __u64 address, __u64 call) {
  if (!self) return 1;
  struct task_struct* task = bpf_get_current_task_btf();
  const struct sysnare_place_key at = {.address = address, .space = space_of(self, task)};
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

/// Asks again for the place that was refused to the current task. `finally` there will be no
/// further occasion: its address space goes.
__noinline int place_refused(struct sysnare_task* self, int finally) {
  if (!self) return 0;
  const __u64 call = self->unplaced;
  if (!call) return 0;
  if (!place_call(self, self->unplaced_address, call)) {
    if (!finally) return 0;
    __sync_fetch_and_add(&unresolved, 1);
  }
  self->unplaced = 0;
  return 0;
}

/// Counts where a call of the current task comes from, now or at its next calls.
__noinline int count_site(struct sysnare_task* self, __u64 address, __u64 call) {
  if (!self) return 0;
  place_refused(self, 0);
  if (place_call(self, address, call)) return 0;
  if (self->unplaced) {
    __sync_fetch_and_add(&unresolved, 1);
    return 0;
  }
  self->unplaced_address = address;
  self->unplaced = call | SYSNARE_CALL_IN_FLIGHT;  // number 0 is a call
  return 0;
}
