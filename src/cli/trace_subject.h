#pragma once
// What does `trace` record: a command, processes, cgroups or the whole host?

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/traced_container.h"
#include "record/recorder.h"

namespace sysnare::cli {

/// The words behind -p, --cgroup, --unit and those about containers, and whether --host was said.
struct TypedSubject {
  std::vector<std::string> pids;
  std::vector<std::string> cgroups;
  std::vector<std::string> units;
  bool host = false;
  ContainerWords container;
};

/// Fills in what is recorded, but for a container (TracedContainer); `record.command` and
/// `record.follow` are there already. Errors:
/// kUsage naming the option, or as cgroup_of_unit().
Result<void> take_subject(const TypedSubject& typed, RecordOptions& record);

/// "processes 12 (sleep), 13 (cat) and 2 more", "cgroup /sys/fs/cgroup/a", "this host"; empty for a
/// command. While the processes live.
std::string subject_of(const RecordOptions& record);

}  // namespace sysnare::cli
