#include "cli/recording.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "arch/syscalls.h"
#include "base/text.h"
#include "cli/print.h"
#include "cli/verb.h"
#include "learn/learn.h"

namespace sysnare::cli {
namespace {

constexpr std::chrono::seconds kProgressStep{1};

bool plain_in_shell(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-./:=@%+,").find(c) != std::string_view::npos;
}

}  // namespace

Result<std::uint64_t> number_of(std::string_view option, std::string_view text, std::uint64_t low,
                                std::uint64_t high) {
  const std::optional<std::uint64_t> value = parse_u64(text);
  if (value && *value >= low && *value <= high) return *value;
  return fail(Errc::kUsage, "{}: \"{}\" is not allowed, a number from {} to {} is", option,
              printable(text), low, with_commas(high));
}

Result<std::function<Result<Recording>(const RecordOptions&)>> recorder_named(
    std::string_view name) {
  using Recorder = std::function<Result<Recording>(const RecordOptions&)>;
  if (name == "auto") return Recorder(record_auto);
  if (name == "ebpf") return Recorder(record_ebpf);
  if (name == "ptrace") return Recorder(record_ptrace);
  return fail(Errc::kUsage, "--recorder: unknown recorder \"{}\"; allowed: auto, ebpf, ptrace",
              printable(name));
}

std::function<void(const RunProgress&)> progress_lines(std::string verb) {
  if (::isatty(STDERR_FILENO) != 1) return {};
  const auto last =
      std::make_shared<std::chrono::steady_clock::time_point>(std::chrono::steady_clock::now());
  return [last, verb = std::move(verb)](const RunProgress& now) {
    const auto time = std::chrono::steady_clock::now();
    if (time - *last < kProgressStep) return;
    *last = time;
    // A line, not a bar: the command writes to the same terminal.
    say(stderr, "sysnare {}: run {} of {} done, {}\n", verb, now.done, now.wanted,
        now.done == 1 ? plural(now.so_far.calls.size(), "different call")
                      : saturation_text(now.so_far));
  };
}

void tell_ends(std::string_view verb, const Repeated& repeated, std::uint64_t wanted,
               bool all_statuses) {
  if (repeated.interrupted_by != 0 && wanted > 1) {
    complain(verb, fmt::format("ended by {} in run {} of {}; what was seen until then is kept",
                               signal_name(repeated.interrupted_by), repeated.runs, wanted));
  }
  const std::string statuses = status_text(repeated);
  if (!statuses.empty() && (all_statuses || repeated.statuses.size() > 1)) {
    complain(verb, statuses);
  }
}

std::string shell_words(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (text.size() + word.size() > kMaxShownCommand) return printable(text) + " ...";
    if (!text.empty()) text += ' ';
    if (!word.empty() && std::all_of(word.begin(), word.end(), plain_in_shell)) {
      text += word;
      continue;
    }
    text += '\'';
    for (char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    text += '\'';
  }
  return printable(text);
}

}  // namespace sysnare::cli
