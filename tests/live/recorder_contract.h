#pragma once
// Which recorders are held to the contract, and what do all of its tests ask of a recording?

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "record/recorder.h"
#include "recorder_harness.h"

namespace sysnare::live {

struct RecorderRow {
  const char* name;
  Recorder record;
  bool is_tracer;  ///< stops its tracees, whose own ptrace fails while they are recorded
  bool keeps_stacks;
};

inline void PrintTo(const RecorderRow& row, std::ostream* out) { *out << row.name; }

inline constexpr RecorderRow kRecorders[] = {
    {"ptrace", record_ptrace, true, true},
    {"ebpf", record_ebpf, false, false},
};

class RecorderContract : public ::testing::TestWithParam<RecorderRow> {
 protected:
  /// Skips where this user or kernel cannot.
  void SetUp() override;
  static Recorded run(const std::vector<std::string>& command) {
    return record(GetParam().record, command);
  }
};

/// The program ended by itself, with `exit_status`, and the recording is whole.
void expect_ended(const Recorded& recorded, int exit_status);

/// The record of an application's call of the native ABI; an empty one when it was never made.
CallEvidence call(const Recorded& recorded, const char* name, Abi abi = native_abi(),
                  Origin origin = Origin::kApplication);

}  // namespace sysnare::live
