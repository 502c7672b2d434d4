#include "scan/references.h"

#include <algorithm>
#include <optional>

namespace sysnare {
namespace {

using Kind = FlowValue::Kind;

constexpr std::int32_t kWord = 8;
/// Bytes of a distance in a table (scan/data_map.h).
constexpr unsigned kDistance = 4;
constexpr std::uint64_t kFunctionAlignment = 16;  ///< of gcc and clang at -O2
/// Most addresses that one function may compute others from: there is one GOT.
constexpr std::size_t kMaxBases = 16;
constexpr std::size_t kMaxSums = 1u << 24;

}  // namespace

void References::note_references(const Insn& insn, const FlowState& state) {
  if (machine_.composes_addresses) {
    note_composed(insn, state);
  } else {
    note_plain(insn);
    note_number(insn);
  }
}

void References::after(const Insn& insn, const FlowState& state) {
  if (insn.advance != 0) take(state.regs[insn.base], true);
  if (insn.dst == kNoRegister) return;
  const FlowValue& value = state.regs[insn.dst];
  switch (insn.op) {
    case InsnOp::kMove:
    case InsnOp::kInsert:
    case InsnOp::kLoad:
      // A program that is loaded where it is linked may have the whole of an address in it.
      for (const FlowValue& atom : flow_.sets().atoms(value)) {
        const bool number = insn.has_imm || insn.op == InsnOp::kLoad;
        if (number && atom.is(Kind::kConstant) && map_.may_be_address(atom.number))
          found_.push_back(atom.number);
      }
      refer_found();
      break;
    case InsnOp::kAdd:
    case InsnOp::kSub:
    case InsnOp::kAddress:
      take(value, true);
      break;
    case InsnOp::kChoose:
      if (value.unknown()) {
        if (insn.left != kNoRegister) take(before_left_, false);
        if (insn.src != kNoRegister) take(before_src_, false);
      }
      break;
    default:
      break;
  }
}

void References::refer(std::uint64_t vaddr, unsigned width) {
  if (map_.is_data(vaddr)) facts_.data.push_back({vaddr, width});
  const bool own_label = vaddr > function_.start && vaddr < function_.end;
  std::optional<Target> target = own_label ? std::nullopt : map_.taken_code(vaddr);
  // Where nothing tells functions apart it may be one that others are to call.
  if (own_label && vaddr % kFunctionAlignment == 0) facts_.jumped.push_back(vaddr);
  // Of other machines the decoder sees it.
  if (own_label && machine_.composes_addresses && map_.is_code(vaddr))
    facts_.outside.push_back(vaddr);
  if (!target) return;
  target->inside = is_inside(*target, vaddr) ? 1 : 0;
  facts_.targets.push_back(*target);
  note_inside(*target, vaddr);
  if (target->kind == Target::Kind::kFunction) facts_.jumped.push_back(vaddr);
}

void References::lose(std::uint64_t vaddr) { facts_.data.push_back({vaddr, kAround}); }

void References::refer_found() {
  for (std::uint64_t vaddr : found_) refer(vaddr, 0);
  found_.clear();
}

/// Somebody gets the addresses in `value`. `walks`: or it is one of which no more is known than
/// what it is near to.
void References::take(const FlowValue& value, bool walks) {
  for (const FlowValue& atom : flow_.sets().atoms(value)) {
    if (atom.is(Kind::kNear) || (!walks && atom.is(Kind::kAddress) && atom.is_page == 0))
      found_.push_back(atom.number);
  }
  refer_found();
}

/// The addresses that an instruction gives to somebody, or reads and writes at.
void References::note_composed(const Insn& insn, const FlowState& state) {
  if (insn.has_memory) {
    const FlowValue address = flow_.address_of(insn, state);
    for (const FlowValue& atom : flow_.sets().atoms(address)) {
      if (atom.is(Kind::kAddress) || atom.is(Kind::kNear)) {
        const bool exact = atom.is(Kind::kAddress) && insn.op != InsnOp::kAddress;
        places_.emplace_back(atom.number, exact ? insn.memory_width : 0u);
      }
    }
    // The address of code is one that is taken; of data, not before it is used.
    for (const auto& [vaddr, width] : places_) {
      if (insn.op != InsnOp::kAddress || !insn.absolute || map_.is_code(vaddr)) refer(vaddr, width);
    }
    places_.clear();
  }
  switch (insn.op) {
    case InsnOp::kStore:
      if (insn.src != kNoRegister) take(state.regs[insn.src], false);
      if (insn.second >= 0) take(state.regs[insn.second], false);
      break;
    case InsnOp::kCall:
    case InsnOp::kCallIndirect:
    case InsnOp::kJump:
    case InsnOp::kBranch:
    case InsnOp::kJumpIndirect:
    case InsnOp::kReturn:
    case InsnOp::kSyscall:
      if (insn.op == InsnOp::kBranch && is_inside(insn.target)) break;
      if (insn.op == InsnOp::kJump && is_inside(insn.target)) break;
      for (unsigned reg = 0; reg < machine_.registers; ++reg) {
        const bool passes = go_ || ((machine_.caller_saved >> reg) & 1);
        if (passes && static_cast<int>(reg) != insn.src) take(state.regs[reg], false);
      }
      break;
    case InsnOp::kAdd:
    case InsnOp::kSub:
    case InsnOp::kAnd:
    case InsnOp::kOr:
    case InsnOp::kXor:
    case InsnOp::kShiftLeft:
      if (insn.op != InsnOp::kAdd && insn.op != InsnOp::kSub && insn.left != kNoRegister)
        take(state.regs[insn.left], false);
      if (insn.left != kNoRegister && insn.src != kNoRegister) {
        take(state.regs[insn.left], false);
        take(state.regs[insn.src], false);
      }
      break;
    case InsnOp::kChoose:
      before_left_ = insn.left != kNoRegister ? state.regs[insn.left] : FlowValue::any();
      before_src_ = insn.src != kNoRegister ? state.regs[insn.src] : FlowValue::any();
      break;
    default:
      break;
  }
  for (unsigned reg = 0; insn.reads != 0 && reg < machine_.registers; ++reg) {
    if ((insn.reads >> reg) & 1) take(state.regs[reg], false);
  }
}

bool References::is_inside(std::uint64_t vaddr) const {
  return vaddr >= function_.start && vaddr < function_.end;
}

void References::note_left(const Insn& insn, const FlowState& state) {
  if (!machine_.composes_addresses) return;
  const std::optional<Target> target = map_.callee(insn.target);
  const FlowValue& stack = state.regs[machine_.stack_pointer];
  const bool calls = target &&
                     (target->kind == Target::Kind::kImport ||
                      map_.table().functions[target->index].start == insn.target) &&
                     stack == FlowValue::stack(0);
  for (unsigned reg = 0; reg < machine_.registers; ++reg) {
    if (calls && ((machine_.caller_saved >> reg) & 1)) continue;
    lose_all(state.regs[reg]);
  }
}

void References::lose_all(const FlowValue& value) {
  for (const FlowValue& atom : flow_.sets().atoms(value)) {
    if ((atom.is(Kind::kAddress) || atom.is(Kind::kNear)) && !map_.is_code(atom.number))
      lose(atom.number);
  }
}

/// What an instruction with a constant address of data does there. One that takes it has no
/// width, and neither has one that repeats itself.
unsigned References::loaded_width(const Insn& insn) const {
  const bool repeats = insn.op == InsnOp::kOther && (insn.writes & machine_.string_pointers);
  if (insn.op == InsnOp::kAddress || repeats) return 0;
  return insn.memory_width;
}

/// With what registers hold from before.
void References::note_reads_of_held(const Insn& insn, bool is_signed) {
  if (insn.vaddr != after_ || flow_.is_leader(insn.vaddr)) {
    held_.clear();
    return;
  }
  const bool reads = insn.has_memory && !insn.absolute && insn.disp == 0 && !is_signed &&
                     insn.op != InsnOp::kAddress && insn.memory_width != 0;
  for (const auto& [reg, vaddr] : held_) {
    if (reads && insn.base == reg) facts_.no_distances.push_back(vaddr);
  }
  std::erase_if(held_, [&](const auto& each) {
    return insn.dst == each.first || insn.second == each.first ||
           ((insn.writes >> each.first) & 1) != 0;
  });
  if (insn.op == InsnOp::kCall || insn.op == InsnOp::kCallIndirect) held_.clear();
}

/// Whoever reads a table of distances adds each to the table's address: it is read in no other
/// way. `is_signed`: `insn` may load a distance.
void References::note_other_reads(const Insn& insn, bool is_signed) {
  if (!held_.empty()) note_reads_of_held(insn, is_signed);
  after_ = insn.next();
  if (insn.op == InsnOp::kAddress && insn.absolute && insn.dst != kNoRegister)
    held_.emplace_back(insn.dst, static_cast<std::uint64_t>(insn.disp));
}

void References::note_plain(const Insn& insn) {
  const bool is_signed = insn.op == InsnOp::kLoad && insn.sign_extends && insn.width == kDistance;
  if (machine_.composes_addresses || (is_signed && !flow_.is_load_of_switch(insn.vaddr)))
    facts_.loads_distances = true;
  note_other_reads(insn, is_signed);
  if (insn.has_memory && insn.absolute) {
    // Who compares a word does not get it.
    if (insn.op == InsnOp::kCompare) return;
    if (only_calls(insn)) {
      called_.emplace_back(static_cast<std::uint64_t>(insn.disp), loaded_width(insn));
      return;
    }
    // A call through a slot is noted as a call.
    const bool jumps = insn.op == InsnOp::kCallIndirect || insn.op == InsnOp::kJumpIndirect;
    if (!jumps || !slot_value(insn).is(Kind::kImport)) {
      refer(static_cast<std::uint64_t>(insn.disp), loaded_width(insn));
    }
  } else if (insn.has_memory && map_.may_be_address(static_cast<std::uint64_t>(insn.disp))) {
    const auto vaddr = static_cast<std::uint64_t>(insn.disp);
    refer(vaddr, 0);
    if (map_.is_data(vaddr)) facts_.data.push_back({vaddr, kAhead});
  }
  if (insn.has_imm && map_.may_be_address(static_cast<std::uint64_t>(insn.imm))) {
    const auto vaddr = static_cast<std::uint64_t>(insn.imm);
    if (values_ && insn.op == InsnOp::kMove && is_elsewhere(vaddr) && flow_.is_only_called(vaddr)) {
      called_.emplace_back(vaddr, 0);
    } else {
      refer(vaddr, 0);
    }
  }
}

/// Whether the address of code that it puts into a register is called or compared, no more.
bool References::only_calls(const Insn& insn) const {
  if (!values_) return false;
  const auto place = static_cast<std::uint64_t>(insn.disp);
  if (insn.op == InsnOp::kLoad) {
    return insn.width == kWord && flow_.is_only_called(place) && slot_value(insn).is(Kind::kImport);
  }
  return insn.op == InsnOp::kAddress && is_elsewhere(place) && flow_.is_only_called(place);
}

bool References::is_elsewhere(std::uint64_t vaddr) const {
  return map_.is_code(vaddr) && !map_.is_data(vaddr) &&
         (vaddr < function_.start || vaddr >= function_.end);
}

/// The large code model makes addresses of the GOT's, which is a label and a number of 64 bits,
/// and of numbers of 64 bits more (psABI 1.0, 3.5.4).
void References::note_number(const Insn& insn) {
  constexpr std::uint8_t kLong = 10;  // bytes of a move of 64 bits
  if (insn.op == InsnOp::kMove && insn.has_imm && insn.length == kLong) {
    numbers_.insert(static_cast<std::uint64_t>(insn.imm));
  }
  if (insn.op != InsnOp::kAddress || !insn.absolute) return;
  const auto label = static_cast<std::uint64_t>(insn.disp);
  if (label >= function_.start && label < function_.end) labels_.insert(label);
}

void References::refer_from_slots() {
  std::set<std::uint64_t> bases;
  std::size_t sums = 0;
  for (std::uint64_t label : labels_) {
    for (std::uint64_t number : numbers_) {
      if (++sums > kMaxSums || bases.size() > kMaxBases) {
        facts_.gave_up = true;
        return;
      }
      if (map_.is_data(label + number)) bases.insert(label + number);
    }
  }
  for (std::uint64_t base : bases) {
    for (std::uint64_t number : numbers_) refer(base + number, 0);
  }
}

FlowValue References::slot_value(const Insn& insn) const {
  if (!insn.has_memory || !insn.absolute) return FlowValue::any();
  return map_.load(static_cast<std::uint64_t>(insn.disp), kWord);
}

void References::note_inside(const Target& target, std::uint64_t vaddr) {
  if (is_inside(target, vaddr)) facts_.outside.push_back(vaddr);
}

bool References::is_inside(const Target& target, std::uint64_t vaddr) const {
  if (target.kind != Target::Kind::kFunction) return false;
  // A stub leads to the function's beginning, wherever the stub lies.
  const FunctionRange& function = map_.table().functions[target.index];
  return vaddr > function.start && vaddr < function.end;
}

}  // namespace sysnare
