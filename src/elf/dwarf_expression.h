#pragma once
// What is the value of this DWARF expression? For call frame rules, in .cc files of this room.
//
// Source: DWARF 5, 2.5. Only what call frame information may use; no calls, pieces or types.

#include <elfutils/libdw.h>

#include <cstdint>
#include <optional>
#include <span>

#include "elf/call_frames.h"

namespace sysnare {

/// Operations that are executed at most, jumps included; the longest real one has about 15.
inline constexpr int kMaxExpressionSteps = 1000;

struct ExpressionResult {
  std::uint64_t value = 0;
  bool is_value = false;  ///< it ends in DW_OP_stack_value: a value, not where one stands
};

/// `initial` is on the stack at the start (the CFA, for a register's rule). Empty when an operation
/// is unknown, a register or memory cannot be read, or the stack runs empty or over.
std::optional<ExpressionResult> evaluate(std::span<const Dwarf_Op> operations,
                                         const FrameRegisters& registers,
                                         std::optional<std::uint64_t> cfa, unsigned word,
                                         const ReadWord& read);

}  // namespace sysnare
