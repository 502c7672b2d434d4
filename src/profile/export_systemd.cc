// A drop-in for a systemd unit.
//
// Source: systemd.exec(5) of 252, load-fragment.c config_parse_syscall_filter(), seccomp-util.c
// seccomp_parse_syscall_filter() and seccomp_load_syscall_filter_set_raw(). The first assignment
// decides: a plain one makes an allow-list, which holds @default without being told; one with `~`
// a deny-list. In an allow-list `~NAME` takes a name out again, and `~NAME:ERRNO` (since 248) gives
// it an errno of its own, or with `kill` kills the process. SystemCallErrorNumber= is the answer to
// all else, a kill of the process without it.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "arch/syscalls.h"
#include "profile/export_writers.h"
#include "profile/rules_by_name.h"
#include "profile/systemd_words.h"

namespace sysnare {
namespace {

constexpr std::string_view kSubject = "systemd";
constexpr std::size_t kWidth = 100;

bool can_answer(ActionValue action) {
  switch (action.action()) {
    case SECCOMP_RET_ALLOW:
    case SECCOMP_RET_KILL_PROCESS:
    case SECCOMP_RET_ERRNO:
      return true;
    default:
      return false;
  }
}

/// SystemCallErrorNumber= takes no 0.
bool can_answer_by_default(ActionValue action) {
  return can_answer(action) && (action.action() != SECCOMP_RET_ERRNO || action.data() != 0);
}

std::string architectures(RulesByName& said, Abi native, std::vector<std::string>& losses) {
  std::vector<std::string_view> words;
  bool has_native = false;
  for (const Abi abi : said.resolved.abis) {
    if (abi == native) {
      has_native = true;
      words.insert(words.begin(), "native");
      continue;
    }
    const std::string_view word = systemd_arch(abi);
    if (word.empty()) {
      losses.push_back(fmt::format("{}: architectures: {} has no word for {}, left out",
                                   said.profile->source, kSubject, abi_name(abi)));
      continue;
    }
    words.push_back(word);
  }
  if (!has_native) {
    losses.push_back(
        fmt::format("{}: architectures: {} always lets the machine's own ABI in, and "
                    "{} is not listed",
                    said.profile->source, kSubject, abi_name(native)));
    words.insert(words.begin(), "native");
  }
  return fmt::format("{}", fmt::join(words, " "));
}

bool exists(const RulesByName& said, std::string_view name) {
  return std::any_of(said.resolved.abis.begin(), said.resolved.abis.end(),
                     [&](Abi abi) { return syscall_nr(abi, name).has_value(); });
}

/// Whether `names` says the same as `group`: it has all of the group's calls that exist here.
bool covers(const RulesByName& said, const std::set<std::string_view>& names,
            const SystemdGroup& group) {
  bool any = false;
  for (const std::string_view call : group.calls) {
    if (names.contains(call)) {
      any = true;
    } else if (exists(said, call)) {
      return false;
    }
  }
  return any;
}

/// `names` with groups in place of their calls where that says the same, the largest first; groups
/// of one or two calls are no help to a reader.
std::vector<std::string> with_groups(const RulesByName& said, std::set<std::string_view> names) {
  constexpr std::size_t kWorthwhile = 3;
  std::vector<const SystemdGroup*> groups;
  for (const SystemdGroup& group : systemd_groups()) {
    // @known is all there are: no help to a reader, and it grows with every version.
    if (group.name != "@known") groups.push_back(&group);
  }
  std::stable_sort(groups.begin(), groups.end(), [](const SystemdGroup* a, const SystemdGroup* b) {
    return a->calls.size() > b->calls.size();
  });
  const std::set<std::string_view> all = names;
  std::vector<std::string> words;
  for (const SystemdGroup* group : groups) {
    if (!covers(said, all, *group)) continue;
    const auto left = std::count_if(group->calls.begin(), group->calls.end(),
                                    [&](std::string_view call) { return names.contains(call); });
    if (static_cast<std::size_t>(left) < kWorthwhile) continue;
    for (const std::string_view call : group->calls) names.erase(call);
    words.emplace_back(group->name);
  }
  std::sort(words.begin(), words.end());
  words.insert(words.end(), names.begin(), names.end());
  return words;
}

std::string suffix(ActionValue action) {
  return action.action() == SECCOMP_RET_KILL_PROCESS ? ":kill" : ":" + errno_word(action.data());
}

std::string filter_lines(std::string_view sign, const std::vector<std::string>& words) {
  return wrapped(fmt::format("SystemCallFilter={}", sign), words, " ", kWidth);
}

}  // namespace

Result<Exported> write_systemd(const ExportRequest& request) {
  Result<RulesByName> said = rules_by_name(request.profile, request.options);
  if (!said) return propagate(said);
  Exported exported;
  forget_arguments(*said, kSubject, exported.losses);
  fit_actions(*said, kSubject, can_answer, can_answer_by_default, exported.losses);
  forget_loading(*said, kSubject, exported.losses);
  const std::string archs = architectures(*said, request.options.arch, exported.losses);

  const ActionValue rest = said->resolved.default_action;
  const bool allow_list = rest.action() != SECCOMP_RET_ALLOW;
  std::set<std::string_view> allowed;
  std::vector<std::string> refused;  // with their answers
  for (const NamedRules& call : said->calls) {
    const ActionValue action = call.rules.front().action;
    if (action.action() == SECCOMP_RET_ALLOW) {
      allowed.insert(call.name);
    } else {
      refused.push_back(call.name + suffix(action));
    }
  }
  std::string& text = exported.text;
  text = "[Service]\n";
  text += fmt::format("SystemCallArchitectures={}\n", archs);
  if (allow_list) {
    if (rest.action() == SECCOMP_RET_ERRNO) {
      text += fmt::format("SystemCallErrorNumber={}\n", errno_word(rest.data()));
    } else {
      text += "SystemCallErrorNumber=kill\n";
    }
    const SystemdGroup& implied = systemd_default_group();
    if (covers(*said, allowed, implied)) {
      text += filter_lines("", with_groups(*said, allowed));
    } else {
      text +=
          "# An allow-list holds @default unasked. Not all of it is allowed here: out with it "
          "first.\n"
          "SystemCallFilter=@default\n"
          "SystemCallFilter=~@default\n";
      text += filter_lines("", with_groups(*said, allowed));
    }
    text += filter_lines("~", refused);
  } else if (refused.empty()) {
    text += "SystemCallFilter=\n";
  } else {
    text += filter_lines("~", refused);
  }
  return exported;
}

}  // namespace sysnare
