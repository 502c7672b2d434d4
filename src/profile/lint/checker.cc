#include "profile/lint/checker.h"

#include <fmt/format.h>

#include <algorithm>

#include "arch/syscalls.h"
#include "base/text.h"

namespace sysnare::linting {
namespace {

/// Names shown in one sentence.
constexpr std::size_t kShownNames = 8;

Outcome outcome_of(const ResolvedProfile& resolved, Call call) {
  Outcome outcome;
  outcome.abi = call.abi;
  outcome.base = resolved.default_action;
  const auto found = resolved.rules.find(call);
  bool some_pass = false;
  bool some_refused = false;
  bool some_supervised = false;
  const auto count = [&](ActionValue value) {
    some_pass = some_pass || lets_pass(value);
    some_refused = some_refused || refuses(value);
    some_supervised = some_supervised || (!lets_pass(value) && !refuses(value));
  };
  if (found != resolved.rules.end()) {
    for (const ResolvedRule& rule : found->second) {
      if (!rule.conditions.empty()) continue;
      if (outcome.by_entry && !outranks(rule.action, outcome.base)) continue;
      outcome.by_entry = true;
      outcome.base = rule.action;
      outcome.entry = rule.entry;
    }
    for (const ResolvedRule& rule : found->second) {
      // Beside an unconditional rule, one on arguments decides only where it outranks it.
      if (rule.conditions.empty()) continue;
      if (!outcome.by_entry || outranks(rule.action, outcome.base)) count(rule.action);
    }
  }
  count(outcome.base);
  if (some_supervised || (some_pass && some_refused)) {
    outcome.fate = Fate::kLimited;
  } else {
    outcome.fate = some_pass ? Fate::kOpen : Fate::kRefused;
  }
  return outcome;
}

}  // namespace

bool lets_pass(ActionValue value) {
  return value.action() == SECCOMP_RET_ALLOW || value.action() == SECCOMP_RET_LOG;
}

bool refuses(ActionValue value) {
  switch (value.action()) {
    case SECCOMP_RET_ERRNO:
    case SECCOMP_RET_TRAP:
    case SECCOMP_RET_KILL_THREAD:
    case SECCOMP_RET_KILL_PROCESS:
      return true;
    default:
      return false;
  }
}

std::string names_text(const std::vector<std::string_view>& names) {
  const std::size_t shown = std::min(names.size(), kShownNames);
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) {
    const bool last = i + 1 == shown && shown == names.size();
    text += (i == 0 ? "" : last ? " and " : ", ") + printable(names[i]);
  }
  if (shown < names.size()) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

std::vector<std::string_view> words_of(std::string_view list) {
  if (list.empty()) return {};
  return split(list, ' ');
}

Checker::Checker(const Profile& the_profile, const ResolvedProfile& the_resolved,
                 const LintOptions& the_options)
    : profile(the_profile), resolved(the_resolved), options(the_options) {
  applies_.reserve(profile.entries.size());
  for (const Entry& entry : profile.entries) applies_.push_back(applies(entry, options.resolve));
}

const std::vector<Outcome>& Checker::outcomes(std::string_view name) {
  if (const auto known = outcomes_.find(name); known != outcomes_.end()) return known->second;
  std::vector<Outcome> all;
  for (const Abi abi : resolved.abis) {
    if (const auto nr = syscall_nr(abi, name)) all.push_back(outcome_of(resolved, {abi, *nr}));
  }
  return outcomes_.emplace(std::string(name), std::move(all)).first->second;
}

bool Checker::open_somewhere(std::string_view name) {
  const auto& all = outcomes(name);
  return std::any_of(all.begin(), all.end(),
                     [](const Outcome& o) { return o.fate == Fate::kOpen; });
}

bool Checker::refused_somewhere(std::string_view name) {
  const auto& all = outcomes(name);
  return std::any_of(all.begin(), all.end(),
                     [](const Outcome& o) { return o.fate == Fate::kRefused; });
}

bool Checker::limited_somewhere(std::string_view name) {
  const auto& all = outcomes(name);
  return std::any_of(all.begin(), all.end(),
                     [](const Outcome& o) { return o.fate == Fate::kLimited; });
}

bool Checker::lists(Abi abi) const {
  return std::find(resolved.abis.begin(), resolved.abis.end(), abi) != resolved.abis.end();
}

void Checker::add(LintFinding finding) {
  const LintRule* rule = lint_rule(finding.rule);
  if (rule == nullptr) return;
  const auto& off = options.disabled;
  if (std::find(off.begin(), off.end(), finding.rule) != off.end()) return;
  finding.rule = rule->id;
  finding.severity = rule->severity;
  if (++said_[rule->id] > kMaxFindingsOfRule) {
    ++report_out.unsaid;
    return;
  }
  report_out.findings.push_back(std::move(finding));
}

void Checker::report(std::string_view rule, std::string path, std::uint32_t line,
                     std::string message, std::string fix, bool fixable) {
  LintFinding finding;
  finding.rule = rule;
  finding.path = std::move(path);
  finding.line = line;
  finding.message = std::move(message);
  finding.fix = std::move(fix);
  finding.fixable = fixable;
  add(std::move(finding));
}

void Checker::report_names(std::string_view rule, std::size_t index, std::vector<std::size_t> names,
                           std::string message, std::string fix, bool fixable) {
  const Entry& entry = profile.entries[index];
  LintFinding finding;
  finding.rule = rule;
  finding.path = entry.path;
  finding.line = entry.line;
  if (!names.empty() && names.front() < entry.name_lines.size()) {
    finding.line = entry.name_lines[names.front()];
  }
  if (names.size() == 1) {
    finding.path += entry.singular_name ? ".name" : fmt::format(".names[{}]", names.front());
  } else if (!names.empty()) {
    finding.path += ".names";
  }
  finding.message = std::move(message);
  finding.fix = std::move(fix);
  finding.fixable = fixable;
  finding.entry = index;
  finding.names = std::move(names);
  add(std::move(finding));
}

void Checker::report_arg(std::string_view rule, std::size_t index, std::size_t arg,
                         std::string message, std::string fix) {
  const Entry& entry = profile.entries[index];
  LintFinding finding;
  finding.rule = rule;
  finding.path = fmt::format("{}.args[{}]", entry.path, arg);
  finding.line = arg < entry.arg_lines.size() ? entry.arg_lines[arg] : entry.line;
  finding.message = std::move(message);
  finding.fix = std::move(fix);
  finding.entry = index;
  add(std::move(finding));
}

}  // namespace sysnare::linting
