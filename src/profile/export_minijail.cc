// A policy for minijail's compile_seccomp_policy.
//
// Source: tools/parser.py and tools/compiler.py of minijail (2026). A line is CALL: FILTER; a
// filter
// `{ EXPR; ACTION, …, ACTION }` is tried in order. The older reader in minijail0 -S takes neither
// braces nor @default, and reads `EXPR; return N` the other way round (there EXPR allows): that
// form is written in deny-lists alone, which the older reader does not have.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "base/text.h"
#include "profile/export_writers.h"
#include "profile/rules_by_name.h"

#ifndef SECCOMP_RET_USER_NOTIF
#define SECCOMP_RET_USER_NOTIF 0x7fc00000U
#endif

namespace sysnare {
namespace {

constexpr std::string_view kSubject = "minijail";

/// Empty for what the language lacks: data of trap and trace.
std::string action_word(ActionValue action) {
  switch (action.action()) {
    case SECCOMP_RET_ALLOW:
      return "1";
    case SECCOMP_RET_KILL_PROCESS:
      return "kill-process";
    case SECCOMP_RET_KILL_THREAD:
      return "kill-thread";
    case SECCOMP_RET_TRAP:
      return action.data() == 0 ? "trap" : "";
    case SECCOMP_RET_ERRNO:
      return fmt::format("return {}", action.data());
    case SECCOMP_RET_TRACE:
      return action.data() == 0 ? "trace" : "";
    case SECCOMP_RET_LOG:
      return "log";
    case SECCOMP_RET_USER_NOTIF:
      return "user-notify";
    default:
      return "";
  }
}

bool can_default(ActionValue action) {
  switch (action.action()) {
    case SECCOMP_RET_KILL_PROCESS:
    case SECCOMP_RET_KILL_THREAD:
    case SECCOMP_RET_USER_NOTIF:
    case SECCOMP_RET_ALLOW:
      return true;
    case SECCOMP_RET_TRAP:
      return action.data() == 0;
    default:
      return false;
  }
}

/// MASKED_EQ in the language's words for sets of bits: `&` holds when any of them is set, `in` when
/// none but them is. Each bit that has to be set is a test of its own.
std::vector<std::string> masked(unsigned index, std::uint64_t mask, std::uint64_t value) {
  std::vector<std::string> tests;
  const std::uint64_t clear = mask & ~value;
  if (clear != 0) tests.push_back(fmt::format("arg{} in {:#x}", index, ~clear));
  for (std::uint64_t left = mask & value; left != 0; left &= left - 1) {
    tests.push_back(fmt::format("arg{} & {:#x}", index, left & -left));
  }
  return tests;
}

std::vector<std::string> tests_of(const ArgCondition& condition) {
  std::string_view op;
  switch (condition.op) {
    case Op::kNe:
      op = "!=";
      break;
    case Op::kLt:
      op = "<";
      break;
    case Op::kLe:
      op = "<=";
      break;
    case Op::kEq:
      op = "==";
      break;
    case Op::kGe:
      op = ">=";
      break;
    case Op::kGt:
      op = ">";
      break;
    case Op::kMaskedEq:
      // A value outside the mask is never met.
      if ((condition.value_two & ~condition.value) != 0) {
        return {fmt::format("arg{} < 0", condition.index)};
      }
      if (condition.value == 0) return {};
      return masked(condition.index, condition.value, condition.value_two);
  }
  return {fmt::format("arg{} {} {:#x}", condition.index, op, condition.value)};
}

/// Conditions joined by &&; what always holds is a comparison that says so.
std::string expression(const ResolvedRule& rule) {
  std::vector<std::string> tests;
  for (const ArgCondition& condition : rule.conditions) {
    for (std::string& test : tests_of(condition)) tests.push_back(std::move(test));
  }
  if (tests.empty()) tests.push_back(fmt::format("arg{} >= 0", rule.conditions.front().index));
  return fmt::format("{}", fmt::join(tests, " && "));
}

std::string filter_text(const RulesByName& said, const NamedRules& call) {
  const ActionValue rest = said.otherwise(call);
  if (!call.conditional()) return action_word(rest);
  std::vector<std::string> filters;
  bool only_allows = true;
  for (const ResolvedRule& rule : call.rules) {
    if (rule.conditions.empty()) break;
    only_allows = only_allows && rule.action.action() == SECCOMP_RET_ALLOW;
  }
  if (only_allows && rest == said.resolved.default_action) {
    // The form that both readers take: what it does not allow gets the default.
    for (const ResolvedRule& rule : call.rules) filters.push_back(expression(rule));
    return fmt::format("{}", fmt::join(filters, " || "));
  }
  for (const ResolvedRule& rule : call.rules) {
    if (rule.conditions.empty()) break;
    const std::string word = action_word(rule.action);
    filters.push_back(fmt::format("{}; {}", expression(rule), word == "1" ? "allow" : word));
  }
  // In a deny-list every action has to be an errno: what follows is left to the default.
  if (rest != said.resolved.default_action || rest.action() != SECCOMP_RET_ALLOW) {
    filters.push_back(action_word(rest));
  }
  if (filters.size() == 1) return filters.front();
  return fmt::format("{{ {} }}", fmt::join(filters, ", "));
}

}  // namespace

Result<Exported> write_minijail(const ExportRequest& request) {
  Result<RulesByName> said = rules_by_name(request.profile, request.options);
  if (!said) return propagate(said);
  Exported exported;
  std::vector<std::string>& losses = exported.losses;
  const Abi abi = single_abi(*said, request.options.arch, kSubject, losses);
  keep_calls_of(*said, abi);
  const auto is_deny_list = [&] {
    return said->resolved.default_action.action() == SECCOMP_RET_ALLOW;
  };
  // Asked of the default first, which may become allow by that.
  const CanSay can = [&](ActionValue action) {
    // parse_action(): "denylist policies must specify a return for every line".
    if (is_deny_list()) {
      return action.action() == SECCOMP_RET_ERRNO || action.action() == SECCOMP_RET_ALLOW;
    }
    return !action_word(action).empty();
  };
  fit_actions(*said, kSubject, can, can_default, losses);
  forget_loading(*said, kSubject, losses);
  const bool deny_list = is_deny_list();
  if (deny_list) {
    for (const NamedRules& call : said->calls) {
      if (!call.conditional()) continue;
      if (said->otherwise(call).action() == SECCOMP_RET_ALLOW) continue;
      for (const ResolvedRule& rule : call.rules) {
        if (rule.action.action() != SECCOMP_RET_ALLOW) continue;
        return fail(Errc::kBadInput, "{}: {}: a minijail deny-list cannot allow by arguments",
                    said->where(rule), call.name);
      }
    }
    if (abi == Abi::kX86_64) {
      losses.push_back(fmt::format("{}: defaultAction: a minijail deny-list lets x32 calls pass",
                                   said->profile->source));
    }
  }
  std::string& text = exported.text;
  text = fmt::format("# {}: seccomp policy for {}, to be compiled by compile_seccomp_policy{}\n",
                     printable(request.title), abi_name(abi), deny_list ? " --denylist" : "");
  if (!deny_list) {
    text += fmt::format("@default {}\n", action_word(said->resolved.default_action));
  }
  for (const NamedRules& call : said->calls) {
    text += fmt::format("{}: {}\n", call.name, filter_text(*said, call));
  }
  return exported;
}

}  // namespace sysnare
