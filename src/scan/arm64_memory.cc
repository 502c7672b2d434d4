// Loads and stores of aarch64.

#include "scan/arm64_bits.h"

namespace sysnare::arm64 {
namespace {

/// What the data register of a load or store is.
struct Access {
  unsigned bytes = 0;
  bool vector = false;
  bool loads = false;
  bool sign_extends = false;
  bool prefetches = false;
};

/// By the fields `size`, V and opc of the group "load/store register".
Access access_of(Word word) {
  const std::uint32_t size = word.field(31, 30);
  const std::uint32_t opc = word.field(23, 22);
  Access access;
  access.vector = word.bit(26);
  if (access.vector) {
    access.bytes = 1u << ((opc & 2) << 1 | size);
    access.loads = (opc & 1) != 0;
    return access;
  }
  access.bytes = 1u << size;
  access.loads = opc != 0;
  access.prefetches = size == 3 && opc == 2;
  access.sign_extends = opc >= 2 && !access.prefetches;
  return access;
}

/// Gives `insn` its data register. 32 bits with a sign, in a register of which the upper half
/// becomes zero, are no value that is followed: loads of fewer than 4 bytes are none anyway.
void take_data(Insn& insn, const Access& access, std::int8_t data) {
  insn.has_memory = !access.prefetches;
  insn.memory_width = static_cast<std::uint8_t>(access.bytes);
  insn.stores = !access.loads;
  if (access.prefetches || access.vector) return;
  insn.width = static_cast<std::uint8_t>(access.bytes);
  if (access.loads) {
    insn.sign_extends = access.sign_extends;
    if (data == kNoRegister) return;
    insn.op = InsnOp::kLoad;
    insn.dst = data;
    return;
  }
  insn.op = InsnOp::kStore;
  insn.src = data;
  if (data == kNoRegister) insn.has_imm = true;  // zero
}

/// `ldr x0, [x1], #8` and `ldr x0, [x1, #8]!`: bits 11 and 10.
void take_indexed(Insn& insn, std::uint32_t mode, std::int64_t offset) {
  constexpr std::uint32_t kPost = 1;
  constexpr std::uint32_t kPre = 3;
  insn.disp = mode == kPost ? 0 : offset;
  if (mode == kPost || mode == kPre) insn.advance = static_cast<std::int16_t>(offset);
}

void decode_pair(Word word, Insn& insn) {
  const bool vector = word.bit(26);
  const std::uint32_t opc = word.field(31, 30);
  const bool loads = word.bit(22);
  const bool signed_words = !vector && opc == 1;  // ldpsw; stgp, of 16 bytes a tag
  unsigned bytes = vector ? 4u << opc : opc == 2 ? 8 : 4;
  const bool tagged = signed_words && !loads;
  if (tagged) bytes = 8;
  const std::int64_t offset = word.signed_field(21, 15) * (tagged ? 16 : bytes);
  insn.base = or_stack(word.rn());
  constexpr std::uint32_t kModes[] = {0, 1, 0, 3};  // without a hint, after, plain, before
  take_indexed(insn, kModes[word.field(24, 23)], offset);
  insn.has_memory = true;
  insn.stores = !loads;
  insn.memory_width = static_cast<std::uint8_t>(bytes * 2);
  if (vector) return;
  const std::int8_t first = or_zero(word.rd());
  const std::int8_t second = or_zero(word.field(14, 10));
  insn.width = static_cast<std::uint8_t>(bytes);
  insn.sign_extends = signed_words;
  if (!loads) {
    insn.op = InsnOp::kStore;
    insn.src = first;
    insn.has_imm = first == kNoRegister;
    insn.second = second == kNoRegister ? kZeroRegister : second;
  } else if (first != kNoRegister && second != kNoRegister) {
    insn.op = InsnOp::kLoad;
    insn.dst = first;
    insn.second = second;
  } else {
    insn.writes = set_of(first) | set_of(second);
  }
}

/// Exclusive and ordered ones, and compare and swap.
void decode_exclusive(Word word, Insn& insn) {
  const unsigned bytes = 1u << word.field(31, 30);
  const std::int8_t data = or_zero(word.rd());
  const std::int8_t other = or_zero(word.field(14, 10));
  const std::int8_t status = or_zero(word.rm());
  const bool loads = word.bit(22);
  insn.base = or_stack(word.rn());
  insn.has_memory = true;
  insn.memory_width = static_cast<std::uint8_t>(bytes);
  if (word.bit(23) && !word.bit(21)) {  // ldar, stlr
    Access access;
    access.bytes = bytes;
    access.loads = loads;
    take_data(insn, access, data);
    return;
  }
  if (!word.bit(21)) {  // ldxr, stxr
    insn.stores = !loads;
    insn.writes = set_of(loads ? data : status);
    insn.reads = loads ? 0 : set_of(data);
    return;
  }
  if (word.bit(23)) {  // cas
    insn.stores = true;
    insn.writes = set_of(status);
    insn.reads = set_of(data);
    return;
  }
  insn.memory_width = static_cast<std::uint8_t>(2 * bytes);
  if (word.bit(31)) {  // ldxp, stxp
    insn.stores = !loads;
    insn.writes = loads ? set_of(data) | set_of(other) : set_of(status);
    insn.reads = loads ? 0 : set_of(data) | set_of(other);
    return;
  }
  insn.memory_width = 16;  // casp: each of two registers in a row
  insn.stores = true;
  insn.writes = 3u << word.rm();
  insn.reads = 3u << word.rd();
  insn.writes &= ~(1u << kStackPointer);
  insn.reads &= ~(1u << kStackPointer);
}

/// ld1 to ld4, st1 to st4: they write no general register but the one that they count up.
void decode_structures(Word word, Insn& insn) {
  constexpr unsigned kMost = 64;  // four registers of 16 bytes
  insn.base = or_stack(word.rn());
  insn.has_memory = true;
  insn.stores = !word.bit(22);
  insn.memory_width = kMost;
  if (word.bit(23)) insn.writes = set_of(insn.base);
}

/// ldadd, swp and the like.
void decode_atomic(Word word, Insn& insn) {
  insn.base = or_stack(word.rn());
  insn.has_memory = true;
  insn.memory_width = static_cast<std::uint8_t>(1u << word.field(31, 30));
  insn.writes = set_of(or_zero(word.rd()));
  insn.reads = set_of(or_zero(word.rm()));
  insn.stores = true;
  const bool ldapr = word.field(15, 12) == 12;
  if (ldapr) insn.stores = false;
  // ld64b, st64b: eight registers from this one on.
  if (word.bit(15) && !ldapr && word.field(14, 12) != 0) {
    insn.writes |= 0xffu << word.rd() & ~(1u << kStackPointer);
    insn.reads |= insn.writes;
  }
}

/// [base, index, extended and shifted].
void take_index(Word word, Insn& insn, unsigned bytes) {
  constexpr std::uint32_t kWholeUnsigned = 3;
  constexpr std::uint32_t kWholeSigned = 7;
  const std::uint32_t option = word.field(15, 13);
  insn.index = or_zero(word.rm());
  insn.scale = static_cast<std::uint8_t>(word.bit(12) ? bytes : 1);
  insn.narrow_index = option != kWholeUnsigned && option != kWholeSigned;
}

void decode_single(Word word, Insn& insn) {
  const Access access = access_of(word);
  const std::int8_t data = or_zero(word.rd());
  insn.base = or_stack(word.rn());
  if (word.bit(24)) {
    insn.disp = static_cast<std::int64_t>(word.field(21, 10)) * access.bytes;
    take_data(insn, access, data);
    return;
  }
  if (!word.bit(21)) {
    take_indexed(insn, word.field(11, 10), word.signed_field(20, 12));
    take_data(insn, access, data);
    return;
  }
  switch (word.field(11, 10)) {
    case 0:
      decode_atomic(word, insn);
      return;
    case 2:
      take_index(word, insn, access.bytes);
      take_data(insn, access, data);
      return;
    default:  // ldraa: a signed pointer, which is no address
      insn.has_memory = true;
      insn.memory_width = 8;
      insn.writes = set_of(data);
      if (word.bit(11)) insn.writes |= set_of(insn.base);
      return;
  }
}

void decode_literal(Word word, Insn& insn) {
  const std::uint32_t opc = word.field(31, 30);
  constexpr std::uint32_t kSigned = 2;
  constexpr std::uint32_t kPrefetch = 3;
  insn.absolute = true;
  insn.disp = static_cast<std::int64_t>(insn.vaddr) + word.signed_field(23, 5) * 4;
  Access access;
  access.vector = word.bit(26);
  access.loads = true;
  access.bytes = access.vector ? 4u << opc : opc == 1 ? 8 : 4;
  access.sign_extends = !access.vector && opc == kSigned;
  access.prefetches = !access.vector && opc == kPrefetch;
  take_data(insn, access, or_zero(word.rd()));
}

}  // namespace

bool decode_memory(Word word, Insn& insn) {
  if (word.is(0x3f000000, 0x08000000)) {
    decode_exclusive(word, insn);
  } else if (word.is(0xbe000000, 0x0c000000)) {
    decode_structures(word, insn);
  } else if (word.is(0x3b000000, 0x18000000)) {
    decode_literal(word, insn);
  } else if (word.is(0x3f200c00, 0x19000000)) {  // ldapur, stlur
    const Access access = access_of(word);
    insn.base = or_stack(word.rn());
    insn.disp = word.signed_field(20, 12);
    take_data(insn, access, or_zero(word.rd()));
  } else if (word.is(0x3a000000, 0x28000000)) {
    decode_pair(word, insn);
  } else if (word.is(0x3a000000, 0x38000000)) {
    decode_single(word, insn);
  } else {
    return false;
  }
  return true;
}

}  // namespace sysnare::arm64
