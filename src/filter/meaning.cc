#include "filter/meaning.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>

#include "filter/filter.h"
#include "filter/machine.h"
#include "filter/number_pieces.h"

namespace sysnare {
namespace {

using Id = DecisionDiagram::Id;
using Kind = WordTest::Kind;

/// Where a program runs: on one architecture, or on all that no table knows.
struct Place {
  std::optional<std::uint32_t> arch;
  bool big_endian = false;
  bool narrow = false;  ///< 32-bit registers
};

/// A register or memory word: a constant, or some bits of a word of the call.
struct Value {
  bool is_word = false;
  std::uint32_t value = 0;  ///< the constant, or the index of the word
  std::uint32_t mask = UINT32_MAX;
  auto operator<=>(const Value&) const = default;
};

struct State {
  Value a;
  Value x;
  std::map<std::uint32_t, Value> memory;
  auto operator<=>(const State&) const = default;
};

Failure too_entangled() {
  return fail(Errc::kLimit,
              "the decisions are too entangled to be compared (more than {} nodes or {} steps)",
              DecisionDiagram::kMaxNodes, DecisionDiagram::kMaxSteps);
}

/// Sets by action as one diagram.
Id joined(DecisionDiagram& diagram, const std::map<std::uint32_t, Id>& sets) {
  Id all = diagram.leaf(sets.begin()->first);
  for (const auto& [action, calls] : sets) {
    all = diagram.choose(calls, diagram.leaf(action), all);
  }
  return all;
}

class Run {
 public:
  Run(DecisionDiagram& diagram, std::span<const sock_filter> program, const Place& place)
      : diagram_(diagram), program_(program), place_(place), none_(diagram.constant(0)) {}

  /// What becomes of `calls` that come to instruction `start`, by action; A, X and the memory are
  /// not asked for there. None of the sets is empty.
  Result<std::map<std::uint32_t, Id>> run(Id calls, std::size_t start = 0) {
    reached_.resize(program_.size());
    add(reached_[start], State{}, calls);
    std::size_t states = 0;
    for (std::size_t pc = start; pc < program_.size() && !diagram_.full(); ++pc) {
      // Jumps go forward: all calls that come here are known by now.
      for (const auto& [state, here] : reached_[pc]) {
        if (++states > kMaxStates) {
          return fail(Errc::kLimit,
                      "instruction {}: the program keeps more values apart than are compared ({})",
                      pc, kMaxStates);
        }
        if (!step(pc, state, here)) {
          return fail(
              Errc::kUnsupported,
              "instruction {}: code {:#06x} computes with a word of the call; only AND with "
              "a constant and comparisons are understood",
              pc, program_[pc].code);
        }
      }
      reached_[pc].clear();
    }
    if (diagram_.full()) {
      return too_entangled();
    }
    return returned_;
  }

 private:
  /// Real programs have one or two an instruction.
  static constexpr std::size_t kMaxStates = 8 * BPF_MAXINSNS;

  template <typename Key>
  void add(std::map<Key, Id>& to, const Key& key, Id calls) {
    if (calls == none_) return;
    Id& sum = to.try_emplace(key, none_).first->second;
    sum = diagram_.choose(calls, diagram_.constant(1), sum);
  }

  void arrive(std::size_t pc, State state, Id calls) {
    // What is not looked at again need not be kept apart.
    const std::uint16_t code = program_[pc].code;
    if (code == (BPF_LD | BPF_W | BPF_ABS) || code == (BPF_LD | BPF_IMM) ||
        code == (BPF_RET | BPF_K)) {
      state.a = {};
    }
    add(reached_[pc], state, calls);
  }

  [[nodiscard]] Value load(std::uint32_t word) const {
    if (word == kArchWord && place_.arch) return {false, *place_.arch};
    if (!place_.arch || word < kArgsWord) return {true, word};
    if (place_.big_endian) word ^= 1;
    if (place_.narrow && (word & 1) != 0) return {false, 0};
    return {true, word};
  }

  /// Whether the instruction is understood.
  bool step(std::size_t pc, const State& state, Id calls) {
    const sock_filter& insn = program_[pc];
    const Value operand = BPF_SRC(insn.code) == BPF_X ? state.x : Value{false, insn.k};
    State next = state;
    switch (BPF_CLASS(insn.code)) {
      case BPF_RET: {
        const bool of_a = BPF_RVAL(insn.code) == BPF_A;
        if (of_a && state.a.is_word) return false;
        add(returned_, normal_action(of_a ? state.a.value : insn.k).value, calls);
        return true;
      }
      case BPF_JMP:
        if (insn.code == (BPF_JMP | BPF_JA)) {
          arrive(pc + 1 + insn.k, next, calls);
          return true;
        }
        return branch(pc, state, operand, calls);
      case BPF_LD:
        next.a = loaded(insn, state);
        break;
      case BPF_LDX:
        next.x = loaded(insn, state);
        break;
      case BPF_ST:
        next.memory[insn.k] = state.a;
        break;
      case BPF_STX:
        next.memory[insn.k] = state.x;
        break;
      case BPF_ALU: {
        if (BPF_OP(insn.code) == BPF_AND && state.a.is_word != operand.is_word) {
          next.a = state.a.is_word ? state.a : operand;
          next.a.mask &= state.a.is_word ? operand.value : state.a.value;
          break;
        }
        if (state.a.is_word || operand.is_word) return false;
        // Division by an X of 0 ends the program.
        if (BPF_OP(insn.code) == BPF_DIV && operand.value == 0) {
          add(returned_, normal_action(0).value, calls);
          return true;
        }
        next.a = {false, computed(BPF_OP(insn.code), state.a.value, operand.value)};
        break;
      }
      default:
        if (insn.code == (BPF_MISC | BPF_TAX)) {
          next.x = state.a;
        } else {
          next.a = state.x;
        }
    }
    arrive(pc + 1, next, calls);
    return true;
  }

  [[nodiscard]] Value loaded(const sock_filter& insn, const State& state) const {
    switch (BPF_MODE(insn.code)) {
      case BPF_ABS:
        return load(insn.k / 4);
      case BPF_MEM:
        // check_program() has seen that it is written on every way here.
        return state.memory.at(insn.k);
      case BPF_LEN:
        return {false, sizeof(seccomp_data)};
      default:
        return {false, insn.k};
    }
  }

  static std::uint32_t computed(std::uint16_t op, std::uint32_t a, std::uint32_t by) {
    switch (op) {
      case BPF_ADD:
        return a + by;
      case BPF_SUB:
        return a - by;
      case BPF_MUL:
        return a * by;
      case BPF_DIV:
        return a / by;
      case BPF_AND:
        return a & by;
      case BPF_OR:
        return a | by;
      case BPF_XOR:
        return a ^ by;
      case BPF_LSH:
        return a << (by & 31);
      case BPF_RSH:
        return a >> (by & 31);
      default:
        return 0 - a;
    }
  }

  bool branch(std::size_t pc, const State& state, const Value& operand, Id calls) {
    const sock_filter& insn = program_[pc];
    const std::uint16_t op = BPF_OP(insn.code);
    if (operand.is_word) return false;
    const std::uint32_t k = operand.value;
    Id condition = none_;
    if (!state.a.is_word) {
      const std::uint32_t a = state.a.value;
      const bool yes = op == BPF_JEQ   ? a == k
                       : op == BPF_JGE ? a >= k
                       : op == BPF_JGT ? a > k
                                       : (a & k) != 0;
      condition = diagram_.constant(yes ? 1 : 0);
    } else if (op == BPF_JSET) {
      condition = diagram_.holds({Kind::kAbove, state.a.value, state.a.mask & k, 0});
    } else {
      const Kind kind = op == BPF_JEQ   ? Kind::kEqual
                        : op == BPF_JGE ? Kind::kAtLeast
                                        : Kind::kAbove;
      condition = diagram_.holds({kind, state.a.value, state.a.mask, k});
    }
    arrive(pc + 1 + insn.jt, state, diagram_.choose(condition, calls, none_));
    arrive(pc + 1 + insn.jf, state, diagram_.choose(condition, none_, calls));
    return true;
  }

  DecisionDiagram& diagram_;
  std::span<const sock_filter> program_;
  Place place_;
  Id none_;
  std::vector<std::map<State, Id>> reached_;  ///< by instruction: which calls come in which state
  std::map<std::uint32_t, Id> returned_;
};

/// The numbers of one architecture first, and from each piece of them the arguments alone: one
/// diagram of all calls of a long list of numbers takes a thousand times as long.
class Section {
 public:
  Section(DecisionDiagram& diagram, std::span<const sock_filter> program, const Place& place)
      : diagram_(diagram), program_(program), place_(place) {}

  /// Number and arguments to action. Empty when the numbers are not to be had in pieces.
  Result<std::optional<Id>> of(std::uint32_t arch) {
    const auto pieces = number_pieces(program_, arch);
    if (!pieces) return std::optional<Id>();
    std::vector<std::pair<std::uint32_t, Id>> starts;
    for (const NumberPiece& piece : *pieces) {
      Result<Id> decided =
          piece.value ? diagram_.leaf(normal_action(*piece.value).value) : behind(piece.pc);
      if (!decided) return propagate(decided);
      if (starts.empty() || starts.back().second != *decided) {
        starts.emplace_back(piece.first, *decided);
      }
    }
    return std::optional(tree(starts, 0, starts.size()));
  }

 private:
  /// What the program decides from `pc` on, which loads an argument.
  Result<Id> behind(std::size_t pc) {
    if (const auto known = known_.find(pc); known != known_.end()) return known->second;
    Result<std::map<std::uint32_t, Id>> sets =
        Run(diagram_, program_, place_).run(diagram_.constant(1), pc);
    if (!sets) return propagate(sets);
    const Id made = joined(diagram_, *sets);
    known_.emplace(pc, made);
    return made;
  }

  Id tree(const std::vector<std::pair<std::uint32_t, Id>>& starts, std::size_t from,
          std::size_t end) {
    if (end - from == 1) return starts[from].second;
    const std::size_t middle = from + (end - from) / 2;
    const Id above = diagram_.holds({Kind::kAtLeast, kNrWord, UINT32_MAX, starts[middle].first});
    return diagram_.choose(above, tree(starts, middle, end), tree(starts, from, middle));
  }

  DecisionDiagram& diagram_;
  std::span<const sock_filter> program_;
  Place place_;
  std::map<std::size_t, Id> known_;
};

/// Of architectures that no table knows, all of `unknown`: by action. Empty as Section::of().
Result<std::optional<std::map<std::uint32_t, Id>>> elsewhere_in_pieces(
    DecisionDiagram& diagram, std::span<const sock_filter> program, Id unknown) {
  const auto none = std::optional<std::map<std::uint32_t, Id>>();
  const auto starts = arch_ranges(program);
  if (!starts) return none;
  Section section(diagram, program, Place{});
  std::optional<Id> decided;
  for (const std::uint32_t first : *starts) {
    Result<std::optional<Id>> here = section.of(first);
    if (!here) return propagate(here);
    if (!*here) return none;
    const Id from = diagram.holds({Kind::kAtLeast, kArchWord, UINT32_MAX, first});
    decided = decided ? diagram.choose(from, **here, *decided) : **here;
  }
  std::map<std::uint32_t, Id> sets;
  for (const ActionValue action : actions_of(diagram, *decided)) {
    const Id calls =
        diagram.choose(unknown, calls_with(diagram, *decided, action.value), diagram.constant(0));
    if (calls != diagram.constant(0)) sets.emplace(action.value, calls);
  }
  return std::optional(std::move(sets));
}

class Ranges {
 public:
  explicit Ranges(const DecisionDiagram& diagram) : diagram_(diagram) {}

  /// `left` bits of the number are open below `first`. Whether it stays within the limit.
  bool walk(std::uint32_t first, std::uint32_t left, Id a, Id b) {
    const auto asked_a = about_number(a);
    const auto asked_b = about_number(b);
    if (!asked_a && !asked_b) {
      const std::uint64_t size = std::uint64_t{1} << left;
      const auto last = static_cast<std::uint32_t>(first + size - 1);
      if (!found.empty() && found.back().a == a && found.back().b == b) {
        found.back().last = last;
        return true;
      }
      found.push_back({first, last, a, b});
      return found.size() <= kMaxDecisionRanges;
    }
    const std::uint32_t bit = left - 1;
    const auto side = [&](const auto& asked, Id id, bool high) {
      if (!asked || asked->bit != bit) return id;
      return high ? asked->high : asked->low;
    };
    return walk(first, bit, side(asked_a, a, false), side(asked_b, b, false)) &&
           walk(first | 1u << bit, bit, side(asked_a, a, true), side(asked_b, b, true));
  }

  std::vector<DecisionRange> found;

 private:
  [[nodiscard]] std::optional<DecisionDiagram::Question> about_number(Id id) const {
    const auto asked = diagram_.question(id);
    return asked && asked->word == kNrWord ? asked : std::nullopt;
  }

  const DecisionDiagram& diagram_;
};

}  // namespace

ActionValue normal_action(std::uint32_t value) {
  const ActionValue action{value};
  switch (action.action()) {
    case SECCOMP_RET_ERRNO:
      return {SECCOMP_RET_ERRNO | std::min<std::uint32_t>(action.data(), kMaxErrno)};
    case SECCOMP_RET_TRAP:
    case SECCOMP_RET_TRACE:
      return action;
    case SECCOMP_RET_KILL_THREAD:
    case SECCOMP_RET_USER_NOTIF:
    case SECCOMP_RET_LOG:
    case SECCOMP_RET_ALLOW:
      return {action.action()};
    default:
      return {SECCOMP_RET_KILL_PROCESS};
  }
}

Result<FilterMeaning> meaning_of(DecisionDiagram& diagram, std::span<const sock_filter> program) {
  if (Result<void> checked = check_program(program); !checked) return propagate(checked);
  FilterMeaning meaning;
  const Id every = diagram.constant(1);
  const Id none = diagram.constant(0);
  Id unknown = every;
  for (const Abi abi : all_abis()) {
    const std::uint32_t arch = audit_arch(abi);
    if (meaning.sections.contains(arch)) continue;
    const Place place{arch, is_big_endian(abi), register_bits(abi) == 32};
    Result<std::optional<Id>> section = Section(diagram, program, place).of(arch);
    if (!section) return propagate(section);
    if (!*section) {
      Result<std::map<std::uint32_t, Id>> sets = Run(diagram, program, place).run(every);
      if (!sets) return propagate(sets);
      *section = joined(diagram, *sets);
    }
    meaning.sections.emplace(arch, **section);
    unknown =
        diagram.choose(diagram.holds({Kind::kEqual, kArchWord, UINT32_MAX, arch}), none, unknown);
  }
  Result<std::optional<std::map<std::uint32_t, Id>>> pieces =
      elsewhere_in_pieces(diagram, program, unknown);
  if (!pieces) return propagate(pieces);
  if (*pieces) {
    meaning.elsewhere = std::move(**pieces);
  } else {
    Result<std::map<std::uint32_t, Id>> sets = Run(diagram, program, Place{}).run(unknown);
    if (!sets) return propagate(sets);
    meaning.elsewhere = std::move(*sets);
  }
  if (diagram.full()) return too_entangled();
  return meaning;
}

Result<std::vector<DecisionRange>> decision_ranges(const DecisionDiagram& diagram, Id a, Id b) {
  Ranges ranges(diagram);
  if (!ranges.walk(0, 32, a, b)) {
    return fail(Errc::kLimit, "the decisions by number change more than {} times",
                kMaxDecisionRanges);
  }
  return std::move(ranges.found);
}

std::vector<ActionValue> actions_of(const DecisionDiagram& diagram, Id decided) {
  std::set<ActionValue> actions;
  std::set<Id> seen;
  std::vector<Id> open{decided};
  while (!open.empty()) {
    const Id id = open.back();
    open.pop_back();
    if (!seen.insert(id).second) continue;
    if (const auto asked = diagram.question(id)) {
      open.push_back(asked->low);
      open.push_back(asked->high);
    } else {
      actions.insert(ActionValue{diagram.value(id)});
    }
  }
  return {actions.begin(), actions.end()};
}

Id calls_with(DecisionDiagram& diagram, Id decided, std::uint32_t value) {
  std::map<Id, Id> known;
  // At most one step a bit of the call: 512 deep.
  const std::function<Id(Id)> go = [&](Id id) -> Id {
    const auto asked = diagram.question(id);
    if (!asked) return diagram.constant(diagram.value(id) == value ? 1 : 0);
    if (const auto found = known.find(id); found != known.end()) return found->second;
    const std::uint32_t bit = 1u << asked->bit;
    const Id low = go(asked->low);
    const Id high = go(asked->high);
    const Id made = diagram.choose(diagram.holds({Kind::kEqual, asked->word, bit, bit}), high, low);
    known.emplace(id, made);
    return made;
  };
  return go(decided);
}

}  // namespace sysnare
