#include "elf/demangle.h"

#include <gtest/gtest.h>

namespace sysnare {
namespace {

TEST(Demangle, GivesReadableNamesAndLeavesTheRest) {
  struct Case {
    const char* why;
    const char* symbol;
    const char* name;
  };
  constexpr Case kCases[] = {
      {"C", "write", "write"},
      {"C++", "_ZN3app6Logger5writeEi", "app::Logger::write(int)"},
      {"legacy Rust", "_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write"},
      {"Rust v0 is left", "_RNvC6_123foo3bar", "_RNvC6_123foo3bar"},
      {"Go's assembly twin", "runtime.asmcgocall.abi0", "runtime.asmcgocall"},
      {"not a mangled name after all", "_Zebra", "_Zebra"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(demangle(c.symbol), c.name);
  }
}

TEST(Demangle, IsBounded) {
  // Every level names the one before twice: 40 levels would print 2^40 names.
  std::string bomb = "_Z1fI1AIiiE";
  for (int level = 0; level < 40; ++level) bomb += "S_IS0_S0_E";
  bomb += "EvT_";
  EXPECT_EQ(demangle(bomb), bomb);
  EXPECT_LE(demangle(std::string(100000, 'x')).size(), kMaxFunctionName + 3);
}

}  // namespace
}  // namespace sysnare
