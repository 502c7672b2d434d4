#pragma once
// Small text helpers that several rooms need.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sysnare {

/// Splits at every `separator`; "a,,b" has three parts, "" has one empty part.
std::vector<std::string_view> split(std::string_view text, char separator);

/// Without leading and trailing blanks, tabs and line ends.
std::string_view trim(std::string_view text);

/// Decimal, or hexadecimal with 0x; the whole text must be used. No sign, no blanks.
std::optional<std::uint64_t> parse_u64(std::string_view text);

/// "0x2a"; the way 64-bit values stand in our JSON.
std::string hex(std::uint64_t value);

/// "1,234,567"
std::string with_commas(std::uint64_t value);

/// "1 call", "3 calls": `noun` gets an s unless `count` is 1.
std::string plural(std::uint64_t count, std::string_view noun);

/// Safe to show on a terminal: control bytes and bytes that are no UTF-8 become \xNN.
std::string printable(std::string_view text);

/// The nearest of `candidates` within a small edit distance, for "did you mean"; else empty.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace sysnare
