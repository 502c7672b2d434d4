// The sinks. Both write through a queue of lines: what cannot be written now is held and tried
// again with the next alert, so that order is kept and a full disk that gets room again loses
// nothing.

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <deque>

#include "alert/alert.h"
#include "base/fd.h"
#include "base/writing.h"

namespace sysnare {
namespace {

/// How long a held call waits for a slow reader (a pipe to a busy program, a terminal under Ctrl-S)
/// before the program goes on and its alert waits in memory.
constexpr int kPatienceMs = 250;

class QueueSink : public AlertSink {
 public:
  explicit QueueSink(std::string hostname) : hostname_(std::move(hostname)) {}

  Result<void> write(const Alert& alert) override {
    Alert stamped = alert;
    stamped.lost_before = lost_;
    std::string line = alert_line(stamped, hostname_);
    if (held_bytes_ + line.size() > kMaxHeldBytes) {
      // Room may have come since; only if not is the newest one lost.
      Result<void> drained = drain();
      if (held_bytes_ + line.size() > kMaxHeldBytes) {
        ++lost_;
        return drained;
      }
    }
    held_bytes_ += line.size();
    lines_.push_back(std::move(line));
    return drain();
  }

  Result<void> flush() override { return drain(); }
  [[nodiscard]] std::uint64_t lost() const override { return lost_; }
  [[nodiscard]] std::uint64_t held() const override { return lines_.size(); }
  [[nodiscard]] std::uint64_t written() const override { return written_; }

 protected:
  /// Where to write now; -1 with errno set when there is nothing.
  virtual int target() = 0;
  /// write(2) that does not block where that can be had.
  virtual ssize_t put(int fd, const char* data, std::size_t size) {
    return ::write(fd, data, size);
  }
  [[nodiscard]] virtual std::string name() const = 0;

 private:
  Result<void> drain() {
    while (!lines_.empty()) {
      const int fd = target();
      const std::string& line = lines_.front();
      const ssize_t done =
          fd < 0 ? -1 : put(fd, line.data() + first_done_, line.size() - first_done_);
      if (done < 0 && errno == EINTR) continue;
      if (done < 0 && errno == EAGAIN && patient_) {
        // One wait for a row of failures: a reader that is stuck must not slow every alert down.
        patient_ = takes_writing(fd, kPatienceMs);
        if (patient_) continue;
        errno = EAGAIN;
      }
      if (done < 0) return fail_errno(errno, "cannot write alerts to {}", name());
      patient_ = true;
      first_done_ += static_cast<std::size_t>(done);
      if (first_done_ < line.size()) continue;
      held_bytes_ -= line.size();
      first_done_ = 0;
      lines_.pop_front();
      ++written_;
    }
    return {};
  }

  std::string hostname_;
  std::deque<std::string> lines_;
  std::size_t held_bytes_ = 0;
  std::size_t first_done_ = 0;  ///< how much of the first line is written
  std::uint64_t lost_ = 0;
  std::uint64_t written_ = 0;
  bool patient_ = true;
};

class FdSink : public QueueSink {
 public:
  FdSink(int fd, std::string hostname) : QueueSink(std::move(hostname)), fd_(fd) {
    struct stat info {};
    if (::fstat(fd, &info) != 0) return;
    is_socket_ = S_ISSOCK(info.st_mode);
    // O_NONBLOCK belongs to the open file, which the watched program shares: take one of our own.
    // Not for regular files, where that would be an offset of our own too.
    if (S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode)) {
      own_.reset(::open(fmt::format("/proc/self/fd/{}", fd).c_str(),
                        O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
    }
  }

 protected:
  int target() override { return own_ ? own_.get() : fd_; }
  ssize_t put(int fd, const char* data, std::size_t size) override {
    if (is_socket_) return ::send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (!own_) {
      // A pipe of another user cannot be opened anew; PIPE_BUF bytes go in where poll says so.
      // To wait here would be to keep the program waiting.
      if (!takes_writing(fd, 0)) {
        errno = EAGAIN;
        return -1;
      }
      size = std::min<std::size_t>(size, PIPE_BUF);
    }
    return ::write(fd, data, size);
  }
  [[nodiscard]] std::string name() const override {
    return fd_ == STDERR_FILENO ? "standard error" : fmt::format("descriptor {}", fd_);
  }

 private:
  int fd_;
  bool is_socket_ = false;
  Fd own_;
};

class FileSink : public QueueSink {
 public:
  FileSink(std::string path, std::string hostname)
      : QueueSink(std::move(hostname)), path_(std::move(path)) {}

  /// For the first time: a link that the user names is followed then, and afterwards too.
  Result<void> begin() {
    struct stat info {};
    const bool link = ::lstat(path_.c_str(), &info) == 0 && S_ISLNK(info.st_mode);
    if (!link) no_link_ = O_NOFOLLOW;
    return open();
  }

  Result<void> open() {
    Fd fd(::open(path_.c_str(),
                 O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | no_link_,
                 0600));
    if (!fd) return fail_errno(errno, "cannot open {} for alerts", path_);
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return fail_errno(errno, "cannot open {} for alerts", path_);
    if (S_ISDIR(info.st_mode)) return fail_errno(EISDIR, "cannot open {} for alerts", path_);
    fd_ = std::move(fd);
    device_ = info.st_dev;
    inode_ = info.st_ino;
    return {};
  }

 protected:
  int target() override {
    struct stat info {};
    const bool same =
        ::stat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_;
    // Moved away or removed: somebody rotates logs. Where the new one cannot be opened the old one
    // is still better than nothing.
    if (!same) static_cast<void>(open().has_value());
    return fd_.get();
  }
  [[nodiscard]] std::string name() const override { return path_; }

 private:
  std::string path_;
  /// Who may write to the folder (the watched program, as another user than ours) could put a link
  /// in the place of the file, and have us write where it leads.
  int no_link_ = 0;
  Fd fd_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace

std::unique_ptr<AlertSink> make_fd_sink(int fd, std::string hostname) {
  return std::make_unique<FdSink>(fd, std::move(hostname));
}

Result<std::unique_ptr<AlertSink>> make_file_sink(const std::string& path, std::string hostname) {
  auto sink = std::make_unique<FileSink>(path, std::move(hostname));
  Result<void> opened = sink->begin();
  if (!opened) return propagate(opened);
  return std::unique_ptr<AlertSink>(std::move(sink));
}

}  // namespace sysnare
