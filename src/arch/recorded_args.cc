#include "arch/recorded_args.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "arch/syscalls.h"

namespace sysnare {
namespace {

constexpr std::uint8_t bits(unsigned a) { return static_cast<std::uint8_t>(1u << a); }
constexpr std::uint8_t bits(unsigned a, unsigned b) {
  return static_cast<std::uint8_t>(bits(a) | bits(b));
}
constexpr std::uint8_t bits(unsigned a, unsigned b, unsigned c) {
  return static_cast<std::uint8_t>(bits(a, b) | bits(c));
}

struct ArgsRow {
  std::string_view name;
  std::uint8_t indexes;
};

/// Sorted by name.
constexpr ArgsRow kRows[] = {
    {"arch_prctl", bits(0)},
    {"bpf", bits(0)},
    {"clone", bits(0)},
    {"epoll_ctl", bits(1)},
    {"fcntl", bits(1)},
    {"fcntl64", bits(1)},
    {"futex", bits(1)},
    {"futex_time64", bits(1)},
    {"getsockopt", bits(1, 2)},
    {"ioctl", bits(1)},
    {"keyctl", bits(0)},
    {"kill", bits(1)},
    {"madvise", bits(2)},
    {"mmap", bits(2, 3)},
    {"mmap2", bits(2, 3)},
    {"mprotect", bits(2)},
    {"open", bits(1)},
    {"openat", bits(2)},
    {"personality", bits(0)},
    {"pkey_mprotect", bits(2)},
    {"prctl", bits(0)},
    {"ptrace", bits(0)},
    {"rt_sigaction", bits(0)},
    {"seccomp", bits(0)},
    {"setns", bits(1)},
    {"setsockopt", bits(1, 2)},
    {"sigaction", bits(0)},
    {"signal", bits(0)},
    {"socket", bits(0, 1, 2)},
    {"socketcall", bits(0)},
    {"socketpair", bits(0, 1, 2)},
    {"tgkill", bits(2)},
    {"tkill", bits(1)},
    {"unshare", bits(0)},
};

}  // namespace

RecordedArgs recorded_args(Call call) {
  if (call.abi == Abi::kX32) return {};
  const std::string_view name = syscall_name(call);
  const auto* row = std::lower_bound(
      std::begin(kRows), std::end(kRows), name,
      [](const ArgsRow& each, std::string_view wanted) { return each.name < wanted; });
  if (row == std::end(kRows) || row->name != name) return {};
  if (call.abi == Abi::kI386 && name == "mmap") return {};
  RecordedArgs recorded{row->indexes, 0};
  if (register_bits(call.abi) == 32) return recorded;
  const SyscallSignature signature = syscall_signature(name);
  for (unsigned i = 0; i < signature.args.size() && i < kRecordedArgs; ++i) {
    if (signature.args[i].bits == 64) recorded.wide |= bits(i);
  }
  recorded.wide &= recorded.indexes;
  return recorded;
}

}  // namespace sysnare
