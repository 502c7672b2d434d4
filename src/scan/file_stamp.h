#pragma once
// Is this the file that it was?
//
// A stamp is what stat(2) says: who changes a file changes one of these, unless he sets the clock
// of the machine back, or writes twice within one tick of it (hence kSettledNs).

#include <sys/stat.h>

#include <compare>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace sysnare {

/// What changed within this time is not known by its stamp: it can change again within one tick,
/// which is 10 ms at most of the kernel's clock, and up to 2 s of coarse file systems.
inline constexpr std::int64_t kSettledNs = 3'000'000'000;

struct FileStamp {
  std::uint64_t dev = 0;
  std::uint64_t ino = 0;
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  auto operator<=>(const FileStamp&) const = default;
};

FileStamp stamp_of(const struct ::stat& status);
/// Errors: kSystem; kBadInput for what is no regular file.
Result<FileStamp> stamp_of(int fd, std::string_view name);

/// Whether it is older than kSettledNs. `now_ns`: the time of day.
bool has_settled(const FileStamp& stamp, std::int64_t now_ns);

}  // namespace sysnare
