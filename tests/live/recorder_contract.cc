#include "recorder_contract.h"

#include <sys/wait.h>

#include "arch/syscalls.h"
#include "harness.h"
#include "record/ebpf/programs.h"

namespace sysnare::live {

void RecorderContract::SetUp() {
  if (GetParam().record != record_ebpf) return;
  static const Result<EbpfPrograms> loaded = EbpfPrograms::load({});
  if (!loaded) GTEST_SKIP() << loaded.error().message;
}

Recorded RecorderContract::run_in_time(const std::vector<std::string>& command) {
  Recorded recorded;
  for (int i = 0; i < kMostEarly; ++i) {
    recorded = run(command);
    if (recorded.recording.wait_status != kTooEarly << 8) break;
  }
  return recorded;
}

void expect_ended(const Recorded& recorded, int exit_status) {
  EXPECT_FALSE(recorded.timed_out) << recorded.out;
  EXPECT_EQ(recorded.error, "");
  EXPECT_EQ(recorded.recording.exec_error, "");
  EXPECT_FALSE(recorded.recording.detached);
  ASSERT_TRUE(WIFEXITED(recorded.recording.wait_status)) << recorded.recording.wait_status;
  EXPECT_EQ(WEXITSTATUS(recorded.recording.wait_status), exit_status) << recorded.out;
}

std::vector<std::string> command_of(const Victim& each) {
  std::vector<std::string> command = each.words;
  command.front() = victim(command.front());
  return command;
}

void expect_known(const Recorded& recorded, const Victim& each) {
  expect_ended(recorded, each.status);
  EXPECT_EQ(recorded.recording.evidence.lost, 0u);
  for (const Known& known : each.known) {
    const CallEvidence found = call(recorded, known.name);
    EXPECT_EQ(found.count, known.count) << known.name;
    EXPECT_EQ(found.errors, known.errors) << known.name;
  }
  const CallEvidence launch = call(recorded, "execve", native_abi(), Origin::kLaunch);
  EXPECT_EQ(launch.count, 1u);
  EXPECT_TRUE(launch.errors.empty()) << ::testing::PrintToString(launch.errors);
}

CallEvidence call(const Recorded& recorded, const char* name, Abi abi, Origin origin) {
  const auto nr = syscall_nr(abi, name);
  if (!nr) return {};
  const CallEvidence* found = recorded.recording.evidence.find(Call{abi, *nr}, origin);
  return found == nullptr ? CallEvidence{} : *found;
}

}  // namespace sysnare::live
