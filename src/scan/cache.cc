#include "scan/cache.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "base/text.h"
#include "base/writing.h"

namespace sysnare {
namespace {

constexpr std::array<char, 8> kFileMagic = {'S', 'N', 'S', 'C', 'A', 'N', '0', '1'};
constexpr std::uint64_t kIndexMagic = 0x3178646e494e5300;  // "\0SNIndx1"
constexpr const char* kIndexName = "index";
constexpr std::size_t kShaHex = 64;
constexpr std::size_t kMaxBuildId = 160;
constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;
/// Largest kept file; a summary has some 3 times the text, and that is at most 1 GB.
constexpr std::uint64_t kMaxKeptBytes = 4ull << 30;

struct FileHeader {
  std::array<char, 8> magic{};
  std::uint32_t version = 0;
  std::uint32_t unused = 0;
  std::uint64_t bytes = 0;  ///< behind the header
  std::uint64_t checksum = 0;
};
static_assert(sizeof(FileHeader) == 32);

struct IndexRecord {
  std::uint64_t magic = kIndexMagic;
  std::uint64_t checksum = 0;  ///< of what follows
  FileStamp stamp;
  std::array<char, kShaHex> sha256{};
  std::array<char, kMaxBuildId> build_id{};  ///< filled with NULs
};
constexpr std::size_t kRecordSize = 288;
static_assert(sizeof(IndexRecord) <= kRecordSize);
constexpr std::size_t kChecked = offsetof(IndexRecord, stamp);

std::uint64_t checksum_of_record(const IndexRecord& record) {
  const auto bytes = std::as_bytes(std::span(&record, 1));
  return checksum_of(bytes.subspan(kChecked));
}

class Mapping {
 public:
  Mapping(void* at, std::size_t size) : at_(at), size_(size) {}
  ~Mapping() { ::munmap(at_, size_); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

 private:
  void* at_;
  std::size_t size_;
};

/// Whether a file of the directory is ours: nobody else may have put it there.
bool is_ours(const struct stat& info) {
  return S_ISREG(info.st_mode) && info.st_uid == ::geteuid() && (info.st_mode & kOthersWrite) == 0;
}

/// All of a file of the directory, mapped; nothing where there is none of ours.
std::optional<CachedFile> map_file(int directory, const char* name, std::uint64_t at_least,
                                   std::uint64_t at_most) {
  const Fd file(::openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0 || !is_ours(info)) return std::nullopt;
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (size < at_least || size > at_most) return std::nullopt;
  void* at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (at == MAP_FAILED) return std::nullopt;
  return CachedFile{{static_cast<const std::byte*>(at), size}, std::make_shared<Mapping>(at, size)};
}

std::string_view view_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<void> make_directories(const std::string& path) {
  for (std::size_t at = 1; at <= path.size(); ++at) {
    if (at < path.size() && path[at] != '/') continue;
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), S_IRWXU) == 0 || errno == EEXIST) continue;
    return fail_errno(errno, "{}: the cache directory cannot be made", printable(part));
  }
  return {};
}

}  // namespace

std::uint64_t checksum_of(std::span<const std::byte> bytes, std::uint64_t seed) {
  constexpr std::uint64_t kMultiplier = 0x9fb21c651e98df25;  // odd, with bits all over
  constexpr std::size_t kLanes = 4;
  constexpr std::size_t kStep = kLanes * sizeof(std::uint64_t);
  std::array<std::uint64_t, kLanes> lane = {seed ^ 1, seed ^ 2, seed ^ 3, bytes.size()};
  const auto mix = [](std::uint64_t state, std::uint64_t word) {
    state = (state ^ word) * kMultiplier;
    return state ^ std::rotl(state, 29);
  };
  std::size_t at = 0;
  for (; at + kStep <= bytes.size(); at += kStep) {
    std::array<std::uint64_t, kLanes> words;
    std::memcpy(words.data(), bytes.data() + at, kStep);
    for (std::size_t i = 0; i < kLanes; ++i) lane[i] = mix(lane[i], words[i]);
  }
  std::array<std::uint64_t, kLanes> rest{};
  if (at < bytes.size()) std::memcpy(rest.data(), bytes.data() + at, bytes.size() - at);
  std::uint64_t sum = seed;
  for (std::size_t i = 0; i < kLanes; ++i) sum = mix(sum, mix(lane[i], rest[i]));
  return sum;
}

Result<std::unique_ptr<ScanCache>> ScanCache::open(const std::string& directory) {
  if (directory.empty()) return fail(Errc::kUsage, "an empty name is no cache directory");
  Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd && errno == ENOENT) {
    if (Result<void> made = make_directories(directory); !made) return propagate(made);
    fd.reset(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) {
    return fail_errno(errno, "{}: the cache directory cannot be opened", printable(directory));
  }
  if (info.st_uid != ::geteuid()) {
    return fail(
        Errc::kNoPermission,
        "{}: the cache directory belongs to uid {}, and we are uid {}: what is in it cannot "
        "be trusted; name another by --cache",
        printable(directory), info.st_uid, ::geteuid());
  }
  if ((info.st_mode & kOthersWrite) != 0) {
    return fail(
        Errc::kNoPermission,
        "{}: others can write to the cache directory (mode {:04o}), so what is in it cannot "
        "be trusted; `chmod 0700` it, or name another by --cache",
        printable(directory), info.st_mode & 07777);
  }
  auto cache = std::make_unique<ScanCache>();
  cache->directory_ = std::move(fd);
  cache->path_ = directory;
  return cache;
}

void ScanCache::read_index() const {
  if (index_read_ || !directory_) return;
  index_read_ = true;
  const std::optional<CachedFile> file =
      map_file(directory_.get(), kIndexName, kRecordSize, kMaxIndexBytes + kRecordSize);
  if (!file) {
    index_damaged_ = ::faccessat(directory_.get(), kIndexName, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    return;
  }
  index_damaged_ = file->bytes.size() % kRecordSize != 0 || file->bytes.size() >= kMaxIndexBytes;
  for (std::size_t at = 0; at + kRecordSize <= file->bytes.size(); at += kRecordSize) {
    IndexRecord record;
    std::memcpy(&record, file->bytes.data() + at, sizeof record);
    if (record.magic != kIndexMagic || record.checksum != checksum_of_record(record)) {
      index_damaged_ = true;
      continue;
    }
    ContentIdentity& identity = index_[record.stamp];
    identity.sha256.assign(record.sha256.data(), kShaHex);
    identity.build_id.assign(record.build_id.data(),
                             ::strnlen(record.build_id.data(), kMaxBuildId));
  }
}

std::optional<ContentIdentity> ScanCache::identity(const FileStamp& stamp) const {
  const std::lock_guard lock(mutex_);
  read_index();
  const auto found = index_.find(stamp);
  if (found == index_.end()) return std::nullopt;
  return found->second;
}

void ScanCache::remember(const FileStamp& stamp, const ContentIdentity& identity,
                         std::int64_t now_ns) {
  if (!directory_ || identity.sha256.size() != kShaHex || identity.build_id.size() > kMaxBuildId) {
    return;
  }
  if (!has_settled(stamp, now_ns)) return;
  const std::lock_guard lock(mutex_);
  read_index();
  if (!index_.insert_or_assign(stamp, identity).second) return;
  fresh_.emplace_back(stamp, identity);
}

void ScanCache::flush() {
  const std::lock_guard lock(mutex_);
  if (!directory_ || (fresh_.empty() && !index_damaged_)) return;
  std::string text;
  for (const auto& [stamp, identity] : fresh_) {
    IndexRecord record;
    record.stamp = stamp;
    identity.sha256.copy(record.sha256.data(), kShaHex);
    identity.build_id.copy(record.build_id.data(), kMaxBuildId);
    record.checksum = checksum_of_record(record);
    text += view_of(std::as_bytes(std::span(&record, 1)));
    text.resize(text.size() + kRecordSize - sizeof record);
  }
  fresh_.clear();
  // One write of whole records: with O_APPEND those of several scans stand one behind the other.
  const int anew = index_damaged_ ? O_TRUNC : 0;
  if (index_damaged_) ::unlinkat(directory_.get(), kIndexName, 0);
  const Fd file(::openat(directory_.get(), kIndexName,
                         O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | anew,
                         S_IRUSR | S_IWUSR));
  const NoSignalOfWriting quiet;
  if (!file) {
    trouble_ = fail_errno(errno, "{}/{}", printable(path_), kIndexName).value().message;
  } else if (Result<void> written = write_all(file.get(), text); !written) {
    trouble_ = written.error().message;
  }
}

std::optional<CachedFile> ScanCache::load(const std::string& name, std::uint32_t version) const {
  if (!directory_) return std::nullopt;
  std::optional<CachedFile> file =
      map_file(directory_.get(), name.c_str(), sizeof(FileHeader), kMaxKeptBytes);
  if (!file) return std::nullopt;
  FileHeader header;
  std::memcpy(&header, file->bytes.data(), sizeof header);
  file->bytes = file->bytes.subspan(sizeof header);
  if (header.magic != kFileMagic || header.version != version ||
      header.bytes != file->bytes.size() || header.checksum != checksum_of(file->bytes, version)) {
    return std::nullopt;
  }
  return file;
}

void ScanCache::keep(const std::string& name, std::uint32_t version,
                     std::span<const std::byte> bytes) {
  if (!directory_ || bytes.size() > kMaxKeptBytes - sizeof(FileHeader)) return;
  FileHeader header;
  header.magic = kFileMagic;
  header.version = version;
  header.bytes = bytes.size();
  header.checksum = checksum_of(bytes, version);
  // Not by our pid: two PID namespaces can share the directory.
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) return;
  const std::string temporary = fmt::format("tmp-{:016x}", number);
  const Fd file(::openat(directory_.get(), temporary.c_str(),
                         O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
  if (!file) {
    note_trouble(fail_errno(errno, "{}/{}", printable(path_), temporary).value().message);
    return;
  }
  const NoSignalOfWriting quiet;
  Result<void> written = write_all(file.get(), view_of(std::as_bytes(std::span(&header, 1))));
  if (written) written = write_all(file.get(), view_of(bytes));
  if (written &&
      ::renameat(directory_.get(), temporary.c_str(), directory_.get(), name.c_str()) != 0) {
    written = fail_errno(errno, "{}/{}", printable(path_), name);
  }
  if (written) return;
  ::unlinkat(directory_.get(), temporary.c_str(), 0);
  note_trouble(written.error().message);
}

void ScanCache::note_trouble(std::string text) {
  const std::lock_guard lock(mutex_);
  if (trouble_.empty()) trouble_ = std::move(text);
}

std::string ScanCache::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

std::optional<std::string> default_cache_directory(bool root, const char* xdg_cache_home,
                                                   const char* home) {
  constexpr const char* kBelow = "/sysnare/scan";
  if (root) return fmt::format("/var/cache{}", kBelow);
  const auto absolute = [](const char* path) { return path != nullptr && path[0] == '/'; };
  // The XDG base directory specification: a path that is not absolute is ignored.
  if (absolute(xdg_cache_home)) return std::string(xdg_cache_home) + kBelow;
  if (absolute(home)) return std::string(home) + "/.cache" + kBelow;
  return std::nullopt;
}

}  // namespace sysnare
