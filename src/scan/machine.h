#pragma once
// What do the calling conventions of a machine promise?
//
// Source: x86-64 psABI 1.0, 3.2; AAPCS64 2022Q3, 6; Go's src/cmd/compile/abi-internal.md (1.19);
// the kernel's entry code (arch/x86/entry/entry_64.S, arch/arm64/kernel/entry.S, Linux 6.18).

#include <array>
#include <bit>
#include <cstdint>
#include <span>

#include "arch/abi.h"

namespace sysnare {

inline constexpr unsigned kMaxRegisters = 32;

/// Registers go by the numbers of scan/insn.h; sets of them by bit.
struct Machine {
  Abi abi = Abi::kX86_64;
  unsigned registers = 0;
  std::uint8_t stack_pointer = 0;
  std::uint8_t frame_pointer = 0;
  std::uint32_t caller_saved = 0;
  /// Bytes that a call puts on the stack: what lies there and above is the caller's.
  std::int32_t pushed = 0;
  std::span<const std::uint8_t> passing;     ///< where arguments arrive
  std::span<const std::uint8_t> go_passing;  ///< those of Go
  /// Bytes above the stack pointer at which a function of Go puts arguments before it calls one of
  /// assembly.
  std::int32_t go_arguments = 0;
  std::uint8_t syscall_nr = 0;
  std::array<std::uint8_t, 6> syscall_args = {};
  std::uint32_t syscall_writes = 0;
  /// Registers that instructions count up which repeat themselves, and the one that leads to where
  /// they write.
  std::uint32_t string_pointers = 0;
  std::uint32_t string_destination = 0;
  /// Addresses are put together by several instructions, and one of them may serve for all objects
  /// near to it: what code refers to is known by values alone. (gcc's -fsection-anchors, clang's
  /// merged globals.)
  bool composes_addresses = false;
  std::uint8_t instruction_bytes = 1;  ///< they all have this size, or (1) any

  [[nodiscard]] std::uint32_t all_registers() const {
    return static_cast<std::uint32_t>((std::uint64_t{1} << registers) - 1);
  }
};

/// Calls `call` with the number of each register in `bits`, the lowest first.
template <typename Call>
void each_register(std::uint32_t bits, const Call& call) {
  for (; bits != 0; bits &= bits - 1) call(static_cast<unsigned>(std::countr_zero(bits)));
}

/// Null for a machine (EM_*) that is not known.
const Machine* machine_of(std::uint16_t machine);
const Machine& x86_64_machine();
const Machine& aarch64_machine();

}  // namespace sysnare
