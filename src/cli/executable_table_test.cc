#include "cli/executable_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sysnare::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ExecutableEvidence executable(const std::string& path, std::uint64_t calls,
                              const std::string& cgroup = "") {
  ExecutableEvidence each;
  each.program.path = path;
  each.cgroup = cgroup;
  record_in(each.calls, {Abi::kX86_64, 0}, Origin::kApplication).count = calls;
  return each;
}

TEST(ExecutableTable, ShowsWhoMadeMostFirst) {
  Evidence evidence;
  EXPECT_EQ(executable_table(evidence), "");
  evidence.executables = {executable("/bin/a", 3), executable("/bin/b\x1b", 40, "/system.slice")};
  evidence.executables[1].calls[0].errors["ENOENT"] = 2;
  EXPECT_EQ(executable_table(evidence),
            "\n"
            "    calls    errors executable\n"
            "       40         2 /bin/b\\x1b in cgroup /system.slice\n"
            "        3           /bin/a\n");
}

TEST(ExecutableTable, NamesTenAndCountsTheRest) {
  Evidence evidence;
  for (int i = 0; i < 12; ++i) {
    evidence.executables.push_back(executable("/bin/" + std::to_string(i), 100 - i));
  }
  const std::string text = executable_table(evidence);
  EXPECT_THAT(text, HasSubstr("/bin/9\n"));
  EXPECT_THAT(text, Not(HasSubstr("/bin/10")));
  EXPECT_THAT(text, HasSubstr("2 more executables in the evidence (-o)\n"));
}

}  // namespace
}  // namespace sysnare::cli
