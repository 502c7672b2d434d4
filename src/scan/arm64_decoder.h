#pragma once
// Which instruction of aarch64 stands here?
//
// What carries values and control is told by its bits, as the Arm ARM (DDI 0487, C4.1 "A64
// instruction set encoding") lays them out: Capstone 4.0 takes longer for an instruction with its
// operands. What is left is asked of Capstone. An instruction that it does not know either (SVE)
// counts as one that may change every register and write to any address.

#include <memory>

#include "scan/insn.h"

namespace sysnare {

class Arm64Decoder final : public Decoder {
 public:
  Arm64Decoder();
  ~Arm64Decoder() override;
  [[nodiscard]] Insn decode(std::span<const std::uint8_t> bytes,
                            std::uint64_t vaddr) const override;

 private:
  struct Rest;
  std::unique_ptr<Rest> rest_;
};

}  // namespace sysnare
