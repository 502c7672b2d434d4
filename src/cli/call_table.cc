#include "cli/call_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "arch/io_uring.h"
#include "arch/syscalls.h"
#include "base/text.h"
#include "evidence/saturation.h"
#include "learn/learn.h"

namespace sysnare::cli {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr double kNsPerMicrosecond = 1e3;

struct SortWord {
  std::string_view word;
  SortBy sort_by;
};
/// strace(1), "-S sortby".
constexpr SortWord kSortWords[] = {
    {"time", SortBy::kTime},         {"time-percent", SortBy::kTime},
    {"time-total", SortBy::kTime},   {"total-time", SortBy::kTime},
    {"max-time", SortBy::kMax},      {"longest", SortBy::kMax},
    {"time-max", SortBy::kMax},      {"min-time", SortBy::kMin},
    {"shortest", SortBy::kMin},      {"time-min", SortBy::kMin},
    {"avg-time", SortBy::kAverage},  {"time-avg", SortBy::kAverage},
    {"calls", SortBy::kCalls},       {"count", SortBy::kCalls},
    {"errors", SortBy::kErrors},     {"error", SortBy::kErrors},
    {"name", SortBy::kName},         {"syscall", SortBy::kName},
    {"syscall-name", SortBy::kName}, {"nothing", SortBy::kNothing},
    {"none", SortBy::kNothing},
};

/// One row; a call's origins taken together.
struct Row {
  Call call;
  std::string name;
  std::uint64_t calls = 0;
  std::uint64_t errors = 0;
  std::uint64_t ns = 0;
  std::uint64_t max_ns = 0;
  std::uint64_t min_ns = UINT64_MAX;  ///< none is known

  [[nodiscard]] double average_ns() const {
    return calls == 0 ? 0 : static_cast<double>(ns) / static_cast<double>(calls);
  }
};

/// Counts come from files too: stay at the top rather than wrap.
void add(std::uint64_t& sum, std::uint64_t more) {
  if (__builtin_add_overflow(sum, more, &sum)) sum = UINT64_MAX;
}

void add(Row& row, std::uint64_t calls, std::uint64_t errors, std::uint64_t ns) {
  add(row.calls, calls);
  add(row.errors, errors);
  add(row.ns, ns);
}

/// Sorted by ABI and number. Operations of io_uring are no calls, and are rows of their own.
std::vector<Row> rows_of(const Evidence& evidence) {
  std::map<std::pair<Call, bool>, Row> rows;
  for (const CallEvidence& each : evidence.calls) {
    if (each.count == 0) continue;
    const bool io_uring = each.origin == Origin::kIoUring;
    Row& row = rows[{each.call, io_uring}];
    row.call = each.call;
    row.name = call_label(each.call) + (io_uring ? " (io_uring)" : "");
    add(row, each.count, each.error_count(), each.total_ns);
    row.max_ns = std::max(row.max_ns, each.max_ns);
    if (each.min_ns) row.min_ns = std::min(row.min_ns, *each.min_ns);
  }
  std::vector<Row> list;
  for (auto& [key, row] : rows) list.push_back(std::move(row));
  return list;
}

void sort_rows(std::vector<Row>& rows, SortBy sort_by) {
  const auto before = [sort_by](const Row& a, const Row& b) {
    switch (sort_by) {
      case SortBy::kTime:
        return a.ns > b.ns;
      case SortBy::kMax:
        return a.max_ns > b.max_ns;
      case SortBy::kMin:
        // One that never returned goes last, as in every order by time.
        return a.min_ns != UINT64_MAX && (b.min_ns == UINT64_MAX || a.min_ns > b.min_ns);
      case SortBy::kAverage:
        return a.average_ns() > b.average_ns();
      case SortBy::kCalls:
        return a.calls > b.calls;
      case SortBy::kErrors:
        return a.errors > b.errors;
      case SortBy::kName:
        return a.name < b.name;
      case SortBy::kNothing:
        break;
    }
    return false;
  };
  std::stable_sort(rows.begin(), rows.end(), before);
}

constexpr std::size_t kColumns = 5;
/// Those of time come first; a recording without time is shown without them.
constexpr std::size_t kTimeColumns = 3;
constexpr std::array<std::string_view, kColumns> kHeads = {"% time", "seconds", "usecs/call",
                                                           "calls", "errors"};
/// As strace has them; a column with a longer number grows.
constexpr std::array<std::size_t, kColumns> kWidths = {6, 11, 11, 9, 9};
/// strace: one more than the longest name, 16 at least.
constexpr std::size_t kNameDashes = 16;

struct Cells {
  std::array<std::string, kColumns> numbers;
  std::string name;
};

Cells cells_of(const Row& row, double percent) {
  return {{fmt::format("{:.2f}", percent),
           fmt::format("{:.6f}", static_cast<double>(row.ns) / kNsPerSecond),
           fmt::format("{}", static_cast<std::uint64_t>(row.average_ns() / kNsPerMicrosecond)),
           fmt::format("{}", row.calls), row.errors == 0 ? "" : fmt::format("{}", row.errors)},
          row.name};
}

std::string section(std::vector<Row> rows, SortBy sort_by, bool timed) {
  sort_rows(rows, !timed && sort_by == SortBy::kTime ? SortBy::kCalls : sort_by);
  Row total;
  total.name = "total";
  for (const Row& row : rows) add(total, row.calls, row.errors, row.ns);

  std::vector<Cells> lines;
  for (const Row& row : rows) {
    const double share =
        total.ns == 0 ? 0 : 100.0 * static_cast<double>(row.ns) / static_cast<double>(total.ns);
    lines.push_back(cells_of(row, share));
  }
  const Cells last = cells_of(total, 100.0);

  std::array<std::size_t, kColumns> widths = kWidths;
  std::size_t name_width = kNameDashes;
  const auto widen = [&](const Cells& line) {
    name_width = std::max(name_width, line.name.size() + 1);
    for (std::size_t i = 0; i < kColumns; ++i) {
      widths[i] = std::max(widths[i], line.numbers[i].size());
    }
  };
  for (const Cells& line : lines) widen(line);
  widen(last);

  std::string text;
  const auto put = [&](const auto& numbers, std::string_view name) {
    for (std::size_t i = timed ? 0 : kTimeColumns; i < kColumns; ++i) {
      text += fmt::format("{:>{}} ", numbers[i], widths[i]);
    }
    text += fmt::format("{}\n", name);
  };
  std::array<std::string, kColumns> dashes;
  for (std::size_t i = 0; i < kColumns; ++i) dashes[i] = std::string(widths[i], '-');
  const std::string name_dashes(name_width, '-');
  put(kHeads, "syscall");
  put(dashes, name_dashes);
  for (const Cells& line : lines) put(line.numbers, line.name);
  put(dashes, name_dashes);
  put(last.numbers, last.name);
  return text;
}

/// The program's own beginning: what lies outside it is the same for every program.
bool is_entry(std::string_view frame) { return frame == "main.main" || frame == "main"; }

/// Whether an innermost frame is only libc's or Go's way into the kernel: "__GI___write",
/// "syscall.write", "syscall.RawSyscall6".
bool is_wrapper(std::string_view frame, std::string_view call) {
  constexpr std::string_view kGoEntries[] = {"yscall.Syscall", "yscall.RawSyscall",
                                             "yscall.rawSyscall"};
  for (std::string_view entry : kGoEntries) {
    if (frame.find(entry) != std::string_view::npos) return true;
  }
  if (!frame.ends_with(call)) return false;
  frame.remove_suffix(call.size());
  return frame.empty() || frame.back() == '_' || frame.back() == '.';
}

/// One code path: outermost left, without the frames outside `main` and the way into the kernel,
/// cut in the middle.
std::string path_text(const Stack& stack, std::string_view call) {
  std::vector<std::string_view> names(stack.frames.rbegin(), stack.frames.rend());
  while (names.size() > 1 && is_wrapper(names.back(), call)) names.pop_back();
  const auto entry = std::find_if(names.begin(), names.end(), is_entry);
  std::string text = entry == names.end() && stack.truncated ? "… → " : "";
  if (entry != names.end()) names.erase(names.begin(), entry);
  // The outer functions say what the program was at, the innermost how it came to the call.
  const bool cut = names.size() > kShownFrames;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (cut && i == kShownFrames - 1) {
      text += "… → ";
      i = names.size() - 1;
    }
    text += printable(names[i]) + " → ";
  }
  return text + std::string(call);
}

/// "ready after 0.21 s: first accept4"; of several runs from when to when.
std::string ready_text(const Evidence& evidence, const std::string& by, const ReadyMark& mark) {
  const double from = static_cast<double>(mark.min_ns) / kNsPerSecond;
  const double to = static_cast<double>(mark.max_ns) / kNsPerSecond;
  std::string when = fmt::format("{:.2f}", from);
  if (fmt::format("{:.2f}", to) != when) when += fmt::format(" to {:.2f}", to);
  const std::string runs =
      evidence.runs > 1 ? fmt::format(" in {} of {} runs", mark.runs, evidence.runs) : "";
  return fmt::format("ready after {} s{}: {}\n", when, runs, printable(by));
}

/// Of how many calls the times are samples; empty where each call was timed.
std::string sampled_text(const Evidence& evidence) {
  std::set<Call> all;
  std::set<Call> sampled;
  for (const CallEvidence& call : evidence.calls) {
    if (call.count > 0) all.insert(call.call);
    if (call.sampled) sampled.insert(call.call);
  }
  if (sampled.empty()) return "";
  return fmt::format("times of {} of {} are estimates from samples (--exact-time: of none)\n",
                     with_commas(sampled.size()), plural(all.size(), "call"));
}

}  // namespace

std::optional<SortBy> sort_by_name(std::string_view typed) {
  // strace 6.1 takes either, and writes about one.
  std::string word(typed);
  std::replace(word.begin(), word.end(), '_', '-');
  for (const SortWord& each : kSortWords) {
    if (each.word == word) return each.sort_by;
  }
  return std::nullopt;
}

std::vector<std::string_view> sort_words() {
  std::vector<std::string_view> words;
  for (const SortWord& each : kSortWords) words.push_back(each.word);
  return words;
}

std::string call_table(const Evidence& evidence, SortBy sort_by, std::string_view subject,
                       bool timed) {
  std::map<Abi, std::vector<Row>> sections;
  for (Row& row : rows_of(evidence)) sections[row.call.abi].push_back(std::move(row));
  if (sections.empty()) sections[native_abi()];
  const bool named = sections.size() > 1 || sections.begin()->first != native_abi();
  // Nobody returns in no time at all.
  timed = timed || evidence.observed() == 0 ||
          std::any_of(evidence.calls.begin(), evidence.calls.end(),
                      [](const CallEvidence& call) { return call.total_ns > 0; });
  std::string text = timed ? "wall clock time within the calls" : "calls";
  if (!subject.empty()) {
    text += " of " + printable(subject);
  } else if (!evidence.command.empty()) {
    text += " of " + printable(evidence.command.front());
  }
  if (evidence.runs > 1) text += fmt::format(", sum of {} runs", with_commas(evidence.runs));
  text += "\n";
  for (auto& [abi, rows] : sections) {
    if (named) text += fmt::format("\nABI {}\n", abi_name(abi));
    text += section(std::move(rows), sort_by, timed);
  }
  return text;
}

std::string call_notes(const Evidence& evidence) {
  std::string text;
  for (const std::string& note : evidence.notes) {
    text += fmt::format("note: {}\n", printable(note));
  }
  if (const std::string unfollowed = unfollowed_text(evidence); !unfollowed.empty()) {
    text += fmt::format("note: {}\n", unfollowed);
  }
  for (const auto& [by, mark] : evidence.ready) text += ready_text(evidence, by, mark);
  for (const CallEvidence& each : evidence.calls) {
    if (each.origin != Origin::kLaunch || each.count == 0) continue;
    std::uint64_t all = each.count;
    if (const CallEvidence* own = evidence.find(each.call, Origin::kApplication)) {
      add(all, own->count);
    }
    text += fmt::format("{}: {} of {} {} sysnare starting the program\n", call_label(each.call),
                        with_commas(each.count), with_commas(all), each.count == 1 ? "is" : "are");
  }
  if (!evidence.operations.empty()) {
    std::vector<std::string> each;
    for (const auto& [opcode, operation] : evidence.operations) {
      each.push_back(fmt::format("{} {}", with_commas(operation.count), io_uring_label(opcode)));
    }
    text += fmt::format("io_uring, which no filter sees: {}\n", fmt::join(each, ", "));
  }
  if (const std::string sampled = sampled_text(evidence); !sampled.empty()) text += sampled;
  if (evidence.unresolved_sites > 0) {
    text += fmt::format("the calling instruction of {} is not known\n",
                        plural(evidence.unresolved_sites, "call"));
  }
  if (evidence.runs > 1) text += saturation_text(evidence) + "\n";
  return text;
}

std::string call_total(const Evidence& evidence) {
  const std::string losses = losses_text(evidence);
  return fmt::format("{} {} observed, {} lost{}{}\n", with_commas(evidence.observed()),
                     evidence.observed() == 1 ? "call" : "calls", with_commas(evidence.lost),
                     losses.empty() ? "" : ": ", losses);
}

std::string code_paths(const Evidence& evidence) {
  std::string text;
  for (const CallEvidence& each : evidence.calls) {
    if (each.stacks.empty()) continue;
    const std::string name = call_label(each.call);
    text += fmt::format("\n{}{}\n", name,
                        each.origin == Origin::kLaunch ? " (the start of the program)" : "");
    // Paths that differ only in what is cut away are one for the reader.
    std::vector<std::pair<std::string, std::uint64_t>> paths;
    for (const Stack& stack : each.stacks) {
      const std::string path = path_text(stack, name);
      const auto same = std::find_if(paths.begin(), paths.end(),
                                     [&](const auto& known) { return known.first == path; });
      if (same == paths.end()) {
        paths.emplace_back(path, stack.count);
      } else {
        add(same->second, stack.count);
      }
    }
    std::stable_sort(paths.begin(), paths.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    for (std::size_t i = 0; i < paths.size() && i < kShownPaths; ++i) {
      text += fmt::format("{:>9}  {}\n", paths[i].second, paths[i].first);
    }
    if (paths.size() > kShownPaths) {
      text += fmt::format("{:>9}  and {} in the evidence file (-o)\n", "",
                          plural(paths.size() - kShownPaths, "more path"));
    }
  }
  if (text.empty()) return "\nno code path was recorded\n";
  return "\ncode paths, outermost function first, of the calls that were looked at:\n" + text;
}

}  // namespace sysnare::cli
