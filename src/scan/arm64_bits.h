#pragma once
// How are the words of aarch64 instructions laid out? (Arm ARM DDI 0487, C4.1.)

#include <cstdint>

#include "scan/insn.h"

namespace sysnare::arm64 {

/// What 31 stands for in a field: the zero register, or in some places the stack pointer.
inline constexpr std::uint32_t kThirtyOne = 31;
inline constexpr std::int8_t kStackPointer = 31;

struct Word {
  std::uint32_t bits = 0;

  /// Bits `high` down to `low`.
  [[nodiscard]] constexpr std::uint32_t field(unsigned high, unsigned low) const {
    return (bits >> low) & ((1u << (high - low + 1)) - 1);
  }
  [[nodiscard]] constexpr bool bit(unsigned at) const { return ((bits >> at) & 1) != 0; }
  [[nodiscard]] constexpr std::int64_t signed_field(unsigned high, unsigned low) const {
    const std::uint32_t value = field(high, low);
    const unsigned width = high - low + 1;
    const std::uint32_t sign = 1u << (width - 1);
    return static_cast<std::int64_t>(value) -
           ((value & sign) != 0 ? static_cast<std::int64_t>(1) << width : 0);
  }
  [[nodiscard]] constexpr bool is(std::uint32_t mask, std::uint32_t value) const {
    return (bits & mask) == value;
  }
  [[nodiscard]] constexpr std::uint32_t rd() const { return field(4, 0); }
  [[nodiscard]] constexpr std::uint32_t rn() const { return field(9, 5); }
  [[nodiscard]] constexpr std::uint32_t rm() const { return field(20, 16); }
  [[nodiscard]] constexpr std::uint8_t width() const { return bit(31) ? 8 : 4; }
};

/// The register of a field where 31 is the zero register.
constexpr std::int8_t or_zero(std::uint32_t field) {
  return field == kThirtyOne ? static_cast<std::int8_t>(kNoRegister)
                             : static_cast<std::int8_t>(field);
}

/// The register of a field where 31 is the stack pointer.
constexpr std::int8_t or_stack(std::uint32_t field) { return static_cast<std::int8_t>(field); }

/// The bits of a set of registers; none for the zero register.
constexpr std::uint32_t set_of(std::int8_t reg) { return reg < 0 ? 0 : 1u << reg; }

/// Fills `insn` for a load or store (C4.1.94); false for what is not decoded here.
bool decode_memory(Word word, Insn& insn);

}  // namespace sysnare::arm64
