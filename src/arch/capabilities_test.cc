#include "arch/capabilities.h"

#include <gtest/gtest.h>
#include <linux/capability.h>

#include <fstream>
#include <map>
#include <regex>
#include <string>

namespace sysnare {
namespace {

TEST(Capabilities, NamesAndNumbersAreThoseOfTheKernelsHeader) {
  std::ifstream header("/usr/include/linux/capability.h");
  ASSERT_TRUE(header) << "package linux-libc-dev";
  const std::regex define(R"(^#define\s+(CAP_[A-Z0-9_]+)\s+(\d+)\s*$)");
  std::map<std::size_t, std::string> defined;
  for (std::string line; std::getline(header, line);) {
    std::smatch found;
    if (std::regex_match(line, found, define)) defined[std::stoul(found[2])] = found[1];
  }
  // An older header lacks the newest; CAP_LAST_CAP is an alias and no number there.
  ASSERT_EQ(defined.size(), static_cast<std::size_t>(CAP_LAST_CAP) + 1);
  for (const auto& [number, name] : defined) {
    ASSERT_LT(number, capability_names().size()) << name;
    EXPECT_EQ(capability_names()[number], name);
  }
}

TEST(Capabilities, AreFoundByTheWordsThatPeopleWrite) {
  struct Case {
    const char* why;
    const char* word;
    const char* name;  ///< "" for none
    const char* near;
  };
  constexpr Case kCases[] = {
      {"the kernel's name", "CAP_SYS_ADMIN", "CAP_SYS_ADMIN", "CAP_SYS_ADMIN"},
      {"Docker's way", "SYS_ADMIN", "CAP_SYS_ADMIN", "CAP_SYS_ADMIN"},
      {"capsh's way", "cap_sys_admin", "CAP_SYS_ADMIN", "CAP_SYS_ADMIN"},
      {"neither prefix nor case", "net_raw", "CAP_NET_RAW", "CAP_NET_RAW"},
      {"misspelt", "SYS_ADMNI", "", "CAP_SYS_ADMIN"},
      {"misspelt with its prefix", "CAP_NET_ROW", "", "CAP_NET_RAW"},
      {"nothing like it", "everything", "", ""},
      {"empty", "", "", ""},
      {"the prefix alone", "CAP_", "", ""},
      {"a blank behind it", "CAP_BPF ", "", "CAP_BPF"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(capability_by_word(c.word).value_or(""), c.name);
    EXPECT_EQ(nearest_capability(c.word), c.near);
  }
  EXPECT_TRUE(is_capability("CAP_BPF"));
  EXPECT_FALSE(is_capability("BPF"));
}

}  // namespace
}  // namespace sysnare
