// What counts as called of a small plug-in that makes no system call of its own.

#include "scan/light_summary.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "elf/elf_builder.h"
#include "scan/fake_surroundings.h"
#include "scan/parts.h"

namespace sysnare {
namespace {

using ::testing::ElementsAre;

struct Symbol {
  const char* name;
  bool defined = false;
  std::uint8_t type = STT_FUNC;
  std::uint8_t binding = STB_GLOBAL;
  bool bound = false;  ///< it is called by a slot
};

struct Plugin {
  std::vector<Symbol> symbols = {};
  std::vector<std::pair<std::uint64_t, std::uint64_t>> tags = {};
  std::string code = "\xc3";
  std::uint16_t machine = EM_X86_64;
};

constexpr std::uint64_t kStrings = 0x1000, kSymbols = 0x2000, kHash = 0x3000, kRela = 0x4000,
                        kCode = 0x5000, kSlots = 0x6000, kDynamic = 0x7000;

std::string elf_of(const Plugin& plugin) {
  std::string strings(1, '\0');
  std::string symbols(sizeof(Elf64_Sym), '\0');
  std::string rela;
  for (const Symbol& each : plugin.symbols) {
    Elf64_Sym symbol{};
    symbol.st_name = static_cast<Elf64_Word>(strings.size());
    symbol.st_info = static_cast<unsigned char>(ELF64_ST_INFO(each.binding, each.type));
    symbol.st_shndx = each.defined ? 1 : SHN_UNDEF;
    symbol.st_value = each.defined ? kCode : 0;
    const std::uint64_t index = symbols.size() / sizeof symbol;
    if (each.bound) {
      rela +=
          bytes_of(Elf64_Rela{kSlots + rela.size(), ELF64_R_INFO(index, R_X86_64_JUMP_SLOT), 0});
    }
    strings += std::string(each.name) + '\0';
    symbols += bytes_of(symbol);
  }
  const auto count = static_cast<std::uint32_t>(symbols.size() / sizeof(Elf64_Sym));
  // DT_HASH: one bucket, and as many links as symbols.
  const std::string hash = bytes_of(std::uint32_t{1}) + bytes_of(count) +
                           std::string((1 + count) * sizeof(std::uint32_t), '\0');
  std::vector<std::pair<std::uint64_t, std::uint64_t>> tags = {
      {DT_STRTAB, kStrings},          {DT_STRSZ, strings.size()}, {DT_SYMTAB, kSymbols},
      {DT_SYMENT, sizeof(Elf64_Sym)}, {DT_HASH, kHash},           {DT_JMPREL, kRela},
      {DT_PLTREL, DT_RELA},           {DT_PLTRELSZ, rela.size()}};
  tags.insert(tags.end(), plugin.tags.begin(), plugin.tags.end());
  ElfBuilder builder(ET_DYN, plugin.machine);
  builder.load(kStrings, PF_R, strings).load(kSymbols, PF_R, symbols).load(kHash, PF_R, hash);
  if (rela.empty()) rela.assign(1, '\0');
  builder.load(kRela, PF_R, rela).load(kCode, PF_R | PF_X, plugin.code, 1);
  builder.load(kSlots, PF_R | PF_W, std::string(64, '\0')).dynamic(kDynamic, tags);
  return builder.build();
}

std::optional<Summary> summary_of(const std::string& bytes) {
  const Result<ElfImage> image = ElfImage::from_bytes(bytes, "x");
  EXPECT_TRUE(image.has_value());
  return image ? light_summary(*image) : std::nullopt;
}

TEST(LightSummary, IsOnlyForWhatEntersNoKernel) {
  using namespace std::literals;
  struct Case {
    const char* why;
    std::string code;
    bool light;
    std::uint16_t machine = EM_X86_64;
  };
  const Case cases[] = {
      {"nothing", "\x90\xc3", true},
      {"syscall", "\x90\x0f\x05\xc3", false},
      {"sysenter", "\x0f\x34", false},
      {"int 0x80 in the midst of another", "\xb8\xcd\x80", false},
      {"another interrupt", "\xcd\x03", true},
      {"its first byte", "\x0f", true},
      {"aarch64: ret", "\xc0\x03\x5f\xd6", true, EM_AARCH64},
      {"svc 0", "\x01\0\0\xd4"s, false, EM_AARCH64},
      {"svc of another number", "\xe1\xff\x1f\xd4", false, EM_AARCH64},
      {"at an odd place", "\0\x01\0\0\xd4"s, false, EM_AARCH64},
      {"brk", "\0\0\x20\xd4"s, true, EM_AARCH64},
      {"hvc", "\x02\0\0\xd4"s, true, EM_AARCH64},
      {"a machine that is not known", "\xc3", false, EM_RISCV},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Plugin plugin;
    plugin.code = c.code;
    plugin.machine = c.machine;
    EXPECT_EQ(summary_of(elf_of(plugin)).has_value(), c.light);
  }
  EXPECT_FALSE(summary_of(ElfBuilder().load(kCode, PF_R | PF_X, "\xc3").build()))
      << "not for what has no dynamic section";
  EXPECT_FALSE(summary_of(
      ElfBuilder().load(kStrings, PF_R, std::string(8, '\0')).dynamic(kDynamic, {}).build()))
      << "nor without code";
}

TEST(LightSummary, IsOnlyForWhoseImportsNeedNoArguments) {
  struct Case {
    const char* why;
    Plugin plugin;
    bool light;
  };
  const Case cases[] = {
      {"any function", {.symbols = {{"malloc"}}}, true},
      {"the number of a call", {.symbols = {{"syscall"}}}, false},
      {"what is loaded", {.symbols = {{"dlopen"}}}, false},
      {"what is looked up", {.symbols = {{"dlsym"}}}, false},
      {"glibc's own way to load", {.symbols = {{"__libc_dlopen_mode"}}}, false},
      {"what is executed", {.symbols = {{"execve"}}}, false},
      {"the same by another function", {.symbols = {{"fexecve"}}}, false},
      {"the same at once", {.symbols = {{"posix_spawnp"}}}, false},
      {"by a shell", {.symbols = {{"system"}}}, false},
      {"the same with a stream", {.symbols = {{"popen"}}}, false},
      {"where a thread begins", {.symbols = {{"pthread_create"}}}, false},
      {"where a child begins", {.symbols = {{"clone"}}}, false},
      {"which name service is asked", {.symbols = {{"__nss_lookup_function"}}}, false},
      {"a loader of plug-ins", {.symbols = {{"OSSL_PROVIDER_load"}}}, false},
      {"one of its own of such a name", {.symbols = {{"system", true}}}, true},
      {"the same, which another object may define before it",
       {.symbols = {{"system", true, STT_FUNC, STB_GLOBAL, true}}},
       false},
      {"nobody else can define what is local",
       {.symbols = {{"system", true, STT_FUNC, STB_LOCAL, true}}},
       true},
      {"a resolver says at run time what a symbol is",
       {.symbols = {{"choose", true, STT_GNU_IFUNC}}},
       false},
      {"others stand in for it", {.tags = {{DT_FILTER, 0}}}, false},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(summary_of(elf_of(c.plugin)).has_value(), c.light);
  }
}

TEST(LightSummary, HasAllImportsCalledByOneFunctionThatIsAlwaysLive) {
  const std::optional<Summary> summary =
      summary_of(elf_of(Plugin{.symbols = {{"read"},
                                           {"later", true},
                                           {"first", true},
                                           {"own", true, STT_FUNC, STB_GLOBAL, true},
                                           {"maybe", false, STT_NOTYPE, STB_WEAK},
                                           {"hidden", true, STT_FUNC, STB_LOCAL}}}));
  ASSERT_TRUE(summary.has_value());
  ASSERT_EQ(summary->functions.size(), 1u);
  const Function& all = summary->functions[0];
  EXPECT_EQ(all.start, kCode);
  EXPECT_EQ(all.end, kCode + 2);
  EXPECT_TRUE(all.calls_indirect) << "it may call what it is handed";
  std::vector<std::string> called;
  for (const Target& target : cut(summary->targets, all.targets)) {
    EXPECT_EQ(target.kind, Target::Kind::kImport);
    EXPECT_TRUE(target.taken) << "with any arguments";
    const Import& import = summary->imports[target.index];
    called.push_back(std::string(text_of(*summary, import.name)) + (import.weak ? " weak" : ""));
  }
  EXPECT_THAT(called, ElementsAre("read", "own", "maybe weak"));
  std::vector<std::string> exported;
  for (const Export& symbol : summary->exports) {
    EXPECT_EQ(symbol.target.index, 0u);
    exported.emplace_back(text_of(*summary, symbol.name));
  }
  EXPECT_THAT(exported, ElementsAre("first", "later", "own")) << "sorted";
  for (const auto& roots : {summary->always, summary->init, summary->fini}) {
    ASSERT_EQ(roots.size(), 1u);
    EXPECT_EQ(roots[0].index, 0u);
  }
}

TEST(LightSummary, KnowsWhereItsLibrariesAre) {
  const std::optional<Summary> summary =
      summary_of(sysnare::elf_of(FakeObject{.soname = "s.so",
                                            .needed = {"a.so", "b.so"},
                                            .runpath = "/run",
                                            .rpath = "/r",
                                            .interpreter = "/ld.so"}));
  ASSERT_TRUE(summary.has_value());
  const auto texts = [&](std::span<const std::uint32_t> some) {
    std::vector<std::string> all;
    for (const std::uint32_t each : some) all.emplace_back(text_of(*summary, each));
    return all;
  };
  EXPECT_EQ(text_of(*summary, summary->soname), "s.so");
  EXPECT_EQ(text_of(*summary, summary->interpreter), "/ld.so");
  EXPECT_THAT(texts(summary->needed), ElementsAre("a.so", "b.so"));
  EXPECT_THAT(texts(summary->runpath), ElementsAre("/run"));
  EXPECT_THAT(texts(summary->rpath), ElementsAre("/r"));
  EXPECT_EQ(summary->machine, EM_X86_64);
}

}  // namespace
}  // namespace sysnare
