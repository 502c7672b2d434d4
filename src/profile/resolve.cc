#include "profile/resolve.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "arch/syscalls.h"
#include "base/text.h"
#include "profile/engine_arches.h"

namespace sysnare {
namespace {

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool names_arch(const std::vector<std::string>& arches, Abi abi) {
  return contains(arches, engine_arch(abi));
}

Result<std::vector<Abi>> resolve_abis(const Profile& profile, const ResolveOptions& options) {
  if (!profile.architectures.empty() && !profile.arch_map.empty()) {
    return fail(Errc::kBadInput,
                "{}:{}: archMap: both `architectures` and `archMap` are given, use one of them",
                profile.source, profile.architectures_line);
  }
  std::set<Abi> abis;
  if (!profile.architectures.empty()) {
    for (const std::string& name : profile.architectures) {
      // Those that OCI knows and we have no table for cannot run on the machines we know either.
      if (const auto abi = abi_by_oci_name(name)) abis.insert(*abi);
    }
    if (abis.empty()) {
      return fail(Errc::kBadInput, "{}: architectures: no call table for any of {}", profile.source,
                  fmt::join(profile.architectures, ", "));
    }
    return std::vector<Abi>(abis.begin(), abis.end());
  }
  abis.insert(options.arch);
  if (options.sub_architectures) {
    for (const ArchMapEntry& entry : profile.arch_map) {
      if (entry.architecture != abi_oci_name(options.arch)) continue;
      for (const std::string& name : entry.sub_architectures) {
        if (const auto abi = abi_by_oci_name(name)) abis.insert(*abi);
      }
    }
  }
  return std::vector<Abi>(abis.begin(), abis.end());
}

/// `entry.names[index]` as "FILE:LINE: PATH: …"; `suggest` looks for the name that was meant, which
/// compares with every name there is.
std::string unknown_name(const Profile& profile, const Entry& entry, std::size_t index,
                         bool suggest) {
  const std::string& name = entry.names[index];
  std::string_view near;
  if (suggest) {
    const auto all = syscall_names();
    near = nearest(name, {all.begin(), all.end()});
  }
  const std::string where =
      entry.singular_name ? entry.path + ".name" : fmt::format("{}.names[{}]", entry.path, index);
  return fmt::format("{}:{}: {}: no ABI has a call \"{}\"{}", profile.source, entry.line, where,
                     printable(name),
                     near.empty() ? std::string() : fmt::format(", did you mean {}?", near));
}

/// Names beyond this many get no suggestion: a hostile file has millions.
constexpr std::size_t kSuggestions = 32;

}  // namespace

bool applies(const Entry& entry, const ResolveOptions& options) {
  const EntryCondition& in = entry.includes;
  const EntryCondition& out = entry.excludes;
  const auto has_cap = [&](const std::string& cap) { return contains(options.caps, cap); };

  if (!std::all_of(in.caps.begin(), in.caps.end(), has_cap)) return false;
  if (!in.arches.empty() && !names_arch(in.arches, options.arch)) return false;
  if (in.min_kernel && options.kernel < *in.min_kernel) return false;

  if (std::any_of(out.caps.begin(), out.caps.end(), has_cap)) return false;
  if (names_arch(out.arches, options.arch)) return false;
  if (out.min_kernel && options.kernel >= *out.min_kernel) return false;
  return true;
}

std::vector<std::string> unknown_names(const Profile& profile) {
  std::vector<std::string> unknown;
  for (const Entry& entry : profile.entries) {
    for (std::size_t n = 0; n < entry.names.size(); ++n) {
      if (is_syscall_name(entry.names[n])) continue;
      unknown.push_back(unknown_name(profile, entry, n, unknown.size() < kSuggestions));
    }
  }
  return unknown;
}

Result<ResolvedProfile> resolve(const Profile& profile, const ResolveOptions& options) {
  Result<std::vector<Abi>> abis = resolve_abis(profile, options);
  if (!abis) return propagate(abis);
  ResolvedProfile resolved;
  resolved.default_action = action_value(profile.default_action, profile.default_errno_ret);
  resolved.foreign_abi = options.foreign_abi;
  resolved.int_args_by_width = options.int_args_by_width;
  resolved.abis = std::move(*abis);
  resolved.flags = profile.flags;
  for (std::size_t i = 0; i < profile.entries.size(); ++i) {
    const Entry& entry = profile.entries[i];
    if (!applies(entry, options)) continue;
    const ActionValue action = action_value(entry.action, entry.errno_ret);
    // A name that stands twice in one entry says nothing new.
    std::set<std::string_view> seen;
    for (std::size_t n = 0; n < entry.names.size(); ++n) {
      const std::string& name = entry.names[n];
      if (!seen.insert(name).second) continue;
      if (!is_syscall_name(name)) {
        auto& unknown = resolved.unknown_names;
        unknown.push_back(unknown_name(profile, entry, n, unknown.size() < kSuggestions));
        continue;
      }
      for (const Abi abi : resolved.abis) {
        if (const auto nr = syscall_nr(abi, name)) {
          resolved.rules[Call{abi, *nr}].push_back({entry.args, action, i});
        }
      }
    }
  }
  return resolved;
}

}  // namespace sysnare
