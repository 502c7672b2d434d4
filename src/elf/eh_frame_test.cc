// Frames and LSDAs written byte by byte, as Linux Standard Base 5.0, 10.6 has them.

#include "elf/eh_frame.h"

#include <dwarf.h>
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "elf/elf_builder.h"

namespace sysnare {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint64_t kFrames = 0x20000;
constexpr std::uint64_t kLsda = 0x30000;
constexpr std::uint64_t kText = 0x1000;

std::string byte(unsigned value) { return std::string(1, static_cast<char>(value)); }
std::string half(std::uint64_t value) { return bytes_of(static_cast<std::uint32_t>(value)); }
std::string word(std::uint64_t value) { return bytes_of(value); }

/// A section .eh_frame in the making.
class Frames {
 public:
  /// A CIE with this augmentation and its data; returns where it stands.
  std::size_t common(const std::string& augmentation, const std::string& data) {
    std::string body = half(0) + byte(1) + augmentation + '\0';
    body += byte(1) + byte(0x78) + byte(16);
    if (augmentation.starts_with('z')) body += byte(static_cast<unsigned>(data.size()));
    return add(body + data);
  }
  void entry(std::size_t common_at, const std::string& pointers, const std::string& data) {
    const std::size_t id_at = bytes.size() + 4;
    std::string body = half(id_at - common_at) + pointers;
    if (!data.empty()) body += byte(static_cast<unsigned>(data.size())) + data;
    add(body);
  }
  /// A pointer relative to where it will stand: `behind` bytes of the next entry come before it.
  [[nodiscard]] std::string relative(std::uint64_t target, std::size_t behind) const {
    return half(target - (kFrames + bytes.size() + 8 + behind));
  }
  std::size_t add(std::string body) {
    const std::size_t at = bytes.size();
    while (body.size() % 4 != 0) body += '\0';
    bytes += half(body.size()) + body;
    return at;
  }
  std::string bytes;
};

struct Image {
  std::unique_ptr<ElfImage> image;
  ImageMemory memory;
  Dynamic dynamic;
};

Image image_of(const ElfBuilder& builder) {
  Result<ElfImage> image = ElfImage::from_bytes(builder.build(), "x");
  EXPECT_TRUE(image);
  Image made{std::make_unique<ElfImage>(std::move(*image)), {}, {}};
  Result<ImageMemory> memory = ImageMemory::load(*made.image);
  EXPECT_TRUE(memory) << memory.error().message;
  made.memory = std::move(*memory);
  Result<Dynamic> dynamic = read_dynamic(*made.image, made.memory);
  EXPECT_TRUE(dynamic) << dynamic.error().message;
  made.dynamic = std::move(*dynamic);
  return made;
}

std::vector<FrameEntry> entries_of(const Image& image) {
  Result<std::vector<FrameEntry>> entries =
      read_frame_entries(*image.image, image.memory, image.dynamic);
  EXPECT_TRUE(entries);
  return entries ? *entries : std::vector<FrameEntry>();
}

std::vector<FrameEntry> entries_of(const std::string& frames) {
  return entries_of(
      image_of(ElfBuilder(ET_EXEC)
                   .load(kText, PF_R | PF_X, std::string(0x1000, '\x90'))
                   .load(kFrames, PF_R, frames)
                   .section(".eh_frame", SHT_PROGBITS, SHF_ALLOC, kFrames, frames.size())));
}

TEST(FrameEntries, AreReadInEveryEncoding) {
  struct Case {
    const char* why;
    unsigned encoding;
    std::string pointers;  ///< 0x1100 and a size of 0x40
  };
  const Case cases[] = {
      {"absolute", DW_EH_PE_absptr, word(0x1100) + word(0x40)},
      {"2 bytes", DW_EH_PE_udata2, std::string("\x00\x11\x40\x00", 4)},
      {"2 bytes, signed", DW_EH_PE_sdata2, std::string("\x00\x11\x40\x00", 4)},
      {"4 bytes", DW_EH_PE_udata4, half(0x1100) + half(0x40)},
      {"4 bytes, signed", DW_EH_PE_sdata4, half(0x1100) + half(0x40)},
      {"8 bytes", DW_EH_PE_udata8, word(0x1100) + word(0x40)},
      {"8 bytes, signed", DW_EH_PE_sdata8, word(0x1100) + word(0x40)},
      {"LEB128", DW_EH_PE_uleb128, std::string("\x80\x22\x40", 3)},
      {"LEB128, signed", DW_EH_PE_sleb128, std::string("\x80\x22\xc0\x00", 4)},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Frames frames;
    const std::size_t common = frames.common("zR", byte(c.encoding));
    frames.entry(common, c.pointers, {});
    const auto entries = entries_of(frames.bytes);
    ASSERT_EQ(entries.size(), 1u);
    EXPECT_EQ(entries[0].start, 0x1100u);
    EXPECT_EQ(entries[0].size, 0x40u);
    EXPECT_EQ(entries[0].lsda, 0u);
    EXPECT_EQ(entries[0].personality, 0u);
  }
}

TEST(FrameEntries, HaveTheRoutineAndTheLsda) {
  // As gcc writes it for position-independent C++: "zPLR", a slot relative to here.
  Frames frames;
  const std::size_t personality_at = 4 + 4 + 1 + 5 + 3 + 1 + 1;  // of the CIE, behind its encoding
  const std::size_t common = frames.common(
      "zPLR", byte(DW_EH_PE_indirect | DW_EH_PE_pcrel | DW_EH_PE_sdata4) +
                  half(0x40000 - (kFrames + personality_at)) +
                  byte(DW_EH_PE_pcrel | DW_EH_PE_sdata4) + byte(DW_EH_PE_pcrel | DW_EH_PE_sdata4));
  frames.entry(common, frames.relative(0x1200, 0) + half(0x20), frames.relative(kLsda, 4 + 4 + 1));
  frames.entry(common, frames.relative(0x1100, 0) + half(0x20), half(0));
  // A second CIE, whose entries have neither; and an entry of what was left out by the linker.
  const std::size_t plain = frames.common("zR", byte(DW_EH_PE_udata4));
  frames.entry(plain, half(0x1000) + half(0x20), {});
  frames.entry(plain, half(0) + half(0x20), {});
  // Unknown augmentations are passed over, and so are entries that name no CIE.
  const std::size_t unknown = frames.common("zX", byte(0));
  frames.entry(unknown, half(0x1300) + half(0x20), {});
  frames.entry(2, half(0x1300) + half(0x20), {});
  frames.bytes += half(0);  // objects joined in an odd order have such an end in the middle
  frames.entry(plain, half(0x1400) + half(0x20), {});

  const auto entries = entries_of(frames.bytes);
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries[0].start, 0x1000u);
  EXPECT_EQ(entries[0].personality, 0u);
  EXPECT_EQ(entries[1].start, 0x1100u);
  EXPECT_EQ(entries[1].lsda, 0u);
  EXPECT_EQ(entries[2].start, 0x1200u);
  EXPECT_EQ(entries[2].lsda, kLsda);
  EXPECT_EQ(entries[2].personality, 0x40000u);
  EXPECT_TRUE(entries[2].personality_indirect);
  EXPECT_EQ(entries[3].start, 0x1400u);
}

TEST(FrameEntries, AreFoundWithoutSections) {
  Frames frames;
  const std::size_t common = frames.common("zR", byte(DW_EH_PE_udata4));
  frames.entry(common, half(0x1100) + half(0x40), {});
  frames.bytes += half(0);
  frames.entry(common, half(0x1200) + half(0x40), {});  // behind the end
  const std::string header =
      std::string("\x01\x1b\xff\xff", 4) + half(kFrames - (0x50000 + 4));  // pcrel | sdata4
  const auto entries =
      entries_of(image_of(ElfBuilder()
                              .load(kText, PF_R | PF_X, std::string(0x1000, '\x90'))
                              .load(kFrames, PF_R, frames.bytes)
                              .load(0x50000, PF_R, header)
                              .segment(PT_GNU_EH_FRAME, 0x50000, PF_R, header)));
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].start, 0x1100u);
}

TEST(FrameEntries, AbsolutePointersAreRelocated) {
  Frames frames;
  const std::size_t common = frames.common("zR", byte(DW_EH_PE_absptr));
  const std::uint64_t where = kFrames + frames.bytes.size() + 8;
  frames.entry(common, word(0) + word(0x40), {});
  const std::string rela = bytes_of(Elf64_Rela{where, R_X86_64_RELATIVE, 0x1180});
  const auto entries = entries_of(
      image_of(ElfBuilder()
                   .load(kFrames, PF_R, frames.bytes)
                   .load(0x60000, PF_R, rela)
                   .dynamic(0x70000, {{DT_RELA, 0x60000}, {DT_RELASZ, rela.size()}})
                   .section(".eh_frame", SHT_PROGBITS, SHF_ALLOC, kFrames, frames.bytes.size())));
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].start, 0x1180u);
}

TEST(FrameEntries, StopAtDamage) {
  Frames good;
  const std::size_t common = good.common("zR", byte(DW_EH_PE_udata4));
  good.entry(common, half(0x1100) + half(0x40), {});
  const std::size_t end = good.bytes.size();
  good.entry(common, half(0x1200) + half(0x40), {});
  for (const std::uint32_t length : {1u, 3u, 0x1000u, 0xfffffff0u, 0xffffffffu}) {
    SCOPED_TRACE(length);
    std::string bytes = good.bytes;
    bytes.replace(end, 4, half(length));
    EXPECT_EQ(entries_of(bytes).size(), 1u);
  }
  for (std::size_t size = 0; size < good.bytes.size(); ++size) {
    EXPECT_LE(entries_of(good.bytes.substr(0, size)).size(), 1u);
  }
}

TEST(LandingPads, AreReadFromEveryKindOfLsda) {
  struct Case {
    const char* why;
    std::string lsda;
    std::vector<std::uint64_t> pads;
  };
  // Call sites: begin, length, pad, action.
  const std::string leb = std::string("\x00\x04\x30\x01", 4) + std::string("\x08\x04\x00\x00", 4) +
                          std::string("\x10\x04\x80\x02\x00", 5);
  const std::string wide = half(0) + half(4) + half(0x30) + byte(1);
  const std::string types = std::string("\x9b\x7f", 2);  // an encoding, and where they stand
  const std::vector<std::uint64_t> none;
  const Case cases[] = {
      {"LEB128, pads from the function",
       byte(0xff) + types + byte(1) + byte(13) + leb,
       {0x1130, 0x1200}},
      {"no types", byte(0xff) + byte(0xff) + byte(1) + byte(13) + leb, {0x1130, 0x1200}},
      {"4 bytes each", byte(0xff) + types + byte(3) + byte(13) + wide, {0x1130}},
      {"pads from an address (a cold part)",
       byte(0x03) + half(0x2000) + types + byte(1) + byte(13) + leb,
       {0x2030, 0x2100}},
      {"pads from 0: they are addresses",
       byte(0x00) + word(0) + types + byte(3) + byte(13) + half(0) + half(4) + half(0x1130) +
           byte(0),
       {0x1130}},
      {"cut short", byte(0xff) + types + byte(1) + byte(13) + leb.substr(0, 6), {0x1130}},
      {"an encoding that is none", byte(0xff) + types + byte(0x07) + byte(13) + leb, none},
      {"longer than the image",
       byte(0xff) + types + byte(1) + std::string("\xff\xff\xff\x7f", 4) + leb,
       {0x1130, 0x1200}},
      {"empty", {}, none},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const Image image = image_of(ElfBuilder(ET_EXEC).load(kLsda, PF_R, c.lsda));
    FrameEntry entry;
    entry.start = 0x1100;
    entry.lsda = kLsda;
    std::vector<std::uint64_t> pads;
    std::size_t budget = 100;
    ASSERT_TRUE(add_landing_pads(*image.image, image.memory, entry, budget, pads));
    EXPECT_EQ(pads, c.pads);
    EXPECT_LT(budget + pads.size(), 101u);
    if (pads.empty()) continue;
    budget = 0;
    Result<void> refused = add_landing_pads(*image.image, image.memory, entry, budget, pads);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::kLimit);
  }
}

}  // namespace
}  // namespace sysnare
