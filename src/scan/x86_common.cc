#include "scan/x86_common.h"

#include <array>
#include <cstring>

namespace sysnare {
namespace {

/// Shapes of encodings. `E` is what ModRM's r/m names (register or memory), `G` its register.
enum class Form : std::uint8_t {
  kUnknown,
  kAluEG,     ///< 00, 01 …: ALU operation number in bits 3 to 5 of the opcode
  kAluGE,     ///< 02, 03 …
  kAluA,      ///< 04, 05 …: rax with an immediate
  kAluE,      ///< 80, 81, 83: E with an immediate, operation in ModRM.reg
  kTestEG,    ///< 84, 85
  kTestA,     ///< a8, a9
  kMoveEG,    ///< 88, 89
  kMoveGE,    ///< 8a, 8b
  kMoveImm,   ///< b0 … bf
  kMoveEImm,  ///< c6, c7
  kLea,
  kMovsxd,
  kExtend,  ///< 0f b6, b7, be, bf
  kPush,
  kPop,
  kPushImm,  ///< 68, 6a
  kImulImm,  ///< 69, 6b
  kImul,     ///< 0f af
  kBranch8,
  kBranch32,
  kJump8,
  kJump32,
  kCall,
  kShift,   ///< c0, c1, d0 … d3
  kGroup3,  ///< f6, f7
  kGroup4,  ///< fe
  kGroup5,  ///< ff
  kReturn,
  kLeave,
  kNop,
  kNopE,   ///< 0f 1f
  kWiden,  ///< 98, 99: cdqe, cqo and smaller ones
  kHint,   ///< f3 0f 1e: endbr64
  kSyscall,
  kStop,    ///< 0f 0b
  kSet,     ///< 0f 90 … 9f
  kChoose,  ///< 0f 40 … 4f
  kSwap,    ///< 0f c8 … cf: bswap
  kScan,    ///< 0f bc, bd: bsf, bsr, tzcnt, lzcnt
  kVector,  ///< see vector_shape()
};

constexpr std::array<Form, 256> one_byte() {
  std::array<Form, 256> forms{};
  for (unsigned op = 0; op < 8; ++op) {
    forms[op * 8 + 0] = forms[op * 8 + 1] = Form::kAluEG;
    forms[op * 8 + 2] = forms[op * 8 + 3] = Form::kAluGE;
    forms[op * 8 + 4] = forms[op * 8 + 5] = Form::kAluA;
  }
  for (unsigned i = 0; i < 8; ++i) {
    forms[0x50 + i] = Form::kPush;
    forms[0x58 + i] = Form::kPop;
  }
  for (unsigned i = 0; i < 16; ++i) {
    forms[0x70 + i] = Form::kBranch8;
    forms[0xb0 + i] = Form::kMoveImm;
  }
  forms[0x63] = Form::kMovsxd;
  forms[0x68] = forms[0x6a] = Form::kPushImm;
  forms[0x69] = forms[0x6b] = Form::kImulImm;
  forms[0x80] = forms[0x81] = forms[0x83] = Form::kAluE;
  forms[0x84] = forms[0x85] = Form::kTestEG;
  forms[0x88] = forms[0x89] = Form::kMoveEG;
  forms[0x8a] = forms[0x8b] = Form::kMoveGE;
  forms[0x8d] = Form::kLea;
  forms[0x90] = Form::kNop;
  forms[0x98] = forms[0x99] = Form::kWiden;
  forms[0xa8] = forms[0xa9] = Form::kTestA;
  for (unsigned opcode : {0xc0u, 0xc1u, 0xd0u, 0xd1u, 0xd2u, 0xd3u}) forms[opcode] = Form::kShift;
  forms[0xc3] = Form::kReturn;
  forms[0xc6] = forms[0xc7] = Form::kMoveEImm;
  forms[0xc9] = Form::kLeave;
  forms[0xe8] = Form::kCall;
  forms[0xe9] = Form::kJump32;
  forms[0xeb] = Form::kJump8;
  forms[0xf6] = forms[0xf7] = Form::kGroup3;
  forms[0xfe] = Form::kGroup4;
  forms[0xff] = Form::kGroup5;
  return forms;
}

/// Behind 0f.
constexpr std::array<Form, 256> two_bytes() {
  std::array<Form, 256> forms{};
  forms[0x05] = Form::kSyscall;
  forms[0x0b] = Form::kStop;
  forms[0x1e] = Form::kHint;
  forms[0x1f] = Form::kNopE;
  for (unsigned i = 0; i < 16; ++i) {
    forms[0x40 + i] = Form::kChoose;
    forms[0x80 + i] = Form::kBranch32;
    forms[0x90 + i] = Form::kSet;
  }
  for (unsigned i = 0; i < 8; ++i) forms[0xc8 + i] = Form::kSwap;
  forms[0xaf] = Form::kImul;
  forms[0xb6] = forms[0xb7] = forms[0xbe] = forms[0xbf] = Form::kExtend;
  forms[0xbc] = forms[0xbd] = Form::kScan;
  for (unsigned opcode :
       {0x10u, 0x11u, 0x14u, 0x16u, 0x17u, 0x28u, 0x29u, 0x2au, 0x2cu, 0x2du, 0x2eu, 0x2fu,
        0x51u, 0x54u, 0x55u, 0x56u, 0x57u, 0x58u, 0x59u, 0x5au, 0x5cu, 0x5du, 0x5eu, 0x5fu,
        0x6cu, 0x6du, 0x6eu, 0x6fu, 0x70u, 0x74u, 0x75u, 0x76u, 0x7eu, 0x7fu, 0xc6u, 0xd4u,
        0xd6u, 0xd7u, 0xdau, 0xdbu, 0xdfu, 0xebu, 0xefu, 0xfau, 0xfbu, 0xfeu}) {
    forms[opcode] = Form::kVector;
  }
  return forms;
}

constexpr std::array<Form, 256> kOneByte = one_byte();
constexpr std::array<Form, 256> kTwoBytes = two_bytes();

constexpr InsnOp kAlu[] = {InsnOp::kAdd, InsnOp::kOr,  InsnOp::kOther, InsnOp::kOther,
                           InsnOp::kAnd, InsnOp::kSub, InsnOp::kXor,   InsnOp::kCompare};
constexpr unsigned kAluCompare = 7;
constexpr unsigned kRax = 0;
constexpr unsigned kRdx = 2;
constexpr unsigned kRsp = 4;
constexpr unsigned kRbp = 5;

/// What a vector instruction has to do with memory and general registers.
struct Vector {
  std::uint8_t size = 0;  ///< bytes of its memory operand; 0: not known here
  bool stores = false;
  bool writes_g = false;  ///< G is a general register, and written
  bool writes_e = false;  ///< the same of E where it is a register
  bool imm = false;
};

/// `prefix`: 0, 0x66, 0xf2 or 0xf3.
Vector vector_shape(unsigned prefix, unsigned opcode, bool wide) {
  const bool packed = prefix == 0 || prefix == 0x66;
  const auto scalar = static_cast<std::uint8_t>(prefix == 0xf3 ? 4 : prefix == 0xf2 ? 8 : 16);
  const auto whole = static_cast<std::uint8_t>(wide ? 8 : 4);
  switch (opcode) {
    case 0x10:
      return {scalar};
    case 0x11:
      return {scalar, true};
    case 0x14:  // unpcklps, unpcklpd
    case 0x54:  // the logical ones
    case 0x55:
    case 0x56:
    case 0x57:
    case 0x28:
      if (packed) return {16};
      break;
    case 0x29:
      if (packed) return {16, true};
      break;
    case 0x16:  // movhps, movhpd
      if (packed) return {8};
      break;
    case 0x17:
      if (packed) return {8, true};
      break;
    case 0x2a:  // cvtsi2ss, cvtsi2sd
      if (!packed) return {whole};
      break;
    case 0x2c:  // cvttss2si and so on
    case 0x2d:
      if (!packed) return {scalar, false, true};
      break;
    case 0x2e:
    case 0x2f:
      if (packed) return {static_cast<std::uint8_t>(prefix == 0 ? 4 : 8)};
      break;
    case 0x51:
    case 0x58:
    case 0x59:
    case 0x5c:
    case 0x5d:
    case 0x5e:
    case 0x5f:
      return {scalar};
    case 0x5a:
      if (!packed) return {scalar};
      break;
    case 0x6e:
      if (prefix == 0x66) return {whole};
      break;
    case 0x6f:
      if (prefix == 0x66 || prefix == 0xf3) return {16};
      break;
    case 0x7f:
      if (prefix == 0x66 || prefix == 0xf3) return {16, true};
      break;
    case 0x7e:
      if (prefix == 0xf3) return {8};
      if (prefix == 0x66) return {whole, true, false, true};
      break;
    case 0xd6:
      if (prefix == 0x66) return {8, true};
      break;
    case 0x70:
      if (prefix != 0) return {16, false, false, false, true};
      break;
    case 0xc6:
      if (packed) return {16, false, false, false, true};
      break;
    case 0xd7:  // pmovmskb
      if (prefix == 0x66) return {16, false, true};
      break;
    default:  // of integers
      if (prefix == 0x66) return {16};
      break;
  }
  return {};
}

struct Operand {
  enum class Kind : std::uint8_t { kRegister, kMemory, kImmediate };
  Kind kind = Kind::kRegister;
  std::int8_t reg = kNoRegister;
  bool high = false;  ///< ah, ch, dh or bh
  std::uint8_t size = 0;

  [[nodiscard]] bool is_memory() const { return kind == Kind::kMemory; }
};

/// 16-bit and byte registers are left as they are above what is written; so only 32 and 64 bits
/// carry a value.
constexpr unsigned kLeastWidth = 4;

class Common {
 public:
  Common(std::span<const std::uint8_t> bytes, Insn& insn)
      : begin_(bytes.data()), at_(bytes.data()), end_(begin_ + bytes.size()), insn_(insn) {}

  bool run() {
    if (!read_prefixes()) return false;
    Form form = Form::kUnknown;
    if (!read_byte(opcode_)) return false;
    if (opcode_ == 0x0f) {
      if (!read_byte(opcode_)) return false;
      form = kTwoBytes[opcode_];
      // A prefix can make another instruction of it.
      if (prefix_ == 0xf2 || prefix_ == 0xf3) {
        const bool hint = form == Form::kHint && prefix_ == 0xf3;
        if (!hint && form != Form::kVector && form != Form::kScan) return false;
      }
    } else {
      form = kOneByte[opcode_];
      if (prefix_ == 0xf2 || prefix_ == 0xf3) return false;
    }
    return decode(form);
  }

 private:
  bool read_byte(unsigned& to) {
    if (at_ == end_) return false;
    to = *at_++;
    return true;
  }
  template <typename T>
  bool read(std::int64_t& to) {
    if (static_cast<std::size_t>(end_ - at_) < sizeof(T)) return false;
    T value;
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    to = value;
    return true;
  }
  /// Sign-extended.
  bool read_immediate(unsigned bytes) {
    return bytes == 1   ? read<std::int8_t>(imm_)
           : bytes == 2 ? read<std::int16_t>(imm_)
                        : read<std::int32_t>(imm_);
  }

  bool read_prefixes() {
    if (at_ == end_) return false;
    if (*at_ == 0x64) {
      segment_ = true;
      if (++at_ == end_) return false;
    }
    if (*at_ == 0x66 || *at_ == 0xf2 || *at_ == 0xf3) {
      prefix_ = *at_++;
      if (at_ == end_) return false;
    }
    if ((*at_ & 0xf0) == 0x40) {
      const unsigned rex = *at_++;
      has_rex_ = true;
      wide_ = (rex & 8) != 0;
      reg_bit_ = (rex & 4) << 1;
      index_bit_ = (rex & 2) << 2;
      base_bit_ = (rex & 1) << 3;
    }
    return true;
  }

  bool read_modrm() {
    unsigned modrm = 0;
    if (!read_byte(modrm)) return false;
    const unsigned mod = modrm >> 6;
    reg_ = ((modrm >> 3) & 7) | reg_bit_;
    rm_ = modrm & 7;
    if (mod == 3) {
      rm_ |= base_bit_;
      return true;
    }
    is_memory_ = true;
    unsigned base = rm_;
    if (rm_ == kRsp) {
      unsigned sib = 0;
      if (!read_byte(sib)) return false;
      base = sib & 7;
      const unsigned index = ((sib >> 3) & 7) | index_bit_;
      if (index != kRsp) {
        index_ = static_cast<std::int8_t>(index);
        scale_ = static_cast<std::uint8_t>(1u << (sib >> 6));
      }
    }
    if (mod == 0 && base == kRbp) {
      relative_ = rm_ == kRbp;  // to the next instruction
      return read<std::int32_t>(disp_);
    }
    base_ = static_cast<std::int8_t>(base | base_bit_);
    if (mod == 1) return read<std::int8_t>(disp_);
    return mod == 0 || read<std::int32_t>(disp_);
  }

  void end() { insn_.length = static_cast<std::uint8_t>(at_ - begin_); }

  void take_memory(unsigned size, bool stores) {
    insn_.has_memory = true;
    insn_.memory_width = static_cast<std::uint8_t>(size);
    insn_.disp = disp_;
    insn_.scale = scale_;
    insn_.index = index_;
    insn_.stores = stores;
    if (relative_) {
      insn_.absolute = true;
      insn_.disp += static_cast<std::int64_t>(insn_.next());
    } else {
      insn_.base = base_;
      insn_.absolute = base_ == kNoRegister && index_ == kNoRegister;
    }
    if (segment_) {  // thread-local: the address is none of this image
      insn_.has_memory = insn_.absolute = false;
      insn_.base = insn_.index = kNoRegister;
    }
  }

  [[nodiscard]] Operand general(unsigned number, unsigned size) const {
    Operand operand;
    operand.high = size == 1 && !has_rex_ && number >= 4;
    operand.reg = static_cast<std::int8_t>(operand.high ? number - 4 : number);
    operand.size = static_cast<std::uint8_t>(size);
    return operand;
  }
  [[nodiscard]] Operand e(unsigned size) const {
    if (!is_memory_) return general(rm_, size);
    Operand operand;
    operand.kind = Operand::Kind::kMemory;
    operand.size = static_cast<std::uint8_t>(size);
    return operand;
  }
  [[nodiscard]] Operand g(unsigned size) const { return general(reg_, size); }
  static Operand immediate() {
    Operand operand;
    operand.kind = Operand::Kind::kImmediate;
    return operand;
  }
  /// Of an opcode whose lowest bit tells bytes from larger ones.
  [[nodiscard]] unsigned size_of(bool larger) const { return larger ? operand_size() : 1; }
  [[nodiscard]] unsigned operand_size() const { return wide_ ? 8 : prefix_ == 0x66 ? 2 : 4; }
  [[nodiscard]] unsigned immediate_size(unsigned size) const { return size > 4 ? 4 : size; }

  /// Whether it is more to the flow of values than a write of who knows what.
  [[nodiscard]] bool carries_value(InsnOp op, const Operand& to, const Operand& from,
                                   bool extends) const {
    if (op == InsnOp::kOther || from.high) return false;
    if (to.is_memory()) return op == InsnOp::kCompare || (op == InsnOp::kMove && !segment_);
    if (to.high) return false;
    if (from.is_memory() && op != InsnOp::kAddress && (op != InsnOp::kMove || segment_)) {
      return false;
    }
    if (extends) return from.is_memory() || from.size >= kLeastWidth;
    return to.size >= kLeastWidth;
  }

  /// `to` = `to` op `from`; `writes`: it changes `to`.
  void take_two(InsnOp op, const Operand& to, const Operand& from, bool writes,
                bool extends = false, bool sign = false) {
    const bool is_imm = from.kind == Operand::Kind::kImmediate;
    if (is_imm) {
      insn_.has_imm = true;
      insn_.imm = imm_;
    }
    if (to.is_memory()) take_memory(to.size, writes);
    if (from.is_memory()) take_memory(from.size, false);
    if (!carries_value(op, to, from, extends)) {
      if (writes && !to.is_memory()) insn_.writes = 1u << to.reg;
      return;
    }
    insn_.op = op;
    if (!is_imm && !from.is_memory()) insn_.src = from.reg;
    if (to.is_memory()) {
      insn_.width = to.size;
      if (op == InsnOp::kMove) insn_.op = InsnOp::kStore;
      return;
    }
    insn_.dst = insn_.left = to.reg;
    insn_.width = extends ? from.size : to.size;
    insn_.sign_extends = sign;
    if (from.is_memory() && op == InsnOp::kMove) insn_.op = InsnOp::kLoad;
  }

  /// It changes `operand`, or reads it, and that is all.
  void take_one(const Operand& operand, bool writes) {
    if (operand.is_memory()) {
      take_memory(operand.size, writes);
    } else if (writes) {
      insn_.writes = 1u << operand.reg;
    }
  }

  bool take_target(InsnOp op) {
    end();
    insn_.op = op;
    insn_.target = insn_.next() + static_cast<std::uint64_t>(imm_);
    return true;
  }

  bool decode(Form form);
  bool decode_move(Form form);
  bool decode_control(Form form);
  bool decode_alu(Form form);
  bool decode_groups(Form form);
  bool decode_vector();

  const std::uint8_t* begin_;
  const std::uint8_t* at_;
  const std::uint8_t* end_;
  Insn& insn_;
  unsigned opcode_ = 0;
  unsigned prefix_ = 0;
  bool segment_ = false;  ///< fs
  bool has_rex_ = false;
  bool wide_ = false;
  unsigned reg_bit_ = 0, index_bit_ = 0, base_bit_ = 0;
  unsigned reg_ = 0, rm_ = 0;
  bool is_memory_ = false;
  bool relative_ = false;
  std::int8_t base_ = kNoRegister;
  std::int8_t index_ = kNoRegister;
  std::uint8_t scale_ = 0;
  std::int64_t disp_ = 0;
  std::int64_t imm_ = 0;
};

bool Common::decode_control(Form form) {
  // 16 bits of a target are no compiler's.
  if (prefix_ == 0x66) return false;
  switch (form) {
    case Form::kBranch8:
      return read<std::int8_t>(imm_) && take_target(InsnOp::kBranch);
    case Form::kBranch32:
      return read<std::int32_t>(imm_) && take_target(InsnOp::kBranch);
    case Form::kJump8:
      return read<std::int8_t>(imm_) && take_target(InsnOp::kJump);
    case Form::kJump32:
      return read<std::int32_t>(imm_) && take_target(InsnOp::kJump);
    case Form::kCall:
      return read<std::int32_t>(imm_) && take_target(InsnOp::kCall);
    case Form::kPush:
      end();
      insn_.op = InsnOp::kPush;
      insn_.src = static_cast<std::int8_t>((opcode_ & 7) | base_bit_);
      return true;
    case Form::kPop:
      end();
      insn_.op = InsnOp::kPop;
      insn_.dst = static_cast<std::int8_t>((opcode_ & 7) | base_bit_);
      return true;
    case Form::kPushImm:
      if (!read_immediate(opcode_ == 0x6a ? 1 : 4)) return false;
      end();
      insn_.op = InsnOp::kPush;
      insn_.has_imm = true;
      insn_.imm = imm_;
      return true;
    case Form::kReturn:
    case Form::kLeave:
    case Form::kSyscall:
    case Form::kStop:
      end();
      insn_.op = form == Form::kReturn    ? InsnOp::kReturn
                 : form == Form::kLeave   ? InsnOp::kLeave
                 : form == Form::kSyscall ? InsnOp::kSyscall
                                          : InsnOp::kStop;
      return true;
    default:
      return false;
  }
}

bool Common::decode_move(Form form) {
  const unsigned size = size_of((opcode_ & 1) != 0);
  switch (form) {
    case Form::kMoveEG:
      if (!read_modrm()) return false;
      end();
      take_two(InsnOp::kMove, e(size), g(size), true);
      return true;
    case Form::kMoveGE:
      if (!read_modrm()) return false;
      end();
      take_two(InsnOp::kMove, g(size), e(size), true);
      return true;
    case Form::kMoveEImm:
      if (!read_modrm() || (reg_ & 7) != 0 || !read_immediate(immediate_size(size))) return false;
      end();
      take_two(InsnOp::kMove, e(size), immediate(), true);
      return true;
    case Form::kMoveImm: {
      const bool larger = (opcode_ & 8) != 0;
      const unsigned width = size_of(larger);
      const bool read = width == 8 ? this->read<std::int64_t>(imm_) : read_immediate(width);
      if (!read) return false;
      end();
      take_two(InsnOp::kMove, general((opcode_ & 7) | base_bit_, width), immediate(), true);
      return true;
    }
    case Form::kLea:
      if (!read_modrm() || !is_memory_ || segment_) return false;
      end();
      take_two(InsnOp::kAddress, g(operand_size()), e(8), true);
      return true;
    case Form::kMovsxd:
      if (!wide_ || !read_modrm()) return false;
      end();
      take_two(InsnOp::kMove, g(8), e(4), true, true, true);
      return true;
    case Form::kExtend:
      if (!read_modrm()) return false;
      end();
      take_two(InsnOp::kMove, g(operand_size()), e((opcode_ & 1) != 0 ? 2 : 1), true, true,
               opcode_ >= 0xbe);
      return true;
    case Form::kChoose:
      if (!read_modrm()) return false;
      end();
      take_two(InsnOp::kChoose, g(operand_size()), e(operand_size()), true);
      return true;
    default:
      return false;
  }
}

bool Common::decode_alu(Form form) {
  const unsigned size = size_of((opcode_ & 1) != 0);
  unsigned op = (opcode_ >> 3) & 7;
  switch (form) {
    case Form::kAluEG:
      if (!read_modrm()) return false;
      end();
      take_two(kAlu[op], e(size), g(size), op != kAluCompare);
      return true;
    case Form::kAluGE:
      if (!read_modrm()) return false;
      end();
      take_two(kAlu[op], g(size), e(size), op != kAluCompare);
      return true;
    case Form::kAluA:
      if (!read_immediate(immediate_size(size))) return false;
      end();
      take_two(kAlu[op], general(kRax, size), immediate(), op != kAluCompare);
      return true;
    case Form::kAluE:
      if (!read_modrm() || !read_immediate(opcode_ == 0x81 ? immediate_size(size) : 1)) {
        return false;
      }
      end();
      op = reg_ & 7;
      take_two(kAlu[op], e(size), immediate(), op != kAluCompare);
      return true;
    case Form::kTestEG:
      if (!read_modrm()) return false;
      end();
      take_two(InsnOp::kOther, e(size), g(size), false);
      return true;
    case Form::kTestA:
      if (!read_immediate(immediate_size(size))) return false;
      end();
      take_two(InsnOp::kOther, general(kRax, size), immediate(), false);
      return true;
    case Form::kImul:
      if (!read_modrm()) return false;
      end();
      take_two(InsnOp::kOther, g(operand_size()), e(operand_size()), true);
      return true;
    case Form::kImulImm:
      if (!read_modrm() || !read_immediate(opcode_ == 0x6b ? 1 : immediate_size(operand_size()))) {
        return false;
      }
      end();
      take_two(InsnOp::kOther, g(operand_size()), e(operand_size()), true);
      insn_.has_imm = true;
      insn_.imm = imm_;
      return true;
    default:
      return false;
  }
}

bool Common::decode_groups(Form form) {
  const unsigned size = size_of((opcode_ & 1) != 0);
  if (!read_modrm()) return false;
  const unsigned which = reg_ & 7;
  switch (form) {
    case Form::kShift: {
      constexpr unsigned kLeft = 4;
      constexpr unsigned kLeftAgain = 6;
      if (which == kLeftAgain) return false;
      const bool by_imm = opcode_ < 0xd0;
      const bool by_cl = opcode_ >= 0xd2;
      if (by_imm && !read_immediate(1)) return false;
      imm_ = by_imm ? imm_ & 0xff : 1;
      end();
      take_two(which == kLeft ? InsnOp::kShiftLeft : InsnOp::kOther, e(size),
               by_cl ? general(1, 1) : immediate(), true);
      return true;
    }
    case Form::kGroup3:
      if (which == 1) return false;
      if (which == 0) {
        if (!read_immediate(immediate_size(size))) return false;
        end();
        take_two(InsnOp::kOther, e(size), immediate(), false);
        return true;
      }
      end();
      take_one(e(size), which < 4);
      // mul, imul, div, idiv
      if (which >= 4) insn_.writes = size == 1 ? 1u << kRax : 1u << kRax | 1u << kRdx;
      return true;
    case Form::kGroup4:
    case Form::kGroup5:
      if (which < 2) {
        end();
        take_one(e(size), true);
        return true;
      }
      if (form == Form::kGroup4 || prefix_ == 0x66) return false;
      end();
      if (which == 2 || which == 4) {
        insn_.op = which == 2 ? InsnOp::kCallIndirect : InsnOp::kJumpIndirect;
      } else if (which == 6) {
        insn_.op = InsnOp::kPush;
      } else {
        return false;  // far ones
      }
      if (is_memory_) {
        take_memory(8, false);
      } else {
        insn_.src = static_cast<std::int8_t>(rm_);
      }
      return true;
    default:
      return false;
  }
}

bool Common::decode_vector() {
  const Vector shape = vector_shape(prefix_, opcode_, wide_);
  if (shape.size == 0 || !read_modrm()) return false;
  if (shape.imm && !read<std::int8_t>(imm_)) return false;
  // Half-registers have other mnemonics (movlhps), masks no memory operand.
  if (is_memory_ ? opcode_ == 0xd7 : opcode_ == 0x16 || opcode_ == 0x17) return false;
  end();
  if (is_memory_) take_memory(shape.size, shape.stores);
  if (shape.writes_g) insn_.writes = 1u << reg_;
  if (shape.writes_e && !is_memory_) insn_.writes = 1u << rm_;
  if (shape.imm) {
    insn_.has_imm = true;
    insn_.imm = imm_ & 0xff;
  }
  return true;
}

bool Common::decode(Form form) {
  switch (form) {
    case Form::kUnknown:
      return false;
    case Form::kBranch8:
    case Form::kBranch32:
    case Form::kJump8:
    case Form::kJump32:
    case Form::kCall:
    case Form::kPush:
    case Form::kPop:
    case Form::kPushImm:
    case Form::kReturn:
    case Form::kLeave:
    case Form::kSyscall:
    case Form::kStop:
      return decode_control(form);
    case Form::kMoveEG:
    case Form::kMoveGE:
    case Form::kMoveImm:
    case Form::kMoveEImm:
    case Form::kLea:
    case Form::kMovsxd:
    case Form::kExtend:
    case Form::kChoose:
      return decode_move(form);
    case Form::kAluEG:
    case Form::kAluGE:
    case Form::kAluA:
    case Form::kAluE:
    case Form::kTestEG:
    case Form::kTestA:
    case Form::kImul:
    case Form::kImulImm:
      return decode_alu(form);
    case Form::kShift:
    case Form::kGroup3:
    case Form::kGroup4:
    case Form::kGroup5:
      return decode_groups(form);
    case Form::kVector:
      return decode_vector();
    case Form::kNop:
      if (prefix_ != 0 || has_rex_) return false;
      end();
      return true;
    case Form::kNopE:
      if (!read_modrm() || !is_memory_ || (reg_ & 7) != 0) return false;
      end();
      take_memory(operand_size(), false);
      return true;
    case Form::kHint: {
      unsigned last = 0;
      if (prefix_ != 0xf3 || !read_byte(last) || last != 0xfa) return false;
      end();
      return true;
    }
    case Form::kWiden:
      end();
      insn_.writes = 1u << (opcode_ == 0x98 ? kRax : kRdx);
      return true;
    case Form::kSet:
      if (!read_modrm()) return false;
      end();
      take_one(e(1), true);
      return true;
    case Form::kSwap:
      if (prefix_ == 0x66) return false;
      end();
      insn_.writes = 1u << ((opcode_ & 7) | base_bit_);
      return true;
    case Form::kScan:
      if (prefix_ == 0xf2 || !read_modrm()) return false;
      end();
      take_two(InsnOp::kOther, g(operand_size()), e(operand_size()), true);
      return true;
  }
  return false;
}

}  // namespace

bool decode_common(std::span<const std::uint8_t> bytes, Insn& insn) {
  return Common(bytes, insn).run();
}

}  // namespace sysnare
