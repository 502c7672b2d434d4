// What the analysis says of images that hold no code, or more of it than is looked at.

#include "scan/analyse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "elf/elf_builder.h"
#include "scan/flow.h"

namespace sysnare {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kCode = 0x1000;

std::string repeated(std::string_view what, std::size_t times) {
  std::string all;
  all.reserve(what.size() * times);
  for (std::size_t i = 0; i < times; ++i) all += what;
  return all;
}

TEST(AnalyseObject, SaysWhereItCannotFollowTheCode) {
  using namespace std::literals;
  struct Case {
    const char* why;
    std::string code;
    const char* trouble;  ///< null: none
  };
  const Case cases[] = {
      {"exit_group", "\xb8\xe7\0\0\0\x0f\x05\xf4"s, nullptr},
      {"zeros", std::string(64, '\0'), "where its code should be, the file has none"},
      {"no bytes", "", "where its code should be, the file has none"},
      {"what is no instruction", "\xb8\xe7\0\0\0\x06\x0f\x05"s,
       "the instruction at 0x1005 is none"},
      {"more branches than are followed", repeated("\x75\0"sv, kMaxFlowInsns + 1),
       "it has more than 524288 instructions"},
      {"more calls than are followed", repeated("\xe8\0\0\0\0"sv, kMaxFlowInsns + 1),
       "it has more than 524288 instructions"},
      {"a jump past what is followed",
       "\xe9\0\0\x40\0"s + std::string(kMaxFlowBytes, '\xcc') + "\xc3"s,
       "it has more than 524288 instructions"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    ElfBuilder builder(ET_EXEC);
    builder.load(kCode, PF_R | PF_X, c.code, 16).entry(kCode);
    const auto image = ElfImage::from_bytes(builder.build(), "x");
    ASSERT_TRUE(image.has_value());
    const auto summary = analyse_object(*image, nullptr);
    ASSERT_TRUE(summary.has_value()) << summary.error().message;
    std::string texts;
    for (const Trouble& trouble : summary->troubles) {
      EXPECT_NE(trouble.function, kNone);
      texts += std::string(summary->at(trouble.text)) + "\n";
    }
    if (c.trouble == nullptr) {
      EXPECT_EQ(texts, "");
    } else {
      EXPECT_THAT(texts, HasSubstr(c.trouble));
    }
  }
}

/// What the dynamic linker loads by these, nobody looks at (elf/dl-deps.c, elf/rtld.c, glibc 2.36).
TEST(AnalyseObject, SaysThatOthersStandInForItOrWatchIt) {
  struct Case {
    const char* why;
    std::uint64_t tag;
    const char* trouble;  ///< null: none
  };
  constexpr Case kCases[] = {
      {"nothing of the kind", DT_SONAME, nullptr},
      {"DT_FILTER", DT_FILTER, "it is a filter"},
      {"DT_AUXILIARY", DT_AUXILIARY, "it is a filter"},
      {"DT_AUDIT", DT_AUDIT, "it names an object that audits it"},
      {"DT_DEPAUDIT", DT_DEPAUDIT, "it names an object that audits it"},
  };
  constexpr std::uint64_t kStrings = 0x2000;
  constexpr std::uint64_t kDynamic = 0x3000;
  const std::string strings("\0other.so", 10);
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    ElfBuilder builder;
    builder.load(kCode, PF_R | PF_X, "\xc3", 16).load(kStrings, PF_R, strings);
    builder.dynamic(kDynamic, {{c.tag, 1}, {DT_STRTAB, kStrings}, {DT_STRSZ, strings.size()}});
    const auto image = ElfImage::from_bytes(builder.build(), "x");
    ASSERT_TRUE(image.has_value());
    const auto summary = analyse_object(*image, nullptr);
    ASSERT_TRUE(summary.has_value()) << summary.error().message;
    std::string texts;
    for (const Trouble& trouble : summary->troubles) texts += summary->at(trouble.text);
    if (c.trouble == nullptr) {
      EXPECT_EQ(texts, "");
    } else {
      EXPECT_THAT(texts, HasSubstr(c.trouble));
    }
  }
}

/// `_start` and, at kOther, a function that it reaches only by the distances in read-only data.
std::string image_with_distances(std::string code, const std::string& data) {
  constexpr std::uint64_t kSize = 0x40, kOther = kCode + kSize, kData = 0x2000, kSymbols = 0x4000;
  code.resize(kSize, '\xc3');
  code += "\xc3";
  Elf64_Sym symbol{};
  symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
  symbol.st_shndx = 1;
  std::string rows = bytes_of(Elf64_Sym{});
  for (const auto& [name, vaddr] : {std::pair(1u, kCode), std::pair(8u, kOther)}) {
    symbol.st_name = name;
    symbol.st_value = vaddr;
    symbol.st_size = 1;
    rows += bytes_of(symbol);
  }
  const std::string names("\0_start\0other\0", 14);
  return ElfBuilder(ET_DYN)
      .load(kCode, PF_R | PF_X, code)
      .load(kData, PF_R, data)
      .load(kSymbols, PF_R, rows)
      .load(kSymbols + 0x1000, PF_R, names)
      .entry(kCode)
      .section(".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, kCode, code.size())
      .section(".rodata", SHT_PROGBITS, SHF_ALLOC, kData, data.size())
      .section(".symtab", SHT_SYMTAB, 0, kSymbols, rows.size(), 4)
      .section(".strtab", SHT_STRTAB, 0, kSymbols + 0x1000, names.size())
      .build();
}

TEST(AnalyseObject, DistancesAreWhatIsReadAndAddedAsSuch) {
  using namespace std::literals;
  struct Case {
    const char* why;
    std::string code;
    std::string data;
    bool leads;
  };
  const std::string lea = "\x48\x8d\x0d\xf9\x0f\0\0"s;  // lea rcx,[0x2000]
  const std::string call = "\x48\x01\xc8\xff\xd0\xc3";  // add rax,rcx; call rax; ret
  const std::string table = "\x40\xf0\xff\xff\x40\xf0\xff\xff";
  const Case cases[] = {
      {"movslq rax,[rcx+rdi*4]", lea + "\x48\x63\x04\xb9" + call, table, true},
      {"mov eax,[rcx+rdi*4]: no distance has 32 bits of a sum", lea + "\x8b\x04\xb9" + call, table,
       false},
      {"movzx eax,word [rcx+rdi*2]; movslq rax,[rdx+rdi*4]: the table is another's",
       lea + "\x0f\xb7\x04\x79\x48\x63\x04\xba" + call, table, false},
      {"movslq rax,[0x2004]",
       "\x48\x63\x05\xfd\x0f\0\0"s + lea.substr(0, 3) + "\xf2\x0f\0\0"s + call, table, true},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const auto image = ElfImage::from_bytes(image_with_distances(c.code, c.data), "x");
    ASSERT_TRUE(image.has_value());
    const auto summary = analyse_object(*image, nullptr);
    ASSERT_TRUE(summary.has_value()) << summary.error().message;
    const std::uint32_t other = summary->function_at(0x1040);
    ASSERT_NE(other, kNone);
    const bool leads =
        std::any_of(summary->targets.begin(), summary->targets.end(), [&](const Target& target) {
          return target.kind == Target::Kind::kFunction && target.index == other;
        });
    EXPECT_EQ(leads, c.leads);
  }
}

TEST(AnalyseObject, RefusesAnImageOfWhichNothingIsLoaded) {
  const auto image = ElfImage::from_bytes(ElfBuilder(ET_EXEC).entry(kCode).build(), "x");
  ASSERT_TRUE(image.has_value());
  const auto summary = analyse_object(*image, nullptr);
  ASSERT_FALSE(summary.has_value());
  EXPECT_EQ(summary.error().message, "x: it has no segment to load: no program and no library");
}

}  // namespace
}  // namespace sysnare
