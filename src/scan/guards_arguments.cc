// What is called only for some arguments.
//
// - faccessat. For F_OK it is done once it knows that the file is there; only other modes
//   are judged by who asks (glibc 2.36, sysdeps/unix/sysv/linux/faccessat.c). realpath asks for
//   F_OK.
// - sysconf. For _SC_NPROCESSORS_CONF and _SC_NPROCESSORS_ONLN alone it counts processors (glibc
//   2.36, sysdeps/posix/sysconf.c), which it has done since it has these.
// - LLVM's real_path. It looks for "~user" only where it is told so (LLVM 14,
//   lib/Support/Unix/Path.inc); the virtual file system, which all tools have, does not.
//
// Callers that are not followed pass what is not known: findings.cc names both.

#include <algorithm>
#include <utility>

#include "scan/guards.h"
#include "scan/names.h"
#include "scan/parts.h"

namespace sysnare {

void Guards::find_arguments() {
  for (const std::uint32_t object : objects_with("gnu_get_libc_version", "")) {
    if (!is_c_library_alone(object)) continue;
    find_access(object);
    find_processors(object);
  }
  for (const std::uint32_t object : objects_with(kLlvmRealPath, "libLLVM-14.so.1"))
    find_tildes(object);
}

void Guards::find_access(std::uint32_t object) {
  const std::uint32_t access = named_in(object, kAccess);
  if (access == kNone || graph_.function(access) == nullptr) return;
  constexpr unsigned kMode = 2;
  constexpr std::uint64_t kModes = 7;  // R_OK | W_OK | X_OK
  Guard guard;
  guard.argument = {access, argument_place(graph_.summary_of(access).machine, kMode), kModes};
  for (const std::string_view name : {"getuid", "geteuid", "getgid", "getegid", "group_member"}) {
    const std::uint32_t to = named_in(object, name);
    if (to != kNone) guard.steps.emplace_back(access, to);
  }
  add(std::move(guard));
}

void Guards::find_processors(std::uint32_t object) {
  const std::uint32_t sysconf = named_in(object, kSysconf);
  if (sysconf == kNone || graph_.function(sysconf) == nullptr) return;
  constexpr unsigned kName = 0;
  constexpr std::uint64_t kInt = 0xffffffff;
  constexpr std::uint64_t kConfigured = 83;  // _SC_NPROCESSORS_CONF
  constexpr std::uint64_t kOnline = 84;      // _SC_NPROCESSORS_ONLN
  Guard guard;
  guard.argument = {sysconf, argument_place(graph_.summary_of(sysconf).machine, kName), kInt,
                    kConfigured, kOnline};
  for (const std::string_view name : {"get_nprocs", "get_nprocs_conf"}) {
    const std::uint32_t to = named_in(object, name);
    if (to != kNone) guard.steps.emplace_back(sysconf, to);
  }
  add(std::move(guard));
}

void Guards::find_tildes(std::uint32_t object) {
  const std::uint32_t path = named_in(object, kLlvmRealPath);
  if (path == kNone || graph_.function(path) == nullptr) return;
  constexpr unsigned kExpandTilde = 2;
  constexpr std::uint64_t kBool = 0xff;
  const Summary& summary = graph_.objects()[object].summary;
  const auto looks_for_users = [&](const CallSite& call) {
    return call.target.kind == Target::Kind::kImport &&
           call.target.index < summary.imports.size() &&
           text_of(summary, summary.imports[call.target.index].name) == "getpwnam";
  };
  Guard guard;
  guard.argument = {path, argument_place(summary.machine, kExpandTilde), kBool};
  for (const CallSite& call : cut(summary.calls, graph_.function(path)->calls)) {
    if (call.target.kind != Target::Kind::kFunction) continue;
    const std::uint32_t to = graph_.node_of_function(object, call.target.index);
    if (to == kNone || to == path) continue;
    const auto calls = cut(summary.calls, graph_.function(to)->calls);
    if (std::any_of(calls.begin(), calls.end(), looks_for_users))
      guard.steps.emplace_back(path, to);
  }
  add(std::move(guard));
}

}  // namespace sysnare
