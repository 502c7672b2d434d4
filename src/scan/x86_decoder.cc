// x86-64 by Zydis 4.0.
//
// What an instruction does to the general registers is taken from Zydis's operands, hidden ones
// included (`rep stos` writes rdi and rcx); the few that carry values are told apart by mnemonic.

#include "scan/x86_decoder.h"

#include <Zydis/Decoder.h>
#include <Zydis/Register.h>

#include <algorithm>
#include <optional>

#include "scan/x86_common.h"

namespace sysnare {
namespace {

constexpr unsigned kBitsPerByte = 8;

/// Our number of a general register of any width; kNoRegister for all others.
int number_of(ZydisRegister reg) {
  // GPR8 is AL CL DL BL AH CH DH BH SPL BPL SIL DIL R8B ... R15B.
  if (reg >= ZYDIS_REGISTER_RAX && reg <= ZYDIS_REGISTER_R15) return reg - ZYDIS_REGISTER_RAX;
  if (reg >= ZYDIS_REGISTER_EAX && reg <= ZYDIS_REGISTER_R15D) return reg - ZYDIS_REGISTER_EAX;
  if (reg >= ZYDIS_REGISTER_AX && reg <= ZYDIS_REGISTER_R15W) return reg - ZYDIS_REGISTER_AX;
  if (reg >= ZYDIS_REGISTER_AL && reg <= ZYDIS_REGISTER_BL) return reg - ZYDIS_REGISTER_AL;
  if (reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH) return reg - ZYDIS_REGISTER_AH;
  if (reg >= ZYDIS_REGISTER_SPL && reg <= ZYDIS_REGISTER_R15B) {
    return reg - ZYDIS_REGISTER_SPL + 4;
  }
  return kNoRegister;
}

bool is_high_byte(ZydisRegister reg) {
  return reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH;
}

void take_memory(Insn& insn, const ZydisDecodedOperand& operand) {
  const ZydisDecodedOperandMem& memory = operand.mem;
  insn.has_memory = true;
  // What saves the state of a processor writes more than is counted here.
  insn.memory_width =
      static_cast<std::uint8_t>(std::min<unsigned>(operand.size / kBitsPerByte, UINT8_MAX));
  insn.disp = memory.disp.has_displacement ? memory.disp.value : 0;
  insn.scale = memory.scale;
  insn.index = static_cast<std::int8_t>(number_of(memory.index));
  insn.scattered = memory.index != ZYDIS_REGISTER_NONE && insn.index == kNoRegister;
  if (memory.base == ZYDIS_REGISTER_RIP) {
    insn.absolute = true;
    insn.disp += static_cast<std::int64_t>(insn.next());
  } else {
    insn.base = static_cast<std::int8_t>(number_of(memory.base));
    insn.absolute = memory.base == ZYDIS_REGISTER_NONE && memory.index == ZYDIS_REGISTER_NONE;
  }
  // Thread-local: the address is none of this image.
  if (memory.segment == ZYDIS_REGISTER_FS || memory.segment == ZYDIS_REGISTER_GS) {
    insn.absolute = false;
    insn.base = insn.index = kNoRegister;
    insn.has_memory = false;
  }
  insn.stores = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
}

/// What a two-operand instruction that carries a value does.
InsnOp value_op(ZydisMnemonic mnemonic) {
  switch (mnemonic) {
    case ZYDIS_MNEMONIC_MOV:
    case ZYDIS_MNEMONIC_MOVZX:
    case ZYDIS_MNEMONIC_MOVSX:
    case ZYDIS_MNEMONIC_MOVSXD:
      return InsnOp::kMove;
    case ZYDIS_MNEMONIC_LEA:
      return InsnOp::kAddress;
    case ZYDIS_MNEMONIC_ADD:
      return InsnOp::kAdd;
    case ZYDIS_MNEMONIC_SUB:
      return InsnOp::kSub;
    case ZYDIS_MNEMONIC_AND:
      return InsnOp::kAnd;
    case ZYDIS_MNEMONIC_OR:
      return InsnOp::kOr;
    case ZYDIS_MNEMONIC_XOR:
      return InsnOp::kXor;
    case ZYDIS_MNEMONIC_SHL:
      return InsnOp::kShiftLeft;
    case ZYDIS_MNEMONIC_CMP:
      return InsnOp::kCompare;
    default:
      return mnemonic >= ZYDIS_MNEMONIC_CMOVB && mnemonic <= ZYDIS_MNEMONIC_CMOVZ ? InsnOp::kChoose
                                                                                  : InsnOp::kOther;
  }
}

InsnOp control_op(const ZydisDecodedInstruction& decoded) {
  switch (decoded.mnemonic) {
    case ZYDIS_MNEMONIC_SYSCALL:
      return InsnOp::kSyscall;
    case ZYDIS_MNEMONIC_SYSENTER:
      return InsnOp::kSyscallI386;
    case ZYDIS_MNEMONIC_UD0:
    case ZYDIS_MNEMONIC_UD1:
    case ZYDIS_MNEMONIC_UD2:
    case ZYDIS_MNEMONIC_HLT:
      return InsnOp::kStop;
    case ZYDIS_MNEMONIC_LEAVE:
      return InsnOp::kLeave;
    case ZYDIS_MNEMONIC_XABORT:
    case ZYDIS_MNEMONIC_XEND:  // a branch by its category, with no operand
      return InsnOp::kOther;
    default:
      break;
  }
  switch (decoded.meta.category) {
    case ZYDIS_CATEGORY_CALL:
      return InsnOp::kCall;
    case ZYDIS_CATEGORY_UNCOND_BR:
      return InsnOp::kJump;
    case ZYDIS_CATEGORY_COND_BR:
      return InsnOp::kBranch;
    case ZYDIS_CATEGORY_RET:
      return InsnOp::kReturn;
    case ZYDIS_CATEGORY_PUSH:
      return InsnOp::kPush;
    case ZYDIS_CATEGORY_POP:
      return InsnOp::kPop;
    default:
      return InsnOp::kOther;
  }
}

void take_control(Insn& insn, const ZydisDecodedOperand* operands) {
  const ZydisDecodedOperand& first = operands[0];
  if (first.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && first.imm.is_relative) {
    insn.target = insn.next() + static_cast<std::uint64_t>(first.imm.value.s);
    return;
  }
  if (insn.op == InsnOp::kCall) insn.op = InsnOp::kCallIndirect;
  if (insn.op == InsnOp::kJump) insn.op = InsnOp::kJumpIndirect;
  if (first.type == ZYDIS_OPERAND_TYPE_REGISTER) {
    insn.src = static_cast<std::int8_t>(number_of(first.reg.value));
  } else if (first.type == ZYDIS_OPERAND_TYPE_MEMORY) {
    take_memory(insn, first);
    insn.stores = false;
  }
}

void take_stack(Insn& insn, const ZydisDecodedOperand& first) {
  switch (first.type) {
    case ZYDIS_OPERAND_TYPE_REGISTER:
      (insn.op == InsnOp::kPush ? insn.src : insn.dst) =
          static_cast<std::int8_t>(number_of(first.reg.value));
      break;
    case ZYDIS_OPERAND_TYPE_IMMEDIATE:
      insn.has_imm = true;
      insn.imm = first.imm.value.s;
      break;
    case ZYDIS_OPERAND_TYPE_MEMORY:
      take_memory(insn, first);
      break;
    default:
      break;
  }
}

/// Gives `insn` its operands; false where they are not such as carry a value.
bool take_value(Insn& insn, const ZydisDecodedInstruction& decoded,
                const ZydisDecodedOperand* operands) {
  const ZydisDecodedOperand& to = operands[0];
  const ZydisDecodedOperand& from = operands[1];
  if (decoded.operand_count_visible != 2) return false;
  if (from.type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
    insn.has_imm = true;
    insn.imm = from.imm.value.s;
  } else if (from.type == ZYDIS_OPERAND_TYPE_REGISTER) {
    insn.src = static_cast<std::int8_t>(number_of(from.reg.value));
    if (insn.src == kNoRegister || is_high_byte(from.reg.value)) return false;
  } else if (from.type == ZYDIS_OPERAND_TYPE_MEMORY) {
    take_memory(insn, from);
    insn.stores = false;
  }
  if (to.type == ZYDIS_OPERAND_TYPE_MEMORY) {
    take_memory(insn, to);
    insn.width = static_cast<std::uint8_t>(to.size / kBitsPerByte);
    if (insn.op == InsnOp::kCompare) return true;
    if (insn.op != InsnOp::kMove) return false;
    insn.op = InsnOp::kStore;
    return insn.has_memory;
  }
  if (to.type != ZYDIS_OPERAND_TYPE_REGISTER) return false;
  insn.dst = insn.left = static_cast<std::int8_t>(number_of(to.reg.value));
  if (insn.dst == kNoRegister || is_high_byte(to.reg.value)) return false;
  insn.width = static_cast<std::uint8_t>(to.size / kBitsPerByte);
  if (from.type == ZYDIS_OPERAND_TYPE_MEMORY && insn.op != InsnOp::kAddress) {
    if (insn.op != InsnOp::kMove || !insn.has_memory) return false;
    insn.op = InsnOp::kLoad;
  }
  if (decoded.mnemonic == ZYDIS_MNEMONIC_MOVSX || decoded.mnemonic == ZYDIS_MNEMONIC_MOVSXD ||
      decoded.mnemonic == ZYDIS_MNEMONIC_MOVZX) {
    // The result fills the register; what counts is how much of the source does.
    insn.sign_extends = decoded.mnemonic != ZYDIS_MNEMONIC_MOVZX;
    insn.width = static_cast<std::uint8_t>(from.size / kBitsPerByte);
    if (insn.width < 4 && insn.op == InsnOp::kMove) return false;
  } else if (insn.width < 4) {
    return false;
  }
  return true;
}

/// A move of a constant to the lowest byte of a register, as in code that is kept short.
void take_low_byte(std::span<const std::uint8_t> bytes, Insn& insn) {
  constexpr unsigned kRex = 0x40, kMoveByte = 0xb0, kLegacyLow = 4;
  const bool has_rex = (bytes[0] & 0xf0) == kRex;
  if (insn.length != (has_rex ? 3 : 2) || (bytes[has_rex ? 1 : 0] & 0xf8) != kMoveByte) return;
  const unsigned reg = (bytes[has_rex ? 1 : 0] & 7u) | (has_rex ? (bytes[0] & 1u) << 3 : 0u);
  if (!has_rex && reg >= kLegacyLow) return;  // ah, ch, dh, bh
  insn.op = InsnOp::kInsert;
  insn.width = 8;
  insn.dst = insn.left = static_cast<std::int8_t>(reg);
  insn.memory_width = 1;
  insn.imm &= 0xff;
  insn.writes = 0;
}

/// The registers that it writes, whatever they are to it.
std::uint32_t written(const ZydisDecodedInstruction& decoded, const ZydisDecodedOperand* operands) {
  std::uint32_t writes = 0;
  for (unsigned i = 0; i < decoded.operand_count; ++i) {
    const ZydisDecodedOperand& operand = operands[i];
    if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER) continue;
    if (!(operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)) continue;
    const int reg = number_of(operand.reg.value);
    if (reg != kNoRegister) writes |= 1u << reg;
  }
  return writes;
}

/// The registers whose values it puts into memory or a vector, or makes another's of (BMI: andn).
std::uint32_t put_away(const ZydisDecodedInstruction& decoded,
                       const ZydisDecodedOperand* operands) {
  const ZydisDecodedOperand& to = operands[0];
  const ZydisRegisterClass kind = to.type == ZYDIS_OPERAND_TYPE_REGISTER
                                      ? ZydisRegisterGetClass(to.reg.value)
                                      : ZYDIS_REGCLASS_INVALID;
  const bool vector = kind == ZYDIS_REGCLASS_MMX || kind == ZYDIS_REGCLASS_XMM ||
                      kind == ZYDIS_REGCLASS_YMM || kind == ZYDIS_REGCLASS_ZMM;
  const bool memory =
      to.type == ZYDIS_OPERAND_TYPE_MEMORY && (to.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
  const bool other = decoded.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX;
  std::uint32_t reads = 0;
  for (unsigned i = 1; (vector || memory || other) && i < decoded.operand_count_visible; ++i) {
    if (operands[i].type != ZYDIS_OPERAND_TYPE_REGISTER) continue;
    if (!(operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_READ)) continue;
    const int reg = number_of(operands[i].reg.value);
    if (reg != kNoRegister) reads |= 1u << reg;
  }
  return reads;
}

std::uint32_t bit(int reg) { return reg < 0 ? 0 : 1u << reg; }

/// Whether it is `test`, which most loops and branches have: 84, 85.
bool is_test(std::span<const std::uint8_t> bytes) {
  std::size_t at = bytes.size() > 1 && bytes[0] == 0x66 ? 1 : 0;
  if (at + 1 < bytes.size() && (bytes[at] & 0xf0) == 0x40) ++at;
  return at < bytes.size() && (bytes[at] & 0xfe) == 0x84;
}

/// What X86Decoder::reads() says where what is known of the instruction tells it.
std::optional<std::uint32_t> plain_reads(const Machine& machine, const Insn& insn,
                                         std::span<const std::uint8_t> bytes) {
  constexpr unsigned kWholeBytes = 4;  // the upper half is cleared too
  const std::uint32_t address = bit(insn.base) | bit(insn.index);
  switch (insn.op) {
    case InsnOp::kLoad:
      return address;
    case InsnOp::kStore:
      return address | bit(insn.src);
    case InsnOp::kAddress:
      // Without memory it has a segment, and registers that are not said here.
      return insn.has_memory ? std::optional(address) : std::nullopt;
    case InsnOp::kXor:
    case InsnOp::kSub:
      if (!insn.has_imm && insn.src == insn.dst && insn.width >= kWholeBytes) return 0;
      return bit(insn.dst) | bit(insn.src);
    case InsnOp::kAdd:
    case InsnOp::kAnd:
    case InsnOp::kOr:
    case InsnOp::kShiftLeft:
      return bit(insn.dst) | bit(insn.src);
    case InsnOp::kPush:
      if (insn.src == kNoRegister) return std::nullopt;
      return bit(insn.src) | bit(machine.stack_pointer);
    case InsnOp::kPop:
      if (insn.dst == kNoRegister) return std::nullopt;
      return bit(machine.stack_pointer);
    default:
      return is_test(bytes) ? std::optional(0u) : std::nullopt;
  }
}

}  // namespace

struct X86Decoder::State {
  ZydisDecoder decoder;
};

X86Decoder::X86Decoder() : Decoder(x86_64_machine()), state_(new State) {
  ZydisDecoderInit(&state_->decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
}

X86Decoder::~X86Decoder() = default;

Insn X86Decoder::decode(std::span<const std::uint8_t> bytes, std::uint64_t vaddr) const {
  Insn insn;
  insn.vaddr = vaddr;
  if (!decode_common(bytes, insn)) insn = decode_any(bytes, vaddr);
  if (insn.op == InsnOp::kOther && insn.has_imm) take_low_byte(bytes, insn);
  return insn;
}

Insn X86Decoder::decode_any(std::span<const std::uint8_t> bytes, std::uint64_t vaddr) const {
  Insn insn;
  insn.vaddr = vaddr;
  ZydisDecodedInstruction decoded;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
  ZydisDecoderContext context;
  if (ZYAN_FAILED(ZydisDecoderDecodeInstruction(&state_->decoder, &context, bytes.data(),
                                                bytes.size(), &decoded))) {
    return insn;
  }
  insn.length = decoded.length;
  insn.op = control_op(decoded);
  if (insn.op == InsnOp::kSyscall || insn.op == InsnOp::kSyscallI386 || insn.op == InsnOp::kStop ||
      insn.op == InsnOp::kReturn || insn.op == InsnOp::kLeave) {
    return insn;
  }
  operands[0].type = operands[1].type = ZYDIS_OPERAND_TYPE_UNUSED;
  if (ZYAN_FAILED(ZydisDecoderDecodeOperands(&state_->decoder, &context, &decoded, operands,
                                             decoded.operand_count))) {
    insn.writes = ~0u;
    return insn;
  }
  if (decoded.mnemonic == ZYDIS_MNEMONIC_INT) {
    constexpr std::uint64_t kLinuxI386 = 0x80;  // arch/x86/entry/entry_64_compat.S, Linux 6.18
    if (operands[0].imm.value.u == kLinuxI386) insn.op = InsnOp::kSyscallI386;
    return insn;
  }
  if (decoded.operand_count == 0) insn.op = InsnOp::kOther;
  switch (insn.op) {
    case InsnOp::kCall:
    case InsnOp::kJump:
      take_control(insn, operands);
      return insn;
    case InsnOp::kBranch:
      take_control(insn, operands);
      insn.writes = written(decoded, operands);  // loop, jrcxz
      return insn;
    case InsnOp::kPush:
    case InsnOp::kPop:
      if (decoded.operand_count_visible == 1) take_stack(insn, operands[0]);
      if (decoded.operand_width < 64) insn.width = 2;
      return insn;
    default:
      break;
  }
  insn.op = value_op(decoded.mnemonic);
  if (insn.op != InsnOp::kOther) {
    Insn valued = insn;
    if (take_value(valued, decoded, operands)) return valued;
    insn.op = InsnOp::kOther;
  }
  insn.writes = written(decoded, operands);
  insn.reads = put_away(decoded, operands);
  for (unsigned i = 0; i < decoded.operand_count; ++i) {
    if (operands[i].type != ZYDIS_OPERAND_TYPE_MEMORY) continue;
    const bool kept = insn.has_memory && insn.stores;
    if (!kept) take_memory(insn, operands[i]);
  }
  // An immediate of a non-PIE program may be an address.
  for (unsigned i = 0; i < decoded.operand_count_visible; ++i) {
    if (operands[i].type != ZYDIS_OPERAND_TYPE_IMMEDIATE) continue;
    insn.has_imm = true;
    insn.imm = operands[i].imm.value.s;
  }
  return insn;
}

std::uint32_t X86Decoder::reads(const Insn& insn, std::span<const std::uint8_t> bytes) const {
  if (const std::optional<std::uint32_t> told = plain_reads(machine(), insn, bytes)) return *told;
  return reads_any(bytes);
}

std::uint32_t X86Decoder::reads_any(std::span<const std::uint8_t> bytes) const {
  constexpr unsigned kWholeBits = 32;  // the upper half is cleared too
  ZydisDecodedInstruction decoded;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
  if (ZYAN_FAILED(ZydisDecoderDecodeFull(&state_->decoder, bytes.data(), bytes.size(), &decoded,
                                         operands))) {
    return ~0u;
  }
  switch (decoded.mnemonic) {
    case ZYDIS_MNEMONIC_TEST:
    case ZYDIS_MNEMONIC_CMP:
    case ZYDIS_MNEMONIC_NOP:
      return 0;
    case ZYDIS_MNEMONIC_XOR:
    case ZYDIS_MNEMONIC_SUB:
      if (operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER && operands[1].type == operands[0].type &&
          operands[0].reg.value == operands[1].reg.value && operands[0].size >= kWholeBits) {
        return 0;
      }
      break;
    default:
      break;
  }
  std::uint32_t reads = 0;
  const auto add = [&](ZydisRegister reg) {
    const int number = number_of(reg);
    if (number != kNoRegister) reads |= 1u << number;
  };
  for (unsigned i = 0; i < decoded.operand_count; ++i) {
    const ZydisDecodedOperand& operand = operands[i];
    if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY) {
      add(operand.mem.base);
      add(operand.mem.index);
    } else if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER &&
               (operand.actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0) {
      add(operand.reg.value);
    }
  }
  return reads;
}

}  // namespace sysnare
