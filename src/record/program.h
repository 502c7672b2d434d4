#pragma once
// Which program is recorded?

#include <string>

#include "evidence/evidence.h"

namespace sysnare {

/// Identity of the file at `path` (symbolic links followed). What cannot be read is left empty.
ProgramIdentity identify_program(const std::string& path);

}  // namespace sysnare
