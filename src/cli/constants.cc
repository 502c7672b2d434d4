#include "cli/constants.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

// Newer than the headers of some build machines.
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace sysnare::cli {
namespace {

#define NAMED(constant) \
  { #constant, static_cast < std::uint64_t>(constant) }
constexpr std::pair<std::string_view, std::uint64_t> kConstants[] = {
    // socket families and types
    NAMED(AF_ALG), NAMED(AF_BLUETOOTH), NAMED(AF_CAN), NAMED(AF_INET), NAMED(AF_INET6),
    NAMED(AF_KEY), NAMED(AF_LOCAL), NAMED(AF_NETLINK), NAMED(AF_PACKET), NAMED(AF_TIPC),
    NAMED(AF_UNIX), NAMED(AF_UNSPEC), NAMED(AF_VSOCK), NAMED(AF_XDP), NAMED(SOCK_CLOEXEC),
    NAMED(SOCK_DGRAM), NAMED(SOCK_NONBLOCK), NAMED(SOCK_RAW), NAMED(SOCK_SEQPACKET),
    NAMED(SOCK_STREAM),
    // clone, unshare, setns
    NAMED(CLONE_CHILD_CLEARTID), NAMED(CLONE_CHILD_SETTID), NAMED(CLONE_FILES), NAMED(CLONE_FS),
    NAMED(CLONE_IO), NAMED(CLONE_NEWCGROUP), NAMED(CLONE_NEWIPC), NAMED(CLONE_NEWNET),
    NAMED(CLONE_NEWNS), NAMED(CLONE_NEWPID), NAMED(CLONE_NEWTIME), NAMED(CLONE_NEWUSER),
    NAMED(CLONE_NEWUTS), NAMED(CLONE_PARENT), NAMED(CLONE_PARENT_SETTID), NAMED(CLONE_SETTLS),
    NAMED(CLONE_SIGHAND), NAMED(CLONE_SYSVSEM), NAMED(CLONE_THREAD), NAMED(CLONE_VFORK),
    NAMED(CLONE_VM),
    // open
    NAMED(O_APPEND), NAMED(O_CLOEXEC), NAMED(O_CREAT), NAMED(O_DIRECTORY), NAMED(O_EXCL),
    NAMED(O_NOFOLLOW), NAMED(O_NONBLOCK), NAMED(O_RDONLY), NAMED(O_RDWR), NAMED(O_TRUNC),
    NAMED(O_WRONLY), NAMED(AT_FDCWD), NAMED(AT_EMPTY_PATH), NAMED(AT_REMOVEDIR),
    NAMED(AT_SYMLINK_NOFOLLOW), NAMED(F_DUPFD), NAMED(F_GETFD), NAMED(F_GETFL), NAMED(F_SETFD),
    NAMED(F_SETFL),
    // memory
    NAMED(MAP_ANONYMOUS), NAMED(MAP_FIXED), NAMED(MAP_PRIVATE), NAMED(MAP_SHARED), NAMED(PROT_EXEC),
    NAMED(PROT_NONE), NAMED(PROT_READ), NAMED(PROT_WRITE),
    // prctl, personality, ptrace
    NAMED(ADDR_NO_RANDOMIZE), NAMED(PER_LINUX), NAMED(PER_LINUX32), NAMED(PR_SET_DUMPABLE),
    NAMED(PR_SET_NAME), NAMED(PR_SET_NO_NEW_PRIVS), NAMED(PR_SET_PDEATHSIG), NAMED(PR_SET_SECCOMP),
    NAMED(PTRACE_TRACEME), NAMED(PTRACE_ATTACH), NAMED(PTRACE_SEIZE),
    // signals
    NAMED(SIGABRT), NAMED(SIGALRM), NAMED(SIGCHLD), NAMED(SIGCONT), NAMED(SIGHUP), NAMED(SIGINT),
    NAMED(SIGKILL), NAMED(SIGPIPE), NAMED(SIGQUIT), NAMED(SIGSEGV), NAMED(SIGSTOP), NAMED(SIGSYS),
    NAMED(SIGTERM), NAMED(SIGUSR1), NAMED(SIGUSR2)};
#undef NAMED

std::optional<std::uint64_t> one_value(std::string_view word) {
  if (word.starts_with('-')) {
    const auto number = parse_u64(word.substr(1));
    // The kernel's view: the register's 64 bits.
    if (number && *number <= std::uint64_t{1} << 63) return 0 - *number;
    return std::nullopt;
  }
  if (const auto number = parse_u64(word)) return number;
  for (const auto& [name, value] : kConstants) {
    if (name == word) return value;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> argument_value(std::string_view word) {
  std::uint64_t value = 0;
  for (const std::string_view part : split(word, '|')) {
    const auto one = one_value(part);
    if (!one) return std::nullopt;
    value |= *one;
  }
  return value;
}

}  // namespace sysnare::cli
