// From a resolved profile to a program: one section an AUDIT_ARCH value, a tree over the numbers in
// each, the argument rules of single calls at its leaves. The graph shares what is equal.
//
// Rules of the house for what is emitted, since the kernel answers a call from its constant-allow
// cache only then (kernel/seccomp.c seccomp_is_const_allow(), Linux 5.11 to 6.18): on the way to an
// unconditional allow nothing but loads of nr and arch, JEQ, JGE, JGT, JSET and AND with a
// constant, JA, and a return of exactly SECCOMP_RET_ALLOW.

#include <linux/audit.h>

#include <algorithm>
#include <map>

#include "filter/argument_rules.h"
#include "filter/filter.h"
#include "filter/graph.h"
#include "filter/machine.h"
#include "filter/number_tree.h"

namespace sysnare {
namespace {

/// The longest path, in instructions.
std::uint32_t worst_path(std::span<const sock_filter> program) {
  std::vector<std::uint32_t> steps(program.size(), 1);
  for (std::size_t pc = program.size(); pc-- > 0;) {
    const sock_filter& insn = program[pc];
    if (BPF_CLASS(insn.code) == BPF_RET) continue;
    if (insn.code == (BPF_JMP | BPF_JA)) {
      steps[pc] = 1 + steps[pc + 1 + insn.k];
    } else if (BPF_CLASS(insn.code) == BPF_JMP) {
      steps[pc] = 1 + std::max(steps[pc + 1 + insn.jt], steps[pc + 1 + insn.jf]);
    } else {
      steps[pc] = 1 + steps[pc + 1];
    }
  }
  return steps.empty() ? 0 : steps.front();
}

class Compiler {
 public:
  explicit Compiler(const ResolvedProfile& profile) : profile_(profile) {}

  Result<std::vector<sock_filter>> run() {
    std::vector<std::uint32_t> archs;
    for (const Abi abi : profile_.abis) archs.push_back(audit_arch(abi));
    // The machine's own ABI is asked first: most calls are of it.
    const std::uint32_t native = audit_arch(native_abi());
    std::sort(archs.begin(), archs.end(), [&](std::uint32_t a, std::uint32_t b) {
      return std::pair(a != native, a) < std::pair(b != native, b);
    });
    archs.erase(std::unique(archs.begin(), archs.end()), archs.end());

    NodeId root = graph_.ret(profile_.foreign_abi.value);
    for (auto arch = archs.rbegin(); arch != archs.rend(); ++arch) {
      Result<NodeId> numbers = section(*arch);
      if (!numbers) return propagate(numbers);
      root = graph_.test(BPF_JEQ, *arch, *numbers, root);
    }
    return graph_.layout(graph_.load(kArchWord, root));
  }

 private:
  Result<NodeId> section(std::uint32_t arch) {
    const NodeId otherwise = graph_.ret(profile_.default_action.value);
    const NodeId foreign = graph_.ret(profile_.foreign_abi.value);
    std::map<std::uint32_t, NodeId> starts{{0, otherwise}};
    if (arch == AUDIT_ARCH_X86_64) {
      // See listed_abi(): x86_64 below the x32 bit, x32 from it on, and -1 of both.
      const auto owner = [&](std::uint32_t nr) {
        return listed_abi(profile_, arch, nr) ? otherwise : foreign;
      };
      starts = {{0, owner(0)}, {kX32Bit, owner(kX32Bit)}, {kSkippedNr, owner(kSkippedNr)}};
    }
    for (const auto& [call, rules] : profile_.rules) {
      // Rules of a call outside the listed ABIs never apply, as in evaluate().
      if (audit_arch(call.abi) != arch || listed_abi(profile_, arch, call.nr) != call.abi) continue;
      Result<NodeId> decision = ArgumentRules(graph_, profile_, call).build(rules);
      if (!decision) return decision;
      const NodeId behind = std::prev(starts.upper_bound(call.nr))->second;
      if (call.nr != UINT32_MAX) starts.emplace(call.nr + 1, behind);
      starts[call.nr] = *decision;
    }
    for (const NumberRange& range : profile_.answered_ahead) {
      if (range.arch != arch) continue;
      const NodeId behind = std::prev(starts.upper_bound(range.last))->second;
      starts.erase(starts.lower_bound(range.first), starts.upper_bound(range.last));
      if (range.last != UINT32_MAX) starts.emplace(range.last + 1, behind);
      starts[range.first] = graph_.ret(range.action.value);
    }
    std::vector<Run> runs;
    for (const auto& [first, target] : starts) runs.push_back({first, target});
    return graph_.load(kNrWord, number_tree(graph_, join_runs(runs)));
  }

  const ResolvedProfile& profile_;
  Graph graph_;
};

}  // namespace

Result<Filter> compile(const ResolvedProfile& profile) {
  Result<std::vector<sock_filter>> program = Compiler(profile).run();
  if (!program) return propagate(program);
  if (Result<void> proven = verify(*program, profile); !proven) {
    if (proven.error().code == Errc::kLimit) return propagate(proven);
    return propagate(proven, "the compiled filter is not what the profile says");
  }
  Filter filter;
  filter.worst_steps = worst_path(*program);
  filter.program = std::move(*program);
  return filter;
}

}  // namespace sysnare
