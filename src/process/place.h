#pragma once
// Which instruction of which object made the call?
//
// Source: proc_pid_maps(5). An address becomes {module, file offset}: the same in every process
// that maps the file, whatever the load address.

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace sysnare {

/// One line of /proc/PID/maps.
struct Mapping {
  std::uint64_t start = 0;
  std::uint64_t end = 0;  ///< one past the last byte
  std::uint64_t file_offset = 0;
  std::uint64_t inode = 0;
  std::uint32_t device = 0;
  bool readable = false;
  bool writable = false;
  bool executable = false;
  std::string path;  ///< empty for anonymous memory; "[vdso]"; " (deleted)" cut off
  bool deleted = false;
};

/// Errors: kNotFound when the process is gone, kNoPermission when it is not ours.
Result<std::vector<Mapping>> read_maps(pid_t pid);

/// The mapping that holds `address`, empty when none does. Cheap where the kernel answers for one
/// address (PROCMAP_QUERY, Linux 6.11), else as read_maps(). Errors: the same.
Result<std::optional<Mapping>> find_mapping(pid_t pid, std::uint64_t address);

class ModuleCache;

struct CallPlace {
  std::string module;      ///< path as mapped; "[anon]" for anonymous memory, "[unknown]" unmapped
  std::string module_key;  ///< GNU build-id, else "go:ID", else "sha256:HEX", else empty
  std::uint64_t offset = 0;  ///< file offset (address where there is no file)
  std::string symbol;        ///< function, demangled; empty when unknown
  std::uint64_t symbol_offset = 0;
  bool deleted = false;  ///< the file was unlinked, or never had a name (memfd)
};

/// "libc.so.6+0xf1234 (__mkdir+0x7)", for people.
std::string place_label(const CallPlace& place);

/// Finds places, with the objects it has opened kept. Files are reached through
/// /proc/PID/map_files or /proc/PID/root, so that containers and deleted files work.
class Places {
 public:
  Places();
  /// Shares opened objects with others of one caller (an Unwinder).
  explicit Places(std::shared_ptr<ModuleCache> modules);
  ~Places();
  Places(const Places&) = delete;
  Places& operator=(const Places&) = delete;
  /// The place of `address` in `pid` as it is mapped now. Never fails: what cannot be found out is
  /// left empty, and the module says what kind of memory it is.
  CallPlace locate(pid_t pid, std::uint64_t address);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sysnare
