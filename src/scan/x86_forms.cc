#include "scan/x86_forms.h"

namespace sysnare {

X86Vector vector_shape(unsigned prefix, unsigned opcode, bool wide) {
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
      if (!packed) return {.size = whole, .reads_e = true};
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
      if (prefix == 0x66) return {.size = whole, .reads_e = true};
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

}  // namespace sysnare
