// Decoding a function from its entries, and cutting it into blocks.

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "scan/flow.h"

namespace sysnare {
namespace {

/// Whether the instruction is one that fills up.
bool does_nothing(const Machine& machine, std::span<const std::uint8_t> code) {
  if (machine.instruction_bytes == 4) {
    constexpr std::array<std::uint8_t, 4> kNop = {0x1f, 0x20, 0x03, 0xd5};
    return std::equal(code.begin(), code.end(), kNop.begin(), kNop.end());
  }
  while (!code.empty() && (code[0] == 0x66 || code[0] == 0x2e)) code = code.subspan(1);
  return !code.empty() &&
         (code[0] == 0x90 || (code.size() > 1 && code[0] == 0x0f && code[1] == 0x1f));
}

}  // namespace

FunctionFlow::FunctionFlow(const FlowContext& context, const Decoder& decoder)
    : context_(context),
      decoder_(decoder),
      machine_(decoder.machine()),
      unknown_(nothing_known()) {}

void FunctionFlow::run(const Request& request, const FlowVisitor& visit, const FlowVisitor& then) {
  sets_.clear();
  go_ = request.go;
  values_ = request.values;
  compiled_ = request.compiled;
  compiled_end_ = request.compiled_end;
  start_ = request.start;
  // No further than there are bytes: what a segment has in memory alone is no code.
  code_ = context_.code(start_);
  code_ = code_.first(std::min<std::uint64_t>(request.end - start_, code_.size()));
  real_end_ = start_ + code_.size();
  code_ = code_.first(std::min<std::uint64_t>(code_.size(), kMaxFlowBytes));
  end_ = start_ + code_.size();
  too_large_ = false;
  returns_ = false;
  table_reads_ = 0;
  given_away_ = INT32_MAX;
  given_at_ = 0;
  given_elsewhere_ = false;
  outside_.clear();
  begins_.clear();
  switches_.clear();
  labels_of_tables_.clear();
  lost_.clear();
  merged_.clear();
  unexplained_ = false;
  unknown_at_ = 0;
  for (FlowValue& value : hints_) value = {};
  if (end_ == start_) {
    returns_ = true;
    return;
  }
  decode_all(request);
  cut_blocks();
  find_alone();
  find_unknown();
  put_codes_.clear();
  if (!request.values) {
    reach();
    for (const Block& block : blocks_) {
      if (!block.reached) continue;
      for (std::uint32_t i = 0; i < block.count; ++i) {
        visit(insns_[order_[block.first + i]], unknown_);
      }
      if (block.runs_on) visit(jump_on(insns_[order_[block.first + block.count - 1]]), unknown_);
    }
    return;
  }
  settle();
  if (request.uses) find_uses();
  visit_with_values(visit, then);
}

std::uint32_t FunctionFlow::insn_at(std::uint64_t vaddr) const {
  return vaddr >= start_ && vaddr < end_ ? index_[vaddr - start_] : 0;
}

bool FunctionFlow::ends_flow(const Insn& insn) const {
  switch (insn.op) {
    case InsnOp::kJump:
    case InsnOp::kJumpIndirect:
    case InsnOp::kReturn:
    case InsnOp::kStop:
      return true;
    case InsnOp::kCall:
      return context_.never_returns(insn.target);
    case InsnOp::kCallIndirect: {
      if (!insn.has_memory || !insn.absolute) return false;
      const FlowValue callee = context_.load(static_cast<std::uint64_t>(insn.disp), 8);
      return callee.is(FlowValue::Kind::kImport) && context_.import_never_returns(callee.number);
    }
    default:
      return false;
  }
}

void FunctionFlow::decode_all(const Request& request) {
  insns_.clear();
  unknown_insns_.clear();
  ends_.clear();
  tables_read_.clear();
  own_tables_.clear();
  own_tables_read_.clear();
  switch_loads_.clear();
  switch_jumps_.clear();
  offsets_read_.clear();
  table_targets_.clear();
  index_.assign(end_ - start_, 0);
  leader_.assign(end_ - start_, 0);
  todo_.assign(1, start_);
  leader_[0] = kJumpedTo;
  for (std::uint64_t entry : request.entries) {
    note_beyond(entry);
    if (entry < start_ || entry >= end_) continue;
    leader_[entry - start_] = kEntered;
    todo_.push_back(entry);
  }
  std::size_t looked = 0;
  do {
    while (!todo_.empty()) {
      const std::uint64_t vaddr = todo_.back();
      todo_.pop_back();
      decode_from(vaddr);
    }
    looked += insns_.size();
    if (looked > kMaxTableLooks) table_reads_ = kMaxTableReads + 1;
  } while (looked <= kMaxTableLooks &&
           (machine_.composes_addresses ? follow_switches() : follow_tables()));
}

/// Notes that control comes to `vaddr`, where that is past what is followed.
void FunctionFlow::note_beyond(std::uint64_t vaddr) {
  if (vaddr >= end_ && vaddr < real_end_) too_large_ = true;
}

/// The address of code or data that the instruction puts somewhere.
std::optional<std::uint64_t> FunctionFlow::taken_address(const Insn& insn) const {
  const auto disp = static_cast<std::uint64_t>(insn.disp);
  if (insn.op == InsnOp::kAddress && insn.absolute) return disp;
  if (insn.op == InsnOp::kAddress && context_.may_be_address(disp)) return disp;
  const auto imm = static_cast<std::uint64_t>(insn.imm);
  if (insn.has_imm && insn.op != InsnOp::kCompare && context_.may_be_address(imm)) return imm;
  return std::nullopt;
}

void FunctionFlow::decode_from(std::uint64_t vaddr) {
  while (vaddr >= start_ && vaddr < end_ && index_[vaddr - start_] == 0) {
    if (insns_.size() >= kMaxFlowInsns) {
      too_large_ = true;
      return;
    }
    Insn insn = decoder_.decode(code_.subspan(vaddr - start_), vaddr);
    // One that crosses the end of the function.
    if (insn.length == 0) insn = decoder_.decode(context_.code(vaddr), vaddr);
    if (insn.length == 0) {
      // No instruction: this is data, or a table led astray. What cannot be read may return.
      returns_ = true;
      unknown_insns_.push_back(static_cast<std::uint32_t>(insns_.size()));
      insn.length = machine_.instruction_bytes;
      insn.op = InsnOp::kStop;
    }
    if (values_ && (insn.op == InsnOp::kCall || insn.op == InsnOp::kCallIndirect))
      insn.returns_twice = context_.returns_twice(insn);
    insns_.push_back(insn);
    index_[vaddr - start_] = static_cast<std::uint32_t>(insns_.size());
    if (insn.op == InsnOp::kJump || insn.op == InsnOp::kBranch) {
      note_beyond(insn.target);
      if (insn.target >= start_ && insn.target < end_) {
        leader_[insn.target - start_] |= kJumpedTo;
        todo_.push_back(insn.target);
      }
    }
    if (insn.op == InsnOp::kBranch && insn.next() < end_)
      leader_[insn.next() - start_] |= kBehindBranch;
    const auto enter = [&](std::uint64_t label) {
      note_beyond(label);
      if (label <= start_ || label >= end_) return;
      leader_[label - start_] = kEntered;
      todo_.push_back(label);
    };
    // Where nothing told functions apart, it calls what is a function of its own.
    if (insn.op == InsnOp::kCall) enter(insn.target);
    // A label of its own whose address is taken: some jump goes there, or near it.
    if (!machine_.composes_addresses) {
      if (const std::optional<std::uint64_t> label = taken_address(insn)) enter(*label);
    }
    ends_.push_back(ends_flow(insn) ? 1 : 0);
    if (ends_.back() != 0) return;
    vaddr = insn.next();
    note_beyond(vaddr);
  }
}

void FunctionFlow::cut_blocks() {
  std::sort(table_targets_.begin(), table_targets_.end());
  table_targets_.erase(std::unique(table_targets_.begin(), table_targets_.end()),
                       table_targets_.end());
  std::sort(outside_.begin(), outside_.end());
  outside_.erase(std::unique(outside_.begin(), outside_.end()), outside_.end());
  blocks_.clear();
  next_.clear();
  entered_ = false;
  order_.clear();
  block_of_.assign(insns_.size(), 0);
  for (std::uint64_t at = 0; at < end_ - start_; ++at) {
    std::uint64_t eight = 0;
    if (at + sizeof eight <= leader_.size()) {
      std::memcpy(&eight, leader_.data() + at, sizeof eight);
      if (eight == 0) at += sizeof eight - 1;  // most bytes are none
    }
    if (leader_[at] == 0 || index_[at] == 0) continue;
    block_of_[index_[at] - 1] = static_cast<std::uint32_t>(blocks_.size()) + 1;
    Block& block = blocks_.emplace_back();
    block.from_outside = (leader_[at] & kEntered) != 0;
    entered_ = entered_ || block.from_outside;
    block.first = static_cast<std::uint32_t>(order_.size());
    std::uint64_t vaddr = start_ + at;
    while (std::uint32_t number = insn_at(vaddr)) {
      order_.push_back(number - 1);
      ++block.count;
      const Insn& insn = insns_[number - 1];
      if (ends_[number - 1] != 0 || insn.op == InsnOp::kBranch) break;
      vaddr = insn.next();
      if (vaddr < end_ && leader_[vaddr - start_] != 0) break;
    }
  }
  for (Block& block : blocks_) {
    const std::uint32_t last_number = order_[block.first + block.count - 1];
    const Insn& last = insns_[last_number];
    block.next = static_cast<std::uint32_t>(next_.size());
    const auto add = [&](std::uint64_t vaddr) {
      if (vaddr < start_ || vaddr >= end_) return false;
      const std::uint32_t number = block_at(vaddr);
      if (number != 0) next_.push_back(number - 1);
      return number != 0;
    };
    if (last.op == InsnOp::kJump || last.op == InsnOp::kBranch) {
      if (!add(last.target)) returns_ = true;
    }
    if (last.op == InsnOp::kReturn) returns_ = true;
    if (last.op == InsnOp::kJumpIndirect) {
      const auto table =
          std::find_if(switches_.begin(), switches_.end(), [&](const SwitchTable& each) {
            return each.jump == order_[block.first + block.count - 1];
          });
      if (table != switches_.end()) {
        for (std::uint64_t target : table->targets) add(target);
      } else if ((last.has_memory && last.absolute) || machine_.composes_addresses) {
        returns_ = true;
      } else {
        if (!jumps_by_table(block)) returns_ = true;
        for (std::uint64_t target : table_targets_) add(target);
      }
    }
    if (ends_[last_number] == 0 && !add(last.next())) {
      returns_ = true;
      block.runs_on = runs_on(block);
    }
    block.nexts = static_cast<std::uint32_t>(next_.size()) - block.next;
    block.zero = zero_target(block);
  }
}

/// Block::zero, which compilers make use of: musl's reading functions make read() with the 0 that a
/// comparison has found (src/stdio/__stdio_read.c of 1.2.3).
std::uint32_t FunctionFlow::zero_target(const Block& block) const {
  if (machine_.abi != Abi::kX86_64 || block.count < 2 || block.nexts != 2) return 0;
  const Insn& branch = insns_[order_[block.first + block.count - 1]];
  const Insn& test = insns_[order_[block.first + block.count - 2]];
  if (branch.op != InsnOp::kBranch || branch.target == branch.next()) return 0;
  // test %rax,%rax
  constexpr std::array<std::uint8_t, 3> kTest = {0x48, 0x85, 0xc0};
  if (test.length != kTest.size() || test.next() != branch.vaddr || branch.next() > end_) return 0;
  const auto bytes = code_.subspan(test.vaddr - start_, kTest.size() + branch.length);
  if (!std::equal(kTest.begin(), kTest.end(), bytes.begin())) return 0;
  // je and jne, short and near: 74, 75, 0f 84, 0f 85.
  const bool near = bytes[kTest.size()] == 0x0f;
  const unsigned condition = near ? bytes[kTest.size() + 1] - 0x10u : bytes[kTest.size()];
  if (condition == 0x74) return block_at(branch.target);
  if (condition == 0x75) return block_at(branch.next());
  return 0;
}

void FunctionFlow::find_alone() {
  alone_.clear();
  if (compiled_) return;
  std::vector<std::uint8_t> is_led_to(blocks_.size(), 0);
  for (const Block& block : blocks_) {
    const Insn& last = insns_[order_[block.first + block.count - 1]];
    for (std::uint32_t next : after(block)) {
      // Whether what it ends in comes back is found later.
      const bool behind = insns_[order_[blocks_[next].first]].vaddr == last.next();
      if (!behind || last.op == InsnOp::kBranch || !call_before_fill(block)) is_led_to[next] = 1;
    }
  }
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const std::uint64_t vaddr = insns_[order_[blocks_[i].first]].vaddr;
    if (blocks_[i].from_outside && is_led_to[i] == 0 && vaddr != start_) alone_.push_back(vaddr);
  }
}

/// Whether the jump that ends the block is seen to go where a table says, and not through a pointer
/// that leads out of the function.
bool FunctionFlow::jumps_by_table(const Block& block) const {
  if (table_targets_.empty()) return false;
  const std::uint32_t number = order_[block.first + block.count - 1];
  const Insn& jump = insns_[number];
  if (!jump.has_memory) return own_table(number).has_value();
  std::uint64_t first = 0;
  return jump.index != kNoRegister && jump.base == kNoRegister &&
         context_.constant_word(static_cast<std::uint64_t>(jump.disp), 8, first) &&
         first > start_ && first < end_;
}

/// Whether control comes from the end of `block` into the next function.
bool FunctionFlow::runs_on(const Block& block) const {
  const Insn* const call = call_before_fill(block);
  // Behind what an FDE covers may stand another function, of which nothing says where it begins.
  return !compiled_ || call == nullptr || call->vaddr >= compiled_end_;
}

/// The call that it ends in, with bytes behind it that fill up, if any; else null.
const Insn* FunctionFlow::call_before_fill(const Block& block) const {
  for (std::uint32_t i = block.count; i-- > 0;) {
    const Insn& insn = insns_[order_[block.first + i]];
    if (insn.op == InsnOp::kCall || insn.op == InsnOp::kCallIndirect) return &insn;
    if (insn.op != InsnOp::kOther || insn.stores) return nullptr;
  }
  return nullptr;
}

bool FunctionFlow::is_unknown(std::uint32_t number) const {
  return std::binary_search(unknown_insns_.begin(), unknown_insns_.end(), number);
}

/// Whether a compiler knew that instruction `i` of the block, a call, never returns: behind it is
/// what fills up to the next function or to constants.
bool FunctionFlow::is_last_call(const Block& block, std::uint32_t i) const {
  const Insn& call = insns_[order_[block.first + i]];
  const bool is_call = call.op == InsnOp::kCall || call.op == InsnOp::kCallIndirect;
  if (!compiled_ || !is_call || call.vaddr >= compiled_end_) return false;
  if (i + 1 == block.count) return false;
  const std::uint32_t next = order_[block.first + i + 1];
  const Insn& behind = insns_[next];
  return is_unknown(next) ||
         does_nothing(machine_, context_.code(behind.vaddr).first(behind.length));
}

/// Finds the first place of the kind of unknown_at().
void FunctionFlow::find_unknown() {
  unknown_at_ = 0;
  if (unknown_insns_.empty()) return;
  std::vector<std::uint8_t> seen(blocks_.size(), 0);
  std::vector<std::uint32_t> todo;
  const auto add = [&](std::uint64_t vaddr) {
    if (vaddr < start_ || vaddr >= end_) return;
    const std::uint32_t number = block_at(vaddr);
    if (number == 0 || seen[number - 1]) return;
    seen[number - 1] = 1;
    todo.push_back(number - 1);
  };
  add(start_);
  while (!todo.empty()) {
    const Block& block = blocks_[todo.back()];
    todo.pop_back();
    bool ends = false;
    for (std::uint32_t i = 0; i < block.count && !ends; ++i) {
      const Insn& insn = insns_[order_[block.first + i]];
      if (insn.op == InsnOp::kCall) add(insn.target);
      ends = is_last_call(block, i);
    }
    if (ends) continue;
    const std::uint32_t number = order_[block.first + block.count - 1];
    const Insn& last = insns_[number];
    if (last.op == InsnOp::kJump || last.op == InsnOp::kBranch) add(last.target);
    if (ends_[number] == 0) add(last.next());
    if (!is_unknown(number)) continue;
    if (unknown_at_ == 0 || last.vaddr < unknown_at_) unknown_at_ = last.vaddr;
  }
}

Insn FunctionFlow::jump_on(const Insn& last) {
  Insn jump;
  jump.vaddr = last.vaddr;
  jump.op = InsnOp::kJump;
  jump.target = last.next();
  return jump;
}

/// Marks the blocks that control can come to.
void FunctionFlow::reach() {
  std::vector<std::uint32_t> todo;
  const auto add = [&](std::uint32_t number) {
    if (blocks_[number].reached) return;
    blocks_[number].reached = true;
    todo.push_back(number);
  };
  for (std::uint32_t i = 0; i < blocks_.size(); ++i) {
    if (block_at(start_) == i + 1 || blocks_[i].from_outside) add(i);
  }
  while (!todo.empty()) {
    const std::uint32_t number = todo.back();
    todo.pop_back();
    for (std::uint32_t next : after(blocks_[number])) add(next);
  }
}

}  // namespace sysnare
