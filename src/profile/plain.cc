#include "profile/plain.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace sysnare {
namespace {

std::string where(const Profile& profile, const Entry& entry) {
  return fmt::format("{}:{}: {}", profile.source, entry.line, entry.path);
}

std::string names_text(const Entry& entry) {
  constexpr std::size_t kShown = 4;
  std::string text;
  for (std::size_t i = 0; i < std::min(kShown, entry.names.size()); ++i) {
    text += (i == 0 ? "" : ", ") + printable(entry.names[i]);
  }
  if (entry.names.size() > kShown) text += fmt::format(" and {} more", entry.names.size() - kShown);
  return text;
}

bool index_twice(const Entry& entry) {
  std::array<int, kArgCount> seen{};
  return std::any_of(entry.args.begin(), entry.args.end(),
                     [&](const ArgCondition& arg) { return ++seen[arg.index] > 1; });
}

/// As engines hand it over: archMap becomes its row for `options.arch`; none without such a row,
/// which is the machine's own architecture everywhere.
std::vector<std::string> plain_architectures(const Profile& profile,
                                             const ResolveOptions& options) {
  if (profile.arch_map.empty()) return profile.architectures;
  std::vector<std::string> names;
  for (const ArchMapEntry& entry : profile.arch_map) {
    if (entry.architecture != abi_oci_name(options.arch)) continue;
    names.push_back(entry.architecture);
    if (!options.sub_architectures) continue;
    for (const std::string& sub : entry.sub_architectures) {
      if (std::find(names.begin(), names.end(), sub) == names.end()) names.push_back(sub);
    }
  }
  return names;
}

}  // namespace

std::string why_left_out(const Entry& entry, const ResolveOptions& options) {
  const auto has_cap = [&](const std::string& cap) {
    return std::find(options.caps.begin(), options.caps.end(), cap) != options.caps.end();
  };
  for (const std::string& cap : entry.includes.caps) {
    if (!has_cap(cap)) return fmt::format("needs {}", printable(cap));
  }
  for (const std::string& cap : entry.excludes.caps) {
    if (has_cap(cap)) return fmt::format("not with {}", printable(cap));
  }
  const auto& in = entry.includes.min_kernel;
  if (in && options.kernel < *in) return fmt::format("needs Linux {}.{}", in->major, in->minor);
  const auto& out = entry.excludes.min_kernel;
  if (out && options.kernel >= *out) {
    return fmt::format("not from Linux {}.{} on", out->major, out->minor);
  }
  return fmt::format("not for {}", abi_name(options.arch));
}

Result<PlainProfile> plain_profile(const Profile& profile, const ResolveOptions& options) {
  // resolve() knows which files cannot be used, and which names no table has.
  Result<ResolvedProfile> resolved = resolve(profile, options);
  if (!resolved) return propagate(resolved);
  PlainProfile plain;
  plain.profile = profile;
  plain.profile.architectures = plain_architectures(profile, options);
  if (!profile.arch_map.empty() && plain.profile.architectures.empty()) {
    plain.notes.push_back(fmt::format(
        "{}:{}: archMap: no row for {}: no `architectures` are written, which is the machine's own",
        profile.source, profile.architectures_line, abi_oci_name(options.arch)));
  }
  plain.profile.arch_map.clear();
  plain.profile.entries.clear();
  for (const Entry& entry : profile.entries) {
    if (entry.names.empty()) {
      plain.notes.push_back(where(profile, entry) + ": left out: it names no call");
      continue;
    }
    if (!applies(entry, options)) {
      plain.notes.push_back(fmt::format("{}: left out ({}): {}", where(profile, entry),
                                        why_left_out(entry, options), names_text(entry)));
      continue;
    }
    if (index_twice(entry)) {
      plain.notes.push_back(fmt::format(
          "{}: one argument index stands twice: runc and crun take such conditions as \"or\"",
          where(profile, entry)));
    }
    Entry kept = entry;
    kept.singular_name = false;
    kept.includes = {};
    kept.excludes = {};
    plain.profile.entries.push_back(std::move(kept));
  }
  return plain;
}

}  // namespace sysnare
