#include "elf/identity.h"

#include <elf.h>
#include <limits.h>

#include <algorithm>

namespace sysnare {
namespace {

/// Longest build-id taken: SHA-1 has 20 bytes, `ld --build-id=0x…` may give more.
constexpr std::size_t kMaxBuildId = 64;
/// Longest Go build id taken: four base64 hashes with slashes, 83 bytes.
constexpr std::size_t kMaxGoBuildId = 256;
/// Go's note type for the build id (cmd/internal/buildid, ELF_NOTE_GOBUILDID_TAG).
constexpr std::uint32_t kGoBuildIdNote = 4;

std::string hex_of(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

Result<std::string> interpreter_of(const ElfImage& image, const ElfImage::Segment& segment) {
  // The kernel's own bounds: fs/binfmt_elf.c load_elf_binary() gives ENOEXEC outside them.
  if (segment.file_size < 2 || segment.file_size > PATH_MAX) {
    return fail(Errc::kBadInput,
                "{}: offset {:#x}: interpreter name of {} bytes, allowed are 2 to {}", image.name(),
                segment.offset, segment.file_size, PATH_MAX);
  }
  Result<std::string> text = image.read(segment.offset, segment.file_size, "interpreter", PATH_MAX);
  if (!text) return text;
  if (text->back() != '\0') {
    return fail(Errc::kBadInput, "{}: offset {:#x}: interpreter name without closing NUL",
                image.name(), segment.offset);
  }
  return std::string(text->c_str());
}

}  // namespace

Result<ElfIdentity> elf_identity(const std::string& path) {
  Result<ElfImage> image = ElfImage::from_path(path);
  if (!image) return propagate(image);
  return elf_identity(*image);
}

Result<ElfIdentity> elf_identity(const ElfImage& image) {
  ElfIdentity identity;
  for (const ElfImage::Segment& segment : image.segments()) {
    if (segment.type == PT_LOAD && segment.file_size != 0 &&
        (segment.offset > image.size() || segment.file_size > image.size() - segment.offset)) {
      return fail(Errc::kBadInput,
                  "{}: offset {:#x}: loaded segment of {} bytes lies outside the file of {} bytes",
                  image.name(), segment.offset, segment.file_size, image.size());
    }
    if (segment.type == PT_INTERP) {
      Result<std::string> interpreter = interpreter_of(image, segment);
      if (!interpreter) return propagate(interpreter);
      identity.interpreter = std::move(*interpreter);
    }
  }
  Result<std::vector<ElfImage::Note>> notes = image.notes();
  if (!notes) return propagate(notes);
  std::string go_id;
  for (const ElfImage::Note& note : *notes) {
    if (note.owner == "GNU" && note.type == NT_GNU_BUILD_ID && identity.build_id.empty() &&
        note.bytes.size() <= kMaxBuildId) {
      identity.build_id = hex_of(note.bytes);
    }
    if (note.owner != "Go" || note.type != kGoBuildIdNote) continue;
    identity.is_go = true;
    const bool plain = std::all_of(note.bytes.begin(), note.bytes.end(),
                                   [](char c) { return c > ' ' && c < 0x7f; });
    if (plain && !note.bytes.empty() && note.bytes.size() <= kMaxGoBuildId) go_id = note.bytes;
  }
  if (identity.build_id.empty() && !go_id.empty()) identity.build_id = "go:" + go_id;
  // `-buildid=` and external linking leave no Go note.
  for (const char* name : {".gopclntab", ".data.rel.ro.gopclntab", ".go.buildinfo"}) {
    if (image.section(name) != nullptr) identity.is_go = true;
  }
  return identity;
}

}  // namespace sysnare
