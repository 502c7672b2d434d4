#pragma once
// Which mappings hold these addresses? For several questions to one process that stands still.
//
// Source: proc_pid_maps(5).

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "process/place.h"

namespace sysnare {

/// The mappings of one process at one moment. Make a new one once the process may have run.
class AddressSpace {
 public:
  explicit AddressSpace(pid_t pid);

  /// Asks the kernel; as find_mapping().
  Result<std::optional<Mapping>> query(std::uint64_t address);
  /// The mapping that holds `address`, asked for once; null when none does or nobody can tell.
  /// Valid until the next call.
  const Mapping* find(std::uint64_t address);

 private:
  pid_t pid_;
  Fd file_;
  int open_errno_ = 0;
  std::vector<Mapping> known_;
  bool whole_ = false;  ///< `known_` has all there are
};

}  // namespace sysnare
