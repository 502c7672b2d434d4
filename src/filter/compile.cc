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
#include "base/text.h"
#include "filter/argument_rules.h"
#include "filter/filter.h"
#include "filter/graph.h"
#include "filter/machine.h"
#include "filter/number_tree.h"

namespace sysnare {
namespace {

class Compiler {
 public:
  Compiler(const ResolvedProfile& profile, const CallCounts& counts, bool cached)
      : profile_(profile), counts_(counts), cached_(cached) {}

  Result<std::vector<sock_filter>> run() {
    std::vector<std::uint32_t>& archs = archs_;
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
    Result<std::vector<sock_filter>> program = graph_.layout(graph_.load(kArchWord, root));
    if (!program) return too_long(std::move(program.error()));
    return program;
  }

 private:
  /// Which rules to drop: the most conditions on one call.
  Failure too_long(Error error) const {
    const std::pair<const Call, std::vector<ResolvedRule>>* longest = nullptr;
    std::size_t most = 0;
    for (const auto& each : profile_.rules) {
      std::size_t conditions = 0;
      for (const ResolvedRule& rule : each.second) conditions += rule.conditions.size();
      if (conditions <= most) continue;
      most = conditions;
      longest = &each;
    }
    if (longest != nullptr) {
      error.message +=
          fmt::format(" ({} has {})", call_label(longest->first), plural(most, "condition"));
    }
    return Failure(std::move(error));
  }

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
    // Cuts of several sections add up: Docker's default for three ABIs would have 226 instructions
    // in place of 219, for two microseconds of 61 (docs/adr/0011-the-shortest-filter.md).
    const bool cut_rows = archs_.size() == 1;
    return graph_.load(
        kNrWord, number_tree(graph_, join_runs(runs), counts_.empty() ? 0 : kHotSlack, cut_rows));
  }

  Result<void> add_runs(const Span& span, Abi abi, std::vector<Run>& runs) {
    const NodeId otherwise = graph_.ret(profile_.default_action.value);
    const NodeId allow = graph_.ret(SECCOMP_RET_ALLOW);
    // The kernel takes each number of its table through the filter once, when it is attached, to
    // see what it can answer from its cache: gaps too, but none of x32 (seccomp_cache_prepare()).
    // After that, calls that are not allowed at once count.
    const std::vector<Call> calls = syscalls_of(abi);
    auto known = calls.begin();
    while (known != calls.end() && known->nr < span.first) ++known;
    const std::uint64_t table_end = calls.empty() ? 0 : std::uint64_t{calls.back().nr} + 1;
    auto counted = counts_.lower_bound(Call{abi, span.first});
    const auto add = [&](std::uint64_t from, std::uint64_t end, NodeId target) {
      std::uint64_t weight = 0;
      for (; known != calls.end() && known->nr < end; ++known) ++weight;
      if (abi != Abi::kX32 && from < table_end) {
        weight = std::max(weight, std::min({end - from, table_end - from, kLargestGap}));
      }
      for (; counted != counts_.end() && counted->first < Call{abi, UINT32_MAX} &&
             counted->first.nr < end;
           ++counted) {
        if (!cached_ || target != allow) weight += std::min(counted->second, kMostCounted);
      }
      runs.push_back({static_cast<std::uint32_t>(from), target, weight});
    };
    std::uint64_t next = span.first;
    for (auto each = profile_.rules.lower_bound(Call{abi, span.first});
         each != profile_.rules.end() && each->first.abi == abi && each->first.nr <= span.last;
         ++each) {
      const auto& [call, rules] = *each;
      if (next < call.nr) add(next, call.nr, otherwise);
      Result<NodeId> decision = ArgumentRules(graph_, profile_, call).build(rules);
      if (!decision) return propagate(decision);
      next = std::uint64_t{call.nr} + 1;
      add(call.nr, next, *decision);
    }
    if (next <= span.last) add(next, std::uint64_t{span.last} + 1, otherwise);
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

  /// Numbers without a call that the kernel's table may hold in a row: x86_64's has 89. What lies
  /// further off, as arm's own calls at 0xf0001, is another table.
  static constexpr std::uint64_t kLargestGap = 512;
  /// So that no sum of weights wraps.
  static constexpr std::uint64_t kMostCounted = std::uint64_t{1} << 40;
  /// Steps that other calls may take more so that frequent ones take fewer.
  static constexpr std::uint32_t kHotSlack = 2;

  const ResolvedProfile& profile_;
  const CallCounts& counts_;
  bool cached_;
  std::vector<std::uint32_t> archs_;  ///< one section each
  Graph graph_;
};

}  // namespace

Result<Filter> compile(const ResolvedProfile& profile, const CallCounts& counts, bool cached) {
  Result<std::vector<sock_filter>> program = Compiler(profile, counts, cached).run();
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
