#pragma once
// What does a profile file mean on this machine, for a program that we start now?
//
// Docker's includes and excludes are decided by the capabilities that the program will have, which
// are ours, and by the running kernel; architectures by this machine. Nothing is printed here: what
// a person should know comes back as `warnings`.
//
// Source: capabilities(7), uname(2), seccomp(2); Docker's profiles/seccomp (includes, excludes).

#include <linux/filter.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "filter/filter.h"
#include "profile/profile.h"
#include "profile/resolve.h"

namespace sysnare {

struct LiveProfileOptions {
  std::string path;
  /// CAP_* for includes and excludes; empty: those that are effective in this process.
  std::optional<std::vector<std::string>> caps;
  bool kill_process = false;   ///< KILL and KILL_THREAD become KILL_PROCESS
  bool allow_unknown = false;  ///< an unknown call name is a warning, not an error
  bool listener = false;       ///< the filter will be loaded with a listener
  CallCounts counts{};         ///< how often calls are made; decides nothing but the way to them
  ActionValue foreign_abi{SECCOMP_RET_KILL_PROCESS};  ///< as in ResolveOptions
  bool int_args_by_width = false;                     ///< as in ResolveOptions
};

struct LiveProfile {
  Profile profile;
  ResolvedProfile resolved;
  std::vector<sock_filter> program;  ///< proven equal to `resolved`
  std::uint64_t filter_flags = 0;    ///< SECCOMP_FILTER_FLAG_*, as seccomp(2) takes them
  std::vector<std::string> warnings;

  /// Whether any call can get `action` (SECCOMP_RET_*, without data).
  [[nodiscard]] bool uses(std::uint32_t action) const;
};

/// Reads, resolves and compiles. Errors: kBadInput, one sentence; kNotFound and kNoPermission for
/// the file; kLimit for a filter that is too large.
Result<LiveProfile> load_live_profile(const LiveProfileOptions& options);

/// What decided on `data`: "its default action errno EPERM", "its entry syscalls[3] (line 12),
/// errno EPERM", or that it lists no i386 calls.
std::string deciding_rule(const LiveProfile& profile, const seccomp_data& data);

/// CAP_* names that are effective in this process, sorted by number. Numbers newer than our table
/// are left out.
std::vector<std::string> effective_capabilities();
/// The running kernel.
KernelVersion running_kernel();
/// Whether the running kernel answers unconditional allows without running the filter: since 5.11
/// (kernel/seccomp.c seccomp_cache_check_allow()).
bool caches_allows();

}  // namespace sysnare
