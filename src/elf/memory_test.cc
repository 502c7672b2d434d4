#include "elf/memory.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "elf/elf_builder.h"

namespace sysnare {
namespace {

using ::testing::HasSubstr;

Result<ImageMemory> memory_of(const std::string& bytes) {
  Result<ElfImage> image = ElfImage::from_bytes(bytes, "x");
  if (!image) return propagate(image);
  return ImageMemory::load(*image);
}

TEST(ImageMemory, AnswersByAddress) {
  // Out of order on purpose.
  Result<ImageMemory> memory = memory_of(ElfBuilder()
                                             .load(0x3000, PF_R | PF_W, "tail", 8)
                                             .load(0x1000, PF_R | PF_X, {"\x01\x02\x03\0ab\0c", 8})
                                             .build());
  ASSERT_TRUE(memory) << memory.error().message;
  ASSERT_EQ(memory->segments().size(), 2u);
  EXPECT_EQ(memory->segments()[0].vaddr, 0x1000u);
  EXPECT_TRUE(memory->is_executable(0x1007));
  EXPECT_FALSE(memory->is_executable(0x1008)) << "one past the end";
  EXPECT_FALSE(memory->is_executable(0x3000));

  struct Word {
    const char* why;
    std::uint64_t vaddr;
    unsigned width;
    std::optional<std::uint64_t> value;
  };
  const Word words[] = {
      {"a byte", 0x1001, 1, 0x02},
      {"little-endian", 0x1000, 4, 0x00030201},
      {"the last bytes", 0x1006, 2, 0x6300},
      {"over the end of the segment", 0x1007, 2, std::nullopt},
      {"between segments", 0x2000, 1, std::nullopt},
      {"over the end of the bytes: zeros", 0x3002, 4, 0x6c69},
      {"zeros alone", 0x3004, 8, 0},
      {"over the end of the zeros", 0x3005, 8, std::nullopt},
      {"the last address", UINT64_MAX, 8, std::nullopt},
  };
  for (const Word& word : words) {
    SCOPED_TRACE(word.why);
    EXPECT_EQ(memory->word(word.vaddr, word.width), word.value);
  }

  struct Text {
    const char* why;
    std::uint64_t vaddr;
    std::size_t limit;
    std::optional<std::string_view> text;
  };
  const Text texts[] = {
      {"up to the NUL", 0x1004, 100, "ab"},
      {"as long as allowed", 0x1004, 2, "ab"},
      {"longer than allowed", 0x1004, 1, std::nullopt},
      {"no NUL before the end", 0x1007, 100, std::nullopt},
      {"the zeros behind end it", 0x3000, 100, "tail"},
      {"longer than allowed, ended by the zeros behind", 0x3000, 3, std::nullopt},
      {"among the zeros", 0x3006, 100, ""},
      {"outside", 0x4000, 100, std::nullopt},
  };
  for (const Text& text : texts) {
    SCOPED_TRACE(text.why);
    EXPECT_EQ(memory->text(text.vaddr, text.limit), text.text);
  }
  EXPECT_EQ(memory->from(0x1006).size(), 2u);
  EXPECT_TRUE(memory->from(0x3004).empty());
  EXPECT_EQ(memory->exactly(0x1000, 8).size(), 8u);
  EXPECT_TRUE(memory->exactly(0x1000, 9).empty());
  EXPECT_TRUE(memory->exactly(0x1001, UINT64_MAX).empty());
}

TEST(ImageMemory, RefusesSegmentsThatMakeNoSense) {
  struct Case {
    const char* why;
    Elf64_Phdr segments[2];
    const char* message;  ///< null: accepted
  };
  const auto load = [](std::uint64_t vaddr, std::uint64_t file, std::uint64_t memory,
                       std::uint64_t offset = 0) {
    return Elf64_Phdr{PT_LOAD, PF_R, offset, vaddr, 0, file, memory, 0};
  };
  const Case cases[] = {
      {"side by side", {load(0x1000, 16, 16), load(0x1010, 16, 16)}, nullptr},
      {"zeros of 4 GB cost nothing", {load(0x1000, 16, 1ull << 32), load(1, 0, 0)}, nullptr},
      {"of no size, anywhere", {load(0x1000, 16, 16), load(0x1008, 0, 0, 1u << 30)}, nullptr},
      {"of no bytes in the file, behind its end",
       {load(0x1000, 16, 16), load(0x2000, 0, 8, 1u << 30)},
       nullptr},
      {"one byte shared", {load(0x1000, 16, 17), load(0x1010, 16, 16)}, "overlaps"},
      {"wraps", {load(UINT64_MAX - 7, 8, 9), load(1, 0, 0)}, "offset 0x0: segment of 0x9 bytes"},
      {"ends at the last address", {load(UINT64_MAX - 8, 8, 8), load(1, 0, 0)}, nullptr},
      {"outside the file", {load(0x1000, 1u << 20, 1u << 20), load(1, 0, 0)}, "outside the file"},
      {"offset outside the file",
       {load(0x1000, 1, 1, UINT64_MAX), load(1, 0, 0)},
       "outside the file"},
      {"more bytes in the file than in memory",
       {load(0x1000, 16, 8), load(1, 0, 0)},
       "outside its memory"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    ElfBuilder builder;
    builder.load(0, 0, "").load(0, 0, "");
    std::string bytes = builder.build();
    std::memcpy(bytes.data() + sizeof(Elf64_Ehdr), c.segments, sizeof c.segments);
    Result<ImageMemory> memory = memory_of(bytes);
    EXPECT_EQ(memory.has_value(), c.message == nullptr);
    if (!memory && c.message != nullptr) {
      EXPECT_EQ(memory.error().code, Errc::kBadInput);
      EXPECT_THAT(memory.error().message, HasSubstr(c.message));
    }
  }
}

TEST(ImageMemory, ReadsNoByteOfTheFileThousandsOfTimes) {
  ElfBuilder builder;
  for (int i = 0; i < 1000; ++i) builder.load(0x1000 * i, PF_R, "");
  std::string bytes = builder.build();
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const Elf64_Phdr segment{PT_LOAD, PF_R, 0, 0x100000 * i, 0, bytes.size(), bytes.size(), 0};
    std::memcpy(bytes.data() + sizeof(Elf64_Ehdr) + i * sizeof segment, &segment, sizeof segment);
  }
  Result<ImageMemory> memory = memory_of(bytes);
  ASSERT_FALSE(memory);
  EXPECT_EQ(memory.error().code, Errc::kLimit);
}

TEST(ImageMemory, RefusesBigEndianWords) {
  std::string bytes = ElfBuilder().build();
  bytes[EI_DATA] = ELFDATA2MSB;
  Result<ImageMemory> memory = memory_of(bytes);
  ASSERT_FALSE(memory);
  EXPECT_EQ(memory.error().code, Errc::kUnsupported);
}

}  // namespace
}  // namespace sysnare
