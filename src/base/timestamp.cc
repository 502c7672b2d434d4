#include "base/timestamp.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>

namespace sysnare {
namespace {

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
constexpr unsigned kNsDigits = 9;
constexpr int kFirstYear = 1970;
constexpr int kLastYear = 2500;  // 2^64 ns after 1970 is 2554

/// The digits at `at`, which is moved behind them.
std::optional<unsigned> digits_at(std::string_view text, std::size_t& at, std::size_t count) {
  if (at + count > text.size()) return std::nullopt;
  unsigned value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const char c = text[at + i];
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  at += count;
  return value;
}

}  // namespace

std::string timestamp_text(std::uint64_t unix_ns, unsigned digits) {
  const auto seconds = static_cast<std::time_t>(unix_ns / kNsPerSecond);
  std::uint64_t fraction = unix_ns % kNsPerSecond;
  for (unsigned i = digits; i < kNsDigits; ++i) fraction /= 10;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:0{}}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, fraction,
                     digits);
}

std::optional<std::uint64_t> timestamp_of(std::string_view text) {
  // Position by position: "2026-11-27T20:30:12" has six numbers, each behind its own mark.
  constexpr std::string_view kMarks = "--T::";
  unsigned fields[6] = {};
  std::size_t at = 0;
  for (std::size_t i = 0; i < 6; ++i) {
    if (i > 0) {
      if (at >= text.size() || text[at] != kMarks[i - 1]) return std::nullopt;
      ++at;
    }
    const auto value = digits_at(text, at, i == 0 ? 4 : 2);
    if (!value) return std::nullopt;
    fields[i] = *value;
  }
  std::uint64_t fraction = 0;
  if (at < text.size() && text[at] == '.') {
    ++at;
    const std::size_t end = text.find_first_not_of("0123456789", at);
    const std::size_t count = std::min(end, text.size()) - at;
    if (count == 0 || count > kNsDigits) return std::nullopt;
    fraction = *digits_at(text, at, count);
    for (std::size_t i = count; i < kNsDigits; ++i) fraction *= 10;
  }
  if (text.substr(at) != "Z") return std::nullopt;
  const auto [year, month, day, hour, minute, second] = fields;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(month), std::chrono::day(day)};
  if (!date.ok() || year < kFirstYear || year > kLastYear || hour > 23 || minute > 59 ||
      second > 59) {
    return std::nullopt;
  }
  const std::uint64_t days =
      static_cast<std::uint64_t>(std::chrono::sys_days(date).time_since_epoch().count());
  return (((days * 24 + hour) * 60 + minute) * 60 + second) * kNsPerSecond + fraction;
}

}  // namespace sysnare
