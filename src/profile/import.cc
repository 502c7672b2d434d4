#include "profile/import.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "arch/syscalls.h"
#include "base/text.h"
#include "profile/import_readers.h"

#ifndef SECCOMP_RET_USER_NOTIF
#define SECCOMP_RET_USER_NOTIF 0x7fc00000U
#endif

namespace sysnare {
namespace {

struct Row {
  std::string_view name;
  Result<Imported> (*read)(const ImportRequest& request);
};

// Sorted by name.
constexpr Row kRows[] = {{"docker", read_json}, {"k8s", read_k8s},     {"minijail", read_minijail},
                         {"oci", read_json},    {"podman", read_json}, {"systemd", read_systemd}};
constexpr std::string_view kNames[] = {"docker", "k8s", "minijail", "oci", "podman", "systemd"};

/// Lines that are looked at to recognise a file; a header of comments is shorter.
constexpr std::size_t kLookedAt = 200;

bool is_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace

std::span<const std::string_view> import_formats() { return kNames; }

std::string_view recognised_format(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  if (text[first] == '{') {
    // A minijail line may begin so too: {read, write}: 1
    const std::string_view line = text.substr(first, text.find('\n', first) - first);
    const std::size_t close = line.find("}:");
    if (close == std::string_view::npos || line.find('"') < close) return "oci";
    return "minijail";
  }
  if (text[first] == '[') {
    // A unit begins with a section, [Service]; what is no name there is an array.
    const std::size_t next = text.find_first_not_of(" \t\r\n", first + 1);
    const bool section = next == first + 1 && ((text[next] >= 'A' && text[next] <= 'Z') ||
                                               (text[next] >= 'a' && text[next] <= 'z'));
    if (!section) return "oci";
  }
  std::size_t seen = 0;
  bool policy = false;
  while (!text.empty() && seen++ < kLookedAt) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with("[") && line.ends_with("]")) return "systemd";
    if (line.starts_with("SystemCallFilter=")) return "systemd";
    if (line.starts_with("apiVersion:") || line == "kind: SeccompProfile") return "k8s";
    if (line.starts_with("@default") || line.starts_with("@frequency")) return "minijail";
    if (line.starts_with("#") && line.find("compile_seccomp_policy") != std::string_view::npos) {
      return "minijail";
    }
    const std::size_t colon = line.find(':');
    policy = policy || (colon != std::string_view::npos && is_word(trim(line.substr(0, colon))));
  }
  return policy ? "minijail" : std::string_view();
}

Result<Imported> import_profile(std::string_view text, std::string_view file_name,
                                std::string_view format, Abi arch) {
  for (const Row& row : kRows) {
    if (row.name == format) return row.read({text, file_name, arch});
  }
  const std::vector<std::string_view> names(std::begin(kNames), std::end(kNames));
  const std::string_view near = nearest(format, names);
  return fail(Errc::kUsage, "unknown format \"{}\"{}; there are: {}", printable(format),
              near.empty() ? std::string() : fmt::format(", did you mean {}?", near),
              fmt::join(names, ", "));
}

Result<Imported> read_json(const ImportRequest& request) {
  Result<Profile> profile = parse_profile(request.text, request.file_name);
  if (!profile) return propagate(profile);
  return Imported{std::move(*profile), {}};
}

Entry entry_of(ActionValue action, std::string_view path, std::uint32_t line) {
  Entry entry;
  entry.action = action_of(action);
  entry.errno_ret = errno_ret_of(action);
  entry.path = std::string(path);
  entry.line = line;
  return entry;
}

void set_default(Profile& profile, ActionValue action) {
  profile.default_action = action_of(action);
  profile.default_errno_ret = errno_ret_of(action);
}

std::optional<std::uint16_t> errno_of(std::string_view word) {
  if (const std::optional<int> number = errno_by_name(word)) {
    return static_cast<std::uint16_t>(*number);
  }
  const std::optional<std::uint64_t> number = parse_u64(word);
  if (!number || *number > kMaxErrno) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

}  // namespace sysnare
