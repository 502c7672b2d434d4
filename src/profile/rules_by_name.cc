#include "profile/rules_by_name.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "arch/syscalls.h"
#include "base/text.h"

#ifndef SECCOMP_RET_USER_NOTIF
#define SECCOMP_RET_USER_NOTIF 0x7fc00000U
#endif

namespace sysnare {
namespace {

/// Rules in the order in which the first match decides as evaluate() does.
std::vector<ResolvedRule> first_match_order(std::vector<ResolvedRule> rules,
                                            ActionValue default_action) {
  // Stable: of equal actions the first in the file decides, which matters for their data.
  std::stable_sort(rules.begin(), rules.end(), [](const ResolvedRule& a, const ResolvedRule& b) {
    return outranks(a.action, b.action);
  });
  const auto always = std::find_if(
      rules.begin(), rules.end(), [](const ResolvedRule& rule) { return rule.conditions.empty(); });
  if (always != rules.end()) rules.erase(always + 1, rules.end());
  for (;;) {
    if (rules.empty()) return rules;
    const bool ends = rules.back().conditions.empty();
    const ActionValue follows = ends && rules.size() > 1 ? rules.back().action : default_action;
    if (ends && rules.size() > 1) {
      // The last conditional rule, when it says what follows.
      if (rules[rules.size() - 2].action != follows) {
        if (rules.back().action != default_action) return rules;
        rules.pop_back();
        continue;
      }
      rules.erase(rules.end() - 2);
      continue;
    }
    if (rules.back().action != follows) return rules;
    rules.pop_back();
  }
}

/// What may stand for an action that a format lacks, the nearest first. None allows more, but for
/// log, which lets the call run as allow does.
std::vector<ActionValue> stand_ins(ActionValue action) {
  const ActionValue process{SECCOMP_RET_KILL_PROCESS};
  const ActionValue thread{SECCOMP_RET_KILL_THREAD};
  const ActionValue eperm{SECCOMP_RET_ERRNO | EPERM};
  // What the kernel answers when no tracer or listener is there.
  const ActionValue enosys{SECCOMP_RET_ERRNO | ENOSYS};
  switch (action.action()) {
    case SECCOMP_RET_KILL_PROCESS:
      return {thread, eperm};
    case SECCOMP_RET_KILL_THREAD:
      return {process, eperm};
    case SECCOMP_RET_TRAP:
      return {{SECCOMP_RET_TRAP}, process, thread, eperm};
    case SECCOMP_RET_ERRNO:
      return {eperm, process, thread};
    case SECCOMP_RET_LOG:
      return {{SECCOMP_RET_ALLOW}};
    default:
      return {enosys, eperm, process, thread};
  }
}

std::optional<ActionValue> stand_in(ActionValue action, const CanSay& can) {
  for (const ActionValue each : stand_ins(action)) {
    if (can(each)) return each;
  }
  return std::nullopt;
}

void tidy(RulesByName& said) {
  for (NamedRules& call : said.calls) {
    call.rules = first_match_order(std::move(call.rules), said.resolved.default_action);
  }
  std::erase_if(said.calls, [](const NamedRules& call) { return call.rules.empty(); });
}

}  // namespace

ActionValue RulesByName::otherwise(const NamedRules& call) const {
  return call.rules.back().conditions.empty() ? call.rules.back().action : resolved.default_action;
}

std::string RulesByName::where(const ResolvedRule& rule) const {
  const Entry& entry = profile->entries[rule.entry];
  return fmt::format("{}:{}: {}", profile->source, entry.line, entry.path);
}

Result<RulesByName> rules_by_name(const Profile& profile, const ResolveOptions& options) {
  Result<ResolvedProfile> resolved = resolve(profile, options);
  if (!resolved) return propagate(resolved);
  RulesByName said;
  said.profile = &profile;
  said.resolved = std::move(*resolved);
  // A name has the same rules in every ABI that has it.
  std::map<std::string_view, const std::vector<ResolvedRule>*> by_name;
  for (const auto& [call, rules] : said.resolved.rules) {
    by_name.emplace(syscall_name(call), &rules);
  }
  for (const auto& [name, rules] : by_name) {
    said.calls.push_back({std::string(name), *rules});
  }
  tidy(said);
  return said;
}

void fit_actions(RulesByName& said, std::string_view format, const CanSay& can,
                 const CanSay& can_default, std::vector<std::string>& losses) {
  const auto fit = [&](ActionValue& action, const CanSay& says, const std::string& where) {
    if (says(action)) return;
    const std::optional<ActionValue> other = stand_in(action, says);
    const ActionValue written = other.value_or(ActionValue{SECCOMP_RET_KILL_PROCESS});
    losses.push_back(fmt::format("{}: {} cannot say \"{}\" here, {} is written", where, format,
                                 action_label(action), action_label(written)));
    action = written;
  };
  fit(said.resolved.default_action, can_default, said.profile->source + ": defaultAction");
  for (NamedRules& call : said.calls) {
    for (ResolvedRule& rule : call.rules) {
      fit(rule.action, can, fmt::format("{}: {}", said.where(rule), call.name));
    }
  }
  tidy(said);
}

void forget_arguments(RulesByName& said, std::string_view format,
                      std::vector<std::string>& losses) {
  for (NamedRules& call : said.calls) {
    if (!call.conditional()) continue;
    ActionValue strictest = said.otherwise(call);
    const ResolvedRule first = call.rules.front();
    for (const ResolvedRule& rule : call.rules) {
      if (outranks(rule.action, strictest)) strictest = rule.action;
    }
    losses.push_back(
        fmt::format("{}: {}: {} cannot look at arguments, \"{}\" is written whatever they are",
                    said.where(first), call.name, format, action_label(strictest)));
    call.rules = {ResolvedRule{.conditions = {}, .action = strictest, .entry = first.entry}};
  }
  tidy(said);
}

void forget_loading(const RulesByName& said, std::string_view format,
                    std::vector<std::string>& losses) {
  const Profile& profile = *said.profile;
  if (!profile.flags.empty()) {
    losses.push_back(fmt::format("{}: flags: {} cannot say {}, left out", profile.source, format,
                                 printable(fmt::format("{}", fmt::join(profile.flags, ", ")))));
  }
  if (!profile.listener_path.empty()) {
    losses.push_back(
        fmt::format("{}: listenerPath: {} hands no listener on", profile.source, format));
  }
}

Abi single_abi(const RulesByName& said, Abi preferred, std::string_view format,
               std::vector<std::string>& losses) {
  const std::vector<Abi>& abis = said.resolved.abis;
  const bool listed = std::find(abis.begin(), abis.end(), preferred) != abis.end();
  const Abi chosen = listed ? preferred : abis.front();
  for (const Abi abi : abis) {
    if (abi == chosen) continue;
    losses.push_back(fmt::format("{}: architectures: {} filters one ABI, {}; {} is left out",
                                 said.profile->source, format, abi_name(chosen), abi_name(abi)));
  }
  return chosen;
}

void keep_calls_of(RulesByName& said, Abi abi) {
  std::erase_if(said.calls,
                [&](const NamedRules& call) { return !syscall_nr(abi, call.name).has_value(); });
}

std::string errno_word(std::uint16_t number) {
  // Beyond, the kernel's own (ERESTARTSYS …), which it shows to no program.
  constexpr std::uint16_t kLastNamed = 133;  // EHWPOISON, include/uapi/asm-generic/errno.h
  const std::string_view name = number > kLastNamed ? std::string_view() : errno_name(number);
  return name.empty() ? std::to_string(number) : std::string(name);
}

std::string wrapped(std::string_view prefix, const std::vector<std::string>& words,
                    std::string_view separator, std::size_t width) {
  std::string text;
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty() && prefix.size() + line.size() + separator.size() + word.size() > width) {
      text += fmt::format("{}{}\n", prefix, line);
      line.clear();
    }
    if (!line.empty()) line += separator;
    line += word;
  }
  if (!line.empty()) text += fmt::format("{}{}\n", prefix, line);
  return text;
}

}  // namespace sysnare
