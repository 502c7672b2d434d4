#include "profile/lint/lint.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "profile/lint/checker.h"

namespace sysnare {
namespace {

using enum Severity;

// id, severity, what it finds; sorted by id. A new rule is a row here, its check, and its page.
constexpr LintRule kRules[] = {
    {"arg-cut", kInfo, "a value that does not fit the 32-bit arguments of a listed ABI"},
    {"compat-abi-unused", kWarning,
     "i386 is listed beside x86_64, but no i386 program could start"},
    {"contradiction", kError, "two entries give the same call different actions"},
    {"dead-rule", kWarning, "a condition that never holds, or always does"},
    {"default-allow", kWarning, "the default action lets every call pass that no entry names"},
    {"empty-entry", kWarning, "an entry that names no call"},
    {"errno-zero", kWarning, "a refused call reports success"},
    {"exec-refused", kError, "execve is refused: no program can be started under the profile"},
    {"exit-refused", kError, "exit or exit_group is refused: the program cannot end"},
    {"fallback-refused", kWarning,
     "refused with another error than the ENOSYS that libc falls back on"},
    {"family-half-denied", kError, "a call is refused, and one that does the same is open"},
    {"foreign-architectures", kWarning, "listed architectures that never meet on one machine"},
    {"index-twice", kError, "one argument index stands twice in an entry"},
    {"int-arg-as-64", kError, "a rule on an int argument that a set upper half passes by"},
    {"int-arg-encoding", kWarning, "a value that an int argument has in one encoding only"},
    {"io-uring-open", kWarning, "io_uring runs operations that no filter sees"},
    {"kill-thread", kWarning, "the action kills one thread and leaves the program hanging"},
    {"libseccomp-inequality", kInfo,
     "several inequalities on one call, which libseccomp gets wrong"},
    {"libseccomp-unknown", kInfo, "a name that Debian 12's libseccomp does not know"},
    {"listed-twice", kInfo, "an architecture or a flag that is listed twice"},
    {"log-default", kWarning, "the default action LOG lets every call pass"},
    {"multiplexed-rewrite", kWarning,
     "a rule on arguments that socketcall or ipc hide on some ABI"},
    {"multiplexer-open", kWarning, "socketcall or ipc is open, and reaches a call that is not"},
    {"name-elsewhere", kInfo, "a call that none of the listed architectures has"},
    {"never-applies", kWarning, "includes and excludes that no machine fulfils together"},
    {"newer-call-refused", kInfo, "calls newer than the profile get another error than ENOSYS"},
    {"no-architectures", kInfo, "no architectures are listed"},
    {"notify-handover", kError, "NOTIFY on what is needed to hand over the listener"},
    {"notify-pointer", kWarning, "NOTIFY on a call whose arguments can be changed after the check"},
    {"notify-without-listener", kWarning, "NOTIFY without a listenerPath, or the reverse"},
    {"pointer-arg", kError, "a pointer argument is compared with an address"},
    {"refusal-unlogged", kInfo, "allowed calls are logged, refused ones are not"},
    {"restart-refused", kWarning, "restart_syscall is refused: an interrupted sleep fails"},
    {"risky-grant", kWarning, "an allowed call that reaches far beyond the program"},
    {"same-as-default", kInfo, "an entry that does what the default action does"},
    {"shadowed-rule", kWarning, "a rule that never decides, since another always does"},
    {"sigreturn-refused", kError, "rt_sigreturn is refused: no signal handler can return"},
    {"singular-name", kWarning, "`name`, which runc and crun do not read"},
    {"trace-without-tracer", kInfo, "TRACE fails with ENOSYS where no tracer is attached"},
    {"unknown-architecture", kWarning,
     "an architecture in includes or excludes that no engine has"},
    {"unknown-capability", kWarning,
     "a capability in includes or excludes that Linux does not have"},
    {"unknown-key", kWarning, "a key that no reader knows"},
    {"unknown-name", kWarning, "a call that no architecture has"},
    {"unread-value", kWarning, "a valueTwo that its comparison does not read"},
    {"unreadable-sibling", kError,
     "arguments are limited, and open in a call that keeps them in memory"},
    {"wide-arg-as-32", kError, "a pointer or size is compared by its lower half only"},
    {"x32-open", kWarning, "x32 is listed beside x86_64"},
};

// docs/lint/README.md says the same to people.
constexpr unsigned kErrorWeight = 10;
constexpr unsigned kWarningWeight = 4;
constexpr unsigned kInfoWeight = 1;
constexpr unsigned kCountedPerRule = 3;
constexpr unsigned kMaxGrantWeight = 30;

unsigned weight_of(Severity severity) {
  switch (severity) {
    case kInfo:
      return kInfoWeight;
    case kWarning:
      return kWarningWeight;
    case kError:
      break;
  }
  return kErrorWeight;
}

unsigned score_of(const LintReport& report) {
  std::map<std::string_view, unsigned> counted;
  unsigned lost = 0;
  for (const LintFinding& finding : report.findings) {
    if (++counted[finding.rule] <= kCountedPerRule) lost += weight_of(finding.severity);
  }
  unsigned granted = 0;
  for (const Grant& grant : report.grants) granted += grant.weight;
  lost += std::min(granted, kMaxGrantWeight);
  return lost >= 100 ? 0 : 100 - lost;
}

}  // namespace

std::string_view severity_name(Severity severity) {
  switch (severity) {
    case kInfo:
      return "info";
    case kWarning:
      return "warning";
    case kError:
      break;
  }
  return "error";
}

std::optional<Severity> severity_by_name(std::string_view name) {
  for (const Severity each : {kInfo, kWarning, kError}) {
    if (severity_name(each) == name) return each;
  }
  return std::nullopt;
}

std::span<const LintRule> lint_rules() { return kRules; }

const LintRule* lint_rule(std::string_view id) {
  const LintRule* found = std::lower_bound(
      std::begin(kRules), std::end(kRules), id,
      [](const LintRule& rule, std::string_view wanted) { return rule.id < wanted; });
  return found != std::end(kRules) && found->id == id ? found : nullptr;
}

Result<LintReport> lint(const Profile& profile, const LintOptions& options) {
  Result<ResolvedProfile> resolved = resolve(profile, options.resolve);
  if (!resolved) return propagate(resolved);
  linting::Checker checker(profile, *resolved, options);
  linting::check_arguments(checker);
  linting::check_abis(checker);
  linting::check_grants(checker);
  linting::check_families(checker);
  linting::check_lifecycle(checker);
  linting::check_actions(checker);
  linting::check_names(checker);
  linting::check_entries(checker);
  LintReport report = std::move(checker.report_out);
  const auto place = [](const LintFinding& finding) {
    return std::tuple(finding.line, finding.entry ? *finding.entry + 1 : 0,
                      std::string_view(finding.path), finding.rule);
  };
  std::stable_sort(report.findings.begin(), report.findings.end(),
                   [&](const LintFinding& a, const LintFinding& b) { return place(a) < place(b); });
  report.score = score_of(report);
  return report;
}

}  // namespace sysnare
