// Is what a recorder sees the same in each of many runs, although it comes in another order?

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "recorder_contract.h"

namespace sysnare::live {
namespace {

class RecorderRuns : public RecorderContract {};

INSTANTIATE_TEST_SUITE_P(Live, RecorderRuns, ::testing::ValuesIn(kRecorders),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_P(RecorderRuns, SeeTheSameEachTime) {
  // What comes to the recorder in another order each time; small, so that many runs are quick.
  // SYSNARE_REPETITIONS=200 after work on the loop: this suite runs three times in `./run test`.
  const char* asked = std::getenv("SYSNARE_REPETITIONS");
  const int repetitions = asked == nullptr ? 40 : std::atoi(asked);
  ASSERT_GT(repetitions, 0);
  const Victim racy[] = {
      {"threads", {"threads", "4", "5"}, 0, {{"getppid", 20, {}}, {"exit", 4, {}}}},
      {"births", {"births"}, 0, {{"getppid", 10, {}}, {"execve", 1, {}}}},
      {"exec", {"exec_from_thread"}, 0, {{"getppid", 3, {}}, {"execve", 1, {}}, {"pause", 1, {}}}},
      {"death", {"quick_death", "1"}, 0, {{"getppid", 1, {}}, {"fork", 4, {}}, {"kill", 3, {}}}},
      {"orphans", {"orphans"}, 3, {{"setpgid", 5, {{"EPERM", 5}}}}},
      {"main thread", {"main_thread_ends"}, 6, {{"getppid", 500, {}}, {"exit", 1, {}}}},
  };
  for (const Victim& each : racy) {
    SCOPED_TRACE(each.why);
    for (int i = 0; i < repetitions && !HasFailure(); ++i) {
      SCOPED_TRACE(i);
      RecordOptions options;
      options.command = command_of(each);
      options.tell_load = false;  // what many runs cost otherwise is the uprobe's removal
      expect_known(record(GetParam().record, options), each);
    }
  }
}

}  // namespace
}  // namespace sysnare::live
