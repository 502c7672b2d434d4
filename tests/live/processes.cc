#include "processes.h"

#include <limits.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "harness.h"

namespace sysnare::live {
namespace {

bool traced(const std::string& folder) {
  const std::string status = slurp(folder + "/status");
  const std::size_t at = status.find("TracerPid:\t");
  return at != std::string::npos && status[at + 11] != '0';
}

/// A field of /proc/PID/status that is a set of bits in hexadecimal.
std::uint64_t status_mask(const std::string& pid, const std::string& name) {
  const std::string status = slurp("/proc/" + pid + "/status");
  const std::string key = "\n" + name + ":\t";
  const std::size_t at = status.find(key);
  return at == std::string::npos ? 0 : std::stoull(status.substr(at + key.size()), nullptr, 16);
}

}  // namespace

int process_of(const std::vector<std::string>& argv) {
  std::string wanted;
  for (const std::string& word : argv) wanted += word + '\0';
  for (const auto& each : std::filesystem::directory_iterator("/proc")) {
    const std::string name = each.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (slurp(each.path() / "cmdline") == wanted) return std::stoi(name);
  }
  return 0;
}

bool may_attach() {
  const std::string scope = slurp("/proc/sys/kernel/yama/ptrace_scope");
  return is_root() || scope.empty() || scope == "0\n";
}

bool has_capability(int number) { return (status_mask("self", "CapEff") >> number & 1U) != 0; }

std::string why_no_filters() {
  if (!has_capability(CAP_SYS_ADMIN)) return "needs CAP_SYS_ADMIN, which reads filters";
  // kernel/seccomp.c seccomp_get_filter() (v6.1): and who reads them is under none.
  if (slurp("/proc/self/status").find("\nSeccomp:\t0\n") == std::string::npos) {
    return "this test is under a filter itself: it may read none";
  }
  return "";
}

bool room_for_threads(unsigned count) {
  constexpr unsigned kOthers = 300;
  const pid_t child = ::fork();
  if (child < 0) return false;
  if (child == 0) {
    pthread_attr_t small;
    ::pthread_attr_init(&small);
    ::pthread_attr_setstacksize(&small, PTHREAD_STACK_MIN);
    const auto wait = [](void* unused) {
      for (;;) ::pause();
      return unused;
    };
    for (unsigned i = 0; i < count + kOthers; ++i) {
      pthread_t thread;
      if (::pthread_create(&thread, &small, wait, nullptr) != 0) ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  return ::waitpid(child, &status, 0) == child && status == 0;
}

bool is_traced(int pid) { return traced("/proc/" + std::to_string(pid)); }

bool all_threads_traced(int pid) {
  std::error_code error;
  std::filesystem::directory_iterator tasks("/proc/" + std::to_string(pid) + "/task", error);
  bool all = !error;
  for (; !error && tasks != std::filesystem::directory_iterator(); tasks.increment(error)) {
    all = all && traced(tasks->path().string());
  }
  return all;
}

char state_of(int pid) {
  const std::string stat = slurp("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t at = stat.rfind(") ");
  return at == std::string::npos ? '?' : stat[at + 2];
}

bool is_pending(int pid, int signal) {
  return (status_mask(std::to_string(pid), "ShdPnd") >> (signal - 1) & 1U) != 0;
}

std::uint64_t context_switches(int pid) {
  std::uint64_t sum = 0;
  std::error_code ignored;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", ignored)) {
    std::istringstream status(slurp(task.path().string() + "/status"));
    for (std::string line; std::getline(status, line);) {
      constexpr std::string_view kKey = "voluntary_ctxt_switches:";
      if (line.starts_with(kKey)) sum += std::stoull(line.substr(kKey.size()));
    }
  }
  return sum;
}

std::uint64_t ran_ns(int pid) {
  // The first field, Documentation/scheduler/sched-stats.rst of Linux 6.1.
  std::uint64_t ns = 0;
  std::istringstream(slurp("/proc/" + std::to_string(pid) + "/schedstat")) >> ns;
  return ns;
}

}  // namespace sysnare::live
