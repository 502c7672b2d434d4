#pragma once
// Why could this file not be executed? One sentence, the same from every verb.
//
// Source: execve(2); fs/exec.c, fs/binfmt_elf.c, fs/binfmt_script.c, Linux 6.18.
// Not modelled: binfmt_misc, a filter's errno (the caller knows its filter).

#include <string>

namespace sysnare {

/// For a file that is there: such a command is exit status 126, also when it is its interpreter
/// that is missing. `sys_errno` is what execve gave.
std::string exec_failure_sentence(const std::string& path, int sys_errno);

/// The interpreter that the #! line of the file `path` names; empty for what is no script.
std::string script_interpreter(const std::string& path);

}  // namespace sysnare
