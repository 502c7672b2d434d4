#include "tripwire/judge.h"

#include <algorithm>
#include <cerrno>

#include "arch/syscalls.h"

namespace sysnare {
namespace {

constexpr ActionValue kNotify{SECCOMP_RET_USER_NOTIF};
/// prlimit64(pid, resource, new limit or null, old limit or null).
constexpr const char* kLimiting = "prlimit64";
/// Stands in for the default action, so that evaluate() shows whether a rule decided. No rule has
/// it: ALLOW carries no data in any profile.
constexpr ActionValue kNoRule{SECCOMP_RET_ALLOW | 0xfff1};

bool allows(ActionValue value) {
  return value.action() == SECCOMP_RET_ALLOW || value.action() == SECCOMP_RET_LOG;
}

bool kills(ActionValue value) {
  return value.action() == SECCOMP_RET_KILL_PROCESS || value.action() == SECCOMP_RET_KILL_THREAD ||
         value.action() == SECCOMP_RET_TRAP;
}

/// Whether the kernel carries an explicit action out by itself.
bool stays_in_kernel(ActionValue value, bool default_allows, bool kill_denied) {
  switch (value.action()) {
    case SECCOMP_RET_ALLOW:
      return true;
    case SECCOMP_RET_LOG:
      return !default_allows;  // else it is one of the entries that make up the wire
    case SECCOMP_RET_ERRNO:
      return value.data() == ENOSYS;
    default:
      return kills(value) && !kill_denied;
  }
}

}  // namespace

std::optional<Response> WatchPolicy::response(Grade grade) const {
  const auto found = on.find(grade);
  if (found == on.end()) return std::nullopt;
  return found->second;
}

bool is_exec(Call call) {
  const std::string_view name = syscall_name(call);
  return name == "execve" || name == "execveat";
}

Call call_of(const seccomp_data& data) {
  const auto nr = static_cast<std::uint32_t>(data.nr);
  return {abi_of(data.arch, nr).value_or(native_abi()), nr};
}

bool limits_process(const seccomp_data& data, pid_t process) {
  return process != 0 && syscall_name(call_of(data)) == kLimiting &&
         static_cast<pid_t>(data.args[0]) == process && data.args[2] != 0;
}

ResolvedProfile watch_profile(const ResolvedProfile& profile, const WatchPolicy& policy) {
  const bool default_allows = profile.default_action.action() == SECCOMP_RET_ALLOW;
  const bool kill_denied = policy.response(Grade::kDenied) == Response::kKill;
  ResolvedProfile watched = profile;
  if (!default_allows) watched.default_action = kNotify;
  watched.foreign_abi = kNotify;
  for (auto& [call, rules] : watched.rules) {
    const auto refuses = [](const ResolvedRule& rule) { return !allows(rule.action); };
    const auto first = std::find_if(rules.begin(), rules.end(), refuses);
    // Rules with different refusals: NOTIFY would stand elsewhere in the kernel's order of
    // precedence than what it stands for, so all of them come to us and the judge joins them.
    const bool mixed = std::any_of(rules.begin(), rules.end(), [&](const ResolvedRule& rule) {
      return refuses(rule) && rule.action != first->action;
    });
    for (ResolvedRule& rule : rules) {
      const bool stays = stays_in_kernel(rule.action, default_allows, kill_denied);
      if (!stays || (mixed && refuses(rule))) rule.action = kNotify;
    }
  }
  for (const Abi abi : watched.abis) {
    for (const char* name : {"execve", "execveat"}) {
      const auto nr = syscall_nr(abi, name);
      if (nr) watched.rules[{abi, *nr}] = {ResolvedRule{{}, kNotify, 0}};
    }
    const auto limiting = syscall_nr(abi, kLimiting);
    if (limiting && policy.supervisor != 0) {
      // The kernel reads 32 bits of the number.
      const auto number = static_cast<std::uint32_t>(policy.supervisor);
      watched.rules[{abi, *limiting}].push_back(
          {{{0, UINT32_MAX, number, Op::kMaskedEq}, {2, 0, 0, Op::kNe}}, kNotify, 0});
    }
  }
  return watched;
}

Judge::Judge(ResolvedProfile profile, WatchPolicy policy)
    : profile_(std::move(profile)),
      default_action_(profile_.default_action),
      policy_(std::move(policy)) {
  profile_.default_action = kNoRule;
}

Judge::Ruling Judge::rule(const seccomp_data& data) const {
  const bool listed =
      listed_abi(profile_, data.arch, static_cast<std::uint32_t>(data.nr)).has_value();
  if (!listed) return {profile_.foreign_abi, false, true};
  const ActionValue action = evaluate(profile_, data);
  if (action == kNoRule) return {default_action_, false, false};
  return {action, true, false};
}

Judgement Judge::outside(Grade grade, ActionValue action, bool keep_action) const {
  using Answer = Judgement::Answer;
  const std::optional<Response> response = policy_.response(grade);
  const bool refusal_is_errno = action.action() == SECCOMP_RET_ERRNO;
  if (response == Response::kKill) return {true, grade, Answer::kKill, 0};
  // The errno of the rule that refuses, else that of the default action, else EPERM.
  if (response == Response::kErrno) {
    const bool default_is_errno = default_action_.action() == SECCOMP_RET_ERRNO;
    const int error = refusal_is_errno   ? action.data()
                      : default_is_errno ? default_action_.data()
                                         : EPERM;
    return {true, grade, Answer::kErrno, error};
  }
  const bool carry_out = keep_action || (policy_.enforce && !response);
  if (!carry_out || allows(action)) return {true, grade, Answer::kContinue, 0};
  if (refusal_is_errno) return {true, grade, Answer::kErrno, action.data()};
  if (kills(action)) return {true, grade, Answer::kKill, 0};
  // TRACE and NOTIFY without a tracer or listener of their own: what the kernel gives.
  return {true, grade, Answer::kErrno, ENOSYS};
}

Judgement Judge::judge(const seccomp_data& data, bool exec_is_known) const {
  const Judgement judgement = judge_by_profile(data, exec_is_known);
  const bool goes_on = judgement.answer == Judgement::Answer::kContinue;
  if (!goes_on || !limits_process(data, policy_.supervisor)) return judgement;
  return outside(Grade::kDenied, ActionValue{SECCOMP_RET_ERRNO | EPERM}, true);
}

Judgement Judge::judge_by_profile(const seccomp_data& data, bool exec_is_known) const {
  const Call call = call_of(data);
  const Ruling ruling = rule(data);
  if (ruling.by_rule) {
    const bool silent =
        ruling.action.action() == SECCOMP_RET_ERRNO && ruling.action.data() == ENOSYS;
    if (silent) return {false, Grade::kDenied, Judgement::Answer::kErrno, ENOSYS};
    if (!allows(ruling.action) && ruling.action.action() != SECCOMP_RET_USER_NOTIF) {
      return outside(Grade::kDenied, ruling.action, true);
    }
    // NOTIFY asks a supervisor to decide, which we are; LOG beside ALLOW is the wire.
    const bool wire = ruling.action.action() != SECCOMP_RET_ALLOW &&
                      (ruling.action.action() == SECCOMP_RET_USER_NOTIF ||
                       default_action_.action() == SECCOMP_RET_ALLOW);
    if (wire) return outside(Grade::kUnknown, ruling.action, false);
    if (!is_exec(call) || exec_is_known)
      return {false, Grade::kUnknown, Judgement::Answer::kContinue, 0};
    // The profile allows exec because the launcher needs it; that makes it nobody else's.
    return outside(Grade::kUnknown, default_action_, false);
  }
  if (ruling.foreign_abi) return outside(Grade::kUnknown, ruling.action, false);
  if (allows(default_action_) && default_action_.action() == SECCOMP_RET_ALLOW) {
    if (!is_exec(call) || exec_is_known)
      return {false, Grade::kUnknown, Judgement::Answer::kContinue, 0};
    return outside(Grade::kUnknown, default_action_, false);
  }
  const auto rules = profile_.rules.find(call);
  const bool other_arguments =
      rules != profile_.rules.end() &&
      std::any_of(rules->second.begin(), rules->second.end(),
                  [](const ResolvedRule& each) { return allows(each.action); });
  return outside(other_arguments ? Grade::kArgument : Grade::kUnknown, default_action_, false);
}

Judgement Judge::judge_allowed_exec(const seccomp_data& data) const {
  const Ruling ruling = rule(data);
  if (ruling.by_rule && !allows(ruling.action)) return judge(data, true);
  return {false, Grade::kUnknown, Judgement::Answer::kContinue, 0};
}

}  // namespace sysnare
