// Tables of every layout, written as src/debug/gosym/pclntab.go of Go 1.19 reads them; and those of
// Go programs of Debian.

#include "elf/go_functions.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "elf/elf_builder.h"
#include "elf/go_table.h"

namespace sysnare {
namespace {

constexpr std::uint64_t kTable = 0x10000;
constexpr std::uint64_t kText = 0x1000;
constexpr std::uint64_t kModule = 0x20000;

struct Row {
  std::uint64_t vaddr;
  const char* name;
};
constexpr Row kRows[] = {
    {0x1000, "runtime.main"}, {0x1040, "main.main"}, {0x1100, "syscall.Syscall"}};
constexpr std::uint64_t kEnd = 0x1200;

std::string word(std::uint64_t value) { return bytes_of(value); }
std::string half(std::uint64_t value) { return bytes_of(static_cast<std::uint32_t>(value)); }
std::string front(std::uint32_t magic) { return half(magic) + std::string("\0\0\1\x08", 4); }

/// Go 1.2 to 1.15: all distances are from the begin of the table.
std::string table_go12() {
  std::string list;
  std::string tail;
  const std::uint64_t tail_at = 16 + (2 * std::size(kRows) + 1) * 8;
  for (const Row& row : kRows) {
    list += word(row.vaddr) + word(tail_at + tail.size());
    // entry, then the name's distance; the name stands behind this row.
    tail += word(row.vaddr) + half(tail_at + tail.size() + 12) + row.name + '\0';
  }
  return front(0xfffffffb) + word(std::size(kRows)) + list + word(kEnd) + tail;
}

/// Go 1.16 on: names and the list of functions are parts of their own.
std::string table_go116(std::uint32_t magic, bool short_fields, std::uint64_t text_start) {
  const auto field = [&](std::uint64_t value) { return short_fields ? half(value) : word(value); };
  std::string names(1, '\0');
  std::string list;
  std::string rows;
  const std::uint64_t list_size = (2 * std::size(kRows) + 1) * (short_fields ? 4 : 8);
  const std::uint64_t base = short_fields ? kText : 0;
  for (const Row& row : kRows) {
    list += field(row.vaddr - base) + field(list_size + rows.size());
    rows += field(row.vaddr - base) + half(names.size()) + std::string(32, '\0');
    names += std::string(row.name) + '\0';
  }
  list += field(kEnd - base);
  std::string header = word(std::size(kRows)) + word(0);
  if (short_fields) header += word(text_start);
  const std::uint64_t names_at = 8 + header.size() + 5 * 8;
  const std::uint64_t list_at = names_at + names.size();
  header += word(names_at) + word(0) + word(0) + word(0) + word(list_at);
  return front(magic) + header + names + list + rows;
}

/// The runtime's moduledata: the table's address first, the number of functions + 1, the text.
std::string module_data(std::uint64_t table, std::uint64_t text) {
  std::string data(30 * 8, '\0');
  data.replace(0, 8, word(table));
  data.replace(17 * 8, 8, word(std::size(kRows) + 1));
  data.replace(22 * 8, 8, word(text));
  return data;
}

struct Listed {
  std::vector<std::pair<std::uint64_t, std::string>> functions;
  std::uint64_t end = 0;
};

Listed listed(const std::string& bytes) {
  Listed listed;
  Result<ElfImage> image = ElfImage::from_bytes(bytes, "x");
  EXPECT_TRUE(image);
  Result<ImageMemory> memory = ImageMemory::load(*image);
  EXPECT_TRUE(memory);
  Result<Dynamic> dynamic = read_dynamic(*image, *memory);
  EXPECT_TRUE(dynamic);
  const GoFunctions go = read_go_functions(*image, *memory, *dynamic);
  for (const GoFunction& function : go.functions) {
    listed.functions.emplace_back(function.vaddr, function.name);
  }
  listed.end = go.end;
  return listed;
}

TEST(GoFunctions, AreListedInEveryLayout) {
  struct Case {
    const char* why;
    std::string table;
    std::string module;
    bool relocated;  ///< position-independent: addresses stand in relocations alone
  };
  const Case cases[] = {
      {"Go 1.2", table_go12(), {}, false},
      {"Go 1.16", table_go116(0xfffffffa, false, 0), {}, false},
      {"Go 1.18", table_go116(0xfffffff0, true, kText), {}, false},
      {"Go 1.20", table_go116(0xfffffff1, true, kText), {}, false},
      {"Go 1.26: no text in the header", table_go116(0xfffffff1, true, 0),
       module_data(kTable, kText), false},
      {"the text's address in a relocation", table_go116(0xfffffff0, true, 0), {}, true},
      {"the module's address in a relocation", table_go116(0xfffffff1, true, 0), module_data(0, 0),
       true},
  };
  for (const Case& c : cases) {
    for (const bool named : {true, false}) {
      SCOPED_TRACE(c.why);
      SCOPED_TRACE(named);
      ElfBuilder builder(c.relocated ? ET_DYN : ET_EXEC);
      builder.load(kText, PF_R | PF_X, std::string(kEnd - kText, '\x90'));
      // A false magic in front, where the table has to be searched for.
      builder.load(
          kTable - 0x100, PF_R,
          std::string("\xf1\xff\xff\xff\0\0\1\x04", 8) + std::string(0xf8, '\0') + c.table);
      builder.load(kModule, PF_R | PF_W, c.module.empty() ? std::string(8, '\0') : c.module);
      if (c.relocated) {
        std::string rela;
        const auto add = [&](std::uint64_t where, std::uint64_t value) {
          rela += bytes_of(Elf64_Rela{where, R_X86_64_RELATIVE, static_cast<Elf64_Sxword>(value)});
        };
        if (c.module.empty()) {
          add(kTable + 8 + 16, kText);
        } else {
          add(kModule, kTable);
          add(kModule + 22 * 8, kText);
        }
        builder.load(0x30000, PF_R, rela);
        builder.dynamic(0x40000, {{DT_RELA, 0x30000}, {DT_RELASZ, rela.size()}});
      }
      if (named) {
        builder.section(".gopclntab", SHT_PROGBITS, SHF_ALLOC, kTable, c.table.size());
      }
      const Listed go = listed(builder.build());
      ASSERT_EQ(go.functions.size(), std::size(kRows));
      for (std::size_t i = 0; i < std::size(kRows); ++i) {
        EXPECT_EQ(go.functions[i].first, kRows[i].vaddr);
        EXPECT_EQ(go.functions[i].second, kRows[i].name);
      }
      EXPECT_EQ(go.end, kEnd);
    }
  }
}

TEST(GoFunctions, DamageGivesNone) {
  struct Case {
    const char* why;
    std::size_t at;
    std::string bytes;
  };
  const Case cases[] = {
      {"no magic", 0, half(1)},
      {"pointers of 4 bytes", 7, "\x04"},
      {"no functions", 8, word(0)},
      {"more functions than bytes", 8, word(UINT64_MAX)},
      {"more functions than bytes, by one row", 8, word(20)},
      {"functions outside", 8 + 7 * 8, word(UINT64_MAX)},
      {"no text anywhere", 8 + 2 * 8, word(0)},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    std::string table = table_go116(0xfffffff1, true, kText);
    table.replace(c.at, c.bytes.size(), c.bytes);
    ElfBuilder builder(ET_EXEC);
    builder.load(kTable, PF_R, table);
    builder.section(".gopclntab", SHT_PROGBITS, SHF_ALLOC, kTable, table.size());
    EXPECT_TRUE(listed(builder.build()).functions.empty());
  }
  // Names outside are no names; the functions stay.
  std::string table = table_go116(0xfffffff1, true, kText);
  table.replace(8 + 3 * 8, 8, word(UINT64_MAX));
  ElfBuilder builder(ET_EXEC);
  builder.load(kTable, PF_R, table);
  builder.section(".gopclntab", SHT_PROGBITS, SHF_ALLOC, kTable, table.size());
  EXPECT_EQ(listed(builder.build()).functions.size(), std::size(kRows));
}

// The other reader, which goes by address, says the same of every function of a real program.
TEST(GoFunctions, AgreeWithTheTableByAddress) {
  for (const char* path : {"/usr/bin/go", "/usr/bin/runc", "/usr/bin/podman"}) {
    if (::access(path, R_OK) != 0) continue;
    SCOPED_TRACE(path);
    Result<ElfImage> image = ElfImage::from_path(path);
    ASSERT_TRUE(image);
    Result<ImageMemory> memory = ImageMemory::load(*image);
    ASSERT_TRUE(memory);
    Result<Dynamic> dynamic = read_dynamic(*image, *memory);
    ASSERT_TRUE(dynamic);
    const GoFunctions go = read_go_functions(*image, *memory, *dynamic);
    ASSERT_GT(go.functions.size(), 5000u);
    const auto table = GoTable::load(*image, nullptr, 0);
    ASSERT_TRUE(table);
    std::size_t differing = 0;
    bool main = false;
    for (const GoFunction& function : go.functions) {
      EXPECT_TRUE(memory->is_executable(function.vaddr));
      main |= function.name == "main.main";
      const auto other = table->find(function.vaddr);
      if (!other || other->name != function.name) ++differing;
    }
    EXPECT_EQ(differing, 0u);
    EXPECT_TRUE(main);
  }
}

}  // namespace
}  // namespace sysnare
