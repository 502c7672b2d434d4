#include "base/timestamp.h"

#include <gtest/gtest.h>

namespace sysnare {
namespace {

TEST(Timestamp, IsWrittenAsRfc3339) {
  constexpr std::uint64_t kMoment = 1'795'811'412'345'678'901;
  EXPECT_EQ(timestamp_text(kMoment, 9), "2026-11-27T20:30:12.345678901Z");
  EXPECT_EQ(timestamp_text(kMoment, 3), "2026-11-27T20:30:12.345Z");
  EXPECT_EQ(timestamp_text(0, 3), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(timestamp_of("2026-11-27T20:30:12.345678901Z"), kMoment);
}

TEST(Timestamp, IsReadBackOrRefused) {
  struct Case {
    const char* why;
    const char* text;
    std::optional<std::uint64_t> value;
  };
  const Case cases[] = {
      {"the beginning", "1970-01-01T00:00:00Z", 0},
      {"one digit of a second", "1970-01-01T00:00:01.5Z", 1'500'000'000},
      {"a leap day", "2024-02-29T00:00:00Z", 1'709'164'800'000'000'000},
      {"no leap year", "2026-02-29T00:00:00Z", {}},
      {"no month", "2026-13-01T00:00:00Z", {}},
      {"no hour", "2026-01-01T24:00:00Z", {}},
      {"no zone", "2026-01-01T00:00:00", {}},
      {"another zone", "2026-01-01T00:00:00+01:00", {}},
      {"ten digits of a second", "2026-01-01T00:00:00.0123456789Z", {}},
      {"a point and nothing", "2026-01-01T00:00:00.Z", {}},
      {"before 1970", "1969-12-31T23:59:59Z", {}},
      {"past what fits", "9999-01-01T00:00:00Z", {}},
      {"cut", "2026-01-01T00:0", {}},
      {"no text", "", {}},
      {"letters", "2026-01-aaT00:00:00Z", {}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(timestamp_of(c.text), c.value);
  }
}

}  // namespace
}  // namespace sysnare
