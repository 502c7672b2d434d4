#include "elf/tokens.h"

#include <gtest/gtest.h>

namespace sysnare {
namespace {

TEST(Tokens, AreReplacedWhereTheyEnd) {
  struct Case {
    const char* why;
    const char* text;
    const char* replaced;
  };
  const Case kCases[] = {
      {"none", "/lib/x", "/lib/x"},
      {"at the beginning", "$ORIGIN/../lib", "/o/../lib"},
      {"in braces", "${ORIGIN}lib", "/olib"},
      {"alone", "$ORIGIN", "/o"},
      {"each of them", "$ORIGIN:${ORIGIN}", "/o:/o"},
      {"a longer word", "$ORIGINAL/lib", "$ORIGINAL/lib"},
      {"a digit goes on, and '_'", "$ORIGIN2:$ORIGIN_", "$ORIGIN2:$ORIGIN_"},
      {"a longer word in braces", "${ORIGINAL}", "${ORIGINAL}"},
      {"braces that do not end", "${ORIGIN", "${ORIGIN"},
      {"others", "$LIB/$$ORIGIN$", "$LIB/$/o$"},
      {"nothing", "", ""},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(with_token(c.text, "ORIGIN", "/o"), c.replaced);
  }
  EXPECT_EQ(with_token("$ORIGIN/a", "ORIGIN", "/$ORIGIN"), "/$ORIGIN/a") << "looked at once";
}

}  // namespace
}  // namespace sysnare
