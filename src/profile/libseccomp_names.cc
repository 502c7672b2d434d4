#include "profile/libseccomp_names.h"

#include <algorithm>
#include <iterator>

#include "arch/syscalls.h"

namespace sysnare {
namespace {

/// Calls of our tables that no architecture of libseccomp 2.5.4 has, sorted.
constexpr std::string_view kUnknown[] = {
    "file_getattr",
    "file_setattr",
    "getxattrat",
    "listmount",
    "listns",
    "listxattrat",
    "lsm_get_self_attr",
    "lsm_list_modules",
    "lsm_set_self_attr",
    "mseal",
    "open_tree_attr",
    "removexattrat",
    "riscv_hwprobe",
    "rseq_slice_yield",
    "setxattrat",
    "statmount",
    "uprobe",
    "uretprobe",
};

struct Multiplex {
  std::string_view name;
  Multiplexed as;
};

// include/seccomp-syscalls.h: __PNR_socket is -101, __PNR_semop -201, and so on; abi_rule_add()
// compares the first argument with the number modulo 100 and 200. Sorted by name.
constexpr Multiplex kMultiplexed[] = {
    {"accept", {"socketcall", 5}},
    {"accept4", {"socketcall", 18}},
    {"bind", {"socketcall", 2}},
    {"connect", {"socketcall", 3}},
    {"getpeername", {"socketcall", 7}},
    {"getsockname", {"socketcall", 6}},
    {"getsockopt", {"socketcall", 15}},
    {"listen", {"socketcall", 4}},
    {"msgctl", {"ipc", 14}},
    {"msgget", {"ipc", 13}},
    {"msgrcv", {"ipc", 12}},
    {"msgsnd", {"ipc", 11}},
    {"recv", {"socketcall", 10}},
    {"recvfrom", {"socketcall", 12}},
    {"recvmmsg", {"socketcall", 19}},
    {"recvmsg", {"socketcall", 17}},
    {"semctl", {"ipc", 3}},
    {"semget", {"ipc", 2}},
    {"semop", {"ipc", 1}},
    {"semtimedop", {"ipc", 4}},
    {"send", {"socketcall", 9}},
    {"sendmmsg", {"socketcall", 20}},
    {"sendmsg", {"socketcall", 16}},
    {"sendto", {"socketcall", 11}},
    {"setsockopt", {"socketcall", 14}},
    {"shmat", {"ipc", 21}},
    {"shmctl", {"ipc", 24}},
    {"shmdt", {"ipc", 22}},
    {"shmget", {"ipc", 23}},
    {"shutdown", {"socketcall", 13}},
    {"socket", {"socketcall", 1}},
    {"socketpair", {"socketcall", 8}},
};

}  // namespace

bool libseccomp_knows(std::string_view name) {
  return is_syscall_name(name) &&
         !std::binary_search(std::begin(kUnknown), std::end(kUnknown), name);
}

std::optional<std::uint32_t> libseccomp_nr(Abi abi, std::string_view name) {
  if (!libseccomp_knows(name)) return std::nullopt;
  // The one call that its table lacks for one architecture alone.
  if (abi == Abi::kX32 && name == "map_shadow_stack") return std::nullopt;
  return syscall_nr(abi, name);
}

std::optional<Multiplexed> libseccomp_multiplexed(Abi abi, std::string_view name) {
  if (abi != Abi::kI386) return std::nullopt;
  const auto* const found =
      std::lower_bound(std::begin(kMultiplexed), std::end(kMultiplexed), name,
                       [](const Multiplex& each, std::string_view of) { return each.name < of; });
  if (found == std::end(kMultiplexed) || found->name != name) return std::nullopt;
  return found->as;
}

}  // namespace sysnare
