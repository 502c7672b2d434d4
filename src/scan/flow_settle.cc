// Values, forward over the blocks, until nothing changes.

#include <algorithm>

#include "scan/flow.h"

namespace sysnare {
namespace {

using Kind = FlowValue::Kind;

/// Visits of one block after which what still changes is given up.
constexpr unsigned kMaxVisits = 8;
/// Rounds after which every word of the stack counts as somebody else's too.
constexpr unsigned kMaxRounds = 3;
/// States that are kept from one function to the next, for their memory: 2 MB.
constexpr std::size_t kKeptStates = 4096;

/// Whether one of `words` has a byte of `word`.
bool touches(const std::vector<StackWord>& words, const StackWord& word) {
  return std::any_of(words.begin(), words.end(), [&](const StackWord& each) {
    return each.offset < word.offset + word.width && word.offset < each.offset + each.width;
  });
}

}  // namespace

/// An address that can be one of several things from here on counts as taken.
void FunctionFlow::note_merged(const FlowValue& value) {
  for (const FlowValue& atom : sets_.atoms(value)) {
    if (atom.is(Kind::kAddress) && atom.is_page == 0) merged_.insert(atom.number);
  }
}

void FunctionFlow::lose(const FlowValue& value) {
  for (const FlowValue& atom : sets_.atoms(value)) {
    if (atom.is(Kind::kAddress) || atom.is(Kind::kNear)) lost_.insert(atom.number);
  }
}

/// Where the function is entered from outside, a register may still hold an address that it held
/// when control left: at a call, for the unwinder; at a jump through a register. True: more is
/// known of that than before.
bool FunctionFlow::hint(const Insn& insn, const FlowState& state) {
  std::uint32_t kept = 0;
  if (insn.op == InsnOp::kCall || insn.op == InsnOp::kCallIndirect) kept = ~machine_.caller_saved;
  if (insn.op == InsnOp::kJumpIndirect) kept = ~0u;
  bool changed = false;
  for (unsigned reg = 0; kept != 0 && reg < machine_.registers; ++reg) {
    const FlowValue& value = state.regs[reg];
    if (((kept >> reg) & 1) == 0 || value.is(Kind::kAny) || hints_[reg] == value) continue;
    for (const FlowValue& atom : sets_.atoms(value)) {
      if (!atom.is(Kind::kAddress) && !atom.is(Kind::kNear)) continue;
      if (hints_[reg].is(Kind::kNear) && hints_[reg].number == atom.number) continue;
      if (hints_[reg].is(Kind::kNothing)) {
        hints_[reg] = FlowValue::near(atom.number);
        changed = true;
        continue;
      }
      changed = changed || hints_[reg].is(Kind::kNear);
      lose(hints_[reg]);
      lost_.insert(atom.number);
      hints_[reg] = FlowValue::any();
    }
  }
  return changed;
}

void FunctionFlow::enter_from_outside(FlowState& in) const {
  for (unsigned reg = 0; reg < machine_.registers; ++reg) {
    in.regs[reg] = hints_[reg].is(Kind::kNear) ? hints_[reg] : FlowValue::any();
  }
}

/// More than `sum`, of a value that goes on changing.
FlowValue FunctionFlow::widened(const FlowValue& sum) const {
  if (sum.is(Kind::kNear)) return FlowValue::near(0);
  return machine_.composes_addresses ? sets_.near_of(sum) : FlowValue::any();
}

bool FunctionFlow::join_into(FlowState& into, const FlowState& from, bool widen) {
  bool changed = false;
  at_ = 0;
  for (unsigned reg = 0; reg < machine_.registers; ++reg) {
    if (into.regs[reg] == from.regs[reg]) continue;
    // Nobody keeps track of it any more where something else may be there.
    if (into.regs[reg].is(Kind::kAny)) give_away(from.regs[reg]);
    // Most are kAny by then, which nothing changes but, on some machines, an address.
    if (into.regs[reg].is(Kind::kAny) && !machine_.composes_addresses) continue;
    FlowValue sum = sets_.join(into.regs[reg], from.regs[reg]);
    if (machine_.composes_addresses && sum.unknown()) {
      note_merged(into.regs[reg]);
      note_merged(from.regs[reg]);
    }
    if (sum == into.regs[reg]) continue;
    if (widen) sum = widened(sum);
    if (sum.unknown()) {
      // An address of the stack of which nobody keeps track any more.
      give_away(into.regs[reg]);
      give_away(from.regs[reg]);
    }
    into.regs[reg] = sum;
    changed = true;
  }
  if (into.stack == from.stack) return changed;
  // Only words that both know.
  std::size_t kept = 0;
  auto other = from.stack.begin();
  for (StackWord& word : into.stack) {
    while (other != from.stack.end() && other->offset < word.offset) ++other;
    if (other == from.stack.end() || other->offset != word.offset || other->width != word.width) {
      const bool above = word.offset >= machine_.pushed;
      const bool alone = above && !touches(from.stack, word);
      changed = changed || !alone || !word.value.is(Kind::kAny);
      // Above the return address, not to know a word is not the same as never having written it.
      if (alone) into.stack[kept++] = {word.offset, word.width, FlowValue::any()};
      if (above && !alone) give_away(FlowValue::stack(word.offset));
      continue;
    }
    FlowValue sum = word.value;
    if (sum != other->value) sum = sets_.join(word.value, other->value);
    if (sum != word.value) {
      if (widen) sum = widened(sum);
      if (sum.unknown()) {
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
    if (both) continue;
    if (touches(into.stack, word) || into.stack.size() >= kMaxStackWords) {
      give_away(FlowValue::stack(word.offset));
      continue;
    }
    const auto place =
        std::lower_bound(into.stack.begin(), into.stack.end(), word.offset,
                         [](const StackWord& each, std::int32_t of) { return each.offset < of; });
    into.stack.insert(place, {word.offset, word.width, FlowValue::any()});
    changed = true;
  }
  return changed;
}

/// Sets the state before the first instruction of a block.
void FunctionFlow::begin_block(std::size_t number) {
  if (!unknown_everywhere_) {
    assign(state_, in_[number]);
    return;
  }
  assign(state_, unknown_);
  const bool hints = machine_.composes_addresses && entered_;
  if (hints && blocks_[number].from_outside) enter_from_outside(state_);
}

void FunctionFlow::settle() {
  FlowState entry;
  for (unsigned reg = 0; reg < kMaxRegisters; ++reg) {
    entry.regs[reg].kind = Kind::kPassed;
    entry.regs[reg].reg = static_cast<std::uint8_t>(reg);
  }
  entry.regs[machine_.stack_pointer] = FlowValue::stack(0);
  unknown_everywhere_ = blocks_.size() > kMaxFlowBlocks || unexplained_;
  pointee_stores_.clear();
  const bool hints = machine_.composes_addresses && entered_;
  for (unsigned round = 0;; ++round) {
    // An address that is given away late was so all the time, as far as an order of calls is known.
    if (round > kMaxRounds) given_away_ = INT32_MIN;
    given_away_changed_ = false;
    pointee_stores_changed_ = false;
    kept_ = INT32_MIN;
    std::vector<std::uint8_t> dirty(blocks_.size(), 0);
    // A million of them would take 800 MB.
    if (!unknown_everywhere_ && in_.size() < blocks_.size()) in_.resize(blocks_.size());
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      Block& block = blocks_[i];
      block.reached = false;
      block.visits = 0;
      const bool first = block_at(start_) == i + 1;
      if (!first && !block.from_outside && !unknown_everywhere_) continue;
      block.reached = true;
      dirty[i] = 1;
      if (unknown_everywhere_) continue;
      assign(in_[i], first && !block.from_outside ? entry : unknown_);
      if (hints && block.from_outside) enter_from_outside(in_[i]);
    }
    std::size_t at = 0;
    while (at < blocks_.size()) {
      if (!dirty[at]) {
        ++at;
        continue;
      }
      dirty[at] = 0;
      const Block& block = blocks_[at];
      begin_block(at);
      std::size_t lowest = at + 1;
      bool hinted = false;
      for (std::uint32_t i = 0; i < block.count; ++i) {
        const Insn& insn = insns_[order_[block.first + i]];
        if (hints) hinted = hint(insn, state_) || hinted;
        step(insn, state_);
      }
      if (machine_.composes_addresses && unknown_everywhere_) {
        for (const FlowValue& value : state_.regs) lose(value);
      }
      for (std::size_t i = 0; hinted && i < blocks_.size(); ++i) {
        if (!blocks_[i].from_outside) continue;
        if (!unknown_everywhere_) enter_from_outside(in_[i]);
        dirty[i] = 1;
        lowest = std::min(lowest, i);
      }
      for (std::uint32_t next : after(block)) {
        if (unknown_everywhere_) break;
        Block& to = blocks_[next];
        bool changed = false;
        FlowValue& number = state_.regs[machine_.syscall_nr];
        const FlowValue kept = number;
        if (block.zero == next + 1 && number.unknown()) number = FlowValue::constant(0);
        if (!to.reached) {
          to.reached = true;
          assign(in_[next], state_);
          changed = true;
        } else {
          changed = join_into(in_[next], state_, to.visits > kMaxVisits);
        }
        number = kept;
        if (!changed) continue;
        if (to.visits < UINT16_MAX) ++to.visits;
        dirty[next] = 1;
        lowest = std::min<std::size_t>(lowest, next);
      }
      at = lowest;
    }
    if (pointee_stores_changed_) continue;
    if (!given_away_changed_) break;
    // With what is given away now, every answer of this round would be the same.
    if (kept_ < given_away_ && round < kMaxRounds) break;
  }
}

bool FunctionFlow::visit_again(const FlowVisitor& visit) {
  if (end_ == start_ || (!unknown_everywhere_ && in_.size() < blocks_.size())) return false;
  visit_with_values(visit, {});
  return true;
}

void FunctionFlow::visit_with_values(const FlowVisitor& visit, const FlowVisitor& then) {
  for (std::size_t number = 0; number < blocks_.size(); ++number) {
    const Block& block = blocks_[number];
    if (!block.reached) continue;
    begin_block(number);
    for (std::uint32_t i = 0; i < block.count; ++i) {
      const Insn& insn = insns_[order_[block.first + i]];
      visit(insn, state_);
      step(insn, state_);
      if (then) then(insn, state_);
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
