// What was inlined where, as Go's table says it.

#include "elf/go_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "elf/go_builder.h"
#include "elf/memory.h"

namespace sysnare {
namespace {

using ::testing::ElementsAre;

TEST(GoTable, NamesWhatWasInlinedFromTheInnermostOn) {
  const std::string bytes = GoBuilder::program({
      {"main.main",
       std::string(40, '\x90'),
       {{"os.Open", 4}, {"syscall.Open", 12}},
       {{8, -1}, {8, 0}, {8, 1}, {16, -1}}},
      {"main.plain", std::string(8, '\x90')},
      {"main.endless", std::string(8, '\x90'), {{"a.f", 4}, {"a.g", 0}}, {{4, 0}, {4, 1}}},
  });
  const Result<ElfImage> image = ElfImage::from_bytes(bytes, "x");
  ASSERT_TRUE(image.has_value());
  const Result<ImageMemory> memory = ImageMemory::load(*image);
  ASSERT_TRUE(memory.has_value());
  const auto table = GoTable::load(
      *image,
      [&](std::uint64_t vaddr, std::size_t length) {
        const auto found = memory->exactly(vaddr, length);
        return std::string(found.begin(), found.end());
      },
      0);
  ASSERT_TRUE(table.has_value());
  struct Case {
    const char* why;
    std::uint64_t at;
    std::vector<std::string> names;
  };
  const Case cases[] = {
      {"its own", 0, {"main.main"}},
      {"inlined", 8, {"os.Open", "main.main"}},
      {"to the last byte", 15, {"os.Open", "main.main"}},
      {"inlined into what was inlined", 16, {"syscall.Open", "os.Open", "main.main"}},
      {"its own again", 24, {"main.main"}},
      {"nothing was inlined", 40, {"main.plain"}},
  };
  const auto names = [&](std::uint64_t at, std::size_t most) {
    const std::uint64_t vaddr = GoBuilder::kText + at;
    const auto function = table->find(vaddr);
    return function ? table->names(*function, vaddr, most) : std::vector<std::string>();
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(names(c.at, SIZE_MAX), c.names);
    EXPECT_THAT(names(c.at, 1), ElementsAre(c.names.front())) << "each more costs a walk";
  }
  EXPECT_EQ(names(48, SIZE_MAX).size(), 65u) << "calls in a circle end some time";
  EXPECT_THAT(names(48, 1), ElementsAre("a.f"));
}

}  // namespace
}  // namespace sysnare
