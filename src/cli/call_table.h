#pragma once
// Which calls were made, how often, with how many errors, in how much time? The table for people.
//
// Layout, numbers and order are those of `strace -c -w -f` (strace 6.1, as it prints), so that both
// can be compared line by line. Not strace's: a section for each ABI, and exit and exit_group,
// which strace leaves out since they never return.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "evidence/evidence.h"

namespace sysnare::cli {

/// What decides the order of the rows. Equal rows stay in the order of their numbers.
enum class SortBy : std::uint8_t {
  kTime,     ///< longest in all first
  kMax,      ///< the longest single call first
  kMin,      ///< the longest of the shortest calls first
  kAverage,  ///< longest on average first
  kCalls,    ///< most frequent first
  kErrors,   ///< most errors first
  kName,     ///< by name
  kNothing,  ///< by number
};

/// By any of the words that strace takes, `_` as good as `-`.
std::optional<SortBy> sort_by_name(std::string_view word);
/// Those words, for messages.
std::vector<std::string_view> sort_words();

/// A line that says which time it is, and the table, a section for each ABI that occurs. The
/// records of one call are summed over their origins; what has no count (a scan's records) is left
/// out. `subject` names what was traced where it is not the command: "process 12 (sleep)". Columns
/// of time are left out where no call has any, unless `timed` says that it was looked for: calls
/// that did not return have none.
std::string call_table(const Evidence& evidence, SortBy sort_by, std::string_view subject = {},
                       bool timed = false);

/// The lines under the table: what the reader must know of these counts; may be empty.
std::string call_notes(const Evidence& evidence);
/// "162 calls observed, 0 lost", the last line; with what was lost, where something was.
std::string call_total(const Evidence& evidence);

/// The code paths of each call, most frequent first, outermost function left: at most kShownPaths
/// of a call, each cut in the middle to kShownFrames.
std::string code_paths(const Evidence& evidence);

inline constexpr std::size_t kShownPaths = 5;
inline constexpr std::size_t kShownFrames = 5;

}  // namespace sysnare::cli
