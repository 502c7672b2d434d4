#pragma once
// What does this instruction do, if it is one of those that compilers emit most?
//
// A decoder that knows every instruction of x86-64 takes some 100 ns for one, and the flow of
// control and values needs little of what it finds. This one knows the few encodings that make up
// nearly all code outside of vector loops, and says of any other that it does not know it.
// Source: Intel SDM volume 2, appendix A (opcode maps) and 2.1 (prefixes, ModRM, SIB).
// x86_common_test.cc holds it against the full decoder, encoding by encoding.

#include <cstdint>
#include <span>

#include "scan/insn.h"

namespace sysnare {

/// Fills `insn`, whose vaddr is set and the rest untouched, and returns true; or returns false, and
/// then `insn` means nothing. Never reads behind `bytes`. Cost: some 5 ns.
bool decode_common(std::span<const std::uint8_t> bytes, Insn& insn);

}  // namespace sysnare
