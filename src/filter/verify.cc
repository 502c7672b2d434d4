// Two ways, so that nothing rests on the reasoning of one. prove.h compares program and profile as
// functions of the whole call, which covers every value of every word. And calls are tried against
// evaluate(), the meaning of a profile: every number of the tables and around every constant of the
// program, with argument values of every class (argument_classes.h).

#include <algorithm>
#include <optional>
#include <set>

#include "arch/syscalls.h"
#include "base/text.h"
#include "filter/argument_classes.h"
#include "filter/filter.h"
#include "filter/machine.h"
#include "filter/prove.h"

namespace sysnare {
namespace {

/// Numbers behind each call of the tables that are tried, too: gaps, and calls of kernels to come.
/// Arm's own calls stand 983,000 numbers behind the others: no gap is tried as a whole.
constexpr std::uint32_t kBehindCalls = 64;

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
      : program_(program), profile_(profile) {}

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
    if (abi) {
      const auto rules = profile_.rules.find(Call{*abi, nr});
      if (rules != profile_.rules.end()) {
        for (const ResolvedRule& rule : rules->second) {
          for (const ArgCondition& condition : rule.conditions) {
            conditions.emplace_back(condition,
                                    compared_bits(profile_, {*abi, nr}, condition.index));
          }
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

  [[nodiscard]] std::set<std::uint32_t> constants() const {
    std::set<std::uint32_t> constants;
    for (const sock_filter& insn : program_) {
      if (BPF_CLASS(insn.code) != BPF_JMP && BPF_CLASS(insn.code) != BPF_ALU) continue;
      for (const std::uint32_t value : {insn.k - 1, insn.k, insn.k + 1}) constants.insert(value);
    }
    return constants;
  }

  [[nodiscard]] std::set<std::uint32_t> archs() const {
    std::set<std::uint32_t> archs = {0, 1, UINT32_MAX};
    for (const Abi abi : all_abis()) archs.insert(audit_arch(abi));
    // What the program compares with may be an architecture that no table here knows. Numbers and
    // arguments among the constants are tried as architectures at no great cost: one run each.
    archs.merge(constants());
    return archs;
  }

  [[nodiscard]] std::set<std::uint32_t> numbers(std::uint32_t arch) const {
    std::set<std::uint32_t> numbers = constants();
    for (const std::uint32_t nr : {0u, kX32Bit - 1, kX32Bit, 2 * kX32Bit - 1, 2 * kX32Bit,
                                   3 * kX32Bit, UINT32_MAX - 1, UINT32_MAX}) {
      numbers.insert(nr);
    }
    for (const Abi abi : all_abis()) {
      if (audit_arch(abi) != arch) continue;
      const std::vector<Call> calls = syscalls_of(abi);
      for (std::size_t i = 0; i < calls.size(); ++i) {
        std::uint32_t end = calls[i].nr + kBehindCalls;
        if (i + 1 < calls.size()) end = std::min(end, calls[i + 1].nr);
        for (std::uint32_t nr = calls[i].nr; nr < end; ++nr) numbers.insert(nr);
      }
    }
    for (const auto& [call, rules] : profile_.rules) {
      if (audit_arch(call.abi) != arch) continue;
      for (const std::uint32_t nr : {call.nr - 1, call.nr, call.nr + 1}) numbers.insert(nr);
    }
    return numbers;
  }

  std::span<const sock_filter> program_;
  const ResolvedProfile& profile_;
  std::optional<seccomp_data> witness_;
};

}  // namespace

Result<void> verify(std::span<const sock_filter> program, const ResolvedProfile& profile) {
  if (Result<void> checked = check_program(program); !checked) return checked;
  return Verifier(program, profile).run();
}

}  // namespace sysnare
