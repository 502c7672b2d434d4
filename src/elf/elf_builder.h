#pragma once
// How do tests make an ELF image of which every byte is known? Segments at addresses of their own
// choice; no section headers unless asked for. For tests alone.

#include <elf.h>

#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sysnare {

/// The bytes of an integer or a struct.
template <typename T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

class ElfBuilder {
 public:
  explicit ElfBuilder(std::uint16_t type = ET_DYN, std::uint16_t machine = EM_X86_64) {
    std::memcpy(header_.e_ident, ELFMAG, SELFMAG);
    header_.e_ident[EI_CLASS] = ELFCLASS64;
    header_.e_ident[EI_DATA] = ELFDATA2LSB;
    header_.e_type = type;
    header_.e_machine = machine;
    header_.e_ehsize = sizeof(Elf64_Ehdr);
    header_.e_phentsize = sizeof(Elf64_Phdr);
    header_.e_shentsize = sizeof(Elf64_Shdr);
  }
  ElfBuilder& entry(std::uint64_t vaddr) {
    header_.e_entry = vaddr;
    return *this;
  }
  /// `bytes` at `vaddr`, with `zeros` behind.
  ElfBuilder& load(std::uint64_t vaddr, std::uint32_t flags, std::string bytes,
                   std::uint64_t zeros = 0) {
    return segment(PT_LOAD, vaddr, flags, std::move(bytes), zeros);
  }
  /// The dynamic section: tags and values, closed by DT_NULL, in a segment of its own at `vaddr`.
  ElfBuilder& dynamic(std::uint64_t vaddr,
                      const std::vector<std::pair<std::uint64_t, std::uint64_t>>& entries) {
    std::string bytes;
    for (const auto& [tag, value] : entries) bytes += bytes_of(tag) + bytes_of(value);
    bytes += std::string(sizeof(Elf64_Dyn), '\0');
    load(vaddr, PF_R | PF_W, bytes);
    Elf64_Phdr header = segments_.back().first;
    header.p_type = PT_DYNAMIC;
    segments_.emplace_back(header, std::string());
    same_as_before_.push_back(segments_.size() - 1);
    return *this;
  }
  ElfBuilder& segment(std::uint32_t type, std::uint64_t vaddr, std::uint32_t flags,
                      std::string bytes, std::uint64_t zeros = 0) {
    Elf64_Phdr header{};
    header.p_type = type;
    header.p_flags = flags;
    header.p_vaddr = vaddr;
    header.p_filesz = bytes.size();
    header.p_memsz = bytes.size() + zeros;
    segments_.emplace_back(header, std::move(bytes));
    return *this;
  }
  /// A section header for [vaddr, vaddr + size) of a segment that is there already.
  ElfBuilder& section(std::string_view name, std::uint32_t type, std::uint64_t flags,
                      std::uint64_t vaddr, std::uint64_t size, std::uint32_t link = 0) {
    Elf64_Shdr header{};
    header.sh_type = type;
    header.sh_flags = flags;
    header.sh_addr = vaddr;
    header.sh_size = size;
    header.sh_link = link;
    sections_.emplace_back(header, name);
    return *this;
  }
  [[nodiscard]] std::string build() const {
    Elf64_Ehdr header = header_;
    std::vector<std::pair<Elf64_Phdr, std::string>> segments = segments_;
    header.e_phoff = sizeof header;
    header.e_phnum = static_cast<std::uint16_t>(segments.size());
    std::string body;
    const std::uint64_t body_at = sizeof header + segments.size() * sizeof(Elf64_Phdr);
    for (std::size_t i = 0; i < segments.size(); ++i) {
      segments[i].first.p_offset = body_at + body.size();
      for (const std::size_t same : same_as_before_) {
        if (same == i) segments[i].first.p_offset = segments[i - 1].first.p_offset;
      }
      body += segments[i].second;
    }
    std::string table;
    std::string names(1, '\0');
    if (!sections_.empty()) {
      table.assign(sizeof(Elf64_Shdr), '\0');
      for (const auto& [each, name] : sections_) {
        Elf64_Shdr section = each;
        section.sh_name = static_cast<std::uint32_t>(names.size());
        names += std::string(name) + '\0';
        for (const auto& [segment, bytes] : segments) {
          if (segment.p_type != PT_LOAD || section.sh_addr < segment.p_vaddr ||
              section.sh_addr >= segment.p_vaddr + segment.p_memsz) {
            continue;
          }
          section.sh_offset = segment.p_offset + (section.sh_addr - segment.p_vaddr);
        }
        table += bytes_of(section);
      }
      Elf64_Shdr strings{};
      strings.sh_type = SHT_STRTAB;
      strings.sh_offset = body_at + body.size();
      strings.sh_size = names.size();
      table += bytes_of(strings);
      body += names;
      header.e_shoff = body_at + body.size();
      header.e_shnum = static_cast<std::uint16_t>(sections_.size() + 2);
      header.e_shstrndx = static_cast<std::uint16_t>(sections_.size() + 1);
    }
    std::string bytes = bytes_of(header);
    for (const auto& [segment, unused] : segments) bytes += bytes_of(segment);
    return bytes + body + table;
  }

 private:
  Elf64_Ehdr header_{};
  std::vector<std::pair<Elf64_Phdr, std::string>> segments_;
  std::vector<std::pair<Elf64_Shdr, std::string>> sections_;
  std::vector<std::size_t> same_as_before_;
};

}  // namespace sysnare
