// The meaning of a profile, to be read beside resolve.h.

#include <linux/audit.h>

#include <algorithm>
#include <bit>
#include <cerrno>

#include "arch/syscalls.h"
#include "profile/resolve.h"

// Newer than the headers of some build machines.
#ifndef SECCOMP_RET_USER_NOTIF
#define SECCOMP_RET_USER_NOTIF 0x7fc00000U
#endif

namespace sysnare {

ActionValue action_value(Action action, std::optional<std::uint32_t> errno_ret) {
  switch (action) {
    case Action::kKill:
    case Action::kKillThread:
      return {SECCOMP_RET_KILL_THREAD};
    case Action::kKillProcess:
      return {SECCOMP_RET_KILL_PROCESS};
    case Action::kTrap:
      return {SECCOMP_RET_TRAP};
    case Action::kErrno:
      return {SECCOMP_RET_ERRNO | std::min(errno_ret.value_or(EPERM), kMaxErrno)};
    case Action::kTrace:
      // Without errnoRet: what runc and crun send.
      return {SECCOMP_RET_TRACE | std::min(errno_ret.value_or(EPERM), kMaxTraceMessage)};
    case Action::kAllow:
      return {SECCOMP_RET_ALLOW};
    case Action::kLog:
      return {SECCOMP_RET_LOG};
    case Action::kNotify:
      return {SECCOMP_RET_USER_NOTIF};
  }
  return {SECCOMP_RET_KILL_PROCESS};
}

Action action_of(ActionValue value) {
  switch (value.action()) {
    case SECCOMP_RET_KILL_THREAD:
      return Action::kKillThread;
    case SECCOMP_RET_TRAP:
      return Action::kTrap;
    case SECCOMP_RET_ERRNO:
      return Action::kErrno;
    case SECCOMP_RET_USER_NOTIF:
      return Action::kNotify;
    case SECCOMP_RET_TRACE:
      return Action::kTrace;
    case SECCOMP_RET_LOG:
      return Action::kLog;
    case SECCOMP_RET_ALLOW:
      return Action::kAllow;
    default:
      return Action::kKillProcess;
  }
}

std::optional<std::uint32_t> errno_ret_of(ActionValue value) {
  const Action action = action_of(value);
  if (action == Action::kErrno || action == Action::kTrace) return value.data();
  return std::nullopt;
}

std::string action_label(ActionValue value) {
  switch (value.action()) {
    case SECCOMP_RET_KILL_PROCESS:
      return "kill process";
    case SECCOMP_RET_KILL_THREAD:
      return "kill thread";
    case SECCOMP_RET_TRAP:
      return value.data() == 0 ? "trap" : fmt::format("trap {}", value.data());
    case SECCOMP_RET_ERRNO: {
      const std::string_view name = errno_name(value.data());
      return name.empty() ? fmt::format("errno {}", value.data()) : fmt::format("errno {}", name);
    }
    case SECCOMP_RET_USER_NOTIF:
      return "notify";
    case SECCOMP_RET_TRACE:
      return fmt::format("trace {}", value.data());
    case SECCOMP_RET_LOG:
      return "log";
    case SECCOMP_RET_ALLOW:
      return "allow";
    default:
      // kernel/seccomp.c: "default: ... SECCOMP_RET_KILL_PROCESS for anything unknown"
      return fmt::format("unknown action {:#010x}, which kills the process", value.value);
  }
}

bool outranks(ActionValue a, ActionValue b) {
  // kernel/seccomp.c: ACTION_ONLY() is an s32, so that KILL_PROCESS (0x80000000) is the lowest.
  return std::bit_cast<std::int32_t>(a.action()) < std::bit_cast<std::int32_t>(b.action());
}

bool holds(const ArgCondition& condition, std::uint64_t argument, unsigned bits) {
  const std::uint64_t kept = bits >= 64 ? UINT64_MAX : (std::uint64_t{1} << bits) - 1;
  const std::uint64_t arg = argument & kept;
  const std::uint64_t value = condition.value & kept;
  const std::uint64_t value_two = condition.value_two & kept;
  switch (condition.op) {
    case Op::kNe:
      return arg != value;
    case Op::kLt:
      return arg < value;
    case Op::kLe:
      return arg <= value;
    case Op::kEq:
      return arg == value;
    case Op::kGe:
      return arg >= value;
    case Op::kGt:
      return arg > value;
    case Op::kMaskedEq:
      return (arg & value) == value_two;
  }
  return false;
}

unsigned compared_bits(const ResolvedProfile& profile, Call call, unsigned index) {
  const bool half = profile.x32_args_by_low_half && call.abi == Abi::kX32;
  const unsigned bits = half ? 32 : register_bits(call.abi);
  if (!profile.int_args_by_width) return bits;
  const SyscallSignature signature = syscall_signature(syscall_name(call));
  if (!signature.known || index >= signature.args.size()) return bits;
  return std::min<unsigned>(bits, signature.args[index].bits);
}

std::optional<Abi> listed_abi(const ResolvedProfile& profile, std::uint32_t arch,
                              std::uint32_t nr) {
  std::optional<Abi> listed;
  for (const Abi abi : profile.abis) {
    if (audit_arch(abi) != arch) continue;
    if (arch == AUDIT_ARCH_X86_64 && nr != kSkippedNr) {
      // From the x32 bit upwards nothing is an x86_64 call, whether x32 calls it so or not.
      if ((abi == Abi::kX32) != (nr >= kX32Bit)) continue;
    }
    listed = abi;
  }
  return listed;
}

ActionValue evaluate(const ResolvedProfile& profile, const seccomp_data& data) {
  const auto nr = static_cast<std::uint32_t>(data.nr);
  for (const NumberRange& range : profile.answered_ahead) {
    if (range.arch == data.arch && nr >= range.first && nr <= range.last) return range.action;
  }
  const std::optional<Abi> abi = listed_abi(profile, data.arch, nr);
  if (!abi) return profile.foreign_abi;
  const Call call{*abi, nr};
  const auto rules = profile.rules.find(call);
  if (rules == profile.rules.end()) return profile.default_action;

  std::optional<ActionValue> decided;
  for (const ResolvedRule& rule : rules->second) {
    const bool matches = std::all_of(rule.conditions.begin(), rule.conditions.end(),
                                     [&](const ArgCondition& condition) {
                                       return condition.index < kArgCount &&
                                              holds(condition, data.args[condition.index],
                                                    compared_bits(profile, call, condition.index));
                                     });
    // Of two with the same action the first in the file wins: only data bits can differ then.
    if (matches && (!decided || outranks(rule.action, *decided))) decided = rule.action;
  }
  return decided.value_or(profile.default_action);
}

}  // namespace sysnare
