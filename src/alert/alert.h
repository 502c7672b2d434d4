#pragma once
// What goes out when a call is outside its profile, and where does it go?
//
// One JSON object a line in Falco's envelope (docs/reference/alerts.md), so that what reads Falco's
// alerts reads these. 64-bit values are hex strings: JSON numbers end at 2^53.

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

  std::string site_module;       ///< object of the calling instruction
  std::uint64_t site_offset = 0;
  std::string site_symbol;       ///< empty when unknown

  std::uint64_t count = 1;        ///< how many such calls this line stands for
  std::uint64_t lost_before = 0;  ///< alerts lost before this one
};

/// The JSON line, with its line feed. `hostname` stands in every alert.
std::string alert_line(const Alert& alert, std::string_view hostname);

/// Where alerts go. A sink that fails counts and retries; it never throws an alert away while it can
/// still be written.
class AlertSink {
 public:
  virtual ~AlertSink() = default;
  virtual Result<void> write(const Alert& alert) = 0;
  /// Writes what was held back. Called at the end and from time to time.
  virtual Result<void> flush() = 0;
  [[nodiscard]] virtual std::uint64_t lost() const = 0;
};

/// Lines to `fd` (standard error); the descriptor is not owned.
std::unique_ptr<AlertSink> make_fd_sink(int fd);
/// Appends to `path` (mode 0600), made when missing. Errors: as open(2).
Result<std::unique_ptr<AlertSink>> make_file_sink(const std::string& path);

}  // namespace sysnare
