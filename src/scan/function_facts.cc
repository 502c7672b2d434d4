#include "scan/function_facts.h"

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>
#include <set>

#include "arch/recorded_args.h"

namespace sysnare {
namespace {

using Kind = FlowValue::Kind;

/// ebx, ecx, edx, esi, edi, ebp: arch/x86/entry/entry_64_compat.S, Linux 6.18.
constexpr std::array<std::uint8_t, 6> kI386Args = {3, 1, 2, 6, 7, 5};

constexpr std::int32_t kWord = 8;
/// Bytes of a distance in a table (scan/data_map.h).
constexpr unsigned kDistance = 4;
constexpr std::uint64_t kFunctionAlignment = 16;  ///< of gcc and clang at -O2
/// Most addresses that one function may compute others from: there is one GOT.
constexpr std::size_t kMaxBases = 16;
constexpr std::size_t kMaxSums = 1u << 24;
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

class Observer {
 public:
  Observer(const ObjectMap& map, FunctionFlow& flow, const FunctionRange& function, bool go,
           bool values)
      : map_(map),
        machine_(map.machine()),
        flow_(flow),
        function_(function),
        go_(go),
        values_(values) {}

  void operator()(const Insn& insn, const FlowState& state) {
    if (machine_.composes_addresses) {
      note_composed(insn, state);
    } else {
      note_references(insn);
      note_number(insn);
    }
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

  /// With the values behind the instruction, where Machine::composes_addresses.
  void after(const Insn& insn, const FlowState& state) {
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

  /// `width`: of a load there; 0: the address is taken.
  void refer(std::uint64_t vaddr, unsigned width) {
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

  /// Everything near `vaddr` may be referred to.
  void lose(std::uint64_t vaddr) { facts_.data.push_back({vaddr, kAround}); }

  void refer_found() {
    for (std::uint64_t vaddr : found_) refer(vaddr, 0);
    found_.clear();
  }

  /// Somebody gets the addresses in `value`. `walks`: or it is one of which no more is known than
  /// what it is near to.
  void take(const FlowValue& value, bool walks) {
    for (const FlowValue& atom : flow_.sets().atoms(value)) {
      if (atom.is(Kind::kNear) || (!walks && atom.is(Kind::kAddress) && atom.is_page == 0))
        found_.push_back(atom.number);
    }
    refer_found();
  }

  /// The addresses that an instruction gives to somebody, or reads and writes at.
  void note_composed(const Insn& insn, const FlowState& state) {
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
        if (insn.op != InsnOp::kAddress || !insn.absolute || map_.is_code(vaddr))
          refer(vaddr, width);
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

  bool is_inside(std::uint64_t vaddr) const {
    return vaddr >= function_.start && vaddr < function_.end;
  }

  /// Control goes on in another function, which may know what registers hold: its cold part does,
  /// and one that is called so as the last of this does not.
  void note_left(const Insn& insn, const FlowState& state) {
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

  void lose_all(const FlowValue& value) {
    for (const FlowValue& atom : flow_.sets().atoms(value)) {
      if ((atom.is(Kind::kAddress) || atom.is(Kind::kNear)) && !map_.is_code(atom.number))
        lose(atom.number);
    }
  }

  /// What an instruction with a constant address of data does there. One that takes it has no
  /// width, and neither has one that repeats itself.
  unsigned loaded_width(const Insn& insn) const {
    const bool repeats = insn.op == InsnOp::kOther && (insn.writes & machine_.string_pointers);
    if (insn.op == InsnOp::kAddress || repeats) return 0;
    return insn.memory_width;
  }

  /// Whoever reads a table of distances adds each to the table's address: it is read in no other
  /// way. `is_signed`: `insn` may load a distance.
  void note_other_reads(const Insn& insn, bool is_signed) {
    if (insn.vaddr != after_) held_.clear();
    after_ = insn.next();
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
    if (insn.op == InsnOp::kAddress && insn.absolute && insn.dst != kNoRegister)
      held_.emplace_back(insn.dst, static_cast<std::uint64_t>(insn.disp));
  }

  void note_references(const Insn& insn) {
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
      refer(static_cast<std::uint64_t>(insn.disp), 0);
    }
    if (insn.has_imm && map_.may_be_address(static_cast<std::uint64_t>(insn.imm))) {
      const auto vaddr = static_cast<std::uint64_t>(insn.imm);
      if (values_ && insn.op == InsnOp::kMove && is_elsewhere(vaddr) &&
          flow_.is_only_called(vaddr)) {
        called_.emplace_back(vaddr, 0);
      } else {
        refer(vaddr, 0);
      }
    }
  }

  /// Whether the address of code that it puts into a register is called or compared, no more.
  [[nodiscard]] bool only_calls(const Insn& insn) const {
    if (!values_) return false;
    const auto place = static_cast<std::uint64_t>(insn.disp);
    if (insn.op == InsnOp::kLoad) {
      return insn.width == kWord && flow_.is_only_called(place) &&
             slot_value(insn).is(Kind::kImport);
    }
    return insn.op == InsnOp::kAddress && is_elsewhere(place) && flow_.is_only_called(place);
  }

  [[nodiscard]] bool is_elsewhere(std::uint64_t vaddr) const {
    return map_.is_code(vaddr) && !map_.is_data(vaddr) &&
           (vaddr < function_.start || vaddr >= function_.end);
  }

  /// The large code model makes addresses of the GOT's, which is a label and a number of 64 bits,
  /// and of numbers of 64 bits more (psABI 1.0, 3.5.4).
  void note_number(const Insn& insn) {
    constexpr std::uint8_t kLong = 10;  // bytes of a move of 64 bits
    if (insn.op == InsnOp::kMove && insn.has_imm && insn.length == kLong) {
      numbers_.insert(static_cast<std::uint64_t>(insn.imm));
    }
    if (insn.op != InsnOp::kAddress || !insn.absolute) return;
    const auto label = static_cast<std::uint64_t>(insn.disp);
    if (label >= function_.start && label < function_.end) labels_.insert(label);
  }

  void refer_from_slots() {
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

  FlowValue slot_value(const Insn& insn) const {
    if (!insn.has_memory || !insn.absolute) return FlowValue::any();
    return map_.load(static_cast<std::uint64_t>(insn.disp), kWord);
  }

  /// It goes to `vaddr`, which `target` covers, but may not begin there.
  void note_inside(const Target& target, std::uint64_t vaddr) {
    if (is_inside(target, vaddr)) facts_.outside.push_back(vaddr);
  }

  [[nodiscard]] bool is_inside(const Target& target, std::uint64_t vaddr) const {
    if (target.kind != Target::Kind::kFunction) return false;
    // A stub leads to the function's beginning, wherever the stub lies.
    const FunctionRange& function = map_.table().functions[target.index];
    return vaddr > function.start && vaddr < function.end;
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
      add_call(insn, state, {Target::Kind::kFunction, false, 0, kNone}, is_jump);
    }
  }

  PassedFact passed(const Insn& insn, const FlowState& state, Place place, const FlowValue& value) {
    PassedFact fact;
    fact.place = place;
    if (value.is(Kind::kStack)) {
      // Who got an address of this stack before may write there while the callee runs.
      if (value.offset >= machine_.pushed || flow_.gives_away_elsewhere(insn.vaddr)) return fact;
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

  const ObjectMap& map_;
  const Machine& machine_;
  FunctionFlow& flow_;
  const FunctionRange& function_;
  bool go_;
  bool values_;
  std::set<std::uint64_t> labels_;    ///< its own, whose address it takes
  std::set<std::uint64_t> numbers_;   ///< of 64 bits
  std::uint32_t kept_registers_ = 0;  ///< those of its caller's that it stores at its argument
  std::int64_t last_nr_ = 0;
  /// Registers that hold the address of data, since an instruction just before; and where the next
  /// one is.
  std::vector<std::pair<int, std::uint64_t>> held_;
  std::uint64_t after_ = 0;
  FunctionFacts facts_;
  std::vector<PassedFact> passed_;  ///< by the call that is being looked at
  std::vector<std::uint64_t> found_;
  std::vector<std::pair<std::uint64_t, unsigned>> places_;
  /// Addresses of code that are called, no more; and slots that have them, with their width.
  std::vector<std::pair<std::uint64_t, unsigned>> called_;
  std::vector<std::uint64_t> unknown_calls_;  ///< calls and jumps to who knows where
  FlowValue before_left_;                     ///< of the choice that is being looked at
  FlowValue before_src_;
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
      {function.start, function.end, entries, go, values, function.framed},
      [&](const Insn& insn, const FlowState& state) { observer(insn, state); }, after);
  FunctionFacts facts = observer.take();
  facts.empty = has_no_code(map, function);
  return facts;
}

}  // namespace sysnare
