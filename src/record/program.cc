#include "record/program.h"

#include <filesystem>
#include <string_view>

#include "base/file.h"
#include "elf/identity.h"

namespace sysnare {

namespace {

namespace fs = std::filesystem;

/// What /proc/PID/exe says of a file that has no name any more: the one that it had (the kernel
/// puts a mark behind it, d_path(), fs/d_path.c). Any other path as it is.
std::string without_name(const std::string& path) {
  constexpr std::string_view kMark = " (deleted)";
  std::error_code error;
  std::string link = fs::read_symlink(path, error).string();
  if (error || !path.starts_with("/proc/") || !link.starts_with('/')) return path;
  if (link.ends_with(kMark)) link.resize(link.size() - kMark.size());
  return link;
}

}  // namespace

ProgramIdentity identify_program(const std::string& path) {
  ProgramIdentity program;
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  program.path = error ? without_name(path) : real.string();
  // Read through the name that was given: /proc/PID/exe reaches files that have no name here.
  if (Result<std::string> sum = sha256_file(path)) program.sha256 = *sum;
  if (Result<ElfIdentity> elf = elf_identity(path)) program.build_id = elf->build_id;
  return program;
}

}  // namespace sysnare
