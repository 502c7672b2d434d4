#include "cli/scan_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "arch/syscalls.h"
#include "base/json.h"
#include "base/text.h"

namespace sysnare::cli {
namespace {

/// Of executables in one cell, and of places in one line.
constexpr std::size_t kMaxShown = 3;

using Row = std::vector<std::string>;

/// Columns as wide as their widest cell; the last one is not filled up. `right`: how many of the
/// first columns hold numbers.
std::string aligned(const std::vector<Row>& rows, const std::set<std::size_t>& right) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += "  ";
      line += right.contains(i) ? fmt::format("{:>{}}", row[i], widths[i])
                                : fmt::format("{:<{}}", row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string name_of(Call call) {
  std::string name = call_label(call);
  if (call.abi != native_abi()) name += fmt::format(" ({})", abi_name(call.abi));
  return name;
}

/// Calls of a number of a site: `syscall` makes those of x32 too.
Call call_at(const StaticSite& site, std::uint32_t nr) {
  if (site.abi == Abi::kX86_64 && (nr & kX32Bit) != 0) return {Abi::kX32, nr};
  return {site.abi, nr};
}

bool makes(const StaticSite& site, Call call) {
  return std::any_of(site.nrs.begin(), site.nrs.end(),
                     [&](std::uint32_t nr) { return call_at(site, nr) == call; });
}

/// "mkdir in libc.so.6"
std::string reason_of(const CallEvidence& call) {
  if (call.why.empty()) return "";
  const ChainStep& last = call.why.back();
  return printable(fmt::format("{} in {}", last.function, file_name(last.object)));
}

/// "cat, sh and 2 more"
std::string names_in(const Evidence& evidence, const CallEvidence& call) {
  std::vector<std::string> names;
  for (const ExecutableEvidence& each : evidence.executables) {
    const bool has = std::any_of(each.calls.begin(), each.calls.end(),
                                 [&](const CallEvidence& one) { return one.call == call.call; });
    if (has) names.emplace_back(printable(file_name(each.program.path)));
  }
  if (names.size() == evidence.executables.size()) return "all";
  const std::size_t shown = std::min(names.size(), kMaxShown);
  std::string text = fmt::format("{}", fmt::join(names.begin(), names.begin() + shown, ", "));
  if (shown < names.size()) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

std::string place_of(std::string_view function, std::string_view object) {
  if (function.empty()) return printable(object);
  return printable(fmt::format("{} in {}", function, object));
}

std::string open_lines(const StaticEvidence& scanned) {
  std::string text;
  for (const StaticOpen& open : scanned.open) {
    std::string place = place_of(open.function, open.object);
    if (open.offset != 0) place += "+" + hex(open.offset);
    text += fmt::format("open: {}: {}: {}\n", printable(open.kind), place, printable(open.reason));
  }
  return text;
}

std::string exec_lines(const StaticEvidence& scanned) {
  std::map<std::string, std::vector<std::string>> places;
  for (const StaticExec& exec : scanned.execs) {
    const std::string what = exec.path ? printable(*exec.path) : "a program that is not known";
    places[what].push_back(place_of(exec.function, exec.object));
  }
  std::string text;
  for (const auto& [what, where] : places) {
    const std::size_t shown = std::min(where.size(), kMaxShown);
    text +=
        fmt::format("starts {}: {}", what, fmt::join(where.begin(), where.begin() + shown, "; "));
    if (shown < where.size()) text += fmt::format("; {} more", where.size() - shown);
    text += "\n";
  }
  return text;
}

std::string closing_line(const Evidence& evidence, std::size_t calls, std::uint8_t phases) {
  std::string text = plural(calls, "call");
  if (phases != 0) text += " in " + reachable_text(phases);
  if (!evidence.scanned) return text + "\n";
  const std::size_t open = evidence.scanned->open.size();
  return text + (open == 0 ? ", closed\n" : fmt::format(", open at {}\n", plural(open, "place")));
}

bool in_phases(const CallEvidence& call, std::uint8_t phases) {
  return call.origin == Origin::kScan && (phases == 0 || (call.reachable & phases) != 0);
}

std::size_t count_in(const Evidence& evidence, std::uint8_t phases) {
  return static_cast<std::size_t>(
      std::count_if(evidence.calls.begin(), evidence.calls.end(),
                    [&](const CallEvidence& call) { return in_phases(call, phases); }));
}

std::string numbers_text(const StaticSite& site) {
  std::vector<std::string> names;
  for (const std::uint32_t nr : site.nrs) names.push_back(name_of(call_at(site, nr)));
  if (site.any) names.emplace_back("any");
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

std::string scan_table(const Evidence& evidence, std::uint8_t phases) {
  std::map<Call, std::size_t> sites;
  if (evidence.scanned) {
    for (const StaticSite& site : evidence.scanned->sites) {
      for (const std::uint32_t nr : site.nrs) ++sites[call_at(site, nr)];
    }
  }
  const bool several = !evidence.executables.empty();
  std::vector<Row> rows = {{"nr", "call", "phases", "sites", "reason"}};
  if (several) rows.front().insert(rows.front().begin() + 4, "executables");
  for (const CallEvidence& call : evidence.calls) {
    if (!in_phases(call, phases)) continue;
    Row row = {std::to_string(call.call.nr), name_of(call.call), reachable_text(call.reachable),
               std::to_string(sites[call.call]), reason_of(call)};
    if (several) row.insert(row.begin() + 4, names_in(evidence, call));
    rows.push_back(std::move(row));
  }
  const std::size_t calls = rows.size() - 1;
  std::string text = aligned(rows, {0, 3});
  if (evidence.scanned) text += open_lines(*evidence.scanned) + exec_lines(*evidence.scanned);
  return text + closing_line(evidence, calls, phases);
}

std::string scan_total(const Evidence& evidence) {
  return closing_line(evidence, count_in(evidence, 0), 0);
}

std::string scan_list(const std::vector<Evidence>& programs) {
  std::vector<Row> rows = {
      {"calls", "load", "main", "error-only", "open", "execs_open", "program"}};
  for (const Evidence& each : programs) {
    const StaticEvidence none;
    const StaticEvidence& scanned = each.scanned ? *each.scanned : none;
    rows.push_back(
        {std::to_string(count_in(each, 0)), std::to_string(count_in(each, kReachableLoad)),
         std::to_string(count_in(each, kReachableMain)),
         std::to_string(count_in(each, kReachableErrorOnly)), std::to_string(scanned.open.size()),
         std::to_string(scanned.execs_open()), printable(each.program.path)});
  }
  return aligned(rows, {0, 1, 2, 3, 4, 5});
}

std::string scan_why(const Evidence& evidence, std::string_view call) {
  std::string text;
  const std::optional<std::uint64_t> number = parse_u64(call);
  for (const CallEvidence& each : evidence.calls) {
    if (each.origin != Origin::kScan) continue;
    if (number ? each.call.nr != *number : call_label(each.call) != call) continue;
    text += fmt::format("{}{}\n", name_of(each.call),
                        each.reachable == 0 ? "" : ": " + reachable_text(each.reachable));
    std::string indent = "  ";
    for (const ChainStep& step : each.why) {
      text += fmt::format("{}{}{}\n", indent, &step == each.why.data() ? "" : "→ ",
                          place_of(step.function, step.object));
      indent += "  ";
    }
    if (!evidence.scanned) continue;
    for (const StaticSite& site : evidence.scanned->sites) {
      if (!makes(site, each.call)) continue;
      text += fmt::format("  by {}+{}{}\n", printable(site.site.module), hex(site.site.offset),
                          site.function.empty() ? "" : ", " + printable(site.function));
    }
  }
  if (!text.empty()) return text;
  text = fmt::format("{}: this program does not reach it", printable(call));
  if (evidence.scanned && !evidence.scanned->open.empty()) {
    text += fmt::format(", as far as is known: the scan is open at {}",
                        plural(evidence.scanned->open.size(), "place"));
  }
  return text + "\n";
}

std::string scan_sites(const Evidence& evidence) {
  if (!evidence.scanned) return "";
  std::vector<Row> rows = {{"site", "function", "phases", "calls"}};
  for (const StaticSite& site : evidence.scanned->sites) {
    rows.push_back({printable(site.site.module) + "+" + hex(site.site.offset),
                    printable(site.function), reachable_text(site.reachable), numbers_text(site)});
  }
  return aligned(rows, {});
}

std::string scan_graph(const Evidence& evidence) {
  std::set<std::pair<std::string, std::string>> edges;
  std::set<std::string> calls;
  const auto label = [](const ChainStep& step) {
    return printable(fmt::format("{} in {}", step.function, file_name(step.object)));
  };
  for (const CallEvidence& call : evidence.calls) {
    if (call.origin != Origin::kScan || call.why.empty()) continue;
    for (std::size_t i = 1; i < call.why.size(); ++i) {
      edges.emplace(label(call.why[i - 1]), label(call.why[i]));
    }
    calls.insert(name_of(call.call));
    edges.emplace(label(call.why.back()), name_of(call.call));
  }
  // json::quote() escapes what a DOT string needs escaped.
  std::string text = "digraph scan {\n  rankdir=LR;\n  node [shape=plaintext];\n";
  for (const std::string& call : calls)
    text += fmt::format("  {} [shape=box];\n", json::quote(call));
  for (const auto& [from, to] : edges) {
    text += fmt::format("  {} -> {};\n", json::quote(from), json::quote(to));
  }
  return text + "}\n";
}

}  // namespace sysnare::cli
