/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#pragma once
// Which values did the arguments take that say what kind of call it is?
//
// A set for each (executable, call, argument), in maps that all share. Few calls have such
// arguments, and those take the same few values again and again: a task remembers which ones it has
// seen, so that a futex in a loop asks no map.

/// By number (SYSNARE_TRAITS), written before the programs are loaded: src/arch/recorded_args.cc.
const volatile __u16 traits[2 * SYSNARE_TRAITS];
/// Where in a task's table the rows of native calls without traits are, in bytes; SYSNARE_NO_ROW
/// for all others.
const volatile __u16 plain_rows[SYSNARE_TRAITS];

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SYSNARE_MAX_ARG_SETS);
  __type(key, struct sysnare_arg_set_key);
  __type(value, __u32);
} arg_sets SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SYSNARE_MAX_ARGS);
  __type(key, struct sysnare_arg_key);
  __type(value, __u8);
} args SEC(".maps");

/// The traits of a call; 0 for most.
static __always_inline __u32 traits_of(__u64 call) {
  __u32 nr = (__u32)call;
  asm volatile("" : "+r"(nr));  // as in count_call()
  if (nr >= SYSNARE_TRAITS) return 0;
  const __u32 compat = (__u32)((call & SYSNARE_CALL_COMPAT) >> 32);
  return traits[compat * SYSNARE_TRAITS + nr];
}

/// The register of argument `index`. arch/x86/include/asm/syscall.h, arch/arm64/kernel/ptrace.c.
static __always_inline __u64 argument(struct pt_regs* regs, __u32 index, _Bool compat) {
#if defined(__TARGET_ARCH_x86)
  switch (index) {
    case 0:
      return compat ? regs->bx : regs->di;
    case 1:
      return compat ? regs->cx : regs->si;
    case 2:
      return regs->dx;
    default:
      return compat ? regs->si : regs->r10;
  }
#else
  return index == 0 ? regs->orig_x0 : regs->regs[index];
#endif
}

/// Puts `value` into its set.
__noinline int add_arg(__u32 executable, __u64 named, __u64 value) {
  const struct sysnare_arg_key key = {.set = {.call = named, .executable = executable},
                                      .value = value};
  if (bpf_map_lookup_elem(&args, &key)) return 0;
  __u32* count = bpf_map_lookup_elem(&arg_sets, &key.set);
  if (!count) {
    const __u32 none = 0;
    bpf_map_update_elem(&arg_sets, &key.set, &none, BPF_NOEXIST);
    count = bpf_map_lookup_elem(&arg_sets, &key.set);
    if (!count) {
      lose(SYSNARE_LOST_ARG, 1);
      return 0;
    }
  }
  if (*count >= SYSNARE_MAX_ARG_VALUES) {
    *count = SYSNARE_MAX_ARG_VALUES + 1;
    return 0;
  }
  const __u8 seen = 1;
  if (bpf_map_update_elem(&args, &key, &seen, BPF_NOEXIST) == 0) {
    __sync_fetch_and_add(count, 1);
  } else if (!bpf_map_lookup_elem(&args, &key)) {  // not put there by another processor either
    lose(SYSNARE_LOST_ARG, 1);
  }
  return 0;
}

static __always_inline void note_arg(struct sysnare_task* self, __u64 call, __u32 index,
                                     __u64 value) {
  const __u64 named = (call & ~SYSNARE_CALL_IN_FLIGHT) | (__u64)(index + 1)
                                                             << SYSNARE_CALL_ARG_SHIFT;
  const __u64 mixed = call ^ index ^ value ^ value >> 7;
  struct sysnare_arg_slot* slot = &self->args[mixed % SYSNARE_ARG_SLOTS];
  if (slot->key == named && slot->value == value) return;
  add_arg(self->executable, named, value);
  slot->key = named;
  slot->value = value;
}

/// Keeps the values of those arguments of `call` that its traits name. Called for few calls: out of
/// the way of the others.
static __noinline int note_args(struct sysnare_task* self, struct pt_regs* regs, __u64 call,
                                __u32 its_traits) {
  const _Bool compat = (call & SYSNARE_CALL_COMPAT) != 0;
#pragma unroll
  for (__u32 index = 0; index < SYSNARE_TRAIT_ARGS; ++index) {
    if (!(its_traits >> index & 1)) continue;
    __u64 value = argument(regs, index, compat);
    if (!(its_traits >> (SYSNARE_TRAIT_WIDE_SHIFT + index) & 1)) value = (__u32)value;
    note_arg(self, call, index, value);
  }
  return 0;
}

/// Another executable has sets of its own.
static __always_inline void forget_args(struct sysnare_task* self) {
  for (__u32 i = 0; i < SYSNARE_ARG_SLOTS; ++i) self->args[i].key = 0;
}
