// Two ways, so that nothing rests on the reasoning of one. prove.h compares program and profile as
// functions of the whole call, which covers every value of every word. And calls are tried against
// evaluate(), the meaning of a profile: one number of every class that the constants of the program
// and the rules of the profile make, taken from the bare list of constants and not from any
// reasoning about paths, with argument values of every class (argument_classes.h).

#include <algorithm>
#include <optional>
#include <vector>

#include "arch/syscalls.h"
#include "base/text.h"
#include "filter/argument_classes.h"
#include "filter/filter.h"
#include "filter/machine.h"
#include "filter/prove.h"

namespace sysnare {
namespace {

void sort_once(std::vector<std::uint32_t>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

std::string describe(const seccomp_data& call) {
  const auto nr = static_cast<std::uint32_t>(call.nr);
  const auto abi = abi_of(call.arch, nr);
  const std::string name = abi ? fmt::format("{} {}", abi_name(*abi), call_label({*abi, nr}))
                               : fmt::format("architecture {:#x} call {}", call.arch, nr);
  return fmt::format("{} (nr {:#x}; {}, {}, {}, {}, {}, {})", name, nr, hex(call.args[0]),
                     hex(call.args[1]), hex(call.args[2]), hex(call.args[3]), hex(call.args[4]),
                     hex(call.args[5]));
}

class Verifier {
 public:
  Verifier(std::span<const sock_filter> program, const ResolvedProfile& profile)
      : program_(program), profile_(profile) {
    for (const auto& [call, rules] : profile.rules) {
      const bool asks = std::any_of(rules.begin(), rules.end(), [](const ResolvedRule& rule) {
        return !rule.conditions.empty();
      });
      if (asks) asking_.push_back(call);
    }
    for (const sock_filter& insn : program) {
      if (BPF_CLASS(insn.code) != BPF_JMP && BPF_CLASS(insn.code) != BPF_ALU) continue;
      constants_.push_back(insn.k);
      // Where a class ends, the next begins. (JGE alone asks nothing about its constant's
      // successor.)
      if (insn.code != (BPF_JMP | BPF_JGE | BPF_K)) constants_.push_back(insn.k + 1);
    }
    sort_once(constants_);
  }

  Result<void> run() {
    Result<std::optional<seccomp_data>> difference = find_difference(program_, profile_);
    if (!difference) return propagate(difference);
    witness_ = *difference;
    if (witness_) return witness();
    return try_calls();
  }

 private:
  Result<void> try_calls() {
    for (const std::uint32_t arch : archs()) {
      seccomp_data call{};
      call.arch = arch;
      bool same_for_all_numbers = false;
      check_call(call, same_for_all_numbers);
      if (witness_) return witness();
      if (same_for_all_numbers) continue;
      for (const std::uint32_t nr : numbers(arch)) {
        call.nr = static_cast<int>(nr);
        check_call(call, same_for_all_numbers);
        if (witness_) return witness();
      }
    }
    return {};
  }

  Result<void> witness() const {
    const ActionValue is{run_program(program_, *witness_).value};
    return fail(Errc::kBadInput, "{}: the filter says {} ({:#010x}), the profile {} ({:#010x})",
                describe(*witness_), action_label(is), is.value,
                action_label(evaluate(profile_, *witness_)), evaluate(profile_, *witness_).value);
  }

  bool same(const seccomp_data& call) {
    if (run_program(program_, call).value == evaluate(profile_, call).value) return true;
    witness_ = call;
    return false;
  }

  void check_call(const seccomp_data& call, bool& same_for_all_numbers) {
    const auto nr = static_cast<std::uint32_t>(call.nr);
    const Outcome outcome = run_program(program_, call);
    if (outcome.value != evaluate(profile_, call).value) {
      witness_ = call;
      return;
    }
    const auto abi = listed_abi(profile_, call.arch, nr);
    std::vector<std::pair<ArgCondition, unsigned>> conditions;
    if (abi && std::binary_search(asking_.begin(), asking_.end(), Call{*abi, nr})) {
      for (const ResolvedRule& rule : profile_.rules.at({*abi, nr})) {
        for (const ArgCondition& condition : rule.conditions) {
          conditions.emplace_back(condition, compared_bits(profile_, {*abi, nr}, condition.index));
        }
      }
    }
    if (outcome.read_rest || !conditions.empty()) {
      for_argument_classes(program_, conditions, call,
                           [&](const seccomp_data& tried) { return same(tried); });
      return;
    }
    // Neither looks at anything but the architecture.
    const bool listed = std::any_of(profile_.abis.begin(), profile_.abis.end(),
                                    [&](Abi each) { return audit_arch(each) == call.arch; });
    same_for_all_numbers = !listed && !outcome.read_nr;
  }

  [[nodiscard]] std::vector<std::uint32_t> archs() const {
    // What the program compares with may be an architecture that no table here knows. Numbers and
    // arguments among the constants are tried as architectures at no great cost: one run each.
    std::vector<std::uint32_t> archs = constants_;
    archs.insert(archs.end(), {0, 1, UINT32_MAX});
    for (const Abi abi : all_abis()) archs.push_back(audit_arch(abi));
    sort_once(archs);
    return archs;
  }

  [[nodiscard]] std::vector<std::uint32_t> numbers(std::uint32_t arch) const {
    std::vector<std::uint32_t> numbers = constants_;
    numbers.insert(numbers.end(), {0, kX32Bit - 1, kX32Bit, 2 * kX32Bit - 1, 2 * kX32Bit,
                                   3 * kX32Bit, UINT32_MAX - 1, UINT32_MAX});
    for (const auto& [call, rules] : profile_.rules) {
      if (audit_arch(call.abi) == arch) numbers.insert(numbers.end(), {call.nr, call.nr + 1});
    }
    for (const NumberRange& range : profile_.answered_ahead) {
      if (range.arch == arch) numbers.insert(numbers.end(), {range.first, range.last + 1});
    }
    sort_once(numbers);
    return numbers;
  }

  std::span<const sock_filter> program_;
  const ResolvedProfile& profile_;
  std::vector<Call> asking_;              ///< calls whose rules have conditions, sorted
  std::vector<std::uint32_t> constants_;  ///< of the program, and their successors; sorted
  std::optional<seccomp_data> witness_;
};

}  // namespace

Result<void> verify(std::span<const sock_filter> program, const ResolvedProfile& profile) {
  if (Result<void> checked = check_program(program); !checked) return checked;
  return Verifier(program, profile).run();
}

}  // namespace sysnare
