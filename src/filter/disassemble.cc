// One line an instruction:
//
//   L7:  8  ld   nr                     ; x86_64
//        9  jge  #257 openat, L12, L10
//
// Jump targets get labels. What a constant means follows from what A holds, which is known where
// every way to an instruction agrees on it.

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "arch/syscalls.h"
#include "base/text.h"
#include "filter/filter.h"
#include "filter/machine.h"

namespace sysnare {
namespace {

/// What is known when an instruction runs: the word in A (kWords: something else), and the ABIs'
/// AUDIT_ARCH (0: several).
struct Known {
  std::uint32_t word = kWords;
  std::uint32_t arch = 0;
  bool operator==(const Known&) const = default;
};

std::string word_name(std::uint32_t index) {
  static constexpr std::string_view kNames[] = {"nr", "arch", "ip", "ip+4"};
  if (index < kArgsWord) return std::string(kNames[index]);
  const std::uint32_t arg = (index - kArgsWord) / 2;
  return fmt::format("args[{}]{}", arg, (index & 1) != 0 ? "+4" : "");
}

std::string arch_name(std::uint32_t arch) {
  for (const Abi abi : all_abis()) {
    if (audit_arch(abi) == arch) return std::string(abi_name(abi));
  }
  return {};
}

class Text {
 public:
  explicit Text(std::span<const sock_filter> program)
      : program_(program), known_(program.size()), target_(program.size(), false) {
    known_.front() = Known{};
    for (std::size_t pc = 0; pc < program.size(); ++pc) flow(pc);
  }

  std::string write() const {
    std::string text;
    for (std::size_t pc = 0; pc < program_.size(); ++pc) {
      const std::string label = target_[pc] ? fmt::format("L{}:", pc) : "";
      text += fmt::format("{:>6} {}\n", label, known_[pc] ? line(pc) : line(pc) + "  ; never runs");
    }
    return text;
  }

 private:
  void arrive(std::size_t pc, const Known& known, bool jump) {
    if (jump) target_[pc] = true;
    std::optional<Known>& at = known_[pc];
    if (!at) {
      at = known;
    } else {
      if (at->word != known.word) at->word = kWords;
      if (at->arch != known.arch) at->arch = 0;
    }
  }

  /// Every jump goes forward, so one pass sees all ways to an instruction before it.
  void flow(std::size_t pc) {
    if (!known_[pc]) return;
    const sock_filter& insn = program_[pc];
    Known known = *known_[pc];
    if (BPF_CLASS(insn.code) == BPF_RET) return;
    if (insn.code == (BPF_JMP | BPF_JA)) return arrive(pc + 1 + insn.k, known, true);
    if (BPF_CLASS(insn.code) == BPF_JMP) {
      Known yes = known;
      if (known.word == kArchWord && insn.code == (BPF_JMP | BPF_JEQ | BPF_K)) yes.arch = insn.k;
      arrive(pc + 1 + insn.jt, yes, true);
      return arrive(pc + 1 + insn.jf, known, insn.jf != 0);
    }
    if (insn.code == (BPF_LD | BPF_W | BPF_ABS)) {
      known.word = insn.k / 4;
    } else if (changes_a(insn.code)) {
      known.word = kWords;
    }
    arrive(pc + 1, known, false);
  }

  static bool changes_a(std::uint16_t code) {
    return BPF_CLASS(code) == BPF_LD || BPF_CLASS(code) == BPF_ALU || code == (BPF_MISC | BPF_TXA);
  }

  /// The constant that A is compared with, by what A holds.
  [[nodiscard]] std::string constant(std::size_t pc) const {
    const std::uint32_t k = program_[pc].k;
    const Known known = known_[pc].value_or(Known{});
    if (known.word == kArchWord) {
      const std::string name = arch_name(k);
      return name.empty() ? fmt::format("#{:#x}", k) : fmt::format("#{:#x} {}", k, name);
    }
    if (known.word != kNrWord) return fmt::format("#{:#x}", k);
    std::string number = k < kX32Bit ? fmt::format("#{}", k) : fmt::format("#{:#x}", k);
    const auto abi = abi_of(known.arch, k);
    if (abi && !syscall_name({*abi, k}).empty()) {
      number += fmt::format(" {}", syscall_name({*abi, k}));
    }
    return number;
  }

  [[nodiscard]] std::string line(std::size_t pc) const {
    static constexpr std::string_view kAlu[] = {"add", "sub", "mul", "div", "or",  "and",
                                                "lsh", "rsh", "neg", "mod", "xor", "?"};
    static constexpr std::string_view kJump[] = {"ja", "jeq", "jgt", "jge", "jset"};
    const sock_filter& insn = program_[pc];
    const bool by_x = BPF_SRC(insn.code) == BPF_X;
    switch (BPF_CLASS(insn.code)) {
      case BPF_LD:
      case BPF_LDX: {
        const std::string_view op = BPF_CLASS(insn.code) == BPF_LD ? "ld" : "ldx";
        if (BPF_MODE(insn.code) == BPF_ABS)
          return fmt::format("{:<5}{}", op, word_name(insn.k / 4));
        if (BPF_MODE(insn.code) == BPF_MEM) return fmt::format("{:<5}M[{}]", op, insn.k);
        if (BPF_MODE(insn.code) == BPF_LEN) return fmt::format("{:<5}#len", op);
        return fmt::format("{:<5}#{:#x}", op, insn.k);
      }
      case BPF_ST:
        return fmt::format("{:<5}M[{}]", "st", insn.k);
      case BPF_STX:
        return fmt::format("{:<5}M[{}]", "stx", insn.k);
      case BPF_ALU: {
        const std::string_view op = kAlu[std::min<std::size_t>(BPF_OP(insn.code) >> 4, 11)];
        if (insn.code == (BPF_ALU | BPF_NEG)) return std::string(op);
        return by_x ? fmt::format("{:<5}x", op) : fmt::format("{:<5}#{:#x}", op, insn.k);
      }
      case BPF_JMP: {
        if (insn.code == (BPF_JMP | BPF_JA)) return fmt::format("{:<5}L{}", "ja", pc + 1 + insn.k);
        const std::string_view op = kJump[std::min<std::size_t>(BPF_OP(insn.code) >> 4, 4)];
        const std::string operand = by_x ? "x" : constant(pc);
        std::string text = fmt::format("{:<5}{}, L{}", op, operand, pc + 1 + insn.jt);
        if (insn.jf != 0) text += fmt::format(", L{}", pc + 1 + insn.jf);
        return text;
      }
      case BPF_RET:
        if (insn.code == (BPF_RET | BPF_A)) return fmt::format("{:<5}a", "ret");
        return fmt::format("{:<5}{}", "ret", action_label(ActionValue{insn.k}));
      default:
        return insn.code == (BPF_MISC | BPF_TAX) ? "tax" : "txa";
    }
  }

  std::span<const sock_filter> program_;
  std::vector<std::optional<Known>> known_;
  std::vector<bool> target_;
};

}  // namespace

Result<std::string> disassemble(std::span<const sock_filter> program) {
  if (Result<void> checked = check_program(program); !checked) return propagate(checked);
  return Text(program).write();
}

}  // namespace sysnare
