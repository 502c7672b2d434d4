#include "calls.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "table.h"

namespace sysnare::bench {
namespace {

/// Calls of one run: some 0.1 to 2 s each, so that the clock and the first page faults vanish.
constexpr std::uint64_t kFastCalls = 500'000;
constexpr std::uint64_t kSlowCalls = 40'000;
constexpr std::uint64_t kSlowestCalls = 10'000;

// Where the tables of sysnare and strace, and that of `perf trace -s`, have the number of calls.
constexpr std::size_t kStraceColumn = 3;
constexpr std::size_t kPerfColumn = 1;

/// What stands in the place of `name`, as nanoseconds a call.
std::optional<double> ns_of(const Results& results, std::string_view name) {
  for (std::size_t i = 0; i < results.cases.size(); ++i) {
    if (results.cases[i].name == name && results.measured[i].failure.empty()) {
      return least(results.measured[i].ns);
    }
  }
  return std::nullopt;
}

constexpr const char* kBare = "bare";
constexpr const char* kEntry = "empty eBPF at the entry";
constexpr const char* kPair = "empty eBPF, entry and return";
constexpr const char* kClock = "the same, reading the clock";
constexpr const char* kStrace = "strace -c -f";

const char* name_of(Against against) {
  switch (against) {
    case Against::kEntryAdded:
      return "x entry's added";
    case Against::kPairAdded:
      return "x pair's added";
    case Against::kPair:
      return "x pair";
    case Against::kStrace:
      return "x strace -c -f";
    case Against::kNothing:
      break;
  }
  return "";
}

/// `ns` as a multiple of what its target is one of; none where that has no figure.
std::optional<double> ratio_of(const Results& results, const Case& c, double ns) {
  const auto bare = ns_of(results, kBare);
  const auto share = [&](const char* name, double less) -> std::optional<double> {
    const auto base = ns_of(results, name);
    if (!base || *base <= less) return std::nullopt;
    return (ns - less) / (*base - less);
  };
  switch (c.against) {
    case Against::kEntryAdded:
      return bare ? share(kEntry, *bare) : std::nullopt;
    case Against::kPairAdded:
      return bare ? share(kPair, *bare) : std::nullopt;
    case Against::kPair:
      return share(kPair, 0);
    case Against::kStrace:
      return share(kStrace, 0);
    case Against::kNothing:
      break;
  }
  return std::nullopt;
}

std::string counted_text(const Case& c, const Measured& m) {
  if (c.counted == Counted::kLeftOut) return "none";
  if (!m.counted) return "-";
  if (*m.counted == c.calls) return "all";
  return fmt::format("{} of {}", with_commas(*m.counted), with_commas(c.calls));
}

}  // namespace

bool Case::is_slow() const { return calls < kFastCalls; }

std::vector<Case> cases_of(const std::string& sysnare, const std::string& profile,
                           const std::string& empty) {
  const auto ebpf = [&](std::vector<std::string> options) {
    std::vector<std::string> words = {sysnare, "trace", "--recorder", "ebpf"};
    words.insert(words.end(), options.begin(), options.end());
    words.emplace_back("--");
    return words;
  };
  // The loop is a child of the program that is recorded, and left alone.
  std::vector<std::string> beside = ebpf({"--no-follow"});
  beside.insert(beside.end(), {"sh", "-c", "\"$@\"; exit", "sh"});
  std::vector<Case> cases(14);
  cases[0] = {.name = kBare, .wrapper = {}, .calls = kFastCalls};
  cases[1] = {.name = kEntry, .wrapper = {empty, "entry"}, .calls = kFastCalls};
  cases[2] = {.name = kPair, .wrapper = {empty, "pair"}, .calls = kFastCalls};
  cases[3] = {.name = kClock, .wrapper = {empty, "clock"}, .calls = kFastCalls};
  cases[4] = {.name = "sysnare trace --counts",
              .wrapper = ebpf({"--counts"}),
              .calls = kFastCalls,
              .counted = Counted::kAll,
              .count_column = 0,
              .against = Against::kEntryAdded,
              .target = 1.25};
  cases[5] = {.name = "sysnare trace --no-time",
              .wrapper = ebpf({"--no-time"}),
              .calls = kFastCalls,
              .counted = Counted::kAll,
              .count_column = 0,
              .against = Against::kPairAdded,
              .target = 1.35};
  cases[6] = {.name = "sysnare trace",
              .wrapper = ebpf({}),
              .calls = kFastCalls,
              .counted = Counted::kAll,
              .count_column = kStraceColumn,
              .against = Against::kPairAdded,
              .target = 2.1};
  cases[7] = {.name = "sysnare trace of another",
              .wrapper = beside,
              .calls = kFastCalls,
              .counted = Counted::kLeftOut,
              .count_column = kStraceColumn,
              .against = Against::kPair,
              .target = 1.05};
  cases[8] = {.name = "sysnare trace by ptrace",
              .wrapper = {sysnare, "trace", "--recorder", "ptrace", "--"},
              .calls = kSlowCalls,
              .counted = Counted::kAll,
              .count_column = kStraceColumn,
              .against = Against::kStrace,
              .target = 0.9};
  cases[9] = {.name = kStrace,
              .wrapper = {"strace", "-c", "-f"},
              .calls = kSlowCalls,
              .counted = Counted::kAll,
              .count_column = kStraceColumn};
  cases[10] = {.name = "strace -c -f --seccomp-bpf",
               .wrapper = {"strace", "-c", "-f", "--seccomp-bpf"},
               .calls = kSlowCalls,
               .counted = Counted::kAll,
               .count_column = kStraceColumn};
  cases[11] = {.name = "perf trace -s",
               .wrapper = {"perf", "trace", "-s", "--"},
               .calls = kSlowestCalls,
               .counted = Counted::kAll,
               .count_column = kPerfColumn};
  cases[12] = {.name = "sysnare run",
               .wrapper = {sysnare, "run", "--profile", profile, "--"},
               .calls = kFastCalls,
               .filtered = true};
  cases[13] = {.name = "sysnare watch",
               .wrapper = {sysnare, "watch", "--profile", profile, "--"},
               .calls = kFastCalls,
               .filtered = true};
  return cases;
}

void print_table(const Results& results) {
  fmt::print("Cost of one getppid, least of {} interleaved rounds\n{}\n\n", results.rounds,
             results.machine);
  fmt::print("{:<30}{:>10}{:>9}{:>9} {:<16}{:>8}{:>8}{:>11}{:>14}{:>18}\n", "", "ns a call",
             "added", "ratio", "", "at most", "", "x faster", "start-up ms", "calls counted");
  fmt::print("{:<30}{:>10}{:>9}{:>42}{:>11}{:>14}\n", "", "", "to bare", "", "than strace",
             "of true");
  const auto bare = ns_of(results, kBare);
  const auto strace = ns_of(results, kStrace);
  for (std::size_t i = 0; i < results.cases.size(); ++i) {
    const Case& c = results.cases[i];
    const Measured& m = results.measured[i];
    if (!m.failure.empty()) {
      fmt::print("{:<30}  no figure: {}\n", c.name, m.failure);
      continue;
    }
    const double ns = least(m.ns);
    std::string judged;
    if (const auto ratio = ratio_of(results, c, ns)) {
      judged = fmt::format("{:>9.2f} {:<16}{:>8.2f}{:>8}", *ratio, name_of(c.against), c.target,
                           verdict(*ratio <= c.target));
    }
    fmt::print("{:<30}{:>10}{:>9}{:<42}{:>11}{:>14.1f}{:>18}\n", c.name, figure(ns),
               bare && c.name != kBare ? figure(ns - *bare) : "-", judged,
               strace ? figure(*strace / ns) : "-", least(m.start_ms), counted_text(c, m));
  }
  if (results.disturbed > 0) {
    fmt::print(
        "note: in {} of {} looks programs of others stood at every call of this machine; what they "
        "cost is in all rows, and ratios say little\n",
        results.disturbed, results.looks);
  }
}

void print_json(const Results& results) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < results.cases.size(); ++i) {
    const Case& c = results.cases[i];
    const Measured& m = results.measured[i];
    nlohmann::ordered_json row{{"case", c.name}, {"calls", c.calls}};
    if (m.failure.empty()) {
      const double ns = least(m.ns);
      row["ns_per_call"] = ns;
      row["ns_per_call_rounds"] = m.ns;
      row["startup_ms"] = least(m.start_ms);
      if (m.counted) row["counted"] = *m.counted;
      if (const auto ratio = ratio_of(results, c, ns)) {
        row["target"] = {{"of", name_of(c.against)},
                         {"at_most", c.target},
                         {"ratio", *ratio},
                         {"met", *ratio <= c.target}};
      }
    } else {
      row["failure"] = m.failure;
    }
    rows.push_back(std::move(row));
  }
  const nlohmann::ordered_json document{{"schema", 1},
                                        {"machine", results.machine},
                                        {"rounds", results.rounds},
                                        {"looks", results.looks},
                                        {"disturbed", results.disturbed},
                                        {"cases", std::move(rows)}};
  fmt::print("{}\n", document.dump(2));
}

}  // namespace sysnare::bench
