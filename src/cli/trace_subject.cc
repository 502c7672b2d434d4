#include "cli/trace_subject.h"

#include <fmt/format.h>

#include <chrono>
#include <string_view>

#include "base/file.h"
#include "base/text.h"
#include "cli/print.h"
#include "cli/recording.h"
#include "cli/verb.h"
#include "process/cgroup.h"

namespace sysnare::cli {
namespace {

/// PID_MAX_LIMIT, include/linux/threads.h, Linux 6.18.
constexpr std::uint64_t kMaxPid = 4u << 20;
/// A unit that has stopped may be about to start again: systemd waits 0.1 s by itself
/// (DefaultRestartSec), and some units for seconds.
constexpr std::chrono::seconds kRestartWait{10};
/// Processes that the first line of the table names.
constexpr std::size_t kMaxNamed = 4;

std::string processes(const std::vector<pid_t>& pids) {
  std::vector<std::string> names;
  for (const pid_t pid : pids) {
    if (names.size() == kMaxNamed) {
      names.push_back(fmt::format("{} more", pids.size() - kMaxNamed));
      break;
    }
    Result<std::string> name = read_file(fmt::format("/proc/{}/comm", pid));
    names.push_back(name ? fmt::format("{} ({})", pid, trim(*name)) : std::to_string(pid));
  }
  return fmt::format("{} {}", pids.size() == 1 ? "process" : "processes", join_and(names));
}

}  // namespace

Result<void> take_subject(const TypedSubject& typed, RecordOptions& record) {
  if (Result<void> good = check_container_words(typed.container, record); !good) {
    return propagate(good);
  }
  std::vector<std::string_view> words;
  if (!record.command.empty()) words.emplace_back("a command");
  if (!typed.pids.empty()) words.emplace_back("-p");
  if (!typed.cgroups.empty()) words.emplace_back("--cgroup");
  if (!typed.units.empty()) words.emplace_back("--unit");
  if (typed.host) words.emplace_back("--host");
  if (!typed.container.container.empty()) words.emplace_back("--container");
  if (words.empty()) {
    return fail(Errc::kUsage,
                "no command and no -p PID, --cgroup, --unit, --host or --container; `sysnare trace "
                "-- COMMAND` runs and traces one");
  }
  if (words.size() > 1) {
    return fail(Errc::kUsage, "both {} and {}; trace them one after the other and `merge`",
                words[0], words[1]);
  }
  if (!record.follow && record.command.empty() && typed.pids.empty()) {
    return fail(Errc::kUsage,
                "--no-follow goes with a command or -p; with {} it is not whose child one is that "
                "counts",
                words[0]);
  }
  for (const std::string& each : typed.pids) {
    Result<std::uint64_t> pid = number_of("-p", each, 1, kMaxPid);
    if (!pid) return propagate(pid);
    record.attach.push_back(static_cast<pid_t>(*pid));
  }
  record.cgroups = typed.cgroups;
  for (const std::string& each : typed.units) {
    Result<std::string> directory = cgroup_of_unit(each);
    if (!directory) return propagate(directory, "--unit");
    record.cgroups.push_back(std::move(*directory));
    record.restart_wait = kRestartWait;
  }
  record.host = typed.host;
  return {};
}

std::string subject_of(const RecordOptions& record) {
  if (record.host) return "this host";
  if (!record.attach.empty()) return processes(record.attach);
  if (record.cgroups.empty() || !record.command.empty()) return "";
  std::vector<std::string> names(record.cgroups);
  if (names.size() > kMaxNamed) {
    names.resize(kMaxNamed);
    names.push_back(fmt::format("{} more", record.cgroups.size() - kMaxNamed));
  }
  return fmt::format("{} {}", record.cgroups.size() == 1 ? "cgroup" : "cgroups", join_and(names));
}

}  // namespace sysnare::cli
