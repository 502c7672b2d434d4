#include "profiles.h"

#include <nlohmann/json.hpp>

namespace sysnare::live {
namespace {

using Json = nlohmann::json;

/// What the victim `tripped` and the shell need, without mkdir and getppid.
const std::vector<std::string> kNeeded = {
    "access",
    "arch_prctl",
    "brk",
    "clock_nanosleep",
    "clone",
    "clone3",
    "close",
    "dup2",
    "execve",
    "exit",
    "exit_group",
    "fcntl",
    "fstat",
    "futex",
    "getegid",
    "geteuid",
    "getgid",
    "getpid",
    "getrandom",
    "gettid",
    "getuid",
    "ioctl",
    "lseek",
    "madvise",
    "mmap",
    "mprotect",
    "munmap",
    "nanosleep",
    "newfstatat",
    "openat",
    "poll",
    "prctl",
    "pread64",
    "prlimit64",
    "read",
    "readlink",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "seccomp",
    "setitimer",
    "setsid",
    "set_robust_list",
    "set_tid_address",
    "sigaltstack",
    "stat",
    "vfork",
    "wait4",
    "write",
};

}  // namespace

std::string all_but(const std::string& names, const std::string& action, const std::string& more) {
  return R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [)" + names +
         R"(], "action": "SCMP_ACT_)" + action + "\"" + more + "}]}";
}

std::string no_mkdir(const std::string& action, const std::string& more) {
  return all_but(R"("mkdir", "mkdirat")", action, more);
}

std::string profile_text(const std::string& default_action, const std::vector<Json>& more,
                         bool allow_needed) {
  Json profile = {{"defaultAction", default_action}, {"syscalls", Json::array()}};
  if (allow_needed) {
    profile["syscalls"].push_back({{"names", kNeeded}, {"action", "SCMP_ACT_ALLOW"}});
  }
  for (const Json& entry : more) profile["syscalls"].push_back(entry);
  return profile.dump();
}

Json entry(const std::string& name, const std::string& action, int errno_ret) {
  Json json = {{"names", {name}}, {"action", action}};
  if (errno_ret >= 0) json["errnoRet"] = errno_ret;
  return json;
}

}  // namespace sysnare::live
