#include "record/program.h"

#include <filesystem>

#include "base/file.h"
#include "elf/identity.h"

namespace sysnare {

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
