#include "filter/prove.h"

#include <linux/audit.h>

#include <algorithm>
#include <vector>

#include "arch/syscalls.h"
#include "filter/call_sets.h"
#include "filter/decision_diagram.h"
#include "filter/machine.h"
#include "filter/number_regions.h"

namespace sysnare {
namespace {

using Difference = Result<std::optional<seccomp_data>>;

/// Answered questions that are looked through before one is asked again: the ABIs of one profile
/// share their argument rules, and what shares rules stands close together.
constexpr std::size_t kRemembered = 64;

/// A call in one of two groups of sets that is not in the other's set of the same action.
std::optional<seccomp_data> first_difference(const DecisionDiagram& diagram, const CallSets& wanted,
                                             const CallSets& found,
                                             const seccomp_data& background) {
  // Every call is once in either side's sets: where they differ, one of `wanted` lacks a call.
  for (const auto& [value, calls] : wanted) {
    const auto same = found.find(value);
    const DecisionDiagram::Id found_calls =
        same == found.end() ? DecisionDiagram::kNothing : same->second;
    if (found_calls != calls) return diagram.difference(calls, found_calls, background);
  }
  return std::nullopt;
}

Failure too_entangled(std::string_view what) {
  return fail(Errc::kLimit,
              "{} are too entangled to be proven (more than {} decisions): drop argument rules",
              what, DecisionDiagram::kMaxNodes);
}

/// Region by region.
class RegionProof {
 public:
  RegionProof(std::span<const sock_filter> program, const ResolvedProfile& profile)
      : program_(program), profile_(profile) {
    for (const Abi abi : profile.abis) archs_.push_back(audit_arch(abi));
    std::sort(archs_.begin(), archs_.end());
    archs_.erase(std::unique(archs_.begin(), archs_.end()), archs_.end());
  }

  /// Sets `whole` when an argument part looks at the number again, so that no region stands alone.
  Difference run(const std::vector<NumberRegion>& regions, bool& whole) {
    for (const NumberRegion& region : regions) {
      if (Result<void> checked = check(region); !checked) return propagate(checked);
      if (difference_ || reads_number_) break;
    }
    whole = reads_number_;
    return difference_;
  }

 private:
  /// What the profile wants of some calls: by `rules`, and `otherwise` where none matches.
  struct Wanted {
    const std::vector<ResolvedRule>& rules;
    std::uint32_t otherwise = 0;
  };
  /// What was compared already, and found equal.
  struct Known {
    std::size_t pc = 0;
    std::optional<std::uint32_t> value;
    const std::vector<ResolvedRule>* rules = nullptr;
    std::uint32_t otherwise = 0;
    std::vector<unsigned> bits;
    bool big_endian = false;
  };

  [[nodiscard]] bool lists(Abi abi) const {
    return std::find(profile_.abis.begin(), profile_.abis.end(), abi) != profile_.abis.end();
  }

  Result<void> check(const NumberRegion& region) {
    std::uint64_t unlisted = region.first_arch;
    for (const std::uint32_t arch : archs_) {
      if (arch < region.first_arch || arch > region.last_arch) continue;
      if (arch == unlisted) ++unlisted;
      if (Result<void> checked = check_arch(region, arch); !checked) return checked;
    }
    if (unlisted > region.last_arch) return {};
    return check_call(region, static_cast<std::uint32_t>(unlisted), region.first_nr,
                      {kNoRules, profile_.foreign_abi.value});
  }

  Result<void> check_arch(const NumberRegion& region, std::uint32_t arch) {
    std::vector<NumberRange> ahead;
    for (const NumberRange& range : profile_.answered_ahead) {
      if (range.arch == arch) ahead.push_back(range);
    }
    std::sort(ahead.begin(), ahead.end(),
              [](const NumberRange& a, const NumberRange& b) { return a.first < b.first; });
    NumberRegion rest = region;
    for (const NumberRange& range : ahead) {
      const std::uint32_t first = std::max(range.first, rest.first_nr);
      const std::uint32_t last = std::min(range.last, rest.last_nr);
      if (first > last) continue;
      if (Result<void> checked = check_call(region, arch, first, {kNoRules, range.action.value});
          !checked) {
        return checked;
      }
      NumberRegion before = rest;
      before.last_nr = first - 1;
      if (first > rest.first_nr) {
        if (Result<void> checked = check_ruled(before, arch); !checked) return checked;
      }
      if (last == rest.last_nr) return {};
      rest.first_nr = last + 1;
    }
    return check_ruled(rest, arch);
  }

  /// Numbers that nothing is answered for ahead of the rules.
  Result<void> check_ruled(const NumberRegion& region, std::uint32_t arch) {
    if (arch != AUDIT_ARCH_X86_64) {
      const auto abi = std::find_if(profile_.abis.begin(), profile_.abis.end(),
                                    [&](Abi each) { return audit_arch(each) == arch; });
      return check_numbers(region, arch, 0, UINT32_MAX, *abi);
    }
    // Two ABIs share the architecture, and -1 belongs to either (resolve.h, kSkippedNr).
    const auto owner = [&](Abi abi) { return lists(abi) ? std::optional(abi) : std::nullopt; };
    const std::optional<Abi> either = lists(Abi::kX32) ? Abi::kX32 : Abi::kX86_64;
    struct Span {
      std::uint32_t first;
      std::uint32_t last;
      std::optional<Abi> abi;
    };
    const Span spans[] = {{0, kX32Bit - 1, owner(Abi::kX86_64)},
                          {kX32Bit, kSkippedNr - 1, owner(Abi::kX32)},
                          {kSkippedNr, kSkippedNr, either}};
    for (const Span& span : spans) {
      if (Result<void> checked = check_numbers(region, arch, span.first, span.last, span.abi);
          !checked) {
        return checked;
      }
    }
    return {};
  }

  /// Every number of `region` from `first` to `last`, which belong to `abi`, or to none.
  Result<void> check_numbers(const NumberRegion& region, std::uint32_t arch, std::uint32_t first,
                             std::uint32_t last, std::optional<Abi> abi) {
    first = std::max(first, region.first_nr);
    last = std::min(last, region.last_nr);
    if (first > last) return {};
    if (!abi) return check_call(region, arch, first, {kNoRules, profile_.foreign_abi.value});
    // The first number so far that has no rules: all of those are alike.
    std::uint64_t bare = first;
    for (auto each = profile_.rules.lower_bound(Call{*abi, first});
         each != profile_.rules.end() && each->first.abi == *abi && each->first.nr <= last;
         ++each) {
      if (each->first.nr == bare) ++bare;
      const Wanted wanted{each->second, profile_.default_action.value};
      if (Result<void> checked = check_call(region, arch, each->first.nr, wanted); !checked) {
        return checked;
      }
    }
    if (bare > last) return {};
    return check_call(region, arch, static_cast<std::uint32_t>(bare),
                      {kNoRules, profile_.default_action.value});
  }

  Result<void> check_call(const NumberRegion& region, std::uint32_t arch, std::uint32_t nr,
                          const Wanted& wanted) {
    if (difference_ || reads_number_) return {};
    seccomp_data call{};
    call.arch = arch;
    call.nr = static_cast<int>(nr);
    // Most numbers by far: one answer on either side.
    const bool plain = wanted.rules.empty() ||
                       (wanted.rules.size() == 1 && wanted.rules.front().conditions.empty());
    if (region.value && plain) {
      const std::uint32_t value =
          wanted.rules.empty() ? wanted.otherwise : wanted.rules.front().action.value;
      if (*region.value != value) difference_ = call;
      return {};
    }
    return check_arguments(region, call, wanted);
  }

  Result<void> check_arguments(const NumberRegion& region, const seccomp_data& call,
                               const Wanted& wanted) {
    const auto nr = static_cast<std::uint32_t>(call.nr);
    // Of an unlisted architecture, where no rule asks for it: any ABI.
    const Call known_as{abi_of(call.arch, nr).value_or(Abi::kX86_64), nr};
    const Known question = ask(region, known_as, wanted);
    if (is_known(question)) return {};
    diagram_.clear();
    const CallSets sets =
        RuleSets(diagram_, profile_).of_call(known_as, wanted.rules, wanted.otherwise);
    CallSets found;
    if (region.value) {
      found.emplace(*region.value, diagram_.constant(1));
    } else {
      ProgramSets part(diagram_, program_);
      Result<CallSets> returned = part.from(region.pc);
      if (!returned) return propagate(returned);
      reads_number_ = part.reads_number();
      found = std::move(*returned);
    }
    if (reads_number_) return {};
    if (diagram_.full()) return too_entangled("the argument rules of " + call_label(known_as));
    if (sets != found) {
      difference_ = first_difference(diagram_, sets, found, call);
      if (!difference_) return fail(Errc::kSystem, "the sets of a proof do not add up");
      return {};
    }
    known_.push_back(question);
    return {};
  }

  [[nodiscard]] Known ask(const NumberRegion& region, Call call, const Wanted& wanted) const {
    Known question{region.pc,        region.value, &wanted.rules,
                   wanted.otherwise, {},           is_big_endian(call.abi)};
    for (const ResolvedRule& rule : wanted.rules) {
      for (const ArgCondition& condition : rule.conditions) {
        question.bits.push_back(compared_bits(profile_, call, condition.index));
      }
    }
    return question;
  }

  [[nodiscard]] bool is_known(const Known& question) const {
    const auto equal_rules = [](const ResolvedRule& a, const ResolvedRule& b) {
      return a.action == b.action && a.conditions == b.conditions;
    };
    const std::size_t from = known_.size() > kRemembered ? known_.size() - kRemembered : 0;
    return std::any_of(
        known_.begin() + static_cast<std::ptrdiff_t>(from), known_.end(), [&](const Known& known) {
          return known.pc == question.pc && known.value == question.value &&
                 known.otherwise == question.otherwise && known.big_endian == question.big_endian &&
                 known.bits == question.bits &&
                 std::equal(known.rules->begin(), known.rules->end(), question.rules->begin(),
                            question.rules->end(), equal_rules);
        });
  }

  inline static const std::vector<ResolvedRule> kNoRules;

  std::span<const sock_filter> program_;
  const ResolvedProfile& profile_;
  std::vector<std::uint32_t> archs_;  ///< of the listed ABIs, sorted
  DecisionDiagram diagram_;
  std::vector<Known> known_;
  std::optional<seccomp_data> difference_;
  bool reads_number_ = false;
};

Difference compare_whole(std::span<const sock_filter> program, const ResolvedProfile& profile) {
  DecisionDiagram diagram;
  const CallSets wanted = RuleSets(diagram, profile).of_profile();
  Result<CallSets> found = ProgramSets(diagram, program).from(0);
  if (!found) return propagate(found);
  if (diagram.full()) return too_entangled("the argument rules of a call");
  if (wanted == *found) return std::nullopt;
  const auto difference = first_difference(diagram, wanted, *found, {});
  if (!difference) return fail(Errc::kSystem, "the sets of a proof do not add up");
  return difference;
}

}  // namespace

Difference find_difference(std::span<const sock_filter> program, const ResolvedProfile& profile) {
  const std::optional<std::vector<NumberRegion>> regions = number_regions(program);
  if (!regions) return compare_whole(program, profile);
  bool whole = false;
  Difference difference = RegionProof(program, profile).run(*regions, whole);
  return whole ? compare_whole(program, profile) : difference;
}

}  // namespace sysnare
