#include "base/text.h"

#include <gtest/gtest.h>

namespace sysnare {
namespace {

TEST(Text, ParsesOnlyWholeUnsignedNumbers) {
  struct Case {
    const char* why;
    const char* text;
    std::optional<std::uint64_t> value;
  };
  const Case cases[] = {
      {"decimal", "42", 42},
      {"hexadecimal", "0x2A", 42},
      {"largest", "18446744073709551615", UINT64_MAX},
      {"one more than fits", "18446744073709551616", std::nullopt},
      {"negative", "-1", std::nullopt},
      {"plus sign", "+1", std::nullopt},
      {"blank behind", "1 ", std::nullopt},
      {"prefix alone", "0x", std::nullopt},
      {"empty", "", std::nullopt},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(parse_u64(c.text), c.value);
  }
}

TEST(Text, MakesHostileBytesPrintable) {
  struct Case {
    const char* why;
    std::string text;
    std::string shown;
  };
  const Case cases[] = {
      {"plain", "a b", "a b"},
      {"escape sequence", "\x1b[2J", "\\x1b[2J"},
      {"line feed", "a\nb", "a\\x0ab"},
      {"two-byte letter stays", "\xc3\xa9", "\xc3\xa9"},
      {"C1 control as UTF-8",
       "\xc2\x9b"
       "m",
       "\\xc2\\x9bm"},
      {"overlong slash", "\xc0\xaf", "\\xc0\\xaf"},
      {"surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80"},
      {"cut sequence", "\xe2\x82", "\\xe2\\x82"},
      {"above U+10FFFF", "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(printable(c.text), c.shown);
  }
}

TEST(Text, SplitsTrimsAndCounts) {
  EXPECT_EQ(split("a,,b", ',').size(), 3u);
  EXPECT_EQ(split("", ',').size(), 1u);
  EXPECT_EQ(trim(" \t a b \r\n"), "a b");
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(plural(1, "call"), "1 call");
  EXPECT_EQ(plural(0, "call"), "0 calls");
  EXPECT_EQ(nearest("mkdri", {"mkdir", "chdir", "rmdir"}), "mkdir");
  EXPECT_EQ(nearest("zzzzzz", {"mkdir"}), "");
}

}  // namespace
}  // namespace sysnare
