#include "scan/x86_common.h"

#include <cstring>

#include "scan/x86_forms.h"

namespace sysnare {
namespace {

constexpr InsnOp kAlu[] = {InsnOp::kAdd, InsnOp::kOr,  InsnOp::kOther, InsnOp::kOther,
                           InsnOp::kAnd, InsnOp::kSub, InsnOp::kXor,   InsnOp::kCompare};
constexpr unsigned kAluCompare = 7;
constexpr unsigned kRax = 0;
constexpr unsigned kRdx = 2;
constexpr unsigned kRsp = 4;
constexpr unsigned kRbp = 5;

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
    X86Form form = X86Form::kUnknown;
    if (!read_byte(opcode_)) return false;
    if (opcode_ == 0x0f) {
      if (!read_byte(opcode_)) return false;
      form = kTwoBytes[opcode_];
      // A prefix can make another instruction of it.
      if (prefix_ == 0xf2 || prefix_ == 0xf3) {
        const bool hint = form == X86Form::kHint && prefix_ == 0xf3;
        if (!hint && form != X86Form::kVector && form != X86Form::kScan) return false;
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
      if (writes && to.is_memory() && !is_imm) insn_.reads = 1u << from.reg;
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

  bool decode(X86Form form);
  bool decode_move(X86Form form);
  bool decode_control(X86Form form);
  bool decode_alu(X86Form form);
  bool decode_groups(X86Form form);
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

bool Common::decode_control(X86Form form) {
  // 16 bits of a target are no compiler's.
  if (prefix_ == 0x66) return false;
  switch (form) {
    case X86Form::kBranch8:
      return read<std::int8_t>(imm_) && take_target(InsnOp::kBranch);
    case X86Form::kBranch32:
      return read<std::int32_t>(imm_) && take_target(InsnOp::kBranch);
    case X86Form::kJump8:
      return read<std::int8_t>(imm_) && take_target(InsnOp::kJump);
    case X86Form::kJump32:
      return read<std::int32_t>(imm_) && take_target(InsnOp::kJump);
    case X86Form::kCall:
      return read<std::int32_t>(imm_) && take_target(InsnOp::kCall);
    case X86Form::kPush:
      end();
      insn_.op = InsnOp::kPush;
      insn_.src = static_cast<std::int8_t>((opcode_ & 7) | base_bit_);
      return true;
    case X86Form::kPop:
      end();
      insn_.op = InsnOp::kPop;
      insn_.dst = static_cast<std::int8_t>((opcode_ & 7) | base_bit_);
      return true;
    case X86Form::kPushImm:
      if (!read_immediate(opcode_ == 0x6a ? 1 : 4)) return false;
      end();
      insn_.op = InsnOp::kPush;
      insn_.has_imm = true;
      insn_.imm = imm_;
      return true;
    case X86Form::kReturn:
    case X86Form::kLeave:
    case X86Form::kSyscall:
    case X86Form::kStop:
      end();
      insn_.op = form == X86Form::kReturn    ? InsnOp::kReturn
                 : form == X86Form::kLeave   ? InsnOp::kLeave
                 : form == X86Form::kSyscall ? InsnOp::kSyscall
                                             : InsnOp::kStop;
      return true;
    default:
      return false;
  }
}

bool Common::decode_move(X86Form form) {
  const unsigned size = size_of((opcode_ & 1) != 0);
  switch (form) {
    case X86Form::kMoveEG:
      if (!read_modrm()) return false;
      end();
      take_two(InsnOp::kMove, e(size), g(size), true);
      return true;
    case X86Form::kMoveGE:
      if (!read_modrm()) return false;
      end();
      take_two(InsnOp::kMove, g(size), e(size), true);
      return true;
    case X86Form::kMoveEImm:
      if (!read_modrm() || (reg_ & 7) != 0 || !read_immediate(immediate_size(size))) return false;
      end();
      take_two(InsnOp::kMove, e(size), immediate(), true);
      return true;
    case X86Form::kMoveImm: {
      const bool larger = (opcode_ & 8) != 0;
      const unsigned width = size_of(larger);
      const bool read = width == 8 ? this->read<std::int64_t>(imm_) : read_immediate(width);
      if (!read) return false;
      end();
      take_two(InsnOp::kMove, general((opcode_ & 7) | base_bit_, width), immediate(), true);
      return true;
    }
    case X86Form::kLea:
      if (!read_modrm() || !is_memory_ || segment_) return false;
      end();
      take_two(InsnOp::kAddress, g(operand_size()), e(8), true);
      return true;
    case X86Form::kMovsxd:
      if (!wide_ || !read_modrm()) return false;
      end();
      take_two(InsnOp::kMove, g(8), e(4), true, true, true);
      return true;
    case X86Form::kExtend:
      if (!read_modrm()) return false;
      end();
      take_two(InsnOp::kMove, g(operand_size()), e((opcode_ & 1) != 0 ? 2 : 1), true, true,
               opcode_ >= 0xbe);
      return true;
    case X86Form::kChoose:
      if (!read_modrm()) return false;
      end();
      take_two(InsnOp::kChoose, g(operand_size()), e(operand_size()), true);
      return true;
    default:
      return false;
  }
}

bool Common::decode_alu(X86Form form) {
  const unsigned size = size_of((opcode_ & 1) != 0);
  unsigned op = (opcode_ >> 3) & 7;
  switch (form) {
    case X86Form::kAluEG:
      if (!read_modrm()) return false;
      end();
      take_two(kAlu[op], e(size), g(size), op != kAluCompare);
      return true;
    case X86Form::kAluGE:
      if (!read_modrm()) return false;
      end();
      take_two(kAlu[op], g(size), e(size), op != kAluCompare);
      return true;
    case X86Form::kAluA:
      if (!read_immediate(immediate_size(size))) return false;
      end();
      take_two(kAlu[op], general(kRax, size), immediate(), op != kAluCompare);
      return true;
    case X86Form::kAluE:
      if (!read_modrm() || !read_immediate(opcode_ == 0x81 ? immediate_size(size) : 1)) {
        return false;
      }
      end();
      op = reg_ & 7;
      take_two(kAlu[op], e(size), immediate(), op != kAluCompare);
      return true;
    case X86Form::kTestEG:
      if (!read_modrm()) return false;
      end();
      take_two(InsnOp::kOther, e(size), g(size), false);
      return true;
    case X86Form::kTestA:
      if (!read_immediate(immediate_size(size))) return false;
      end();
      take_two(InsnOp::kOther, general(kRax, size), immediate(), false);
      return true;
    case X86Form::kImul:
      if (!read_modrm()) return false;
      end();
      take_two(InsnOp::kOther, g(operand_size()), e(operand_size()), true);
      return true;
    case X86Form::kImulImm:
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

bool Common::decode_groups(X86Form form) {
  const unsigned size = size_of((opcode_ & 1) != 0);
  if (!read_modrm()) return false;
  const unsigned which = reg_ & 7;
  switch (form) {
    case X86Form::kShift: {
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
    case X86Form::kGroup3:
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
    case X86Form::kGroup4:
    case X86Form::kGroup5:
      if (which < 2) {
        end();
        take_one(e(size), true);
        return true;
      }
      if (form == X86Form::kGroup4 || prefix_ == 0x66) return false;
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
  const X86Vector shape = vector_shape(prefix_, opcode_, wide_);
  if (shape.size == 0 || !read_modrm()) return false;
  if (shape.imm && !read<std::int8_t>(imm_)) return false;
  // Half-registers have other mnemonics (movlhps), masks no memory operand.
  if (is_memory_ ? opcode_ == 0xd7 : opcode_ == 0x16 || opcode_ == 0x17) return false;
  end();
  if (is_memory_) take_memory(shape.size, shape.stores);
  if (shape.writes_g) insn_.writes = 1u << reg_;
  if (shape.writes_e && !is_memory_) insn_.writes = 1u << rm_;
  if (shape.reads_e && !is_memory_) insn_.reads = 1u << rm_;
  if (shape.imm) {
    insn_.has_imm = true;
    insn_.imm = imm_ & 0xff;
  }
  return true;
}

bool Common::decode(X86Form form) {
  switch (form) {
    case X86Form::kUnknown:
      return false;
    case X86Form::kBranch8:
    case X86Form::kBranch32:
    case X86Form::kJump8:
    case X86Form::kJump32:
    case X86Form::kCall:
    case X86Form::kPush:
    case X86Form::kPop:
    case X86Form::kPushImm:
    case X86Form::kReturn:
    case X86Form::kLeave:
    case X86Form::kSyscall:
    case X86Form::kStop:
      return decode_control(form);
    case X86Form::kMoveEG:
    case X86Form::kMoveGE:
    case X86Form::kMoveImm:
    case X86Form::kMoveEImm:
    case X86Form::kLea:
    case X86Form::kMovsxd:
    case X86Form::kExtend:
    case X86Form::kChoose:
      return decode_move(form);
    case X86Form::kAluEG:
    case X86Form::kAluGE:
    case X86Form::kAluA:
    case X86Form::kAluE:
    case X86Form::kTestEG:
    case X86Form::kTestA:
    case X86Form::kImul:
    case X86Form::kImulImm:
      return decode_alu(form);
    case X86Form::kShift:
    case X86Form::kGroup3:
    case X86Form::kGroup4:
    case X86Form::kGroup5:
      return decode_groups(form);
    case X86Form::kVector:
      return decode_vector();
    case X86Form::kNop:
      if (prefix_ != 0 || has_rex_) return false;
      end();
      return true;
    case X86Form::kNopE:
      if (!read_modrm() || !is_memory_ || (reg_ & 7) != 0) return false;
      end();
      take_memory(operand_size(), false);
      return true;
    case X86Form::kHint: {
      unsigned last = 0;
      if (prefix_ != 0xf3 || !read_byte(last) || last != 0xfa) return false;
      end();
      return true;
    }
    case X86Form::kWiden:
      end();
      insn_.writes = 1u << (opcode_ == 0x98 ? kRax : kRdx);
      return true;
    case X86Form::kSet:
      if (!read_modrm()) return false;
      end();
      take_one(e(1), true);
      return true;
    case X86Form::kSwap:
      if (prefix_ == 0x66) return false;
      end();
      insn_.writes = 1u << ((opcode_ & 7) | base_bit_);
      return true;
    case X86Form::kScan:
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
