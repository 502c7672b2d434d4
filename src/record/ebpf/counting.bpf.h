/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#pragma once
// How often was each call made, how long did it take and how did it fail?
//
// A task counts in a table of its own; what no table of a task has room for, and the tables of
// those that have ended, are in maps that all share.

// Tables that began to move to the totals, and that have moved: a reader that finds them equal, and
// the same when it has read, has read each table once.
__u64 moves_begun;
__u64 moves_done;

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SYSNARE_MAX_TOTALS);
  __type(key, struct sysnare_call_key);
  __type(value, struct sysnare_row);
} totals SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SYSNARE_MAX_FOREIGN);
  __type(key, struct sysnare_call_key);
  __type(value, struct sysnare_row);
} foreign SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SYSNARE_MAX_ERRORS);
  __type(key, struct sysnare_error_key);
  __type(value, __u64);
} errors SEC(".maps");

/// Raises *at to `value`, with other processors at it.
static __always_inline void raise(__u64* at, __u64 value) {
  for (int i = 0; i < kSwapTries; ++i) {
    const __u64 old = *(volatile __u64*)at;
    if (value <= old || __sync_val_compare_and_swap(at, old, value) == old) return;
  }
}

static __always_inline void raise_word(__u32* at, __u32 value) {
  for (int i = 0; i < kSwapTries; ++i) {
    const __u32 old = *(volatile __u32*)at;
    if (value <= old || __sync_val_compare_and_swap(at, old, value) == old) return;
  }
}

/// Adds to a row that many tasks share. 0 when the map is full.
static __always_inline int add_row(void* map, const struct sysnare_call_key* key,
                                   const struct sysnare_row* more) {
  struct sysnare_row* row = bpf_map_lookup_elem(map, key);
  if (!row) {
    const struct sysnare_row none = {};
    bpf_map_update_elem(map, key, &none, BPF_NOEXIST);  // or another processor was first
    row = bpf_map_lookup_elem(map, key);
    if (!row) return 0;
  }
  __sync_fetch_and_add(&row->count, more->count);
  if (more->total_ns != 0) {
    __sync_fetch_and_add(&row->total_ns, more->total_ns);
    raise(&row->max_ns, more->max_ns);
    raise_word(&row->inverted_min, more->inverted_min);
  }
  if (more->sampled) row->sampled = 1;
  raise_word(&row->inverted_first, more->inverted_first);
  raise_word(&row->last, more->last);
  return 1;
}

__noinline int add_errors(__u32 executable, __u64 call, __u64 count) {
  const struct sysnare_error_key key = {.call = call, .executable = executable};
  __u64* sum = bpf_map_lookup_elem(&errors, &key);
  if (!sum) {
    const __u64 none = 0;
    bpf_map_update_elem(&errors, &key, &none, BPF_NOEXIST);
    sum = bpf_map_lookup_elem(&errors, &key);
    if (!sum) {
      lose(SYSNARE_LOST_ERROR, count);
      return 0;
    }
  }
  __sync_fetch_and_add(sum, count);
  return 0;
}

/// Counts a call in the table that all share, with its time where one is known.
__noinline int add_foreign(struct sysnare_task* self, __u64 call, __u64 ns, __u32 tick) {
  if (!self) return 0;
  const struct sysnare_call_key key = {
      .call = call & ~SYSNARE_CALL_IN_FLIGHT, .executable = self->executable, .phase = self->phase};
  const struct sysnare_row row = {.count = 1,
                                  .total_ns = ns,
                                  .max_ns = ns,
                                  .inverted_min = ns ? ~as_word(ns) : 0,
                                  .inverted_first = tick ? ~tick : 0,
                                  .last = tick};
  if (!add_row(&foreign, &key, &row)) lose(SYSNARE_LOST_FOREIGN, 1);
  return 0;
}

static __always_inline void count_error(struct sysnare_task* self, __u64 call, __u64 error) {
  const __u64 key = (call & ~SYSNARE_CALL_IN_FLIGHT) | (error << SYSNARE_CALL_ERRNO_SHIFT);
  const __u32 at = ((__u32)call ^ ((__u32)call >> 4) ^ (__u32)error) % SYSNARE_ERROR_SLOTS;
  struct sysnare_error_slot* slot = &self->errors[at];
  if (slot->key != key && slot->key != 0) {
    slot = &self->errors[at ^ 1];
    if (slot->key != key && slot->key != 0) {
      // What is there stays there: a reader may be looking.
      add_errors(self->executable, key, 1);
      return;
    }
  }
  slot->key = key;
  ++slot->count;
}

/// The row of a number in a task's table; SYSNARE_ROWS or more where it has none.
static __always_inline __u32 row_of(__u32 nr) {
  // Or clang compares one copy of the number and indexes with another, which the verifier refuses.
  asm volatile("" : "+r"(nr));
  if (nr < SYSNARE_HOLE_BEGIN) return nr;
  return nr < SYSNARE_HOLE_END ? SYSNARE_ROWS : nr - (SYSNARE_HOLE_END - SYSNARE_HOLE_BEGIN);
}

/// The row of a call in the task's own table; 0 for a foreign call, whose table is shared.
static __always_inline struct sysnare_row* own_row(struct sysnare_task* self, __u64 call) {
  __u32 at = row_of((__u32)call);
  asm volatile("" : "+r"(at));
  return !(call & SYSNARE_CALL_COMPAT) && at < SYSNARE_ROWS ? &self->rows[at] : 0;
}

/// That at a place in the table, which is below SYSNARE_ROWS_END.
static __always_inline struct sysnare_row* row_at(struct sysnare_task* self, __u32 place) {
  return (struct sysnare_row*)((char*)self->rows + place);
}

static __always_inline void count_in(struct sysnare_row* row, __u32 tick) {
  if (row->count == 0) row->inverted_first = ~tick;
  row->last = tick;
  ++row->count;
}

// These are not static: the verifier then checks each once, and not on each way that leads there.
// What most calls need is beside them in the programs that have a short way.

/// Counts a call of which no time is known, and which ends now or, with `--counts`, begins.
__noinline int count_call(struct sysnare_task* self, __u64 call) {
  if (!self) return 0;
  struct sysnare_row* row = own_row(self, call);
  const __u64 now = jiffies_now();
  if (!row) {
    add_foreign(self, call, 0, tick_of(now));
  } else if (at_entry) {
    ++row->count;
  } else {
    count_in(row, tick_of(now));
  }
  return 0;
}

/// A call begins that is counted where it returns.
__noinline int begin_in_row(struct sysnare_task* self, __u64 call) {
  if (!self) return 0;
  const struct sysnare_row* row = own_row(self, call);
  self->row = row ? (const char*)row - (const char*)self->rows : SYSNARE_NO_ROW;
  if (with_time) begin_time(self, row);
  return 0;
}

/// It returns now: counts it, with its time.
__noinline int count_return(struct sysnare_task* self, __u64 call) {
  if (!self) return 0;
  const __u64 now = jiffies_now();
  __u32 place = self->row;
  asm volatile("" : "+r"(place));  // as in row_of()
  if (place >= SYSNARE_ROWS_END) {
    return add_foreign(self, call, with_time ? bpf_ktime_get_ns() - self->entered : 0,
                       tick_of(now));
  }
  struct sysnare_row* row = row_at(self, place);
  count_in(row, tick_of(now));
  if (with_time) end_time(self, row, now);
  return 0;
}

/// Adds a task's row to the totals, and empties it.
__noinline int move_row(struct sysnare_row* row, __u32 executable, __u32 phase_then, __u32 nr) {
  if (!row) return 0;
  const struct sysnare_call_key key = {.call = nr, .executable = executable, .phase = phase_then};
  if (!add_row(&totals, &key, row)) lose(SYSNARE_LOST_TOTAL, row->count);
  row->count = 0;
  row->total_ns = 0;
  row->max_ns = 0;
  row->inverted_min = 0;
  row->pace = 0;
  row->spent = 0;
  row->sampled = 0;
  row->inverted_first = 0;
  row->last = 0;
  return 0;
}

__noinline int move_error(struct sysnare_error_slot* slot, __u32 executable) {
  if (!slot) return 0;
  add_errors(executable, slot->key, slot->count);
  slot->key = 0;
  slot->count = 0;
  return 0;
}

/// Moves some rows of a task's table, from `first` on. The verifier follows a loop round by round:
/// two short ones that it checks apart are 40 rounds where one is 400, in each program that has it.
__noinline int move_rows(struct sysnare_task* self, __u32 first) {
  if (!self) return 0;
  for (__u32 i = 0; i < kRowsInTurn; ++i) {
    __u32 at = first + i;
    asm volatile("" : "+r"(at));
    if (at >= SYSNARE_ROWS) return 0;
    const __u32 nr = at < SYSNARE_HOLE_BEGIN ? at : at + (SYSNARE_HOLE_END - SYSNARE_HOLE_BEGIN);
    if (self->rows[at].count != 0) move_row(&self->rows[at], self->executable, self->phase, nr);
  }
  return 0;
}

/// Moves a task's table to the totals of its executable and phase.
__noinline int move_to_totals(struct sysnare_task* self) {
  if (!self) return 0;
  __sync_fetch_and_add(&moves_begun, 1);
  for (__u32 first = 0; first < SYSNARE_ROWS; first += kRowsInTurn) move_rows(self, first);
  for (__u32 i = 0; i < SYSNARE_ERROR_SLOTS; ++i) {
    if (self->errors[i].key != 0) move_error(&self->errors[i], self->executable);
  }
  __sync_fetch_and_add(&moves_done, 1);
  return 0;
}
