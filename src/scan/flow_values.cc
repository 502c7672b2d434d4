// What one instruction does to values.

#include <algorithm>
#include <optional>

#include "scan/flow.h"

namespace sysnare {
namespace {

using Kind = FlowValue::Kind;

/// Bytes at the stack pointer in which a function of assembly in Go finds its arguments and leaves
/// its results: 14 words at most (src/cmd/compile/abi-internal.md, ABI0).
constexpr std::int32_t kGoResults = 128;
/// Most stores behind passed pointers that are kept apart in one function.
constexpr std::size_t kMaxPointeeStores = 64;
constexpr unsigned kWord = 8;
/// How far from a pointer that was passed an address is kept track of.
constexpr std::int64_t kMaxPointeeOffset = 1 << 20;
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
    case Kind::kCell:
      if (atom.offset != 0) return FlowValue::any();
      [[fallthrough]];
    case Kind::kPassedStack:
    case Kind::kPointee:
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
      atom.is_page = 0;
      return atom;
    case Kind::kNear:
      if (atom.number != 0) atom.number += number;
      return atom;
    case Kind::kStack:
      atom.offset = static_cast<std::int32_t>(atom.offset + static_cast<std::int64_t>(number));
      return atom;
    case Kind::kPassed:
    case Kind::kCell: {
      const auto by = static_cast<std::int64_t>(number);
      if (by == 0) return atom;
      if (atom.width < kWord || by > kMaxPointeeOffset || by < -kMaxPointeeOffset)
        return FlowValue::any();
      const std::int64_t offset = atom.offset + by;
      if (offset > kMaxPointeeOffset || offset < -kMaxPointeeOffset) return FlowValue::any();
      atom.offset = static_cast<std::int32_t>(offset);
      return atom;
    }
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

void FunctionFlow::give_away_stack(std::int32_t offset) {
  if (offset < machine_.pushed && (given_at_ != at_ || at_ == 0)) {
    given_elsewhere_ |= given_at_ != 0 || at_ == 0;
    given_at_ = at_;
  }
  // Who is given a member's address goes back to the beginning of the struct (container_of()),
  // and nothing tells how far that is. What the caller passed is no part of what lies below it.
  const std::int32_t lowest = go_                         ? offset
                              : offset >= machine_.pushed ? machine_.pushed
                                                          : INT32_MIN;
  if (lowest >= given_away_) return;
  given_away_ = lowest;
  given_away_changed_ = true;
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
  if (insn.scattered) return FlowValue::any();
  FlowValue sum = insn.base == kNoRegister ? FlowValue::constant(0) : state.regs[insn.base];
  sum = sets_.map(sum, [&](const FlowValue& atom) {
    return plus(atom, static_cast<std::uint64_t>(insn.disp));
  });
  if (insn.index == kNoRegister) return sum;
  const std::optional<std::uint64_t> index = single_constant(state.regs[insn.index]);
  if (!index || (insn.narrow_index && *index > INT32_MAX)) {
    return machine_.composes_addresses ? sets_.near_of(sum) : FlowValue::any();
  }
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

void FunctionFlow::note_pointee_store(const Insn& insn, const FlowState& state, unsigned width) {
  for (const int reg : {int{insn.base}, int{insn.index}}) {
    if (reg == kNoRegister || !state.regs[reg].is(Kind::kPassed)) continue;
    const FlowValue& base = state.regs[reg];
    const std::int64_t begin = base.offset + insn.disp;
    note_pointee_store({base.reg, begin, begin + std::max<std::int64_t>(width, 1)},
                       // An element by an index, or as many as a register says.
                       insn.index != kNoRegister || insn.scattered ||
                           (insn.writes & machine_.string_destination) != 0);
  }
}

void FunctionFlow::note_pointee_store(PointeeStore made, bool anywhere) {
  if (anywhere || pointee_stores_.size() >= kMaxPointeeStores) {
    made.begin = INT64_MIN;
    made.end = INT64_MAX;
  }
  if (std::find(pointee_stores_.begin(), pointee_stores_.end(), made) != pointee_stores_.end())
    return;
  pointee_stores_.push_back(made);
  pointee_stores_changed_ = true;
}

bool FunctionFlow::is_pointee_changed(const FlowValue& base, std::int64_t disp,
                                      unsigned width) const {
  return std::any_of(pointee_stores_.begin(), pointee_stores_.end(), [&](const PointeeStore& made) {
    return made.reg == base.reg && made.begin < disp + static_cast<std::int64_t>(width) &&
           made.end > disp;
  });
}

FlowValue FunctionFlow::load(const Insn& insn, const FlowState& state) {
  const unsigned width = insn.width;
  // The pointee of something passed, with its displacement: before the sum loses what it was.
  const bool plain = insn.base != kNoRegister && insn.index == kNoRegister && !insn.scattered;
  if (plain) {
    const FlowValue& base = state.regs[insn.base];
    const std::int64_t offset = base.offset + insn.disp;
    if (base.is(Kind::kPassed) && is_pointee_changed(base, offset, width)) {
      return FlowValue::any();
    }
    if (base.is(Kind::kPassed) && base.width == kWord && width >= 4) {
      FlowValue value = base;
      value.kind = Kind::kPointee;
      value.width = static_cast<std::uint8_t>(width);
      value.offset = static_cast<std::int32_t>(offset);
      return value;
    }
    if (base.is(Kind::kCell) && width >= 4) {
      FlowValue value = base;
      value.kind = Kind::kCellPointee;
      value.width = static_cast<std::uint8_t>(width);
      value.offset = static_cast<std::int32_t>(offset);
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
    const std::int32_t end = address.offset + static_cast<std::int32_t>(width);
    for (const StackWord& word : state.stack) {
      const std::int32_t word_end = word.offset + word.width;
      const bool touched = word.offset < end && word_end > address.offset;
      const bool rest = word.offset < address.offset || word_end > end;
      if (touched && rest && word_end > machine_.pushed) give_away(FlowValue::stack(word.offset));
    }
    forget(state, address.offset, static_cast<std::int32_t>(width));
    // Above the return address, not to know a word is not the same as never having written it.
    const bool above = address.offset + static_cast<std::int32_t>(width) > machine_.pushed;
    if (state.stack.size() >= kMaxStackWords || width > kWord) {
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
  if (machine_.abi != Abi::kX86_64) return false;
  const std::uint64_t vfork = insn.op == InsnOp::kSyscallI386 ? kVforkI386 : kVfork;
  const std::span<const FlowValue> atoms = sets_.atoms(state.regs[machine_.syscall_nr]);
  return std::any_of(atoms.begin(), atoms.end(), [&](const FlowValue& atom) {
    return atom.is(Kind::kConstant) && atom.number == vfork;
  });
}

/// What is on the stack now is not what will be there when it is come back to.
void FunctionFlow::forget_stack(FlowState& state) {
  state.stack.clear();
  given_elsewhere_ = true;
  if (given_away_ == INT32_MIN) return;
  given_away_ = INT32_MIN;
  given_away_changed_ = true;
}

/// A store to the memory operand.
void FunctionFlow::store_to(const Insn& insn, FlowState& state, unsigned width,
                            const FlowValue& value) {
  note_pointee_store(insn, state, width);
  const FlowValue address = address_of(insn, state);
  if (address.unknown()) give_away_element(insn, state);
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
    if (!machine_.composes_addresses || insn.op != InsnOp::kAdd) return FlowValue::any();
    const FlowValue near = sets_.near_of(a);
    return near.is(Kind::kNear) ? near : sets_.near_of(b);
  }
  // A loop that counts would walk through all sets of its numbers.
  if (a.is(Kind::kSet)) return machine_.composes_addresses ? sets_.near_of(a) : FlowValue::any();
  if (insn.op == InsnOp::kAnd && *number == 0) return FlowValue::constant(0);
  if (insn.op == InsnOp::kOr && *number == ~0ull) return FlowValue::constant(~0ull);
  return sets_.map(a, [&](FlowValue atom) {
    switch (insn.op) {
      case InsnOp::kAdd:
        // A pointer that walks along an array keeps near to where it began.
        if (atom.is(Kind::kNear) && insn.dst == insn.left) return atom;
        return plus(atom, *number);
      case InsnOp::kSub:
        if (atom.is(Kind::kNear) && insn.dst == insn.left) return atom;
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
    if (!atom.is(Kind::kConstant)) {
      give_away(atom);
      return FlowValue::any();
    }
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
      case InsnOp::kInsert:
        atom.number &= ~(cut(~0ull, insn.memory_width) << insn.scale);
        atom.number |= *number;
        return atom;
      default:
        return FlowValue::any();
    }
  });
}

void FunctionFlow::call(const Insn& insn, FlowState& state) {
  if (insn.returns_twice) forget_stack(state);
  each_register(machine_.caller_saved, [&](unsigned reg) { give_away(state.regs[reg]); });
  const std::uint32_t lost =
      go_ ? machine_.all_registers() & ~(1u << machine_.stack_pointer) : machine_.caller_saved;
  each_register(lost, [&](unsigned reg) { state.regs[reg] = FlowValue::any(); });
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
  at_ = insn.vaddr;
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
  const auto left = [&]() {
    return insn.left == kNoRegister ? FlowValue::constant(0) : state.regs[insn.left];
  };
  switch (insn.op) {
    case InsnOp::kMove:
      assign(insn.dst, source(), insn.width, insn.sign_extends);
      break;
    case InsnOp::kPage:
      state.regs[insn.dst] = FlowValue::address(static_cast<std::uint64_t>(insn.imm));
      state.regs[insn.dst].is_page = 1;
      break;
    case InsnOp::kAddress: {
      const FlowValue address = address_of(insn, state);
      if (address.unknown()) give_away_element(insn, state);
      assign(insn.dst, address, insn.width, false);
      break;
    }
    case InsnOp::kLoad: {
      const FlowValue value = load(insn, state);
      if (insn.second != kNoRegister) {
        Insn next = insn;
        next.disp += insn.width;
        state.regs[insn.second] = load(next, state);
      }
      state.regs[insn.dst] = value;
      break;
    }
    case InsnOp::kStore: {
      store_to(insn, state, insn.width, source());
      if (insn.second == kNoRegister) break;
      Insn next = insn;
      next.disp += insn.width;
      store_to(next, state, insn.width,
               insn.second == kZeroRegister ? FlowValue::constant(0) : state.regs[insn.second]);
      break;
    }
    case InsnOp::kAdd:
    case InsnOp::kSub:
    case InsnOp::kAnd:
    case InsnOp::kOr:
    case InsnOp::kXor:
    case InsnOp::kShiftLeft:
    case InsnOp::kInsert:
      assign(insn.dst, compute(insn, left(), source()), insn.width, false);
      break;
    case InsnOp::kChoose: {
      FlowValue other = insn.has_memory ? FlowValue::any() : source();
      if (insn.has_imm && insn.src != kNoRegister) {
        other = sets_.map(state.regs[insn.src], [&](const FlowValue& atom) {
          return plus(atom, static_cast<std::uint64_t>(insn.imm));
        });
      }
      const FlowValue first = left();
      const FlowValue sum = sets_.join(first, other);
      if (sum.unknown()) {
        // Of two addresses of the stack none is kept track of.
        give_away(first);
        give_away(other);
      }
      assign(insn.dst, sum, insn.width, false);
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
      each_register(machine_.syscall_writes,
                    [&](unsigned reg) { state.regs[reg] = FlowValue::any(); });
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
      write_registers(insn, state);
      break;
    }
    case InsnOp::kCompare:
    case InsnOp::kJump:
    case InsnOp::kJumpIndirect:
    case InsnOp::kReturn:
    case InsnOp::kStop:
      break;
  }
  if (insn.advance == 0 || insn.base == kNoRegister) return;
  FlowValue& base = state.regs[insn.base];
  base = sets_.map(base, [&](const FlowValue& atom) {
    if (atom.is(Kind::kNear)) return atom;  // it walks along
    return plus(atom, static_cast<std::uint64_t>(std::int64_t{insn.advance}));
  });
}

/// What is computed in a way that is not followed.
void FunctionFlow::write_registers(const Insn& insn, FlowState& state) {
  const std::uint32_t all = machine_.all_registers();
  each_register(insn.reads & all, [&](unsigned reg) { give_away(state.regs[reg]); });
  each_register(insn.writes & all, [&](unsigned reg) {
    give_away(state.regs[reg]);
    state.regs[reg] = FlowValue::any();
  });
}

}  // namespace sysnare
