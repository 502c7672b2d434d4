#include "harness.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace sysnare::live {
namespace {

constexpr auto kPollStep = std::chrono::milliseconds(2);

std::string need_environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) throw std::runtime_error(std::string(name) + " is not set: run by ctest");
  return value;
}

std::string new_file() {
  char name[] = "/tmp/sysnare-live-XXXXXX";
  const int fd = ::mkstemp(name);
  if (fd < 0) throw std::runtime_error("mkstemp failed");
  ::close(fd);
  return name;
}

int shell_status(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Background::Background(const std::vector<std::string>& argv, const RunOptions& options)
    : out_file_(new_file()), err_file_(new_file()) {
  const std::string in_file = new_file();
  std::ofstream(in_file) << options.input;
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) {
    ::setpgid(0, 0);
    ::dup2(::open(in_file.c_str(), O_RDONLY), STDIN_FILENO);
    ::dup2(::open(out_file_.c_str(), O_WRONLY | O_APPEND), STDOUT_FILENO);
    ::dup2(::open(err_file_.c_str(), O_WRONLY | O_APPEND), STDERR_FILENO);
    for (int fd = 3; fd < 64; ++fd) ::close(fd);
    if (!options.cwd.empty() && ::chdir(options.cwd.c_str()) != 0) ::_exit(124);
    for (const std::string& variable : options.environment) {
      ::putenv(const_cast<char*>(variable.c_str()));
    }
    ::execvp(words[0], words.data());
    std::perror(words[0]);
    ::_exit(127);
  }
  ::setpgid(pid_, pid_);
  // The child may not have opened it yet; it is removed in wait() together with the others.
  in_file_ = in_file;
}

Background::~Background() {
  if (!reaped_) {
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  for (const std::string& file : {in_file_, out_file_, err_file_}) ::unlink(file.c_str());
}

void Background::signal(int number) const { ::kill(pid_, number); }

std::string Background::out_so_far() const { return slurp(out_file_); }
std::string Background::err_so_far() const { return slurp(err_file_); }

Outcome Background::wait(std::chrono::seconds deadline) {
  Outcome outcome;
  int status = 0;
  outcome.timed_out =
      !eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; }, deadline);
  if (outcome.timed_out) {
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, &status, 0);
  }
  reaped_ = true;
  outcome.status = shell_status(status);
  outcome.out = out_so_far();
  outcome.err = err_so_far();
  return outcome;
}

Outcome run(const std::vector<std::string>& argv, const RunOptions& options) {
  return Background(argv, options).wait(options.deadline);
}

Outcome sysnare(const std::vector<std::string>& words, const RunOptions& options) {
  std::vector<std::string> argv = {sysnare_path()};
  argv.insert(argv.end(), words.begin(), words.end());
  return run(argv, options);
}

bool eventually(const std::function<bool()>& condition, std::chrono::seconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(kPollStep);
  }
  return true;
}

std::string sysnare_path() { return need_environment("SYSNARE_BIN"); }
std::string victim(const std::string& name) {
  return need_environment("SYSNARE_VICTIMS") + "/" + name;
}
std::string source_file(const std::string& relative) {
  return need_environment("SYSNARE_SOURCE") + "/" + relative;
}

bool have_program(const std::string& name) {
  std::stringstream path(std::getenv("PATH") == nullptr ? "" : std::getenv("PATH"));
  for (std::string dir; std::getline(path, dir, ':');) {
    if (::access((dir + "/" + name).c_str(), X_OK) == 0) return true;
  }
  return false;
}

bool is_root() { return ::geteuid() == 0; }

TempDir::TempDir() {
  char name[] = "/tmp/sysnare-test-XXXXXX";
  if (::mkdtemp(name) == nullptr) throw std::runtime_error("mkdtemp failed");
  path_ = name;
}
TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}
std::string TempDir::write(const std::string& name, const std::string& text) const {
  std::ofstream(path_ + "/" + name) << text;
  return path_ + "/" + name;
}

bool exists(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace sysnare::live
