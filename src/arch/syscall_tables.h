#pragma once
// The shape of the generated tables (syscall_tables.gen.cc).

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "arch/abi.h"
#include "arch/syscalls.h"

namespace sysnare::tables {

/// Sorted by `nr` within one ABI.
struct NumberRow {
  std::uint32_t nr;
  std::uint16_t name;  ///< index into kNames
};

/// Sorted by `name`.
struct SignatureRow {
  std::uint16_t name;   ///< index into kNames
  std::uint16_t first;  ///< index into kArguments
  std::uint8_t count;
};

extern const std::span<const std::string_view> kNames;  ///< sorted
extern const std::array<std::span<const NumberRow>, kAbiCount> kNumbers;
extern const std::span<const SyscallArg> kArguments;
extern const std::span<const SignatureRow> kSignatures;

}  // namespace sysnare::tables
