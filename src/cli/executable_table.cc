#include "cli/executable_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace sysnare::cli {
namespace {

/// As in the table of calls.
constexpr int kNumberWidth = 9;

struct Row {
  const ExecutableEvidence* executable = nullptr;
  std::uint64_t calls = 0;
  std::uint64_t errors = 0;
};

/// Counts come from files too: stay at the top rather than wrap.
void add(std::uint64_t& sum, std::uint64_t more) {
  if (__builtin_add_overflow(sum, more, &sum)) sum = UINT64_MAX;
}

}  // namespace

std::string executable_table(const Evidence& evidence) {
  std::vector<Row> rows;
  for (const ExecutableEvidence& each : evidence.executables) {
    Row row{&each, 0, 0};
    for (const CallEvidence& call : each.calls) {
      add(row.calls, call.count);
      add(row.errors, call.error_count());
    }
    rows.push_back(row);
  }
  if (rows.empty()) return "";
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.calls > b.calls; });
  std::string text =
      fmt::format("\n{:>{}} {:>{}} executable\n", "calls", kNumberWidth, "errors", kNumberWidth);
  for (std::size_t i = 0; i < rows.size() && i < kShownExecutables; ++i) {
    const Row& row = rows[i];
    const std::string errors = row.errors == 0 ? "" : std::to_string(row.errors);
    text += fmt::format("{:>{}} {:>{}} {}", row.calls, kNumberWidth, errors, kNumberWidth,
                        printable(row.executable->program.path));
    if (!row.executable->cgroup.empty()) {
      text += fmt::format(" in cgroup {}", printable(row.executable->cgroup));
    }
    text += '\n';
  }
  if (rows.size() > kShownExecutables) {
    text += fmt::format("{:>{}} {} in the evidence (-o)\n", "", 2 * kNumberWidth + 1,
                        plural(rows.size() - kShownExecutables, "more executable"));
  }
  return text;
}

}  // namespace sysnare::cli
