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

/// What records, by the word of --recorder. Errors: kUsage with what is allowed.
Result<std::function<Result<Recording>(const RecordOptions&)>> recorder_named(
    std::string_view name);

/// A line for a run that took long, at most one a second and only on a terminal; else nothing.
std::function<void(const RunProgress&)> progress_lines(std::string verb);

/// What the user must know about how the runs ended, one line each, on stderr: an early end, and
/// statuses that differ (or, with `all_statuses`, any that is not 0).
void tell_ends(std::string_view verb, const Repeated& repeated, std::uint64_t wanted,
               bool all_statuses);

/// Most bytes of a command line in a message; an alert keeps as many.
inline constexpr std::size_t kMaxShownCommand = 4096;
/// `words` as one would type them into a shell; past kMaxShownCommand bytes "...".
std::string shell_words(const std::vector<std::string>& words);

}  // namespace sysnare::cli
