#include "elf/functions.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "elf/elf_builder.h"

namespace sysnare {
namespace {

using ::testing::ElementsAre;

constexpr std::uint64_t kText = 0x1000;
constexpr std::uint64_t kPlt = 0x3000;

Result<FunctionTable> table_of(Result<ElfImage> image, const ElfImage* debug = nullptr) {
  if (!image) return propagate(image);
  Result<ImageMemory> memory = ImageMemory::load(*image);
  if (!memory) return propagate(memory);
  Result<Dynamic> dynamic = read_dynamic(*image, *memory);
  if (!dynamic) return propagate(dynamic);
  return find_functions(*image, *memory, *dynamic, debug);
}

std::string ranges(const FunctionTable& table) {
  std::string text;
  for (const FunctionRange& each : table.functions) {
    text += fmt::format("{}{:x}-{:x}{}{}", text.empty() ? "" : " ", each.start, each.end,
                        each.name.empty() ? "" : "=", each.name);
  }
  return text;
}

std::string half(std::uint64_t value) { return bytes_of(static_cast<std::uint32_t>(value)); }

/// One CIE, and an FDE for each stretch of code.
std::string frames_of(const std::vector<std::pair<std::uint64_t, std::uint64_t>>& stretches) {
  std::string bytes = half(16) + half(0) + std::string("\1zR\0\1\x78\x10\1\3\0\0\0", 12);
  for (const auto& [start, size] : stretches) {
    const std::size_t at = bytes.size();
    bytes += half(16) + half(at + 4) + half(start) + half(size) + half(0);
  }
  return bytes;
}

struct Symbol {
  const char* name;
  std::uint64_t vaddr;
  std::uint64_t size;
  std::uint8_t type = STT_FUNC;
  std::uint8_t binding = STB_GLOBAL;
};

/// An image with code, a PLT and data; symbols stand in .symtab.
struct Program {
  std::vector<Symbol> symbols;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> frames;
  std::vector<std::uint64_t> relative;  ///< what words of data point to
  std::vector<std::uint64_t> relr;      ///< the same, by DT_RELR
  std::uint64_t entry = 0;
  bool sections = true;

  [[nodiscard]] std::string build() const {
    ElfBuilder builder;
    builder.entry(entry);
    builder.load(kText, PF_R | PF_X, std::string(0x1000, '\x90'));
    builder.load(kPlt, PF_R | PF_X, std::string(0x200, '\x90'));
    const std::string table = frames_of(frames);
    const std::string header = std::string("\x01\x03\xff\xff", 4) + half(0x5000);
    builder.load(0x5000, PF_R, table).load(0x8000, PF_R, header);
    builder.segment(PT_GNU_EH_FRAME, 0x8000, PF_R, header);
    std::string data;
    std::string rela;
    for (const std::uint64_t value : relative) {
      rela += bytes_of(
          Elf64_Rela{0x10000 + data.size(), R_X86_64_RELATIVE, static_cast<Elf64_Sxword>(value)});
      data += bytes_of(std::uint64_t{0});
    }
    std::string packed;
    for (const std::uint64_t value : relr) {
      packed += bytes_of(std::uint64_t{0x10000 + data.size()});
      data += bytes_of(value);
    }
    builder.load(0x10000, PF_R | PF_W, data + std::string(8, '\0'));
    builder.load(0x20000, PF_R, rela).load(0x28000, PF_R, packed);
    builder.dynamic(0x30000, {{DT_RELA, 0x20000},
                              {DT_RELASZ, rela.size()},
                              {DT_RELR, 0x28000},
                              {DT_RELRSZ, packed.size()}});
    std::string names(1, '\0');
    std::string rows(sizeof(Elf64_Sym), '\0');
    for (const Symbol& symbol : symbols) {
      rows +=
          bytes_of(Elf64_Sym{static_cast<Elf64_Word>(names.size()),
                             static_cast<unsigned char>(ELF64_ST_INFO(symbol.binding, symbol.type)),
                             0, 1, symbol.vaddr, symbol.size});
      names += std::string(symbol.name) + '\0';
    }
    builder.load(0x40000, PF_R, rows).load(0x50000, PF_R, names);
    if (!sections) return builder.build();
    // Between .text and .fini there are bytes in no section, and constants in one that is not code.
    builder.section(".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, kText, 0x400)
        .section(".rodata", SHT_PROGBITS, SHF_ALLOC, kText + 0x400, 0x100)
        .section(".fini", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, kText + 0x800, 0x100)
        .section(".plt", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, kPlt, 0x100)
        .section(".plt.sec", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, kPlt + 0x100, 0x100)
        .section(".eh_frame", SHT_PROGBITS, SHF_ALLOC, 0x5000, table.size())
        .section(".symtab", SHT_SYMTAB, 0, 0x40000, rows.size(), 8)
        .section(".strtab", SHT_STRTAB, 0, 0x50000, names.size());
    return builder.build();
  }
};

TEST(FindFunctions, StartsAreAUnionAndEndsAreTheNextStart) {
  // What every program here has behind its .text.
  const std::string rest = " 1800-1900 3000-3100 3100-3200";
  struct Case {
    const char* why;
    Program program;
    std::string text;
  };
  const Case cases[] = {
      {"nothing known: each section is one", {}, "1000-1400"},
      {"FDEs, to the next one and not to their own end",
       {{}, {{0x1000, 0x10}, {0x1100, 0x10}}, {}, {}, 0, true},
       "1000-1100 1100-1400"},
      {"symbols of functions",
       {{{"f", 0x1000, 8}, {"g", 0x1080, 0}}, {}, {}, {}, 0, true},
       "1000-1080=f 1080-1400=g"},
      {"the entry", {{}, {}, {}, {}, 0x1200, true}, "1000-1200 1200-1400"},
      {"relative relocations and RELR",
       {{}, {}, {0x1080}, {0x1040}, 0, true},
       "1000-1040 1040-1080 1080-1400"},
      {"but not into the middle of an FDE",
       {{}, {{0x1000, 0x100}}, {0x1080}, {0x1090}, 0, true},
       "1000-1400"},
      {"nor of a symbol with a size",
       {{{"f", 0x1000, 0x100}}, {}, {0x10ff, 0x1100}, {}, 0, true},
       "1000-1100=f 1100-1400"},
      {"of a symbol without a size nothing is known",
       {{{"f", 0x1000, 0}}, {}, {0x1080}, {}, 0, true},
       "1000-1080=f 1080-1400"},
      {"labels in assembly, where nothing covers them",
       {{{"f", 0x1000, 0x10}, {"in", 0x1008, 0, STT_NOTYPE}, {"out", 0x1020, 0, STT_NOTYPE}},
        {},
        {},
        {},
        0,
        true},
       "1000-1020=f 1020-1400=out"},
      {"the compiler's and ARM's own labels are none",
       {{{".L1", 0x1020, 0, STT_NOTYPE}, {"$x", 0x1040, 0, STT_NOTYPE}}, {}, {}, {}, 0, true},
       "1000-1400"},
      {"starts in a PLT, in constants, in data and nowhere are none",
       {{{"p", 0x3010, 8}, {"c", 0x1420, 8}, {"d", 0x10000, 8}},
        {{0x3020, 8}},
        {0x99999},
        {},
        0,
        true},
       "1000-1400"},
      {"an executable place in no section, where something starts there",
       {{{"x", 0x1600, 8}}, {}, {}, {}, 0, true},
       "1000-1400 1600-1800=x"},
      {"an FDE as large as the address space",
       {{}, {{0x1000, UINT32_MAX}}, {0x1080}, {}, 0, true},
       "1000-1400"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Result<FunctionTable> table = table_of(ElfImage::from_bytes(c.program.build(), "x"));
    ASSERT_TRUE(table) << table.error().message;
    EXPECT_EQ(ranges(*table), c.text + rest);
    EXPECT_TRUE(table->has_symtab);
    EXPECT_FALSE(table->is_go);
  }
}

TEST(FindFunctions, GoesBySegmentsWithoutSections) {
  const Program program{{}, {{0x1040, 0x10}}, {}, {}, 0x1080, false};
  Result<FunctionTable> table = table_of(ElfImage::from_bytes(program.build(), "x"));
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ(ranges(*table), "1000-1040 1040-1080 1080-2000 3000-3200");
  EXPECT_FALSE(table->has_symtab);
}

TEST(FindFunctions, TakesThePlainestName) {
  struct Case {
    const char* why;
    std::vector<Symbol> symbols;
    const char* name;
  };
  const Case cases[] = {
      {"fewest underscores", {{"__read", 0x1000, 8}, {"read", 0x1000, 8}}, "read"},
      {"global before local",
       {{"a", 0x1000, 8, STT_FUNC, STB_LOCAL}, {"__long", 0x1000, 8}},
       "__long"},
      {"sized before a label", {{"a", 0x1000, 0}, {"long", 0x1000, 8}}, "long"},
      {"shortest, then by the alphabet",
       {{"bb", 0x1000, 8}, {"b", 0x1000, 8}, {"a", 0x1000, 8}},
       "a"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Result<FunctionTable> table =
        table_of(ElfImage::from_bytes(Program{c.symbols, {}, {}, {}, 0, true}.build(), "x"));
    ASSERT_TRUE(table);
    EXPECT_EQ(table->functions[0].name, c.name);
  }
}

TEST(FindFunctions, ReadsTheSymbolsOfADebugFile) {
  Result<ElfImage> debug =
      ElfImage::from_bytes(Program{{{"hidden", 0x1080, 8}}, {}, {}, {}, 0, true}.build(), "debug");
  ASSERT_TRUE(debug);
  Result<FunctionTable> table = table_of(ElfImage::from_bytes(Program{}.build(), "x"), &*debug);
  ASSERT_TRUE(table);
  EXPECT_EQ(ranges(*table), "1000-1080 1080-1400=hidden 1800-1900 3000-3100 3100-3200");
}

TEST(FindFunctions, ListsDataTheLargestFirst) {
  const Program program{{{"part", 0x10000, 4, STT_OBJECT},
                         {"whole", 0x10000, 8, STT_OBJECT},
                         {"__whole", 0x10000, 8, STT_OBJECT},
                         {"empty", 0x10000, 0, STT_OBJECT},
                         {"after", 0x10008, 8, STT_OBJECT}},
                        {},
                        {},
                        {},
                        0,
                        true};
  Result<FunctionTable> table = table_of(ElfImage::from_bytes(program.build(), "x"));
  ASSERT_TRUE(table);
  std::vector<std::string> names;
  for (const DataSymbol& data : table->data) names.push_back(data.name);
  EXPECT_THAT(names, ElementsAre("whole", "part", "after"));
}

// A function of this program, which the compiler gave a landing pad.
extern "C" __attribute__((noinline)) int sysnare_test_catches(const std::string& text) {
  try {
    return std::stoi(text);
  } catch (const std::exception&) {
    return -1;
  }
}

TEST(FindFunctions, FindsTheLandingPadsOfThisProgram) {
  EXPECT_EQ(sysnare_test_catches("x"), -1);
  Result<FunctionTable> table = table_of(ElfImage::from_path("/proc/self/exe"));
  ASSERT_TRUE(table) << table.error().message;
  const auto& functions = table->functions;
  const auto found = std::find_if(functions.begin(), functions.end(), [](const auto& each) {
    return each.name == "sysnare_test_catches";
  });
  ASSERT_NE(found, functions.end());
  EXPECT_FALSE(found->landing_pads.empty());
  EXPECT_NE(found->personality, 0u);
  EXPECT_TRUE(std::is_sorted(functions.begin(), functions.end(),
                             [](const auto& a, const auto& b) { return a.end <= b.start; }));
}

TEST(DivideFunctions, DividesWhatNothingCovers) {
  const std::string rest = " 1800-1900 3000-3100 3100-3200";
  struct Case {
    const char* why;
    Program program;
    std::vector<std::uint64_t> places;
    std::string ranges;
  };
  const auto with_symbol = [](std::uint64_t size) {
    Program program;
    program.symbols = {{"a", 0x1000, size}};
    return program;
  };
  Program with_frame;
  with_frame.frames = {{0x1000, 0x20}};
  const Case cases[] = {
      {"nothing tells functions apart",
       {},
       {0x1080, 0x1020, 0x1080},
       "1000-1020 1020-1080 1080-1400"},
      {"where one begins", {}, {0x1000}, "1000-1400"},
      {"in no code", {}, {0x900, 0x1440, 0x9000}, "1000-1400"},
      {"a symbol without a size covers nothing", with_symbol(0), {0x1010}, "1000-1010=a 1010-1400"},
      {"inside of a symbol, and behind it",
       with_symbol(0x20),
       {0x1010, 0x1020},
       "1000-1020=a 1020-1400"},
      {"inside of an FDE, and behind it", with_frame, {0x1010, 0x1030}, "1000-1030 1030-1400"},
      {"a stub", {}, {0x3010}, "1000-1400"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Result<FunctionTable> table = table_of(ElfImage::from_bytes(c.program.build(), "x"));
    ASSERT_TRUE(table.has_value());
    const std::size_t before = table->functions.size();
    const bool is_new = divide_functions(*table, c.places);
    EXPECT_EQ(ranges(*table), c.ranges + rest);
    EXPECT_EQ(is_new, table->functions.size() != before);
  }
}

TEST(DivideFunctions, DividesTheRestWhereNearlyAllIsCovered) {
  Program program;
  program.symbols = {{"a", 0x1000, 0x3e0}, {"b", 0x1800, 0x100}, {"c", 0x3100, 0x100}};
  const std::string all = "1000-1400=a 1800-1900=b 3000-3100 3100-3200=c";
  Result<FunctionTable> table = table_of(ElfImage::from_bytes(program.build(), "x"));
  ASSERT_TRUE(table.has_value());
  ASSERT_EQ(ranges(*table), all);
  EXPECT_FALSE(divide_functions(*table, {0x13e0})) << "so it is done where little is";
  EXPECT_FALSE(divide_rest(*table, {0x13d0})) << "that is covered";
  EXPECT_TRUE(divide_rest(*table, {0x13e0}));
  EXPECT_EQ(ranges(*table), "1000-13e0=a 13e0-1400 1800-1900=b 3000-3100 3100-3200=c");
  Result<FunctionTable> bare = table_of(ElfImage::from_bytes(Program().build(), "x"));
  ASSERT_TRUE(bare.has_value());
  EXPECT_FALSE(divide_rest(*bare, {0x1080})) << "there is more than a rest";
}

}  // namespace
}  // namespace sysnare
