/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#pragma once
// What do the eBPF programs and the recorder that reads their maps agree on?
//
// C and C++ both: no types but those of the kernel's headers. docs/adr/0021-ebpf-recorder.md has
// the reasons for the shapes and sizes here.

#include <linux/types.h>

/// Native numbers that a task counts in a table of its own, without the hole. The highest that
/// x86_64 has in Linux 6.18 is 469; what lies above 485 (x32, nonsense) is counted in `foreign`.
/// The whole of sysnare_task stays below 16 KB (SYSNARE_TASK_ROOM).
#define SYSNARE_ROWS 396
/// Tables that stand ready, each for the tasks whose registers lie at addresses of one hash. A task
/// that finds its own taken has one in task storage, which costs its calls two helpers more.
#define SYSNARE_SLOTS 512
/// Numbers that no 64-bit ABI uses: 335 to 423 (arch/x86/entry/syscalls/syscall_64.tbl; 424 and
/// later are the same number everywhere). Without them there is room for the times.
#define SYSNARE_HOLE_BEGIN 335
#define SYSNARE_HOLE_END 424
/// One more than the highest number with a row.
#define SYSNARE_INDEXED (SYSNARE_ROWS + SYSNARE_HOLE_END - SYSNARE_HOLE_BEGIN)
/// Kinds of failure that a task keeps by itself; a colliding one moves to the map.
#define SYSNARE_ERROR_SLOTS 16
/// Values of arguments that a task knows to be in the set of its executable already.
#define SYSNARE_ARG_SLOTS 8
/// Most values of one argument that are a set; one more, and they are many (kMaxArgValues).
#define SYSNARE_MAX_ARG_VALUES 64
/// Highest errno: include/linux/err.h MAX_ERRNO, Linux 6.18.
#define SYSNARE_MAX_ERRNO 4095
/// Bytes of a path that an event carries; longer ones are cut, and found again by /proc or left so.
#define SYSNARE_MAX_PATH 256

/// Executable number of our own launcher; its calls have origin `launch`.
#define SYSNARE_LAUNCHER 0
/// The program that was launched, or what ran when we attached.
#define SYSNARE_FIRST 1
/// Beside the number: what a container's runtime did in it, under its filter; origin `runtime`.
#define SYSNARE_RUNTIME (1U << 31)

/// Entries of the maps. Preallocated, so that no allocation fails while a program runs.
#define SYSNARE_MAX_TOTALS 32768
#define SYSNARE_MAX_FOREIGN 8192
#define SYSNARE_MAX_ERRORS 16384
#define SYSNARE_MAX_EXECUTABLES 4096
#define SYSNARE_MAX_EDGES 8192
#define SYSNARE_MAX_ARG_SETS 8192
#define SYSNARE_MAX_ARGS 32768
/// With `--sites` alone; without it these maps are small.
#define SYSNARE_MAX_PLACES 65536
#define SYSNARE_MAX_SITES 65536
#define SYSNARE_MAX_MODULES 8192
#define SYSNARE_RING_BYTES (256 * 1024)
/// With `--host`, where hundreds of executables and cgroups are told at once, and have their calls.
#define SYSNARE_HOST_RING_BYTES (8 * 1024 * 1024)
#define SYSNARE_HOST_TOTALS 131072
/// In an hour of a busy host, with 970 executables, 112,169 arguments found no room in the maps of
/// others.
#define SYSNARE_HOST_ARG_SETS 32768
#define SYSNARE_HOST_ARGS 262144
/// Pairs of an executable and an io_uring operation.
#define SYSNARE_MAX_OPERATIONS 4096
/// Cgroups to follow that one may name, and those that are told.
#define SYSNARE_MAX_CGROUPS 64
#define SYSNARE_MAX_CGROUPS_TOLD 4096

/// One call as the kernel shows it: the number, x32's bit included, and below it where it came in.
#define SYSNARE_CALL_COMPAT (1ULL << 32)  ///< i386, by TS_COMPAT
#define SYSNARE_CALL_IN_FLIGHT (1ULL << 33)
#define SYSNARE_CALL_BEGUN 1  ///< in place of the call, with counts alone: it is counted
#define SYSNARE_CALL_ERRNO_SHIFT 48
#define SYSNARE_CALL_ARG_SHIFT 56

/// What is to be done for a call beside counting it, by its number: two tables in one, for native
/// calls and, from SYSNARE_TRAITS on, for those of i386.
#define SYSNARE_TRAITS 512
#define SYSNARE_TRAIT_ARGS 4             ///< bit i: the values of argument i are kept
#define SYSNARE_TRAIT_WIDE_SHIFT 4       ///< bit i above it: all 64 bits of argument i
#define SYSNARE_TRAIT_FILTER (1U << 8)   ///< may load a seccomp filter
#define SYSNARE_TRAIT_LISTENS (1U << 9)  ///< listen
#define SYSNARE_TRAIT_ACCEPTS (1U << 10)
#define SYSNARE_TRAIT_WAITS (1U << 11)      ///< for events on descriptors
#define SYSNARE_TRAIT_MAPS_CODE (1U << 12)  ///< where argument 2 has PROT_EXEC

/// Times by sampling (times.bpf.h): so many calls of a row are timed one by one before it is
/// sampled; each 2^SHIFT ns (4.1 us) that a timed call took pay for one more, so that two readings
/// of the clock, 30 to 90 ns, cost a long call 2 % at most; and at most so many are not timed in a
/// row.
#define SYSNARE_TIMED_EACH 64
#define SYSNARE_PAID_SHIFT 12
#define SYSNARE_MAX_GAP 15
/// Above the rest of sysnare_row::pace: a call that was not timed.
#define SYSNARE_ONE_UNTIMED 0x100

/// A shortest time in 32 bits: nanoseconds up to 2.1 s; above that bit, units of 2^20 ns, so that
/// the longer one is the greater number still.
#define SYSNARE_LONG (1U << 31)
#define SYSNARE_LONG_SHIFT 20

/// What is kept of one call. No minimum in it would be 0: `inverted_min` is the largest ~time.
struct sysnare_row {
  __u64 count;
  __u64 total_ns;
  __u64 max_ns;
  __u32 inverted_min;  ///< as SYSNARE_LONG
  __u16 pace;    ///< calls until the next that is timed (8 bits); above, those since the last one
  __u8 spent;    ///< of SYSNARE_TIMED_EACH
  __u8 sampled;  ///< a call was not timed, and is in total_ns by others
  __u32 inverted_first;  ///< ~tick in which the first call ended; the largest where rows are added
  __u32 last;            ///< tick (jiffy) in which the last call ended, from 1; 0: not known
};

/// No place of a row in a task's table, in bytes; those are below SYSNARE_ROWS_END.
#define SYSNARE_NO_ROW 0xffff
#define SYSNARE_ROWS_END (SYSNARE_ROWS * sizeof(struct sysnare_row))

struct sysnare_error_slot {
  __u64 key;  ///< the call, and its errno above SYSNARE_CALL_ERRNO_SHIFT; 0: empty
  __u64 count;
};

/// What a task meets at its next call. A task that others decide about does what they decided
/// there, by itself: its table stays its own.
enum sysnare_gate {
  SYSNARE_GATE_OPEN,
  SYSNARE_GATE_LAUNCHING,  ///< our own code between clone and exec: the exec alone counts
  SYSNARE_GATE_RUNTIME,    ///< a container's runtime before its exec: counts once it has a filter
  SYSNARE_GATE_SWITCHING,  ///< goes on as `next_executable`
  SYSNARE_GATE_LEAVING,    ///< has left the cgroups that are followed
};

struct sysnare_arg_slot {
  __u64 key;  ///< the call, and 1 + the argument above SYSNARE_CALL_ARG_SHIFT; 0: empty
  __u64 value;
};

/// In which phase of its program a task is, and its rows were counted.
enum sysnare_phase {
  SYSNARE_NO_PHASE,  ///< no call of it was seen yet, or it is our own launcher
  SYSNARE_LOAD,      ///< before main
  SYSNARE_START,     ///< until the ready mark
  SYSNARE_STEADY,    ///< after it
};
/// The four bytes of `gate`, `attached`, `phase` and `zero` as one number, in a task about which
/// there is nothing to be decided. Both ISAs are little-endian.
#define SYSNARE_STANDING(phase) ((__u32)(phase) << 16)

/// How far a task has come into the recording.
enum sysnare_stage {
  SYSNARE_STAGE_NONE,
  SYSNARE_STAGE_NAMED,     ///< by the recorder; the next walk takes it in
  SYSNARE_STAGE_BEGUN,     ///< somebody gives it its table
  SYSNARE_STAGE_FOLLOWED,  ///< has its table
  SYSNARE_STAGE_ENDED,     ///< its table is in the totals, or on the way there
};

/// What task storage holds of a task that is followed, wherever its table is.
struct sysnare_member {
  __u32 stage;  ///< enum sysnare_stage
  __u32 slot;   ///< 1 + that of its table; 0: in task storage
  // What was said where it was named, also to its threads.
  __u32 executable;
  __u32 space;
  __u8 gate;
  __u8 attached;
  __u8 ended;  ///< makes no calls, and stands for its threads
  __u8 unused[5];
};

/// What a call asks first: is it of somebody who is followed?
struct sysnare_head {
  __u64 registers;  ///< address of those whose table is in the slot; 0: nobody's
  __u32 others;     ///< tasks of the same hash with a table elsewhere
  __u32 unused;
};

/// A task's own table. Only the task itself writes to it, so nothing here is atomic.
struct sysnare_task {
  __u64 call;     ///< the call it is in: number, SYSNARE_CALL_*; 0 outside
  __u64 entered;  ///< when: nanoseconds of a call that is timed, else jiffies
  __u64 task;     ///< address of its task_struct; 0: not its table yet
  __u32 executable;
  __u8 gate;      ///< enum sysnare_gate: what stands before its next call
  __u8 attached;  ///< its next return may be that of a call that began before us, or is counted
  __u8 phase;     ///< enum sysnare_phase
  __u8 zero;
  __u32 space;            ///< its address space: threads share it, exec and fork make a new one;
                          ///< and so does other code, whose process goes by its leader's
  __u32 next_executable;  ///< SYSNARE_GATE_SWITCHING
  __u8 in_main;           ///< as the leader of its process: that has come to main
  __u8 maps_code;         ///< the call it is in, or was in last, may put code somewhere
  __u16 row;  ///< where in `rows` that call is counted, in bytes; SYSNARE_NO_ROW: in a shared table
  __u32 dice;              ///< which calls are timed
  __u32 switches;          ///< how often it had been switched away when its last call returned
  __u32 sleeps;            ///< of those, by itself
  __u64 waited;            ///< and for how many nanoseconds it had been ready to run, and had not
  __u64 unplaced;          ///< a call whose calling instruction could not be looked up yet; 0: none
  __u64 unplaced_address;  ///< of that call
  struct sysnare_row rows[SYSNARE_ROWS];
  struct sysnare_error_slot errors[SYSNARE_ERROR_SLOTS];
  struct sysnare_arg_slot args[SYSNARE_ARG_SLOTS];
};

/// In a size class of the kernel's allocator, with what Linux 6.18 puts before it (struct
/// bpf_local_storage_elem).
enum { SYSNARE_TASK_ROOM = 16384 - 72 };

struct sysnare_call_key {
  __u64 call;  ///< number, SYSNARE_CALL_COMPAT
  __u32 executable;
  __u32 phase;
};

struct sysnare_error_key {
  __u64 call;  ///< number, SYSNARE_CALL_COMPAT, errno
  __u32 executable;
  __u32 unused;
};

struct sysnare_operation_key {
  __u32 executable;
  __u32 opcode;  ///< enum io_uring_op
};

/// A set of values of one argument; its map has their number, or more than SYSNARE_MAX_ARG_VALUES.
struct sysnare_arg_set_key {
  __u64 call;  ///< number, SYSNARE_CALL_COMPAT, 1 + the argument above SYSNARE_CALL_ARG_SHIFT
  __u32 executable;
  __u32 unused;
};

struct sysnare_arg_key {
  struct sysnare_arg_set_key set;
  __u64 value;
};

struct sysnare_file_key {
  __u64 inode;
  __u32 device;  ///< the kernel's own encoding: major << 20 | minor
  __u32 unused;
};

/// What has a number as an executable: a file, and where executables are told apart by cgroup too
/// (`--host`) one of those.
struct sysnare_executable_key {
  __u64 inode;
  __u64 cgroup;  ///< kernfs id, else 0
  __u32 device;
  __u32 unused;
};

struct sysnare_edge_key {
  __u32 from;
  __u32 to;
};

enum sysnare_place_kind {
  SYSNARE_PLACE_FILE = 1,
  SYSNARE_PLACE_ANONYMOUS = 2,
  SYSNARE_PLACE_VDSO = 3,
};

/// Where an address of an address space lies.
struct sysnare_place {
  __u64 inode;   ///< SYSNARE_PLACE_FILE
  __u64 offset;  ///< in the file, or the vdso
  __u32 device;
  __u32 kind;
};

struct sysnare_place_key {
  __u64 address;
  __u32 space;
  __u32 unused;
};

/// A call from a place. Addresses are those behind the calling instruction.
struct sysnare_site_key {
  __u64 call;  ///< number, SYSNARE_CALL_COMPAT
  struct sysnare_place place;
  __u32 executable;
  __u32 unused;
};

/// The names on the way from a file to the root of its file system, its own first. Depth 0: its own
/// alone, of a file without a way.
#define SYSNARE_MAX_DEPTH 24
#define SYSNARE_MAX_NAME 64  ///< with the final 0; a file with a longer one is not found again

struct sysnare_module_event {
  __u32 kind;
  __u32 depth;
  __u64 inode;
  __u32 device;
  __u32 process;  ///< that has it mapped
  char names[SYSNARE_MAX_DEPTH][SYSNARE_MAX_NAME];
};

/// Which tasks are followed.
enum sysnare_scope {
  SYSNARE_SCOPE_TREE,     ///< those that were named, and their children
  SYSNARE_SCOPE_CGROUPS,  ///< those in the given cgroups and below
  SYSNARE_SCOPE_HOST,     ///< all but our own process
};

/// Levels of a cgroup that are looked at, and bytes of a name on the way with the final 0; a
/// container's is "docker-", 64 digits, ".scope". NAME_MAX in cgroupfs is 255.
#define SYSNARE_MAX_LEVELS 32
#define SYSNARE_MAX_CGROUP_DEPTH 16
#define SYSNARE_MAX_CGROUP_NAME 256

/// Where a followed cgroup is in its hierarchy: "/system.slice/nginx.service", and zeros behind.
#define SYSNARE_MAX_CGROUP_PATH 256
struct sysnare_cgroup_path {
  char text[SYSNARE_MAX_CGROUP_PATH];
};

/// The names on the way from a cgroup to the root of its hierarchy, its own first.
struct sysnare_cgroup_event {
  __u32 kind;
  __u32 depth;
  __u64 id;
  char names[SYSNARE_MAX_CGROUP_DEPTH][SYSNARE_MAX_CGROUP_NAME];
};

enum sysnare_event_kind {
  SYSNARE_EVENT_EXECUTABLE = 1,  ///< one that was not seen before
  SYSNARE_EVENT_NOBODY_LEFT = 2,
  SYSNARE_EVENT_FILTERED = 3,  ///< a task has a seccomp filter, or asks for one
  SYSNARE_EVENT_MODULE = 4,    ///< a file that calls come from (sysnare_module_event)
  SYSNARE_EVENT_CGROUP = 5,    ///< a cgroup that executables run in (sysnare_cgroup_event)
  SYSNARE_EVENT_THREADS = 6,   ///< a process with threads changed its cgroup: look at them
};

struct sysnare_event {
  __u32 kind;
  __u32 executable;
  __u32 from;
  __u32 process;
  __u64 inode;
  __u32 device;
  __u32 path_bytes;  ///< with the final 0
  __u64 cgroup;      ///< as in sysnare_executable_key
  char path[SYSNARE_MAX_PATH];
};

/// Everything that can be missing from a recording, each with a counter of its own.
enum sysnare_loss {
  SYSNARE_LOST_TASK,        ///< a child could not be followed
  SYSNARE_LOST_TOTAL,       ///< calls that found no room in `totals`
  SYSNARE_LOST_FOREIGN,     ///< in `foreign`
  SYSNARE_LOST_ERROR,       ///< failures whose errno found no room
  SYSNARE_LOST_EXECUTABLE,  ///< execs of a program that found no number
  SYSNARE_LOST_EDGE,        ///< who executed whom
  SYSNARE_LOST_EVENT,       ///< the ring buffer was full
  SYSNARE_LOST_SITE,        ///< calls whose calling instruction found no room
  SYSNARE_LOST_OPERATION,   ///< io_uring operations that found no room
  SYSNARE_LOST_ARG,         ///< arguments whose value found no room
  SYSNARE_LOST_CGROUP,      ///< cgroups that were made again and could not be followed
  SYSNARE_LOSSES,
};
