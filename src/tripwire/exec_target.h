#pragma once
// Which file does this held execve name, and is the program that runs afterwards that one?
//
// The path stands in the caller's memory, where another thread (or a process that shares it) can
// change it after we read it and before the kernel does. So what is read here only chooses; what
// counts is the comparison after the exec, while the new program stands before its first
// instruction (docs/adr/0060-what-the-wire-guarantees.md).
//
// Source: execveat(2), path_resolution(7), openat2(2).
// Not modelled: binfmt_misc; relative paths of a process in another root or mount namespace, which
// are not resolved.

#include <linux/seccomp.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sysnare {

/// A file, whatever its name.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  auto operator<=>(const FileId&) const = default;
};
std::optional<FileId> file_id(const std::string& path);

struct ExecTarget {
  std::string path;  ///< as it stood in memory; empty when it could not be read
  std::optional<FileId> file;
  /// What /proc/PID/exe may be afterwards: the file, or the interpreters that its "#!" line names.
  std::vector<FileId> may_become;
};

/// What execve or execveat in `data`, held in `thread`, names now.
ExecTarget exec_target(pid_t thread, const seccomp_data& data);

/// What /proc/PROCESS/exe is now.
std::optional<FileId> running_file(pid_t process);

}  // namespace sysnare
