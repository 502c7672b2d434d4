#pragma once
// What is this system call called, what is its number elsewhere, and what are its arguments?
//
// Source: data/syscalls.tsv (kernel tree v7.1-rc4) and data/syscall-args.tsv (tracefs, Linux 6.18),
// turned into tables by tools/gen_syscalls.py.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arch/abi.h"

namespace sysnare {

/// The number of `name` in `abi`, as in seccomp_data.nr; empty when the ABI has no such call.
std::optional<std::uint32_t> syscall_nr(Abi abi, std::string_view name);

/// The name of a call; empty when no table knows the number.
std::string_view syscall_name(Call call);

/// The name, or "syscall_0x1c8" for a number that no table knows.
std::string call_label(Call call);

/// Whether any ABI here has a call of this name.
bool is_syscall_name(std::string_view name);

/// Every name that any ABI has, sorted.
std::span<const std::string_view> syscall_names();

/// Every call of `abi`, sorted by number.
std::vector<Call> syscalls_of(Abi abi);

/// One argument as the kernel declares it.
struct SyscallArg {
  std::string_view name;
  std::string_view type;  ///< "int", "const char*", "size_t", "umode_t"
  std::uint8_t bits;      ///< what the kernel looks at: 16, 32 or 64
  bool is_pointer;
  bool is_signed;
};

/// The arguments of `name` on x86_64; empty span with `known` false when they are not in the table.
struct SyscallSignature {
  bool known = false;
  std::span<const SyscallArg> args;
};
SyscallSignature syscall_signature(std::string_view name);

/// "ENOENT"; empty when there is no such errno. Also the kernel's internal ERESTARTSYS (512) to
/// ERESTART_RESTARTBLOCK (516), which tracers see. Numbers of the asm-generic ABI.
std::string_view errno_name(int number);
std::optional<int> errno_by_name(std::string_view name);

/// "SIGSYS"; "SIGRT_3" for real-time signals (as strace writes them); empty when out of range.
std::string signal_name(int number);

}  // namespace sysnare
