// From calls with rules back to entries with names: what writes a ResolvedProfile as plain OCI.

#include <fmt/format.h>

#include <map>
#include <set>

#include "arch/syscalls.h"
#include "profile/runtime.h"

namespace sysnare {
namespace {

/// What is decided for a call: conditions and actions, in a form that compares.
using Decision = std::vector<std::pair<std::vector<ArgCondition>, std::uint32_t>>;

/// Names that one note lists.
constexpr std::size_t kListed = 8;

Decision decision(const ResolvedProfile& resolved, Call call) {
  for (const NumberRange& range : resolved.answered_ahead) {
    if (range.arch == audit_arch(call.abi) && call.nr >= range.first && call.nr <= range.last) {
      return {{{}, range.action.value}};
    }
  }
  Decision made;
  const auto rules = resolved.rules.find(call);
  if (rules == resolved.rules.end()) return made;
  for (const ResolvedRule& rule : rules->second) {
    made.emplace_back(rule.conditions, rule.action.value);
  }
  return made;
}

void set_action(ActionValue value, Action& action, std::optional<std::uint32_t>& errno_ret) {
  errno_ret.reset();
  switch (value.action()) {
    case SECCOMP_RET_KILL_THREAD:
      action = Action::kKillThread;
      return;
    case SECCOMP_RET_TRAP:
      action = Action::kTrap;
      return;
    case SECCOMP_RET_ERRNO:
      action = Action::kErrno;
      errno_ret = value.data();
      return;
    case SECCOMP_RET_TRACE:
      action = Action::kTrace;
      errno_ret = value.data();
      return;
    case SECCOMP_RET_LOG:
      action = Action::kLog;
      return;
    case SECCOMP_RET_ALLOW:
      action = Action::kAllow;
      return;
    default:
      action = value == action_value(Action::kNotify, {}) ? Action::kNotify : Action::kKillProcess;
  }
}

}  // namespace

Profile flat_profile(const ResolvedProfile& resolved, std::vector<std::string>& notes) {
  Profile flat;
  set_action(resolved.default_action, flat.default_action, flat.default_errno_ret);
  for (const Abi abi : resolved.abis) flat.architectures.emplace_back(abi_oci_name(abi));
  flat.flags = resolved.flags;

  std::map<std::string_view, Decision> by_name;
  std::set<std::string_view> split;
  for (const Abi abi : resolved.abis) {
    for (const Call& call : syscalls_of(abi)) {
      const auto [known, is_new] =
          by_name.try_emplace(syscall_name(call), decision(resolved, call));
      if (!is_new && known->second != decision(resolved, call)) split.insert(known->first);
    }
  }
  // Names with the same decision share their entries; the order is that of the first name.
  std::map<Decision, std::vector<std::string>> groups;
  for (const auto& [name, made] : by_name) {
    if (!made.empty()) groups[made].emplace_back(name);
  }
  for (const auto& [made, names] : groups) {
    for (const auto& [conditions, value] : made) {
      Entry entry;
      entry.names = names;
      set_action({value}, entry.action, entry.errno_ret);
      entry.args = conditions;
      flat.entries.push_back(std::move(entry));
    }
  }
  if (!split.empty()) {
    std::string text;
    std::size_t shown = 0;
    for (const std::string_view name : split) {
      if (shown == kListed) break;
      text += fmt::format("{}{}", shown++ == 0 ? "" : ", ", name);
    }
    if (split.size() > shown) text += fmt::format(" and {} more", split.size() - shown);
    notes.push_back(fmt::format(
        "decided otherwise in another ABI, which OCI cannot say; written is what holds for {}: {}",
        abi_name(resolved.abis.front()), text));
  }
  if (!resolved.answered_ahead.empty()) {
    notes.emplace_back(
        "numbers that no table knows are answered so as well, which OCI cannot say: it has names "
        "only");
  }
  return flat;
}

}  // namespace sysnare
