#pragma once
// Which arguments of which calls does a recording keep the values of?
//
// Those that say what kind of call it is (a command, a family, flags), and of which a program uses
// a handful: what a rule of a profile can be about. Not pointers, lengths, descriptors and offsets.
//
// Source: seccomp(2); the argument lists of data/syscall-args.tsv.
// Not modelled: x32, whose calls have numbers of their own for some of these; i386's mmap (number
// 90), whose arguments stand in memory.

#include <cstdint>

#include "arch/abi.h"

namespace sysnare {

/// No argument behind this one is recorded.
inline constexpr unsigned kRecordedArgs = 4;

/// Bit i stands for argument i, from 0.
struct RecordedArgs {
  std::uint8_t indexes = 0;
  std::uint8_t wide = 0;  ///< the kernel looks at all 64 bits; else at the lower 32

  [[nodiscard]] bool has(unsigned index) const { return (indexes >> index & 1) != 0; }
  /// What is kept of the register that holds argument `index`.
  [[nodiscard]] std::uint64_t value(unsigned index, std::uint64_t register_value) const {
    return (wide >> index & 1) != 0 ? register_value : register_value & UINT32_MAX;
  }
};

/// Cost: a search among some forty names; ask once a number, not once a call.
RecordedArgs recorded_args(Call call);

}  // namespace sysnare
