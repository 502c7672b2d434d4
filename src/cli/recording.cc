#include "cli/recording.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>

#include "arch/syscalls.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/print.h"
#include "cli/verb.h"
#include "evidence/saturation.h"

namespace sysnare::cli {
namespace {

constexpr std::chrono::seconds kProgressStep{1};
/// A month: a slip of a finger is refused.
constexpr std::uint64_t kMaxReadySeconds = 31ull * 24 * 60 * 60;

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

Result<void> read_runs(const std::string& runs, const std::string& until_saturated,
                       std::uint64_t standard, RepeatOptions& options) {
  options.runs = until_saturated.empty() ? standard : kMostUntilSaturated;
  if (!runs.empty()) {
    Result<std::uint64_t> number = number_of("--runs", runs, 1, kMaxRuns);
    if (!number) return propagate(number);
    options.runs = *number;
  }
  if (until_saturated.empty()) return {};
  Result<std::uint64_t> quiet = number_of("--until-saturated", until_saturated, 1, kMaxRuns - 1);
  if (!quiet) return propagate(quiet);
  if (*quiet >= options.runs) {
    return fail(Errc::kUsage,
                "--until-saturated: {} runs with nothing new need {} runs at least, and there are "
                "at most {}; set --runs",
                *quiet, *quiet + 1, options.runs);
  }
  options.until_saturated = *quiet;
  return {};
}

Result<ReadyOptions> ready_options(std::string_view after, std::string_view when) {
  ReadyOptions ready;
  if (!after.empty() && !when.empty()) {
    return fail(Errc::kUsage, "--ready-after and --ready-when: one ready mark is enough");
  }
  if (!after.empty()) {
    double seconds = 0;
    const auto [end, error] = std::from_chars(after.data(), after.data() + after.size(), seconds,
                                              std::chars_format::fixed);
    if (error != std::errc() || end != after.data() + after.size() || !(seconds >= 0) ||
        seconds > kMaxReadySeconds) {
      return fail(Errc::kUsage, "--ready-after: \"{}\" is not allowed, seconds from 0 to {} are",
                  printable(after), with_commas(kMaxReadySeconds));
    }
    constexpr double kMsPerSecond = 1000;
    ready.after = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * kMsPerSecond));
  }
  if (when.find_first_of("\r\n") != std::string_view::npos) {
    return fail(Errc::kUsage, "--ready-when: a part of one line, without a line break");
  }
  ready.text = when;
  return ready;
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

std::function<void(const Evidence&)> saver_of(std::string verb, std::string path) {
  struct stat there {};
  if (path.empty() || path == "-") return {};
  if (::stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) return {};
  const auto told = std::make_shared<bool>(false);
  return [verb = std::move(verb), path = std::move(path), told](const Evidence& evidence) {
    Result<void> saved = write_file_atomic(path, write_evidence(evidence));
    if (saved || *told) return;
    *told = true;
    complain(verb, fmt::format("the evidence so far cannot be saved: {}; the recording goes on",
                               saved.error().message));
  };
}

void tell_ends(std::string_view verb, const Repeated& repeated, const RepeatOptions& asked,
               bool all_statuses) {
  if (repeated.interrupted_by != 0 && asked.runs > 1) {
    complain(verb, fmt::format("ended by {} in run {} of {}; what was seen until then is kept",
                               signal_name(repeated.interrupted_by), repeated.runs, asked.runs));
  }
  if (asked.until_saturated > 0 && !repeated.saturated && repeated.interrupted_by == 0) {
    complain(verb, fmt::format("not saturated, {} with nothing new were asked for: {}",
                               plural(asked.until_saturated, "run"),
                               saturation_text(repeated.last.evidence)));
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
