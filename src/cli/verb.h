#pragma once
// How does a verb get its options, and how does it say what came of it?
//
// One file a verb, verb_NAME.cc, with one function that takes the words behind the verb and returns
// the exit status (docs/reference/exit-status.md). The table of verbs is in verbs.cc.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace CLI {
class App;
}

namespace sysnare::cli {

/// Exit statuses that are API (docs/design.md, "Command line").
inline constexpr int kOk = 0;
inline constexpr int kFoundSomething = 1;
inline constexpr int kUsageError = 2;
inline constexpr int kUnusableInput = 3;
inline constexpr int kLaunchFailed = 125;
inline constexpr int kCannotExecute = 126;
inline constexpr int kCommandNotFound = 127;
inline constexpr int kSignalBase = 128;

using Words = std::vector<std::string>;

struct Verb {
  std::string_view name;
  std::string_view summary;  ///< one line, for `sysnare --help`
  int (*run)(const Words& words);
};

/// Every verb, in the order of `sysnare --help`.
std::span<const Verb> verbs();

/// The whole program: picks the verb, prints help and version.
int run(const Words& words);

/// What parsing came to: go on, or leave with `status`.
struct Parsed {
  bool leave = false;
  int status = 0;
  Words command;  ///< what stood at and behind the first word that is no option, or behind `--`
};

/// Parses `words` with `app`. --help is printed to stdout (leave with 0); a mistake is printed as
/// one sentence to stderr (leave with `usage_status`). With `takes_command` options end at `--` or
/// at the first word that is no option.
Parsed parse(CLI::App& app, const Words& words, int usage_status, bool takes_command);

/// The same for a verb that takes names of its own too: options and names in any order, and only
/// what stands behind `--` is the command.
Parsed parse_before_dashes(CLI::App& app, const Words& words, int usage_status);

/// "sysnare VERB: MESSAGE" on stderr.
void complain(std::string_view verb, std::string_view message);
/// The same for an Error.
void complain(std::string_view verb, const Error& error);

/// Each of `messages`, up to a limit; then how many more there are.
void complain_each(std::string_view verb, const std::vector<std::string>& messages);

/// `unknown WHAT "WORD"`, with ", did you mean …?" where one of `allowed` is near.
std::string unknown_word(std::string_view what, std::string_view word,
                         const std::vector<std::string_view>& allowed);

/// "a, b and c"
std::string join_and(std::span<const std::string> words);

/// The status of a launched program as a shell would give it: its own, or 128 + signal.
int shell_status(int wait_status);

/// Ends as a launched program did: its status, and for SIGINT and SIGQUIT by that signal. A shell
/// that waits for us has to see that the keyboard ended it, or its loop goes on.
int end_as(int wait_status);

/// The exit status for a command that could not be started.
int launch_status(const Error& error);

int verb_convert(const Words& words);
int verb_demo(const Words& words);
int verb_diff(const Words& words);
int verb_disasm(const Words& words);
int verb_doctor(const Words& words);
int verb_dump(const Words& words);
int verb_explain(const Words& words);
int verb_hook(const Words& words);
int verb_lint(const Words& words);
int verb_merge(const Words& words);
int verb_profile(const Words& words);
int verb_run(const Words& words);
int verb_saturation(const Words& words);
int verb_scan(const Words& words);
int verb_simulate(const Words& words);
int verb_syscalls(const Words& words);
int verb_trace(const Words& words);
int verb_watch(const Words& words);

}  // namespace sysnare::cli
