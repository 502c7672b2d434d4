#pragma once
// What goes out when a call is outside its profile, and where does it go?
//
// One JSON object a line in Falco's envelope (docs/reference/alerts.md), so that what reads Falco's
// alerts reads these. 64-bit values are hex strings: JSON numbers end at 2^53.
// Not here: syslog, journald, HTTP and command sinks.

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "arch/abi.h"
#include "base/result.h"

namespace sysnare {

enum class Grade : std::uint8_t { kUnseen, kImpossible, kForeign, kDenied, kArgument, kUnknown };
std::string_view grade_name(Grade grade);
std::optional<Grade> grade_by_name(std::string_view name);
/// "Notice", "Warning" or "Critical".
std::string_view grade_priority(Grade grade);

struct Alert {
  std::chrono::system_clock::time_point time;
  Grade grade = Grade::kUnknown;
  std::string output;  ///< one sentence
  Call call;
  std::array<std::uint64_t, 6> args{};
  std::string action;  ///< what was done: "alert", "errno EPERM", "kill"

  int pid = 0;
  int tid = 0;
  int ppid = 0;
  unsigned uid = 0;
  std::string proc_name;
  std::string exe_path;
  std::string cmdline;
  std::string container_id;
  std::string container_name;
  std::string container_image;

  std::string profile_name;
  std::string profile_sha256;

  std::string site_module;  ///< object of the calling instruction
  std::uint64_t site_offset = 0;
  std::string site_symbol;  ///< empty when unknown

  /// What the call names in the file system, as it stood in memory; empty for a call that names
  /// nothing there.
  std::string path;
  bool other_paths = false;  ///< stands for paths past those that were told one by one

  std::uint64_t count = 1;        ///< how many such calls this line stands for
  std::uint64_t lost_before = 0;  ///< alerts lost before this one
};

/// The JSON line, with its line feed; `hostname` stands in every alert. Whatever the watched
/// program put into its names, the line is valid JSON and valid UTF-8.
std::string alert_line(const Alert& alert, std::string_view hostname);

/// The same for every line that stands for the same thing: (profile, executable, call, grade,
/// module+offset, path). So a line that sums up repeats has the id of the first alert of its kind.
std::string alert_id(const Alert& alert);

/// Where alerts go. A sink that fails counts and retries; it never throws an alert away while it
/// can still be written. `held` alerts wait in memory (kMaxHeldBytes of them at most), `lost` ones
/// are gone; the next line that is written says so in `lost_before`.
class AlertSink {
 public:
  virtual ~AlertSink() = default;
  /// Errors: what kept the line from being written; it is held all the same, or counted as lost.
  virtual Result<void> write(const Alert& alert) = 0;
  /// Writes what was held back. Called at the end and from time to time. Errors: as write().
  virtual Result<void> flush() = 0;
  [[nodiscard]] virtual std::uint64_t lost() const = 0;
  [[nodiscard]] virtual std::uint64_t held() const = 0;
  [[nodiscard]] virtual std::uint64_t written() const = 0;
};

/// What a failing sink holds back at most: some 10,000 alerts. Past it they are counted as lost.
inline constexpr std::size_t kMaxHeldBytes = 16u << 20;

/// Lines to `fd` (standard error); the descriptor is not owned, and its flags, which it shares with
/// the watched program, are left alone. A reader that does not read cannot stop us for long: what
/// does not fit is held.
std::unique_ptr<AlertSink> make_fd_sink(int fd, std::string hostname);
/// Appends to `path` (mode 0600 when it is made). When `path` comes to name another file (log
/// rotation) that one is opened, and made when missing; a link that comes to stand there is not
/// followed, the older file is written on. Errors: as open(2).
Result<std::unique_ptr<AlertSink>> make_file_sink(const std::string& path, std::string hostname);

}  // namespace sysnare
