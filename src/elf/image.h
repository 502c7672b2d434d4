#pragma once
// What is in this ELF image? Headers, segments, sections, notes, and bytes at an offset.
//
// Source: System V gABI chapters 4 and 5 (ELF header, program headers, sections, notes).
// Every image is hostile: offsets and sizes are checked against the file before anything is read,
// with pread, since a file that shrinks under a mapping of ours would kill us with SIGBUS.
// A section table that makes no sense is dropped (the kernel never reads it, and neither do
// runnable programs need one); program headers that make none are an error. Not modelled:
// relocations.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace sysnare {

/// Most sections that are read: the linker's own limit without extended numbering is 65,279.
inline constexpr std::uint64_t kMaxElfSections = 1u << 18;
/// Most notes that are read, of all segments together: real ones are below 1 KB.
inline constexpr std::uint64_t kMaxNoteBytes = 1u << 20;

class ElfImage {
 public:
  struct Segment {
    std::uint32_t type = 0;   ///< PT_*
    std::uint32_t flags = 0;  ///< PF_*
    std::uint64_t offset = 0;
    std::uint64_t vaddr = 0;
    std::uint64_t file_size = 0;
    std::uint64_t memory_size = 0;
    std::uint64_t align = 0;
  };
  struct Section {
    std::string name;
    std::uint32_t type = 0;  ///< SHT_*
    std::uint64_t flags = 0;
    std::uint64_t vaddr = 0;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::uint32_t link = 0;
  };
  struct Note {
    std::string owner;  ///< without the closing NUL
    std::uint32_t type = 0;
    std::string bytes;
  };

  /// `name` stands in messages. Errors: kBadInput naming file and offset; kSystem when reading
  /// fails.
  static Result<ElfImage> from_fd(Fd file, std::string name);
  /// Errors: as open(2); kBadInput for what is no regular file.
  static Result<ElfImage> from_path(const std::string& path);
  /// An image that stands in memory as it does in its file (the vdso).
  static Result<ElfImage> from_bytes(std::string bytes, std::string name);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] bool is_64() const { return is_64_; }
  [[nodiscard]] bool is_big_endian() const { return big_endian_; }
  [[nodiscard]] std::uint16_t machine() const { return machine_; }  ///< EM_*
  [[nodiscard]] std::uint16_t type() const { return type_; }        ///< ET_*
  [[nodiscard]] std::uint64_t entry() const { return entry_; }      ///< link-time address; 0: none
  [[nodiscard]] std::span<const Segment> segments() const { return segments_; }
  [[nodiscard]] std::span<const Section> sections() const { return sections_; }
  /// The first section of that name, or null.
  [[nodiscard]] const Section* section(std::string_view name) const;
  /// The descriptor behind the image; -1 for from_bytes.
  [[nodiscard]] int fd() const { return file_.get(); }
  /// The bytes of a from_bytes image.
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

  /// `length` bytes at `offset`; `what` stands in messages ("program headers").
  /// Errors: kBadInput when they do not lie inside the file, kLimit past `limit`.
  [[nodiscard]] Result<std::string> read(std::uint64_t offset, std::uint64_t length,
                                         std::string_view what, std::uint64_t limit) const;
  /// The same into `to`, all of it: for what is too large to be copied once more.
  Result<void> read_into(std::uint64_t offset, std::span<std::uint8_t> to,
                         std::string_view what) const;
  /// The notes of all PT_NOTE segments; a note that overruns its segment ends the list.
  [[nodiscard]] Result<std::vector<Note>> notes() const;
  /// Where the byte at a file offset is loaded, and the reverse; by PT_LOAD. Whole pages are
  /// loaded, so one byte can stand in two segments: that with all of `flags` (PF_*) is asked for.
  [[nodiscard]] std::optional<std::uint64_t> vaddr_of_offset(std::uint64_t offset,
                                                             std::uint32_t flags = 0) const;
  [[nodiscard]] std::optional<std::uint64_t> offset_of_vaddr(std::uint64_t vaddr) const;
  [[nodiscard]] bool is_executable(std::uint64_t vaddr) const;

  /// An integer of 1, 2, 4 or 8 bytes in the image's byte order. Precondition: it lies in `bytes`.
  [[nodiscard]] std::uint64_t integer(std::string_view bytes, std::size_t offset,
                                      unsigned width) const;

 private:
  Result<void> parse();
  Result<void> parse_segments(std::string_view header);
  Result<void> parse_sections(std::string_view header);

  std::string name_;
  Fd file_;
  std::string bytes_;
  std::uint64_t size_ = 0;
  bool is_64_ = true;
  bool big_endian_ = false;
  std::uint16_t machine_ = 0;
  std::uint16_t type_ = 0;
  std::uint64_t entry_ = 0;
  std::vector<Segment> segments_;
  std::vector<Section> sections_;
};

}  // namespace sysnare
