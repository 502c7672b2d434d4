#include "scan/arm64_decoder.h"

#include <capstone/capstone.h>

#include <bit>
#include <cstring>
#include <mutex>

#include "scan/arm64_bits.h"

namespace sysnare {
namespace arm64 {
namespace {

constexpr std::uint32_t kEveryRegister = ~0u;

/// The immediate of logical instructions (C3.4.2, DecodeBitMasks); 0 for what is reserved.
std::uint64_t bit_mask(Word word) {
  const std::uint32_t imms = word.field(15, 10);
  const std::uint32_t immr = word.field(21, 16);
  const std::uint32_t n_imms = (word.field(22, 22) << 6) | (~imms & 0x3f);
  if (n_imms < 2) return 0;
  const unsigned length = static_cast<unsigned>(std::bit_width(n_imms)) - 1;
  const unsigned size = 1u << length;
  const unsigned ones = (imms & (size - 1)) + 1;
  const unsigned rotated = immr & (size - 1);
  if (ones == size) return 0;
  std::uint64_t element = (1ull << ones) - 1;
  const std::uint64_t all = size == 64 ? ~0ull : (1ull << size) - 1;
  if (rotated != 0) element = (element >> rotated | element << (size - rotated)) & all;
  for (unsigned at = size; at < 64; at *= 2) element |= element << at;
  return element;
}

void set_immediate(Insn& insn, InsnOp op, std::int8_t dst, std::int64_t imm, std::uint8_t width) {
  insn.op = op;
  insn.dst = dst;
  insn.has_imm = true;
  insn.imm = imm;
  insn.width = width;
}

/// An operation with a result that is not followed.
void set_other(Insn& insn, std::int8_t dst, std::uint32_t reads) {
  insn.op = InsnOp::kOther;
  insn.writes = set_of(dst);
  insn.reads = reads;
}

/// dst = left (op) src.
void set_registers(Insn& insn, InsnOp op, std::int8_t dst, std::int8_t left, std::int8_t src,
                   std::uint8_t width) {
  insn.op = op;
  insn.dst = dst;
  insn.left = left;
  insn.width = width;
  insn.src = src;
  if (src == kNoRegister) insn.has_imm = true;  // the zero register
}

void decode_address(Word word, Insn& insn) {
  const auto rest = static_cast<std::int64_t>(word.field(30, 29));
  const std::int64_t distance = word.signed_field(23, 5) * 4 + rest;
  const std::int8_t dst = or_zero(word.rd());
  if (dst == kNoRegister) return;
  const auto place = static_cast<std::int64_t>(insn.vaddr);
  if (word.bit(31)) {
    constexpr std::int64_t kPageBytes = 4096;
    set_immediate(insn, InsnOp::kPage, dst, (place & -kPageBytes) + distance * kPageBytes, 8);
    return;
  }
  insn.op = InsnOp::kAddress;
  insn.dst = dst;
  insn.has_memory = insn.absolute = true;
  insn.disp = place + distance;
}

void decode_add_immediate(Word word, Insn& insn) {
  const bool sets_flags = word.bit(29);
  const std::int64_t imm = static_cast<std::int64_t>(word.field(21, 10)) << (word.bit(22) ? 12 : 0);
  const std::int8_t dst = sets_flags ? or_zero(word.rd()) : or_stack(word.rd());
  const std::int8_t left = or_stack(word.rn());
  if (dst == kNoRegister) {  // cmp; of cmn it matters as little as of other flags
    if (word.bit(30)) set_immediate(insn, InsnOp::kCompare, left, imm, word.width());
    return;
  }
  set_immediate(insn, word.bit(30) ? InsnOp::kSub : InsnOp::kAdd, dst, imm, word.width());
  insn.left = left;
}

constexpr InsnOp kLogical[] = {InsnOp::kAnd, InsnOp::kOr, InsnOp::kXor, InsnOp::kAnd};
constexpr std::uint32_t kAndWithFlags = 3;

void decode_logical_immediate(Word word, Insn& insn) {
  const std::uint32_t opc = word.field(30, 29);
  const std::int8_t dst = opc == kAndWithFlags ? or_zero(word.rd()) : or_stack(word.rd());
  const std::int8_t left = or_zero(word.rn());
  if (dst == kNoRegister) return;  // tst
  std::uint64_t mask = bit_mask(word);
  if (!word.bit(31)) mask &= UINT32_MAX;
  const bool moves = kLogical[opc] == InsnOp::kOr && left == kNoRegister;
  set_immediate(insn, moves ? InsnOp::kMove : kLogical[opc], dst, static_cast<std::int64_t>(mask),
                word.width());
  insn.left = left;
}

void decode_wide_move(Word word, Insn& insn) {
  const std::uint32_t opc = word.field(30, 29);
  const unsigned shift = word.field(22, 21) * 16;
  const std::uint64_t part = static_cast<std::uint64_t>(word.field(20, 5)) << shift;
  const std::int8_t dst = or_zero(word.rd());
  if (dst == kNoRegister) return;
  constexpr std::uint32_t kNot = 0, kPlain = 2, kKeep = 3;
  if (opc == kKeep) {
    set_immediate(insn, InsnOp::kInsert, dst, static_cast<std::int64_t>(part), word.width());
    insn.left = dst;
    insn.scale = static_cast<std::uint8_t>(shift);
    insn.memory_width = 2;
    return;
  }
  if (opc != kPlain && opc != kNot) return;
  std::uint64_t number = opc == kNot ? ~part : part;
  if (!word.bit(31)) number &= UINT32_MAX;
  set_immediate(insn, InsnOp::kMove, dst, static_cast<std::int64_t>(number), word.width());
}

/// Sign and zero extensions, and shifts by a constant.
void decode_bit_field(Word word, Insn& insn) {
  const std::uint32_t opc = word.field(30, 29);
  const std::uint32_t immr = word.field(21, 16);
  const std::uint32_t imms = word.field(15, 10);
  const std::int8_t dst = or_zero(word.rd());
  const std::int8_t src = or_zero(word.rn());
  constexpr std::uint32_t kSigned = 0, kUnsigned = 2;
  const std::uint32_t bits = word.bit(31) ? 64 : 32;
  const bool extends = immr == 0 && (imms == 7 || imms == 15 || imms == 31);
  set_other(insn, dst, set_of(src) | (opc == 1 ? set_of(dst) : 0));
  if (dst == kNoRegister || src == kNoRegister) return;
  if (extends && (opc == kUnsigned || (opc == kSigned && bits == 64))) {
    insn = {.vaddr = insn.vaddr, .length = insn.length};
    set_registers(insn, InsnOp::kMove, dst, kNoRegister, src,
                  static_cast<std::uint8_t>((imms + 1) / 8));
    insn.sign_extends = opc == kSigned;
  } else if (opc == kUnsigned && imms != bits - 1 && imms + 1 == immr) {  // lsl
    insn = {.vaddr = insn.vaddr, .length = insn.length};
    set_immediate(insn, InsnOp::kShiftLeft, dst, bits - immr, word.width());
    insn.left = src;
  }
}

void decode_immediate(Word word, Insn& insn) {
  switch (word.field(25, 23)) {
    case 0:
    case 1:
      decode_address(word, insn);
      return;
    case 2:
      decode_add_immediate(word, insn);
      return;
    case 4:
      decode_logical_immediate(word, insn);
      return;
    case 5:
      decode_wide_move(word, insn);
      return;
    case 6:
      decode_bit_field(word, insn);
      return;
    case 7:  // extr
      set_other(insn, or_zero(word.rd()), set_of(or_zero(word.rn())) | set_of(or_zero(word.rm())));
      return;
    default:  // addg, subg
      set_other(insn, or_stack(word.rd()), set_of(or_stack(word.rn())));
      return;
  }
}

/// Shifted by nothing, or an address by a shift to the left.
void decode_shifted(Word word, Insn& insn) {
  const std::int8_t dst = or_zero(word.rd());
  const std::int8_t left = or_zero(word.rn());
  const std::int8_t src = or_zero(word.rm());
  const unsigned shift = word.field(15, 10);
  const bool adds = word.bit(24);
  if (dst == kNoRegister) {
    if (adds && word.bit(30) && left != kNoRegister)  // cmp
      set_registers(insn, InsnOp::kCompare, left, kNoRegister, src, word.width());
    insn.left = kNoRegister;
    return;
  }
  set_other(insn, dst, set_of(left) | set_of(src));
  const bool inverts = !adds && word.bit(21);  // bic, orn, eon
  const bool shifts = shift != 0 || word.field(23, 22) != 0;
  if (inverts || (shifts && src != kNoRegister)) {
    constexpr unsigned kMostIndex = 3;
    const bool index = adds && !word.bit(30) && word.bit(31) && word.field(23, 22) == 0 &&
                       shift <= kMostIndex && left != kNoRegister;
    if (!index) return;
    insn.op = InsnOp::kAddress;
    insn.writes = insn.reads = 0;
    insn.dst = dst;
    insn.base = left;
    insn.index = src;
    insn.scale = static_cast<std::uint8_t>(1u << shift);
    return;
  }
  const std::uint32_t opc = word.field(30, 29);
  const InsnOp op = adds ? word.bit(30) ? InsnOp::kSub : InsnOp::kAdd : kLogical[opc];
  insn.writes = insn.reads = 0;
  const bool moves = op == InsnOp::kOr && left == kNoRegister;
  set_registers(insn, moves ? InsnOp::kMove : op, dst, left, src, word.width());
}

/// add x0, sp, w1, sxtw #2
void decode_extended(Word word, Insn& insn) {
  const bool sets_flags = word.bit(29);
  const std::int8_t dst = sets_flags ? or_zero(word.rd()) : or_stack(word.rd());
  const std::int8_t left = or_stack(word.rn());
  const std::int8_t src = or_zero(word.rm());
  const unsigned shift = word.field(12, 10);
  const std::uint32_t option = word.field(15, 13);
  const bool whole = (option & 3) == 3 || (!word.bit(31) && (option & 3) == 2);
  if (dst == kNoRegister) {
    if (word.bit(30)) set_registers(insn, InsnOp::kCompare, left, kNoRegister, src, word.width());
    return;
  }
  if (whole && shift == 0) {
    set_registers(insn, word.bit(30) ? InsnOp::kSub : InsnOp::kAdd, dst, left, src, word.width());
    return;
  }
  if (word.bit(30) || !word.bit(31)) {
    set_other(insn, dst, set_of(left) | set_of(src));
    return;
  }
  insn.op = InsnOp::kAddress;
  insn.dst = dst;
  insn.base = left;
  insn.index = src;
  insn.scale = static_cast<std::uint8_t>(1u << shift);
  insn.narrow_index = !whole;
  insn.sign_extends = (option & 4) != 0;
}

void decode_choice(Word word, Insn& insn) {
  const std::int8_t dst = or_zero(word.rd());
  const std::int8_t left = or_zero(word.rn());
  const std::int8_t src = or_zero(word.rm());
  const std::uint32_t which = word.field(30, 30) << 1 | word.field(10, 10);
  constexpr std::uint32_t kPlain = 0, kNext = 1, kInverse = 2;
  if (dst == kNoRegister) return;
  set_other(insn, dst, set_of(left) | set_of(src));
  const bool inverse_of_zero = which == kInverse && src == kNoRegister;
  if (which != kPlain && which != kNext && !inverse_of_zero) return;
  insn.writes = insn.reads = 0;
  set_registers(insn, InsnOp::kChoose, dst, left, src, word.width());
  if (which != kPlain) insn.has_imm = true;
  insn.imm = which == kNext ? 1 : which == kInverse ? -1 : 0;
}

void decode_registers(Word word, Insn& insn) {
  if (!word.bit(28)) {
    if (word.bit(24) && word.bit(21)) return decode_extended(word, insn);
    return decode_shifted(word, insn);
  }
  const std::int8_t dst = or_zero(word.rd());
  const std::uint32_t two = set_of(or_zero(word.rn())) | set_of(or_zero(word.rm()));
  switch (word.field(24, 21)) {
    case 0:  // adc, sbc; rmif and setf, which write none
      set_other(insn, word.field(15, 10) == 0 ? dst : static_cast<std::int8_t>(kNoRegister), two);
      return;
    case 2:  // ccmp
      return;
    case 4:
      return decode_choice(word, insn);
    case 6:
      set_other(insn, dst, two | set_of(dst));
      return;
    default:
      set_other(insn, dst, two | set_of(or_zero(word.field(14, 10))));
      return;
  }
}

/// Whether it changes what a branch asks (Arm ARM, C4.1): the forms with an S, comparisons, and
/// what tells little of itself (SVE, moves to NZCV).
bool changes_flags(Word word) {
  if (word.is(0x1f000000, 0x11000000) || word.is(0x1f000000, 0x0b000000)) return word.bit(29);
  if (word.is(0x1f800000, 0x12000000) || word.is(0x1f000000, 0x0a000000))
    return word.field(30, 29) == kAndWithFlags;
  if (word.is(0x1fe00000, 0x1a000000)) return word.bit(29);  // adcs, sbcs, rmif, setf
  if (word.is(0x1fe00000, 0x1a400000)) return true;          // ccmp, ccmn
  if (word.is(0xff20fc00, 0x1e202000)) return true;          // fcmp
  if (word.is(0xff200c00, 0x1e200400)) return true;          // fccmp
  if (word.is(0x1e000000, 0x04000000)) return true;          // SVE
  return word.is(0xfffff01f, 0xd500401f) || word.is(0xffffffe0, 0xd51b4200);
}

bool decode_control(Word word, Insn& insn) {
  const auto to = [&](std::int64_t words) {
    insn.target = insn.vaddr + static_cast<std::uint64_t>(words * 4);
  };
  if (word.is(0x7c000000, 0x14000000)) {
    insn.op = word.bit(31) ? InsnOp::kCall : InsnOp::kJump;
    to(word.signed_field(25, 0));
    return true;
  }
  if (word.is(0xff000000, 0x54000000) || word.is(0x7e000000, 0x34000000)) {
    insn.op = InsnOp::kBranch;
    if (word.bit(30)) insn.imm = static_cast<std::int64_t>(word.field(3, 0)) + 2;
    to(word.signed_field(23, 5));
    return true;
  }
  if (word.is(0x7e000000, 0x36000000)) {
    insn.op = InsnOp::kBranch;
    to(word.signed_field(18, 5));
    return true;
  }
  if (word.is(0xff000000, 0xd4000000)) {
    // The number after svc is passed over: el0_svc(), arch/arm64/kernel/entry-common.c, Linux 6.18.
    if (word.is(0xffe0001f, 0xd4000001)) insn.op = InsnOp::kSyscall;
    if (word.is(0xffe0001f, 0xd4200000)) insn.op = InsnOp::kStop;  // brk
    if (word.is(0xffe0001f, 0xd4400000)) insn.op = InsnOp::kStop;  // hlt
    return true;
  }
  if (word.is(0xfe000000, 0xd6000000)) {
    insn.src = or_zero(word.rn());
    switch (word.field(24, 21) & 7) {  // the highest bit: braa and so on
      case 0:
        insn.op = InsnOp::kJumpIndirect;
        return true;
      case 1:
        insn.op = InsnOp::kCallIndirect;
        return true;
      case 2:
        insn.op = InsnOp::kReturn;
        insn.src = kNoRegister;
        return true;
      default:
        insn.src = kNoRegister;
        insn.op = InsnOp::kStop;  // eret, drps: not for programs
        return true;
    }
  }
  if (word.is(0xfffff01f, 0xd503201f)) {
    // Hints, nop and bti among them. pacia1716 and its like sign x17, others x30.
    if (word.is(0xfffffd1f, 0xd503211f)) insn.writes = 1u << 17;
    return true;
  }
  if (word.is(0xfffff000, 0xd5033000) || word.is(0xfff8f01f, 0xd500401f)) return true;
  if (word.is(0xfff00000, 0xd5300000)) {  // mrs
    insn.writes = set_of(or_zero(word.rd()));
    return true;
  }
  if (word.is(0xfff00000, 0xd5100000)) return true;  // msr
  if (word.is(0xfff80000, 0xd5080000)) {             // sys: dc zva writes a block of zeros
    constexpr std::uint8_t kBlock = 64;
    insn.base = or_zero(word.rd());
    insn.has_memory = insn.base != kNoRegister;
    insn.stores = insn.has_memory;
    insn.memory_width = kBlock;
    return true;
  }
  return false;
}

/// Floating point and vectors (C4.1.95): few of them write general registers.
void decode_vector(Word word, Insn& insn) {
  const std::int8_t to = or_zero(word.rd());
  const std::uint32_t from = set_of(or_zero(word.rn()));
  const std::uint32_t opcode = word.field(18, 16);
  if (word.is(0x5f20fc00, 0x1e200000)) {  // conversions to and from integers, fmov
    const bool writes = opcode <= 1 || (opcode >= 4 && opcode <= 6);
    if (writes) {
      insn.writes = set_of(to);
    } else {
      insn.reads = from;
    }
  } else if (word.is(0x5f200000, 0x1e000000)) {  // and to fixed point
    if (opcode <= 1) {
      insn.writes = set_of(to);
    } else {
      insn.reads = from;
    }
  } else if (word.is(0xbfe08400, 0x0e000400)) {  // dup, ins, smov, umov
    const std::uint32_t imm4 = word.field(14, 11);
    if (imm4 == 5 || imm4 == 7) insn.writes = set_of(to);
    if (imm4 == 1 || imm4 == 3) insn.reads = from;
  }
}

/// Fills `insn`; false for what is not decoded here.
bool decode_word(Word word, Insn& insn) {
  switch (word.field(28, 25)) {
    case 8:
    case 9:
      decode_immediate(word, insn);
      return true;
    case 10:
    case 11:
      return decode_control(word, insn);
    case 4:
    case 6:
    case 12:
    case 14:
      return decode_memory(word, insn);
    case 5:
    case 13:
      decode_registers(word, insn);
      return true;
    case 7:
    case 15:
      decode_vector(word, insn);
      return true;
    default:
      if (!word.is(0xffff0000, 0)) return false;
      insn.op = InsnOp::kStop;  // udf
      return true;
  }
}

/// Our number of Capstone's register; kNoRegister for vectors, flags and the zero register.
std::int8_t number_of(unsigned reg) {
  if (reg >= ARM64_REG_X0 && reg <= ARM64_REG_X28)
    return static_cast<std::int8_t>(reg - ARM64_REG_X0);
  if (reg >= ARM64_REG_W0 && reg <= ARM64_REG_W30)
    return static_cast<std::int8_t>(reg - ARM64_REG_W0);
  if (reg == ARM64_REG_X29) return 29;
  if (reg == ARM64_REG_X30) return 30;
  if (reg == ARM64_REG_SP || reg == ARM64_REG_WSP) return kStackPointer;
  return kNoRegister;
}

}  // namespace
}  // namespace arm64

using arm64::Word;

struct Arm64Decoder::Rest {
  csh handle = 0;
  cs_insn* insn = nullptr;
  mutable std::mutex mutex;

  Rest() {
    if (cs_open(CS_ARCH_ARM64, CS_MODE_ARM, &handle) != CS_ERR_OK) return;
    cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
    insn = cs_malloc(handle);
  }
  ~Rest() {
    if (insn != nullptr) cs_free(insn, 1);
    if (handle != 0) cs_close(&handle);
  }
  Rest(const Rest&) = delete;
  Rest& operator=(const Rest&) = delete;

  void decode(std::span<const std::uint8_t> bytes, Insn& to) const {
    const std::lock_guard lock(mutex);  // several functions are followed at once
    const std::uint8_t* code = bytes.data();
    std::size_t size = bytes.size();
    std::uint64_t vaddr = to.vaddr;
    cs_regs read, written;
    std::uint8_t reads = 0, writes = 0;
    const bool known = insn != nullptr && cs_disasm_iter(handle, &code, &size, &vaddr, insn) &&
                       cs_regs_access(handle, insn, read, &reads, written, &writes) == CS_ERR_OK;
    // Whatever it is, it may write to memory.
    to.has_memory = to.stores = true;
    to.memory_width = 64;
    to.writes = known ? 0 : arm64::kEveryRegister;
    for (unsigned i = 0; known && i < reads; ++i)
      to.reads |= arm64::set_of(arm64::number_of(read[i]));
    for (unsigned i = 0; known && i < writes; ++i)
      to.writes |= arm64::set_of(arm64::number_of(written[i]));
  }
};

Arm64Decoder::Arm64Decoder() : Decoder(aarch64_machine()), rest_(new Rest) {}

Arm64Decoder::~Arm64Decoder() = default;

Insn Arm64Decoder::decode(std::span<const std::uint8_t> bytes, std::uint64_t vaddr) const {
  Insn insn;
  insn.vaddr = vaddr;
  Word word;
  if (bytes.size() < sizeof word.bits || vaddr % sizeof word.bits != 0) return insn;
  std::memcpy(&word.bits, bytes.data(), sizeof word.bits);
  insn.length = sizeof word.bits;
  if (!arm64::decode_word(word, insn)) {
    insn = {.vaddr = vaddr, .length = sizeof word.bits};
    rest_->decode(bytes.first(sizeof word.bits), insn);
  }
  insn.sets_flags = arm64::changes_flags(word);
  return insn;
}

}  // namespace sysnare
