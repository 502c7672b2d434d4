#pragma once
// What does one ELF object do, whoever loads it: its functions, what they refer to, where they make
// system calls, and with which numbers?
//
// A summary depends on the object's bytes and nothing else, so it is cached by them (scan/cache.h).
// Libraries are joined later (scan/link.h). Everything is an index into flat arrays, so that a file
// of it can be used as it lies. Indices of other objects never stand here.

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "arch/abi.h"

namespace sysnare {

/// Counted up whenever the same bytes would give another summary; part of the key of the cache.
inline constexpr std::uint32_t kAnalyserVersion = 25;

inline constexpr std::uint32_t kNone = 0xffffffff;

/// A slice [begin, begin + count) of one of the arrays.
struct Slice {
  std::uint32_t begin = 0;
  std::uint32_t count = 0;
};

/// What a function or a datum can reach.
struct Target {
  enum class Kind : std::uint8_t {
    kFunction,  ///< of this object
    kChunk,     ///< data of this object
    kImport,    ///< a symbol, looked up when objects are joined
  };
  Kind kind = Kind::kFunction;
  /// The address is taken (it may be called later, by whoever holds it); else it is a direct call
  /// or jump. Chunks are always taken.
  bool taken = false;
  /// A place in its midst is meant: nothing is known there, and what it is passed at its beginning
  /// comes from its callers all the same.
  std::uint16_t inside = 0;
  std::uint32_t index = kNone;
};

/// Where a value passes into a function: a register, by its number in the instruction encoding of
/// x86-64 (rax 0, rcx 1, rdx 2, rbx 3, rsp 4, rbp 5, rsi 6, rdi 7, r8 ... r15) or aarch64 (x0 0
/// ...), or a word of the stack, by its distance from the stack pointer at entry (0: the return
/// address).
struct Place {
  std::uint8_t on_stack = 0;
  std::uint8_t reg = 0;
  std::uint16_t unused = 0;
  std::int32_t offset = 0;
};

/// One of the values that something can have.
struct Value {
  enum class Kind : std::uint8_t {
    kAny,          ///< not known
    kConstant,     ///< `number`
    kAddress,      ///< of this object: link-time address `number`
    kPassed,       ///< what the caller passed in `place`
    kPointee,      ///< the word at (what the caller passed in `place`) + `number`
    kCell,         ///< the word of static data at link-time address `number`
    kCellPointee,  ///< the word at (the word of static data at the high 48 bits of `number`) + its
                   ///< low 16
  };
  Kind kind = Kind::kAny;
  std::uint8_t width = 8;  ///< bytes that are used
  std::uint16_t unused = 0;
  std::uint32_t unused2 = 0;
  Place place;
  std::uint64_t number = 0;
};

/// A value at a call: what is in `place`, as the callee will see it.
struct Passed {
  Place place;
  Slice values;  ///< into Summary::values; places of which nothing is known are left out
  /// Where `values` is one stack address of the caller: known words there, as Passed of their own
  /// with Place.on_stack 1 and offset from that address.
  Slice pointees;  ///< into Summary::pointees
};

struct CallSite {
  std::uint64_t vaddr = 0;  ///< of the call or tail jump
  /// kFunction or kImport (also through PLT and GOT). A call through a pointer is a kFunction whose
  /// index is kNone; these stand here only where the object has functions that are `held`.
  Target target;
  Slice passed;  ///< into Summary::passed
};

struct SyscallSite {
  std::uint64_t vaddr = 0;   ///< of the instruction
  std::uint64_t offset = 0;  ///< in the file
  Abi abi = Abi::kX86_64;    ///< kI386 for int 0x80 and sysenter
  std::uint8_t unused[3] = {};
  Slice nr;       ///< into Summary::values; a single kAny: nothing is known
  Slice args[6];  ///< likewise; empty: not known
};

/// A store of a value into static data, for Value::Kind::kCell.
struct CellStore {
  std::uint64_t vaddr = 0;
  std::uint32_t function = kNone;
  Slice values;
  std::uint32_t unused = 0;
};

/// Bytes behind a pointer that is passed in a register, which may not be what the caller left
/// there.
struct Rewrite {
  Place place;
  std::int64_t begin = 0;  ///< from where the pointer leads
  std::int64_t end = 0;
};

struct Function {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::uint32_t name = 0;  ///< into Summary::text; 0: none
  Slice targets;           ///< into Summary::targets: all but what `calls` has, sorted, none twice
  Slice calls;             ///< into Summary::calls
  Slice sites;             ///< into Summary::sites
  Slice strings;           ///< into Summary::strings: texts that it refers to and that matter
  Slice rewrites;          ///< into Summary::rewrites: of the pointers whose words are asked for
  std::uint8_t no_return = 0;       ///< it ends in no return on any path (abort and the like)
  std::uint8_t calls_indirect = 0;  ///< it calls or jumps through a pointer
  /// Its address is taken, but stays in static data of its object, which calls it through pointers:
  /// its callers are the calls through pointers there.
  std::uint8_t held = 0;
  std::uint8_t unused = 0;
};

/// Data that is live as a whole once anything refers to it.
struct Chunk {
  std::uint64_t vaddr = 0;
  std::uint64_t end = 0;
  std::uint32_t name = 0;
  Slice targets;  ///< what its relocated words (non-PIE: its words) point to
  std::uint32_t unused = 0;
};

struct Import {
  std::uint32_t name = 0;
  std::uint32_t version = 0;  ///< 0: none
  std::uint8_t weak = 0;
  std::uint8_t unused[3] = {};
};

struct Export {
  std::uint32_t name = 0;
  std::uint32_t version = 0;
  std::uint8_t default_version = 1;
  std::uint8_t indirect = 0;  ///< STT_GNU_IFUNC: `target` is the resolver
  std::uint8_t weak = 0;
  std::uint8_t unused = 0;
  Target target;
};

/// A text in read-only data that a function refers to: it contains ".so", or begins with '/', or is
/// an argument of a call. `vaddr` is its link-time address, so that Value::kAddress finds it.
struct StringRef {
  std::uint64_t vaddr = 0;
  std::uint32_t text = 0;
  std::uint32_t unused = 0;
};

/// Something in this object that the analysis could not follow, whoever loads it: a damaged table,
/// a limit. Sites without a number are no such thing: they stand among the sites.
struct Trouble {
  std::uint64_t vaddr = 0;
  std::uint32_t text = 0;
  std::uint32_t function = kNone;
};

/// All of one object. The spans lie in memory that `owner` keeps (vectors of the analyser, or a
/// mapped file of the cache).
struct Summary {
  std::uint16_t machine = 0;  ///< EM_*
  bool position_independent = false;
  bool is_go = false;
  bool has_c = false;  ///< is_go: with code beside Go's (cgo)
  bool symbolic = false;
  bool is_library = false;  ///< as in Dynamic
  std::uint32_t soname = 0;
  std::uint32_t interpreter = 0;
  std::uint32_t module_key = 0;                           ///< as in Site::module_key
  std::uint64_t entry = 0;                                ///< e_entry; 0: none
  std::span<const std::uint32_t> needed, runpath, rpath;  ///< texts
  std::span<const Function> functions;                    ///< sorted by start
  std::span<const Target> targets;
  std::span<const CallSite> calls;
  std::span<const Passed> passed, pointees;
  std::span<const SyscallSite> sites;
  std::span<const Value> values;
  std::span<const Rewrite> rewrites;
  std::span<const CellStore> cells;  ///< sorted by vaddr
  std::span<const Chunk> chunks;     ///< sorted by vaddr
  std::span<const Import> imports;
  std::span<const Export> exports;  ///< sorted by name, as text
  std::span<const StringRef> strings;
  std::span<const Target> init, fini;  ///< in the order they run
  std::span<const Target> always;  ///< live whenever the object is loaded (TLS image, personality)
  std::span<const Trouble> troubles;
  std::span<const char> text;  ///< NUL-terminated texts; [0] is an empty one
  std::shared_ptr<const void> owner;

  [[nodiscard]] std::string_view at(std::uint32_t position) const { return text.data() + position; }
  /// The function that covers `vaddr`, or kNone. Cost: a binary search.
  [[nodiscard]] std::uint32_t function_at(std::uint64_t vaddr) const;
  [[nodiscard]] std::uint32_t chunk_at(std::uint64_t vaddr) const;
};

}  // namespace sysnare
