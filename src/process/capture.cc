#include "process/capture.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/fd.h"
#include "base/text.h"

extern char** environ;

namespace sysnare {
namespace {

/// A child that ends without closing its pipes (a grandchild holds them) is noticed this late.
constexpr int kPollMs = 50;
constexpr int kSignalBase = 128;

struct Running {
  pid_t pid = -1;
  Fd out;
  Fd err;
  bool reaped = false;
};

/// The words as execve wants them; the strings must outlive it.
std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> list;
  for (const std::string& word : words) list.push_back(const_cast<char*>(word.c_str()));
  list.push_back(nullptr);
  return list;
}

/// Our environment with `added` in place of what it names.
std::vector<std::string> environment_with(const std::vector<std::string>& added) {
  std::vector<std::string> all;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string_view have = *each;
    const std::string_view name = have.substr(0, have.find('=') + 1);
    const bool replaced = std::any_of(added.begin(), added.end(), [&](const std::string& mine) {
      return std::string_view(mine).starts_with(name);
    });
    if (!replaced) all.emplace_back(have);
  }
  all.insert(all.end(), added.begin(), added.end());
  return all;
}

Running start(const CaptureJob& job) {
  Running running;
  std::array<int, 2> out{};
  std::array<int, 2> err{};
  if (job.argv.empty() || ::pipe2(out.data(), O_CLOEXEC) != 0) return running;
  running.out.reset(out[0]);
  Fd out_end(out[1]);
  if (::pipe2(err.data(), O_CLOEXEC) != 0) return running;
  running.err.reset(err[0]);
  Fd err_end(err[1]);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out_end.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, job.join ? out_end.get() : err_end.get(),
                                   STDERR_FILENO);
  if (!job.cwd.empty()) posix_spawn_file_actions_addchdir_np(&actions, job.cwd.c_str());
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  ::sigemptyset(&defaults);
  for (int signal : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD}) {
    ::sigaddset(&defaults, signal);
  }
  sigset_t none;
  ::sigemptyset(&none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  const std::vector<std::string> environment = environment_with(job.environment);
  pid_t pid = -1;
  if (::posix_spawnp(&pid, job.argv[0].c_str(), &actions, &attributes, pointers(job.argv).data(),
                     pointers(environment).data()) == 0) {
    running.pid = pid;
    ::fcntl(running.out.get(), F_SETFL, O_NONBLOCK);
    ::fcntl(running.err.get(), F_SETFL, O_NONBLOCK);
  }
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return running;
}

/// Takes what is there; closes `from` at its end.
void drain(Fd& from, std::string& into) {
  std::array<char, 65536> buffer;
  while (from) {
    const ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
    if (got > 0) {
      const std::size_t room = kMaxCaptured - std::min(into.size(), kMaxCaptured);
      into.append(buffer.data(), std::min(static_cast<std::size_t>(got), room));
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      from.reset();
    } else if (errno == EAGAIN) {
      return;
    }
  }
}

void reap(Running& running, Captured& result, int flags) {
  int status = 0;
  pid_t got = 0;
  do {
    got = ::waitpid(running.pid, &status, flags);
  } while (got < 0 && errno == EINTR);
  if (got == 0) return;
  running.reaped = true;
  if (got < 0) return;
  result.status = WIFSIGNALED(status) ? kSignalBase + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

std::vector<Captured> capture_all(const std::vector<CaptureJob>& jobs,
                                  std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  std::vector<Running> running;
  std::vector<Captured> results(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    running.push_back(start(jobs[i]));
    results[i].started = running[i].pid > 0;
    if (!results[i].started) running[i].reaped = true;
  }
  while (std::any_of(running.begin(), running.end(), [](const Running& r) { return !r.reaped; })) {
    const bool late = std::chrono::steady_clock::now() > end;
    std::vector<pollfd> waits;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      if (running[i].reaped) continue;
      if (late) {
        results[i].timed_out = true;
        ::kill(-running[i].pid, SIGKILL);
        ::kill(running[i].pid, SIGKILL);
      }
      reap(running[i], results[i], late ? 0 : WNOHANG);
      // After the end, so that nothing it wrote is missed.
      drain(running[i].out, results[i].out);
      drain(running[i].err, results[i].err);
      if (running[i].reaped) continue;
      for (const Fd* fd : {&running[i].out, &running[i].err}) {
        if (*fd) waits.push_back({fd->get(), POLLIN, 0});
      }
    }
    if (!late) ::poll(waits.data(), waits.size(), kPollMs);
  }
  return results;
}

Captured capture(const CaptureJob& job, std::chrono::milliseconds limit) {
  return capture_all({job}, limit).front();
}

std::vector<std::string> programs_in_path(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::vector<std::string> found;
  std::vector<std::filesystem::path> real;
  for (std::string_view folder : split(path == nullptr ? "/usr/bin:/bin" : path, ':')) {
    const std::string file = std::string(folder.empty() ? "." : folder) + "/" + name;
    std::error_code failed;
    if (!std::filesystem::is_regular_file(file, failed) || ::access(file.c_str(), X_OK) != 0) {
      continue;
    }
    const std::filesystem::path target = std::filesystem::canonical(file, failed);
    if (failed || std::find(real.begin(), real.end(), target) != real.end()) continue;
    real.push_back(target);
    found.push_back(file);
  }
  return found;
}

}  // namespace sysnare
