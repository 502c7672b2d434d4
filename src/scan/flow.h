#pragma once
// Which values reach the calls of one function?
//
// The function is decoded from its entries along its jumps, tables of switches included, and cut
// into blocks; then values flow forward over the blocks until nothing changes (a forward abstract
// interpretation: constants, addresses, what the caller passed, words of the own stack).
//
// What it takes for granted, as compilers and the psABI promise: a callee keeps the registers that
// are not Machine::caller_saved (Go: the stack pointer alone); it changes words of our stack only
// once an address of it was given away; what lies above the return address is the caller's to pass.
// Code that breaks this can fool it.

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "scan/flow_value.h"
#include "scan/insn.h"

namespace sysnare {

/// Most blocks of one function through which values are followed; larger ones are taken with
/// nothing known at each block, which is sound. The largest of CPython has some 6,000.
inline constexpr std::size_t kMaxFlowBlocks = 20'000;
/// Most instructions of one function that are followed, and in how many bytes they lie: where
/// nothing tells functions apart, all of a program is one. An instruction takes some 100 bytes of
/// memory, a call 400, and each byte of code 5.
inline constexpr std::size_t kMaxFlowInsns = 1u << 19;
inline constexpr std::uint64_t kMaxFlowBytes = 4u << 20;
/// Most instructions that are looked at for tables of switches, over and over, of one function.
inline constexpr std::size_t kMaxTableLooks = 1u << 26;
/// Most entries of a switch's table; a longer one is a reason to give up.
inline constexpr std::size_t kMaxTableEntries = 1u << 15;
/// Most entries of all tables of one function: the largest switches have some thousand.
inline constexpr std::size_t kMaxTableReads = 1u << 20;

/// Most words of its stack that are known at one place.
inline constexpr std::size_t kMaxStackWords = 96;

/// Most addresses of code of which it is known in one function whether they are only called.
inline constexpr std::size_t kMaxPutCodes = 32;

/// What the flow asks about the image around the function.
class FlowContext {
 public:
  virtual ~FlowContext() = default;
  /// The bytes from `vaddr` on; empty where there is no code.
  [[nodiscard]] virtual std::span<const std::uint8_t> code(std::uint64_t vaddr) const = 0;
  [[nodiscard]] virtual bool is_code(std::uint64_t vaddr) const = 0;
  /// What a load of `width` bytes from static data at `vaddr` gives.
  [[nodiscard]] virtual FlowValue load(std::uint64_t vaddr, unsigned width) const = 0;
  /// A word that no one writes; for tables of switches. False: there is none.
  [[nodiscard]] virtual bool constant_word(std::uint64_t vaddr, unsigned width,
                                           std::uint64_t& word) const = 0;
  /// Whether calling `vaddr`, or import `number`, never returns.
  [[nodiscard]] virtual bool never_returns(std::uint64_t vaddr) const = 0;
  [[nodiscard]] virtual bool import_never_returns(std::uint64_t import) const = 0;
  /// The start of the function that `vaddr` lies in, if that may be the cold part of the one at
  /// `start` (gcc's "f.cold"), or what that is the cold part of; 0: it is neither.
  [[nodiscard]] virtual std::uint64_t other_part_at(std::uint64_t /*start*/,
                                                    std::uint64_t /*vaddr*/) const {
    return 0;
  }
  /// Whether code at `vaddr` may belong to the function at `start`, which it is not in: a compiler
  /// describes both for unwinding, or neither. `begin` is where the function there begins, if it is
  /// described.
  [[nodiscard]] virtual bool may_belong_to(std::uint64_t /*start*/, std::uint64_t vaddr,
                                           std::uint64_t& /*begin*/) const {
    return is_code(vaddr);
  }
  /// Where the object of data at `vaddr` ends at the latest.
  [[nodiscard]] virtual std::uint64_t data_end(std::uint64_t) const { return UINT64_MAX; }
  /// Whether an immediate of that value can be an address of the image.
  [[nodiscard]] virtual bool may_be_address(std::uint64_t) const { return false; }
  /// Whether what the instruction calls may return a second time, as setjmp and vfork do.
  [[nodiscard]] virtual bool returns_twice(const Insn& insn) const {
    (void)insn;
    return false;
  }
};

/// A word of the stack: at the entry's stack pointer + offset.
struct StackWord {
  std::int32_t offset = 0;
  std::int32_t width = 8;  ///< bytes, 4 or 8
  FlowValue value;
  bool operator==(const StackWord&) const = default;
};

struct FlowState {
  FlowValue regs[kMaxRegisters];
  std::vector<StackWord> stack;  ///< sorted by offset, none overlapping
};

FlowState nothing_known();

/// Called for each reachable instruction once, in order of address, with the values before it.
/// Where a function runs on into the next one, a jump there of no bytes is made up.
using FlowVisitor = std::function<void(const Insn&, const FlowState&)>;

/// How a switch jumps, where no instruction says it alone: scan/flow_switch.cc.
struct SwitchOffsets {
  std::vector<std::uint64_t> labels;  ///< from which is counted
  std::vector<std::uint64_t> places;  ///< of the first entry
  std::size_t bound = 0;              ///< of entries; 0: not known
  unsigned width = 0;
  bool is_signed = false;
  bool from_entry = false;  ///< each entry counts from itself
  std::int64_t unit = 1;
  bool operator==(const SwitchOffsets&) const = default;
};

struct SwitchTable {
  std::uint32_t jump = 0;  ///< which instruction jumps by it
  std::vector<std::uint64_t> targets;
};

class FunctionFlow {
 public:
  FunctionFlow(const FlowContext& context, const Decoder& decoder);

  struct Request {
    std::uint64_t start = 0;
    std::uint64_t end = 0;
    /// Places in it that are entered from elsewhere, with nothing known: landing pads, labels whose
    /// address stands in data, jumps from other functions.
    std::span<const std::uint64_t> entries;
    bool go = false;     ///< Go's conventions
    bool values = true;  ///< else control alone is followed, and nothing is known of any value
    /// A compiler made it: it ends in a call only where that never returns.
    bool compiled = false;
    /// That is known of what lies before it.
    std::uint64_t compiled_end = ~std::uint64_t{0};
    bool uses = true;  ///< is_only_called() and may_call() will be asked
  };
  /// Follows the function.
  /// `then` is called, where it is given, with the values behind the instruction.
  void run(const Request& request, const FlowVisitor& visit, const FlowVisitor& then = {});

  /// The same instructions and values once more, behind run() with values. False: they are not kept
  /// (of a function with thousands of blocks).
  bool visit_again(const FlowVisitor& visit);

  [[nodiscard]] AtomSets& sets() { return sets_; }
  /// Whether some path returns, or leaves by a jump.
  [[nodiscard]] bool returns() const { return returns_; }
  /// Whether its tables had more entries than are read: it can go where nobody looked.
  [[nodiscard]] bool gave_up() const { return table_reads_ > kMaxTableReads; }
  /// Whether the instruction at `vaddr` loads the entry of a table of a switch, and no other.
  [[nodiscard]] bool is_load_of_switch(std::uint64_t vaddr) const {
    return switch_loads_.contains(vaddr);
  }
  /// Whether the jump at `vaddr` goes to one of the entries of a table and nowhere else.
  [[nodiscard]] bool is_switch(std::uint64_t vaddr) const { return switch_jumps_.contains(vaddr); }
  /// Whether control may come to `vaddr` from elsewhere than the instruction before it.
  [[nodiscard]] bool is_leader(std::uint64_t vaddr) const {
    return vaddr < start_ || vaddr >= end_ || leader_[vaddr - start_] != 0;
  }
  /// Whether it is not followed from one block to the next.
  [[nodiscard]] bool knows_nothing() const { return unknown_everywhere_; }
  /// Whether it goes on where nobody looked, past kMaxFlowInsns or kMaxFlowBytes.
  [[nodiscard]] bool too_large() const { return too_large_; }
  /// Where control comes to what is no instruction by jumps and one after the other alone, no table
  /// or label having led there; 0: nowhere.
  [[nodiscard]] std::uint64_t unknown_at() const { return unknown_at_; }
  /// Whether it does nothing with this address of code outside of it, or of the slot of an import,
  /// which it puts into a register, but call and compare what that has; false: it may do more, or
  /// never puts it there. Known only where values are followed.
  [[nodiscard]] bool is_only_called(std::uint64_t code) const;
  /// Whether the call or jump at `vaddr` may be one of what `code` has.
  [[nodiscard]] bool may_call(std::uint64_t vaddr, std::uint64_t code) const;
  /// Places at which it is entered, or may be, and to which nothing in the function itself leads;
  /// none of one that compilers made.
  [[nodiscard]] std::span<const std::uint64_t> alone() const { return alone_; }
  /// Places outside of the function that tables of its switches lead to.
  [[nodiscard]] std::span<const std::uint64_t> outside() const { return outside_; }
  /// Where Machine::composes_addresses: addresses of which nobody kept track. Everything near them
  /// may be referred to.
  [[nodiscard]] const std::set<std::uint64_t>& lost() const { return lost_; }
  /// The same where a value became one of several: the addresses themselves are taken.
  [[nodiscard]] const std::set<std::uint64_t>& merged() const { return merged_; }
  /// The value of the address of a memory operand.
  [[nodiscard]] FlowValue address_of(const Insn& insn, const FlowState& state);
  /// The value of a word of the stack; kAny where it is not known.
  [[nodiscard]] static FlowValue stack_word(const FlowState& state, std::int32_t offset,
                                            unsigned width);
  /// Bytes behind what a register held at entry to which the function itself writes: no longer what
  /// its caller left there.
  struct PointeeStore {
    std::uint8_t reg = 0;
    std::int64_t begin = 0;
    std::int64_t end = 0;
    bool operator==(const PointeeStore&) const = default;
  };
  [[nodiscard]] std::span<const PointeeStore> pointee_stores() const { return pointee_stores_; }
  /// Whether somebody else may hold the address of the own stack's word at `offset`.
  [[nodiscard]] bool is_given_away(std::int32_t offset) const { return offset >= given_away_; }
  /// Whether an address of the own stack is given away by another instruction than that at `vaddr`.
  [[nodiscard]] bool gives_away_elsewhere(std::uint64_t vaddr) const {
    return given_elsewhere_ || (given_at_ != 0 && given_at_ != vaddr);
  }
  /// What the caller left at `offset` above the stack pointer at entry; kAny where it may be
  /// changed.
  [[nodiscard]] FlowValue passed_word(const FlowState& state, std::int32_t offset) const;

 private:
  struct Block {
    std::uint32_t first = 0;  ///< index into order_
    std::uint32_t count = 0;
    std::uint32_t next = 0;  ///< index into next_
    std::uint32_t nexts = 0;
    bool from_outside = false;
    bool runs_on = false;  ///< into the next function
    bool reached = false;
    std::uint16_t visits = 0;
    /// 1 + the block that is gone to where the register of a call's number is 0; 0: none is known.
    std::uint32_t zero = 0;
  };

  /// Kinds of leaders of blocks: something jumps there, in this function or from outside of it.
  /// Tables of switches lead there; or do if they are that long.
  static constexpr std::uint8_t kJumpedTo = 1, kEntered = 2, kBehindBranch = 4, kSwitchedTo = 8,
                                kGuessed = 16;

  void decode_all(const Request& request);
  void decode_from(std::uint64_t vaddr);
  void note_beyond(std::uint64_t vaddr);
  bool follow_tables();
  std::size_t table_bound(std::size_t jump) const;
  struct OwnTable {
    std::uint64_t vaddr = 0;
    std::size_t bound = 0;   ///< of entries; 0: not known
    std::uint64_t load = 0;  ///< the instruction that loads an entry
  };
  [[nodiscard]] std::optional<OwnTable> own_table(std::size_t jump) const;
  bool read_table(std::uint64_t table, unsigned width, bool relative, std::size_t bound,
                  bool exact = false);
  void read_tables_of(const Insn& insn, std::size_t bound);
  void read_far_tables(std::size_t bound);
  [[nodiscard]] bool is_in_cold_part(std::uint64_t vaddr);
  [[nodiscard]] bool may_be_case(std::uint64_t vaddr);
  [[nodiscard]] bool begins_at(std::uint64_t function, std::uint64_t vaddr);
  void read_offsets(std::uint64_t table, unsigned width, std::uint64_t label);
  void follow_offsets();
  void cut_blocks();
  struct HeldCode {
    std::array<std::uint32_t, kMaxRegisters> codes = {};  ///< by register, of put_codes_, by bit
    std::uint32_t regs = 0;                               ///< those that may hold some
  };
  static bool hold(HeldCode& into, const HeldCode& from, std::uint32_t regs);
  [[nodiscard]] std::uint64_t put_code(const Insn& insn) const;
  [[nodiscard]] std::uint32_t uses(const Block& block, const Insn& insn) const;
  void carry(const Block& block, std::uint32_t at, HeldCode& held);
  void find_uses();
  [[nodiscard]] std::uint32_t zero_target(const Block& block) const;
  void find_alone();
  void find_unknown();
  [[nodiscard]] bool is_unknown(std::uint32_t number) const;
  [[nodiscard]] bool is_last_call(const Block& block, std::uint32_t i) const;
  [[nodiscard]] bool runs_on(const Block& block) const;
  [[nodiscard]] const Insn* call_before_fill(const Block& block) const;
  static Insn jump_on(const Insn& last);
  void settle();
  void reach();
  void step(const Insn& insn, FlowState& state);
  void write_registers(const Insn& insn, FlowState& state);
  [[nodiscard]] FlowValue widened(const FlowValue& sum) const;
  void note_merged(const FlowValue& value);
  void lose(const FlowValue& value);
  bool hint(const Insn& insn, const FlowState& state);
  void enter_from_outside(FlowState& in) const;
  void begin_block(std::size_t number);
  /// `to` = `from`, without the registers that the machine has not: half of x86-64's.
  void assign(FlowState& to, const FlowState& from) const {
    std::copy_n(from.regs, machine_.registers, to.regs);
    to.stack = from.stack;
  }
  bool follow_switches();
  std::optional<std::uint64_t> constant_before(std::size_t insn, int reg, unsigned depth) const;
  std::vector<std::uint64_t> constants_of(std::size_t insn, int reg);
  std::size_t definition(std::size_t before, int reg) const;
  bool explain(std::size_t jump, SwitchTable& table);
  bool explain_any(int reg, SwitchTable& table);
  bool find_offsets(std::size_t at, int entry_reg, int label_reg, SwitchOffsets& offsets);
  bool read_tables(const SwitchOffsets& offsets, SwitchTable& table);
  bool read_switch(std::size_t at, SwitchTable& table);
  bool read_addresses(std::size_t load, SwitchTable& table);
  std::size_t index_bound(std::size_t load) const;
  void note_switch_target(std::uint64_t target, bool is_sure, SwitchTable& table);
  [[nodiscard]] std::size_t previous(std::size_t at) const;
  void find_sole_jumps();
  void decode_everything();
  void call(const Insn& insn, FlowState& state);
  void store(FlowState& state, const FlowValue& address, unsigned width, const FlowValue& value);
  bool may_be_vfork(const Insn& insn, const FlowState& state);
  void forget_stack(FlowState& state);
  void store_to(const Insn& insn, FlowState& state, unsigned width, const FlowValue& value);
  FlowValue load(const Insn& insn, const FlowState& state);
  FlowValue compute(const Insn& insn, const FlowValue& a, const FlowValue& b);
  void visit_with_values(const FlowVisitor& visit, const FlowVisitor& then);
  bool join_into(FlowState& into, const FlowState& from, bool widen);
  /// Sets are of no addresses of the stack (AtomSets::may_be_in_set()).
  void give_away(const FlowValue& value) {
    if (value.is(FlowValue::Kind::kStack)) give_away_stack(value.offset);
  }
  void give_away_stack(std::int32_t offset);
  void note_pointee_store(const Insn& insn, const FlowState& state, unsigned width);
  void note_pointee_store(PointeeStore made, bool anywhere);
  [[nodiscard]] bool is_pointee_changed(const FlowValue& base, std::int64_t disp,
                                        unsigned width) const;
  void forget_given(FlowState& state);
  void give_away_element(const Insn& insn, const FlowState& state);
  [[nodiscard]] bool ends_flow(const Insn& insn) const;
  [[nodiscard]] std::optional<std::uint64_t> taken_address(const Insn& insn) const;
  [[nodiscard]] bool jumps_by_table(const Block& block) const;
  [[nodiscard]] std::span<const std::uint32_t> after(const Block& block) const {
    return std::span(next_).subspan(block.next, block.nexts);
  }
  [[nodiscard]] std::uint32_t insn_at(std::uint64_t vaddr) const;
  /// 1 + the block that begins at `vaddr`, a place in the function; 0: none does.
  [[nodiscard]] std::uint32_t block_at(std::uint64_t vaddr) const {
    const std::uint32_t number = index_[vaddr - start_];
    return number == 0 ? 0 : block_of_[number - 1];
  }

  const FlowContext& context_;
  const Decoder& decoder_;
  const Machine& machine_;
  AtomSets sets_;
  bool go_ = false;
  bool values_ = false;
  bool compiled_ = false;
  std::uint64_t compiled_end_ = 0;
  std::uint64_t start_ = 0;
  std::uint64_t end_ = 0;               ///< of what is followed
  std::uint64_t real_end_ = 0;          ///< of the function's bytes
  std::span<const std::uint8_t> code_;  ///< of the function
  std::vector<Insn> insns_;
  std::vector<std::uint32_t> unknown_insns_;  ///< which of them are none
  std::uint64_t unknown_at_ = 0;
  std::vector<std::uint8_t> ends_;    ///< by instruction: ends_flow() of it
  std::vector<std::uint32_t> index_;  ///< by byte of the function: 1 + its instruction, 0: none
  std::vector<std::uint8_t> leader_;  ///< by byte of the function
  std::vector<std::uint32_t> order_;  ///< instructions by block
  std::vector<std::uint32_t>
      block_of_;  ///< by instruction: 1 + the block that begins with it, or 0
  std::vector<Block> blocks_;
  std::vector<std::uint32_t> next_;  ///< blocks that follow one
  std::vector<FlowState> in_;        ///< by block; only where values are followed
  FlowState state_;                  ///< that of the block that is walked
  const FlowState unknown_;
  std::vector<std::uint64_t> todo_;
  std::vector<std::uint64_t> table_targets_;
  std::vector<std::uint64_t> outside_;
  std::vector<std::uint64_t> begins_;  ///< of instructions of another function, from its start on
  std::vector<std::uint64_t> alone_;
  std::unordered_set<std::uint64_t> tables_read_;
  std::unordered_set<std::uint64_t> switch_loads_;
  std::unordered_set<std::uint64_t> switch_jumps_;
  /// How much of a table is read: `most` entries, or more where some jump by it has no bound.
  struct TableReading {
    std::size_t most = 0;
    bool exact = true;
    bool whole = false;  ///< it was read to its end, which is told
  };
  std::map<std::uint64_t, TableReading> own_tables_;       ///< as the jumps of this round ask
  std::map<std::uint64_t, TableReading> own_tables_read_;  ///< as was done
  std::set<std::tuple<std::uint64_t, std::uint64_t, unsigned>> offsets_read_;
  // Where Machine::composes_addresses:
  std::vector<SwitchTable> switches_;
  std::unordered_map<std::uint64_t, std::size_t> sole_jumps_;
  std::size_t sole_pages_[kMaxRegisters] = {};
  std::vector<std::uint64_t> all_constants_;  ///< that the function puts together
  bool has_all_constants_ = false;
  std::vector<std::pair<SwitchOffsets, std::vector<std::uint64_t>>>
      read_before_;  ///< in this round
  /// What explain_any() said in this round, and where such jumps go.
  std::map<int, std::pair<bool, std::vector<std::uint64_t>>> explained_;
  std::unordered_set<std::uint64_t> labels_of_tables_;  ///< places from which targets are counted
  bool unexplained_ = false;                            ///< it jumps who knows where
  bool too_large_ = false;
  /// Values are followed, but nothing is known at any block.
  bool unknown_everywhere_ = false;
  bool entered_ = false;            ///< some block is entered from outside
  FlowValue hints_[kMaxRegisters];  ///< addresses that may be there where it is entered
  std::set<std::uint64_t> lost_;
  std::set<std::uint64_t> merged_;
  // scan/flow_uses.cc:
  std::vector<std::uint64_t> put_codes_;
  std::vector<std::uint32_t> put_;  ///< by instruction: which of them, by bit
  std::uint32_t escaped_ = ~0u;     ///< likewise: those of which more is done than to call them
  std::map<std::uint64_t, std::uint32_t> held_calls_;  ///< by address: which may be called there
  std::uint32_t called_ = 0, compared_ = 0, kept_over_calls_ = 0;
  bool returns_ = false;
  std::size_t table_reads_ = 0;
  std::int32_t given_away_ = 0;  ///< lowest stack offset whose address somebody else may hold
  bool given_away_changed_ = false;
  std::uint64_t given_at_ = 0;    ///< by which instruction; 0: by none
  bool given_elsewhere_ = false;  ///< by more than one, or where paths meet
  std::uint64_t at_ = 0;          ///< the instruction that is followed; 0: none
  std::vector<PointeeStore> pointee_stores_;
  bool pointee_stores_changed_ = false;
  /// The highest offset of which it was said in this round that nobody else has its address.
  std::int32_t kept_ = INT32_MIN;
};

}  // namespace sysnare
