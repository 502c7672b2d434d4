// From a resolved profile to a program: one section an AUDIT_ARCH value, a tree over the numbers in
// each, the argument rules of single calls at its leaves. The graph shares what is equal.
//
// Rules of the house for what is emitted, since the kernel answers a call from its constant-allow
// cache only then (kernel/seccomp.c seccomp_is_const_allow(), Linux 5.11 to 6.18): on the way to an
// unconditional allow nothing but loads of nr and arch, JEQ, JGE, JGT, JSET and AND with a
// constant, JA, and a return of exactly SECCOMP_RET_ALLOW.

#include <linux/audit.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "arch/syscalls.h"
#include "filter/argument_rules.h"
#include "filter/filter.h"
#include "filter/graph.h"
#include "filter/machine.h"
#include "filter/number_tree.h"

namespace sysnare {
namespace {

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
  /// Numbers of one ABI, or of none that the profile lists.
  struct Span {
    std::uint32_t first = 0;
    std::uint32_t last = UINT32_MAX;
    std::optional<Abi> abi;
  };

  [[nodiscard]] std::vector<Span> spans(std::uint32_t arch) const {
    if (arch != AUDIT_ARCH_X86_64) return {{0, UINT32_MAX, listed_abi(profile_, arch, 0)}};
    // See listed_abi(): x86_64 below the x32 bit, x32 from it on, and -1 of both.
    std::vector<Span> spans = {
        {0, kX32Bit - 1, {}}, {kX32Bit, kSkippedNr - 1, {}}, {kSkippedNr, kSkippedNr, {}}};
    for (Span& span : spans) span.abi = listed_abi(profile_, arch, span.first);
    return spans;
  }

  Result<NodeId> section(std::uint32_t arch) {
    std::vector<Run> runs;
    for (const Span& span : spans(arch)) {
      if (!span.abi) {
        runs.push_back({span.first, graph_.ret(profile_.foreign_abi.value)});
      } else if (Result<void> added = add_runs(span, *span.abi, runs); !added) {
        return propagate(added);
      }
    }
    for (const NumberRange& range : profile_.answered_ahead) {
      if (range.arch == arch) overlay(range, runs);
    }
    return graph_.load(kNrWord, number_tree(graph_, join_runs(runs)));
  }

  Result<void> add_runs(const Span& span, Abi abi, std::vector<Run>& runs) {
    const NodeId otherwise = graph_.ret(profile_.default_action.value);
    // Calls that are known count alike: what the kernel does not know, nobody calls.
    const std::vector<Call> calls = syscalls_of(abi);
    auto known = calls.begin();
    const auto weight_until = [&](std::uint64_t end) {
      std::uint64_t weight = 0;
      for (; known != calls.end() && known->nr < end; ++known) ++weight;
      return weight;
    };
    weight_until(span.first);
    std::uint64_t next = span.first;
    for (auto each = profile_.rules.lower_bound(Call{abi, span.first});
         each != profile_.rules.end() && each->first.abi == abi && each->first.nr <= span.last;
         ++each) {
      const auto& [call, rules] = *each;
      if (next < call.nr) {
        runs.push_back({static_cast<std::uint32_t>(next), otherwise, weight_until(call.nr)});
      }
      Result<NodeId> decision = ArgumentRules(graph_, profile_, call).build(rules);
      if (!decision) return propagate(decision);
      next = std::uint64_t{call.nr} + 1;
      runs.push_back({call.nr, *decision, weight_until(next)});
    }
    if (next <= span.last) {
      runs.push_back({static_cast<std::uint32_t>(next), otherwise,
                      weight_until(std::uint64_t{span.last} + 1)});
    }
    return {};
  }

  /// Puts a range in the place of what `runs` say of its numbers.
  void overlay(const NumberRange& range, std::vector<Run>& runs) {
    const auto begins_after = [](std::uint32_t nr, const Run& run) { return nr < run.first; };
    auto behind = std::upper_bound(runs.begin(), runs.end(), range.last, begins_after);
    if (range.last != UINT32_MAX && (behind == runs.end() || behind->first != range.last + 1)) {
      const NodeId target = std::prev(behind)->target;
      behind = runs.insert(behind, {range.last + 1, target, 0});
    }
    const auto from =
        std::lower_bound(runs.begin(), behind, range.first,
                         [](const Run& run, std::uint32_t nr) { return run.first < nr; });
    runs.insert(runs.erase(from, behind), {range.first, graph_.ret(range.action.value), 0});
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
  filter.worst_steps = longest_path(*program);
  filter.program = std::move(*program);
  return filter;
}

}  // namespace sysnare
