#include "elf/dynamic.h"

#include <elf.h>
#include <gelf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "elf/elf_builder.h"
#include "elf/libelf_file.h"

namespace sysnare {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = Relocation::Kind;
using Entries = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

struct Read {
  std::unique_ptr<ElfImage> image;
  ImageMemory memory;
  Dynamic dynamic;
};

Result<Read> read_of(Result<ElfImage> image) {
  if (!image) return propagate(image);
  Read read;
  read.image = std::make_unique<ElfImage>(std::move(*image));
  Result<ImageMemory> memory = ImageMemory::load(*read.image);
  if (!memory) return propagate(memory);
  read.memory = std::move(*memory);
  Result<Dynamic> dynamic = read_dynamic(*read.image, read.memory);
  if (!dynamic) return propagate(dynamic);
  read.dynamic = std::move(*dynamic);
  return read;
}
Result<Read> read_bytes(std::string bytes) {
  return read_of(ElfImage::from_bytes(std::move(bytes), "x"));
}

// One library whose every table is written by hand. Its data stand at 0x1000, its code at 0x8000,
// the dynamic section at 0x9000.
struct Library {
  std::string data = std::string(0x1000, '\0');
  Entries entries;
  std::string strings = std::string(1, '\0');

  std::uint32_t text(std::string_view value) {
    const auto at = static_cast<std::uint32_t>(strings.size());
    strings += std::string(value) + '\0';
    return at;
  }
  void put(std::uint64_t vaddr, const std::string& bytes) {
    data.replace(vaddr - 0x1000, bytes.size(), bytes);
  }
  void add(std::uint64_t tag, std::uint64_t value) { entries.emplace_back(tag, value); }
  [[nodiscard]] std::string build() {
    Entries all = entries;
    all.emplace_back(DT_STRTAB, 0x5000);
    all.emplace_back(DT_STRSZ, strings.size());
    return ElfBuilder()
        .load(0x1000, PF_R | PF_W, data)
        .load(0x5000, PF_R, strings)
        .load(0x8000, PF_R | PF_X, std::string(0x100, '\x90'))
        .dynamic(0x9000, all)
        .build();
  }
};

std::string symbol(std::uint32_t name, std::uint8_t type, std::uint16_t section,
                   std::uint64_t value, std::uint64_t size) {
  return bytes_of(Elf64_Sym{name, static_cast<unsigned char>(ELF64_ST_INFO(STB_GLOBAL, type)), 0,
                            section, value, size});
}

std::string rela(std::uint64_t where, std::uint32_t symbol_index, std::uint32_t type,
                 std::int64_t addend) {
  return bytes_of(Elf64_Rela{where, ELF64_R_INFO(std::uint64_t{symbol_index}, type), addend});
}

TEST(ReadDynamic, TellsALibraryFromAProgram) {
  struct Case {
    const char* why;
    std::uint16_t type;
    std::uint64_t entry;
    std::uint64_t flags_1;
    bool interpreter;
    bool soname;
    bool library;
  };
  const Case cases[] = {
      {"an ordinary library", ET_DYN, 0, 0, false, true, true},
      {"a plug-in without a name", ET_DYN, 0, 0, false, false, true},
      {"an entry that nobody takes (libICE.so.6 of Debian 12)", ET_DYN, 0x8010, 0, false, true,
       true},
      {"such an entry, and no name: a c-shared of Go", ET_DYN, 0x8010, 0, false, false, true},
      {"one that can be run as well, as libc.so.6", ET_DYN, 0x8010, 0, true, true, true},
      {"a program that is loaded anywhere", ET_DYN, 0x8010, DF_1_PIE, true, false, false},
      {"the same by an older linker", ET_DYN, 0x8010, 0, true, false, false},
      {"the same, static", ET_DYN, 0x8010, DF_1_PIE, false, false, false},
      {"a program that is loaded where it was linked", ET_EXEC, 0x8010, 0, true, false, false},
      {"a program that exports a name of its own", ET_EXEC, 0x8010, 0, true, true, false},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const std::string name = std::string(1, '\0') + "libx.so.1" + std::string(1, '\0');
    std::vector<std::pair<std::uint64_t, std::uint64_t>> entries = {
        {DT_STRTAB, 0x1000}, {DT_STRSZ, name.size()}, {DT_FLAGS_1, c.flags_1}};
    if (c.soname) entries.emplace_back(DT_SONAME, 1);
    ElfBuilder builder(c.type);
    builder.load(0x1000, PF_R, name).load(0x8000, PF_R | PF_X, std::string(64, '\x90'));
    builder.dynamic(0x2000, entries).entry(c.entry);
    if (c.interpreter) builder.segment(PT_INTERP, 0, PF_R, std::string("/lib/ld.so") + '\0');
    const auto image = ElfImage::from_bytes(builder.build(), "x");
    ASSERT_TRUE(image) << image.error().message;
    const auto memory = ImageMemory::load(*image);
    ASSERT_TRUE(memory) << memory.error().message;
    const auto dynamic = read_dynamic(*image, *memory);
    ASSERT_TRUE(dynamic) << dynamic.error().message;
    EXPECT_EQ(dynamic->is_library, c.library);
  }
}

TEST(ReadDynamic, ReadsEveryTable) {
  Library library;
  library.add(DT_NEEDED, library.text("libb.so"));
  library.add(DT_NEEDED, library.text("liba.so"));
  library.add(DT_SONAME, library.text("libx.so.1"));
  library.add(DT_RUNPATH, library.text("$ORIGIN/../lib::/opt/x"));
  library.add(DT_RPATH, library.text("/old"));
  library.add(DT_FLAGS_1, DF_1_NOW);
  library.add(DT_FLAGS, DF_SYMBOLIC);
  // Symbols: an import with a version, a default and a hidden version of the same name.
  library.put(0x1000, std::string(24, '\0') +
                          symbol(library.text("read"), STT_FUNC, SHN_UNDEF, 0, 0) +
                          symbol(library.text("f"), STT_FUNC, 3, 0x8010, 4) +
                          symbol(library.text("f"), STT_GNU_IFUNC, 3, 0x8020, 8));
  library.add(DT_SYMTAB, 0x1000);
  library.put(0x1100, bytes_of(std::uint16_t{0}) + bytes_of(std::uint16_t{4}) +
                          bytes_of(std::uint16_t{3}) + bytes_of(std::uint16_t{0x8002}));
  library.add(DT_VERSYM, 0x1100);
  library.put(0x1200, bytes_of(Elf64_Verneed{1, 1, library.text("libc.so.6"), 16, 0}) +
                          bytes_of(Elf64_Vernaux{0, 0, 4, library.text("GLIBC_2.2.5"), 0}));
  library.add(DT_VERNEED, 0x1200);
  library.add(DT_VERNEEDNUM, 1);
  std::string defined;
  const std::uint32_t versions[] = {library.text("libx.so.1"), library.text("X_1"),
                                    library.text("X_2")};
  for (std::uint16_t i = 0; i < 3; ++i) {
    const auto flags = static_cast<Elf64_Half>(i == 0 ? VER_FLG_BASE : 0);
    defined += bytes_of(Elf64_Verdef{1, flags, static_cast<Elf64_Half>(i + 1), 1, 0, 20,
                                     i == 2 ? 0u : 28u}) +
               bytes_of(Elf64_Verdaux{versions[i], 0});
  }
  library.put(0x1300, defined);
  library.add(DT_VERDEF, 0x1300);
  library.add(DT_VERDEFNUM, 3);
  library.put(0x1400, bytes_of(std::uint32_t{1}) + bytes_of(std::uint32_t{4}));
  library.add(DT_HASH, 0x1400);
  // Relocations, out of order; the PLT's are counted by DT_RELASZ too.
  const std::string relocations =
      rela(0x1810, 0, R_X86_64_RELATIVE, 0x8010) + rela(0x1800, 2, R_X86_64_64, 1) +
      rela(0x1808, 0, R_X86_64_IRELATIVE, 0x8020) + rela(0x1818, 0, R_X86_64_DTPMOD64, 0) +
      rela(0x1820, 1, R_X86_64_JUMP_SLOT, 0);
  library.put(0x1500, relocations);
  library.add(DT_RELA, 0x1500);
  library.add(DT_RELASZ, relocations.size());
  library.add(DT_JMPREL, 0x1500 + 4 * sizeof(Elf64_Rela));
  library.add(DT_PLTRELSZ, sizeof(Elf64_Rela));
  // RELR: a word, then bits 0 and 62 of the 63 words behind it.
  library.put(0x1600,
              bytes_of(std::uint64_t{0x1900}) +
                  bytes_of(std::uint64_t{1} | std::uint64_t{1} << 1 | std::uint64_t{1} << 63));
  library.put(0x1900, bytes_of(std::uint64_t{0x8001}) + bytes_of(std::uint64_t{0x8002}));
  library.put(0x1908 + 62 * 8, bytes_of(std::uint64_t{0x8003}));
  library.add(DT_RELR, 0x1600);
  library.add(DT_RELRSZ, 16);
  // Start-up: a slot by RELR, one that is never relocated, one that is empty.
  library.add(DT_INIT, 0x8030);
  library.add(DT_INIT_ARRAY, 0x1900);
  library.add(DT_INIT_ARRAYSZ, 24);
  library.put(0x1a80, bytes_of(std::uint64_t{0x8040}) + bytes_of(std::uint64_t{0x8050}));
  library.add(DT_FINI_ARRAY, 0x1a80);
  library.add(DT_FINI_ARRAYSZ, 16);
  library.add(DT_FINI, 0x8060);

  Result<Read> read = read_bytes(library.build());
  ASSERT_TRUE(read) << read.error().message;
  const Dynamic& dynamic = read->dynamic;
  EXPECT_TRUE(dynamic.present);
  EXPECT_TRUE(dynamic.bind_now);
  EXPECT_TRUE(dynamic.symbolic);
  EXPECT_TRUE(dynamic.position_independent);
  EXPECT_EQ(dynamic.soname, "libx.so.1");
  EXPECT_THAT(dynamic.needed, ElementsAre("libb.so", "liba.so"));
  EXPECT_THAT(dynamic.runpath, ElementsAre("$ORIGIN/../lib", ".", "/opt/x"));
  EXPECT_THAT(dynamic.rpath, ElementsAre("/old"));

  ASSERT_EQ(dynamic.symbols.size(), 4u);
  EXPECT_EQ(dynamic.symbols[1].name, "read");
  EXPECT_EQ(dynamic.symbols[1].version, "GLIBC_2.2.5");
  EXPECT_FALSE(dynamic.symbols[1].defined);
  EXPECT_EQ(dynamic.symbols[2].version, "X_2");
  EXPECT_TRUE(dynamic.symbols[2].default_version);
  EXPECT_EQ(dynamic.symbols[2].vaddr, 0x8010u);
  EXPECT_EQ(dynamic.symbols[3].version, "X_1");
  EXPECT_FALSE(dynamic.symbols[3].default_version);
  EXPECT_EQ(dynamic.symbols[3].type, STT_GNU_IFUNC);

  struct Row {
    std::uint64_t vaddr;
    Kind kind;
    std::uint32_t symbol;
    std::uint64_t value;
  };
  const Row rows[] = {
      {0x1800, Kind::kSymbol, 2, 1},        {0x1808, Kind::kIndirect, 0, 0x8020},
      {0x1810, Kind::kRelative, 0, 0x8010}, {0x1818, Kind::kOther, 0, 0},
      {0x1820, Kind::kSymbol, 1, 0},        {0x1900, Kind::kRelative, 0, 0x8001},
      {0x1908, Kind::kRelative, 0, 0x8002}, {0x1908 + 62 * 8, Kind::kRelative, 0, 0x8003},
  };
  ASSERT_EQ(dynamic.relocations.size(), std::size(rows));
  for (std::size_t i = 0; i < std::size(rows); ++i) {
    SCOPED_TRACE(rows[i].vaddr);
    EXPECT_EQ(dynamic.relocations[i].vaddr, rows[i].vaddr);
    EXPECT_EQ(dynamic.relocations[i].kind, rows[i].kind);
    EXPECT_EQ(dynamic.relocations[i].symbol, rows[i].symbol);
    EXPECT_EQ(dynamic.relocations[i].value, rows[i].value);
  }
  EXPECT_THAT(dynamic.init, ElementsAre(0x8030u, 0x8001u, 0x8002u));
  EXPECT_THAT(dynamic.fini, ElementsAre(0x8050u, 0x8040u, 0x8060u));
}

/// DT_GNU_HASH at 0x1400 with these buckets and chains.
std::string gnu_hash(std::uint32_t first, const std::vector<std::uint32_t>& buckets,
                     const std::vector<std::uint32_t>& chains) {
  std::string bytes = bytes_of(static_cast<std::uint32_t>(buckets.size())) + bytes_of(first) +
                      bytes_of(std::uint32_t{1}) + bytes_of(std::uint32_t{0}) +
                      bytes_of(std::uint64_t{0});
  for (const auto* words : {&buckets, &chains}) {
    for (const std::uint32_t word : *words) bytes += bytes_of(word);
  }
  return bytes;
}

TEST(ReadDynamic, CountsSymbolsByWhatLeadsToThem) {
  struct Case {
    const char* why;
    std::string hash, gnu_hash;
    std::uint32_t relocated;  ///< a relocation names this symbol
    std::size_t symbols;
  };
  const std::string none;
  const Case cases[] = {
      {"no way to any", none, none, 0, 1},
      {"by relocations alone", none, none, 5, 6},
      {"DT_HASH counts its chains", bytes_of(std::uint32_t{1}) + bytes_of(std::uint32_t{7}), none,
       0, 7},
      {"the last chain ends it", none, gnu_hash(2, {2, 4}, {0, 1, 2, 4, 5}), 0, 7},
      {"GNU ld's table of no exports begins at 1", none, gnu_hash(1, {0}, {}), 3, 4},
      {"lld's counts the imports", none, gnu_hash(4, {0}, {}), 3, 4},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Library library;
    library.add(DT_SYMTAB, 0x1000);
    if (!c.hash.empty()) library.add(DT_HASH, 0x1300);
    if (!c.gnu_hash.empty()) library.add(DT_GNU_HASH, 0x1400);
    library.put(0x1300, c.hash);
    library.put(0x1400, c.gnu_hash);
    library.put(0x1500, rela(0x1800, c.relocated, R_X86_64_GLOB_DAT, 0));
    library.add(DT_RELA, 0x1500);
    library.add(DT_RELASZ, sizeof(Elf64_Rela));
    Result<Read> read = read_bytes(library.build());
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->dynamic.symbols.size(), c.symbols);
  }
}

TEST(ReadDynamic, RefusesTablesThatLeadNowhere) {
  struct Case {
    const char* why;
    Entries entries;
    const char* message;
  };
  const Case cases[] = {
      {"text outside", {{DT_NEEDED, 0x100000}}, "x: DT_NEEDED at 0x100000"},
      {"relocations outside", {{DT_RELA, 0x100000}, {DT_RELASZ, 24}}, "x: DT_RELA at 0x100000"},
      {"more relocations than bytes", {{DT_RELA, 0x1000}, {DT_RELASZ, UINT64_MAX}}, "DT_RELA at"},
      {"PLT outside", {{DT_JMPREL, UINT64_MAX}, {DT_PLTRELSZ, 24}}, "DT_JMPREL at"},
      {"RELR over the end", {{DT_RELR, 0x1ff8}, {DT_RELRSZ, 16}}, "DT_RELR at 0x1ff8"},
      {"RELR of a word outside", {{DT_RELR, 0x1500}, {DT_RELRSZ, 8}}, "DT_RELR at 0x700000"},
      {"symbols outside", {{DT_SYMTAB, 0x100000}}, "DT_SYMTAB at 0x100000"},
      {"hash outside", {{DT_SYMTAB, 0x1000}, {DT_HASH, 0x100000}}, "DT_HASH at 0x100000"},
      {"4 billion chains", {{DT_SYMTAB, 0x1000}, {DT_HASH, 0x1510}}, "4294967295 symbols"},
      {"4 billion buckets", {{DT_SYMTAB, 0x1000}, {DT_GNU_HASH, 0x1518}}, "buckets lie outside"},
      {"a chain without an end", {{DT_SYMTAB, 0x1000}, {DT_GNU_HASH, 0x1600}}, "a chain ends"},
      {"versions outside",
       {{DT_SYMTAB, 0x1000}, {DT_HASH, 0x1540}, {DT_VERSYM, 0x1fff}},
       "DT_VERSYM at 0x1fff"},
      {"a list of versions that leads outside",
       {{DT_SYMTAB, 0x1000}, {DT_VERSYM, 0x1000}, {DT_VERNEED, 0x1550}, {DT_VERNEEDNUM, 2}},
       "DT_VERNEED at"},
      {"as many versions as the file says",
       {{DT_SYMTAB, 0x1000}, {DT_VERSYM, 0x1000}, {DT_VERDEF, 0x1f00}, {DT_VERDEFNUM, UINT64_MAX}},
       "too many versions"},
      {"start-up outside", {{DT_INIT_ARRAY, 0x100000}, {DT_INIT_ARRAYSZ, 8}}, "DT_INIT_ARRAY at"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Library library;
    library.put(0x1500, bytes_of(std::uint64_t{0x700000}));
    library.put(0x1510, bytes_of(std::uint32_t{1}) + bytes_of(UINT32_MAX) + bytes_of(UINT32_MAX));
    library.put(0x1540, bytes_of(std::uint32_t{1}) + bytes_of(std::uint32_t{2}));
    library.put(0x1550, bytes_of(Elf64_Verneed{1, 0, 0, 0, UINT32_MAX}));
    library.put(0x1600, gnu_hash(1, {1}, {0}));
    library.entries = c.entries;
    Result<Read> read = read_bytes(library.build());
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Errc::kBadInput) << read.error().message;
    EXPECT_THAT(read.error().message, HasSubstr(c.message));
  }
}

TEST(ReadDynamic, StopsAtTheLimits) {
  Library many;
  for (std::size_t i = 0; i <= kMaxLibraries; ++i) many.add(DT_NEEDED, 0);
  Result<Read> read = read_bytes(many.build());
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::kLimit);

  // 1,000 symbols that all name one megabyte.
  Library names;
  names.data.resize(1u << 16);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    names.put(0x1000 + i * sizeof(Elf64_Sym), symbol(1, STT_FUNC, 1, 0x8000, 1));
  }
  names.strings += std::string(1u << 20, 'x') + '\0';
  const std::string header = bytes_of(std::uint32_t{1}) + bytes_of(std::uint32_t{1000});
  names.put(0xf000, header);
  std::string image = ElfBuilder()
                          .load(0x1000, PF_R, names.data)
                          .load(0x100000, PF_R, names.strings)
                          .dynamic(0x900000, {{DT_STRTAB, 0x100000},
                                              {DT_STRSZ, names.strings.size()},
                                              {DT_SYMTAB, 0x1000},
                                              {DT_HASH, 0xf000}})
                          .build();
  read = read_bytes(std::move(image));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::kLimit) << read.error().message;
}

TEST(ReadDynamic, ReadsStaticProgramsByTheirSections) {
  std::string data(0x100, '\0');
  data.replace(0x00, 24, rela(0x2080, 0, R_X86_64_IRELATIVE, 0x3010));
  data.replace(0x40, 24, rela(0x2088, 3, R_X86_64_64, 0));  // nobody applies it: there is no symbol
  data.replace(0x20, 16, bytes_of(std::uint64_t{0x3020}) + bytes_of(std::uint64_t{0x3030}));
  data.replace(0x30, 8, bytes_of(std::uint64_t{0x3040}));
  const auto builder = [&] {
    ElfBuilder program(ET_EXEC);
    program.load(0x1000, PF_R, data)
        .load(0x2000, PF_R | PF_W, std::string(0x100, '\0'))
        .load(0x3000, PF_R | PF_X, std::string(0x100, '\x90'));
    return program;
  };
  Result<Read> read = read_bytes(builder()
                                     .section(".rela.plt", SHT_RELA, SHF_ALLOC, 0x1000, 24)
                                     .section(".rela.dyn", SHT_RELA, SHF_ALLOC, 0x1040, 24)
                                     .section(".init", SHT_PROGBITS, SHF_ALLOC, 0x3000, 4)
                                     .section(".init_array", SHT_INIT_ARRAY, 0, 0x1020, 16)
                                     .section(".fini_array", SHT_FINI_ARRAY, 0, 0x1030, 8)
                                     .build());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_FALSE(read->dynamic.present);
  EXPECT_FALSE(read->dynamic.position_independent);
  ASSERT_EQ(read->dynamic.relocations.size(), 1u);
  EXPECT_EQ(read->dynamic.relocations[0].kind, Kind::kIndirect);
  EXPECT_EQ(read->dynamic.relocations[0].value, 0x3010u);
  EXPECT_THAT(read->dynamic.init, ElementsAre(0x3000u, 0x3020u, 0x3030u));
  EXPECT_THAT(read->dynamic.fini, ElementsAre(0x3040u));

  read = read_bytes(builder().build());
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->dynamic.relocations.size(), 1u) << "found by its looks, without any section";
  EXPECT_EQ(read->dynamic.relocations[0].vaddr, 0x2080u);
  EXPECT_THAT(read->dynamic.init, IsEmpty());
}

TEST(ReadDynamic, RefusesA32BitImage) {
  Result<Read> read =
      read_of(ElfImage::from_path(SYSNARE_SOURCE_DIR "/tests/fuzz/corpus/elf_fuzz/i386"));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::kUnsupported);
}

// Debian's own files, against libelf, which goes by section headers.
TEST(ReadDynamic, AgreesWithLibelfOnRealFiles) {
  int seen = 0;
  for (const char* path :
       {"/proc/self/exe", "/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2",
        "/usr/lib/x86_64-linux-gnu/libstdc++.so.6", "/usr/bin/python3.11", "/usr/bin/bash",
        "/usr/bin/podman", "/lib/ld-musl-x86_64.so.1", "/usr/aarch64-linux-gnu/lib/libc.so.6"}) {
    if (::access(path, R_OK) != 0) continue;
    SCOPED_TRACE(path);
    ++seen;
    Result<Read> read = read_of(ElfImage::from_path(path));
    ASSERT_TRUE(read) << read.error().message;
    const Dynamic& dynamic = read->dynamic;
    LibElfFile file(*read->image);
    std::size_t symbols = 0;
    std::size_t relocations = 0;
    std::size_t needed = 0;
    for (Elf_Scn* section = nullptr;
         (section = ::elf_nextscn(file.elf.get(), section)) != nullptr;) {
      GElf_Shdr header{};
      ::gelf_getshdr(section, &header);
      Elf_Data* data = ::elf_getdata(section, nullptr);
      if (header.sh_type == SHT_RELA) relocations += header.sh_size / header.sh_entsize;
      if (header.sh_type == SHT_DYNAMIC) {
        GElf_Dyn entry{};
        for (int i = 0; ::gelf_getdyn(data, i, &entry) != nullptr; ++i) {
          needed += entry.d_tag == DT_NEEDED ? 1 : 0;
        }
      }
      if (header.sh_type != SHT_DYNSYM) continue;
      symbols = header.sh_size / header.sh_entsize;
      for (std::size_t i = 0; i < std::min(symbols, dynamic.symbols.size()); ++i) {
        GElf_Sym symbol{};
        ::gelf_getsym(data, static_cast<int>(i), &symbol);
        const char* name = ::elf_strptr(file.elf.get(), header.sh_link, symbol.st_name);
        EXPECT_EQ(dynamic.symbols[i].name, name);
        EXPECT_EQ(dynamic.symbols[i].vaddr, symbol.st_value);
        EXPECT_EQ(dynamic.symbols[i].size, symbol.st_size);
      }
    }
    EXPECT_EQ(dynamic.symbols.size(), symbols);
    EXPECT_EQ(dynamic.needed.size(), needed);
    EXPECT_GE(dynamic.relocations.size(), relocations);
    EXPECT_TRUE(std::is_sorted(dynamic.relocations.begin(), dynamic.relocations.end(),
                               [](const auto& a, const auto& b) { return a.vaddr < b.vaddr; }));
    for (const std::vector<std::uint64_t>* functions : {&dynamic.init, &dynamic.fini}) {
      for (const std::uint64_t vaddr : *functions) EXPECT_TRUE(read->memory.is_executable(vaddr));
    }
  }
  EXPECT_GE(seen, 1);
}

}  // namespace
}  // namespace sysnare
