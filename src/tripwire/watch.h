#pragma once
// How is a program run with a trip wire around it?
//
// It is started under a filter that hands every call outside its profile to us (judge.h). Each is
// alerted first and answered then: it goes on, is refused, or its process is killed before it.
// Calls inside the profile never leave the kernel and cost what a filter costs.
// docs/adr/0060-what-the-wire-guarantees.md
//
// Source: seccomp_unotify(2), ptrace(2), Linux 6.18.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alert/alert.h"
#include "base/result.h"
#include "enforce/enforce.h"
#include "filter/filter.h"
#include "profile/resolve.h"
#include "tripwire/judge.h"

namespace sysnare {

/// Repeats are summed up this often: often enough for a person who watches, and at most 4,096
/// lines a process and minute.
inline constexpr std::chrono::seconds kSummaryInterval{60};
/// What a failing sink holds back is tried again this often.
inline constexpr std::chrono::seconds kRetryInterval{1};

struct WatchSpec {
  std::vector<std::string> argv;
  ResolvedProfile profile;
  std::uint64_t filter_flags = 0;  ///< those of the profile
  std::string profile_name;        ///< for the alerts
  std::string profile_sha256;
  CallCounts counts{};  ///< how often calls are made, as evidence has it
  WatchPolicy policy;
  bool program_execs = false;              ///< evidence shows that the program itself execs
  std::vector<std::string> allowed_execs;  ///< files that may be executed all the same
  bool no_new_privs = true;
  /// Be its tracer too: kills by the filter are alerted, and what runs after an allowed exec is
  /// compared with what was allowed. Without, an exec allowed by its name is not safe against a
  /// program that changes the name meanwhile.
  bool trace = true;
  /// Told at once, in a sentence: what a person should know while the program runs.
  std::function<void(const std::string&)> say = [](const std::string&) {};
};

struct WatchOutcome {
  EnforceOutcome run;
  std::uint64_t outside = 0;                            ///< calls outside the profile
  std::vector<std::pair<Call, std::uint64_t>> by_call;  ///< most frequent first
  std::uint64_t folded = 0;              ///< of them counted by call alone (too many kinds)
  std::uint64_t processes_killed = 0;    ///< by us
  std::optional<std::string> killed_by;  ///< the call before which the program itself was killed
};

/// Runs the program to its end, and the last process that it leaves behind too: the wire holds as
/// long as anybody is under the filter.
///
/// Errors: as enforce() and compile().
Result<WatchOutcome> watch(const WatchSpec& spec, AlertSink& sink);

}  // namespace sysnare
