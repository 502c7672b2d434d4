#include "tripwire/subject.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>

#include "base/fd.h"
#include "base/text.h"

namespace sysnare {
namespace {

/// Enough of /proc/PID/status and /proc/PID/cgroup for the lines that we read.
constexpr std::size_t kMaxProcText = 16u << 10;
constexpr std::size_t kIdDigits = 64;

/// The first `limit` bytes of a file in /proc, which gives at most a page a read.
std::string read_start(const std::string& path, std::size_t limit) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text(limit, '\0');
  std::size_t done = 0;
  while (fd && done < limit) {
    const ssize_t got = ::read(fd.get(), text.data() + done, limit - done);
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  text.resize(done);
  return text;
}

std::string read_link(const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
  return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : std::string();
}

bool is_id(std::string_view text) {
  return text.size() == kIdDigits && text.find_first_not_of("0123456789abcdef") == text.npos;
}

}  // namespace

std::string container_id_of(std::string_view cgroup_text) {
  std::string found;
  for (std::string_view line : split(cgroup_text, '\n')) {
    for (std::string_view element : split(line, '/')) {
      constexpr std::string_view kScope = ".scope";
      if (element.ends_with(kScope)) element.remove_suffix(kScope.size());
      const std::size_t dash = element.rfind('-');
      if (dash != element.npos) element.remove_prefix(dash + 1);
      if (is_id(element)) found = element;
    }
  }
  return found;
}

std::optional<pid_t> read_process(pid_t thread) {
  const std::string status = read_start(fmt::format("/proc/{}/status", thread), kMaxProcText);
  constexpr std::string_view kKey = "\nTgid:";
  const std::size_t at = status.find(kKey);
  if (at == std::string::npos) return std::nullopt;
  const std::string_view rest = std::string_view(status).substr(at + kKey.size());
  const auto process = parse_u64(trim(rest.substr(0, rest.find('\n'))));
  if (!process) return std::nullopt;
  return static_cast<pid_t>(*process);
}

std::optional<Subject> read_subject(pid_t thread) {
  const std::string folder = fmt::format("/proc/{}/", thread);
  const std::string status = read_start(folder + "status", kMaxProcText);
  if (status.empty()) return std::nullopt;
  Subject subject;
  for (std::string_view line : split(status, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == line.npos) continue;
    const std::string_view key = line.substr(0, colon);
    const std::string_view value = trim(line.substr(colon + 1));
    const std::string_view first = value.substr(0, value.find('\t'));
    const auto number = [&] { return parse_u64(first).value_or(0); };
    if (key == "Tgid") subject.process = static_cast<pid_t>(number());
    if (key == "PPid") subject.parent = static_cast<pid_t>(number());
    if (key == "TracerPid") subject.tracer = static_cast<pid_t>(number());
    if (key == "Uid") {
      subject.uid = static_cast<unsigned>(number());
      break;  // the rest is of no use here
    }
  }
  if (subject.process == 0) return std::nullopt;
  const std::string of_process = fmt::format("/proc/{}/", subject.process);
  subject.name = read_start(of_process + "comm", kMaxProcText);
  if (subject.name.ends_with('\n')) subject.name.pop_back();
  subject.exe_path = read_link(of_process + "exe");
  subject.cmdline = read_start(of_process + "cmdline", kMaxCmdline);
  while (subject.cmdline.ends_with('\0')) subject.cmdline.pop_back();
  std::replace(subject.cmdline.begin(), subject.cmdline.end(), '\0', ' ');
  subject.container_id = container_id_of(read_start(of_process + "cgroup", kMaxProcText));
  return subject;
}

}  // namespace sysnare
