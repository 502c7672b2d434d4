#pragma once
// Which calls does libseccomp know, and which does it turn into another?
//
// Source: libseccomp 2.5.4 as Debian 12 ships it (2.5.4-1+deb12u1: seccomp_syscall_resolve_name),
// src/syscalls.c abi_rule_add() and include/seccomp-syscalls.h for the multiplexed calls. A test
// holds both tables against the installed library. Not modelled: s390x, ppc64le and mips, which
// have multiplexed calls as well.

#include <cstdint>
#include <optional>
#include <string_view>

#include "arch/abi.h"

namespace sysnare {

/// Whether libseccomp knows a call of this name on any architecture. Runtimes skip what it does
/// not know.
bool libseccomp_knows(std::string_view name);

/// The number that a rule for `name` is about in `abi`, empty when there is none.
std::optional<std::uint32_t> libseccomp_nr(Abi abi, std::string_view name);

/// i386's socketcall or ipc, and the first argument that makes it `name`.
struct Multiplexed {
  std::string_view call;
  std::uint32_t number = 0;
};

/// Where a rule for `name` goes in `abi` besides the call of that name.
std::optional<Multiplexed> libseccomp_multiplexed(Abi abi, std::string_view name);

}  // namespace sysnare
