// How much memory does a recording by eBPF hold while it follows a thousand processes, and how long
// does it take from its start until the command runs?
//
// Memory is that of the maps and programs by the kernel's own account (`memlock` in fdinfo), that
// of each task's table, which no account has: what the kernel's allocators hold in addition
// (SUnreclaim of /proc/meminfo) while the same crowd is recorded, and what of sysnare is resident.
// Not in it: what the followed processes take in any case.

#include <fmt/core.h>
#include <signal.h>
#include <unistd.h>

#include <cmath>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/text.h"
#include "command.h"
#include "table.h"

namespace sysnare::bench {
namespace {

constexpr int kDefaultRounds = 5;
constexpr int kMaxRounds = 1000;
constexpr int kStartsARound = 3;
constexpr std::uint64_t kProcesses = 1000;
constexpr double kTargetMb = 64;
constexpr double kTargetMs = 150;
constexpr std::chrono::seconds kDeadline{60};
constexpr int kLookAgainUs = 20'000;
/// What a crowd leaves is given back a moment after its end: two looks that differ by less.
constexpr double kSettledKb = 256;
constexpr int kSettleLooks = 100;

struct Memory {
  std::vector<double> maps;  ///< and programs; all in KB, one a round
  std::vector<double> tables;
  std::vector<double> resident;
  std::vector<double> total;
  std::vector<double> armed_ms;
  std::string failure;
};

/// The number behind `key` in a file of "key:  value" lines; 0 without it.
double value_of(const std::filesystem::path& path, std::string_view key) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key)) continue;
    const std::vector<std::string> words = words_of(line.substr(key.size()));
    if (!words.empty()) return static_cast<double>(parse_u64(words[0]).value_or(0));
  }
  return 0;
}

double slab_kb() { return value_of("/proc/meminfo", "SUnreclaim:"); }

double settled_slab_kb() {
  double before = slab_kb();
  for (int i = 0; i < kSettleLooks; ++i) {
    ::usleep(4 * kLookAgainUs);
    const double now = slab_kb();
    if (std::abs(now - before) < kSettledKb) return now;
    before = now;
  }
  return before;
}

/// Sums of `memlock` in KB, each map and program once.
double maps_and_programs_kb(pid_t pid) {
  std::map<std::string, double> seen;
  double sum = 0;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/fdinfo", pid), error)) {
    const double map = value_of(entry.path(), "map_id:");
    const double program = value_of(entry.path(), "prog_id:");
    const double kb = value_of(entry.path(), "memlock:") / 1024;
    // A link has a prog_id too, and no memlock.
    if (kb == 0) continue;
    const std::string name = map != 0 ? fmt::format("map {}", map) : fmt::format("{}", program);
    if (seen.try_emplace(name, kb).second) sum += kb;
  }
  return sum;
}

/// The crowd stands when it has said so; its pid is the second word of what it wrote.
pid_t wait_ready(Background& crowd) {
  for (int i = 0; i * kLookAgainUs < std::chrono::microseconds(kDeadline).count(); ++i) {
    const std::vector<std::string> words = words_of(crowd.out());
    if (words.size() == 3 && words[2] == "ready") {
      return static_cast<pid_t>(parse_u64(words[1]).value_or(0));
    }
    if (crowd.has_ended()) return 0;
    ::usleep(kLookAgainUs);
  }
  return 0;
}

/// What the kernel's allocators hold in addition while the crowd stands, in KB; `look` sees it.
template <typename Look>
double with_crowd(const std::vector<std::string>& wrapper, const std::string& crowd,
                  std::string& failure, Look look) {
  std::vector<std::string> argv = wrapper;
  argv.insert(argv.end(), {crowd, std::to_string(kProcesses)});
  const double before = settled_slab_kb();
  Background running(argv);
  const pid_t pid = wait_ready(running);
  double more = 0;
  if (pid > 0) {
    more = settled_slab_kb() - before;
    look(running.pid());
    ::kill(pid, SIGTERM);
  }
  const Ran ran = running.wait(kDeadline);
  if (pid <= 0) failure = failure_of(ran);
  if (pid > 0 && !wrapper.empty() && ran.err.find(" 0 lost") == std::string::npos) {
    failure = "the recording lost something: " + first_line(ran.err);
  }
  return more;
}

void measure_memory(const std::vector<std::string>& wrapper, const std::string& crowd,
                    Memory& memory) {
  const double alone = with_crowd({}, crowd, memory.failure, [](pid_t) {});
  if (!memory.failure.empty()) return;
  double maps = 0;
  double resident = 0;
  const double recorded = with_crowd(wrapper, crowd, memory.failure, [&](pid_t sysnare) {
    maps = maps_and_programs_kb(sysnare);
    resident = value_of(fmt::format("/proc/{}/status", sysnare), "VmRSS:");
  });
  if (memory.failure.empty() && maps == 0) memory.failure = "no map of it has an account";
  if (!memory.failure.empty()) return;
  memory.maps.push_back(maps);
  memory.tables.push_back(recorded - alone);
  memory.resident.push_back(resident);
  memory.total.push_back(maps + (recorded - alone) + resident);
}

/// From our fork to the first line of the command's main: arming, and the start of both programs.
void measure_start(const std::vector<std::string>& wrapper, const std::string& crowd,
                   Memory& memory) {
  std::vector<std::string> argv = wrapper;
  argv.insert(argv.end(), {crowd, "0"});
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const Ran ran = run_command(argv, kDeadline);
  const std::vector<std::string> words = words_of(ran.out);
  const auto began = words.empty() ? std::nullopt : parse_u64(words[0]);
  if (ran.status != 0 || !began) {
    memory.failure = failure_of(ran);
    return;
  }
  const double start = static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
  memory.armed_ms.push_back((static_cast<double>(*began) - start) / 1e6);
}

void print_row(const char* name, const Memory& memory) {
  if (!memory.failure.empty()) {
    fmt::print("  {:<24}  no figure: {}\n", name, memory.failure);
    return;
  }
  const auto mb = [](const std::vector<double>& kb) { return median(kb) / 1024; };
  const double armed = median(memory.armed_ms);
  const double total = mb(memory.total);
  fmt::print("  {:<24}{:>20.1f}{:>16.1f}{:>12.1f}{:>10.1f}  {:<8}{:>10.1f}{:>10.1f}  {}\n", name,
             mb(memory.maps), mb(memory.tables), mb(memory.resident), total,
             verdict(total <= kTargetMb), least(memory.armed_ms), armed,
             verdict(armed <= kTargetMs));
}

constexpr const char* kUsage =
    "usage: recorder_bench --sysnare PROGRAM --crowd PROGRAM [--rounds N]\n";

int run_bench(const std::vector<std::string>& words) {
  std::map<std::string, std::string> options{{"--rounds", std::to_string(kDefaultRounds)}};
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) options[words[i]] = words[i + 1];
  const auto rounds = parse_u64(options["--rounds"]);
  if (words.size() % 2 != 0 || options.size() != 3 || !rounds || *rounds < 1 ||
      *rounds > kMaxRounds || options["--sysnare"].empty() || options["--crowd"].empty()) {
    fmt::print(stderr, "{}", kUsage);
    return 2;
  }
  const std::string& sysnare = options["--sysnare"];
  const std::string& crowd = options["--crowd"];
  struct Row {
    const char* name;
    std::vector<std::string> wrapper;
    Memory memory = {};
  };
  Row rows[] = {
      {"sysnare trace", {sysnare, "trace", "--recorder", "ebpf", "--"}},
      {"sysnare trace --sites", {sysnare, "trace", "--recorder", "ebpf", "--sites", "--"}}};
  fmt::print("Memory of a recording of {} processes, and its start, medians of {} rounds\n{}\n\n",
             with_commas(kProcesses), *rounds, machine_line());
  for (std::uint64_t round = 0; round < *rounds; ++round) {
    show_progress(fmt::format("round {} of {}", round + 1, *rounds));
    for (Row& row : rows) {
      if (row.memory.failure.empty()) measure_memory(row.wrapper, crowd, row.memory);
      for (int i = 0; i < kStartsARound && row.memory.failure.empty(); ++i) {
        measure_start(row.wrapper, crowd, row.memory);
      }
    }
  }
  show_progress("");
  fmt::print("  {:<24}{:>20}{:>16}{:>12}{:>10}  {:<8}{:>10}{:>10}\n", "", "maps and programs",
             "tables of tasks", "resident", "in all", "", "to armed", "median");
  fmt::print("  {:<24}{:>20}{:>16}{:>12}{:>10}  {:<8}{:>10}{:>10}\n", "", "MB", "MB", "MB", "MB",
             "", "least ms", "ms");
  bool good = true;
  for (const Row& row : rows) {
    print_row(row.name, row.memory);
    good = good && row.memory.failure.empty();
  }
  fmt::print("  {:<24}{:>48}{:>10.1f}{:>30.1f}\n", "target: at most", "", kTargetMb, kTargetMs);
  return good ? 0 : 1;
}

}  // namespace
}  // namespace sysnare::bench

int main(int argc, char** argv) {
  return sysnare::bench::run_bench(std::vector<std::string>(argv + 1, argv + argc));
}
