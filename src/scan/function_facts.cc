#include "scan/function_facts.h"

#include <algorithm>
#include <array>
#include <bit>

#include "arch/recorded_args.h"
#include "scan/references.h"

namespace sysnare {
namespace {

using Kind = FlowValue::Kind;

/// ebx, ecx, edx, esi, edi, ebp: arch/x86/entry/entry_64_compat.S, Linux 6.18.
constexpr std::array<std::uint8_t, 6> kI386Args = {3, 1, 2, 6, 7, 5};

constexpr std::int32_t kWord = 8;
/// Words of arguments on the stack that a call is said to pass.
constexpr std::int32_t kStackArguments = 8;
/// Registers of the caller's that only a function stores which keeps all: rbx, r12 to r15.
constexpr int kContext = 4;
/// arch/x86/entry/syscalls/syscall_64.tbl, Linux 6.18.
constexpr std::int64_t kVfork = 58;
/// include/uapi/asm-generic/unistd.h and include/uapi/linux/sched.h, Linux 6.18.
constexpr std::int64_t kArm64Clone = 220;
constexpr std::uint64_t kCloneVfork = 0x4000;
/// Words behind an address of the own stack that are said to be passed with it.
constexpr std::int32_t kPointees = 64;

/// One atom as the summary has it; false for what it has no word for.
bool to_value(const FlowValue& atom, Value& value) {
  value.width = atom.width;
  switch (atom.kind) {
    case Kind::kConstant:
      value.kind = Value::Kind::kConstant;
      value.number = atom.number;
      return true;
    case Kind::kAddress:
      value.kind = Value::Kind::kAddress;
      value.number = atom.number;
      return true;
    case Kind::kPassed:
      if (atom.offset != 0) return false;
      value.kind = Value::Kind::kPassed;
      value.place.reg = atom.reg;
      return true;
    case Kind::kPassedStack:
      value.kind = Value::Kind::kPassed;
      value.place.on_stack = 1;
      value.place.offset = atom.offset;
      return true;
    case Kind::kPointee:
      if (atom.offset < 0) return false;
      value.kind = Value::Kind::kPointee;
      value.place.reg = atom.reg;
      value.number = static_cast<std::uint64_t>(atom.offset);
      return true;
    case Kind::kCell:
      if (atom.offset != 0) return false;
      value.kind = Value::Kind::kCell;
      value.number = atom.number;
      return true;
    case Kind::kCellPointee:
      if (atom.offset < 0 || atom.offset > UINT16_MAX) return false;
      value.kind = Value::Kind::kCellPointee;
      value.number = atom.number << 16 | static_cast<std::uint64_t>(atom.offset);
      return true;
    default:
      return false;
  }
}

class Observer : public References {
 public:
  using References::References;

  void operator()(const Insn& insn, const FlowState& state) {
    note_references(insn, state);
    switch (insn.op) {
      case InsnOp::kCall:
        note_call(insn, state, insn.target, false);
        break;
      case InsnOp::kJump:
      case InsnOp::kBranch:
        if (insn.target < function_.start || insn.target >= function_.end) {
          note_call(insn, state, insn.target, true);
          note_left(insn, state);
        }
        break;
      case InsnOp::kCallIndirect:
        note_indirect(insn, state, false);
        break;
      case InsnOp::kJumpIndirect:
        note_indirect(insn, state, true);
        break;
      case InsnOp::kSyscall:
      case InsnOp::kSyscallI386:
        note_site(insn, state);
        break;
      default:
        break;
    }
    note_context(insn, state);
    // Also those that add to a word, exchange it, or are wider than one.
    if (insn.has_memory && insn.stores) note_cells(insn, state);
  }

  FunctionFacts take() {
    refer_from_slots();
    // One that may be called where nobody knows that it is.
    for (const std::pair<std::uint64_t, unsigned>& code : called_) {
      if (std::any_of(unknown_calls_.begin(), unknown_calls_.end(),
                      [&](std::uint64_t call) { return flow_.may_call(call, code.first); })) {
        refer(code.first, code.second);
      }
    }
    facts_.returns = flow_.returns() || flow_.gave_up() || flow_.too_large();
    facts_.gave_up = facts_.gave_up || flow_.gave_up();
    facts_.too_large = flow_.too_large();
    facts_.unknown_at = flow_.unknown_at();
    facts_.alone.assign(flow_.alone().begin(), flow_.alone().end());
    facts_.returns_twice |= std::popcount(kept_registers_) >= kContext;
    for (std::uint64_t place : flow_.outside()) note_outside(place);
    for (std::uint64_t vaddr : flow_.merged()) refer(vaddr, 0);
    for (std::uint64_t vaddr : flow_.lost()) lose(vaddr);
    const auto key = [](const Target& target) {
      return std::pair{static_cast<unsigned>(target.kind), target.index};
    };
    const auto order = [&](const Target& target) { return std::pair{key(target), target.inside}; };
    std::vector<Target>& targets = facts_.targets;
    std::sort(targets.begin(), targets.end(),
              [&](const Target& a, const Target& b) { return order(a) < order(b); });
    targets.erase(std::unique(targets.begin(), targets.end(),
                              [&](const Target& a, const Target& b) { return key(a) == key(b); }),
                  targets.end());
    std::sort(facts_.data.begin(), facts_.data.end());
    facts_.data.erase(std::unique(facts_.data.begin(), facts_.data.end()), facts_.data.end());
    std::vector<std::uint64_t>& others = facts_.no_distances;
    std::sort(others.begin(), others.end());
    others.erase(std::unique(others.begin(), others.end()), others.end());
    others.shrink_to_fit();
    // They stay until the object is done, and are a third of what it takes.
    facts_.calls.shrink_to_fit();
    facts_.data.shrink_to_fit();
    targets.shrink_to_fit();
    facts_.outside.shrink_to_fit();
    return std::move(facts_);
  }

 private:
  std::vector<Value> values_of(const FlowValue& value) {
    std::vector<Value> values;
    if (value.is(Kind::kAny)) return values;
    values.reserve(flow_.sets().atoms(value).size());
    for (const FlowValue& atom : flow_.sets().atoms(value)) {
      Value each;
      if (!to_value(atom, each)) return {};
      values.push_back(each);
    }
    return values;
  }

  void note_outside(std::uint64_t place) {
    const std::uint32_t function = map_.function_at(place);
    if (function == kNone) return;
    Target target{Target::Kind::kFunction, false, 0, function};
    target.inside = is_inside(target, place) ? 1 : 0;
    facts_.targets.push_back(target);
    facts_.outside.push_back(place);
  }

  void note_call(const Insn& insn, const FlowState& state, std::uint64_t vaddr, bool is_jump) {
    const std::optional<Target> target = map_.callee(vaddr);
    if (!target) return;
    note_inside(*target, vaddr);
    if (is_inside(*target, vaddr)) {
      (is_jump ? facts_.jumped : facts_.called).push_back(vaddr);
    }
    add_call(insn, state, *target, is_jump);
  }

  void note_indirect(const Insn& insn, const FlowState& state, bool is_jump) {
    if (insn.src != kNoRegister) facts_.through_register = true;
    const FlowValue callee = insn.src != kNoRegister ? state.regs[insn.src] : slot_value(insn);
    bool known = !flow_.sets().atoms(callee).empty();
    const std::vector<FlowValue> atoms(flow_.sets().atoms(callee).begin(),
                                       flow_.sets().atoms(callee).end());
    for (const FlowValue& atom : atoms) {
      if (atom.is(Kind::kImport)) {
        add_call(insn, state,
                 {Target::Kind::kImport, false, 0, static_cast<std::uint32_t>(atom.number)},
                 is_jump);
      } else if (atom.is(Kind::kAddress) || atom.is(Kind::kConstant)) {
        note_call(insn, state, atom.number, is_jump);
      } else {
        known = false;
      }
    }
    if (!known) {
      facts_.calls_indirect = true;
      unknown_calls_.push_back(insn.vaddr);
      if (!is_jump || !flow_.is_switch(insn.vaddr)) {
        add_call(insn, state, {Target::Kind::kFunction, false, 0, kNone}, is_jump);
      }
    }
  }

  /// How many addresses of the own stack a call may pass.
  [[nodiscard]] std::ptrdiff_t own_addresses(const FlowState& state) const {
    const auto is_own = [&](const FlowValue& value) {
      return value.is(Kind::kStack) && value.offset < machine_.pushed;
    };
    std::ptrdiff_t count = std::count_if(state.stack.begin(), state.stack.end(),
                                         [&](const StackWord& word) { return is_own(word.value); });
    for (unsigned reg = 0; reg < machine_.registers; ++reg) {
      if (((machine_.caller_saved >> reg) & 1) != 0 && is_own(state.regs[reg])) ++count;
    }
    return count;
  }

  PassedFact passed(const Insn& insn, const FlowState& state, Place place, const FlowValue& value) {
    PassedFact fact;
    fact.place = place;
    if (value.is(Kind::kStack)) {
      // Who got an address of this stack before, or by another argument, may write there while the
      // callee runs.
      if (value.offset >= machine_.pushed || flow_.gives_away_elsewhere(insn.vaddr) ||
          own_addresses(state) > 1) {
        return fact;
      }
      for (const StackWord& word : state.stack) {
        if (word.offset < value.offset || word.offset >= value.offset + kPointees) continue;
        PassedFact pointee;
        pointee.place.on_stack = 1;
        pointee.place.offset = word.offset - value.offset;
        pointee.values = values_of(word.value);
        if (!pointee.values.empty()) fact.pointees.push_back(std::move(pointee));
      }
    } else {
      fact.values = values_of(value);
    }
    return fact;
  }

  void add_call(const Insn& insn, const FlowState& state, const Target& target, bool is_jump) {
    CallFact call{insn.vaddr, target, {}};
    if (!values_) {
      facts_.calls.push_back(std::move(call));
      return;
    }
    passed_.clear();
    const auto add = [&](Place place, const FlowValue& value) {
      if (value.is(Kind::kAny) || value.is(Kind::kImport)) return;  // nothing to be said of it
      PassedFact fact = passed(insn, state, place, value);
      if (!fact.values.empty() || !fact.pointees.empty()) passed_.push_back(std::move(fact));
    };
    for (std::uint8_t reg : go_ ? machine_.go_passing : machine_.passing) {
      Place place;
      place.reg = reg;
      add(place, state.regs[reg]);
    }
    const FlowValue& rsp = state.regs[machine_.stack_pointer];
    if (rsp.is(Kind::kStack)) {
      for (const StackWord& word : state.stack) {
        const std::int32_t above = word.offset - rsp.offset + (is_jump ? 0 : machine_.pushed);
        if (above < machine_.pushed || above >= machine_.pushed + kWord * kStackArguments) continue;
        Place place;
        place.on_stack = 1;
        place.offset = above;
        add(place, word.value);
      }
      // A tail jump leaves what the caller passed on the stack where it is.
      for (std::int32_t i = 0; is_jump && rsp.offset == 0 && i < kStackArguments; ++i) {
        const std::int32_t above = machine_.pushed + i * kWord;
        Place place;
        place.on_stack = 1;
        place.offset = above;
        add(place, flow_.passed_word(state, above));
      }
    }
    // They stay as long as the calls: no more room than they need.
    call.passed.assign(std::make_move_iterator(passed_.begin()),
                       std::make_move_iterator(passed_.end()));
    facts_.calls.push_back(std::move(call));
  }

  void note_site(const Insn& insn, const FlowState& state) {
    SiteFact site;
    site.vaddr = insn.vaddr;
    const bool i386 = insn.op == InsnOp::kSyscallI386;
    site.abi = i386 ? Abi::kI386 : machine_.abi;
    site.nr = values_of(state.regs[machine_.syscall_nr]);
    if (site.nr.empty()) site.nr.push_back({});
    const std::array<std::uint8_t, 6>& args = i386 ? kI386Args : machine_.syscall_args;
    const unsigned kept = recorded(site);
    for (std::size_t i = 0; i < args.size(); ++i) {
      if ((kept >> i) & 1) site.args[i] = values_of(state.regs[args[i]]);
    }
    facts_.sites.push_back(std::move(site));
  }

  /// Which arguments say what kind of call it is, by bit; none where the number is not known.
  static unsigned recorded(const SiteFact& site) {
    unsigned indexes = 0;
    for (const Value& value : site.nr) {
      if (value.kind != Value::Kind::kConstant) return 0;
      indexes |= recorded_args({site.abi, static_cast<std::uint32_t>(value.number)}).indexes;
    }
    return indexes;
  }

  /// setjmp and vfork are told by what they do where nothing has a name.
  void note_context(const Insn& insn, const FlowState& state) {
    if (insn.op == InsnOp::kStore && insn.width == kWord && insn.base == machine_.syscall_args[0] &&
        insn.index == kNoRegister) {
      for (const int reg : {int{insn.src}, int{insn.second}}) {
        const bool callee_saved = reg >= 0 && ((machine_.caller_saved >> reg) & 1) == 0 &&
                                  reg != machine_.stack_pointer && reg != machine_.frame_pointer;
        if (callee_saved) kept_registers_ |= 1u << reg;
      }
    }
    if (insn.op == InsnOp::kMove && insn.dst == machine_.syscall_nr) {
      last_nr_ = insn.has_imm ? insn.imm : 0;
    }
    if (insn.op != InsnOp::kSyscall) return;
    if (machine_.abi == Abi::kX86_64 && last_nr_ == kVfork) facts_.returns_twice = true;
    // vfork is a call of clone there (glibc 2.36, sysdeps/unix/sysv/linux/aarch64/vfork.S).
    const FlowValue& flags = state.regs[machine_.syscall_args[0]];
    if (machine_.abi == Abi::kAarch64 && last_nr_ == kArm64Clone && flags.is(Kind::kConstant) &&
        (flags.number & kCloneVfork))
      facts_.returns_twice = true;
  }

  void note_cells(const Insn& insn, const FlowState& state) {
    if (!machine_.composes_addresses) {
      if (insn.absolute) note_cell(insn, state, static_cast<std::uint64_t>(insn.disp));
      return;
    }
    const FlowValue address = flow_.address_of(insn, state);
    const std::vector<FlowValue> atoms(flow_.sets().atoms(address).begin(),
                                       flow_.sets().atoms(address).end());
    for (const FlowValue& atom : atoms) {
      if (!atom.is(Kind::kAddress)) continue;
      note_cell(insn, state, atom.number);
      if (insn.op != InsnOp::kStore || insn.second == kNoRegister) continue;
      Insn next = insn;
      next.src = insn.second >= 0 ? insn.second : static_cast<std::int8_t>(kNoRegister);
      next.has_imm = insn.second == kZeroRegister;
      next.imm = 0;
      note_cell(next, state, atom.number + insn.width);
    }
  }

  void note_cell(const Insn& insn, const FlowState& state, std::uint64_t vaddr) {
    CellFact cell;
    cell.vaddr = vaddr;
    cell.width = insn.op == InsnOp::kStore ? insn.width : insn.memory_width;
    if (insn.op == InsnOp::kStore && insn.has_imm) {
      Value value;
      value.kind = Value::Kind::kConstant;
      value.number = static_cast<std::uint64_t>(insn.imm);
      cell.values.push_back(value);
    } else if (insn.op == InsnOp::kStore && insn.src != kNoRegister) {
      cell.values = values_of(state.regs[insn.src]);
    }
    for (Value& value : cell.values) {
      value.width = std::min(value.width, static_cast<std::uint8_t>(cell.width));
    }
    if (cell.values.empty()) cell.values.push_back({});
    facts_.cells.push_back(std::move(cell));
  }

  std::uint32_t kept_registers_ = 0;  ///< those of its caller's that it stores at its argument
  std::int64_t last_nr_ = 0;
  std::vector<PassedFact> passed_;            ///< by the call that is being looked at
  std::vector<std::uint64_t> unknown_calls_;  ///< calls and jumps to who knows where
};

/// Zeros are instructions, but no compiler makes such; somebody will write code there.
bool has_no_code(const ObjectMap& map, const FunctionRange& function) {
  constexpr std::uint64_t kLook = 16;
  std::span<const std::uint8_t> code = map.code(function.start);
  code = code.first(std::min<std::uint64_t>({code.size(), kLook, function.end - function.start}));
  return std::all_of(code.begin(), code.end(), [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

FunctionFacts facts_of(const ObjectMap& map, FunctionFlow& flow, const FunctionRange& function,
                       std::span<const std::uint64_t> entries, bool go, bool values) {
  Observer observer(map, flow, function, go, values);
  FlowVisitor after;
  if (map.machine().composes_addresses) {
    after = [&](const Insn& insn, const FlowState& state) { observer.after(insn, state); };
  }
  flow.run(
      {function.start, function.end, entries, go, values, function.framed, function.covered_end},
      [&](const Insn& insn, const FlowState& state) { observer(insn, state); }, after);
  FunctionFacts facts = observer.take();
  facts.empty = has_no_code(map, function);
  return facts;
}

}  // namespace sysnare
