// How long does a scan take, with nothing known and with everything known, and how much memory?
//
// Cold: a cache that was empty. Warm: the same scan again, until its result stands in the cache;
// the least of several. Whatever else the machine does counts in the wall time; processor time says
// what the scan itself took.

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>

#include "base/text.h"
#include "command.h"
#include "table.h"

namespace sysnare::bench {
namespace {

constexpr int kDefaultRounds = 3;
constexpr int kMaxRounds = 1000;
constexpr int kWarmRuns = 10;
constexpr const char* kMissing = "not installed";
constexpr std::chrono::seconds kDeadline{120};
constexpr double kWarmMs = 5;
constexpr double kMemoryMb = 256;
/// Every 20th program of a sorted folder, at most so many: another one on every machine, and the
/// same one every time.
constexpr std::size_t kSampleStep = 20;
constexpr std::size_t kSampleSize = 40;
constexpr double kSampleMs = 150;

struct Figures {
  std::vector<double> cold_ms, cold_cpu_ms, warm_ms, memory_mb;
  std::string failure;
};

/// One scan; empty where it failed.
std::optional<Ran> scan(const std::string& sysnare, const std::string& cache,
                        const std::string& program, std::string& failure) {
  Ran ran = run_command({sysnare, "scan", "--cache", cache, program}, kDeadline);
  if (ran.status == 0) return ran;
  failure = failure_of(ran);
  return std::nullopt;
}

void measure(const std::string& sysnare, const std::string& cache, const std::string& program,
             int warm_runs, Figures& figures) {
  std::filesystem::remove_all(cache);
  const std::optional<Ran> cold = scan(sysnare, cache, program, figures.failure);
  if (!cold) return;
  figures.cold_ms.push_back(cold->ms);
  figures.cold_cpu_ms.push_back(cold->cpu_ms);
  figures.memory_mb.push_back(cold->memory_mb);
  std::vector<double> warm;
  for (int i = 0; i < warm_runs; ++i) {
    const std::optional<Ran> again = scan(sysnare, cache, program, figures.failure);
    if (!again) return;
    warm.push_back(again->ms);
  }
  if (!warm.empty()) figures.warm_ms.push_back(least(warm));
}

void print_row(const std::string& name, const Figures& figures, double at_most_ms) {
  if (!figures.failure.empty()) {
    fmt::print("  {:<24}  no figure: {}\n", name, figures.failure);
    return;
  }
  const double cold = median(figures.cold_ms);
  const double warm = median(figures.warm_ms);
  const double memory = *std::max_element(figures.memory_mb.begin(), figures.memory_mb.end());
  fmt::print(
      "  {:<24}{:>10.0f}{:>10.0f}{:>10.0f}  {:<8}{:>8.1f}{:>6.0f}  {:<8}{:>8.0f}{:>6.0f}  {}\n",
      name, median(figures.cold_cpu_ms), cold, at_most_ms, verdict(cold <= at_most_ms), warm,
      kWarmMs, verdict(warm <= kWarmMs), memory, kMemoryMb, verdict(memory <= kMemoryMb));
}

/// Programs of /usr/bin, no links.
std::vector<std::string> sample() {
  std::vector<std::string> all;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/bin", error)) {
    if (entry.is_regular_file(error) && !entry.is_symlink(error)) all.push_back(entry.path());
  }
  std::sort(all.begin(), all.end());
  std::vector<std::string> chosen;
  for (std::size_t i = 0; i < all.size() && chosen.size() < kSampleSize; i += kSampleStep) {
    chosen.push_back(all[i]);
  }
  return chosen;
}

/// Of programs that are scanned (not of scripts without an interpreter, or for other machines).
Figures measure_sample(const std::string& sysnare, const std::string& cache) {
  Figures sum;
  for (const std::string& program : sample()) {
    show_progress(program);
    Figures one;
    measure(sysnare, cache, program, 1, one);
    if (!one.failure.empty()) continue;
    sum.cold_ms.push_back(one.cold_ms.front());
    sum.cold_cpu_ms.push_back(one.cold_cpu_ms.front());
    sum.warm_ms.push_back(one.warm_ms.front());
    sum.memory_mb.push_back(one.memory_mb.front());
  }
  if (sum.cold_ms.empty()) sum.failure = "no program of /usr/bin can be scanned";
  return sum;
}

int run_bench(const std::vector<std::string>& words) {
  std::map<std::string, std::string> options{{"--rounds", std::to_string(kDefaultRounds)}};
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) options[words[i]] = words[i + 1];
  const auto rounds = parse_u64(options["--rounds"]);
  if (words.size() % 2 != 0 || options.size() != 3 || !rounds || *rounds < 1 ||
      *rounds > kMaxRounds || options["--sysnare"].empty() || options["--work"].empty()) {
    fmt::print(stderr, "usage: scan_bench --sysnare PROGRAM --work FOLDER [--rounds N]\n");
    return 2;
  }
  const std::string& sysnare = options["--sysnare"];
  const std::string cache = options["--work"] + "/scan-cache";
  struct Row {
    const char* program;
    double at_most_ms;
    Figures figures = {};
  };
  // Go programs of some 40 MB: the first that is here.
  const char* go = "docker";
  for (const char* each : {"docker", "containerd", "podman"}) {
    if (::access((std::string("/usr/bin/") + each).c_str(), X_OK) != 0) continue;
    go = each;
    break;
  }
  constexpr double kMostMs = 1000;
  Row rows[] = {{"cat", kMostMs},
                {"ls", kMostMs},
                {"bash", kMostMs},
                {"git", kMostMs},
                {"python3.11", 2 * kMostMs},
                {go, 3 * kMostMs}};
  fmt::print("Scans, medians of {} rounds\n{}\n\n", *rounds, machine_line());
  for (std::uint64_t round = 0; round < *rounds; ++round) {
    for (Row& row : rows) {
      show_progress(fmt::format("round {} of {}: {}", round + 1, *rounds, row.program));
      if (::access((std::string("/usr/bin/") + row.program).c_str(), X_OK) != 0) {
        row.figures.failure = kMissing;
      }
      if (row.figures.failure.empty()) {
        measure(sysnare, cache, row.program, kWarmRuns, row.figures);
      }
    }
  }
  const Figures sampled = measure_sample(sysnare, cache);
  std::filesystem::remove_all(cache);
  show_progress("");
  fmt::print("  {:<24}{:>10}{:>10}{:>10}  {:<8}{:>8}{:>6}  {:<8}{:>8}{:>6}\n", "", "cold", "cold",
             "at most", "", "warm", "at", "", "memory", "at");
  fmt::print("  {:<24}{:>10}{:>10}{:>10}  {:<8}{:>8}{:>6}  {:<8}{:>8}{:>6}\n", "", "CPU ms", "ms",
             "ms", "", "ms", "most", "", "MB", "most");
  bool good = true;
  for (const Row& row : rows) {
    print_row(row.program, row.figures, row.at_most_ms);
    good = good && (row.figures.failure.empty() || row.figures.failure == kMissing);
  }
  print_row(fmt::format("median of {} programs", sampled.cold_ms.size()), sampled, kSampleMs);
  return good && sampled.failure.empty() ? 0 : 1;
}

}  // namespace
}  // namespace sysnare::bench

int main(int argc, char** argv) {
  return sysnare::bench::run_bench(std::vector<std::string>(argv + 1, argv + argc));
}
