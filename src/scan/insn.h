#pragma once
// One machine instruction, as much of it as the flow of values and control needs.
//
// Registers go by their number in the machine's encoding (x86_64: rax 0, rcx 1, rdx 2, rbx 3, rsp
// 4, rbp 5, rsi 6, rdi 7, r8 ... r15; aarch64: x0 ... x30, sp 31).

#include <cstddef>
#include <cstdint>
#include <span>

#include "scan/machine.h"

namespace sysnare {

inline constexpr int kNoRegister = -1;
/// Of `second`: it reads as 0.
inline constexpr int kZeroRegister = -2;

enum class InsnOp : std::uint8_t {
  kOther,    ///< loses what is in `writes`, and memory where `has_memory` and `stores`
  kMove,     ///< dst = src or imm
  kPage,     ///< dst = imm, to which others add the rest of an address (adrp)
  kInsert,   ///< dst = left with the `memory_width` bytes at bit `scale` as those of imm (movk)
  kAddress,  ///< dst = address of the memory operand
  kLoad,     ///< dst = memory
  kStore,    ///< memory = src or imm
  kAdd,      ///< dst = left + src or imm; the same for those below
  kSub,
  kAnd,
  kOr,
  kXor,
  kShiftLeft,
  kChoose,   ///< dst = left, or src + imm (cmov, csel)
  kCompare,  ///< dst with imm
  kPush,     ///< src or imm, or unknown
  kPop,      ///< dst, or none
  kLeave,
  kCall,          ///< `target`
  kCallIndirect,  ///< src, or memory
  kJump,          ///< `target`
  kJumpIndirect,  ///< src, or memory
  kBranch,        ///< `target`, or the next; of aarch64 `imm` is the condition and 2, or 0
  kReturn,
  kSyscall,
  kSyscallI386,  ///< int 0x80, sysenter
  kStop,         ///< ud2, hlt: nothing comes after it
};

struct Insn {
  std::uint64_t vaddr = 0;
  std::uint8_t length = 0;
  InsnOp op = InsnOp::kOther;
  std::uint8_t width = 8;     ///< bytes of the result; of what is read, for a load
  bool sign_extends = false;  ///< to the whole register
  std::int8_t dst = kNoRegister;
  std::int8_t src = kNoRegister;
  std::int8_t left = kNoRegister;    ///< what arithmetic begins with (none: 0); of x86-64 `dst`
  std::int8_t second = kNoRegister;  ///< with dst or src: the register of the next word of memory
  bool has_imm = false;
  bool has_memory = false;
  bool absolute = false;       ///< the memory operand is `disp` itself, an address
  bool stores = false;         ///< it writes to its memory operand
  bool sets_flags = false;     ///< those that branches ask; told of aarch64 alone
  bool scattered = false;      ///< `index` is a vector: elements anywhere around `base`
  bool returns_twice = false;  ///< what it calls may do so, as setjmp; told by FunctionFlow alone
  bool narrow_index = false;   ///< 32 bits of `index` or fewer count; `sign_extends`: with a sign
  std::int8_t base = kNoRegister;
  std::int8_t index = kNoRegister;
  std::uint8_t scale = 0;
  std::uint8_t memory_width = 0;
  std::int16_t advance = 0;  ///< what it adds to `base` at last
  std::int64_t disp = 0;
  std::int64_t imm = 0;
  std::uint32_t writes = 0;  ///< other registers that it changes, by bit
  std::uint32_t reads = 0;   ///< those that go into a result which is not followed
  std::uint64_t target = 0;

  [[nodiscard]] std::uint64_t next() const { return vaddr + length; }
  bool operator==(const Insn&) const = default;
};

/// Tells the instructions of one machine.
class Decoder {
 public:
  explicit Decoder(const Machine& machine) : machine_(machine) {}
  virtual ~Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  /// Decodes the instruction at the start of `bytes`, which stands at `vaddr`. Its length is 0
  /// where there is none. Cost: some 25 ns.
  [[nodiscard]] virtual Insn decode(std::span<const std::uint8_t> bytes,
                                    std::uint64_t vaddr) const = 0;
  /// The registers that it reads, by bit, other than to compare what they hold or to clear them;
  /// all where that is not known. `bytes` begin with `insn`. Cost: some 300 ns for those that carry
  /// no value.
  [[nodiscard]] virtual std::uint32_t reads(const Insn& /*insn*/,
                                            std::span<const std::uint8_t> /*bytes*/) const {
    return ~0u;
  }
  [[nodiscard]] const Machine& machine() const { return machine_; }

 private:
  const Machine& machine_;
};

}  // namespace sysnare
