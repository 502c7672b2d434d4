#pragma once
// Which instruction of x86-64 stands here?

#include <memory>

#include "scan/insn.h"

namespace sysnare {

class X86Decoder final : public Decoder {
 public:
  X86Decoder();
  ~X86Decoder() override;
  [[nodiscard]] Insn decode(std::span<const std::uint8_t> bytes,
                            std::uint64_t vaddr) const override;
  /// The same without decode_common() (scan/x86_common.h), which takes 5 ns; this 100. For its
  /// test.
  [[nodiscard]] Insn decode_any(std::span<const std::uint8_t> bytes, std::uint64_t vaddr) const;
  [[nodiscard]] std::uint32_t reads(const Insn& insn,
                                    std::span<const std::uint8_t> bytes) const override;
  /// The same of the bytes alone, likewise.
  [[nodiscard]] std::uint32_t reads_any(std::span<const std::uint8_t> bytes) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sysnare
