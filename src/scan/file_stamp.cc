#include "scan/file_stamp.h"

#include <cerrno>

#include "base/text.h"

namespace sysnare {

FileStamp stamp_of(const struct ::stat& status) {
  constexpr std::int64_t kNsPerS = 1'000'000'000;
  return {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
          status.st_mtim.tv_sec * kNsPerS + status.st_mtim.tv_nsec,
          status.st_ctim.tv_sec * kNsPerS + status.st_ctim.tv_nsec};
}

Result<FileStamp> stamp_of(int fd, std::string_view name) {
  struct ::stat status {};
  if (::fstat(fd, &status) != 0) return fail_errno(errno, "{}", printable(name));
  if (!S_ISREG(status.st_mode)) {
    return fail(Errc::kBadInput, "{}: not a regular file", printable(name));
  }
  return stamp_of(status);
}

bool has_settled(const FileStamp& stamp, std::int64_t now_ns) {
  return stamp.mtime_ns <= now_ns - kSettledNs && stamp.ctime_ns <= now_ns - kSettledNs;
}

}  // namespace sysnare
