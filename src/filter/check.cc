// The kernel's own conditions for a seccomp program, in the order in which it asks for them:
// seccomp_prepare_filter() and seccomp_check_filter() in kernel/seccomp.c, bpf_check_classic() and
// check_load_and_stores() in net/core/filter.c (Linux 6.18).

#include <algorithm>
#include <cstdint>
#include <vector>

#include "filter/filter.h"

namespace sysnare {
namespace {

bool is_conditional_jump(std::uint16_t code) {
  switch (code) {
    case BPF_JMP | BPF_JEQ | BPF_K:
    case BPF_JMP | BPF_JEQ | BPF_X:
    case BPF_JMP | BPF_JGE | BPF_K:
    case BPF_JMP | BPF_JGE | BPF_X:
    case BPF_JMP | BPF_JGT | BPF_K:
    case BPF_JMP | BPF_JGT | BPF_X:
    case BPF_JMP | BPF_JSET | BPF_K:
    case BPF_JMP | BPF_JSET | BPF_X:
      return true;
    default:
      return false;
  }
}

Result<void> check_instruction(std::span<const sock_filter> program, std::size_t pc) {
  const sock_filter& insn = program[pc];
  // Distances from here to the end; differences, since pc + 1 + k wraps for a hostile k.
  const std::size_t behind = program.size() - pc - 1;
  if (is_conditional_jump(insn.code)) {
    if (insn.jt >= behind || insn.jf >= behind) {
      return fail(Errc::kBadInput, "instruction {}: jump by {} leaves the program ({} follow)", pc,
                  std::max(insn.jt, insn.jf), behind);
    }
    return {};
  }
  switch (insn.code) {
    case BPF_LD | BPF_W | BPF_ABS:
      if (insn.k % 4 != 0 || insn.k >= sizeof(seccomp_data)) {
        return fail(Errc::kBadInput,
                    "instruction {}: load at byte {} is no aligned word of seccomp_data ({} bytes)",
                    pc, insn.k, sizeof(seccomp_data));
      }
      return {};
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX:
      if (insn.k >= BPF_MEMWORDS) {
        return fail(Errc::kBadInput, "instruction {}: memory word {} (there are {})", pc, insn.k,
                    BPF_MEMWORDS);
      }
      return {};
    case BPF_ALU | BPF_DIV | BPF_K:
      if (insn.k == 0) return fail(Errc::kBadInput, "instruction {}: division by 0", pc);
      return {};
    case BPF_ALU | BPF_LSH | BPF_K:
    case BPF_ALU | BPF_RSH | BPF_K:
      if (insn.k >= 32) {
        return fail(Errc::kBadInput, "instruction {}: shift by {} (at most 31)", pc, insn.k);
      }
      return {};
    case BPF_JMP | BPF_JA:
      if (insn.k >= behind) {
        return fail(Errc::kBadInput, "instruction {}: jump by {} leaves the program ({} follow)",
                    pc, insn.k, behind);
      }
      return {};
    case BPF_LD | BPF_W | BPF_LEN:
    case BPF_LDX | BPF_W | BPF_LEN:
    case BPF_LD | BPF_IMM:
    case BPF_LDX | BPF_IMM:
    case BPF_MISC | BPF_TAX:
    case BPF_MISC | BPF_TXA:
    case BPF_ALU | BPF_ADD | BPF_K:
    case BPF_ALU | BPF_ADD | BPF_X:
    case BPF_ALU | BPF_SUB | BPF_K:
    case BPF_ALU | BPF_SUB | BPF_X:
    case BPF_ALU | BPF_MUL | BPF_K:
    case BPF_ALU | BPF_MUL | BPF_X:
    case BPF_ALU | BPF_DIV | BPF_X:
    case BPF_ALU | BPF_AND | BPF_K:
    case BPF_ALU | BPF_AND | BPF_X:
    case BPF_ALU | BPF_OR | BPF_K:
    case BPF_ALU | BPF_OR | BPF_X:
    case BPF_ALU | BPF_XOR | BPF_K:
    case BPF_ALU | BPF_XOR | BPF_X:
    case BPF_ALU | BPF_LSH | BPF_X:
    case BPF_ALU | BPF_RSH | BPF_X:
    case BPF_ALU | BPF_NEG:
    case BPF_RET | BPF_K:
    case BPF_RET | BPF_A:
      return {};
    default:
      return fail(Errc::kBadInput,
                  "instruction {}: code {:#06x} is not allowed in a seccomp filter", pc, insn.code);
  }
}

/// Every memory word is written on every path before it is read.
Result<void> check_memory(std::span<const sock_filter> program) {
  constexpr std::uint16_t kAll = 0xffff;
  std::vector<std::uint16_t> arriving(program.size(), kAll);
  std::uint16_t valid = 0;
  for (std::size_t pc = 0; pc < program.size(); ++pc) {
    const sock_filter& insn = program[pc];
    valid &= arriving[pc];
    if (insn.code == BPF_ST || insn.code == BPF_STX) {
      valid = static_cast<std::uint16_t>(valid | 1u << insn.k);
    } else if (insn.code == (BPF_LD | BPF_MEM) || insn.code == (BPF_LDX | BPF_MEM)) {
      if ((valid & 1u << insn.k) == 0) {
        return fail(Errc::kBadInput, "instruction {}: memory word {} is read before it is written",
                    pc, insn.k);
      }
    } else if (insn.code == (BPF_JMP | BPF_JA)) {
      arriving[pc + 1 + insn.k] &= valid;
      valid = kAll;
    } else if (is_conditional_jump(insn.code)) {
      arriving[pc + 1 + insn.jt] &= valid;
      arriving[pc + 1 + insn.jf] &= valid;
      valid = kAll;
    }
  }
  return {};
}

}  // namespace

Result<void> check_program(std::span<const sock_filter> program) {
  if (program.empty() || program.size() > BPF_MAXINSNS) {
    return fail(Errc::kBadInput, "a filter of {} instructions (allowed: 1 to {})", program.size(),
                BPF_MAXINSNS);
  }
  for (std::size_t pc = 0; pc < program.size(); ++pc) {
    if (Result<void> checked = check_instruction(program, pc); !checked) return checked;
  }
  const std::uint16_t last = program.back().code;
  if (last != (BPF_RET | BPF_K) && last != (BPF_RET | BPF_A)) {
    return fail(Errc::kBadInput, "instruction {}: the last one is no return", program.size() - 1);
  }
  return check_memory(program);
}

}  // namespace sysnare
