#include "cli/verb.h"

#include <fmt/core.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "base/text.h"
#include "cli/help.h"
#include "cli/print.h"
#include "cli/usage.h"

namespace sysnare::cli {
namespace {

/// Messages of one kind: nobody reads on, and a hostile file has millions to be said of it.
constexpr std::size_t kMaxMessages = 64;

}  // namespace

void complain(std::string_view verb, std::string_view message) {
  // The one door of all sentences: a file's name may hold anything, also what a terminal obeys.
  say(stderr, "sysnare{}{}: {}\n", verb.empty() ? "" : " ", verb, printable(message));
}

void complain(std::string_view verb, const Error& error) { complain(verb, error.message); }

void complain_each(std::string_view verb, const std::vector<std::string>& messages) {
  // One more is a line as well; it may be a count of its own, of warnings that a reader left out.
  const bool all = messages.size() <= kMaxMessages + 1;
  const std::size_t shown = all ? messages.size() : kMaxMessages;
  for (std::size_t i = 0; i < shown; ++i) complain(verb, messages[i]);
  if (!all)
    complain(verb, fmt::format("and {} more of these", with_commas(messages.size() - shown)));
}

std::string unknown_word(std::string_view what, std::string_view word,
                         const std::vector<std::string_view>& allowed) {
  const std::string_view near = nearest(word, allowed);
  std::string text = fmt::format("unknown {} \"{}\"", what, printable(word));
  if (!near.empty()) text += fmt::format(", did you mean \"{}\"?", near);
  return text;
}

std::string join_and(std::span<const std::string> words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " and " : ", ";
    text += words[i];
  }
  return text;
}

int shell_status(int wait_status) {
  if (WIFSIGNALED(wait_status)) return kSignalBase + WTERMSIG(wait_status);
  return WEXITSTATUS(wait_status);
}

namespace {

/// Parses `words`; whether to leave.
Parsed parse_words(CLI::App& app, const Words& words, int usage_status, std::string_view command,
                   bool takes_command) {
  Parsed parsed;
  app.set_help_flag("-h,--help", "print this help and exit");
  for (CLI::Option* option : app.get_options({})) {
    // One value an option, so that the word behind it is the next one; a flag may be repeated.
    if (option->nonpositional()) option->allow_extra_args(false);
    if (option->get_items_expected_max() == 0) {
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    }
  }
  const auto mistaken = [&](std::string_view mistake) {
    complain(app.get_name(),
             fmt::format("{}; `sysnare {} --help` lists the options", mistake, app.get_name()));
    parsed.leave = true;
    parsed.status = usage_status;
  };
  if (const auto mistake = usage_mistake(app, words, takes_command)) {
    mistaken(*mistake);
    return parsed;
  }
  // CLI11 takes its words from the back.
  std::vector<std::string> reversed(words.rbegin(), words.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    say(stdout, "{}", help_text(app, command));
    parsed.leave = true;
  } catch (const CLI::ParseError& error) {
    mistaken(error.what());
  }
  return parsed;
}

}  // namespace

Parsed parse_before_dashes(CLI::App& app, const Words& words, int usage_status) {
  const auto dashes = std::find(words.begin(), words.end(), "--");
  Parsed parsed =
      parse_words(app, Words(words.begin(), dashes), usage_status, "[-- COMMAND...]", false);
  if (dashes != words.end()) parsed.command.assign(dashes + 1, words.end());
  return parsed;
}

Parsed parse(CLI::App& app, const Words& words, int usage_status, bool takes_command) {
  if (takes_command) app.prefix_command();
  Parsed parsed =
      parse_words(app, words, usage_status, takes_command ? "[--] COMMAND..." : "", takes_command);
  if (parsed.leave) return parsed;
  if (takes_command) {
    parsed.command = app.remaining();
    if (!parsed.command.empty() && parsed.command.front() == "--") {
      parsed.command.erase(parsed.command.begin());
    }
  }
  return parsed;
}

int end_as(int wait_status) {
  const int signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
  if (signal == SIGINT || signal == SIGQUIT) {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    std::fflush(nullptr);
    ::signal(signal, SIG_DFL);
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, signal);
    ::sigprocmask(SIG_UNBLOCK, &one, nullptr);
    ::raise(signal);
  }
  return shell_status(wait_status);
}

int launch_status(const Error& error) {
  switch (error.code) {
    case Errc::kNotFound:
      return kCommandNotFound;
    case Errc::kNoPermission:
      return kCannotExecute;
    default:
      return kLaunchFailed;
  }
}

}  // namespace sysnare::cli
