#include "container/runtime_calls.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <span>

#include "base/text.h"

namespace sysnare {
namespace {

enum class Runtime : unsigned char { kCrun, kRunc, kFirejail, kSystemd };
enum class When : unsigned char { kAlways, kWithoutNoNewPrivs };

struct LayerData {
  Runtime runtime;
  When when;
  const char* label;
  const char* reason;
  std::span<const char* const> calls;
};

// crun is one thread. It closes what it no longer needs and execs.
constexpr const char* kCrun[] = {"close", "execve"};

// crun drops capabilities and ids after loading the filter, resets the signals, tells its parent
// that it is ready, and after `create` waits on the exec fifo (pselect6, read) for `start`.
constexpr const char* kCrunPrivileges[] = {
    "capset",         "prctl",     "pselect6",  "read",  "rt_sigaction",
    "rt_sigprocmask", "setresgid", "setresuid", "write",
};

// runc opens the exec fifo and writes a byte to it, then walks /proc/self/fd to close what is not
// the program's (fstatfs proves that this is procfs; before CVE-2024-21626 it used fcntl to mark it
// close-on-exec). It reads where its parent takes a listener over (NOTIFY). getpid and epoll_ctl
// may fail without harm, but a profile that kills instead of failing would kill there.
constexpr const char* kRunc[] = {
    "close",      "epoll_ctl", "execve", "fcntl", "fstatfs",
    "getdents64", "getpid",    "openat", "read",  "write",
};

// runc is a Go program, and only the thread that loads the filter is under it until exec. That
// thread is locked (LockOSThread): it neither makes threads nor runs other goroutines, but it waits
// and wakes (futex), may collect garbage (mmap, munmap, madvise, epoll_pwait when the world starts
// again, tgkill and getpid to preempt the others) and be preempted itself (rt_sigreturn); it backs
// off by sched_yield and nanosleep, and reads the clock by a call where the vDSO has none.
// Source: runtime/{proc,lock_futex,os_linux,signal_unix,mem_linux,netpoll_epoll}.go of Go 1.19.
// Of these futex, getpid and rt_sigreturn were seen; each of the others is rare, and a start that
// fails once in a thousand is worse than one that always fails.
constexpr const char* kRuncGo[] = {
    "clock_gettime", "epoll_pwait", "futex",        "getpid",      "madvise", "mmap",
    "munmap",        "nanosleep",   "rt_sigreturn", "sched_yield", "tgkill",
};

// runc checks the working directory and the program, makes the standard descriptors the user's,
// and drops capabilities, groups and ids.
constexpr const char* kRuncPrivileges[] = {
    "capget",  "capset",     "chdir", "faccessat2", "fchown",    "fstat",  "getcwd",
    "getppid", "newfstatat", "prctl", "setgid",     "setgroups", "setuid",
};

// firejail and systemd load the filter last and exec at once; what they need of privileges they
// have dropped before. firejail loads --seccomp.block-secondary's filter first.
constexpr const char* kExec[] = {"execve"};

constexpr LayerData kLayers[] = {
    {Runtime::kCrun, When::kAlways, "crun",
     "made by crun between loading the filter and exec; measured on crun 1.8.1", kCrun},
    {Runtime::kCrun, When::kWithoutNoNewPrivs, "crun without no_new_privs",
     "made by crun, which drops its privileges under the filter; measured on crun 1.8.1",
     kCrunPrivileges},
    {Runtime::kRunc, When::kAlways, "runc",
     "made by runc between loading the filter and exec; measured on runc 1.1.5", kRunc},
    {Runtime::kRunc, When::kAlways, "runc: Go",
     "runc's Go runtime can make it between loading the filter and exec, in some starts only; "
     "measured on runc 1.1.5; rare ones inferred from how Go 1.19 works, not seen",
     kRuncGo},
    {Runtime::kRunc, When::kWithoutNoNewPrivs, "runc without no_new_privs",
     "made by runc, which drops its privileges under the filter; measured on runc 1.1.5",
     kRuncPrivileges},
    {Runtime::kFirejail, When::kAlways, "firejail",
     "made by firejail between loading the filter and exec; measured on firejail 0.9.72", kExec},
    {Runtime::kSystemd, When::kAlways, "systemd",
     "made by systemd between loading the filter and exec; measured on systemd 252", kExec},
};

struct Engine {
  std::string_view name;
  Runtime starts;
  std::optional<Runtime> or_starts = std::nullopt;
};

// docker's other runtimes (--add-runtime) and podman's --runtime are said by naming the runtime.
constexpr Engine kEngines[] = {
    {"crun", Runtime::kCrun},         {"docker", Runtime::kRunc},
    {"firejail", Runtime::kFirejail}, {"podman", Runtime::kCrun, Runtime::kRunc},
    {"podman+crun", Runtime::kCrun},  {"podman+runc", Runtime::kRunc},
    {"runc", Runtime::kRunc},         {"systemd", Runtime::kSystemd},
};

}  // namespace

const std::vector<std::string_view>& runtime_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all;
    for (const Engine& engine : kEngines) all.push_back(engine.name);
    return all;
  }();
  return names;
}

Result<std::vector<RuntimeCalls>> runtime_calls(std::string_view runtime, bool no_new_privileges) {
  const auto* engine = std::find_if(std::begin(kEngines), std::end(kEngines),
                                    [&](const Engine& each) { return each.name == runtime; });
  if (engine == std::end(kEngines)) {
    return fail(Errc::kUsage, "unknown runtime \"{}\": allowed are {}", printable(runtime),
                fmt::join(runtime_names(), ", "));
  }
  std::vector<RuntimeCalls> layers;
  for (const LayerData& layer : kLayers) {
    const bool starts = layer.runtime == engine->starts || layer.runtime == engine->or_starts;
    if (!starts || (layer.when == When::kWithoutNoNewPrivs && no_new_privileges)) continue;
    layers.push_back({.runtime = layer.label,
                      .reason = layer.reason,
                      .calls = {layer.calls.begin(), layer.calls.end()}});
    std::sort(layers.back().calls.begin(), layers.back().calls.end());
  }
  return layers;
}

}  // namespace sysnare
