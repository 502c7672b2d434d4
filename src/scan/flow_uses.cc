// Are the addresses of code that a function puts into registers only called?
//
// Compilers keep the address of what is called more than once in a register, and take that from the
// GOT: rustc does so with the `syscall` of the C library. Such an address is not taken, as long as
// it does nothing but be called, compared and copied from register to register. Which registers may
// hold one flows forward over the blocks; the first instruction that does anything else with it, or
// may, ends the search. What a landing pad finds in registers is what calls left there.

#include <algorithm>

#include "scan/flow.h"

namespace sysnare {
namespace {

constexpr unsigned kWord = 8;

/// rax and rdx: System V ABI, AMD64 supplement 1.0, 3.2.3.
constexpr std::uint32_t kResults = 1u << 0 | 1u << 2;

std::uint32_t bit(int reg) { return reg < 0 ? 0 : 1u << reg; }

}  // namespace

/// The address of code outside of this function, or of the slot of an import, that it puts into a
/// register; 0: none.
std::uint64_t FunctionFlow::put_code(const Insn& insn) const {
  const auto elsewhere = [&](std::int64_t number) {
    const auto vaddr = static_cast<std::uint64_t>(number);
    return context_.is_code(vaddr) && (vaddr < start_ || vaddr >= real_end_) ? vaddr : 0;
  };
  switch (insn.op) {
    case InsnOp::kLoad: {
      if (!insn.absolute || insn.width != kWord) return 0;
      const auto slot = static_cast<std::uint64_t>(insn.disp);
      return context_.load(slot, kWord).is(FlowValue::Kind::kImport) ? slot : 0;
    }
    case InsnOp::kAddress:
      return insn.absolute ? elsewhere(insn.disp) : 0;
    case InsnOp::kMove: {
      const bool may =
          insn.has_imm && context_.may_be_address(static_cast<std::uint64_t>(insn.imm));
      return may ? elsewhere(insn.imm) : 0;
    }
    default:
      return 0;
  }
}

/// The registers of which `insn`, the last of a path or not, does more with what they hold than to
/// call, compare or copy it.
std::uint32_t FunctionFlow::uses(const Block& block, const Insn& insn) const {
  const bool leaves = insn.target < start_ || insn.target >= end_;
  switch (insn.op) {
    case InsnOp::kCall:
    case InsnOp::kCallIndirect:
      return machine_.caller_saved & ~bit(insn.src);
    case InsnOp::kMove:
      return insn.has_imm || insn.width == kWord ? 0 : bit(insn.src);
    case InsnOp::kJump:
    case InsnOp::kBranch:
      return leaves ? ~0u : 0;
    case InsnOp::kJumpIndirect:
      return !jumps_by_table(block) || !outside_.empty() ? ~bit(insn.src) : 0;
    case InsnOp::kReturn:
      return kResults;
    case InsnOp::kSyscall:
    case InsnOp::kSyscallI386:
      return machine_.caller_saved & ~machine_.syscall_writes;
    case InsnOp::kChoose:
      return bit(insn.dst) | bit(insn.src);
    case InsnOp::kCompare:
    case InsnOp::kStop:
      return 0;
    default:
      return decoder_.reads(insn, context_.code(insn.vaddr));
  }
}

/// What `from` holds in `regs` is held by `into` too. Returns whether that is news.
bool FunctionFlow::hold(HeldCode& into, const HeldCode& from, std::uint32_t regs) {
  bool changed = false;
  each_register(from.regs & regs, [&](unsigned reg) {
    changed = changed || (from.codes[reg] & ~into.codes[reg]) != 0;
    into.codes[reg] |= from.codes[reg];
  });
  into.regs |= from.regs & regs;
  return changed;
}

void FunctionFlow::carry(const Block& block, std::uint32_t at, HeldCode& held) {
  const Insn& insn = insns_[at];
  const auto in = [&](int reg) { return reg < 0 ? 0 : held.codes[static_cast<unsigned>(reg)]; };
  if (held.regs != 0) {
    each_register(held.regs & uses(block, insn),
                  [&](unsigned reg) { escaped_ |= held.codes[reg]; });
  }
  const bool is_call = insn.op == InsnOp::kCall || insn.op == InsnOp::kCallIndirect;
  if (in(insn.src) != 0 && (insn.op == InsnOp::kCallIndirect || insn.op == InsnOp::kJumpIndirect)) {
    held_calls_[insn.vaddr] |= in(insn.src);
    called_ |= in(insn.src);
  }
  if (insn.op == InsnOp::kCompare) compared_ |= in(insn.dst) | in(insn.src);
  if (insn.op == InsnOp::kCall) {
    each_register(held.regs, [&](unsigned reg) { kept_over_calls_ |= held.codes[reg]; });
  }
  const std::uint32_t copied = insn.op == InsnOp::kMove ? in(insn.src) : 0;
  std::uint32_t lost = insn.writes | bit(insn.second);
  if (insn.op != InsnOp::kCompare) lost |= bit(insn.dst);
  if (is_call) lost |= machine_.caller_saved;
  if (insn.op == InsnOp::kSyscall) lost |= machine_.syscall_writes;
  each_register(held.regs & lost, [&](unsigned reg) { held.codes[reg] = 0; });
  held.regs &= ~lost;
  const std::uint32_t gained = copied | put_[at];
  if (gained != 0 && insn.dst >= 0 && insn.op != InsnOp::kCompare) {
    held.codes[static_cast<unsigned>(insn.dst)] |= gained;
    held.regs |= bit(insn.dst);
  }
}

/// Finds what is_only_called() says; the values have settled.
void FunctionFlow::find_uses() {
  put_codes_.clear();
  held_calls_.clear();
  called_ = compared_ = kept_over_calls_ = 0;
  escaped_ = ~0u;
  if (machine_.composes_addresses || go_ || unknown_everywhere_ || too_large_ || gave_up()) return;
  put_.assign(insns_.size(), 0);
  for (std::size_t i = 0; i < insns_.size(); ++i) {
    const std::uint64_t code = put_code(insns_[i]);
    if (code == 0) continue;
    auto known = std::find(put_codes_.begin(), put_codes_.end(), code);
    if (known == put_codes_.end()) {
      if (put_codes_.size() == kMaxPutCodes) continue;
      known = put_codes_.insert(known, code);
    }
    put_[i] = 1u << (known - put_codes_.begin());
  }
  if (put_codes_.empty()) return;
  escaped_ = 0;
  std::vector<HeldCode> in(blocks_.size());
  HeldCode left;  // in registers where control left for who knows where
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t number = 0; number < blocks_.size(); ++number) {
      const Block& block = blocks_[number];
      if (!block.reached) continue;
      if (block.from_outside) hold(in[number], left, ~0u);
      HeldCode held = in[number];
      for (std::uint32_t i = 0; i < block.count; ++i) {
        const std::uint32_t at = order_[block.first + i];
        if (held.regs == 0 && put_[at] == 0) continue;
        const InsnOp op = insns_[at].op;
        const bool is_call = op == InsnOp::kCall || op == InsnOp::kCallIndirect;
        if (is_call || op == InsnOp::kJumpIndirect) {
          const bool more = hold(left, held, is_call ? ~machine_.caller_saved : ~0u);
          changed = changed || (entered_ && more);
        }
        carry(block, at, held);
      }
      if (held.regs == 0) continue;
      if (block.runs_on)
        each_register(held.regs, [&](unsigned reg) { escaped_ |= held.codes[reg]; });
      for (std::uint32_t next : after(block)) changed = hold(in[next], held, ~0u) || changed;
    }
  }
}

bool FunctionFlow::is_only_called(std::uint64_t code) const {
  const auto known = std::find(put_codes_.begin(), put_codes_.end(), code);
  if (known == put_codes_.end()) return false;
  const std::uint32_t mine = 1u << (known - put_codes_.begin());
  // What nobody is seen to call may be called some other way: by a thunk (-mindirect-branch).
  const bool is_seen = (called_ & mine) != 0 || (compared_ & ~kept_over_calls_ & mine) != 0;
  return is_seen && (escaped_ & mine) == 0;
}

bool FunctionFlow::may_call(std::uint64_t vaddr, std::uint64_t code) const {
  const auto call = held_calls_.find(vaddr);
  const auto known = std::find(put_codes_.begin(), put_codes_.end(), code);
  return call != held_calls_.end() && known != put_codes_.end() &&
         ((call->second >> (known - put_codes_.begin())) & 1) != 0;
}

}  // namespace sysnare
