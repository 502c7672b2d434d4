// A unit or drop-in of systemd.
//
// Source: systemd.syntax(7), systemd.exec(5) of 252, and the functions named in export_systemd.cc.
// Assignments are applied in order, as systemd does. Groups are those of 252.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "arch/syscalls.h"
#include "base/text.h"
#include "profile/import_readers.h"
#include "profile/systemd_words.h"

namespace sysnare {
namespace {

/// Options that load filters of their own beside SystemCallFilter=, when they are on.
constexpr std::string_view kOtherFilters[] = {
    "LockPersonality",      "MemoryDenyWriteExecute", "PrivateDevices",
    "ProtectClock",         "ProtectHostname",        "ProtectKernelLogs",
    "ProtectKernelModules", "ProtectKernelTunables",  "RestrictAddressFamilies",
    "RestrictNamespaces",   "RestrictRealtime",       "RestrictSUIDSGID",
    "SystemCallLog"};

/// Largest unit file, and most groups named in one: real ones have a few KB and a dozen.
constexpr std::size_t kMaxUnit = 1u << 20;
constexpr std::size_t kMaxGroupWords = 4096;

bool is_off(std::string_view value) {
  static constexpr std::string_view kOff[] = {"", "0", "no", "n", "false", "f", "off"};
  return std::find(std::begin(kOff), std::end(kOff), value) != std::end(kOff);
}

/// The sections whose processes get a filter; an assignment in another one is ignored by systemd.
bool has_processes(std::string_view section) {
  static constexpr std::string_view kSections[] = {"[Service]", "[Socket]", "[Mount]", "[Swap]"};
  return std::find(std::begin(kSections), std::end(kSections), section) != std::end(kSections);
}

struct Assignment {
  std::string section;  ///< "[Service]"; empty above the first one
  std::string key;
  std::string value;
  std::uint32_t line = 0;
};

/// The assignments of all sections; comments and continued lines as systemd.syntax(7) has them.
std::vector<Assignment> assignments_of(std::string_view text) {
  std::vector<Assignment> all;
  std::string section;
  std::string joined;
  std::uint32_t first = 0;
  std::uint32_t line_number = 0;
  const auto finish = [&] {
    const std::string_view line = trim(joined);
    const std::size_t equals = line.find('=');
    if (line.starts_with('[')) {
      section = line;
    } else if (equals != std::string_view::npos) {
      all.push_back({section, std::string(trim(line.substr(0, equals))),
                     std::string(trim(line.substr(equals + 1))), first});
    }
    joined.clear();
  };
  for (const std::string_view raw : split(text, '\n')) {
    ++line_number;
    const std::string_view line = trim(raw);
    // Also between the lines of a continued one.
    if (line.starts_with('#') || line.starts_with(';')) continue;
    if (joined.empty()) first = line_number;
    const bool continued = line.ends_with('\\');
    joined += continued ? line.substr(0, line.size() - 1) : line;
    joined += ' ';
    if (!continued) finish();
  }
  finish();
  return all;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t at = 0;
  while ((at = text.find_first_not_of(" \t", at)) != std::string_view::npos) {
    const std::size_t end = std::min(text.find_first_of(" \t", at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

class Unit {
 public:
  explicit Unit(const ImportRequest& request) : request_(request) {}

  Result<void> apply(const Assignment& assignment) {
    line_ = assignment.line;
    const std::string_view value = assignment.value;
    // Above the first section stands what somebody typed in a hurry, and meant.
    if (!assignment.section.empty() && !has_processes(assignment.section)) {
      if (!assignment.key.starts_with("SystemCall")) return {};
      return bad("{}=: systemd ignores it in {}; it belongs into [Service]", assignment.key,
                 printable(assignment.section));
    }
    if (assignment.key == "SystemCallFilter") return filter(value);
    if (assignment.key == "SystemCallErrorNumber") return error_number(value);
    if (assignment.key == "SystemCallArchitectures") return architectures(value);
    const bool other = std::find(std::begin(kOtherFilters), std::end(kOtherFilters),
                                 assignment.key) != std::end(kOtherFilters);
    if (other && !is_off(value)) {
      losses_.push_back(
          fmt::format("{}:{}: {}= loads a filter of its own, which a profile does not hold",
                      request_.file_name, line_, assignment.key));
    }
    return {};
  }

  Result<Imported> finish() {
    if (!list_ && archs_.empty()) {
      return fail(Errc::kBadInput, "{}: no SystemCallFilter= or SystemCallArchitectures= in it",
                  request_.file_name);
    }
    Imported imported;
    imported.losses = std::move(losses_);
    Profile& profile = imported.profile;
    profile.source = std::string(request_.file_name);
    for (const Abi abi : listed_abis()) profile.architectures.emplace_back(abi_oci_name(abi));
    const bool allows = list_ && list_->allow;
    set_default(profile, allows ? negative_ : ActionValue{SECCOMP_RET_ALLOW});
    if (!list_) return imported;
    std::map<ActionValue, std::vector<std::string>> by_action;
    for (const auto& [name, answer] : list_->calls) {
      const ActionValue plain = allows ? ActionValue{SECCOMP_RET_ALLOW} : negative_;
      by_action[answer.value_or(plain)].push_back(name);
    }
    for (auto& [action, names] : by_action) {
      Entry entry =
          entry_of(action, fmt::format("syscalls[{}]", profile.entries.size()), list_->line);
      entry.names = std::move(names);
      profile.entries.push_back(std::move(entry));
    }
    return imported;
  }

 private:
  /// Calls with their own answer, where they have one.
  struct List {
    bool allow = false;
    std::uint32_t line = 0;
    std::map<std::string, std::optional<ActionValue>> calls;
  };

  template <typename... Args>
  Failure bad(fmt::format_string<Args...> format, Args&&... args) const {
    return fail(Errc::kBadInput, "{}:{}: {}", request_.file_name, line_,
                fmt::vformat(format, fmt::make_format_args(args...)));
  }

  Result<void> filter(std::string_view value) {
    if (value.empty()) {
      list_.reset();
      return {};
    }
    const bool invert = value.front() == '~';
    if (invert) value.remove_prefix(1);
    if (!list_) {
      list_ = List{.allow = !invert, .line = line_, .calls = {}};
      if (list_->allow) {
        for (const std::string_view call : systemd_default_group().calls) {
          if (is_syscall_name(call)) set(call, std::nullopt);
        }
      }
    }
    for (const std::string_view word : words_of(value)) {
      if (Result<void> done = listed(word, invert); !done) return done;
    }
    return {};
  }

  Result<void> listed(std::string_view word, bool invert) {
    const std::size_t colon = word.find(':');
    const std::string_view name = word.substr(0, colon);
    std::optional<ActionValue> answer;
    if (colon != std::string_view::npos) {
      const std::string_view said = word.substr(colon + 1);
      const std::optional<std::uint16_t> number = errno_of(said);
      if (said != "kill" && !number) {
        return bad(
            "SystemCallFilter=: \"{}\" is no errno, allowed: a name such as EPERM, a number "
            "up to {}, kill",
            printable(said), kMaxErrno);
      }
      answer = said == "kill" ? ActionValue{SECCOMP_RET_KILL_PROCESS}
                              : ActionValue{SECCOMP_RET_ERRNO | *number};
      if (!invert) {
        return bad(
            "SystemCallFilter=: \"{}\": an allowed call takes no errno (systemd ignores the "
            "word)",
            printable(word));
      }
    }
    if (name.starts_with('@')) {
      const SystemdGroup* group = systemd_group(name);
      if (group == nullptr) {
        return bad("SystemCallFilter=: systemd 252 has no group \"{}\"", printable(name));
      }
      if (++group_words_ > kMaxGroupWords) {
        return bad("more than {} groups are named", kMaxGroupWords);
      }
      for (const std::string_view call : group->calls) {
        // Of machines that no table here has.
        if (is_syscall_name(call)) decide(call, invert, answer);
      }
      return {};
    }
    if (name.empty()) return bad("SystemCallFilter=: \"{}\" names no call", printable(word));
    decide(name, invert, answer);
    return {};
  }

  void decide(std::string_view call, bool invert, std::optional<ActionValue> answer) {
    // As seccomp_parse_syscall_filter(): a word of the list's own kind, or one with an answer, is
    // put in; else it takes the call out again.
    const bool own_kind = invert != list_->allow;
    if (own_kind || answer) {
      set(call, answer);
    } else {
      list_->calls.erase(std::string(call));
    }
  }

  void set(std::string_view call, std::optional<ActionValue> answer) {
    list_->calls[std::string(call)] = answer;
  }

  Result<void> error_number(std::string_view value) {
    if (value.empty() || value == "kill") {
      negative_ = {SECCOMP_RET_KILL_PROCESS};
      return {};
    }
    const std::optional<std::uint16_t> number = errno_of(value);
    if (!number || *number == 0) {
      return bad(
          "SystemCallErrorNumber=: \"{}\" is no errno, allowed: a name such as EPERM, a "
          "number from 1 to {}, kill",
          printable(value), kMaxErrno);
    }
    negative_ = {SECCOMP_RET_ERRNO | *number};
    return {};
  }

  Result<void> architectures(std::string_view value) {
    if (value.empty()) archs_.clear();
    for (const std::string_view word : words_of(value)) {
      const std::optional<Abi> abi =
          word == "native" ? std::optional<Abi>(request_.arch) : abi_by_systemd_arch(word);
      if (!abi) {
        return bad("SystemCallArchitectures=: no call table for \"{}\"", printable(word));
      }
      archs_.insert(*abi);
    }
    return {};
  }

  /// Without the option the filter is loaded for all ABIs of the machine; its own is always let in.
  [[nodiscard]] std::set<Abi> listed_abis() const {
    std::set<Abi> abis = archs_;
    abis.insert(request_.arch);
    if (archs_.empty()) {
      const auto siblings = sibling_abis(request_.arch);
      abis.insert(siblings.begin(), siblings.end());
    }
    return abis;
  }

  const ImportRequest& request_;
  std::uint32_t line_ = 0;
  std::size_t group_words_ = 0;
  std::optional<List> list_;
  ActionValue negative_{SECCOMP_RET_KILL_PROCESS};
  std::set<Abi> archs_;
  std::vector<std::string> losses_;
};

}  // namespace

Result<Imported> read_systemd(const ImportRequest& request) {
  if (request.text.size() > kMaxUnit) {
    return fail(Errc::kBadInput, "{}: {} bytes of unit file, at most {} are read",
                request.file_name, request.text.size(), kMaxUnit);
  }
  Unit unit(request);
  for (const Assignment& assignment : assignments_of(request.text)) {
    if (Result<void> done = unit.apply(assignment); !done) return propagate(done);
  }
  return unit.finish();
}

}  // namespace sysnare
