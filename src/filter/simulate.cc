#include <linux/audit.h>

#include <algorithm>
#include <array>
#include <vector>

#include "filter/filter.h"
#include "filter/machine.h"

namespace sysnare {

std::uint32_t word_of(const seccomp_data& call, std::uint32_t index) {
  if (index == kNrWord) return static_cast<std::uint32_t>(call.nr);
  if (index == kArchWord) return call.arch;
  const std::uint64_t whole =
      index < kArgsWord ? call.instruction_pointer : call.args[(index - kArgsWord) / 2];
  const bool big_endian = (call.arch & __AUDIT_ARCH_LE) == 0;
  const bool high = ((index & 1) != 0) != big_endian;
  return static_cast<std::uint32_t>(high ? whole >> 32 : whole);
}

Outcome run_program(std::span<const sock_filter> program, const seccomp_data& call) {
  Outcome out;
  std::uint32_t a = 0;
  std::uint32_t x = 0;
  std::array<std::uint32_t, BPF_MEMWORDS> memory{};
  for (std::size_t pc = 0; pc < program.size(); ++pc) {
    const sock_filter& insn = program[pc];
    const std::uint32_t k = insn.k;
    const std::uint32_t operand = BPF_SRC(insn.code) == BPF_X ? x : k;
    const auto jump = [&](bool taken) { pc += taken ? insn.jt : insn.jf; };
    ++out.steps;
    switch (insn.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        out.read_nr |= k / 4 == kNrWord;
        out.read_rest |= k / 4 >= kIpWord;
        a = word_of(call, k / 4);
        break;
      case BPF_LD | BPF_W | BPF_LEN:
        a = sizeof(seccomp_data);
        break;
      case BPF_LDX | BPF_W | BPF_LEN:
        x = sizeof(seccomp_data);
        break;
      case BPF_LD | BPF_IMM:
        a = k;
        break;
      case BPF_LDX | BPF_IMM:
        x = k;
        break;
      case BPF_LD | BPF_MEM:
        a = memory[k];
        break;
      case BPF_LDX | BPF_MEM:
        x = memory[k];
        break;
      case BPF_ST:
        memory[k] = a;
        break;
      case BPF_STX:
        memory[k] = x;
        break;
      case BPF_MISC | BPF_TAX:
        x = a;
        break;
      case BPF_MISC | BPF_TXA:
        a = x;
        break;
      case BPF_ALU | BPF_ADD | BPF_K:
      case BPF_ALU | BPF_ADD | BPF_X:
        a += operand;
        break;
      case BPF_ALU | BPF_SUB | BPF_K:
      case BPF_ALU | BPF_SUB | BPF_X:
        a -= operand;
        break;
      case BPF_ALU | BPF_MUL | BPF_K:
      case BPF_ALU | BPF_MUL | BPF_X:
        a *= operand;
        break;
      case BPF_ALU | BPF_DIV | BPF_K:
      case BPF_ALU | BPF_DIV | BPF_X:
        if (operand == 0) {
          out.value = 0;
          return out;
        }
        a /= operand;
        break;
      case BPF_ALU | BPF_AND | BPF_K:
      case BPF_ALU | BPF_AND | BPF_X:
        a &= operand;
        break;
      case BPF_ALU | BPF_OR | BPF_K:
      case BPF_ALU | BPF_OR | BPF_X:
        a |= operand;
        break;
      case BPF_ALU | BPF_XOR | BPF_K:
      case BPF_ALU | BPF_XOR | BPF_X:
        a ^= operand;
        break;
      case BPF_ALU | BPF_LSH | BPF_K:
      case BPF_ALU | BPF_LSH | BPF_X:
        a <<= operand & 31;
        break;
      case BPF_ALU | BPF_RSH | BPF_K:
      case BPF_ALU | BPF_RSH | BPF_X:
        a >>= operand & 31;
        break;
      case BPF_ALU | BPF_NEG:
        a = 0 - a;
        break;
      case BPF_JMP | BPF_JA:
        pc += k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
      case BPF_JMP | BPF_JEQ | BPF_X:
        jump(a == operand);
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
      case BPF_JMP | BPF_JGE | BPF_X:
        jump(a >= operand);
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
      case BPF_JMP | BPF_JGT | BPF_X:
        jump(a > operand);
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
      case BPF_JMP | BPF_JSET | BPF_X:
        jump((a & operand) != 0);
        break;
      case BPF_RET | BPF_K:
        out.value = k;
        return out;
      case BPF_RET | BPF_A:
        out.value = a;
        return out;
      default:
        // check_program() lets no other code through.
        out.value = SECCOMP_RET_KILL_PROCESS;
        return out;
    }
  }
  out.value = SECCOMP_RET_KILL_PROCESS;
  return out;
}

bool is_taken(const sock_filter& insn, std::uint32_t a) {
  switch (BPF_OP(insn.code)) {
    case BPF_JEQ:
      return a == insn.k;
    case BPF_JGE:
      return a >= insn.k;
    case BPF_JGT:
      return a > insn.k;
    default:
      return (a & insn.k) != 0;
  }
}

std::uint32_t longest_path(std::span<const sock_filter> program) {
  std::vector<std::uint32_t> steps(program.size(), 1);
  for (std::size_t pc = program.size(); pc-- > 0;) {
    const sock_filter& insn = program[pc];
    if (BPF_CLASS(insn.code) == BPF_RET) continue;
    if (insn.code == (BPF_JMP | BPF_JA)) {
      steps[pc] = 1 + steps[pc + 1 + insn.k];
    } else if (BPF_CLASS(insn.code) == BPF_JMP) {
      steps[pc] = 1 + std::max(steps[pc + 1 + insn.jt], steps[pc + 1 + insn.jf]);
    } else {
      steps[pc] = 1 + steps[pc + 1];
    }
  }
  return steps.empty() ? 0 : steps.front();
}

Result<Verdict> simulate(std::span<const sock_filter> program, const seccomp_data& call) {
  if (Result<void> checked = check_program(program); !checked) return propagate(checked);
  const Outcome outcome = run_program(program, call);
  return Verdict{ActionValue{outcome.value}, outcome.steps};
}

}  // namespace sysnare
