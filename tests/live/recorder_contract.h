#pragma once
// Which recorders are held to the contract, and what do all of its tests ask of a recording?

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
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
  /// Again where the program says that its clock was too fast for what it shall do.
  static Recorded run_in_time(const std::vector<std::string>& command);
};

/// The program ended by itself, with `exit_status`, and the recording is whole.
void expect_ended(const Recorded& recorded, int exit_status);

struct Known {
  const char* name;
  std::uint64_t count;
  std::map<std::string, std::uint64_t> errors;
};

/// A program of which it is known how often it makes some calls.
struct Victim {
  const char* why;
  std::vector<std::string> words;  ///< the victim's name and its arguments
  int status;
  std::vector<Known> known;
};

std::vector<std::string> command_of(const Victim& each);
/// It ended as it should, made the calls that are known, and was started by one execve.
void expect_known(const Recorded& recorded, const Victim& each);

/// The record of an application's call of the native ABI; an empty one when it was never made.
CallEvidence call(const Recorded& recorded, const char* name, Abi abi = native_abi(),
                  Origin origin = Origin::kApplication);

}  // namespace sysnare::live
