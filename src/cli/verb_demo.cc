// sysnare demo: the whole story on a Hello World and a small server, on this machine.

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/text.h"
#include "cli/print.h"
#include "cli/verb.h"
#include "flow/demo.h"

namespace sysnare::cli {
namespace {

/// Colours for a terminal, nothing elsewhere.
class Paint {
 public:
  explicit Paint(bool on) : on_(on) {}
  [[nodiscard]] std::string bold(std::string_view text) const { return wrap("1", text); }
  [[nodiscard]] std::string green(std::string_view text) const { return wrap("32", text); }
  [[nodiscard]] std::string red(std::string_view text) const { return wrap("31", text); }
  [[nodiscard]] std::string dim(std::string_view text) const { return wrap("2", text); }

 private:
  [[nodiscard]] std::string wrap(std::string_view code, std::string_view text) const {
    return on_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
  }
  bool on_;
};

/// Control bytes of what was run are no business of this terminal; line ends and tabs stay.
std::string shown(std::string_view text) {
  std::string safe;
  for (std::string_view line : split(text, '\n')) {
    if (!safe.empty()) safe += "\n  ";
    bool first = true;
    for (std::string_view cell : split(line, '\t')) {
      if (!first) safe += '\t';
      safe += printable(cell);
      first = false;
    }
  }
  return safe;
}

/// Whether the command did what the story says.
bool tell(const DemoFolder& folder, const DemoCommand& command, const Paint& paint) {
  say(stdout, "  {}\n", paint.bold("$ " + shown(command.line)));
  std::fflush(stdout);
  if (command.before) {
    if (Result<void> prepared = command.before(); !prepared) {
      say(stdout, "  {}\n\n", paint.red("not as promised: " + prepared.error().message));
      return false;
    }
  }
  const Captured outcome = folder.run(command);
  const std::string_view text = trim(outcome.out);
  if (!text.empty()) say(stdout, "  {}\n", shown(text));
  if (outcome.status != 0 && outcome.started && !outcome.timed_out) {
    say(stdout, "  {}\n", paint.dim(fmt::format("[exit status {}]", outcome.status)));
  }
  const std::vector<std::string> wrong = demo_mismatches(command, outcome);
  for (const std::string& each : wrong) {
    say(stdout, "  {}\n", paint.red("not as promised: " + each));
  }
  say(stdout, "\n");
  return wrong.empty();
}

}  // namespace

int verb_demo(const Words& words) {
  CLI::App app(
      "Tell the whole story on this machine: a Go Hello World and a small server are built, "
      "traced, profiled, run under profiles, and watched. Every command is run as shown.",
      "demo");
  std::string folder_path;
  app.add_option("--dir", folder_path,
                 "build and run in this new folder and keep it (default: a temporary one)");
  const Parsed parsed = parse(app, words, kUsageError, false);
  if (parsed.leave) return parsed.status;

  const bool progress = ::isatty(STDERR_FILENO) == 1;
  Result<DemoFolder> folder = DemoFolder::prepare(folder_path, [&](std::string_view what) {
    if (progress) say(stderr, "\r\x1b[K{} ...", what);
  });
  if (progress) say(stderr, "\r\x1b[K");
  if (!folder) {
    complain("demo", folder.error());
    return folder.error().code == Errc::kUsage ? kUsageError : kLaunchFailed;
  }

  const Paint paint(::isatty(STDOUT_FILENO) == 1);
  unsigned told = 0;
  unsigned failed = 0;
  std::vector<std::string> skipped;
  unsigned number = 0;
  for (const DemoChapter& chapter : demo_story(*folder)) {
    say(stdout, "{}\n", paint.bold(fmt::format("{}. {}", ++number, chapter.title)));
    if (!chapter.skipped.empty()) {
      say(stdout, "   left out: {}\n\n", chapter.skipped);
      skipped.push_back(fmt::format("{} ({})", chapter.title, chapter.skipped));
      continue;
    }
    say(stdout, "   {}\n\n", chapter.text);
    for (const DemoCommand& command : chapter.commands) {
      ++told;
      if (!tell(*folder, command, paint)) ++failed;
    }
  }
  if (failed == 0) {
    say(stdout, "{}\n", paint.green(fmt::format("{}, all as promised", plural(told, "command"))));
  } else {
    say(stdout, "{}\n",
        paint.red(fmt::format("{} of {} not as promised", failed, plural(told, "command"))));
  }
  for (const std::string& each : skipped) say(stdout, "left out: {}\n", each);
  if (!folder_path.empty()) say(stdout, "everything is in {}\n", folder->path());
  return failed == 0 ? kOk : kFoundSomething;
}

}  // namespace sysnare::cli
