// The short decoder says what the full one says, of every encoding that it knows.

#include "scan/x86_common.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "scan/x86_decoder.h"

namespace sysnare {
namespace {

constexpr std::uint64_t kVaddr = 0x401000;
constexpr std::size_t kLongest = 15;  // Intel SDM 2A, 2.3.11

using Bytes = std::vector<std::uint8_t>;

std::string text_of(const Insn& insn) {
  return fmt::format(
      "length {} op {} width {} sign {} dst {} src {} left {} imm {} {:#x} memory {} absolute {} "
      "stores {} "
      "base {} index {} scale {} width {} disp {:#x} writes {:#x} target {:#x}",
      insn.length, static_cast<int>(insn.op), insn.width, insn.sign_extends, insn.dst, insn.src,
      insn.left, insn.has_imm, insn.imm, insn.has_memory, insn.absolute, insn.stores, insn.base,
      insn.index, insn.scale, insn.memory_width, insn.disp, insn.writes, insn.target);
}

class ShortDecoder : public ::testing::Test {
 protected:
  /// Whether the short decoder knows `bytes`; fails where it differs.
  bool agrees(const Bytes& bytes) {
    const Insn full = decoder_.decode_any(bytes, kVaddr);
    if (full.length != 0 && decoder_.reads(full, bytes) != decoder_.reads_any(bytes) &&
        ++differences_ <= 20) {
      ADD_FAILURE() << fmt::format("{:02x}: reads {:#x}, in full {:#x}: ", fmt::join(bytes, " "),
                                   decoder_.reads(full, bytes), decoder_.reads_any(bytes))
                    << text_of(full);
    }
    Insn quick;
    quick.vaddr = kVaddr;
    if (!decode_common(bytes, quick)) return false;
    if (quick == full) return true;
    if (++differences_ <= 20) {
      std::string hex;
      for (std::uint8_t byte : bytes) hex += fmt::format("{:02x} ", byte);
      ADD_FAILURE() << hex << "\nshort: " << text_of(quick) << "\nfull:  " << text_of(full);
    }
    return true;
  }

  X86Decoder decoder_;
  int differences_ = 0;
};

/// What stands behind an opcode: displacements and immediates of both signs.
constexpr std::array<std::uint8_t, 2> kRests = {0x12, 0xf0};

TEST_F(ShortDecoder, AgreesWithTheFullOneOnEveryOpcodeAndOperand) {
  constexpr std::array<int, 5> kPrefixes = {-1, 0x66, 0xf2, 0xf3, 0x64};
  constexpr std::array<int, 4> kRex = {-1, 0x40, 0x48, 0x47};
  constexpr std::array<std::uint8_t, 4> kSibs = {0x25, 0x64, 0xa5, 0xcc};
  // r/m: a register as any other, SIB, relative or rbp, dh
  constexpr unsigned kRms = 4;
  constexpr std::array<unsigned, kRms> kRm = {1, 4, 5, 6};
  std::size_t known = 0;
  for (const bool two : {false, true}) {
    for (unsigned opcode = 0; opcode < 256; ++opcode) {
      for (const int prefix : kPrefixes) {
        for (const int rex : kRex) {
          for (unsigned at = 0; at < 32 * kRms; ++at) {
            const unsigned modrm = at / kRms * 8 + kRm[at % kRms];
            const bool has_sib = modrm < 0xc0 && (modrm & 7) == 4;
            for (std::size_t sib = 0; sib < (has_sib ? kSibs.size() : 1); ++sib) {
              Bytes bytes;
              if (prefix >= 0) bytes.push_back(static_cast<std::uint8_t>(prefix));
              if (rex >= 0) bytes.push_back(static_cast<std::uint8_t>(rex));
              if (two) bytes.push_back(0x0f);
              bytes.push_back(static_cast<std::uint8_t>(opcode));
              bytes.push_back(static_cast<std::uint8_t>(modrm));
              if (has_sib) bytes.push_back(kSibs[sib]);
              bytes.resize(kLongest, kRests[(at + at / 8 + sib) % kRests.size()]);
              known += agrees(bytes) ? 1 : 0;
            }
          }
        }
      }
    }
  }
  EXPECT_GT(known, 150'000u) << "it knows next to nothing";
}

TEST_F(ShortDecoder, KnowsNothingThatIsCutShort) {
  struct Case {
    const char* why;
    Bytes bytes;
  };
  const std::vector<Case> cases = {
      {"a prefix and 16 bits", {0x66, 0x81, 0xc3, 0x34, 0x12}},
      {"ModRM, SIB and both displacement and immediate",
       {0x48, 0xc7, 0x84, 0x24, 0x10, 0x20, 0x30, 0x40, 0x01, 0x02, 0x03, 0x04}},
      {"an immediate of 8 bytes", {0x49, 0xbf, 1, 2, 3, 4, 5, 6, 7, 8}},
      {"a call", {0xe8, 0x01, 0x02, 0x03, 0x04}},
      {"two bytes of opcode", {0x0f, 0x05}},
      {"endbr64", {0xf3, 0x0f, 0x1e, 0xfa}},
      {"a vector with an immediate", {0x66, 0x0f, 0x70, 0xc1, 0xff}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_TRUE(agrees(c.bytes));
    for (std::size_t size = 0; size < c.bytes.size(); ++size) {
      const Bytes cut(c.bytes.begin(), c.bytes.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_FALSE(agrees(cut)) << size;
    }
  }
}

TEST_F(ShortDecoder, LeavesToTheFullOneWhatIsRare) {
  struct Case {
    const char* why;
    Bytes bytes;
  };
  const std::vector<Case> cases = {
      {"another segment: gs:0x28", {0x65, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0}},
      {"lock", {0xf0, 0x0f, 0xb1, 0x0f}},
      {"two prefixes", {0x66, 0xf3, 0x0f, 0x10, 0xc1}},
      {"REX before a prefix counts for nothing", {0x48, 0x66, 0x89, 0xc8}},
      {"a repeated string instruction", {0xf3, 0x48, 0xab}},
      {"an address of 32 bits", {0x67, 0x8d, 0x04, 0x08}},
      {"VEX", {0xc5, 0xf8, 0x77}},
      {"sysenter", {0x0f, 0x34}},
      {"int 0x80", {0xcd, 0x80}},
  };
  for (const Case& c : cases) EXPECT_FALSE(agrees(c.bytes)) << c.why;
}

}  // namespace
}  // namespace sysnare
