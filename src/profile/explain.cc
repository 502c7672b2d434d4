#include "profile/explain.h"

#include <algorithm>
#include <set>

#include "arch/syscalls.h"
#include "profile/plain.h"

namespace sysnare {

std::string_view decider_name(Decider decider) {
  switch (decider) {
    case Decider::kEntry:
      return "entry";
    case Decider::kDefault:
      return "default action";
    case Decider::kUnlistedAbi:
      return "unlisted ABI";
    case Decider::kAhead:
      break;
  }
  return "runtime, ahead of the filter";
}

namespace {

ExplainedEntry met_rule(const ResolvedProfile& resolved, Call call, const ResolvedRule& rule,
                        const seccomp_data& data, bool listed) {
  ExplainedEntry one;
  one.entry = rule.entry;
  one.action = rule.action;
  one.matches = listed;
  for (const ArgCondition& condition : rule.conditions) {
    ExplainedCondition met;
    met.condition = condition;
    met.argument = data.args[condition.index];
    met.bits = compared_bits(resolved, call, condition.index);
    met.held = holds(condition, met.argument, met.bits);
    one.matches = one.matches && met.held;
    one.conditions.push_back(met);
  }
  return one;
}

/// The entries that name `name` without any rule in `rules`: switched off, or of an unlisted ABI.
void add_others(const Profile& profile, const ResolveOptions& options, std::string_view name,
                bool listed, std::vector<ExplainedEntry>& entries) {
  std::set<std::size_t> known;
  for (const ExplainedEntry& entry : entries) known.insert(entry.entry);
  for (std::size_t i = 0; i < profile.entries.size() && !name.empty(); ++i) {
    const Entry& entry = profile.entries[i];
    if (known.contains(i)) continue;
    if (std::find(entry.names.begin(), entry.names.end(), name) == entry.names.end()) continue;
    ExplainedEntry one;
    one.entry = i;
    one.action = action_value(entry.action, entry.errno_ret);
    if (!applies(entry, options)) {
      one.off = why_left_out(entry, options);
    } else if (listed) {
      one.off = "the runtime takes no rule from it";
    }
    entries.push_back(std::move(one));
  }
  std::stable_sort(
      entries.begin(), entries.end(),
      [](const ExplainedEntry& a, const ExplainedEntry& b) { return a.entry < b.entry; });
}

bool answered(const ResolvedProfile& resolved, std::uint32_t arch, std::uint32_t nr) {
  return std::any_of(resolved.answered_ahead.begin(), resolved.answered_ahead.end(),
                     [&](const NumberRange& range) {
                       return range.arch == arch && range.first <= nr && nr <= range.last;
                     });
}

}  // namespace

Explanation explain(const Profile& profile, const ResolveOptions& options,
                    const ResolvedProfile& resolved, const seccomp_data& data) {
  Explanation out;
  const auto nr = static_cast<std::uint32_t>(data.nr);
  out.verdict = evaluate(resolved, data);
  const std::optional<Abi> listed = listed_abi(resolved, data.arch, nr);
  const std::optional<Abi> abi = listed ? listed : abi_of(data.arch, nr);
  if (abi) {
    out.call = Call{*abi, nr};
    if (const auto rules = resolved.rules.find(*out.call); rules != resolved.rules.end()) {
      for (const ResolvedRule& rule : rules->second) {
        out.entries.push_back(met_rule(resolved, *out.call, rule, data, listed.has_value()));
      }
    }
    add_others(profile, options, syscall_name(*out.call), listed.has_value(), out.entries);
  }
  if (answered(resolved, data.arch, nr)) {
    out.decider = Decider::kAhead;
    return out;
  }
  if (!listed) {
    out.decider = Decider::kUnlistedAbi;
    return out;
  }
  // As evaluate(): the strongest of those that match, of equals the first.
  ExplainedEntry* decides = nullptr;
  for (ExplainedEntry& entry : out.entries) {
    if (entry.matches && (decides == nullptr || outranks(entry.action, decides->action))) {
      decides = &entry;
    }
  }
  if (decides != nullptr) {
    decides->decides = true;
    out.decider = Decider::kEntry;
  }
  return out;
}

}  // namespace sysnare
