#pragma once
// What do the verbs that record a command (`trace`, `profile -- COMMAND`) have in common?

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "flow/repeat.h"

namespace sysnare::cli {

/// The number of --OPTION. Errors: kUsage naming option, value and what is allowed.
Result<std::uint64_t> number_of(std::string_view option, std::string_view text, std::uint64_t low,
                                std::uint64_t high);

/// How often, by --runs and --until-saturated as they were typed; without --runs `standard`, and up
/// to kMostUntilSaturated where runs end by themselves. Errors: kUsage.
Result<void> read_runs(const std::string& runs, const std::string& until_saturated,
                       std::uint64_t standard, RepeatOptions& options);
/// A program that shows new calls in the thousandth run has no end of them.
inline constexpr std::uint64_t kMostUntilSaturated = 1000;

/// When the steady phase begins, by --ready-after and --ready-when; empty ones were not given.
/// Errors: kUsage.
Result<ReadyOptions> ready_options(std::string_view after, std::string_view when);

/// What records, by the word of --recorder. Errors: kUsage with what is allowed.
Result<std::function<Result<Recording>(const RecordOptions&)>> recorder_named(
    std::string_view name);

/// A line for a run that took long, at most one a second and only on a terminal; else nothing.
std::function<void(const RunProgress&)> progress_lines(std::string verb);

/// Saves what comes to `path`, for RepeatOptions::save. A failure is said once and tried again the
/// next time. Empty where `path` is no file that can be replaced (standard output, a pipe).
std::function<void(const Evidence&)> saver_of(std::string verb, std::string path);

/// What the user must know about how the runs ended, one line each, on stderr: an early end, runs
/// that were not enough, and statuses that differ (or, with `all_statuses`, any that is not 0).
void tell_ends(std::string_view verb, const Repeated& repeated, const RepeatOptions& asked,
               bool all_statuses);

/// Most bytes of a command line in a message; an alert keeps as many.
inline constexpr std::size_t kMaxShownCommand = 4096;
/// `words` as one would type them into a shell; past kMaxShownCommand bytes "...".
std::string shell_words(const std::vector<std::string>& words);

}  // namespace sysnare::cli
