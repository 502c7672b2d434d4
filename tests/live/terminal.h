#pragma once
// What does a person at a keyboard see? A program on a terminal of its own (a pseudo-terminal),
// what it prints, and keys for it.

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness.h"

namespace sysnare::live {

class Terminal {
 public:
  explicit Terminal(const std::vector<std::string>& argv) {
    std::vector<char*> words;
    for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    pid_ = ::forkpty(&fd_, nullptr, nullptr, nullptr);
    if (pid_ < 0) throw std::runtime_error("forkpty failed");
    if (pid_ == 0) {
      ::setenv("PS1", "ready> ", 1);
      ::setenv("TERM", "dumb", 1);
      ::execvp(words[0], words.data());
      ::_exit(127);
    }
    ::fcntl(fd_, F_SETFD, FD_CLOEXEC);
  }
  ~Terminal() {
    ::close(fd_);
    // Jobs have process groups of their own; the session is what they share.
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const pid_t each = std::atoi(entry.path().filename().c_str());
      if (each > 0 && ::getsid(each) == pid_) ::kill(each, SIGKILL);
    }
    ::waitpid(pid_, nullptr, 0);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(const std::string& keys) const {
    if (::write(fd_, keys.data(), keys.size()) != static_cast<ssize_t>(keys.size())) {
      throw std::runtime_error("the terminal takes no keys");
    }
  }
  /// Reads until `text` has come, after what the last call has found; whether it came in time.
  bool wait_for(const std::string& text, std::chrono::seconds limit = kPatience) {
    const auto end = std::chrono::steady_clock::now() + limit;
    for (;;) {
      const std::size_t found = seen_.find(text, from_);
      if (found != std::string::npos) {
        from_ = found + text.size();
        return true;
      }
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                            end - std::chrono::steady_clock::now())
                            .count();
      pollfd wait{fd_, POLLIN, 0};
      if (left <= 0 || ::poll(&wait, 1, static_cast<int>(left)) <= 0) return false;
      char bytes[4096];
      const ssize_t got = ::read(fd_, bytes, sizeof bytes);
      if (got <= 0) return false;
      seen_.append(bytes, static_cast<std::size_t>(got));
    }
  }
  /// Whether the keyboard belongs to a job of the shell, and that job runs. fg hands the keyboard
  /// over before it sends SIGCONT, which drops a stop signal that a key sent in between.
  [[nodiscard]] bool job_in_foreground() const {
    const pid_t group = ::tcgetpgrp(fd_);
    if (group <= 0 || group == pid_) return false;
    std::ifstream stat("/proc/" + std::to_string(group) + "/stat");
    std::string fields;
    std::getline(stat, fields);
    const std::size_t name_end = fields.rfind(')');
    return name_end != std::string::npos && fields.compare(name_end, 3, ") T") != 0;
  }
  /// All that has come so far.
  [[nodiscard]] const std::string& seen() const { return seen_; }

 private:
  pid_t pid_ = -1;
  int fd_ = -1;
  std::string seen_;
  std::size_t from_ = 0;
};

}  // namespace sysnare::live
