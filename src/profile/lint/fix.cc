// Mends what can be mended without knowing the program.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "profile/lint/checker.h"

namespace sysnare {
namespace {

using linting::Checker;

constexpr std::uint32_t kEnosys = 38;

std::string quoted(const std::vector<std::string>& names) {
  std::vector<std::string_view> views(names.begin(), names.end());
  return linting::names_text(views);
}

class Fixer {
 public:
  Fixer(const Profile& profile, const LintOptions& options) : options_(options) {
    fixed_.profile = profile;
  }

  Result<FixedProfile> run() {
    Result<LintReport> report = lint(fixed_.profile, options_);
    if (!report) return propagate(report);
    for (const LintFinding& finding : report->findings) {
      if (finding.fixable) take(finding);
    }
    Result<ResolvedProfile> resolved = resolve(fixed_.profile, options_.resolve);
    if (!resolved) return propagate(resolved);
    Checker checker(fixed_.profile, *resolved, options_);
    std::vector<Entry> added = additions(checker);
    drop();
    for (Entry& entry : added) fixed_.profile.entries.push_back(std::move(entry));
    return std::move(fixed_);
  }

 private:
  void change(std::string text) { fixed_.changes.push_back(std::move(text)); }

  void take(const LintFinding& finding) {
    Profile& profile = fixed_.profile;
    if (finding.rule == "kill-thread") {
      const std::string at = finding.entry ? profile.entries[*finding.entry].path : finding.path;
      (finding.entry ? profile.entries[*finding.entry].action : profile.default_action) =
          Action::kKillProcess;
      change(fmt::format("{}: SCMP_ACT_KILL becomes SCMP_ACT_KILL_PROCESS", at));
    } else if (finding.rule == "singular-name") {
      Entry& entry = profile.entries[*finding.entry];
      entry.singular_name = false;
      change(fmt::format("{}: `name` becomes `names`: {}", entry.path, quoted(entry.names)));
    } else if (finding.rule == "shadowed-rule") {
      dropped_names_[*finding.entry].insert(finding.names.begin(), finding.names.end());
    } else if (finding.rule == "dead-rule" || finding.rule == "empty-entry" ||
               finding.rule == "never-applies") {
      dropped_.emplace(*finding.entry, finding.rule);
    } else {
      // exit-refused, sigreturn-refused, restart-refused, fallback-refused
      add_.emplace(finding.rule);
    }
  }

  /// Whether no entry names `call`, also none that does not apply here: an added refusal would
  /// outrank it elsewhere.
  [[nodiscard]] bool unnamed(std::string_view call) const {
    return std::none_of(
        fixed_.profile.entries.begin(), fixed_.profile.entries.end(), [&](const Entry& entry) {
          return std::find(entry.names.begin(), entry.names.end(), call) != entry.names.end();
        });
  }

  std::vector<Entry> additions(Checker& checker) {
    std::vector<Entry> added;
    Entry needed;
    needed.comment = "needed by the kernel";
    for (const std::string_view rule : {"exit-refused", "sigreturn-refused", "restart-refused"}) {
      if (!add_.contains(rule)) continue;
      for (const std::string_view call : linting::needed_by_default(checker, rule)) {
        needed.names.emplace_back(call);
      }
    }
    if (!needed.names.empty()) {
      change(fmt::format("allowed: {}", quoted(needed.names)));
      added.push_back(std::move(needed));
    }
    Entry fallback;
    fallback.action = Action::kErrno;
    fallback.errno_ret = kEnosys;
    fallback.comment = "libc takes its older way on ENOSYS";
    if (add_.contains("fallback-refused")) {
      for (const std::string_view call : linting::fallbacks_by_default(checker)) {
        if (unnamed(call)) fallback.names.emplace_back(call);
      }
    }
    if (!fallback.names.empty()) {
      change(fmt::format("answered with ENOSYS: {}", quoted(fallback.names)));
      added.push_back(std::move(fallback));
    }
    return added;
  }

  void drop() {
    std::vector<Entry> kept;
    auto& entries = fixed_.profile.entries;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      Entry& entry = entries[i];
      if (const auto gone = dropped_.find(i); gone != dropped_.end()) {
        change(fmt::format("{}: dropped ({}){}{}", entry.path, gone->second,
                           entry.names.empty() ? "" : ": ", quoted(entry.names)));
        continue;
      }
      if (const auto names = dropped_names_.find(i); names != dropped_names_.end()) {
        std::vector<std::string> rest;
        std::vector<std::string> gone;
        for (std::size_t n = 0; n < entry.names.size(); ++n) {
          (names->second.contains(n) ? gone : rest).push_back(std::move(entry.names[n]));
        }
        entry.names = std::move(rest);
        entry.name_lines.clear();
        change(fmt::format("{}: dropped, since it never decides: {}", entry.path, quoted(gone)));
        if (entry.names.empty()) continue;
      }
      kept.push_back(std::move(entry));
    }
    entries = std::move(kept);
  }

  const LintOptions& options_;
  FixedProfile fixed_;
  std::map<std::size_t, std::string> dropped_;  ///< entries, with the rule
  std::map<std::size_t, std::set<std::size_t>> dropped_names_;
  std::set<std::string, std::less<>> add_;  ///< rules that are mended by additions
};

}  // namespace

Result<FixedProfile> fix_profile(const Profile& profile, const LintOptions& options) {
  return Fixer(profile, options).run();
}

}  // namespace sysnare
