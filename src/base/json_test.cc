#include "base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sysnare::json {
namespace {

using ::testing::HasSubstr;

TEST(Json, RefusesWhatIsNotJsonWithFileAndLine) {
  struct Case {
    const char* why;
    std::string text;
    const char* expected;
  };
  const Case cases[] = {
      {"empty file", "", "f:1: not JSON"},
      {"cut in half", "{\n\"a\": [1,\n", "f:3: not JSON"},
      {"two documents", "{} {}", "f:1: not JSON"},
      {"equal keys", "{\"a\": 1,\n \"a\": 2}", "f:2: key \"a\" stands twice"},
      {"equal keys, the last of few", R"({"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"h":2})",
       "key \"h\" stands twice"},
      {"equal keys, the first of many",
       R"({"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"a":2})",
       "key \"a\" stands twice"},
      {"equal keys, the last of many",
       R"({"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"j":2})",
       "key \"j\" stands twice"},
      {"too deep", std::string(100, '['), "nested deeper than 64"},
      {"an escape sequence in a key is not sent to the terminal",
       "{\"\\u001b[2J\": 1, \"\\u001b[2J\": 1}", "\\x1b[2J"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const auto value = parse(c.text, "f");
    ASSERT_FALSE(value.has_value());
    EXPECT_EQ(value.error().code, Errc::kBadInput);
    EXPECT_THAT(value.error().message, HasSubstr(c.expected));
  }
}

TEST(Json, NamesThePathAndTheAllowedValues) {
  const auto value =
      parse("{\n \"calls\": [\n  {\"nr\": \"x\"}, {\"nr\": 9, \"big\": 1e30}]}", "f");
  ASSERT_TRUE(value.has_value());
  const Cursor top(*value, "f");
  const auto items = top.at("calls")->items();
  ASSERT_TRUE(items.has_value());
  EXPECT_EQ((*items)[0].at("nr")->u64(0, 5).error().message,
            "f:3: calls[0].nr: a whole number from 0 to 5 is needed here, not \"x\"");
  EXPECT_THAT((*items)[1].at("nr")->u64(0, 5).error().message, HasSubstr("not 9"));
  EXPECT_FALSE((*items)[1].at("big")->u64().has_value());
  EXPECT_THAT((*items)[1].at("none").error().message, HasSubstr("calls[1]: \"none\" is missing"));
  EXPECT_THAT(top.items().error().message, HasSubstr("top level: an array is needed here"));
}

TEST(Json, ReadsWholeNumbersExactly) {
  const auto value = parse("[18446744073709551615, 0, -1, \"0xffffffffffffffff\"]", "f");
  ASSERT_TRUE(value.has_value());
  const auto items = Cursor(*value, "f").items();
  EXPECT_EQ((*items)[0].u64().value(), UINT64_MAX);
  EXPECT_EQ((*items)[1].u64().value(), 0u);
  EXPECT_FALSE((*items)[2].u64().has_value());
  EXPECT_EQ((*items)[3].u64_or_hex().value(), UINT64_MAX);
}

TEST(Json, ShowsANumberAsItWasWritten) {
  constexpr const char* kWanted =
      "f:1: [0]: a whole number from 0 to 18446744073709551615 is needed ";
  const struct {
    const char* why;
    std::string text;
    std::string shown;
  } cases[] = {
      {"one above 64 bits", "18446744073709551616", "18446744073709551616"},
      {"far above", "99999999999999999999999999", "99999999999999999999999999"},
      {"one below", "-9223372036854775809", "-9223372036854775809"},
      {"an exponent", "1e2", "1e2"},
      {"a fraction", "4.50", "4.50"},
      {"more digits than a line bears", "1" + std::string(200, '0'),
       "1" + std::string(59, '0') + "..."},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.why);
    const auto value = parse("[" + c.text + "]", "f");
    ASSERT_TRUE(value.has_value());
    EXPECT_EQ((*Cursor(*value, "f").items())[0].u64().error().message,
              kWanted + ("here, not " + c.shown));
  }
}

TEST(Json, QuotesWhatItIsGiven) {
  EXPECT_EQ(quote("a\"\n"), "\"a\\\"\\n\"");
  EXPECT_EQ(quote("\xff"), "\"\xef\xbf\xbd\"");
}

}  // namespace
}  // namespace sysnare::json
