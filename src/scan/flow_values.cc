// Values, forward over the blocks, until nothing changes.

#include <algorithm>
#include <optional>

#include "scan/flow.h"

namespace sysnare {
namespace {

using Kind = FlowValue::Kind;

/// Words of the stack that are followed at once.
constexpr std::size_t kMaxWords = 96;
/// Visits of one block after which what still changes is given up.
constexpr unsigned kMaxVisits = 8;
/// Bytes at the stack pointer in which a function of assembly in Go finds its arguments and leaves
/// its results: 14 words at most (src/cmd/compile/abi-internal.md, ABI0).
constexpr std::int32_t kGoResults = 128;
/// Rounds after which every word of the stack counts as somebody else's too.
constexpr unsigned kMaxRounds = 3;
/// States that are kept from one function to the next, for their memory: 2 MB.
constexpr std::size_t kKeptStates = 4096;
constexpr unsigned kWord = 8;
/// arch/x86/entry/syscalls/syscall_64.tbl and syscall_32.tbl, Linux 6.18; aarch64 has none.
constexpr std::uint64_t kVfork = 58;
constexpr std::uint64_t kVforkI386 = 190;

std::uint64_t cut(std::uint64_t number, unsigned width) {
  return width >= kWord ? number : number & ((1ull << (width * 8)) - 1);
}

std::uint64_t extend(std::uint64_t number, unsigned width) {
  if (width >= kWord) return number;
  const unsigned shift = (kWord - width) * 8;
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(number << shift) >> shift);
}

/// An atom as `width` bytes of it fill a register.
FlowValue narrow(FlowValue atom, unsigned width, bool sign_extends) {
  if (width >= kWord) return atom;
  switch (atom.kind) {
    case Kind::kConstant:
      atom.number = sign_extends ? extend(cut(atom.number, width), width) : cut(atom.number, width);
      return atom;
    case Kind::kPassed:
    case Kind::kPassedStack:
    case Kind::kPointee:
    case Kind::kCell:
    case Kind::kCellPointee:
      if (width < 4) return FlowValue::any();
      atom.width = std::min<std::uint8_t>(atom.width, static_cast<std::uint8_t>(width));
      return atom;
    case Kind::kAddress:  // non-PIE code moves addresses in 32 bits
      return width == 4 ? atom : FlowValue::any();
    default:
      return FlowValue::any();
  }
}

FlowValue plus(FlowValue atom, std::uint64_t number) {
  switch (atom.kind) {
    case Kind::kConstant:
    case Kind::kAddress:
      atom.number += number;
      return atom;
    case Kind::kStack:
      atom.offset = static_cast<std::int32_t>(atom.offset + static_cast<std::int64_t>(number));
      return atom;
    default:
      return number == 0 ? atom : FlowValue::any();
  }
}

std::optional<std::uint64_t> single_constant(const FlowValue& value) {
  if (!value.is(Kind::kConstant)) return std::nullopt;
  return value.number;
}

/// Forgets the words that [offset, offset + width) touches.
void forget(FlowState& state, std::int32_t offset, std::int32_t width) {
  std::erase_if(state.stack, [&](const StackWord& word) {
    return word.offset < offset + width && word.offset + word.width > offset;
  });
}

/// Precondition: no word that it touches is known.
void put(FlowState& state, const StackWord& word) {
  const auto at =
      std::lower_bound(state.stack.begin(), state.stack.end(), word.offset,
                       [](const StackWord& each, std::int32_t of) { return each.offset < of; });
  state.stack.insert(at, word);
}

}  // namespace

FlowState nothing_known() {
  FlowState state;
  for (FlowValue& reg : state.regs) reg = FlowValue::any();
  return state;
}

FlowValue FunctionFlow::stack_word(const FlowState& state, std::int32_t offset, unsigned width) {
  const auto at =
      std::lower_bound(state.stack.begin(), state.stack.end(), offset,
                       [](const StackWord& word, std::int32_t of) { return word.offset < of; });
  if (at == state.stack.end() || at->offset != offset) return FlowValue::any();
  return static_cast<unsigned>(at->width) < width ? FlowValue::any() : at->value;
}

void FunctionFlow::give_away(const FlowValue& value) {
  for (const FlowValue& atom : sets_.atoms(value)) {
    if (!atom.is(Kind::kStack)) continue;
    // Who is given a member's address goes back to the beginning of the struct (container_of()),
    // and nothing tells how far that is. What the caller passed is no part of what lies below it.
    const std::int32_t lowest = go_                              ? atom.offset
                                : atom.offset >= machine_.pushed ? machine_.pushed
                                                                 : INT32_MIN;
    if (lowest >= given_away_) continue;
    given_away_ = lowest;
    given_away_changed_ = true;
  }
}

/// Forgets what somebody else can have changed.
void FunctionFlow::forget_given(FlowState& state) {
  // They are sorted.
  while (!state.stack.empty() && state.stack.back().offset >= given_away_) state.stack.pop_back();
  if (!state.stack.empty()) kept_ = std::max(kept_, state.stack.back().offset);
}

/// An element, by an index that is not known, of an array on the own stack.
void FunctionFlow::give_away_element(const Insn& insn, const FlowState& state) {
  for (int reg : {static_cast<int>(insn.base), static_cast<int>(insn.index)}) {
    if (reg == kNoRegister) continue;
    give_away(sets_.map(state.regs[reg], [&](const FlowValue& atom) {
      return plus(atom, static_cast<std::uint64_t>(insn.disp));
    }));
  }
}

FlowValue FunctionFlow::address_of(const Insn& insn, const FlowState& state) {
  if (insn.absolute) return FlowValue::address(static_cast<std::uint64_t>(insn.disp));
  if (insn.base == kNoRegister && insn.index == kNoRegister) return FlowValue::any();
  FlowValue sum = insn.base == kNoRegister ? FlowValue::constant(0) : state.regs[insn.base];
  sum = sets_.map(sum, [&](const FlowValue& atom) {
    return plus(atom, static_cast<std::uint64_t>(insn.disp));
  });
  if (insn.index == kNoRegister) return sum;
  const std::optional<std::uint64_t> index = single_constant(state.regs[insn.index]);
  if (!index) return FlowValue::any();
  return sets_.map(sum, [&](const FlowValue& atom) { return plus(atom, *index * insn.scale); });
}

FlowValue FunctionFlow::passed_word(const FlowState& state, std::int32_t offset) const {
  const bool written =
      std::any_of(state.stack.begin(), state.stack.end(), [&](const StackWord& word) {
        return word.offset < offset + static_cast<std::int32_t>(kWord) &&
               offset < word.offset + word.width;
      });
  if (offset < machine_.pushed || offset >= given_away_ || written) return FlowValue::any();
  FlowValue passed;
  passed.kind = Kind::kPassedStack;
  passed.offset = offset;
  return passed;
}

FlowValue FunctionFlow::load(const Insn& insn, const FlowState& state) {
  const unsigned width = insn.width;
  // The pointee of something passed, with its displacement: before the sum loses what it was.
  const bool plain = insn.base != kNoRegister && insn.index == kNoRegister;
  if (plain) {
    const FlowValue& base = state.regs[insn.base];
    if (base.is(Kind::kPassed) && base.width == kWord && width >= 4) {
      FlowValue value = base;
      value.kind = Kind::kPointee;
      value.width = static_cast<std::uint8_t>(width);
      value.offset = static_cast<std::int32_t>(insn.disp);
      return value;
    }
    if (base.is(Kind::kCell) && width >= 4) {
      FlowValue value = base;
      value.kind = Kind::kCellPointee;
      value.width = static_cast<std::uint8_t>(width);
      value.offset = static_cast<std::int32_t>(insn.disp);
      return value;
    }
  }
  const FlowValue address = address_of(insn, state);
  return sets_.map(address, [&](const FlowValue& at) {
    if (at.is(Kind::kAddress))
      return narrow(context_.load(at.number, width), width, insn.sign_extends);
    if (!at.is(Kind::kStack) || width < 4) return FlowValue::any();
    const FlowValue word = stack_word(state, at.offset, width);
    if (!word.is(Kind::kAny)) {
      return sets_.map(
          word, [&](const FlowValue& atom) { return narrow(atom, width, insn.sign_extends); });
    }
    if (at.offset < machine_.pushed) return FlowValue::any();
    if (at.offset < given_away_) kept_ = std::max(kept_, at.offset);
    return narrow(passed_word(state, at.offset), width, insn.sign_extends);
  });
}

void FunctionFlow::store(FlowState& state, const FlowValue& address, unsigned width,
                         const FlowValue& value) {
  give_away(value);
  if (address.is(Kind::kStack)) {
    forget(state, address.offset, static_cast<std::int32_t>(width));
    // Above the return address, not to know a word is not the same as never having written it.
    const bool above = address.offset + static_cast<std::int32_t>(width) > machine_.pushed;
    if (state.stack.size() >= kMaxWords || width > kWord) {
      if (above) give_away(FlowValue::stack(machine_.pushed));
      return;
    }
    StackWord word{address.offset, static_cast<std::int32_t>(width), FlowValue::any()};
    if (width == 4 || width == kWord) {
      word.value =
          sets_.map(value, [&](const FlowValue& atom) { return narrow(atom, width, false); });
    }
    if (above || go_ || !word.value.is(Kind::kAny)) put(state, word);
    return;
  }
  if (address.is(Kind::kAddress)) return;
  for (const FlowValue& atom : sets_.atoms(address)) {
    if (atom.is(Kind::kStack)) {
      forget(state, atom.offset, static_cast<std::int32_t>(width));
      if (atom.offset >= machine_.pushed) give_away(atom);
    }
  }
  // Somebody else's pointer may lead to what was given away.
  forget_given(state);
}

/// The child writes to the stack that its parent goes on with.
bool FunctionFlow::may_be_vfork(const Insn& insn, const FlowState& state) {
  const std::uint64_t vfork = insn.op == InsnOp::kSyscallI386 ? kVforkI386 : kVfork;
  const std::span<const FlowValue> atoms = sets_.atoms(state.regs[machine_.syscall_nr]);
  return std::any_of(atoms.begin(), atoms.end(), [&](const FlowValue& atom) {
    return atom.is(Kind::kConstant) && atom.number == vfork;
  });
}

/// What is on the stack now is not what will be there when it is come back to.
void FunctionFlow::forget_stack(FlowState& state) {
  state.stack.clear();
  if (given_away_ == INT32_MIN) return;
  given_away_ = INT32_MIN;
  given_away_changed_ = true;
}

/// A store to the memory operand.
void FunctionFlow::store_to(const Insn& insn, FlowState& state, unsigned width,
                            const FlowValue& value) {
  const FlowValue address = address_of(insn, state);
  if (address.is(Kind::kAny)) give_away_element(insn, state);
  store(state, address, width, value);
}

FlowValue FunctionFlow::compute(const Insn& insn, const FlowValue& a, const FlowValue& b) {
  if (insn.op == InsnOp::kXor && !insn.has_imm && insn.src == insn.left)
    return FlowValue::constant(0);
  if (insn.op == InsnOp::kSub && !insn.has_imm && insn.src == insn.left)
    return FlowValue::constant(0);
  const std::optional<std::uint64_t> number = single_constant(b);
  if (!number) {
    if (insn.op == InsnOp::kAdd && single_constant(a)) {
      return sets_.map(b, [&](const FlowValue& atom) { return plus(atom, *single_constant(a)); });
    }
    give_away(a);
    give_away(b);
    return FlowValue::any();
  }
  // A loop that counts would walk through all sets of its numbers.
  if (a.is(Kind::kSet)) return FlowValue::any();
  if (insn.op == InsnOp::kAnd && *number == 0) return FlowValue::constant(0);
  if (insn.op == InsnOp::kOr && *number == ~0ull) return FlowValue::constant(~0ull);
  return sets_.map(a, [&](FlowValue atom) {
    switch (insn.op) {
      case InsnOp::kAdd:
        return plus(atom, *number);
      case InsnOp::kSub:
        return plus(atom, 0 - *number);
      case InsnOp::kAnd:
        if (atom.is(Kind::kStack)) {
          // Aligned down. Before the call the stack pointer is a multiple of 16 (psABI 3.2.2).
          const auto mask = static_cast<std::int32_t>(*number);
          atom.offset = ((atom.offset - machine_.pushed) & mask) + machine_.pushed;
          return atom;
        }
        break;
      default:
        break;
    }
    if (!atom.is(Kind::kConstant)) return FlowValue::any();
    switch (insn.op) {
      case InsnOp::kAnd:
        atom.number &= *number;
        return atom;
      case InsnOp::kOr:
        atom.number |= *number;
        return atom;
      case InsnOp::kXor:
        atom.number ^= *number;
        return atom;
      case InsnOp::kShiftLeft:
        atom.number <<= *number & 63;
        return atom;
      default:
        return FlowValue::any();
    }
  });
}

void FunctionFlow::call(const Insn& insn, FlowState& state) {
  if (context_.returns_twice(insn)) forget_stack(state);
  for (unsigned reg = 0; reg < machine_.registers; ++reg) {
    if ((machine_.caller_saved >> reg) & 1) give_away(state.regs[reg]);
  }
  const std::uint32_t lost = go_ ? ~(1u << machine_.stack_pointer) : machine_.caller_saved;
  for (unsigned reg = 0; reg < machine_.registers; ++reg) {
    if ((lost >> reg) & 1) state.regs[reg] = FlowValue::any();
  }
  forget_given(state);
  if (!go_) return;
  // Who is passed arguments on the stack leaves its results behind them.
  const FlowValue& rsp = state.regs[machine_.stack_pointer];
  if (!rsp.is(Kind::kStack)) return state.stack.clear();
  const bool on_stack = std::any_of(
      state.stack.begin(), state.stack.end(),
      [&](const StackWord& word) { return word.offset == rsp.offset + machine_.go_arguments; });
  if (!on_stack) return;
  std::erase_if(state.stack, [&](const StackWord& word) {
    return word.offset < rsp.offset + kGoResults && word.offset < 0;
  });
}

void FunctionFlow::step(const Insn& insn, FlowState& state) {
  const auto source = [&]() {
    return insn.has_imm              ? FlowValue::constant(static_cast<std::uint64_t>(insn.imm))
           : insn.src != kNoRegister ? state.regs[insn.src]
                                     : FlowValue::any();
  };
  const auto assign = [&](int reg, const FlowValue& value, unsigned width, bool sign_extends) {
    if (width >= kWord) {
      state.regs[reg] = value;
      return;
    }
    state.regs[reg] =
        sets_.map(value, [&](const FlowValue& atom) { return narrow(atom, width, sign_extends); });
    give_away(value);
  };
  FlowValue& rsp = state.regs[machine_.stack_pointer];
  const auto move_stack = [&](std::int64_t by) {
    rsp = sets_.map(
        rsp, [&](const FlowValue& atom) { return plus(atom, static_cast<std::uint64_t>(by)); });
  };
  switch (insn.op) {
    case InsnOp::kMove:
      assign(insn.dst, source(), insn.width, insn.sign_extends);
      break;
    case InsnOp::kAddress: {
      const FlowValue address = address_of(insn, state);
      if (address.is(Kind::kAny)) give_away_element(insn, state);
      assign(insn.dst, address, insn.width, false);
      break;
    }
    case InsnOp::kLoad:
      state.regs[insn.dst] = load(insn, state);
      break;
    case InsnOp::kStore:
      store_to(insn, state, insn.width, source());
      break;
    case InsnOp::kAdd:
    case InsnOp::kSub:
    case InsnOp::kAnd:
    case InsnOp::kOr:
    case InsnOp::kXor:
    case InsnOp::kShiftLeft:
      assign(insn.dst, compute(insn, state.regs[insn.left], source()), insn.width, false);
      break;
    case InsnOp::kChoose: {
      const FlowValue other = insn.has_memory ? FlowValue::any() : source();
      assign(insn.dst, sets_.join(state.regs[insn.left], other), insn.width, false);
      break;
    }
    case InsnOp::kPush: {
      const FlowValue value = insn.has_memory ? FlowValue::any() : source();
      move_stack(-static_cast<std::int64_t>(insn.width));
      store(state, rsp, insn.width, value);
    } break;
    case InsnOp::kPop: {
      FlowValue value = FlowValue::any();
      if (rsp.is(Kind::kStack) && insn.width == kWord) value = stack_word(state, rsp.offset, kWord);
      move_stack(insn.width);
      if (insn.dst != kNoRegister)
        state.regs[insn.dst] = insn.width == kWord ? value : FlowValue::any();
      // Its address is that of after the pop.
      if (insn.has_memory) store_to(insn, state, insn.width, value);
      break;
    }
    case InsnOp::kLeave:
      rsp = state.regs[machine_.frame_pointer];
      state.regs[machine_.frame_pointer] =
          rsp.is(Kind::kStack) ? stack_word(state, rsp.offset, kWord) : FlowValue::any();
      move_stack(kWord);
      break;
    case InsnOp::kCall:
    case InsnOp::kCallIndirect:
      call(insn, state);
      break;
    case InsnOp::kSyscall:
    case InsnOp::kSyscallI386:
      if (may_be_vfork(insn, state)) forget_stack(state);
      for (unsigned reg = 0; reg < machine_.registers; ++reg) {
        if ((machine_.syscall_writes >> reg) & 1) state.regs[reg] = FlowValue::any();
      }
      forget_given(state);
      break;
    case InsnOp::kOther:
    case InsnOp::kBranch: {
      if (insn.has_memory && insn.stores) {
        const FlowValue address = address_of(insn, state);
        if ((insn.writes & machine_.string_destination) && address.is(Kind::kStack)) {
          give_away(address);
          store(state, FlowValue::any(), insn.memory_width, FlowValue::any());
        } else {
          store_to(insn, state, std::max<unsigned>(insn.memory_width, 1), FlowValue::any());
        }
      }
      for (unsigned reg = 0; reg < machine_.registers; ++reg) {
        if (!((insn.writes >> reg) & 1)) continue;
        give_away(state.regs[reg]);
        state.regs[reg] = FlowValue::any();
      }
      break;
    }
    case InsnOp::kCompare:
    case InsnOp::kJump:
    case InsnOp::kJumpIndirect:
    case InsnOp::kReturn:
    case InsnOp::kStop:
      break;
  }
}

bool FunctionFlow::join_into(FlowState& into, const FlowState& from, bool widen) {
  bool changed = false;
  for (unsigned reg = 0; reg < machine_.registers; ++reg) {
    if (into.regs[reg] == from.regs[reg]) continue;
    FlowValue sum = sets_.join(into.regs[reg], from.regs[reg]);
    if (sum == into.regs[reg]) continue;
    if (widen) sum = FlowValue::any();
    if (sum.is(Kind::kAny)) {
      // An address of the stack of which nobody keeps track any more.
      give_away(into.regs[reg]);
      give_away(from.regs[reg]);
    }
    into.regs[reg] = sum;
    changed = true;
  }
  // Only words that both know.
  std::size_t kept = 0;
  auto other = from.stack.begin();
  for (StackWord& word : into.stack) {
    while (other != from.stack.end() && other->offset < word.offset) ++other;
    if (other == from.stack.end() || other->offset != word.offset || other->width != word.width) {
      changed = true;
      // Above the return address, not to know a word is not the same as never having written it.
      if (word.offset >= machine_.pushed) give_away(FlowValue::stack(word.offset));
      continue;
    }
    FlowValue sum = word.value;
    if (sum != other->value) sum = sets_.join(word.value, other->value);
    if (sum != word.value) {
      if (widen) sum = FlowValue::any();
      if (sum.is(Kind::kAny)) {
        give_away(word.value);
        give_away(other->value);
      }
      changed = true;
    }
    into.stack[kept++] = {word.offset, word.width, sum};
  }
  into.stack.resize(kept);
  for (const StackWord& word : from.stack) {
    if (word.offset < machine_.pushed) continue;
    const bool both = std::any_of(into.stack.begin(), into.stack.end(), [&](const StackWord& mine) {
      return mine.offset == word.offset;
    });
    if (!both) give_away(FlowValue::stack(word.offset));
  }
  return changed;
}

void FunctionFlow::settle() {
  FlowState entry;
  for (unsigned reg = 0; reg < kMaxRegisters; ++reg) {
    entry.regs[reg].kind = Kind::kPassed;
    entry.regs[reg].reg = static_cast<std::uint8_t>(reg);
  }
  entry.regs[machine_.stack_pointer] = FlowValue::stack(0);
  const bool too_large = blocks_.size() > kMaxFlowBlocks;
  for (unsigned round = 0;; ++round) {
    // An address that is given away late was so all the time, as far as an order of calls is known.
    if (round > kMaxRounds) given_away_ = INT32_MIN;
    given_away_changed_ = false;
    kept_ = INT32_MIN;
    std::vector<std::uint8_t> dirty(blocks_.size(), 0);
    if (in_.size() < blocks_.size()) in_.resize(blocks_.size());
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      Block& block = blocks_[i];
      block.reached = false;
      block.visits = 0;
      const bool first = block_of_[0] == i + 1;
      if (!first && !block.from_outside && !too_large) continue;
      in_[i] = first && !block.from_outside && !too_large ? entry : unknown_;
      block.reached = true;
      dirty[i] = 1;
    }
    std::size_t at = 0;
    while (at < blocks_.size()) {
      if (!dirty[at]) {
        ++at;
        continue;
      }
      dirty[at] = 0;
      const Block& block = blocks_[at];
      state_ = in_[at];
      for (std::uint32_t i = 0; i < block.count; ++i) {
        step(insns_[order_[block.first + i]], state_);
      }
      std::size_t lowest = at + 1;
      for (std::uint32_t next : after(block)) {
        Block& to = blocks_[next];
        if (too_large) continue;
        bool changed = false;
        if (!to.reached) {
          to.reached = true;
          in_[next] = state_;
          changed = true;
        } else {
          changed = join_into(in_[next], state_, to.visits > kMaxVisits);
        }
        if (!changed) continue;
        if (to.visits < UINT16_MAX) ++to.visits;
        dirty[next] = 1;
        lowest = std::min<std::size_t>(lowest, next);
      }
      at = lowest;
    }
    if (!given_away_changed_) break;
    // With what is given away now, every answer of this round would be the same.
    if (kept_ < given_away_ && round < kMaxRounds) break;
  }
}

void FunctionFlow::visit_with_values(const FlowVisitor& visit) {
  for (std::size_t number = 0; number < blocks_.size(); ++number) {
    const Block& block = blocks_[number];
    if (!block.reached) continue;
    state_ = in_[number];
    for (std::uint32_t i = 0; i < block.count; ++i) {
      const Insn& insn = insns_[order_[block.first + i]];
      visit(insn, state_);
      step(insn, state_);
    }
    if (block.runs_on) visit(jump_on(insns_[order_[block.first + block.count - 1]]), state_);
  }
  // A huge function's are not kept for all the small ones behind it.
  if (in_.size() > kKeptStates) {
    in_.clear();
    in_.shrink_to_fit();
  }
}

}  // namespace sysnare
