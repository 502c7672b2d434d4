#include "scan/pointer_facts.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <set>

#include "scan/findings.h"

namespace sysnare {
namespace {

using Kind = FlowValue::Kind;

/// arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h, Linux 6.18. It
/// writes to no more than the word itself (futex(2): FUTEX_LOCK_PI, FUTEX_WAKE_OP).
constexpr std::uint64_t kFutex = 202;
constexpr std::uint64_t kArm64Futex = 98;
constexpr std::int64_t kFutexBytes = 4;
/// rax (x86-64 psABI 1.0, 3.2.3), x0 (AAPCS64 2022Q3, 6.9). The second register of a result is more
/// often an argument that is still there: of aarch64's atomic functions for one.
constexpr unsigned kResult = 0;

class Watcher {
 public:
  Watcher(const ObjectMap& map, FunctionFlow& flow, const FunctionRange& function, bool go)
      : map_(map), machine_(map.machine()), flow_(flow), function_(function), go_(go) {}

  void operator()(const Insn& insn, const FlowState& state) {
    if (insn.op == InsnOp::kLoad) {
      const FlowValue from = flow_.address_of(insn, state);
      if (from.is(Kind::kAddress)) cells_.insert(from.number);
    }
    switch (insn.op) {
      case InsnOp::kStore:
        note_store(insn, state);
        break;
      case InsnOp::kCall:
        hand_over(state, map_.callee(insn.target), insn.target, false);
        break;
      case InsnOp::kJump:
      case InsnOp::kBranch:
        if (insn.target >= function_.start && insn.target < function_.end) break;
        hand_over(state, map_.callee(insn.target), insn.target, true);
        break;
      case InsnOp::kCallIndirect:
      case InsnOp::kJumpIndirect:
        note_indirect(insn, state);
        break;
      case InsnOp::kReturn:
        // The caller has it anyway, but no track of it.
        lose(state.regs[kResult]);
        break;
      case InsnOp::kSyscall:
      case InsnOp::kSyscallI386:
        note_syscall(insn, state);
        break;
      case InsnOp::kAddress:
        if (flow_.address_of(insn, state).unknown()) lose_of(state, {insn.base, insn.index});
        break;
      case InsnOp::kAdd:
      case InsnOp::kSub:
        if (!insn.has_imm && !is_cleared(insn)) lose_of(state, {insn.left, insn.src});
        break;
      case InsnOp::kXor:
        if (!is_cleared(insn)) lose_of(state, {insn.left, insn.src});
        break;
      case InsnOp::kAnd:
      case InsnOp::kOr:
      case InsnOp::kShiftLeft:
      case InsnOp::kInsert:
      case InsnOp::kChoose:
        lose_of(state, {insn.left, insn.src});
        break;
      case InsnOp::kPush:
        break;  // on the own stack
      default:
        break;
    }
    if (insn.op == InsnOp::kOther) lose_changed(insn, state);
    if (reads_anywhere(insn, state)) lose_words(state);
    for (unsigned reg = 0; insn.reads != 0 && reg < machine_.registers; ++reg) {
      // By its base it writes to memory, which is noted as such.
      const bool base = insn.has_memory && static_cast<int>(reg) == insn.base;
      if (!base && ((insn.reads >> reg) & 1)) lose(state.regs[reg]);
    }
    if (insn.has_memory && insn.stores) note_cell_write(insn, state);
  }

  /// `unknown`: there are places where nothing is known of any register.
  std::vector<PointerFact> take(bool unknown) {
    for (std::uint8_t reg = 0; unknown && reg < machine_.registers; ++reg) {
      write({false, reg}, kFirstByte, kLastByte);
    }
    for (const std::uint64_t cell : cells_) {
      if (unknown) write({true, cell}, kFirstByte, kLastByte);
    }
    for (const FunctionFlow::PointeeStore& made : flow_.pointee_stores()) {
      write({false, made.reg}, made.begin, made.end);
    }
    std::sort(facts_.begin(), facts_.end());
    facts_.erase(std::unique(facts_.begin(), facts_.end()), facts_.end());
    return std::move(facts_);
  }

 private:
  /// What `value` is a pointer behind of, and how far; nothing for anything else.
  static std::optional<PointerSource> source_of(const FlowValue& value) {
    if (value.width < 8) return std::nullopt;
    if (value.is(Kind::kPassed)) return PointerSource{false, value.reg};
    if (value.is(Kind::kCell)) return PointerSource{true, value.number};
    return std::nullopt;
  }

  void write(const PointerSource& source, std::int64_t begin, std::int64_t end) {
    PointerFact fact;
    fact.source = source;
    fact.begin = begin;
    fact.end = end;
    facts_.push_back(fact);
  }

  /// Nobody keeps track of it from here on.
  void lose(const FlowValue& value) {
    if (const auto source = source_of(value)) write(*source, kFirstByte, kLastByte);
  }

  /// Whether a register is made 0 by itself: nothing is left of what it held.
  static bool is_cleared(const Insn& insn) {
    constexpr unsigned kWhole = 4;  // the upper half is cleared too
    return (insn.op == InsnOp::kXor || insn.op == InsnOp::kSub) && insn.src != kNoRegister &&
           insn.src == insn.left && insn.width >= kWhole;
  }

  /// What it makes of a register's own value is not followed (xchg, a part of it alone). Where all
  /// instructions have one size, `reads` says it.
  void lose_changed(const Insn& insn, const FlowState& state) {
    if (machine_.instruction_bytes != 1) return;
    std::uint32_t changed = 0;
    for (unsigned reg = 0; insn.writes != 0 && reg < machine_.registers; ++reg) {
      if (((insn.writes >> reg) & 1) && source_of(state.regs[reg])) changed |= 1u << reg;
    }
    if (changed != 0) changed &= map_.decoder().reads(insn, map_.code(insn.vaddr));
    for (unsigned reg = 0; changed != 0 && reg < machine_.registers; ++reg) {
      if ((changed >> reg) & 1) lose(state.regs[reg]);
    }
  }

  void lose_of(const FlowState& state, std::initializer_list<int> registers) {
    for (const int reg : registers) {
      if (reg >= 0) lose(state.regs[reg]);
    }
  }

  /// Whether the instruction comes to words of the own stack that are not told: by an index, or
  /// through an address that somebody may have. A word that cannot be kept is lost too.
  [[nodiscard]] bool reads_anywhere(const Insn& insn, const FlowState& state) const {
    constexpr std::size_t kMost = 64;  // fewer than the flow of values keeps
    if (state.stack.size() >= kMost) return true;
    if (!insn.has_memory) return false;
    const auto on_stack = [&](int reg) {
      return reg != kNoRegister && state.regs[reg].is(Kind::kStack);
    };
    return insn.index != kNoRegister && (on_stack(insn.base) || on_stack(insn.index));
  }

  void lose_words(const FlowState& state) {
    for (const StackWord& word : state.stack) lose(word.value);
  }

  void note_cell_write(const Insn& insn, const FlowState& state) {
    for (const int reg : {int{insn.base}, int{insn.index}}) {
      if (reg == kNoRegister || !state.regs[reg].is(Kind::kCell)) continue;
      const FlowValue& base = state.regs[reg];
      const bool anywhere = insn.index != kNoRegister || insn.scattered ||
                            (insn.writes & machine_.string_destination) != 0;
      const std::int64_t begin = base.offset + insn.disp;
      const unsigned both = insn.second == kNoRegister ? 1 : 2;
      const std::int64_t width =
          std::max<std::int64_t>({int{insn.memory_width}, insn.width * both, 1});
      write({true, base.number}, anywhere ? kFirstByte : begin,
            anywhere ? kLastByte : begin + width);
    }
  }

  void note_store(const Insn& insn, const FlowState& state) {
    const FlowValue address = flow_.address_of(insn, state);
    for (const int reg : {int{insn.src}, int{insn.second}}) {
      if (reg < 0) continue;
      const std::optional<PointerSource> source = source_of(state.regs[reg]);
      // Who gets words of the stack is seen where they are given away.
      if (!source || address.is(Kind::kStack)) continue;
      if (address.is(Kind::kAddress) && state.regs[reg].offset == 0) {
        PointerFact fact;
        fact.kind = PointerFact::Kind::kKept;
        fact.source = *source;
        fact.cell = address.number + (reg == insn.second ? insn.width : 0);
        facts_.push_back(fact);
      } else {
        lose(state.regs[reg]);
      }
    }
  }

  void hand(const FlowValue& value, unsigned reg, std::uint32_t callee) {
    const std::optional<PointerSource> source = source_of(value);
    if (!source) return;
    if (callee == kNone) return lose(value);
    PointerFact fact;
    fact.kind = PointerFact::Kind::kHanded;
    fact.source = *source;
    fact.begin = value.offset;
    fact.reg = static_cast<std::uint8_t>(reg);
    fact.callee = callee;
    facts_.push_back(fact);
  }

  /// Control goes to `vaddr` in `target`. A jump keeps all registers: cold parts have them.
  void hand_over(const FlowState& state, const std::optional<Target>& target, std::uint64_t vaddr,
                 bool jumps) {
    // Another object may have a function of the same name, which counts then.
    const bool own = target && target->kind == Target::Kind::kFunction &&
                     map_.table().functions[target->index].start == vaddr;
    const std::uint32_t callee = own ? target->index : kNone;
    for (unsigned reg = 0; reg < machine_.registers; ++reg) {
      const bool passes = std::find(machine_.passing.begin(), machine_.passing.end(), reg) !=
                          machine_.passing.end();
      if (passes || jumps || go_) hand(state.regs[reg], reg, callee);
    }
    for (const StackWord& word : state.stack) {
      // As an argument, behind an address that was given away, or to a part of this function.
      const FlowValue& stack = state.regs[machine_.stack_pointer];
      const bool argument = !stack.is(Kind::kStack) || word.offset >= machine_.pushed ||
                            word.offset < stack.offset + 8 * kStackArguments;
      if (argument || jumps || flow_.is_given_away(word.offset)) lose(word.value);
    }
  }

  void note_indirect(const Insn& insn, const FlowState& state) {
    const bool jumps = insn.op == InsnOp::kJumpIndirect;
    FlowValue callee = FlowValue::any();
    if (insn.src != kNoRegister) {
      callee = state.regs[insn.src];
    } else if (insn.has_memory && insn.absolute) {
      callee = map_.load(static_cast<std::uint64_t>(insn.disp), 8);
    }
    if (callee.is(Kind::kAddress)) {
      hand_over(state, map_.callee(callee.number), callee.number, jumps);
    } else if (callee.is(Kind::kImport)) {
      Target target;
      target.kind = Target::Kind::kImport;
      target.index = static_cast<std::uint32_t>(callee.number);
      hand_over(state, target, 0, jumps);
    } else {
      hand_over(state, std::nullopt, 0, jumps);
    }
  }

  /// Whether the register is none of the first three arguments, and holds the pointer by which the
  /// number itself was read: glibc's setxid leaves it there (nptl/nptl_setxid.c, 2.36).
  [[nodiscard]] bool is_left_over(const FlowState& state, unsigned reg) const {
    constexpr std::size_t kCertain = 3;
    const auto first = machine_.syscall_args.begin();
    if (std::find(first, first + kCertain, reg) != first + kCertain) return false;
    const FlowValue& nr = state.regs[machine_.syscall_nr];
    const FlowValue& value = state.regs[reg];
    return (nr.is(Kind::kPointee) && value.is(Kind::kPassed) && nr.reg == value.reg) ||
           (nr.is(Kind::kCellPointee) && value.is(Kind::kCell) && nr.number == value.number);
  }

  void note_syscall(const Insn& insn, const FlowState& state) {
    const FlowValue& nr = state.regs[machine_.syscall_nr];
    // The kernel follows pointers in what it is shown: readv(2).
    const bool shows_stack =
        std::any_of(machine_.syscall_args.begin(), machine_.syscall_args.end(),
                    [&](std::uint8_t reg) { return state.regs[reg].is(Kind::kStack); });
    if (shows_stack) lose_words(state);
    const std::uint64_t futex = machine_.abi == Abi::kAarch64 ? kArm64Futex : kFutex;
    const bool is_futex =
        insn.op == InsnOp::kSyscall && nr.is(Kind::kConstant) && nr.number == futex;
    for (unsigned reg = 0; reg < machine_.registers; ++reg) {
      const bool passes = insn.op != InsnOp::kSyscall ||
                          std::find(machine_.syscall_args.begin(), machine_.syscall_args.end(),
                                    reg) != machine_.syscall_args.end();
      const std::optional<PointerSource> source = source_of(state.regs[reg]);
      if (!passes || !source || is_left_over(state, reg)) continue;
      const std::int64_t begin = state.regs[reg].offset;
      // The kernel writes forwards.
      write(*source, begin, is_futex ? begin + kFutexBytes : kLastByte);
    }
  }

  static constexpr std::int32_t kStackArguments = 8;

  const ObjectMap& map_;
  const Machine& machine_;
  FunctionFlow& flow_;
  const FunctionRange& function_;
  bool go_;
  std::set<std::uint64_t> cells_;  ///< words of static data that it reads
  std::vector<PointerFact> facts_;
};

/// Where it is entered elsewhere than at its beginning, nothing is known either.
bool is_unknown_somewhere(const FunctionFlow& flow, std::span<const std::uint64_t> entries) {
  return !entries.empty() || flow.knows_nothing() || flow.gave_up() || flow.too_large();
}

}  // namespace

std::vector<PointerFact> pointer_facts_of(const ObjectMap& map, FunctionFlow& flow,
                                          const FunctionRange& function,
                                          std::span<const std::uint64_t> entries, bool go) {
  Watcher watcher(map, flow, function, go);
  FunctionFlow::Request request;
  request.start = function.start;
  request.end = function.end;
  request.entries = entries;
  request.go = go;
  request.compiled = function.framed;
  request.compiled_end = function.covered_end;
  request.uses = false;
  flow.run(request, [&](const Insn& insn, const FlowState& state) { watcher(insn, state); });
  return watcher.take(is_unknown_somewhere(flow, entries));
}

std::optional<std::vector<PointerFact>> pointer_facts_again(const ObjectMap& map,
                                                            FunctionFlow& flow,
                                                            const FunctionRange& function,
                                                            std::span<const std::uint64_t> entries,
                                                            bool go) {
  Watcher watcher(map, flow, function, go);
  const auto visit = [&](const Insn& insn, const FlowState& state) { watcher(insn, state); };
  if (!flow.visit_again(visit)) return std::nullopt;
  return watcher.take(is_unknown_somewhere(flow, entries));
}

}  // namespace sysnare
