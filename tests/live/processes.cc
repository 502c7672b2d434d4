#include "processes.h"

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
