// Rules about entries that never decide, or that contradict each other.
//
// Of two rules on one call the first covers the second when it applies wherever that one does (it
// has no includes and excludes, or the same) and its conditions are a part of the other's. It then
// decides in its place if its action is stronger, or the same and it stands first.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "arch/syscalls.h"
#include "base/text.h"
#include "profile/lint/checker.h"

namespace sysnare::linting {
namespace {

/// Most rules on one call of which each pair is compared; more are hostile, and cost the square.
constexpr std::size_t kMaxPaired = 256;
/// Most different unconditional rules, or rules with equal conditions, that one is compared with.
constexpr std::size_t kMaxCovering = 16;

struct Rule {
  std::size_t entry = 0;
  std::size_t name = 0;
  auto operator<=>(const Rule&) const = default;
};

using Conditions = std::vector<ArgCondition>;

bool same_place(const EntryCondition& a, const EntryCondition& b) {
  return a.caps == b.caps && a.arches == b.arches && a.min_kernel == b.min_kernel;
}

bool is_everywhere(const Entry& entry) { return entry.includes.empty() && entry.excludes.empty(); }

bool has_index_twice(const Entry& entry) {
  unsigned seen = 0;
  for (const ArgCondition& arg : entry.args) {
    if ((seen & (1U << arg.index)) != 0) return true;
    seen |= 1U << arg.index;
  }
  return false;
}

class Shadows {
 public:
  explicit Shadows(Checker& checker) : checker_(checker), profile_(checker.profile) {
    for (const Entry& entry : profile_.entries) {
      Conditions sorted = entry.args;
      std::sort(sorted.begin(), sorted.end());
      sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
      conditions_.push_back(std::move(sorted));
    }
  }

  void run() {
    std::map<std::string_view, std::vector<Rule>> by_name;
    for (std::size_t i = 0; i < profile_.entries.size(); ++i) {
      const auto& names = profile_.entries[i].names;
      for (std::size_t n = 0; n < names.size(); ++n) by_name[names[n]].push_back({i, n});
    }
    for (const auto& [name, rules] : by_name) {
      check_default(rules);
      if (rules.size() > 1) check(rules);
    }
    report();
  }

 private:
  [[nodiscard]] const Entry& entry(Rule rule) const { return profile_.entries[rule.entry]; }
  [[nodiscard]] ActionValue action(Rule rule) const {
    return action_value(entry(rule).action, entry(rule).errno_ret);
  }
  [[nodiscard]] const Conditions& conditions(Rule rule) const { return conditions_[rule.entry]; }

  [[nodiscard]] bool covers(Rule a, Rule b) const {
    const Entry& first = entry(a);
    const Entry& second = entry(b);
    const bool applies = is_everywhere(first) || (same_place(first.includes, second.includes) &&
                                                  same_place(first.excludes, second.excludes));
    // Runtimes read a repeated index as "or", where fewer conditions match less.
    if (!applies || has_index_twice(first) || has_index_twice(second)) return false;
    return std::includes(conditions(b).begin(), conditions(b).end(), conditions(a).begin(),
                         conditions(a).end());
  }

  /// Whether rule `b` never decides since `a` always does.
  [[nodiscard]] bool shadows(Rule a, Rule b) const {
    if (a == b || !covers(a, b)) return false;
    if (outranks(action(a), action(b))) return true;
    if (outranks(action(b), action(a))) return false;
    if (action(a) != action(b)) return a < b;
    // Equal: the wider one stays; of two alike the first.
    return !covers(b, a) || a < b;
  }

  void check(const std::vector<Rule>& rules) {
    std::vector<Rule> unconditional;
    std::map<Conditions, std::vector<Rule>> alike;
    for (const Rule rule : rules) {
      auto& same = conditions(rule).empty() ? unconditional : alike[conditions(rule)];
      if (same.size() < kMaxCovering) same.push_back(rule);
    }
    for (const Rule rule : rules) {
      const Rule* by = nullptr;
      const auto look = [&](const std::vector<Rule>& others) {
        for (const Rule& other : others) {
          if (by == nullptr && shadows(other, rule)) by = &other;
        }
      };
      look(unconditional);
      if (const auto same = alike.find(conditions(rule)); by == nullptr && same != alike.end()) {
        look(same->second);
      }
      if (by == nullptr && rules.size() <= kMaxPaired) look(rules);
      if (by == nullptr) continue;
      const bool equal = covers(rule, *by);
      auto& found = equal && action(*by) != action(rule) ? contradicted_ : shadowed_;
      found[{rule.entry, by->entry}].push_back(rule.name);
    }
  }

  /// A call that one entry names, with the default action.
  void check_default(const std::vector<Rule>& rules) {
    const Rule first = rules.front();
    const bool alone = std::all_of(rules.begin(), rules.end(),
                                   [&](Rule rule) { return rule.entry == first.entry; });
    if (!alone || action(first) != checker_.resolved.default_action) return;
    if (!is_syscall_name(entry(first).names[first.name])) return;
    same_as_default_[first.entry].push_back(first.name);
  }

  std::vector<std::string_view> names_of(std::size_t index,
                                         const std::vector<std::size_t>& at) const {
    std::vector<std::string_view> names;
    for (const std::size_t n : at) names.emplace_back(profile_.entries[index].names[n]);
    return names;
  }

  void report() {
    for (auto& [pair, at] : shadowed_) {
      const auto& [index, by] = pair;
      std::sort(at.begin(), at.end());
      const std::string names = names_text(names_of(index, at));
      const Entry& other = profile_.entries[by];
      const std::string label = action_label(action_value(other.action, other.errno_ret));
      checker_.report_names("shadowed-rule", index, at,
                            index == by
                                ? fmt::format("{} stands in this entry more than once", names)
                                : fmt::format("{}: this entry never decides, {} (line {}) does: {}",
                                              names, other.path, other.line, label),
                            "drop it here", true);
    }
    for (auto& [pair, at] : contradicted_) {
      const auto& [index, by] = pair;
      std::sort(at.begin(), at.end());
      const Entry& here = profile_.entries[index];
      const Entry& other = profile_.entries[by];
      checker_.report_names(
          "contradiction", index, at,
          fmt::format("{}: {} here and {} in {} (line {}) for the same calls; the kernel's order "
                      "lets the second hold, and some runtimes refuse such a profile",
                      names_text(names_of(index, at)),
                      action_label(action_value(here.action, here.errno_ret)),
                      action_label(action_value(other.action, other.errno_ret)), other.path,
                      other.line),
          "decide for one of them, and drop the other");
    }
    for (auto& [index, at] : same_as_default_) {
      std::sort(at.begin(), at.end());
      checker_.report_names("same-as-default", index, at,
                            fmt::format("{}: the entry does what the default action does ({})",
                                        names_text(names_of(index, at)),
                                        action_label(checker_.resolved.default_action)),
                            "drop it, unless it is there for its readers");
    }
  }

  Checker& checker_;
  const Profile& profile_;
  std::vector<Conditions> conditions_;  ///< of each entry, sorted
  using Pairs = std::map<std::pair<std::size_t, std::size_t>, std::vector<std::size_t>>;
  Pairs shadowed_;      ///< (entry, the one that decides) -> names
  Pairs contradicted_;  ///< the same
  std::map<std::size_t, std::vector<std::size_t>> same_as_default_;
};

/// Whether `condition` is false for every argument.
bool never_holds(const ArgCondition& condition) {
  switch (condition.op) {
    case Op::kLt:
      return condition.value == 0;
    case Op::kGt:
      return condition.value == UINT64_MAX;
    case Op::kMaskedEq:
      return (condition.value_two & ~condition.value) != 0;
    default:
      return false;
  }
}

bool always_holds(const ArgCondition& condition) {
  switch (condition.op) {
    case Op::kGe:
      return condition.value == 0;
    case Op::kLe:
      return condition.value == UINT64_MAX;
    case Op::kMaskedEq:
      return condition.value == 0 && condition.value_two == 0;
    default:
      return false;
  }
}

void check_dead(Checker& checker) {
  for (std::size_t i = 0; i < checker.profile.entries.size(); ++i) {
    const Entry& entry = checker.profile.entries[i];
    for (std::size_t at = 0; at < entry.args.size(); ++at) {
      const ArgCondition& condition = entry.args[at];
      if (never_holds(condition)) {
        // Where runtimes read "or", the other conditions of the entry still count; and libseccomp
        // drops the bits outside a mask, so that runc and crun apply such an entry.
        checker.report_names(
            "dead-rule", i, {},
            fmt::format("args[{}]: {} {} holds for no value, so the entry says nothing", at,
                        op_name(condition.op), hex(condition.value)),
            "drop the entry, or correct the condition",
            !has_index_twice(entry) && condition.op != Op::kMaskedEq);
        break;
      }
      if (always_holds(condition)) {
        checker.report_arg("dead-rule", i, at,
                           fmt::format("{} {} holds for every value and limits nothing",
                                       op_name(condition.op), hex(condition.value)),
                           "drop the condition, or correct it");
        break;
      }
    }
  }
}

/// Calls with several inequalities, as libseccomp gets them wrong
/// (docs/lint/libseccomp-inequality.md).
void check_inequalities(Checker& checker) {
  std::map<std::string_view, std::pair<unsigned, std::size_t>> counted;  // rules, last entry
  for (std::size_t i = 0; i < checker.profile.entries.size(); ++i) {
    const Entry& entry = checker.profile.entries[i];
    if (!checker.applies_here(i)) continue;
    const bool any = std::any_of(entry.args.begin(), entry.args.end(), [](const ArgCondition& arg) {
      return arg.op == Op::kLt || arg.op == Op::kLe || arg.op == Op::kGe || arg.op == Op::kGt;
    });
    if (!any) continue;
    for (const std::string& name : entry.names) {
      auto& [rules, last] = counted[name];
      ++rules;
      last = i;
    }
  }
  for (const auto& [name, found] : counted) {
    if (found.first < 2) continue;
    checker.report_names("libseccomp-inequality", found.second, {},
                         fmt::format("{}: {} rules with LT, LE, GE or GT meet on this call; "
                                     "libseccomp 2.5 and 2.6 compile about one in five such sets "
                                     "into a filter that decides otherwise",
                                     printable(name), found.first),
                         "list the values with SCMP_CMP_EQ, or compile with sysnare, which proves "
                         "its filter");
  }
}

}  // namespace

void check_entries(Checker& checker) {
  check_dead(checker);
  check_inequalities(checker);
  Shadows(checker).run();
}

}  // namespace sysnare::linting
