// What does each recorder say of operations in rings of io_uring?

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>

#include "harness.h"
#include "recorder_contract.h"

namespace sysnare::live {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RecorderRings : public RecorderContract {};

INSTANTIATE_TEST_SUITE_P(Live, RecorderRings, ::testing::ValuesIn(kRecorders),
                         [](const auto& row) { return std::string(row.param.name); });

constexpr std::uint32_t kNop = 0;
constexpr std::uint32_t kOpenat = 18;
constexpr std::uint32_t kRead = 22;

TEST_P(RecorderRings, OperationsAreCountedOrSaidToBeUnseen) {
  const std::vector<std::string> all_arguments[] = {{}, {"sqpoll"}};
  for (const auto& arguments : all_arguments) {
    SCOPED_TRACE(::testing::PrintToString(arguments));
    // A shell between: the operations are the victim's, not those of the whole recording alone.
    std::vector<std::string> command = {"sh", "-c", "\"$@\"; exit $?", "sh", victim("rings")};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const Recorded recorded = run(command);
    if (WIFEXITED(recorded.recording.wait_status) &&
        WEXITSTATUS(recorded.recording.wait_status) == 77) {
      GTEST_SKIP() << "io_uring may not be used here (kernel.io_uring_disabled)";
    }
    expect_ended(recorded, 0);
    const Evidence& evidence = recorded.recording.evidence;
    EXPECT_EQ(call(recorded, "io_uring_setup").count, 1u);
    if (evidence.operations.empty()) {
      EXPECT_THAT(evidence.notes, Contains(HasSubstr("operations in its rings")));
      continue;
    }
    EXPECT_EQ(evidence.lost, 0u);
    EXPECT_THAT(evidence.notes, IsEmpty());
    EXPECT_EQ(evidence.operations.size(), 3u);
    EXPECT_EQ(evidence.operations.at(kNop).count, 5u);
    EXPECT_EQ(evidence.operations.at(kOpenat).count, 3u);
    EXPECT_EQ(evidence.operations.at(kRead).count, 2u);
    const auto owner = std::find_if(
        evidence.executables.begin(), evidence.executables.end(),
        [](const ExecutableEvidence& each) { return each.program.path.ends_with("/rings"); });
    ASSERT_NE(owner, evidence.executables.end());
    EXPECT_EQ(owner->operations.size(), 3u);
  }
}

}  // namespace
}  // namespace sysnare::live
