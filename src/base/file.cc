#include "base/file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <utility>

#include "base/fd.h"
#include "base/text.h"
#include "base/writing.h"

namespace sysnare {
namespace {

constexpr std::size_t kPiece = 16u << 10;  // stands on the stack, which may be small (ulimit -s)

struct DigestFree {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) {
    EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
  }
  void add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_DigestFinal_ex(context_.get(), digest.data(), &size);
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (unsigned i = 0; i < size; ++i) {
      text += kDigits[digest[i] >> 4];
      text += kDigits[digest[i] & 15];
    }
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, DigestFree> context_;
};

/// read(2) through EINTR.
ssize_t read_some(int fd, char* buffer, std::size_t size) {
  ssize_t got = 0;
  do {
    got = ::read(fd, buffer, size);
  } while (got < 0 && errno == EINTR);
  return got;
}

/// Whether `path` exists and is neither a regular file nor a folder: it is then written in place.
/// Errors: it is a folder.
Result<bool> is_special(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || S_ISREG(info.st_mode)) return false;
  if (S_ISDIR(info.st_mode)) return fail_errno(EISDIR, "cannot write {}", printable(path));
  return true;
}

/// Through a symbolic link the file it points to is replaced, not the link.
std::string target_of(const std::string& path) {
  std::string target = path;
  if (char* real = ::realpath(path.c_str(), nullptr); real != nullptr) {
    target = real;
    ::free(real);
  }
  return target;
}

/// What may be done with the file that comes to stand at `path`: the same as with the one that
/// stands there (somebody may have closed it to others), else `mode` by the umask.
mode_t mode_for(const std::string& path, unsigned mode) {
  constexpr mode_t kPermissions = 0777;  // no set-user-id for a text of ours
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode)) return info.st_mode & kPermissions;
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return mode & ~mask;
}

/// Text that is on the disk under a temporary name; removed unless commit() renames it.
class PendingFile {
 public:
  /// What cannot be renamed over (standard output, a FIFO) waits in memory for commit().
  static Result<PendingFile> write(const std::string& path, std::string_view text, unsigned mode) {
    PendingFile pending;
    pending.path_ = path;
    Result<bool> special = path == "-" ? Result<bool>(true) : is_special(path);
    if (!special) return propagate(special);
    if (*special) {
      pending.in_place_ = text;
      return pending;
    }
    pending.target_ = target_of(path);
    pending.temporary_ = pending.target_ + ".XXXXXX";
    Fd file(::mkostemp(pending.temporary_.data(), O_CLOEXEC));
    if (!file) {
      const int why = errno;
      pending.temporary_.clear();
      return fail_errno(why, "cannot write {}", printable(path));
    }
    Result<void> done = write_all(file.get(), text);
    const mode_t granted = mode_for(pending.target_, mode);
    if (done && ::fchmod(file.get(), granted) != 0) done = fail_errno(errno, "fchmod");
    if (done && ::fsync(file.get()) != 0 && errno != EINVAL) done = fail_errno(errno, "fsync");
    if (!done) return propagate(done, "cannot write {}", printable(path));
    return pending;
  }

  PendingFile(PendingFile&& other) noexcept
      : path_(std::move(other.path_)),
        target_(std::move(other.target_)),
        temporary_(std::exchange(other.temporary_, {})),
        in_place_(std::move(other.in_place_)) {}
  PendingFile& operator=(PendingFile&&) = delete;
  ~PendingFile() {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }

  Result<void> commit() {
    if (!temporary_.empty()) {
      if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
        return fail_errno(errno, "cannot write {}: rename", printable(path_));
      }
      temporary_.clear();
      return {};
    }
    if (path_ == "-") {
      Result<void> done = write_all(STDOUT_FILENO, in_place_);
      if (!done) return propagate(done, "standard output");
      return {};
    }
    Fd file(::open(path_.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
    if (!file) return fail_errno(errno, "cannot write {}", printable(path_));
    Result<void> done = write_all(file.get(), in_place_);
    if (!done) return propagate(done, "{}", printable(path_));
    return {};
  }

 private:
  PendingFile() = default;
  std::string path_;
  std::string target_;
  std::string temporary_;
  std::string in_place_;
};

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const bool from_stdin = path == "-";
  Fd file(from_stdin ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                     : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  const std::string name = from_stdin ? "standard input" : printable(path);
  if (!file) return fail_errno(errno, "cannot open {}", name);
  std::string text;
  std::array<char, kPiece> buffer{};
  for (;;) {
    const ssize_t got = read_some(file.get(), buffer.data(), buffer.size());
    if (got < 0) return fail_errno(errno, "cannot read {}", name);
    if (got == 0) return text;
    if (text.size() + static_cast<std::size_t>(got) > limit) {
      return fail(Errc::kLimit, "{}: larger than {} bytes, the most that is read", name, limit);
    }
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

Result<void> write_all(int fd, std::string_view text) {
  const NoSignalOfWriting quiet;
  while (!text.empty()) {
    const ssize_t put = ::write(fd, text.data(), text.size());
    if (put < 0) {
      if (errno == EINTR) continue;
      return fail_errno(errno, "write");
    }
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Result<void> write_file_atomic(const std::string& path, std::string_view text, unsigned mode) {
  Result<PendingFile> pending = PendingFile::write(path, text, mode);
  if (!pending) return propagate(pending);
  return pending->commit();
}

Result<void> write_files_atomic(const std::vector<FileText>& files, unsigned mode) {
  std::vector<PendingFile> pending;
  for (const FileText& file : files) {
    Result<PendingFile> one = PendingFile::write(file.path, file.text, mode);
    if (!one) return propagate(one);
    pending.push_back(std::move(*one));
  }
  for (PendingFile& one : pending) {
    if (Result<void> done = one.commit(); !done) return done;
  }
  return {};
}

Result<void> check_writable(const std::string& path) {
  if (path == "-") return {};
  if (path.empty()) return fail(Errc::kUsage, "an empty file name");
  if (Result<bool> special = is_special(path); !special || *special) {
    if (!special) return propagate(special);
    // Not opened: a FIFO would hold us until somebody reads it.
    if (::access(path.c_str(), W_OK) != 0)
      return fail_errno(errno, "cannot write {}", printable(path));
    return {};
  }
  std::string temporary = target_of(path) + ".XXXXXX";
  Fd file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!file) return fail_errno(errno, "cannot write {}", printable(path));
  ::unlink(temporary.c_str());
  return {};
}

bool same_file_written(const std::string& a, const std::string& b) {
  const auto standing = [](const std::string& path) {
    std::error_code error;
    return std::filesystem::weakly_canonical(std::filesystem::absolute(path, error), error);
  };
  const auto replaced = [](const std::string& path) {
    Result<bool> special = is_special(path);
    return path != "-" && !path.empty() && special && !*special;
  };
  return replaced(a) && replaced(b) && standing(a) == standing(b);
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 digest;
  digest.add(bytes);
  return digest.hex();
}

Result<std::string> sha256_file(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file) return fail_errno(errno, "cannot open {}", printable(path));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return fail(Errc::kBadInput, "{}: not a regular file", printable(path));
  }
  return sha256_fd(file.get(), path);
}

Result<std::string> sha256_fd(int fd, std::string_view name) {
  Sha256 digest;
  std::array<char, kPiece> buffer{};
  for (off_t at = 0;;) {
    const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "cannot read {}", printable(name));
    if (got == 0) return digest.hex();
    digest.add({buffer.data(), static_cast<std::size_t>(got)});
    at += got;
  }
}

}  // namespace sysnare
