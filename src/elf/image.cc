#include "elf/image.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace sysnare {
namespace {

/// Largest table of section headers or names; kMaxElfSections headers of 64 bytes.
constexpr std::uint64_t kMaxTableBytes = kMaxElfSections * sizeof(Elf64_Shdr);
/// Largest program header table: e_phnum has 16 bits, and the kernel reads no extended number.
constexpr std::uint64_t kMaxSegmentBytes = 0xffff * sizeof(Elf64_Phdr);

/// The text up to the first NUL at `offset`; empty outside `table`.
std::string_view text_at(std::string_view table, std::uint64_t offset) {
  if (offset >= table.size()) return {};
  const std::string_view rest = table.substr(offset);
  return rest.substr(0, rest.find('\0'));
}

}  // namespace

Result<ElfImage> ElfImage::from_fd(Fd file, std::string name) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail_errno(errno, "{}: cannot stat", name);
  if (!S_ISREG(status.st_mode)) {
    return fail(Errc::kBadInput, "{}: not a regular file, so no ELF image", name);
  }
  ElfImage image;
  image.name_ = std::move(name);
  image.file_ = std::move(file);
  image.size_ = static_cast<std::uint64_t>(status.st_size);
  if (Result<void> parsed = image.parse(); !parsed) return propagate(parsed);
  return image;
}

Result<ElfImage> ElfImage::from_path(const std::string& path) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer; fstat refuses it then.
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file) return fail_errno(errno, "cannot open {}", path);
  return from_fd(std::move(file), path);
}

Result<ElfImage> ElfImage::from_bytes(std::string bytes, std::string name) {
  ElfImage image;
  image.name_ = std::move(name);
  image.bytes_ = std::move(bytes);
  image.size_ = image.bytes_.size();
  if (Result<void> parsed = image.parse(); !parsed) return propagate(parsed);
  return image;
}

Result<std::string> ElfImage::read(std::uint64_t offset, std::uint64_t length,
                                   std::string_view what, std::uint64_t limit) const {
  // Written so that neither side can wrap.
  if (offset > size_ || length > size_ - offset) {
    return fail(Errc::kBadInput,
                "{}: offset {:#x}: {} of {} bytes lie outside the file of {} bytes", name_, offset,
                what, length, size_);
  }
  if (length > limit) {
    return fail(Errc::kLimit, "{}: offset {:#x}: {} of {} bytes, at most {} are read", name_,
                offset, what, length, limit);
  }
  std::string text(length, '\0');
  Result<void> done =
      read_into(offset, {reinterpret_cast<std::uint8_t*>(text.data()), text.size()}, what);
  if (!done) return propagate(done);
  return text;
}

Result<void> ElfImage::read_into(std::uint64_t offset, std::span<std::uint8_t> to,
                                 std::string_view what) const {
  if (offset > size_ || to.size() > size_ - offset) {
    return fail(Errc::kBadInput,
                "{}: offset {:#x}: {} of {} bytes lie outside the file of {} bytes", name_, offset,
                what, to.size(), size_);
  }
  if (!file_) {
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), to.size(), to.begin());
    return {};
  }
  std::size_t done = 0;
  while (done < to.size()) {
    const ssize_t got =
        ::pread(file_.get(), to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "{}: offset {:#x}: cannot read", name_, offset + done);
    if (got == 0) {
      return fail(Errc::kBadInput, "{}: offset {:#x}: the file ended while it was read", name_,
                  offset + done);
    }
    done += static_cast<std::size_t>(got);
  }
  return {};
}

std::uint64_t ElfImage::integer(std::string_view bytes, std::size_t offset, unsigned width) const {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < width; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[offset + i]);
    value |= static_cast<std::uint64_t>(byte) << 8 * (big_endian_ ? width - 1 - i : i);
  }
  return value;
}

Result<void> ElfImage::parse() {
  Result<std::string> ident =
      read(0, std::min<std::uint64_t>(size_, EI_NIDENT), "header", EI_NIDENT);
  if (!ident) return propagate(ident);
  if (ident->size() < EI_NIDENT || !ident->starts_with(ELFMAG)) {
    return fail(Errc::kBadInput, "{}: offset 0x0: no ELF image (the first bytes are not \\x7fELF)",
                name_);
  }
  const int elf_class = (*ident)[EI_CLASS];
  const int data = (*ident)[EI_DATA];
  if (elf_class != ELFCLASS32 && elf_class != ELFCLASS64) {
    return fail(Errc::kBadInput, "{}: offset 0x4: ELF class {}, allowed are 1 and 2", name_,
                elf_class);
  }
  if (data != ELFDATA2LSB && data != ELFDATA2MSB) {
    return fail(Errc::kBadInput, "{}: offset 0x5: ELF byte order {}, allowed are 1 and 2", name_,
                data);
  }
  is_64_ = elf_class == ELFCLASS64;
  big_endian_ = data == ELFDATA2MSB;
  const std::uint64_t header_size = is_64_ ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
  Result<std::string> header = read(0, header_size, "header", header_size);
  if (!header) return propagate(header);
  machine_ = static_cast<std::uint16_t>(integer(*header, offsetof(Elf64_Ehdr, e_machine), 2));
  type_ = static_cast<std::uint16_t>(integer(*header, offsetof(Elf64_Ehdr, e_type), 2));
  entry_ = integer(*header, offsetof(Elf64_Ehdr, e_entry), is_64_ ? 8 : 4);
  if (Result<void> parsed = parse_segments(*header); !parsed) return propagate(parsed);
  if (Result<void> parsed = parse_sections(*header); !parsed) sections_.clear();
  return {};
}

Result<void> ElfImage::parse_segments(std::string_view header) {
  const std::uint64_t offset = is_64_ ? integer(header, offsetof(Elf64_Ehdr, e_phoff), 8)
                                      : integer(header, offsetof(Elf32_Ehdr, e_phoff), 4);
  const std::uint64_t entry = integer(
      header, is_64_ ? offsetof(Elf64_Ehdr, e_phentsize) : offsetof(Elf32_Ehdr, e_phentsize), 2);
  const std::uint64_t count =
      integer(header, is_64_ ? offsetof(Elf64_Ehdr, e_phnum) : offsetof(Elf32_Ehdr, e_phnum), 2);
  if (count == 0) return {};
  const std::uint64_t wanted = is_64_ ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
  if (entry != wanted) {
    return fail(Errc::kBadInput, "{}: offset {:#x}: program headers of {} bytes, allowed are {}",
                name_,
                is_64_ ? offsetof(Elf64_Ehdr, e_phentsize) : offsetof(Elf32_Ehdr, e_phentsize),
                entry, wanted);
  }
  Result<std::string> table = read(offset, count * entry, "program headers", kMaxSegmentBytes);
  if (!table) return propagate(table);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view row = std::string_view(*table).substr(i * entry, entry);
    Segment segment;
    segment.type = static_cast<std::uint32_t>(integer(row, 0, 4));
    if (is_64_) {
      segment.flags = static_cast<std::uint32_t>(integer(row, offsetof(Elf64_Phdr, p_flags), 4));
      segment.offset = integer(row, offsetof(Elf64_Phdr, p_offset), 8);
      segment.vaddr = integer(row, offsetof(Elf64_Phdr, p_vaddr), 8);
      segment.file_size = integer(row, offsetof(Elf64_Phdr, p_filesz), 8);
      segment.memory_size = integer(row, offsetof(Elf64_Phdr, p_memsz), 8);
      segment.align = integer(row, offsetof(Elf64_Phdr, p_align), 8);
    } else {
      segment.flags = static_cast<std::uint32_t>(integer(row, offsetof(Elf32_Phdr, p_flags), 4));
      segment.offset = integer(row, offsetof(Elf32_Phdr, p_offset), 4);
      segment.vaddr = integer(row, offsetof(Elf32_Phdr, p_vaddr), 4);
      segment.file_size = integer(row, offsetof(Elf32_Phdr, p_filesz), 4);
      segment.memory_size = integer(row, offsetof(Elf32_Phdr, p_memsz), 4);
      segment.align = integer(row, offsetof(Elf32_Phdr, p_align), 4);
    }
    segments_.push_back(segment);
  }
  return {};
}

Result<void> ElfImage::parse_sections(std::string_view header) {
  const std::uint64_t offset = is_64_ ? integer(header, offsetof(Elf64_Ehdr, e_shoff), 8)
                                      : integer(header, offsetof(Elf32_Ehdr, e_shoff), 4);
  const std::uint64_t entry = integer(
      header, is_64_ ? offsetof(Elf64_Ehdr, e_shentsize) : offsetof(Elf32_Ehdr, e_shentsize), 2);
  std::uint64_t count =
      integer(header, is_64_ ? offsetof(Elf64_Ehdr, e_shnum) : offsetof(Elf32_Ehdr, e_shnum), 2);
  std::uint64_t names = integer(
      header, is_64_ ? offsetof(Elf64_Ehdr, e_shstrndx) : offsetof(Elf32_Ehdr, e_shstrndx), 2);
  if (offset == 0 || entry != (is_64_ ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr))) return {};
  const auto field = [&](std::string_view row, std::size_t at_64, std::size_t at_32) {
    return is_64_ ? integer(row, at_64, 8) : integer(row, at_32, 4);
  };
  Result<std::string> first = read(offset, entry, "section headers", kMaxTableBytes);
  if (!first) return propagate(first);
  // Extended numbering (gABI chapter 4): the real numbers stand in the first, unused header.
  if (count == 0)
    count = field(*first, offsetof(Elf64_Shdr, sh_size), offsetof(Elf32_Shdr, sh_size));
  if (names == SHN_XINDEX) {
    names =
        integer(*first, is_64_ ? offsetof(Elf64_Shdr, sh_link) : offsetof(Elf32_Shdr, sh_link), 4);
  }
  if (count > kMaxElfSections) {
    return fail(Errc::kLimit, "{}: {} sections, at most {} are read", name_, count,
                kMaxElfSections);
  }
  Result<std::string> table = read(offset, count * entry, "section headers", kMaxTableBytes);
  if (!table) return propagate(table);
  std::vector<std::uint64_t> name_offsets;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view row = std::string_view(*table).substr(i * entry, entry);
    Section section;
    name_offsets.push_back(integer(row, 0, 4));
    section.type = static_cast<std::uint32_t>(integer(row, 4, 4));
    section.flags = field(row, offsetof(Elf64_Shdr, sh_flags), offsetof(Elf32_Shdr, sh_flags));
    section.vaddr = field(row, offsetof(Elf64_Shdr, sh_addr), offsetof(Elf32_Shdr, sh_addr));
    section.offset = field(row, offsetof(Elf64_Shdr, sh_offset), offsetof(Elf32_Shdr, sh_offset));
    section.size = field(row, offsetof(Elf64_Shdr, sh_size), offsetof(Elf32_Shdr, sh_size));
    section.link = static_cast<std::uint32_t>(
        integer(row, is_64_ ? offsetof(Elf64_Shdr, sh_link) : offsetof(Elf32_Shdr, sh_link), 4));
    sections_.push_back(std::move(section));
  }
  if (names >= sections_.size()) return {};
  Result<std::string> strings =
      read(sections_[names].offset, sections_[names].size, "section names", kMaxTableBytes);
  if (!strings) return propagate(strings);
  for (std::size_t i = 0; i < sections_.size(); ++i) {
    // 256: the longest name that is compared with anything is far shorter, and one long text that
    // every header points at must not be copied 200,000 times.
    sections_[i].name = text_at(*strings, name_offsets[i]).substr(0, 256);
  }
  return {};
}

const ElfImage::Section* ElfImage::section(std::string_view name) const {
  const auto found = std::find_if(sections_.begin(), sections_.end(),
                                  [&](const Section& section) { return section.name == name; });
  return found == sections_.end() ? nullptr : &*found;
}

Result<std::vector<ElfImage::Note>> ElfImage::notes() const {
  constexpr std::size_t kHeader = 12;
  std::vector<Note> notes;
  std::uint64_t total = 0;
  for (const Segment& segment : segments_) {
    if (segment.type != PT_NOTE) continue;
    // Together: 65,535 headers can all name the same megabyte.
    total += std::min(segment.file_size, kMaxNoteBytes + 1);
    if (total > kMaxNoteBytes) {
      return fail(Errc::kLimit, "{}: more than {} bytes of notes", name_, kMaxNoteBytes);
    }
    Result<std::string> text = read(segment.offset, segment.file_size, "notes", kMaxNoteBytes);
    if (!text) return propagate(text);
    const std::uint64_t align = segment.align == 8 ? 8 : 4;
    const auto padded = [&](std::uint64_t value) { return (value + align - 1) / align * align; };
    std::uint64_t at = 0;
    while (at + kHeader <= text->size()) {
      const std::uint64_t owner_size = integer(*text, at, 4);
      const std::uint64_t size = integer(*text, at + 4, 4);
      const std::uint64_t body = padded(at + kHeader + owner_size);
      // 32-bit sizes in 64-bit sums: nothing here can wrap.
      if (at + kHeader + owner_size > text->size() || body + size > text->size()) break;
      Note note;
      note.owner = text_at(std::string_view(*text).substr(at + kHeader, owner_size), 0);
      note.type = static_cast<std::uint32_t>(integer(*text, at + 8, 4));
      note.bytes = text->substr(body, size);
      notes.push_back(std::move(note));
      at = padded(body + size);
    }
  }
  return notes;
}

std::optional<std::uint64_t> ElfImage::vaddr_of_offset(std::uint64_t offset,
                                                       std::uint32_t flags) const {
  for (const Segment& segment : segments_) {
    if (segment.type == PT_LOAD && (segment.flags & flags) == flags && offset >= segment.offset &&
        offset - segment.offset < segment.file_size) {
      return segment.vaddr + (offset - segment.offset);
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> ElfImage::offset_of_vaddr(std::uint64_t vaddr) const {
  for (const Segment& segment : segments_) {
    if (segment.type == PT_LOAD && vaddr >= segment.vaddr &&
        vaddr - segment.vaddr < segment.file_size) {
      return segment.offset + (vaddr - segment.vaddr);
    }
  }
  return std::nullopt;
}

bool ElfImage::is_executable(std::uint64_t vaddr) const {
  return std::any_of(segments_.begin(), segments_.end(), [&](const Segment& segment) {
    return segment.type == PT_LOAD && (segment.flags & PF_X) != 0 && vaddr >= segment.vaddr &&
           vaddr - segment.vaddr < segment.memory_size;
  });
}

}  // namespace sysnare
