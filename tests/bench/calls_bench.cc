// What does a system call cost under sysnare, and under strace, in one run on this machine?
//
// Every round runs every case, in turn, so that what else the machine does meets all of them alike;
// the least over the rounds is what is compared. A case that did not run in every round, or did
// not do what it is measured for, has no figure but says what went wrong.

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <sstream>

#include "base/text.h"
#include "calls.h"
#include "command.h"
#include "table.h"

namespace sysnare::bench {
namespace {

constexpr int kDefaultRounds = 5;
constexpr int kMaxRounds = 1000;
/// Of a fast case, a round: targets are multiples of some 25 ns, which one run does not show.
constexpr int kFastTurns = 4;
constexpr int kStartRuns = 3;  ///< of `true`, a round
constexpr std::chrono::seconds kDeadline{120};

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
  if (c.counted != Counted::kNothing) {
    const auto counted = counted_in(ran.err, c.count_column);
    if (c.counted == Counted::kAll && !counted) {
      measured.failure = "its table has no getppid: " + first_line(ran.err);
      return;
    }
    // The shell itself may ask for its parent.
    if (c.counted == Counted::kLeftOut && counted.value_or(0) > c.calls / 2) {
      measured.failure = "the loop was followed";
      return;
    }
    if (counted) measured.counted = std::min(measured.counted.value_or(*counted), *counted);
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

/// Looks whether others watch every call, by the program of empty eBPF programs.
void look_for_others(const std::string& empty, Results& results) {
  const Ran ran = run_command({empty, "others"}, kDeadline);
  ++results.looks;
  results.disturbed += ran.status == 0 && parse_u64(trim(ran.out)).value_or(0) > 0 ? 1 : 0;
}

void measure_round(Results& results, const std::string& loop, const std::string& empty) {
  for (int turn = 0; turn < kFastTurns; ++turn) {
    look_for_others(empty, results);
    for (std::size_t i = 0; i < results.cases.size(); ++i) {
      const Case& c = results.cases[i];
      Measured& m = results.measured[i];
      if (turn > 0 && c.is_slow()) continue;
      if (m.failure.empty()) measure_calls(c, loop, m);
      if (m.failure.empty() && turn == 0) measure_start(c, m);
    }
  }
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
  Results results;
  results.machine = machine_line();
  results.rounds = static_cast<int>(*rounds);
  results.cases = cases_of(options["--sysnare"], options["--profile"], options["--empty"]);
  results.measured.resize(results.cases.size());
  for (int round = 0; round < results.rounds; ++round) {
    show_progress(fmt::format("round {} of {}", round + 1, results.rounds));
    measure_round(results, options["--loop"], options["--empty"]);
  }
  show_progress("");
  (json ? print_json : print_table)(results);
  // A case of ours without a figure is a finding; another tool that is not there is not.
  for (std::size_t i = 0; i < results.cases.size(); ++i) {
    if (results.cases[i].is_ours() && !results.measured[i].failure.empty()) return 1;
  }
  return 0;
}

}  // namespace
}  // namespace sysnare::bench

int main(int argc, char** argv) {
  return sysnare::bench::run_bench(std::vector<std::string>(argv + 1, argv + argc));
}
