#pragma once
// What is known of these files from an earlier scan?
//
// A directory of files that may be deleted at any time: `index` (stamp of a file -> what is in it),
// and one file for each thing that is kept, written beside its place and renamed over it, so that
// scans share the directory without a lock. Each has a header and a checksum; what is cut, foreign
// or of another version of the analyser is as if it were not there, and is written anew. Nothing is
// ever taken from a directory that others can write to.
//
// As in git's index, a file that changed within the last seconds is not remembered by its stamp
// (scan/file_stamp.h).

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "scan/file_stamp.h"

namespace sysnare {

/// What is in a file.
struct ContentIdentity {
  std::string sha256;    ///< 64 lower-case hex digits
  std::string build_id;  ///< as ProgramIdentity::build_id
  auto operator<=>(const ContentIdentity&) const = default;
};

/// A file that was kept, mapped.
struct CachedFile {
  std::span<const std::byte> bytes;   ///< behind the header; aligned to 16
  std::shared_ptr<const void> owner;  ///< they stay while this lives
};

/// Most bytes of the index: some 14,500 files. A full one is begun anew.
inline constexpr std::size_t kMaxIndexBytes = 4u << 20;

class ScanCache {
 public:
  /// Keeps nothing and knows nothing.
  ScanCache() = default;
  /// Makes the directory (0700, parents too) where it is missing. Errors: kNoPermission for one
  /// that another user owns or that others can write to, as a sentence; as mkdir(2).
  static Result<std::unique_ptr<ScanCache>> open(const std::string& directory);

  /// Safe to call from several threads, as all below.
  [[nodiscard]] std::optional<ContentIdentity> identity(const FileStamp& stamp) const;
  /// `now_ns`: the time of day.
  void remember(const FileStamp& stamp, const ContentIdentity& identity, std::int64_t now_ns);

  /// What was kept under `name` (letters, digits, '.', '-') by the same `version`.
  [[nodiscard]] std::optional<CachedFile> load(const std::string& name,
                                               std::uint32_t version) const;
  void keep(const std::string& name, std::uint32_t version, std::span<const std::byte> bytes);

  /// Writes what was remembered. Call it once, at the end.
  void flush();
  /// Why something could not be kept, once; empty where all could.
  [[nodiscard]] std::string trouble() const;

 private:
  /// Reads the index, once; a result that is kept is found without it. The mutex is held.
  void read_index() const;
  void note_trouble(std::string text);

  Fd directory_;
  std::string path_;
  mutable bool index_read_ = false;
  mutable std::map<FileStamp, ContentIdentity> index_;
  mutable bool index_damaged_ = false;
  std::vector<std::pair<FileStamp, ContentIdentity>> fresh_;
  std::string trouble_;
  mutable std::mutex mutex_;
};

/// Where the cache lies by default: /var/cache/sysnare/scan for root, else below $XDG_CACHE_HOME,
/// else below $HOME/.cache; nothing where neither is an absolute path. Null: not set.
std::optional<std::string> default_cache_directory(bool root, const char* xdg_cache_home,
                                                   const char* home);

/// A checksum that finds damage, not malice. Cost: some 5 GB/s.
std::uint64_t checksum_of(std::span<const std::byte> bytes, std::uint64_t seed = 0);

}  // namespace sysnare
