#include "arch/syscalls.h"

#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "arch/syscall_tables.h"

namespace sysnare {
namespace {

using tables::NumberRow;
using tables::SignatureRow;

std::span<const NumberRow> numbers_of(Abi abi) {
  return tables::kNumbers[static_cast<std::size_t>(abi)];
}

/// Index of `name` in the sorted names, -1 when it is none.
int name_index(std::string_view name) {
  const auto found = std::lower_bound(tables::kNames.begin(), tables::kNames.end(), name);
  if (found == tables::kNames.end() || *found != name) return -1;
  return static_cast<int>(found - tables::kNames.begin());
}

// include/linux/errno.h: never seen by a program, but by its tracer.
constexpr std::pair<int, std::string_view> kInternalErrnos[] = {
    {512, "ERESTARTSYS"}, {513, "ERESTARTNOINTR"},        {514, "ERESTARTNOHAND"},
    {515, "ENOIOCTLCMD"}, {516, "ERESTART_RESTARTBLOCK"}, {524, "ENOTSUPP"},
};
constexpr int kLastErrno = 133;  // EHWPOISON, include/uapi/asm-generic/errno.h

// Second names of errno values, as C programs and profiles write them.
constexpr std::pair<std::string_view, std::string_view> kErrnoAliases[] = {
    {"EWOULDBLOCK", "EAGAIN"}, {"EDEADLOCK", "EDEADLK"}, {"ENOTSUP", "EOPNOTSUPP"}};

}  // namespace

std::optional<std::uint32_t> syscall_nr(Abi abi, std::string_view name) {
  const int index = name_index(name);
  if (index < 0) return std::nullopt;
  for (const NumberRow& row : numbers_of(abi)) {
    if (row.name == index) return row.nr;
  }
  return std::nullopt;
}

std::string_view syscall_name(Call call) {
  const auto rows = numbers_of(call.abi);
  const auto found =
      std::lower_bound(rows.begin(), rows.end(), call.nr,
                       [](const NumberRow& r, std::uint32_t nr) { return r.nr < nr; });
  if (found == rows.end() || found->nr != call.nr) return {};
  return tables::kNames[found->name];
}

std::string call_label(Call call) {
  const std::string_view name = syscall_name(call);
  return name.empty() ? fmt::format("syscall_{:#x}", call.nr) : std::string(name);
}

bool is_syscall_name(std::string_view name) { return name_index(name) >= 0; }

std::span<const std::string_view> syscall_names() { return tables::kNames; }

std::vector<Call> syscalls_of(Abi abi) {
  std::vector<Call> calls;
  for (const NumberRow& row : numbers_of(abi)) calls.push_back({abi, row.nr});
  return calls;
}

SyscallSignature syscall_signature(std::string_view name) {
  const int index = name_index(name);
  const auto& rows = tables::kSignatures;
  const auto found = std::lower_bound(rows.begin(), rows.end(), index,
                                      [](const SignatureRow& r, int i) { return r.name < i; });
  if (index < 0 || found == rows.end() || found->name != index) return {};
  return {true, tables::kArguments.subspan(found->first, found->count)};
}

std::string_view errno_name(int number) {
  if (number > 0 && number <= kLastErrno) {
    const char* name = ::strerrorname_np(number);
    return name == nullptr ? std::string_view() : name;
  }
  for (const auto& [value, name] : kInternalErrnos) {
    if (value == number) return name;
  }
  return {};
}

std::optional<int> errno_by_name(std::string_view name) {
  for (const auto& [alias, real] : kErrnoAliases) {
    if (alias == name) name = real;
  }
  for (int number = 1; number <= kLastErrno; ++number) {
    if (errno_name(number) == name) return number;
  }
  for (const auto& [value, internal] : kInternalErrnos) {
    if (internal == name) return value;
  }
  return std::nullopt;
}

std::string signal_name(int number) {
  // The kernel's first real-time signal; glibc's SIGRTMIN is two higher.
  constexpr int kFirstRealTime = 32;
  constexpr int kLastSignal = 64;
  if (number >= kFirstRealTime && number <= kLastSignal) {
    return fmt::format("SIGRT_{}", number - kFirstRealTime);
  }
  const char* name = number > 0 && number < kFirstRealTime ? ::sigabbrev_np(number) : nullptr;
  return name == nullptr ? std::string() : fmt::format("SIG{}", name);
}

}  // namespace sysnare
