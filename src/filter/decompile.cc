#include "filter/decompile.h"

#include <linux/audit.h>

#include <algorithm>
#include <functional>
#include <set>

#include "arch/syscalls.h"
#include "filter/filter.h"
#include "filter/rule_cover.h"

namespace sysnare {
namespace {

using Id = DecisionDiagram::Id;

struct Decision {
  Abi abi = Abi::kX86_64;
  Id by_arguments = 0;
};

class Decompiler {
 public:
  Decompiler(DecisionDiagram& diagram, const FilterMeaning& meaning,
             const DecompileOptions& options)
      : diagram_(diagram), meaning_(meaning), options_(options) {}

  Result<Decompiled> run() {
    Decompiled made;
    made.foreign_abi = foreign();
    foreign_ = diagram_.leaf(made.foreign_abi.value);
    for (const Abi abi : all_abis()) {
      if (!wanted(abi)) continue;
      if (Result<void> done = read(abi); !done) return propagate(done);
    }
    if (abis_.empty()) abis_ = {native_abi()};
    const ActionValue otherwise = choose_default(made.foreign_abi);
    made.profile.source = "filter";
    made.profile.default_action = action_of(otherwise);
    made.profile.default_errno_ret = errno_ret_of(otherwise);
    for (const Abi abi : abis_) made.profile.architectures.emplace_back(abi_oci_name(abi));
    Result<Decompiled> whole = written(made, otherwise);
    if (whole || whole.error().code != Errc::kLimit) return whole;
    // An index twice in an entry is better than no profile.
    repeats_ = true;
    rules_.clear();
    Result<Decompiled> repeating = written(std::move(made), otherwise);
    return repeating ? repeating : whole;
  }

 private:
  Result<Decompiled> written(Decompiled made, ActionValue otherwise) {
    std::map<CoverRule, std::vector<std::string>> groups;
    for (const auto& [name, decisions] : names_) {
      Result<std::vector<CoverRule>> rules = rules_for(decisions, otherwise);
      if (!rules) return propagate(rules, "{}", name);
      for (const CoverRule& rule : *rules) groups[rule].emplace_back(name);
      if (std::any_of(rules->begin(), rules->end(), repeats_an_index)) {
        made.repeating.emplace_back(name);
      }
    }
    write(groups, made.profile);
    return check(std::move(made));
  }

  static bool repeats_an_index(const CoverRule& rule) {
    std::set<unsigned> seen;
    return !std::all_of(rule.conditions.begin(), rule.conditions.end(),
                        [&](const ArgCondition& each) { return seen.insert(each.index).second; });
  }

  /// What most calls of architectures get that no table knows; the others are in the residue.
  ActionValue foreign() {
    std::map<Id, double> shares;
    const std::function<double(Id)> share = [&](Id id) -> double {
      const auto asked = diagram_.question(id);
      if (!asked) return diagram_.value(id) == 0 ? 0 : 1;
      if (const auto known = shares.find(id); known != shares.end()) return known->second;
      const double made = (share(asked->low) + share(asked->high)) / 2;
      shares.emplace(id, made);
      return made;
    };
    const auto most = std::max_element(
        meaning_.elsewhere.begin(), meaning_.elsewhere.end(),
        [&](const auto& a, const auto& b) { return share(a.second) < share(b.second); });
    return {most->first};
  }

  bool wanted(Abi abi) const {
    return options_.abis.empty() ||
           std::find(options_.abis.begin(), options_.abis.end(), abi) != options_.abis.end();
  }

  /// What the section says of the numbers of `abi`, unless it treats it as it does any other.
  Result<void> read(Abi abi) {
    const Id section = meaning_.sections.at(audit_arch(abi));
    Result<std::vector<DecisionRange>> ranges = decision_ranges(diagram_, section, section);
    if (!ranges) return propagate(ranges);
    std::uint32_t low = 0;
    // -1 is a number of every ABI and tells none apart.
    std::uint32_t high = kSkippedNr - 1;
    if (abi == Abi::kX86_64) high = kX32Bit - 1;
    if (abi == Abi::kX32) low = kX32Bit;
    std::vector<DecisionRange> own;
    for (DecisionRange range : *ranges) {
      if (range.first > high || range.last < low) continue;
      range.first = std::max(range.first, low);
      range.last = std::min(range.last, high);
      own.push_back(range);
    }
    // Unlisted is what none of its calls is told apart in. Numbers without a call do not count: a
    // test of the x32 bit alone lets some of them by.
    const auto is_foreign = [&](const Call& call) {
      const auto at = std::find_if(own.begin(), own.end(),
                                   [&](const auto& each) { return each.last >= call.nr; });
      return at == own.end() || at->a == foreign_;
    };
    const std::vector<Call> calls = syscalls_of(abi);
    if (std::all_of(calls.begin(), calls.end(), is_foreign)) return {};
    abis_.push_back(abi);
    std::size_t at = 0;
    std::uint32_t next = low;
    const auto unknown = [&](std::uint32_t first, std::uint32_t end) {
      // [first, end) has no names.
      for (std::size_t i = at; first < end; ++i) {
        const std::uint64_t upto = std::min<std::uint64_t>(std::uint64_t{own[i].last} + 1, end);
        unnamed_[own[i].a] += upto - first;
        first = static_cast<std::uint32_t>(upto);
      }
    };
    for (const Call& call : calls) {
      if (call.nr < low || call.nr > high) continue;
      unknown(next, call.nr);
      while (own[at].last < call.nr) ++at;
      names_[syscall_name(call)].push_back({abi, own[at].a});
      next = call.nr + 1;
      if (next > own[at].last && at + 1 < own.size()) ++at;
    }
    unknown(next, high);
    return {};
  }

  /// What numbers without a name get; of several the one that saves most names, of those the one of
  /// most numbers.
  ActionValue choose_default(ActionValue foreign) {
    ActionValue best = foreign;
    std::pair<std::size_t, std::uint64_t> most{0, 0};
    for (const auto& [decided, numbers] : unnamed_) {
      if (diagram_.question(decided)) continue;
      const auto saved = static_cast<std::size_t>(
          std::count_if(names_.begin(), names_.end(), [decided = decided](const auto& each) {
            return each.second.front().by_arguments == decided;
          }));
      if (std::pair(saved, numbers) >= most) {
        most = {saved, numbers};
        best = {diagram_.value(decided)};
      }
    }
    return best;
  }

  /// One list of rules for all ABIs that have the call.
  Result<std::vector<CoverRule>> rules_for(const std::vector<Decision>& decisions,
                                           ActionValue otherwise) {
    // Of ABIs with equal registers the first: no rule tells them apart, and what the others decide
    // differently ends up in the residue.
    ByWidth decided;
    for (const Decision& each : decisions) {
      std::optional<Id>& there = register_bits(each.abi) == 32 ? decided.narrow : decided.wide;
      if (!there) there = each.by_arguments;
    }
    if (const auto known = rules_.find(decided); known != rules_.end()) return known->second;
    Result<std::vector<CoverRule>> rules = cover(diagram_, decided, otherwise, repeats_);
    if (rules) rules_.emplace(decided, *rules);
    return rules;
  }

  static void write(const std::map<CoverRule, std::vector<std::string>>& groups, Profile& profile) {
    std::vector<std::pair<CoverRule, std::vector<std::string>>> sorted(groups.begin(),
                                                                       groups.end());
    // The long lists first, then rules with conditions by name.
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
      const bool a_plain = a.first.conditions.empty();
      const bool b_plain = b.first.conditions.empty();
      if (a_plain != b_plain) return a_plain;
      if (a_plain) return a.first.action.action() > b.first.action.action();
      return a.second < b.second;
    });
    for (auto& [rule, names] : sorted) {
      Entry entry;
      entry.names = std::move(names);
      entry.action = action_of(rule.action);
      entry.errno_ret = errno_ret_of(rule.action);
      entry.args = rule.conditions;
      profile.entries.push_back(std::move(entry));
    }
  }

  Result<Decompiled> check(Decompiled made) {
    ResolveOptions options;
    options.foreign_abi = made.foreign_abi;
    Result<ResolvedProfile> flat = resolve(made.profile, options);
    if (!flat) return propagate(flat);
    Result<Filter> filter = compile(*flat);
    if (!filter) return propagate(filter, "the profile of this filter");
    Result<FilterMeaning> again = meaning_of(diagram_, filter->program);
    if (!again) return propagate(again);
    Result<std::vector<Difference>> residue = differences(diagram_, meaning_, *again);
    if (!residue) return propagate(residue);
    made.residue = std::move(*residue);
    // Of this machine's ABI first: it is what people look for.
    std::stable_partition(made.residue.begin(), made.residue.end(), [](const Difference& each) {
      return each.abi == std::optional<Abi>(native_abi());
    });
    return made;
  }

  DecisionDiagram& diagram_;
  const FilterMeaning& meaning_;
  const DecompileOptions& options_;
  Id foreign_ = 0;
  std::vector<Abi> abis_;
  std::map<std::string_view, std::vector<Decision>> names_;
  std::map<Id, std::uint64_t> unnamed_;  ///< how many numbers without a name are decided so
  std::map<ByWidth, std::vector<CoverRule>> rules_;
  bool repeats_ = false;
};

}  // namespace

Result<Decompiled> decompile(DecisionDiagram& diagram, const FilterMeaning& meaning,
                             const DecompileOptions& options) {
  return Decompiler(diagram, meaning, options).run();
}

Result<Decompiled> decompile(std::span<const sock_filter> program,
                             const DecompileOptions& options) {
  DecisionDiagram diagram;
  Result<FilterMeaning> meaning = meaning_of(diagram, program);
  if (!meaning) return propagate(meaning);
  return decompile(diagram, *meaning, options);
}

std::string residue_text(const Difference& difference) {
  return difference_text(difference, "by the filter", "by the profile");
}

}  // namespace sysnare
