// DWARF, call frames and symbols of small images; the seeds of the fuzz target are such.

#include "elf/debug_info.h"

#include <dwarf.h>
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "elf/call_frames.h"
#include "elf/dwarf_expression.h"
#include "elf/symbols.h"

namespace sysnare {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ElfImage seed(const std::string& name) {
  Result<ElfImage> image =
      ElfImage::from_path(SYSNARE_SOURCE_DIR "/tests/fuzz/corpus/elf_fuzz/" + name);
  EXPECT_TRUE(image) << name;
  return std::move(*image);
}

TEST(DebugInfo, NamesTheFunctionFromEitherFormat) {
  for (const char* name : {"dwarf5", "debug_frame_compressed"}) {
    SCOPED_TRACE(name);
    const ElfImage image = seed(name);
    SymbolTable symbols;
    symbols.add(image);
    const auto f = symbols.address_of("f");
    ASSERT_TRUE(f);
    DebugInfo debug(image);
    EXPECT_THAT(debug.functions_at(*f), ElementsAre("f"));
    EXPECT_THAT(debug.functions_at(*symbols.address_of("_start")), ElementsAre("_start"));
    EXPECT_THAT(debug.functions_at(0), IsEmpty());
    EXPECT_THAT(debug.functions_at(UINT64_MAX), IsEmpty());
  }
  const ElfImage stripped = seed("shared");
  EXPECT_THAT(DebugInfo(stripped).functions_at(stripped.segments()[0].vaddr), IsEmpty());
}

TEST(CallFrames, ComeFromEitherSection) {
  const ReadWord read = [](std::uint64_t address, unsigned) {
    return address == 0x7000 ? std::optional<std::uint64_t>(0x1234) : std::nullopt;
  };
  for (const char* name : {"dwarf5", "debug_frame_compressed"}) {
    SCOPED_TRACE(name);
    const ElfImage image = seed(name);
    SymbolTable symbols;
    symbols.add(image);
    FrameRegisters registers;
    registers.set(7, 0x7000);  // rsp
    registers.set(16, *symbols.address_of("f"));
    CallFrames frames(image, nullptr);
    const auto step = frames.caller_of(*symbols.address_of("f"), registers, 7, 8, read);
    ASSERT_EQ(step.kind, CallFrames::Step::Kind::kCaller);
    EXPECT_EQ(step.cfa, 0x7008u);
    EXPECT_EQ(step.return_address, 0x1234u);
    EXPECT_EQ(step.caller.get(7), 0x7008u);
    EXPECT_EQ(frames.caller_of(1, registers, 7, 8, read).kind, CallFrames::Step::Kind::kUnknown);
    // The stack pointer leads nowhere.
    registers.set(7, 0x10);
    EXPECT_EQ(frames.caller_of(*symbols.address_of("f"), registers, 7, 8, read).kind,
              CallFrames::Step::Kind::kDamaged);
  }
}

TEST(DwarfExpression, IsEvaluatedWithinBounds) {
  struct Case {
    const char* why;
    std::vector<Dwarf_Op> operations;
    std::optional<std::uint64_t> value;
  };
  const auto op = [](std::uint8_t atom, std::uint64_t number = 0, std::uint64_t offset = 0) {
    return Dwarf_Op{atom, number, 0, offset};
  };
  const std::vector<Case> cases = {
      {"a register and a distance", {op(DW_OP_breg7, static_cast<std::uint64_t>(-8))}, 92},
      {"glibc's PLT: rsp + 8 + ((rip & 15) >= 11) << 3",
       {op(DW_OP_breg7, 8), op(DW_OP_breg16, 0), op(DW_OP_lit15), op(DW_OP_and), op(DW_OP_lit11),
        op(DW_OP_ge), op(DW_OP_lit3), op(DW_OP_shl), op(DW_OP_plus)},
       116},
      {"memory", {op(DW_OP_breg7, 0), op(DW_OP_deref)}, 101},
      {"memory that is not there", {op(DW_OP_lit0), op(DW_OP_deref)}, std::nullopt},
      {"a register that is not known", {op(DW_OP_breg3, 0)}, std::nullopt},
      {"a register that no machine has", {op(DW_OP_bregx, 1u << 30)}, std::nullopt},
      {"nothing", {}, std::nullopt},
      {"an empty stack", {op(DW_OP_plus)}, std::nullopt},
      {"an unknown operation", {op(DW_OP_lit1), op(DW_OP_lit1), op(0xff)}, std::nullopt},
      {"a shift by all bits and more", {op(DW_OP_lit1), op(DW_OP_const1u, 64), op(DW_OP_shl)}, 0},
      {"a jump over one operation",
       {op(DW_OP_lit1, 0, 0), op(DW_OP_skip, 1, 1), op(DW_OP_lit2, 0, 4), op(DW_OP_nop, 0, 5)},
       1},
      {"a jump to itself never ends",
       {op(DW_OP_lit1, 0, 0), op(DW_OP_skip, static_cast<std::uint64_t>(-3), 1)},
       std::nullopt},
      {"a jump into nothing", {op(DW_OP_lit1, 0, 0), op(DW_OP_skip, 77, 1)}, std::nullopt},
  };
  FrameRegisters registers;
  registers.set(7, 100);
  registers.set(16, 11);
  const ReadWord read = [](std::uint64_t address, unsigned) {
    return address == 100 ? std::optional<std::uint64_t>(101) : std::nullopt;
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const auto result = evaluate(c.operations, registers, std::nullopt, 8, read);
    ASSERT_EQ(result.has_value(), c.value.has_value());
    if (result) {
      EXPECT_EQ(result->value, *c.value);
    }
  }
  const std::vector<Dwarf_Op> many(65, op(DW_OP_lit1));
  EXPECT_FALSE(evaluate(many, registers, std::nullopt, 8, read)) << "more than the stack holds";
}

/// An image of 64 bits with the given symbols at address 0x1000, named in `tables` sections.
std::string image_with_symbols(const std::vector<std::string>& names, unsigned tables) {
  std::string strings(1, '\0');
  std::string symbols(sizeof(Elf64_Sym), '\0');
  for (const std::string& name : names) {
    Elf64_Sym symbol{};
    symbol.st_name = static_cast<Elf64_Word>(strings.size());
    symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
    symbol.st_shndx = 1;
    symbol.st_value = 0x1000;
    symbol.st_size = 16;
    symbols.append(reinterpret_cast<const char*>(&symbol), sizeof symbol);
    strings += name + '\0';
  }
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_shoff = sizeof header;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = static_cast<Elf64_Half>(2 + tables);
  std::vector<Elf64_Shdr> sections(2 + tables);
  const std::uint64_t body = sizeof header + sections.size() * sizeof(Elf64_Shdr);
  sections[1].sh_type = SHT_STRTAB;
  sections[1].sh_offset = body;
  sections[1].sh_size = strings.size();
  for (unsigned i = 0; i < tables; ++i) {
    sections[2 + i].sh_type = SHT_SYMTAB;
    sections[2 + i].sh_link = 1;
    sections[2 + i].sh_offset = body + strings.size();
    sections[2 + i].sh_size = symbols.size();
  }
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes.append(reinterpret_cast<const char*>(sections.data()), body - sizeof header);
  return bytes + strings + symbols;
}

TEST(SymbolTable, TakesThePlainestOfSeveralNames) {
  Result<ElfImage> image = ElfImage::from_bytes(
      image_with_symbols({"__libc_write", "_write_it", "writev_alias", "write"}, 1), "small");
  ASSERT_TRUE(image);
  SymbolTable symbols;
  symbols.add(*image);
  ASSERT_TRUE(symbols.find(0x1008));
  EXPECT_EQ(symbols.find(0x1008)->symbol, "write");
  EXPECT_FALSE(symbols.find(0x1010));
}

TEST(SymbolTable, ReadsABoundedNumberOfBytesHoweverOftenTheyAreNamed) {
  // 200 tables of 2 MB of names would be 400 MB; the budget ends it, and what was read answers.
  Result<ElfImage> image = ElfImage::from_bytes(
      image_with_symbols({"write", std::string(2u << 20, 'x')}, 200), "repeated");
  ASSERT_TRUE(image);
  SymbolTable symbols;
  symbols.add(*image);
  ASSERT_TRUE(symbols.find(0x1000));
  EXPECT_EQ(symbols.find(0x1000)->symbol, "write");
  EXPECT_LE(symbols.bytes_read(), kMaxSymbolBytes);
}

TEST(Notes, AreBoundedAllTogether) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 40;
  Elf64_Phdr segment{};
  segment.p_type = PT_NOTE;
  segment.p_filesz = 64u << 10;
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  for (int i = 0; i < 40; ++i) {
    bytes.append(reinterpret_cast<const char*>(&segment), sizeof segment);
  }
  bytes.resize(128u << 10);
  Result<ElfImage> image = ElfImage::from_bytes(std::move(bytes), "notes");
  ASSERT_TRUE(image);
  Result<std::vector<ElfImage::Note>> notes = image->notes();
  ASSERT_FALSE(notes);
  EXPECT_EQ(notes.error().code, Errc::kLimit);
}

}  // namespace
}  // namespace sysnare
