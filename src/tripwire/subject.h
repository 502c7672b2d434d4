#pragma once
// Who made the call? What an alert says about a process, read from /proc.
//
// Source: proc(5). All texts are the program's own to choose, and hostile.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sysnare {

/// What is kept of a command line: enough to recognise it; the kernel allows megabytes.
inline constexpr std::size_t kMaxCmdline = 4096;

struct Subject {
  pid_t process = 0;
  pid_t parent = 0;
  pid_t tracer = 0;
  unsigned uid = 0;
  std::string name;          ///< of the thread's process, as /proc/PID/comm has it
  std::string exe_path;      ///< empty when it may not be read
  std::string cmdline;       ///< words joined by blanks, cut at kMaxCmdline
  std::string container_id;  ///< by cgroup, empty outside containers
};

/// Empty when the thread is gone. Cost: five files, some 60 us; the caller keeps the answer.
std::optional<Subject> read_subject(pid_t thread);

/// The process of a thread. Empty when it is gone. Cost: one file, some 15 us.
std::optional<pid_t> read_process(pid_t thread);

/// The container id in the text of /proc/PID/cgroup: the last 64 hex digits that stand alone as a
/// path element, or behind "docker-", "libpod-", "cri-containerd-", "crio-"; empty when none do.
std::string container_id_of(std::string_view cgroup_text);

}  // namespace sysnare
