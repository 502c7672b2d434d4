// Rules about calls without which a program neither starts nor ends, and about the ones that libc
// tries first.
//
// Source: profile/fallbacks.h; kernel/signal.c and arch/x86/kernel/signal.c (Linux 6.18) for
// rt_sigreturn and restart_syscall.

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "arch/syscalls.h"
#include "profile/fallbacks.h"
#include "profile/lint/checker.h"

namespace sysnare::linting {
namespace {

struct Needed {
  std::string_view rule;
  std::string_view calls;
  std::string_view why;
  bool fixable;
};
constexpr Needed kNeeded[] = {
    {"exit-refused", "exit exit_group",
     "a program ends by exit_group and a thread by exit; libc repeats the refused call for ever, "
     "at "
     "100 % of a processor",
     true},
    {"sigreturn-refused", "rt_sigreturn sigreturn",
     "every signal handler returns by it, so the first signal crashes the program", true},
    {"restart-refused", "restart_syscall",
     "the kernel resumes a sleep by it after SIGSTOP and SIGCONT, which then fails", true},
    {"exec-refused", "execve",
     "container engines and `sysnare run` load the filter before they start the program by it, so "
     "nothing starts",
     false},
};

/// Calls of `needed` that are refused, by the default action and by entries.
struct Missing {
  std::vector<std::string_view> by_default;
  std::vector<std::string_view> all;
  std::optional<std::size_t> entry;  ///< the first that refuses one
};
Missing missing_of(Checker& checker, const Needed& needed) {
  Missing missing;
  const auto add = [](std::vector<std::string_view>& to, std::string_view call) {
    if (to.empty() || to.back() != call) to.push_back(call);
  };
  for (const std::string_view call : words_of(needed.calls)) {
    for (const Outcome& outcome : checker.outcomes(call)) {
      if (outcome.fate != Fate::kRefused) continue;
      add(missing.all, call);
      if (!outcome.by_entry) {
        add(missing.by_default, call);
      } else if (!missing.entry) {
        missing.entry = outcome.entry;
      }
    }
  }
  return missing;
}

void check_needed(Checker& checker) {
  for (const Needed& needed : kNeeded) {
    const Missing missing = missing_of(checker, needed);
    if (missing.all.empty()) continue;
    const std::string names = names_text(missing.all);
    const std::string message =
        fmt::format("{} {} refused: {}", names, missing.all.size() == 1 ? "is" : "are", needed.why);
    if (missing.entry) {
      checker.report_names(needed.rule, *missing.entry, {}, message,
                           fmt::format("allow {}, and take what refuses it out", names));
    } else {
      checker.report(needed.rule, "defaultAction", checker.profile.default_action_line, message,
                     fmt::format("allow {}", names), needed.fixable);
    }
  }
}

bool softly(ActionValue value) {
  return value.action() == SECCOMP_RET_ERRNO && value.data() == ENOSYS;
}

/// Fallbacks that are refused otherwise than by ENOSYS while an older way is open.
struct Refused {
  std::vector<std::string_view> by_default;
  std::vector<std::pair<std::size_t, std::string_view>> by_entry;
};
Refused refused_fallbacks(Checker& checker) {
  Refused refused;
  for (const Fallback& fallback : fallbacks()) {
    const auto older = words_of(fallback.older);
    for (const Outcome& outcome : checker.outcomes(fallback.call)) {
      if (outcome.fate != Fate::kRefused || softly(outcome.base)) continue;
      // Where the older way is closed too, the program was not meant to do it at all.
      const bool wanted = std::any_of(older.begin(), older.end(), [&](std::string_view call) {
        const auto& all = checker.outcomes(call);
        return std::any_of(all.begin(), all.end(), [&](const Outcome& other) {
          return other.abi == outcome.abi && other.fate != Fate::kRefused;
        });
      });
      if (!wanted) continue;
      if (outcome.by_entry) {
        refused.by_entry.emplace_back(outcome.entry, fallback.call);
      } else {
        refused.by_default.push_back(fallback.call);
      }
      break;
    }
  }
  return refused;
}

void check_fallbacks(Checker& checker) {
  const Refused refused = refused_fallbacks(checker);
  const auto& by_default = refused.by_default;
  const auto text = [&](const std::vector<std::string_view>& calls, ActionValue action) {
    return fmt::format(
        "{} {} answered with {}; callers take their older way, which is open, only "
        "on ENOSYS",
        names_text(calls), calls.size() == 1 ? "is" : "are", action_label(action));
  };
  if (!by_default.empty()) {
    checker.report("fallback-refused", "defaultAction", checker.profile.default_action_line,
                   text(by_default, checker.resolved.default_action),
                   "add an entry SCMP_ACT_ERRNO with errnoRet 38 for them, or allow them", true);
  }
  for (const auto& [entry, call] : refused.by_entry) {
    const Entry& refusing = checker.profile.entries[entry];
    const auto found = std::find(refusing.names.begin(), refusing.names.end(), call);
    checker.report_names("fallback-refused", entry,
                         {static_cast<std::size_t>(found - refusing.names.begin())},
                         text({call}, action_value(refusing.action, refusing.errno_ret)),
                         "make it SCMP_ACT_ERRNO with errnoRet 38");
  }
}

/// From here on every ABI gives a new call the same number (Linux 5.1).
constexpr std::uint32_t kFirstCommon = 424;

void check_newer(Checker& checker) {
  const ActionValue by_default = checker.resolved.default_action;
  const Abi abi = checker.options.resolve.arch;
  if (!refuses(by_default) || softly(by_default) || !checker.lists(abi)) return;
  std::uint32_t newest_named = 0;
  std::string_view newest_name;
  for (const auto& [call, rules] : checker.resolved.rules) {
    if (call.abi != abi || call.nr < newest_named) continue;
    newest_named = call.nr;
    newest_name = syscall_name(call);
  }
  std::uint32_t newest_fallback = 0;
  for (const Fallback& fallback : fallbacks()) {
    if (const auto nr = syscall_nr(abi, fallback.call))
      newest_fallback = std::max(newest_fallback, *nr);
  }
  if (newest_fallback < kFirstCommon || newest_named >= newest_fallback || newest_name.empty())
    return;
  checker.report("newer-call-refused", "defaultAction", checker.profile.default_action_line,
                 fmt::format("the newest call that the profile names is {} ({}): later ones, which "
                             "programs try first, are answered with {} by crun, Podman and sysnare "
                             "(runc answers ENOSYS by itself)",
                             newest_name, newest_named, action_label(by_default)),
                 "name the newer calls, allowed or with errnoRet 38; or make defaultErrnoRet 38");
}

}  // namespace

std::vector<std::string_view> needed_by_default(Checker& checker, std::string_view rule) {
  for (const Needed& needed : kNeeded) {
    if (needed.rule == rule) return missing_of(checker, needed).by_default;
  }
  return {};
}

std::vector<std::string_view> fallbacks_by_default(Checker& checker) {
  return refused_fallbacks(checker).by_default;
}

void check_lifecycle(Checker& checker) {
  check_needed(checker);
  check_fallbacks(checker);
  check_newer(checker);
}

}  // namespace sysnare::linting
