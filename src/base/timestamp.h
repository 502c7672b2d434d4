#pragma once
// How is a moment written for people and other programs? RFC 3339, in UTC.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sysnare {

/// "2026-11-27T20:30:12.345Z": `unix_ns` nanoseconds since 1970, cut to `digits` (1 to 9) of a
/// second.
std::string timestamp_text(std::uint64_t unix_ns, unsigned digits);

/// The reverse; at most 9 digits of a second, "Z" alone as the zone. Empty for anything else, also
/// for a moment before 1970 or after 2500.
std::optional<std::uint64_t> timestamp_of(std::string_view text);

}  // namespace sysnare
