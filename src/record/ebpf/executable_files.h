#pragma once
// Which files, and which cgroups, do the numbers of the eBPF programs stand for?
//
// A program may be gone a moment after its exec, and its path may be one of another mount
// namespace. So what our own mounts do not lead to is read through /proc/PID/exe as soon as it is
// told, and not kept open: that would keep a container's file system from being unmounted.

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "evidence/evidence.h"
#include "record/ebpf/shared.h"

namespace sysnare {

/// What a number stands for, as far as it is known.
struct NumberedExecutable {
  ProgramIdentity program;
  std::string cgroup;  ///< path; empty where executables are not told apart by it
};

class ExecutableFiles {
 public:
  /// At the first sight of an executable, or of a cgroup.
  void add(const sysnare_event& event);
  void add(const sysnare_cgroup_event& event);
  /// What `process` runs, which has been given `number`.
  void add_running(std::uint32_t number, pid_t process, dev_t device, ino_t inode);

  /// A file that was given `number` before anybody ran it.
  void add_file(std::uint32_t number, const std::string& path, dev_t device, ino_t inode);

  /// By number. Cost: reads each file that is still there, once: a long recording saves itself now
  /// and then, and the file may be replaced meanwhile.
  [[nodiscard]] std::map<std::uint32_t, NumberedExecutable> all();

 private:
  struct File {
    std::string path;
    dev_t device = 0;
    ino_t inode = 0;
    std::uint64_t cgroup = 0;
    std::optional<ProgramIdentity> program;  ///< once it is known
  };
  static bool leads_to(const std::string& path, const File& file);
  static void look_at_process(pid_t process, File& file);
  const ProgramIdentity& identity_of(File& file);

  std::map<std::uint32_t, File> files_;
  std::map<std::uint64_t, std::string> cgroups_;  ///< paths by id
  /// What was read, since one file may run in many cgroups.
  std::map<std::pair<dev_t, ino_t>, ProgramIdentity> read_;
};

}  // namespace sysnare
