#include "alert/alert.h"

#include <fmt/core.h>

#include <cstdint>

#include "arch/syscalls.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "base/timestamp.h"

namespace sysnare {
namespace {

struct GradeRow {
  Grade grade;
  std::string_view name;
  std::string_view priority;
};
constexpr GradeRow kGrades[] = {
    {Grade::kUnseen, "unseen", "Notice"},      {Grade::kImpossible, "impossible", "Critical"},
    {Grade::kForeign, "foreign", "Critical"},  {Grade::kDenied, "denied", "Warning"},
    {Grade::kArgument, "argument", "Warning"}, {Grade::kUnknown, "unknown", "Notice"},
};

/// Hex digits of an alert id: 64 bits tell a few thousand keys apart beyond doubt.
constexpr std::size_t kIdDigits = 16;
/// Registers that a filter sees.
constexpr std::size_t kArgs = 6;

const GradeRow& row_of(Grade grade) {
  for (const GradeRow& row : kGrades) {
    if (row.grade == grade) return row;
  }
  return kGrades[std::size(kGrades) - 1];
}

/// With nanoseconds. Alerts are of now: a clock before 1970 shows 1970.
std::string time_text(std::chrono::system_clock::time_point time) {
  using std::chrono::nanoseconds;
  const auto since_1970 = std::chrono::duration_cast<nanoseconds>(time.time_since_epoch()).count();
  constexpr unsigned kDigits = 9;
  return timestamp_text(since_1970 < 0 ? 0 : static_cast<std::uint64_t>(since_1970), kDigits);
}

/// How many of the six registers are arguments of this call; all of them when nobody knows.
std::size_t arg_count(Call call) {
  const SyscallSignature signature = syscall_signature(syscall_name(call));
  return signature.known ? std::min(signature.args.size(), kArgs) : kArgs;
}

std::string args_json(const Alert& alert) {
  std::string text = "[";
  for (std::size_t i = 0; i < arg_count(alert.call); ++i) {
    if (i > 0) text += ",";
    text += json::quote(hex(alert.args[i]));
  }
  return text + "]";
}

std::string site_json(const Alert& alert) {
  if (alert.site_module.empty()) return json::quote("");
  std::string site = alert.site_module + "+" + hex(alert.site_offset);
  if (!alert.site_symbol.empty()) site += " (" + alert.site_symbol + ")";
  return json::quote(site);
}

}  // namespace

std::string_view grade_name(Grade grade) { return row_of(grade).name; }
std::string_view grade_priority(Grade grade) { return row_of(grade).priority; }

std::optional<Grade> grade_by_name(std::string_view name) {
  for (const GradeRow& row : kGrades) {
    if (row.name == name) return row.grade;
  }
  return std::nullopt;
}

std::string alert_id(const Alert& alert) {
  // Quoted, so that no field can run into the next one.
  std::string key =
      fmt::format("{} {} {} {} {} {} {}", json::quote(alert.profile_sha256),
                  json::quote(alert.exe_path), abi_name(alert.call.abi), alert.call.nr,
                  grade_name(alert.grade), json::quote(alert.site_module), alert.site_offset);
  // Nothing is added for a call that names no path.
  if (!alert.path.empty()) key += " " + json::quote(alert.path);
  if (alert.other_paths) key += " other paths";
  return sha256_hex(key).substr(0, kIdDigits);
}

std::string alert_line(const Alert& alert, std::string_view hostname) {
  const std::string grade(grade_name(alert.grade));
  std::string line =
      fmt::format(R"({{"time":"{}","priority":"{}","rule":"sysnare.{}","output":{},"hostname":{},)"
                  R"("source":"sysnare","tags":["sysnare","seccomp","{}"],"output_fields":{{)",
                  time_text(alert.time), grade_priority(alert.grade), grade,
                  json::quote(alert.output), json::quote(hostname), grade);
  line += fmt::format(R"("evt.type":{},"evt.num":{},"evt.arch":"{}","evt.args":{},)",
                      json::quote(call_label(alert.call)), alert.call.nr, abi_name(alert.call.abi),
                      args_json(alert));
  line += fmt::format(R"("proc.name":{},"proc.pid":{},"proc.tid":{},"proc.ppid":{},)",
                      json::quote(alert.proc_name), alert.pid, alert.tid, alert.ppid);
  line += fmt::format(R"("proc.exepath":{},"proc.cmdline":{},"user.uid":{},)",
                      json::quote(alert.exe_path), json::quote(alert.cmdline), alert.uid);
  line += fmt::format(R"("container.id":{},"container.name":{},"container.image":{},)",
                      json::quote(alert.container_id), json::quote(alert.container_name),
                      json::quote(alert.container_image));
  line += fmt::format(R"("profile.name":{},"profile.sha256":{},)", json::quote(alert.profile_name),
                      json::quote(alert.profile_sha256));
  line += fmt::format(R"("sysnare.grade":"{}","sysnare.action":{},"sysnare.site":{},)", grade,
                      json::quote(alert.action), site_json(alert));
  line += fmt::format(R"("sysnare.path":{},)", json::quote(alert.path));
  line += fmt::format(R"("count":{},"lost_before":{},"alert_id":"{}"}}}})", alert.count,
                      alert.lost_before, alert_id(alert));
  return line + "\n";
}

}  // namespace sysnare
