#pragma once
// Which file is inode 332383 of device 254:0, and what is its key?
//
// The kernel's programs tell device, inode and the names up to the root of the file system; the
// mounts of this mount namespace lead there. What they lead to is the file only if device and inode
// are the same, so that another file is never mistaken for it.
//
// Source: proc_pid_mountinfo(5).
// What they do not lead to is asked of the process that has it mapped, by /proc/PID/maps and
// map_files, while that lives: deleted files, other mount namespaces, file systems whose stat(2)
// shows another device than their super block (btrfs).

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "evidence/evidence.h"
#include "record/ebpf/shared.h"

namespace sysnare {

/// One mount of this process's namespace.
struct MountPoint {
  std::uint32_t device = 0;  ///< as the kernel packs it
  std::string root;          ///< the folder of the file system that is mounted
  std::string path;          ///< where
};
/// The mounts of the text of /proc/PID/mountinfo; lines that make no sense are left out.
std::vector<MountPoint> parse_mountinfo(std::string_view text);

class ModuleFiles {
 public:
  void add(const sysnare_module_event& event);
  /// The site of an address behind a call.
  Site site_of(const sysnare_place& place);

 private:
  struct File {
    std::string path;
    std::string key;
  };
  const File& file_of(std::uint32_t device, std::uint64_t inode);
  /// `process` has it mapped; 0: nobody is known.
  File find(std::uint32_t device, std::uint64_t inode, pid_t process);
  static std::optional<File> find_mapped(pid_t process, std::uint32_t device, std::uint64_t inode);

  std::map<std::pair<std::uint32_t, std::uint64_t>, std::string> paths_;  ///< from the root
  std::map<std::pair<std::uint32_t, std::uint64_t>, File> files_;
  std::vector<MountPoint> mounts_;  ///< read when first asked for
};

}  // namespace sysnare
