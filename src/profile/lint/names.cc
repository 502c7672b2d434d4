// Rules about names that say nothing, here or to some runtime.

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "arch/syscalls.h"
#include "base/text.h"
#include "profile/engine_arches.h"
#include "profile/libseccomp_names.h"
#include "profile/lint/checker.h"

namespace sysnare::linting {
namespace {

/// Names beyond this many get no suggestion: a hostile file has millions.
constexpr std::size_t kSuggestions = 32;

std::vector<std::string_view> names_at(const Entry& entry, const std::vector<std::size_t>& at) {
  std::vector<std::string_view> names;
  for (const std::size_t n : at) names.emplace_back(entry.names[n]);
  return names;
}

void check_known(Checker& checker, std::size_t index, std::size_t& suggested) {
  const Entry& entry = checker.profile.entries[index];
  const bool listed = !checker.profile.architectures.empty() && checker.applies_here(index);
  std::vector<std::size_t> elsewhere;
  std::vector<std::size_t> unresolved;
  for (std::size_t n = 0; n < entry.names.size(); ++n) {
    const std::string& name = entry.names[n];
    if (!is_syscall_name(name)) {
      std::string_view near;
      if (suggested++ < kSuggestions) {
        const auto all = syscall_names();
        near = nearest(name, {all.begin(), all.end()});
      }
      checker.report_names(
          "unknown-name", index, {n},
          fmt::format("no architecture has a call \"{}\": runc skips it silently, crun warns",
                      printable(name)),
          near.empty() ? "drop it, or write it as `sysnare syscalls` does"
                       : fmt::format("did you mean {}?", near));
      continue;
    }
    if (!libseccomp_knows(name)) unresolved.push_back(n);
    if (!listed) continue;
    const bool here = std::any_of(checker.resolved.abis.begin(), checker.resolved.abis.end(),
                                  [&](Abi abi) { return syscall_nr(abi, name).has_value(); });
    if (!here) elsewhere.push_back(n);
  }
  if (!elsewhere.empty()) {
    const auto names = names_at(entry, elsewhere);
    checker.report_names("name-elsewhere", index, elsewhere,
                         fmt::format("none of the listed architectures has {}", names_text(names)),
                         "drop what is not needed, or list the architecture");
  }
  if (!unresolved.empty()) {
    const auto names = names_at(entry, unresolved);
    checker.report_names(
        "libseccomp-unknown", index, unresolved,
        fmt::format(
            "libseccomp 2.5.4 (Debian 12) does not know {}: runtimes that use it leave {} out "
            "of the filter, and the default action applies",
            names_text(names), names.size() == 1 ? "it" : "them"),
        "nothing where the default action will do; else a runtime with a newer libseccomp");
  }
}

/// Why no machine fulfils both; empty when one may.
std::string clash(const Entry& entry) {
  const EntryCondition& in = entry.includes;
  const EntryCondition& out = entry.excludes;
  const std::set<std::string_view> no_caps(out.caps.begin(), out.caps.end());
  for (const std::string& cap : in.caps) {
    if (no_caps.contains(cap)) return fmt::format("{} is included and excluded", printable(cap));
  }
  if (in.min_kernel && out.min_kernel && *out.min_kernel <= *in.min_kernel) {
    return fmt::format("kernels from {}.{} on are included, those from {}.{} on excluded",
                       in.min_kernel->major, in.min_kernel->minor, out.min_kernel->major,
                       out.min_kernel->minor);
  }
  if (in.arches.empty()) return {};
  const std::set<std::string_view> no_arches(out.arches.begin(), out.arches.end());
  const auto possible = [&](const std::string& arch) {
    return !no_arches.contains(arch) && is_engine_arch(arch);
  };
  if (std::any_of(in.arches.begin(), in.arches.end(), possible)) return {};
  return fmt::format(
      "none of the included architectures ({}{}) is known to an engine and not "
      "excluded",
      printable(in.arches.front()), in.arches.size() > 1 ? " …" : "");
}

/// The rule about what parse_profile() found odd; empty for what other rules say.
std::string_view rule_of(Oddity::Kind kind) {
  using enum Oddity::Kind;
  switch (kind) {
    case kUnknownCapability:
      return "unknown-capability";
    case kUnknownArchitecture:
      return "unknown-architecture";
    case kUnreadValue:
      return "unread-value";
    case kListedTwice:
      return "listed-twice";
    case kNoNames:          // empty-entry
    case kBitsOutsideMask:  // dead-rule
      return {};
    case kUnknownKey:
    case kUncounted:
      break;
  }
  return "unknown-key";
}

std::string_view fix_of(Oddity::Kind kind) {
  using enum Oddity::Kind;
  switch (kind) {
    case kUnknownCapability:
      return "name it as capabilities(7) does, CAP_ in front";
    case kUnknownArchitecture:
      return "name it as Go does: amd64, x86, arm64 …";
    case kUnreadValue:
      return "drop it, or compare with SCMP_CMP_MASKED_EQ";
    case kListedTwice:
      return "drop one of the two";
    default:
      return "correct or drop it: every reader passes over it";
  }
}

void check_oddities(Checker& checker) {
  for (const Oddity& each : checker.profile.oddities) {
    const std::string_view rule = rule_of(each.kind);
    if (rule.empty()) continue;
    checker.report(rule, each.path, each.line, each.message, std::string(fix_of(each.kind)));
  }
}

}  // namespace

void check_names(Checker& checker) {
  std::size_t suggested = 0;
  for (std::size_t i = 0; i < checker.profile.entries.size(); ++i) {
    const Entry& entry = checker.profile.entries[i];
    if (entry.names.empty()) {
      checker.report_names("empty-entry", i, {}, "the entry names no call and says nothing",
                           "drop it", true);
      continue;
    }
    if (entry.singular_name) {
      checker.report_names(
          "singular-name", i, {0},
          fmt::format("`name` is Docker's old way; runc, crun and containerd read "
                      "only `names`, and pass over what is said of {}",
                      printable(entry.names.front())),
          fmt::format("write \"names\": [{}]", "\"" + printable(entry.names.front()) + "\""), true);
    }
    if (const std::string why = clash(entry); !why.empty()) {
      checker.report_names("never-applies", i, {},
                           fmt::format("the entry applies nowhere: {}", why),
                           "drop the entry, or one of the two", true);
    }
    check_known(checker, i, suggested);
  }
  check_oddities(checker);
}

}  // namespace sysnare::linting
