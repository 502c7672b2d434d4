// Rules about which calls are open, and which are closed by halves.

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "arch/syscalls.h"
#include "profile/lint/checker.h"
#include "profile/lint/tables.h"

namespace sysnare::linting {
namespace {

constexpr std::string_view kUring[] = {"io_uring_setup", "io_uring_enter", "io_uring_register"};

bool is_uring(std::string_view call) {
  return std::find(std::begin(kUring), std::end(kUring), call) != std::end(kUring);
}

void check_default(Checker& checker) {
  const Profile& profile = checker.profile;
  if (profile.default_action == Action::kLog) {
    checker.report("log-default", "defaultAction", profile.default_action_line,
                   "SCMP_ACT_LOG lets a call pass and writes a line into the kernel's log: the "
                   "profile refuses nothing that no entry refuses",
                   "take SCMP_ACT_ERRNO once the log stays empty");
  } else if (profile.default_action == Action::kAllow) {
    checker.report("default-allow", "defaultAction", profile.default_action_line,
                   "everything is allowed but what the entries refuse: calls that were forgotten, "
                   "and all that later kernels add, pass",
                   "make it SCMP_ACT_ERRNO and list what is needed (`sysnare profile -- COMMAND`)");
  }
}

/// The names of entry `index` that are in `wanted` and open.
std::vector<std::size_t> open_names(Checker& checker, std::size_t index, bool uring) {
  std::vector<std::size_t> found;
  const Entry& entry = checker.profile.entries[index];
  const auto risky = risky_calls();
  for (std::size_t n = 0; n < entry.names.size(); ++n) {
    const std::string& name = entry.names[n];
    if (is_uring(name) != uring) continue;
    const bool listed =
        std::binary_search(risky.begin(), risky.end(), RiskyCall{name, {}, 0},
                           [](const RiskyCall& a, const RiskyCall& b) { return a.call < b.call; });
    if (listed && checker.open_somewhere(name)) found.push_back(n);
  }
  return found;
}

std::vector<std::string_view> names_at(const Entry& entry, const std::vector<std::size_t>& at) {
  std::vector<std::string_view> names;
  for (const std::size_t n : at) names.emplace_back(entry.names[n]);
  return names;
}

void check_risky(Checker& checker) {
  for (const RiskyCall& risky : risky_calls()) {
    if (checker.open_somewhere(risky.call)) {
      checker.report_out.grants.push_back({risky.call, risky.why, risky.weight});
    }
  }
  std::stable_sort(checker.report_out.grants.begin(), checker.report_out.grants.end(),
                   [](const Grant& a, const Grant& b) { return a.weight > b.weight; });
  if (checker.report_out.grants.empty()) return;
  for (std::size_t i = 0; i < checker.profile.entries.size(); ++i) {
    const Entry& entry = checker.profile.entries[i];
    if (!checker.applies_here(i) || !lets_pass(action_value(entry.action, entry.errno_ret)))
      continue;
    if (const auto uring = open_names(checker, i, true); !uring.empty()) {
      checker.report_names("io-uring-open", i, uring,
                           fmt::format("{}: what is asked for through a ring (openat, connect, "
                                       "send, mkdirat …) is done by the kernel without asking the "
                                       "filter",
                                       names_text(names_at(entry, uring))),
                           "leave them out; programs that use io_uring fall back without it");
    }
    const auto risky = open_names(checker, i, false);
    if (risky.empty()) continue;
    const auto rows = risky_calls();
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const RiskyCall& each) {
      return each.call == entry.names[risky.front()];
    });
    const auto names = names_at(entry, risky);
    checker.report_names("risky-grant", i, risky,
                         names.size() == 1 ? fmt::format("{} {}", names.front(), row->why)
                                           : fmt::format("{} reach far beyond the program ({} {})",
                                                         names_text(names), row->call, row->why),
                         "leave out what the program does not need");
  }
}

/// Whether an entry refuses the call with something else than ENOSYS, which only sends the caller
/// to its older way and so wants that one open.
bool is_denied(const Outcome& outcome) {
  if (!outcome.by_entry || outcome.fate != Fate::kRefused) return false;
  return outcome.base.action() != SECCOMP_RET_ERRNO || outcome.base.data() != ENOSYS;
}

}  // namespace

void check_grants(Checker& checker) {
  check_default(checker);
  check_risky(checker);
}

void check_families(Checker& checker) {
  for (const Family& family : families()) {
    std::vector<std::string_view> open;
    std::map<std::size_t, std::vector<std::string_view>> denied;  // by entry
    for (const std::string_view call : words_of(family.calls)) {
      if (checker.open_somewhere(call)) open.push_back(call);
      for (const Outcome& outcome : checker.outcomes(call)) {
        if (!is_denied(outcome)) continue;
        auto& names = denied[outcome.entry];
        if (names.empty() || names.back() != call) names.push_back(call);
      }
    }
    if (open.empty()) continue;
    for (const auto& [entry, calls] : denied) {
      std::vector<std::size_t> at;
      const auto& names = checker.profile.entries[entry].names;
      for (const std::string_view call : calls) {
        const auto found = std::find(names.begin(), names.end(), call);
        at.push_back(static_cast<std::size_t>(found - names.begin()));
      }
      std::sort(at.begin(), at.end());
      checker.report_names(
          "family-half-denied", entry, at,
          fmt::format("{} {} refused, but {} {} open and can {} as well", names_text(calls),
                      calls.size() == 1 ? "is" : "are", names_text(open),
                      open.size() == 1 ? "is" : "are", family.does),
          fmt::format("refuse {} too, or none of them", names_text(open)));
    }
  }
}

}  // namespace sysnare::linting
