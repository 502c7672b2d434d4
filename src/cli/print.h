#pragma once
// How does text reach the user, and what when it does not get there?
//
// fmt::print throws where a stream does not take its text: a full disk, a closed descriptor, a
// reader that went away. A lost message must not end us, for a command may run under our
// supervision, and its status is ours. So nothing here throws: what stderr does not take is lost,
// and what stdout does not take is told at the end, by finish().

#include <fmt/core.h>

#include <cstdio>
#include <string_view>

namespace sysnare::cli {

/// Writes `text` to `to`; a failure stays in ferror(to).
void say_text(std::FILE* to, std::string_view text);

/// The same, formatted.
template <typename... Args>
void say(std::FILE* to, fmt::format_string<Args...> format, Args&&... args) {
  say_text(to, fmt::vformat(format, fmt::make_format_args(args...)));
}

/// The status to leave with: `status`, or `lost` in place of 0 where stdout did not take all of
/// what was printed, which is then said on stderr. Flushes stdout.
int finish(std::string_view verb, int status, int lost);

/// Takes descriptors 0 to 2 where our caller has closed them. Else the next file that we open gets
/// the number, and a message for stderr is written into it. A launched command finds them closed.
void occupy_closed_streams();

}  // namespace sysnare::cli
