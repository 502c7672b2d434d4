#include "elf/dwarf_expression.h"

#include <dwarf.h>

#include <algorithm>
#include <array>

namespace sysnare {
namespace {

class Stack {
 public:
  void push(std::uint64_t value) {
    if (size_ == values_.size()) {
      failed_ = true;
      return;
    }
    values_[size_++] = value;
  }
  std::uint64_t pop() {
    if (size_ == 0) {
      failed_ = true;
      return 0;
    }
    return values_[--size_];
  }
  /// The value `depth` below the top.
  [[nodiscard]] std::uint64_t peek(std::uint64_t depth) {
    if (depth >= size_) {
      failed_ = true;
      return 0;
    }
    return values_[size_ - 1 - depth];
  }
  void fail() { failed_ = true; }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  std::array<std::uint64_t, 64> values_{};
  std::size_t size_ = 0;
  bool failed_ = false;
};

std::int64_t as_signed(std::uint64_t value) { return static_cast<std::int64_t>(value); }

/// Operations on the two topmost values; empty for any other.
std::optional<std::uint64_t> binary(unsigned atom, std::uint64_t left, std::uint64_t right) {
  switch (atom) {
    case DW_OP_plus:
      return left + right;
    case DW_OP_minus:
      return left - right;
    case DW_OP_mul:
      return left * right;
    case DW_OP_and:
      return left & right;
    case DW_OP_or:
      return left | right;
    case DW_OP_xor:
      return left ^ right;
    case DW_OP_shl:
      return right < 64 ? left << right : 0;
    case DW_OP_shr:
      return right < 64 ? left >> right : 0;
    case DW_OP_shra:
      return static_cast<std::uint64_t>(as_signed(left) >> std::min<std::uint64_t>(right, 63));
    case DW_OP_eq:
      return left == right ? 1 : 0;
    case DW_OP_ne:
      return left != right ? 1 : 0;
    case DW_OP_ge:
      return as_signed(left) >= as_signed(right) ? 1 : 0;
    case DW_OP_gt:
      return as_signed(left) > as_signed(right) ? 1 : 0;
    case DW_OP_le:
      return as_signed(left) <= as_signed(right) ? 1 : 0;
    case DW_OP_lt:
      return as_signed(left) < as_signed(right) ? 1 : 0;
    default:
      return std::nullopt;
  }
}

/// Whether the stack was all that the operation needed.
bool arrange(unsigned atom, std::uint64_t argument, Stack& stack) {
  switch (atom) {
    case DW_OP_nop:
      return true;
    case DW_OP_dup:
      stack.push(stack.peek(0));
      return true;
    case DW_OP_over:
      stack.push(stack.peek(1));
      return true;
    case DW_OP_pick:
      stack.push(stack.peek(argument));
      return true;
    case DW_OP_drop:
      stack.pop();
      return true;
    case DW_OP_neg:
      stack.push(0 - stack.pop());
      return true;
    case DW_OP_not:
      stack.push(~stack.pop());
      return true;
    case DW_OP_plus_uconst:
      stack.push(stack.pop() + argument);
      return true;
    case DW_OP_swap: {
      const std::uint64_t top = stack.pop();
      const std::uint64_t below = stack.pop();
      stack.push(top);
      stack.push(below);
      return true;
    }
    default:
      return false;
  }
}

}  // namespace

std::optional<ExpressionResult> evaluate(std::span<const Dwarf_Op> operations,
                                         const FrameRegisters& registers,
                                         std::optional<std::uint64_t> cfa, unsigned word,
                                         const ReadWord& read) {
  Stack stack;
  const std::uint64_t mask = word == 4 ? UINT32_MAX : UINT64_MAX;
  const auto push_optional = [&](std::optional<std::uint64_t> value) {
    if (value) {
      stack.push(*value);
    } else {
      stack.fail();
    }
  };
  bool is_value = false;
  int steps = 0;
  // DW_CFA_val_expression and DW_CFA_expression start with the CFA on the stack; libdw says so by
  // an explicit DW_OP_call_frame_cfa in front.
  for (std::size_t at = 0; at < operations.size() && !stack.failed(); ++at) {
    if (++steps > kMaxExpressionSteps) return std::nullopt;
    const Dwarf_Op& op = operations[at];
    const unsigned atom = op.atom;
    if (atom == DW_OP_stack_value) {
      is_value = at + 1 == operations.size();
      if (!is_value) return std::nullopt;
    } else if (atom == DW_OP_call_frame_cfa) {
      push_optional(cfa);
    } else if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31) {
      stack.push(atom - DW_OP_lit0);
    } else if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31) {
      const auto base = registers.get(atom - DW_OP_breg0);
      push_optional(base ? std::optional((*base + op.number) & mask) : std::nullopt);
    } else if (atom == DW_OP_bregx) {
      const auto base = registers.get(op.number);
      push_optional(base ? std::optional((*base + op.number2) & mask) : std::nullopt);
    } else if (atom == DW_OP_addr || (atom >= DW_OP_const1u && atom <= DW_OP_consts)) {
      stack.push(op.number);
    } else if (atom == DW_OP_deref) {
      push_optional(read(stack.pop() & mask, word));
    } else if (atom == DW_OP_deref_size) {
      const bool allowed = op.number == 1 || op.number == 2 || op.number == 4 || op.number == 8;
      const std::uint64_t address = stack.pop() & mask;
      push_optional(allowed ? read(address, static_cast<unsigned>(op.number)) : std::nullopt);
    } else if (atom == DW_OP_skip || atom == DW_OP_bra) {
      if (atom == DW_OP_bra && stack.pop() == 0) continue;
      // The distance counts from behind this operation: 1 byte and 2 of distance.
      const std::uint64_t target = op.offset + 3 + op.number;
      const auto found =
          std::find_if(operations.begin(), operations.end(),
                       [&](const Dwarf_Op& other) { return other.offset == target; });
      if (found == operations.end()) return std::nullopt;
      at = static_cast<std::size_t>(found - operations.begin()) - 1;  // 0 - 1 + 1 is 0
    } else if (!arrange(atom, op.number, stack)) {
      const std::uint64_t right = stack.pop();
      const std::uint64_t left = stack.pop();
      push_optional(binary(atom, left, right));
    }
  }
  const std::uint64_t value = stack.pop();
  if (stack.failed()) return std::nullopt;
  return ExpressionResult{value & mask, is_value};
}

}  // namespace sysnare
