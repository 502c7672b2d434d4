#pragma once
// Evidence of the least there can be, which the tests of this room fill.

#include <string>
#include <string_view>
#include <vector>

#include "arch/syscalls.h"
#include "evidence/evidence.h"

namespace sysnare {

inline Call call_of(std::string_view name, Abi abi = Abi::kX86_64) {
  return {abi, *syscall_nr(abi, name)};
}

/// One run in which each of `names` came once.
inline Evidence run_of(const std::vector<std::string>& names) {
  Evidence evidence;
  evidence.program.path = "/bin/x";
  evidence.recorder = "ptrace";
  for (const std::string& name : names) {
    CallEvidence& call = evidence.record(call_of(name), Origin::kApplication);
    call.count = 1;
    call.runs_seen = 1;
    call.first_run = 1;
  }
  return evidence;
}

/// The same, all by /bin/y, which /bin/x has executed.
inline Evidence run_with_child(const std::vector<std::string>& names) {
  Evidence evidence = run_of(names);
  for (const char* path : {"/bin/x", "/bin/y"}) {
    ExecutableEvidence executable;
    executable.program.path = path;
    executable.executed_by[std::string_view(path) == "/bin/x" ? "" : "/bin/x"] = 1;
    evidence.executables.push_back(executable);
  }
  evidence.executables.back().calls = evidence.calls;
  return evidence;
}

}  // namespace sysnare
