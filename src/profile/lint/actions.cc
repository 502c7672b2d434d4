// Rules about actions that do something else than they seem to.
//
// Source: kernel/seccomp.c (Linux 6.18) seccomp_log() and __seccomp_filter(); seccomp_unotify(2);
// runc 1.1 libcontainer/seccomp and crun 1.8 src/libcrun/seccomp.c for NOTIFY.

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "arch/syscalls.h"
#include "profile/lint/checker.h"

namespace sysnare::linting {
namespace {

/// write: runc tells its parent by it that the filter is loaded, and refuses such a profile.
/// sendmsg: who loads the filter hands the listener over by it.
constexpr std::string_view kHandover[] = {"write", "sendmsg"};

void check_kill(Checker& checker) {
  const Profile& profile = checker.profile;
  const auto message = [](Action action) {
    return fmt::format(
        "{} kills the thread that made the call, not the program: other threads wait "
        "for it for ever",
        action_name(action));
  };
  constexpr std::string_view kFix = "make it SCMP_ACT_KILL_PROCESS";
  const auto is_kill = [](Action action) {
    return action == Action::kKill || action == Action::kKillThread;
  };
  if (is_kill(profile.default_action)) {
    checker.report("kill-thread", "defaultAction", profile.default_action_line,
                   message(profile.default_action), std::string(kFix),
                   profile.default_action == Action::kKill);
  }
  for (std::size_t i = 0; i < profile.entries.size(); ++i) {
    const Entry& entry = profile.entries[i];
    if (!is_kill(entry.action)) continue;
    checker.report_names("kill-thread", i, {}, message(entry.action), std::string(kFix),
                         entry.action == Action::kKill);
  }
}

bool has_pointer(std::string_view name) {
  const SyscallSignature signature = syscall_signature(name);
  return std::any_of(signature.args.begin(), signature.args.end(),
                     [](const SyscallArg& arg) { return arg.is_pointer; });
}

void check_notify_entry(Checker& checker, std::size_t index) {
  const Entry& entry = checker.profile.entries[index];
  std::vector<std::size_t> handover;
  std::vector<std::size_t> pointers;
  std::vector<std::string_view> handover_names;
  std::vector<std::string_view> pointer_names;
  for (std::size_t n = 0; n < entry.names.size(); ++n) {
    const std::string& name = entry.names[n];
    if (std::find(std::begin(kHandover), std::end(kHandover), name) != std::end(kHandover)) {
      handover.push_back(n);
      handover_names.emplace_back(name);
    } else if (has_pointer(name)) {
      pointers.push_back(n);
      pointer_names.emplace_back(name);
    }
  }
  if (!handover.empty()) {
    checker.report_names(
        "notify-handover", index, handover,
        fmt::format("{}: the listener is handed over by it while the filter already "
                    "holds, so that nobody can answer yet; runc refuses the profile",
                    names_text(handover_names)),
        "take it out of the entry");
  }
  if (!pointers.empty()) {
    checker.report_names(
        "notify-pointer", index, pointers,
        fmt::format("{}: a supervisor that looks at what a pointer leads to and "
                    "then lets the call go on is raced by another thread, which "
                    "changes it in between: NOTIFY alerts here, it does not protect",
                    names_text(pointer_names)),
        "let the supervisor make the call itself, or refuse the call");
  }
}

void check_notify(Checker& checker) {
  const Profile& profile = checker.profile;
  bool any = profile.default_action == Action::kNotify;
  if (any) {
    checker.report("notify-handover", "defaultAction", profile.default_action_line,
                   "NOTIFY as the default action holds the calls by which the listener is handed "
                   "over; runc refuses it",
                   "name the calls that shall be notified, with another default action");
  }
  std::size_t first = profile.entries.size();
  for (std::size_t i = 0; i < profile.entries.size(); ++i) {
    if (profile.entries[i].action != Action::kNotify) continue;
    first = std::min(first, i);
    any = true;
    check_notify_entry(checker, i);
  }
  if (any && profile.listener_path.empty()) {
    constexpr std::string_view kMessage =
        "SCMP_ACT_NOTIFY without listenerPath: runc and crun refuse the profile, and elsewhere the "
        "calls fail with ENOSYS";
    constexpr std::string_view kFix =
        "add \"listenerPath\", the socket of the supervisor; `sysnare watch` needs none";
    if (first < profile.entries.size()) {
      checker.report_names("notify-without-listener", first, {}, std::string(kMessage),
                           std::string(kFix));
    } else {
      checker.report("notify-without-listener", "defaultAction", profile.default_action_line,
                     std::string(kMessage), std::string(kFix));
    }
  } else if (!any && !profile.listener_path.empty()) {
    checker.report("notify-without-listener", "listenerPath", profile.default_action_line,
                   "listenerPath is given, but no entry has SCMP_ACT_NOTIFY: nobody is ever asked",
                   "drop listenerPath, or name the calls to notify");
  }
}

void check_log_and_trace(Checker& checker) {
  const Profile& profile = checker.profile;
  const bool flag = std::find(profile.flags.begin(), profile.flags.end(),
                              "SECCOMP_FILTER_FLAG_LOG") != profile.flags.end();
  const auto unlogged = [](Action action) {
    return action == Action::kErrno || action == Action::kTrap || action == Action::kTrace;
  };
  bool refuses_unlogged = unlogged(profile.default_action);
  std::size_t log = profile.entries.size();
  for (std::size_t i = 0; i < profile.entries.size(); ++i) {
    const Entry& entry = profile.entries[i];
    refuses_unlogged = refuses_unlogged || unlogged(entry.action);
    if (entry.action == Action::kLog) log = std::min(log, i);
    if (entry.action == Action::kTrace) {
      checker.report_names("trace-without-tracer", i, {},
                           "SCMP_ACT_TRACE asks a ptrace tracer; where none is attached, as in a "
                           "container, the calls fail with ENOSYS whatever errnoRet says",
                           "take SCMP_ACT_ERRNO, or SCMP_ACT_NOTIFY with a listener");
    }
    if (entry.action == Action::kErrno && entry.errno_ret == 0U) {
      checker.report_names("errno-zero", i, {},
                           "errnoRet 0: the call is not made, and its caller is told that it was",
                           "give an errno, such as 1 (EPERM)");
    }
  }
  if (profile.default_action == Action::kErrno && profile.default_errno_ret == 0U) {
    checker.report(
        "errno-zero", "defaultAction", profile.default_action_line,
        "defaultErrnoRet 0: calls are not made, and their callers are told that they were",
        "give an errno, such as 1 (EPERM)");
  }
  if (!refuses_unlogged || flag) return;
  constexpr std::string_view kMessage =
      "LOG entries show in the kernel's log, but refused calls do not: ERRNO, TRAP and TRACE are "
      "logged with SECCOMP_FILTER_FLAG_LOG only, and tracers of sys_enter never see them";
  constexpr std::string_view kFix =
      "add \"flags\": [\"SECCOMP_FILTER_FLAG_LOG\"], and let "
      "/proc/sys/kernel/seccomp/actions_logged "
      "have errno";
  if (log < profile.entries.size()) {
    checker.report_names("refusal-unlogged", log, {}, std::string(kMessage), std::string(kFix));
  } else if (profile.default_action == Action::kLog) {
    checker.report("refusal-unlogged", "defaultAction", profile.default_action_line,
                   std::string(kMessage), std::string(kFix));
  }
}

}  // namespace

void check_actions(Checker& checker) {
  check_kill(checker);
  check_notify(checker);
  check_log_and_trace(checker);
}

}  // namespace sysnare::linting
