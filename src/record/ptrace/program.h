#pragma once
// Which program is recorded, and by which ptrace options?

#include <string>

#include "evidence/evidence.h"

namespace sysnare {

/// PTRACE_O_* for a recording; new threads are always followed, new processes with `follow`.
std::uint64_t trace_options(bool follow);

/// Identity of the file at `path` (symbolic links followed). What cannot be read is left empty.
ProgramIdentity identify_program(const std::string& path);

}  // namespace sysnare
