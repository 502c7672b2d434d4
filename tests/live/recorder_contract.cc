#include "recorder_contract.h"

#include <sys/wait.h>

#include "arch/syscalls.h"
#include "record/ebpf/programs.h"

namespace sysnare::live {

void RecorderContract::SetUp() {
  if (GetParam().record != record_ebpf) return;
  static const Result<EbpfPrograms> loaded = EbpfPrograms::load({});
  if (!loaded) GTEST_SKIP() << loaded.error().message;
}

void expect_ended(const Recorded& recorded, int exit_status) {
  EXPECT_FALSE(recorded.timed_out) << recorded.out;
  EXPECT_EQ(recorded.error, "");
  EXPECT_EQ(recorded.recording.exec_error, "");
  EXPECT_FALSE(recorded.recording.detached);
  ASSERT_TRUE(WIFEXITED(recorded.recording.wait_status)) << recorded.recording.wait_status;
  EXPECT_EQ(WEXITSTATUS(recorded.recording.wait_status), exit_status) << recorded.out;
}

CallEvidence call(const Recorded& recorded, const char* name, Abi abi, Origin origin) {
  const auto nr = syscall_nr(abi, name);
  if (!nr) return {};
  const CallEvidence* found = recorded.recording.evidence.find(Call{abi, *nr}, origin);
  return found == nullptr ? CallEvidence{} : *found;
}

}  // namespace sysnare::live
