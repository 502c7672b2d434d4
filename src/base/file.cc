#include "base/file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

#include "base/fd.h"

namespace sysnare {
namespace {

constexpr std::size_t kPiece = 64u << 10;

struct DigestFree {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) {
    EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
  }
  void add(std::string_view bytes) {
    EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
  }
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

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const bool from_stdin = path == "-";
  Fd file(from_stdin ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                     : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  const std::string name = from_stdin ? "standard input" : path;
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
  if (path == "-") {
    Result<void> done = write_all(STDOUT_FILENO, text);
    if (!done) return propagate(done, "standard output");
    return {};
  }
  struct stat old {};
  if (::stat(path.c_str(), &old) == 0 && !S_ISREG(old.st_mode)) {
    if (S_ISDIR(old.st_mode)) return fail_errno(EISDIR, "cannot write {}", path);
    Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
    if (!file) return fail_errno(errno, "cannot write {}", path);
    Result<void> done = write_all(file.get(), text);
    if (!done) return propagate(done, "{}", path);
    return {};
  }
  // Through a symbolic link the file it points to is replaced, not the link.
  std::string target = path;
  if (char* real = ::realpath(path.c_str(), nullptr); real != nullptr) {
    target = real;
    ::free(real);
  }
  std::string temporary = target + ".XXXXXX";
  Fd file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!file) return fail_errno(errno, "cannot write {}", path);
  const mode_t mask = ::umask(0);
  ::umask(mask);
  Result<void> done = write_all(file.get(), text);
  if (done && ::fchmod(file.get(), mode & ~mask) != 0) done = fail_errno(errno, "fchmod");
  if (done && ::fsync(file.get()) != 0 && errno != EINVAL) done = fail_errno(errno, "fsync");
  if (done && ::rename(temporary.c_str(), target.c_str()) != 0) done = fail_errno(errno, "rename");
  if (!done) {
    ::unlink(temporary.c_str());
    return propagate(done, "cannot write {}", path);
  }
  return {};
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 digest;
  digest.add(bytes);
  return digest.hex();
}

Result<std::string> sha256_file(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file) return fail_errno(errno, "cannot open {}", path);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return fail(Errc::kBadInput, "{}: not a regular file", path);
  }
  Sha256 digest;
  std::array<char, kPiece> buffer{};
  for (;;) {
    const ssize_t got = read_some(file.get(), buffer.data(), buffer.size());
    if (got < 0) return fail_errno(errno, "cannot read {}", path);
    if (got == 0) return digest.hex();
    digest.add({buffer.data(), static_cast<std::size_t>(got)});
  }
}

}  // namespace sysnare
