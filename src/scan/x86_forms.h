#pragma once
// Which shape has the encoding behind an opcode of x86-64? For what compilers emit most.
//
// Source: Intel SDM 2D, appendix A, opcode maps.

#include <array>
#include <cstdint>

namespace sysnare {

/// Shapes of encodings. `E` is what ModRM's r/m names (register or memory), `G` its register.
enum class X86Form : std::uint8_t {
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

constexpr std::array<X86Form, 256> one_byte() {
  std::array<X86Form, 256> forms{};
  for (unsigned op = 0; op < 8; ++op) {
    forms[op * 8 + 0] = forms[op * 8 + 1] = X86Form::kAluEG;
    forms[op * 8 + 2] = forms[op * 8 + 3] = X86Form::kAluGE;
    forms[op * 8 + 4] = forms[op * 8 + 5] = X86Form::kAluA;
  }
  for (unsigned i = 0; i < 8; ++i) {
    forms[0x50 + i] = X86Form::kPush;
    forms[0x58 + i] = X86Form::kPop;
  }
  for (unsigned i = 0; i < 16; ++i) {
    forms[0x70 + i] = X86Form::kBranch8;
    forms[0xb0 + i] = X86Form::kMoveImm;
  }
  forms[0x63] = X86Form::kMovsxd;
  forms[0x68] = forms[0x6a] = X86Form::kPushImm;
  forms[0x69] = forms[0x6b] = X86Form::kImulImm;
  forms[0x80] = forms[0x81] = forms[0x83] = X86Form::kAluE;
  forms[0x84] = forms[0x85] = X86Form::kTestEG;
  forms[0x88] = forms[0x89] = X86Form::kMoveEG;
  forms[0x8a] = forms[0x8b] = X86Form::kMoveGE;
  forms[0x8d] = X86Form::kLea;
  forms[0x90] = X86Form::kNop;
  forms[0x98] = forms[0x99] = X86Form::kWiden;
  forms[0xa8] = forms[0xa9] = X86Form::kTestA;
  for (unsigned opcode : {0xc0u, 0xc1u, 0xd0u, 0xd1u, 0xd2u, 0xd3u})
    forms[opcode] = X86Form::kShift;
  forms[0xc3] = X86Form::kReturn;
  forms[0xc6] = forms[0xc7] = X86Form::kMoveEImm;
  forms[0xc9] = X86Form::kLeave;
  forms[0xe8] = X86Form::kCall;
  forms[0xe9] = X86Form::kJump32;
  forms[0xeb] = X86Form::kJump8;
  forms[0xf6] = forms[0xf7] = X86Form::kGroup3;
  forms[0xfe] = X86Form::kGroup4;
  forms[0xff] = X86Form::kGroup5;
  return forms;
}

/// Behind 0f.
constexpr std::array<X86Form, 256> two_bytes() {
  std::array<X86Form, 256> forms{};
  forms[0x05] = X86Form::kSyscall;
  forms[0x0b] = X86Form::kStop;
  forms[0x1e] = X86Form::kHint;
  forms[0x1f] = X86Form::kNopE;
  for (unsigned i = 0; i < 16; ++i) {
    forms[0x40 + i] = X86Form::kChoose;
    forms[0x80 + i] = X86Form::kBranch32;
    forms[0x90 + i] = X86Form::kSet;
  }
  for (unsigned i = 0; i < 8; ++i) forms[0xc8 + i] = X86Form::kSwap;
  forms[0xaf] = X86Form::kImul;
  forms[0xb6] = forms[0xb7] = forms[0xbe] = forms[0xbf] = X86Form::kExtend;
  forms[0xbc] = forms[0xbd] = X86Form::kScan;
  for (unsigned opcode :
       {0x10u, 0x11u, 0x14u, 0x16u, 0x17u, 0x28u, 0x29u, 0x2au, 0x2cu, 0x2du, 0x2eu, 0x2fu,
        0x51u, 0x54u, 0x55u, 0x56u, 0x57u, 0x58u, 0x59u, 0x5au, 0x5cu, 0x5du, 0x5eu, 0x5fu,
        0x6cu, 0x6du, 0x6eu, 0x6fu, 0x70u, 0x74u, 0x75u, 0x76u, 0x7eu, 0x7fu, 0xc6u, 0xd4u,
        0xd6u, 0xd7u, 0xdau, 0xdbu, 0xdfu, 0xebu, 0xefu, 0xfau, 0xfbu, 0xfeu}) {
    forms[opcode] = X86Form::kVector;
  }
  return forms;
}

inline constexpr std::array<X86Form, 256> kOneByte = one_byte();
inline constexpr std::array<X86Form, 256> kTwoBytes = two_bytes();

/// What a vector instruction has to do with memory and general registers.
struct X86Vector {
  std::uint8_t size = 0;  ///< bytes of its memory operand; 0: not known here
  bool stores = false;
  bool writes_g = false;  ///< G is a general register, and written
  bool writes_e = false;  ///< the same of E where it is a register
  bool imm = false;
  bool reads_e = false;  ///< E is a general register where it is one, and read
};
/// `prefix`: 0, 0x66, 0xf2 or 0xf3.
X86Vector vector_shape(unsigned prefix, unsigned opcode, bool wide);

}  // namespace sysnare
