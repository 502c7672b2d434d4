// What does a system call cost under sysnare, and under strace, in one run on this machine?
//
// Every round runs every case once, in turn, so that what else the machine does meets all of them
// alike; the minimum over the rounds is what is compared. A case that did not run in every round,
// or did not do what it is measured for, has no figure but says what went wrong.

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "base/text.h"
#include "command.h"
#include "table.h"

namespace sysnare::bench {
namespace {

constexpr int kDefaultRounds = 5;
constexpr int kMaxRounds = 1000;
constexpr int kStartRuns = 3;  ///< of `true`, a round
constexpr std::chrono::seconds kDeadline{120};
/// Calls of one run: some 0.1 to 0.5 s each, so that the clock and the first page faults vanish.
constexpr std::uint64_t kFastCalls = 500'000;
constexpr std::uint64_t kSlowCalls = 50'000;
constexpr std::uint64_t kSlowestCalls = 10'000;

struct Case {
  std::string name;
  std::vector<std::string> wrapper;  ///< words in front of the program
  std::uint64_t calls = kFastCalls;
  bool filtered = false;  ///< the program must find itself under a seccomp filter
  /// Which column of the tool's table has the number of calls, counted from 0; none: no table.
  std::optional<std::size_t> count_column;
};

struct Measured {
  std::vector<double> ns;        ///< a call, one a round
  std::vector<double> start_ms;  ///< of `true`
  std::optional<std::uint64_t> counted;
  std::string failure;  ///< why there is no figure
};

std::vector<Case> cases_of(const std::string& sysnare, const std::string& profile,
                           const std::string& empty) {
  // The program is a child of the one that is recorded, and left alone.
  const std::vector<std::string> beside = {sysnare,        "trace", "--recorder", "ebpf",
                                           "--no-follow",  "--",    "sh",         "-c",
                                           "\"$@\"; exit", "sh"};
  return {
      {"bare", {}, kFastCalls, false, {}},
      {"empty eBPF at the entry", {empty, "entry"}, kFastCalls, false, {}},
      {"empty eBPF, entry and return", {empty, "pair"}, kFastCalls, false, {}},
      {"sysnare trace --counts",
       {sysnare, "trace", "--recorder", "ebpf", "--counts", "--"},
       kFastCalls,
       false,
       0},
      {"sysnare trace --no-time",
       {sysnare, "trace", "--recorder", "ebpf", "--no-time", "--"},
       kFastCalls,
       false,
       0},
      {"sysnare trace", {sysnare, "trace", "--recorder", "ebpf", "--"}, kFastCalls, false, 3},
      {"sysnare trace of another", beside, kFastCalls, false, {}},
      {"sysnare run", {sysnare, "run", "--profile", profile, "--"}, kFastCalls, true, {}},
      {"sysnare watch", {sysnare, "watch", "--profile", profile, "--"}, kFastCalls, true, {}},
      {"sysnare trace by ptrace",
       {sysnare, "trace", "--recorder", "ptrace", "--"},
       kSlowCalls,
       false,
       3},
      {"strace -c -f", {"strace", "-c", "-f"}, kSlowCalls, false, 3},
      {"strace --seccomp-bpf -c -f", {"strace", "--seccomp-bpf", "-c", "-f"}, kSlowCalls, false, 3},
      {"perf trace -s", {"perf", "trace", "-s", "--"}, kSlowestCalls, false, 1},
  };
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

/// The number of getppid calls that the tool's own table names.
std::optional<std::uint64_t> counted_in(const std::string& table, std::size_t column) {
  std::istringstream in(table);
  for (std::string line; std::getline(in, line);) {
    std::erase(line, ',');
    const std::vector<std::string> words = words_of(line);
    if (std::find(words.begin(), words.end(), "getppid") == words.end()) continue;
    if (column < words.size()) return parse_u64(words[column]);
  }
  return std::nullopt;
}

std::string first_line(const std::string& text) {
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (!trim(line).empty()) return printable(std::string(trim(line)).substr(0, 160));
  }
  return "no message";
}

std::string failure_of(const Ran& ran) {
  if (ran.timed_out) return fmt::format("not done after {} s", kDeadline.count());
  if (ran.status == 127 && ran.err.empty()) return "not installed";
  return fmt::format("exit status {}: {}", ran.status, first_line(ran.err));
}

/// One run of the loop: adds its figure, or says why there is none.
void measure_calls(const Case& c, const std::string& loop, Measured& measured) {
  std::vector<std::string> argv = c.wrapper;
  argv.insert(argv.end(), {loop, std::to_string(c.calls)});
  const Ran ran = run_command(argv, kDeadline);
  if (ran.status != 0 || ran.timed_out) {
    measured.failure = failure_of(ran);
    return;
  }
  const std::vector<std::string> words = words_of(ran.out);
  double ns = 0;
  if (words.size() != 3 || words[0] != std::to_string(c.calls) ||
      std::from_chars(words[1].data(), words[1].data() + words[1].size(), ns).ec != std::errc()) {
    measured.failure = "the loop's answer is missing: " + first_line(ran.out);
    return;
  }
  if ((words[2] == "2") != c.filtered) {
    measured.failure = c.filtered ? "the program ran without a filter" : "a filter is around it";
    return;
  }
  if (c.count_column) {
    const auto counted = counted_in(ran.err, *c.count_column);
    if (!counted) {
      measured.failure = "its table has no getppid: " + first_line(ran.err);
      return;
    }
    measured.counted = std::min(measured.counted.value_or(*counted), *counted);
  }
  measured.ns.push_back(ns);
}

void measure_start(const Case& c, Measured& measured) {
  std::vector<std::string> argv = c.wrapper;
  argv.emplace_back("/bin/true");
  for (int i = 0; i < kStartRuns; ++i) {
    const Ran ran = run_command(argv, kDeadline);
    if (ran.status != 0 || ran.timed_out) {
      measured.failure = failure_of(ran);
      return;
    }
    measured.start_ms.push_back(ran.ms);
  }
}

double least(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}

std::string counted_text(const Case& c, const Measured& m) {
  if (!m.counted) return "-";
  if (*m.counted == c.calls) return "all";
  return fmt::format("{} of {}", with_commas(*m.counted), with_commas(c.calls));
}

void print_table(const std::string& machine, int rounds, const std::vector<Case>& cases,
                 const std::vector<Measured>& measured) {
  fmt::print("Cost of one getppid, minimum of {} interleaved rounds\n{}\n\n", rounds, machine);
  fmt::print("{:<30}{:>12}{:>10}{:>12}{:>14}{:>18}\n", "", "ns a call", "x bare", "x faster",
             "start-up ms", "calls counted");
  fmt::print("{:<30}{:>12}{:>10}{:>12}{:>14}{:>18}\n", "", "", "", "than strace", "of true", "");
  const auto reference = [&](const char* name) -> std::optional<double> {
    for (std::size_t i = 0; i < cases.size(); ++i) {
      if (cases[i].name == name && measured[i].failure.empty()) return least(measured[i].ns);
    }
    return std::nullopt;
  };
  const auto bare = reference("bare");
  const auto strace = reference("strace -c -f");
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Measured& m = measured[i];
    if (!m.failure.empty()) {
      fmt::print("{:<30}  no figure: {}\n", cases[i].name, m.failure);
      continue;
    }
    const double ns = least(m.ns);
    fmt::print("{:<30}{:>12}{:>10}{:>12}{:>14.1f}{:>18}\n", cases[i].name, figure(ns),
               bare ? figure(ns / *bare) : "-", strace ? figure(*strace / ns) : "-",
               least(m.start_ms), counted_text(cases[i], m));
  }
}

void print_json(const std::string& machine, int rounds, const std::vector<Case>& cases,
                const std::vector<Measured>& measured) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Measured& m = measured[i];
    nlohmann::ordered_json row{{"case", cases[i].name}, {"calls", cases[i].calls}};
    if (m.failure.empty()) {
      row["ns_per_call"] = least(m.ns);
      row["ns_per_call_rounds"] = m.ns;
      row["startup_ms"] = least(m.start_ms);
      if (m.counted) row["counted"] = *m.counted;
    } else {
      row["failure"] = m.failure;
    }
    rows.push_back(std::move(row));
  }
  const nlohmann::ordered_json document{
      {"schema", 1}, {"machine", machine}, {"rounds", rounds}, {"cases", std::move(rows)}};
  fmt::print("{}\n", document.dump(2));
}

constexpr const char* kUsage =
    "usage: calls_bench --sysnare PROGRAM --loop PROGRAM --empty PROGRAM --profile FILE\n"
    "                   [--rounds N] [--json]\n";

int run_bench(const std::vector<std::string>& words) {
  std::map<std::string, std::string> options{{"--rounds", std::to_string(kDefaultRounds)}};
  bool json = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool takes_value = words[i] == "--sysnare" || words[i] == "--loop" ||
                             words[i] == "--empty" || words[i] == "--profile" ||
                             words[i] == "--rounds";
    if (words[i] == "--json") {
      json = true;
    } else if (takes_value && i + 1 < words.size()) {
      options[words[i]] = words[i + 1];
      ++i;
    } else {
      fmt::print(stderr, "{}", kUsage);
      return 2;
    }
  }
  const auto rounds = parse_u64(options["--rounds"]);
  if (!rounds || *rounds < 1 || *rounds > kMaxRounds || options["--sysnare"].empty() ||
      options["--loop"].empty() || options["--empty"].empty() || options["--profile"].empty()) {
    fmt::print(stderr, "{}", kUsage);
    return 2;
  }
  const std::vector<Case> cases =
      cases_of(options["--sysnare"], options["--profile"], options["--empty"]);
  std::vector<Measured> measured(cases.size());
  const std::string machine = machine_line();
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  for (std::uint64_t round = 0; round < *rounds; ++round) {
    for (std::size_t i = 0; i < cases.size(); ++i) {
      if (terminal) {
        fmt::print(stderr, "\r\x1b[Kround {} of {}: {}", round + 1, *rounds, cases[i].name);
      }
      if (measured[i].failure.empty()) measure_calls(cases[i], options["--loop"], measured[i]);
      if (measured[i].failure.empty()) measure_start(cases[i], measured[i]);
    }
  }
  if (terminal) fmt::print(stderr, "\r\x1b[K");
  (json ? print_json : print_table)(machine, static_cast<int>(*rounds), cases, measured);
  // A case of ours without a figure is a finding; another tool that is not there is not.
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const bool ours = cases[i].name == "bare" || cases[i].name.starts_with("sysnare");
    if (ours && !measured[i].failure.empty()) return 1;
  }
  return 0;
}

}  // namespace
}  // namespace sysnare::bench

int main(int argc, char** argv) {
  return sysnare::bench::run_bench(std::vector<std::string>(argv + 1, argv + argc));
}
