#include "command.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sstream>

#include "base/text.h"

namespace sysnare::bench {
namespace {

constexpr std::size_t kMessageBytes = 160;

std::string text_of(int fd) {
  std::string text;
  char buffer[4096];
  for (off_t at = 0;;) {
    const ssize_t got = ::pread(fd, buffer, sizeof buffer, at);
    if (got <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
    at += got;
  }
}

}  // namespace

// Files in memory, not pipes: nobody has to read while the clock runs.
Background::Background(const std::vector<std::string>& argv, std::optional<int> cpu)
    : out_(::memfd_create("out", MFD_CLOEXEC)), err_(::memfd_create("err", MFD_CLOEXEC)) {
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  start_ = std::chrono::steady_clock::now();
  pid_ = ::fork();
  if (pid_ == 0) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::signal(SIGINT, SIG_DFL);  // a shell that put the bench into the background ignores it
    if (cpu) {
      cpu_set_t only;
      CPU_ZERO(&only);
      CPU_SET(static_cast<std::size_t>(*cpu), &only);
      ::sched_setaffinity(0, sizeof only, &only);
    }
    ::dup2(null.get(), 0);
    ::dup2(out_.get(), 1);
    ::dup2(err_.get(), 2);
    ::execvp(words[0], words.data());
    ::_exit(127);
  }
  if (pid_ > 0) {
    ::setpgid(pid_, pid_);
  } else {
    ended_ = true;
  }
}

Background::~Background() {
  if (!ended_) wait(std::chrono::milliseconds(0));
}

void Background::reap(int status, const ::rusage& usage) {
  ran_.ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_).count();
  ran_.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  const auto ms = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  };
  ran_.cpu_ms = ms(usage.ru_utime) + ms(usage.ru_stime);
  ran_.memory_mb = static_cast<double>(usage.ru_maxrss) / 1024;
  ended_ = true;
}

bool Background::has_ended() {
  int status = 0;
  ::rusage usage{};
  if (!ended_ && ::wait4(pid_, &status, WNOHANG, &usage) == pid_) reap(status, usage);
  return ended_;
}

std::string Background::out() const { return text_of(out_.get()); }
std::string Background::err() const { return text_of(err_.get()); }

void Background::signal(int number) const {
  if (!ended_) ::kill(pid_, number);
}

Ran Background::wait(std::chrono::milliseconds deadline) {
  if (!ended_) {
    const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    pollfd ended{pidfd.get(), POLLIN, 0};
    ran_.timed_out = ::poll(&ended, 1, static_cast<int>(deadline.count())) <= 0;
    if (ran_.timed_out) ::kill(-pid_, SIGKILL);
    int status = 0;
    ::rusage usage{};
    ::wait4(pid_, &status, 0, &usage);
    reap(status, usage);
  }
  ran_.out = out();
  ran_.err = err();
  return ran_;
}

Ran run_command(const std::vector<std::string>& argv, std::chrono::seconds deadline,
                std::optional<int> cpu) {
  return Background(argv, cpu).wait(deadline);
}

std::string first_line(const std::string& text) {
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (!trim(line).empty()) return printable(std::string(trim(line)).substr(0, kMessageBytes));
  }
  return "no message";
}

std::string failure_of(const Ran& ran) {
  if (ran.timed_out) return "not done at the deadline";
  if (ran.status == 127 && ran.err.empty()) return "not installed";
  return fmt::format("exit status {}: {}", ran.status, first_line(ran.err));
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

}  // namespace sysnare::bench
