#include "process/output_tap.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/file.h"

namespace sysnare {
namespace {

constexpr std::size_t kChunk = 64u << 10;  // what a pipe holds, pipe(7)
/// Reads after the end: as much as a pipe can hold, so that a survivor who writes on does not hold
/// us.
constexpr int kLastReads = 16;

/// One way of output: from the program's end to a descriptor of ours.
struct Way {
  Fd theirs;  ///< the program writes here
  Fd ours;    ///< and we read here
  int to = -1;
  bool terminal = false;
  std::string tail;  ///< the end of what has come, in which `text` may have begun
};

/// Where the bytes end up the same: one terminal, file or pipe behind both.
bool same_place(int a, int b) {
  struct stat left {};
  struct stat right {};
  return ::fstat(a, &left) == 0 && ::fstat(b, &right) == 0 && left.st_dev == right.st_dev &&
         left.st_ino == right.st_ino;
}

void copy_size(int from, int to) {
  winsize size{};
  winsize known{};
  if (::ioctl(from, TIOCGWINSZ, &size) != 0 || ::ioctl(to, TIOCGWINSZ, &known) != 0) return;
  if (size.ws_row != known.ws_row || size.ws_col != known.ws_col) ::ioctl(to, TIOCSWINSZ, &size);
}

Result<Way> terminal_like(int fd) {
  Way way;
  way.to = fd;
  way.terminal = true;
  way.ours.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  std::array<char, 64> name{};
  if (!way.ours || ::grantpt(way.ours.get()) != 0 || ::unlockpt(way.ours.get()) != 0 ||
      ::ptsname_r(way.ours.get(), name.data(), name.size()) != 0) {
    return fail_errno(errno, "cannot make a pseudo-terminal for the command's output");
  }
  way.theirs.reset(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!way.theirs) return fail_errno(errno, "{}", name.data());
  termios settings{};
  if (::tcgetattr(fd, &settings) == 0) {
    // The terminal itself does this to what we hand on.
    settings.c_oflag &= ~static_cast<tcflag_t>(OPOST);
    ::tcsetattr(way.theirs.get(), TCSANOW, &settings);
  }
  copy_size(fd, way.ours.get());
  return way;
}

Result<Way> pipe_to(int fd) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return fail_errno(errno, "cannot make a pipe for the command's output");
  }
  Way way;
  way.ours.reset(ends[0]);
  way.theirs.reset(ends[1]);
  way.to = fd;
  return way;
}

}  // namespace

struct OutputTap::State {
  std::string text;
  std::function<void()> on_text;
  std::vector<Way> ways;  ///< one, or one each
  Fd stop;
  std::thread thread;

  void look_for_text(Way& way, std::string_view chunk) {
    if (!on_text) return;
    way.tail += chunk;
    if (way.tail.find(text) != std::string::npos) {
      std::exchange(on_text, nullptr)();
      return;
    }
    const std::size_t kept = text.empty() ? 0 : text.size() - 1;
    if (way.tail.size() > kept) way.tail.erase(0, way.tail.size() - kept);
  }

  /// False when nothing more will come.
  bool hand_on(Way& way) {
    std::array<char, kChunk> buffer;
    const ssize_t got = ::read(way.ours.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) return true;
    if (got <= 0) return false;  // EIO: nobody has the pseudo-terminal open
    const std::string_view chunk(buffer.data(), static_cast<std::size_t>(got));
    look_for_text(way, chunk);
    if (way.terminal) copy_size(way.to, way.ours.get());
    return write_all(way.to, chunk).has_value();  // else its reader is gone, and so are we
  }

  void run() {
    bool stopping = false;
    int reads_left = kLastReads;
    for (;;) {
      std::vector<pollfd> waits;
      for (const Way& way : ways) waits.push_back({way.ours.get(), POLLIN, 0});
      waits.push_back({stop.get(), POLLIN, 0});
      const int ready = ::poll(waits.data(), waits.size(), stopping ? 0 : -1);
      if (ready < 0 && errno == EINTR) continue;
      if (waits.back().revents != 0) stopping = true;
      bool more = false;
      for (std::size_t i = 0; i < ways.size(); ++i) {
        if (waits[i].revents == 0) continue;
        if (hand_on(ways[i])) {
          more = true;
        } else {
          ways[i].ours.reset();  // poll(2) passes over -1
        }
      }
      if (ready < 0 || (stopping && (!more || --reads_left == 0))) return;
    }
  }
};

OutputTap::OutputTap(std::unique_ptr<State> state) : state_(std::move(state)) {}
OutputTap::OutputTap(OutputTap&&) noexcept = default;
OutputTap& OutputTap::operator=(OutputTap&&) noexcept = default;
OutputTap::~OutputTap() { finish(); }

Result<OutputTap> OutputTap::open(std::string text, std::function<void()> on_text) {
  auto state = std::make_unique<State>();
  state->text = std::move(text);
  state->on_text = std::move(on_text);
  state->stop.reset(::eventfd(0, EFD_CLOEXEC));
  if (!state->stop) return fail_errno(errno, "eventfd");
  const bool joined = same_place(STDOUT_FILENO, STDERR_FILENO);
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    if (joined && fd == STDERR_FILENO) break;
    Result<Way> way = ::isatty(fd) == 1 ? terminal_like(fd) : pipe_to(fd);
    if (!way) return propagate(way);
    state->ways.push_back(std::move(*way));
  }
  // Signals are for the thread that waits for them.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  State* const raw = state.get();
  try {
    state->thread = std::thread([raw] { raw->run(); });
  } catch (const std::system_error& error) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return fail(Errc::kSystem, "cannot start a thread: {}", error.what());
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return OutputTap(std::move(state));
}

int OutputTap::out() const { return state_->ways.front().theirs.get(); }
int OutputTap::err() const { return state_->ways.back().theirs.get(); }

void OutputTap::finish() {
  if (!state_ || !state_->thread.joinable()) return;
  for (Way& way : state_->ways) way.theirs.reset();
  const std::uint64_t one = 1;
  while (::write(state_->stop.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
  state_->thread.join();
}

}  // namespace sysnare
