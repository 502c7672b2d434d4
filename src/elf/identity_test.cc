#include "elf/identity.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <random>

#include "base/file.h"

namespace sysnare {
namespace {

using ::testing::HasSubstr;

/// A small program image: interpreter, a note segment, one section table with ".gopclntab".
struct Small {
  Elf64_Ehdr header{};
  Elf64_Phdr segments[3]{};
  char interpreter[16] = "/lib/ld.so";
  struct {
    Elf64_Nhdr header{4, 4, NT_GNU_BUILD_ID};
    char owner[4] = "GNU";
    unsigned char id[4] = {0xde, 0xad, 0xbe, 0xef};
    Elf64_Nhdr go_header{4, 8, 4};
    char go_owner[4] = "Go\0";
    char go_id[8] = {'a', '/', 'b', '/', 'c', '/', 'd', 'e'};
  } notes;
  char names[24] = "\0.gopclntab\0.shstrtab";
  Elf64_Shdr sections[3]{};

  Small() {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_machine = EM_X86_64;
    header.e_phoff = offsetof(Small, segments);
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 3;
    header.e_shoff = offsetof(Small, sections);
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = 3;
    header.e_shstrndx = 2;
    segments[0] = {PT_LOAD, PF_R | PF_X, 0, 0x400000, 0, sizeof(Small), sizeof(Small), 4096};
    segments[1] = {PT_INTERP, PF_R, offsetof(Small, interpreter), 0, 0, sizeof "/lib/ld.so", 0, 1};
    segments[2] = {PT_NOTE, PF_R, offsetof(Small, notes), 0, 0, sizeof notes, 0, 4};
    sections[1].sh_name = 1;
    sections[1].sh_type = SHT_PROGBITS;
    sections[2].sh_name = 12;
    sections[2].sh_type = SHT_STRTAB;
    sections[2].sh_offset = offsetof(Small, names);
    sections[2].sh_size = sizeof names;
  }
  [[nodiscard]] std::string bytes() const {
    return {reinterpret_cast<const char*>(this), sizeof *this};
  }
};

Result<ElfIdentity> identity_of(const std::string& bytes) {
  Result<ElfImage> image = ElfImage::from_bytes(bytes, "x");
  if (!image) return propagate(image);
  return elf_identity(*image);
}

TEST(ElfIdentity, ReadsBuildIdInterpreterAndGo) {
  Small small;
  Result<ElfIdentity> identity = identity_of(small.bytes());
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(identity->build_id, "deadbeef");
  EXPECT_EQ(identity->interpreter, "/lib/ld.so");
  EXPECT_TRUE(identity->is_go);

  small.notes.owner[0] = 'X';
  identity = identity_of(small.bytes());
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->build_id, "go:a/b/c/de") << "Go's own id stands in where there is no GNU one";
}

TEST(ElfIdentity, OfThisProgramHasAnInterpreter) {
  Result<ElfIdentity> identity = elf_identity("/proc/self/exe");
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_THAT(identity->interpreter, HasSubstr("ld-"));
  EXPECT_FALSE(identity->is_go);
}

TEST(ElfIdentity, SaysWhatIsWrongAndWhere) {
  struct Case {
    const char* why;
    void (*damage)(Small&);
    const char* message;
  };
  constexpr Case kCases[] = {
      {"no magic", [](Small& s) { s.header.e_ident[1] = 'F'; }, "offset 0x0: no ELF image"},
      {"class", [](Small& s) { s.header.e_ident[EI_CLASS] = 7; }, "offset 0x4: ELF class 7"},
      {"byte order", [](Small& s) { s.header.e_ident[EI_DATA] = 0; }, "offset 0x5: ELF byte order"},
      {"program headers outside", [](Small& s) { s.header.e_phoff = UINT64_MAX - 8; },
       "program headers of 168 bytes lie outside"},
      {"program header size", [](Small& s) { s.header.e_phentsize = 1; },
       "program headers of 1 bytes"},
      {"segment outside", [](Small& s) { s.segments[0].p_filesz = UINT64_MAX; }, "loaded segment"},
      {"segment offset wraps", [](Small& s) { s.segments[0].p_offset = UINT64_MAX; },
       "loaded segment"},
      {"interpreter not closed", [](Small& s) { s.segments[1].p_filesz = 4; }, "closing NUL"},
      {"interpreter too long", [](Small& s) { s.segments[1].p_filesz = 5000; }, "2 to 4096"},
      {"notes outside", [](Small& s) { s.segments[2].p_offset = 1u << 30; }, "notes of"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    Small small;
    c.damage(small);
    Result<ElfIdentity> identity = identity_of(small.bytes());
    ASSERT_FALSE(identity);
    EXPECT_EQ(identity.error().code, Errc::kBadInput);
    EXPECT_THAT(identity.error().message, HasSubstr(c.message));
    EXPECT_TRUE(identity.error().message.starts_with("x: offset 0x"));
  }
}

TEST(ElfIdentity, DoesWithoutASectionTableThatMakesNoSense) {
  struct Case {
    const char* why;
    void (*damage)(Small&);
  };
  constexpr Case kCases[] = {
      {"outside", [](Small& s) { s.header.e_shoff = UINT64_MAX; }},
      {"extended count absurd",
       [](Small& s) {
         s.header.e_shnum = 0;
         s.sections[0].sh_size = UINT64_MAX;
       }},
      {"names outside", [](Small& s) { s.sections[2].sh_offset = UINT64_MAX; }},
      {"name index outside", [](Small& s) { s.header.e_shstrndx = 77; }},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    Small small;
    c.damage(small);
    Result<ElfIdentity> identity = identity_of(small.bytes());
    ASSERT_TRUE(identity) << identity.error().message;
    EXPECT_EQ(identity->build_id, "deadbeef");
  }
}

TEST(ElfIdentity, SurvivesEveryCutAndRandomDamage) {
  const std::string whole = Small().bytes();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(identity_of(whole.substr(0, length)));
  }
  std::minstd_rand random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = whole;
    for (int i = 0; i < 4; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    const Result<ElfIdentity> identity = identity_of(bytes);
    EXPECT_TRUE(identity || !identity.error().message.empty());
  }
}

TEST(ElfIdentity, RefusesWhatIsNoFile) {
  EXPECT_EQ(elf_identity("/nonexistent").error().code, Errc::kNotFound);
  EXPECT_EQ(elf_identity("/tmp").error().code, Errc::kBadInput);
  EXPECT_EQ(elf_identity("/dev/zero").error().code, Errc::kBadInput);
  const std::string fifo = "/tmp/sysnare-fifo-" + std::to_string(::getpid());
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(elf_identity(fifo).error().code, Errc::kBadInput) << "and does not wait for a writer";
  ::unlink(fifo.c_str());
}

}  // namespace
}  // namespace sysnare
