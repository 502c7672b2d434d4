#include "record/ptrace/program.h"

#include <sys/ptrace.h>

#include <filesystem>

#include "base/file.h"
#include "elf/identity.h"

namespace sysnare {

std::uint64_t trace_options(bool follow) {
  // No PTRACE_O_EXITKILL: should we be killed, the program goes on untraced, as under strace. A
  // recording must never cost more than itself. No PTRACE_O_TRACEEXIT: an end is told by waitpid.
  std::uint64_t options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE;
  if (follow) options |= PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
  return options;
}

ProgramIdentity identify_program(const std::string& path) {
  ProgramIdentity program;
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(path, error);
  program.path = error ? path : real.string();
  // Read through the name that was given: /proc/PID/exe reaches files that have no name here.
  if (Result<std::string> sum = sha256_file(path)) program.sha256 = *sum;
  if (Result<ElfIdentity> elf = elf_identity(path)) program.build_id = elf->build_id;
  return program;
}

}  // namespace sysnare
