// What the analysis says of images that hold no code, or more of it than is looked at.

#include "scan/analyse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST(AnalyseObject, RefusesAnImageOfWhichNothingIsLoaded) {
  const auto image = ElfImage::from_bytes(ElfBuilder(ET_EXEC).entry(kCode).build(), "x");
  ASSERT_TRUE(image.has_value());
  const auto summary = analyse_object(*image, nullptr);
  ASSERT_FALSE(summary.has_value());
  EXPECT_EQ(summary.error().message, "x: it has no segment to load: no program and no library");
}

}  // namespace
}  // namespace sysnare
