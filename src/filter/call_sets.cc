#include "filter/call_sets.h"

#include <linux/audit.h>

#include <algorithm>
#include <iterator>

#include "filter/machine.h"

namespace sysnare {

using Kind = WordTest::Kind;

CallSets RuleSets::of_profile() {
  CallSets all = {{profile_.foreign_abi.value, diagram_.constant(1)}};
  for (const Abi abi : profile_.abis) {
    // x32 shares its architecture with x86_64: the two are joined by their numbers.
    const WordTest is_arch{Kind::kEqual, kArchWord, UINT32_MAX, audit_arch(abi)};
    lay(diagram_.holds(is_arch), numbers(audit_arch(abi)), all);
  }
  return all;
}

bool RuleSets::lists(Abi abi) const {
  return std::find(profile_.abis.begin(), profile_.abis.end(), abi) != profile_.abis.end();
}

/// Puts `over` in the place of `under` where `condition` holds.
void RuleSets::lay(Id condition, const CallSets& over, CallSets& under) {
  const Id none = diagram_.constant(0);
  for (const auto& [value, calls] : over) under.try_emplace(value, none);
  for (auto each = under.begin(); each != under.end();) {
    const auto found = over.find(each->first);
    each->second =
        diagram_.choose(condition, found == over.end() ? none : found->second, each->second);
    each = each->second == none ? under.erase(each) : std::next(each);
  }
}

CallSets RuleSets::numbers(std::uint32_t arch) {
  const Id every = diagram_.constant(1);
  const CallSets otherwise = {{profile_.default_action.value, every}};
  const CallSets foreign = {{profile_.foreign_abi.value, every}};
  // Where another decision starts; one test a run of equal ones, as real profiles have few.
  std::map<std::uint32_t, CallSets> starts{{0, otherwise}};
  if (arch == AUDIT_ARCH_X86_64) {
    starts = {{0, lists(Abi::kX86_64) ? otherwise : foreign},
              {kX32Bit, lists(Abi::kX32) ? otherwise : foreign},
              {kSkippedNr, otherwise}};
  }
  for (const auto& [call, rules] : profile_.rules) {
    if (audit_arch(call.abi) != arch || listed_abi(profile_, arch, call.nr) != call.abi) continue;
    const CallSets behind = std::prev(starts.upper_bound(call.nr))->second;
    if (call.nr != UINT32_MAX) starts.emplace(call.nr + 1, behind);
    starts[call.nr] = of_call(call, rules, profile_.default_action.value);
  }
  for (const NumberRange& range : profile_.answered_ahead) {
    if (range.arch != arch) continue;
    const CallSets behind = std::prev(starts.upper_bound(range.last))->second;
    starts.erase(starts.lower_bound(range.first), starts.upper_bound(range.last));
    if (range.last != UINT32_MAX) starts.emplace(range.last + 1, behind);
    starts[range.first] = {{range.action.value, every}};
  }
  CallSets all = starts.begin()->second;
  const CallSets* last = &starts.begin()->second;
  for (const auto& [first, decided] : starts) {
    if (decided == *last) continue;
    last = &decided;
    lay(diagram_.holds({Kind::kAtLeast, kNrWord, UINT32_MAX, first}), decided, all);
  }
  return all;
}

CallSets RuleSets::of_call(Call call, const std::vector<ResolvedRule>& rules,
                           std::uint32_t otherwise) {
  // The highest in rank decides, of equals the first; the next one what is left by then.
  std::vector<const ResolvedRule*> order;
  for (const ResolvedRule& rule : rules) order.push_back(&rule);
  std::stable_sort(order.begin(), order.end(), [](const ResolvedRule* a, const ResolvedRule* b) {
    return outranks(a->action, b->action);
  });
  const Id none = diagram_.constant(0);
  const Id every = diagram_.constant(1);
  CallSets sets;
  const auto add = [&](std::uint32_t value, Id calls) {
    if (calls == none) return;
    Id& sum = sets.try_emplace(value, none).first->second;
    sum = diagram_.choose(calls, every, sum);
  };
  Id left = every;
  for (const ResolvedRule* rule : order) {
    if (left == none || diagram_.full()) break;
    Id holds = every;
    for (const ArgCondition& each : rule->conditions) {
      holds = diagram_.choose(condition(call, each), holds, none);
    }
    add(rule->action.value, diagram_.choose(holds, left, none));
    left = diagram_.choose(holds, none, left);
  }
  add(otherwise, left);
  return sets;
}

DecisionDiagram::Id RuleSets::condition(Call call, const ArgCondition& condition) {
  const Id never = diagram_.constant(0);
  if (condition.index >= kArgCount) return never;
  const unsigned bits = compared_bits(profile_, call, condition.index);
  const std::uint64_t kept = bits >= 64 ? UINT64_MAX : (std::uint64_t{1} << bits) - 1;
  const std::uint64_t value = condition.value & kept;
  switch (condition.op) {
    case Op::kEq:
      return whole(call, condition.index, Kind::kEqual, kept, value);
    case Op::kNe:
      return negated(whole(call, condition.index, Kind::kEqual, kept, value));
    case Op::kGe:
      return whole(call, condition.index, Kind::kAtLeast, kept, value);
    case Op::kLt:
      return negated(whole(call, condition.index, Kind::kAtLeast, kept, value));
    case Op::kGt:
      return whole(call, condition.index, Kind::kAbove, kept, value);
    case Op::kLe:
      return negated(whole(call, condition.index, Kind::kAbove, kept, value));
    case Op::kMaskedEq:
      return whole(call, condition.index, Kind::kEqual, value, condition.value_two & kept);
  }
  return never;
}

/// `argument & mask` compared with `k`, by the high words and, where those are equal, the low.
DecisionDiagram::Id RuleSets::whole(Call call, unsigned index, Kind kind, std::uint64_t mask,
                                    std::uint64_t k) {
  const auto test = [&](Kind each, bool high) {
    const auto half = [&](std::uint64_t of) {
      return static_cast<std::uint32_t>(high ? of >> 32 : of);
    };
    return diagram_.holds(
        {each, arg_word(index, high, is_big_endian(call.abi)), half(mask), half(k)});
  };
  const Id high_above = kind == Kind::kEqual ? diagram_.constant(0) : test(Kind::kAbove, true);
  return diagram_.choose(test(Kind::kEqual, true), test(kind, false), high_above);
}

Result<CallSets> ProgramSets::from(std::size_t start) {
  // Jumps go forward: when an instruction's turn comes, all calls that reach it are known. (From
  // the end, by what each instruction decides, costs a hundred times as much: that is a function
  // of all calls, of which few get there.)
  reached_.resize(program_.size());
  reached_[start].emplace(Accumulator{}, diagram_.constant(1));
  std::size_t states = 0;
  for (std::size_t pc = start; pc < program_.size() && !diagram_.full(); ++pc) {
    for (const auto& [a, calls] : reached_[pc]) {
      if (++states > kMaxStates || !is_modelled(program_[pc], a)) {
        return fail(Errc::kUnsupported, "instruction {}: code {:#06x} is not compared", pc,
                    program_[pc].code);
      }
      step(pc, a, calls);
    }
    reached_[pc].clear();
  }
  return returned_;
}

bool ProgramSets::is_modelled(const sock_filter& insn, const Accumulator& a) {
  switch (insn.code) {
    case BPF_LD | BPF_W | BPF_ABS:
    case BPF_LD | BPF_IMM:
    case BPF_ALU | BPF_AND | BPF_K:
    case BPF_JMP | BPF_JA:
    case BPF_JMP | BPF_JEQ | BPF_K:
    case BPF_JMP | BPF_JGE | BPF_K:
    case BPF_JMP | BPF_JGT | BPF_K:
    case BPF_JMP | BPF_JSET | BPF_K:
    case BPF_RET | BPF_K:
      return true;
    case BPF_RET | BPF_A:
      return !a.is_word;
    default:
      return false;
  }
}

ProgramSets::Accumulator ProgramSets::after(const sock_filter& insn, Accumulator a) {
  if (insn.code == (BPF_LD | BPF_W | BPF_ABS)) return {true, insn.k / 4, UINT32_MAX};
  if (insn.code == (BPF_LD | BPF_IMM)) return {false, insn.k, UINT32_MAX};
  // AND, of all that is modelled.
  (a.is_word ? a.mask : a.value) &= insn.k;
  return a;
}

void ProgramSets::step(std::size_t pc, const Accumulator& a, Id calls) {
  const sock_filter& insn = program_[pc];
  if (BPF_CLASS(insn.code) == BPF_RET) {
    add(returned_, BPF_RVAL(insn.code) == BPF_A ? a.value : insn.k, calls);
  } else if (insn.code == (BPF_JMP | BPF_JA)) {
    add(reached_[pc + 1 + insn.k], a, calls);
  } else if (BPF_CLASS(insn.code) == BPF_JMP) {
    const Id none = diagram_.constant(0);
    const Id condition = jumps(insn, a);
    add(reached_[pc + 1 + insn.jt], a, diagram_.choose(condition, calls, none));
    add(reached_[pc + 1 + insn.jf], a, diagram_.choose(condition, none, calls));
  } else {
    const Accumulator next = after(insn, a);
    reads_number_ |= next.is_word && next.value < kIpWord;
    add(reached_[pc + 1], next, calls);
  }
}

DecisionDiagram::Id ProgramSets::jumps(const sock_filter& insn, const Accumulator& a) {
  const std::uint16_t op = BPF_OP(insn.code);
  if (!a.is_word) {
    const bool yes = op == BPF_JEQ   ? a.value == insn.k
                     : op == BPF_JGE ? a.value >= insn.k
                     : op == BPF_JGT ? a.value > insn.k
                                     : (a.value & insn.k) != 0;
    return diagram_.constant(yes ? 1 : 0);
  }
  if (op == BPF_JEQ) return diagram_.holds({Kind::kEqual, a.value, a.mask, insn.k});
  if (op == BPF_JGE) return diagram_.holds({Kind::kAtLeast, a.value, a.mask, insn.k});
  if (op == BPF_JGT) return diagram_.holds({Kind::kAbove, a.value, a.mask, insn.k});
  return diagram_.holds({Kind::kAbove, a.value, a.mask & insn.k, 0});
}

}  // namespace sysnare
