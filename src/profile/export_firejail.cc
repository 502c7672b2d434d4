// The options of a firejail command line.
//
// Source: firejail(1), src/fseccomp/seccomp.c and src/lib/syscall.c of firejail 0.9.72. In a list
// `NAME:ERRNO` answers an errno (by name alone: an entry with a number is dropped without a word)
// and `NAME:kill` kills the thread. A keep list allows execve, execveat and prctl unasked; `!NAME`
// refuses them, and without execve firejail cannot start the program. Other ABIs pass unless
// --seccomp.block-secondary is given; x32 never does.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "arch/syscalls.h"
#include "profile/export_writers.h"
#include "profile/rules_by_name.h"

namespace sysnare {
namespace {

constexpr std::string_view kSubject = "firejail";
/// @default-keep of src/lib/syscall.c.
constexpr std::string_view kKept[] = {"execve", "execveat", "prctl"};

bool has_errno_name(ActionValue action) {
  const std::string word = errno_word(action.data());
  return !word.empty() && word.front() == 'E';
}

bool can(ActionValue action) {
  switch (action.action()) {
    case SECCOMP_RET_ALLOW:
    case SECCOMP_RET_KILL_THREAD:
      return true;
    case SECCOMP_RET_ERRNO:
      return has_errno_name(action);
    default:
      return false;
  }
}

bool can_default(ActionValue action) { return can(action) || action.action() == SECCOMP_RET_LOG; }

std::string error_action(ActionValue action) {
  switch (action.action()) {
    case SECCOMP_RET_KILL_THREAD:
      return "kill";
    case SECCOMP_RET_LOG:
      return "log";
    default:
      return errno_word(action.data());
  }
}

std::string refusal(const NamedRules& call) {
  const ActionValue action = call.rules.front().action;
  return call.name +
         (action.action() == SECCOMP_RET_KILL_THREAD ? ":kill" : ":" + errno_word(action.data()));
}

const NamedRules* find(const RulesByName& said, std::string_view name) {
  const auto found = std::find_if(said.calls.begin(), said.calls.end(),
                                  [&](const NamedRules& call) { return call.name == name; });
  return found == said.calls.end() ? nullptr : &*found;
}

}  // namespace

Result<Exported> write_firejail(const ExportRequest& request) {
  Result<RulesByName> said = rules_by_name(request.profile, request.options);
  if (!said) return propagate(said);
  Exported exported;
  std::vector<std::string>& losses = exported.losses;
  const Abi abi = single_abi(*said, request.options.arch, kSubject, losses);
  keep_calls_of(*said, abi);
  forget_arguments(*said, kSubject, losses);
  fit_actions(*said, kSubject, can, can_default, losses);
  forget_loading(*said, kSubject, losses);

  const ActionValue rest = said->resolved.default_action;
  const bool keep = rest.action() != SECCOMP_RET_ALLOW;
  std::vector<std::string> words;
  for (const NamedRules& call : said->calls) {
    if (call.rules.front().action.action() == SECCOMP_RET_ALLOW) {
      words.push_back(call.name);
    } else {
      words.push_back(refusal(call));
    }
  }
  if (keep) {
    for (const std::string_view name : kKept) {
      if (find(*said, name) == nullptr) words.push_back("!" + std::string(name));
    }
  }
  if (keep && words.empty()) words.emplace_back("!execve");
  std::vector<std::string> options{"--noprofile", "--seccomp.block-secondary"};
  if (keep) options.push_back("--seccomp-error-action=" + error_action(rest));
  if (!words.empty()) {
    // An empty list is an error there; without one nothing is refused but other ABIs.
    options.push_back(
        fmt::format("'--seccomp.{}={}'", keep ? "keep" : "drop", fmt::join(words, ",")));
  }
  exported.text = fmt::format("firejail {}\n", fmt::join(options, " "));
  return exported;
}

}  // namespace sysnare
