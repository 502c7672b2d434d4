#pragma once
// How are whole files read and written? Bounded on the way in, all or nothing on the way out.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sysnare {

/// Largest profile, evidence or table file that we read: real ones are below 1 MB, and a bound
/// keeps a hostile path (/dev/zero, a FIFO that never ends) from taking the machine's memory.
inline constexpr std::size_t kMaxTextFile = 128u << 20;

/// Reads all of `path` ("-" is standard input).
///
/// Errors: kNotFound, kNoPermission, kSystem; kLimit when it holds more than `limit` bytes.
Result<std::string> read_file(const std::string& path, std::size_t limit = kMaxTextFile);

/// Writes `text` to a temporary file beside `path`, then renames it over `path`; on failure the
/// old file is untouched. "-" writes to standard output. A path that exists and is no regular file
/// (/dev/stdout, a FIFO) is written in place. A file that is replaced leaves its permissions to the
/// new one; `mode`, by the umask, is that of a file where none was.
Result<void> write_file_atomic(const std::string& path, std::string_view text,
                               unsigned mode = 0666);

/// Whether write_file_atomic(path) would get as far as the rename: tried by making and removing a
/// temporary file beside `path`. For work that takes long before there is something to write.
/// Errors: as write_file_atomic, kUsage for an empty path.
Result<void> check_writable(const std::string& path);

/// Whether write_file_atomic(a) and write_file_atomic(b) write the same regular file, which may not
/// be there yet. For outputs that would replace an input, or each other.
bool same_file_written(const std::string& a, const std::string& b);

struct FileText {
  std::string path;
  std::string text;
};
/// Writes several files as write_file_atomic does, and renames none before all are on the disk:
/// when one cannot be written, all the old ones are untouched. They are renamed in the order given.
Result<void> write_files_atomic(const std::vector<FileText>& files, unsigned mode = 0666);

/// Writes all of `text` to `fd`, through short writes and EINTR.
Result<void> write_all(int fd, std::string_view text);

/// Lower-case hex SHA-256 of `bytes`.
std::string sha256_hex(std::string_view bytes);

/// Lower-case hex SHA-256 of a file, read in bounded pieces.
Result<std::string> sha256_file(const std::string& path);
/// The same of the file behind `fd`, read with pread; `name` stands in messages.
Result<std::string> sha256_fd(int fd, std::string_view name);

}  // namespace sysnare
