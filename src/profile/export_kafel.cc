// A policy in Kafel's language, as nsjail reads it.
//
// Source: Kafel's README.md and src/parser.y (2026). The first rule that matches decides, so blocks
// stand in the kernel's order of precedence. Arguments get names of their own: named so, they are
// compared in all 64 bits, where Kafel's own names compare by declared width.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "arch/syscalls.h"
#include "base/text.h"
#include "profile/export_writers.h"
#include "profile/rules_by_name.h"

#ifndef SECCOMP_RET_USER_NOTIF
#define SECCOMP_RET_USER_NOTIF 0x7fc00000U
#endif

namespace sysnare {
namespace {

constexpr std::string_view kSubject = "Kafel";

std::string action_word(ActionValue action) {
  switch (action.action()) {
    case SECCOMP_RET_ALLOW:
      return "ALLOW";
    case SECCOMP_RET_LOG:
      return "LOG";
    case SECCOMP_RET_KILL_THREAD:
      return "KILL";
    case SECCOMP_RET_KILL_PROCESS:
      return "KILL_PROCESS";
    case SECCOMP_RET_USER_NOTIF:
      return "USER_NOTIF";
    case SECCOMP_RET_ERRNO:
      return fmt::format("ERRNO({})", action.data());
    case SECCOMP_RET_TRAP:
      return fmt::format("TRAP({})", action.data());
    case SECCOMP_RET_TRACE:
      return fmt::format("TRACE({})", action.data());
    default:
      return "KILL_PROCESS";
  }
}

std::string condition_text(const ArgCondition& condition) {
  static constexpr std::string_view kOps[] = {"!=", "<", "<=", "==", ">=", ">", "=="};
  const std::string_view op = kOps[static_cast<std::size_t>(condition.op)];
  if (condition.op == Op::kMaskedEq) {
    return fmt::format("(a{} & {:#x}) {} {:#x}", condition.index, condition.value, op,
                       condition.value_two);
  }
  return fmt::format("a{} {} {:#x}", condition.index, op, condition.value);
}

/// Kafel's names begin with a letter; `_sysctl` goes by its number.
std::string call_word(Abi abi, const std::string& name) {
  if (name.starts_with('_')) return fmt::format("SYSCALL[{}]", *syscall_nr(abi, name));
  return name;
}

std::string rule_text(Abi abi, const NamedRules& call, const ResolvedRule& rule) {
  std::string text = call_word(abi, call.name);
  if (rule.conditions.empty()) return text;
  unsigned last = 0;
  std::vector<std::string> conditions;
  for (const ArgCondition& condition : rule.conditions) {
    last = std::max(last, condition.index);
    conditions.push_back(condition_text(condition));
  }
  std::vector<std::string> names;
  for (unsigned index = 0; index <= last; ++index) names.push_back(fmt::format("a{}", index));
  return fmt::format("{}({}) {{ {} }}", text, fmt::join(names, ", "),
                     fmt::join(conditions, " && "));
}

/// Rules of one action; all blocks in falling precedence, so that each call's rules stay in order.
struct Block {
  ActionValue action;
  std::vector<std::string> rules;
};

std::vector<Block> blocks_of(const RulesByName& said, Abi abi) {
  std::vector<Block> blocks;
  for (const NamedRules& call : said.calls) {
    for (const ResolvedRule& rule : call.rules) {
      auto block = std::find_if(blocks.begin(), blocks.end(),
                                [&](const Block& each) { return each.action == rule.action; });
      if (block == blocks.end()) {
        blocks.push_back({rule.action, {}});
        block = blocks.end() - 1;
      }
      block->rules.push_back(rule_text(abi, call, rule));
    }
  }
  std::stable_sort(blocks.begin(), blocks.end(), [](const Block& a, const Block& b) {
    return outranks(a.action, b.action) ||
           (a.action.action() == b.action.action() && a.action.data() < b.action.data());
  });
  return blocks;
}

/// Of one action with two data values (ERRNO(1), ERRNO(2)) on one call the first in the file
/// decides, which blocks cannot say when calls want them in different orders.
Result<void> check_order(const RulesByName& said) {
  for (const NamedRules& call : said.calls) {
    for (std::size_t i = 1; i < call.rules.size(); ++i) {
      const ActionValue before = call.rules[i - 1].action;
      const ActionValue after = call.rules[i].action;
      if (before.action() == after.action() && before.data() > after.data()) {
        return fail(Errc::kBadInput,
                    "{}: {}: Kafel tries its blocks in one order for all calls, and this call "
                    "wants {} before {}",
                    said.where(call.rules[i]), call.name, action_label(before),
                    action_label(after));
      }
    }
  }
  return {};
}

std::string policy_name(std::string_view title) {
  std::string name = "p_";
  for (const char c : title) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name += fits ? c : '_';
  }
  return name;
}

}  // namespace

Result<Exported> write_kafel(const ExportRequest& request) {
  Result<RulesByName> said = rules_by_name(request.profile, request.options);
  if (!said) return propagate(said);
  if (Result<void> good = check_order(*said); !good) return propagate(good);
  Exported exported;
  const Abi abi = single_abi(*said, request.options.arch, kSubject, exported.losses);
  keep_calls_of(*said, abi);
  forget_loading(*said, kSubject, exported.losses);
  const ActionValue rest = said->resolved.default_action;
  if (abi == Abi::kX86_64 &&
      (rest.action() == SECCOMP_RET_ALLOW || rest.action() == SECCOMP_RET_LOG)) {
    exported.losses.push_back(
        fmt::format("{}: defaultAction: {} lets x32 calls pass where the default does",
                    said->profile->source, kSubject));
  }
  const std::string name = policy_name(request.title);
  std::vector<std::string> blocks;
  for (const Block& block : blocks_of(*said, abi)) {
    blocks.push_back(fmt::format("  {} {{\n    {}\n  }}", action_word(block.action),
                                 fmt::join(block.rules, ",\n    ")));
  }
  exported.text = blocks.empty()
                      ? fmt::format("POLICY {} {{}}\n", name)
                      : fmt::format("POLICY {} {{\n{}\n}}\n", name, fmt::join(blocks, ",\n"));
  exported.text += fmt::format("USE {} DEFAULT {}\n", name, action_word(rest));
  return exported;
}

}  // namespace sysnare
