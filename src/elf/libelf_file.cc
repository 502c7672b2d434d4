#include "elf/libelf_file.h"

#include <elf.h>

#include <algorithm>
#include <cstddef>

#include "elf/debug_info.h"

namespace sysnare {
namespace {

/// The size of all debug sections once they stand in memory, compressed ones as their headers
/// promise.
std::uint64_t dwarf_bytes(const ElfImage& image) {
  std::uint64_t total = 0;
  for (const ElfImage::Section& section : image.sections()) {
    std::uint64_t size = section.size;
    if (section.name.starts_with(".zdebug_")) return UINT64_MAX;  // before 2015; nobody has it
    if (!section.name.starts_with(".debug_") || section.type == SHT_NOBITS) continue;
    if ((section.flags & SHF_COMPRESSED) != 0) {
      const std::size_t length = image.is_64() ? sizeof(Elf64_Chdr) : sizeof(Elf32_Chdr);
      Result<std::string> header = image.read(section.offset, length, "compressed section", length);
      if (!header) return UINT64_MAX;
      size = image.is_64() ? image.integer(*header, offsetof(Elf64_Chdr, ch_size), 8)
                           : image.integer(*header, offsetof(Elf32_Chdr, ch_size), 4);
    }
    if (size > kMaxDwarfBytes) return UINT64_MAX;
    total += size;  // at most kMaxElfSections times kMaxDwarfBytes: cannot wrap
  }
  return total;
}

}  // namespace

LibElfFile::LibElfFile(const ElfImage& from) : image(from) {
  ::elf_version(EV_CURRENT);
  if (image.fd() >= 0) {
    elf.reset(::elf_begin(image.fd(), ELF_C_READ, nullptr));
  } else {
    bytes = image.bytes();
    elf.reset(::elf_memory(bytes.data(), bytes.size()));
  }
  if (elf != nullptr && ::elf_kind(elf.get()) != ELF_K_ELF) elf.reset();
}

Dwarf* LibElfFile::dwarf() {
  if (!dwarf_tried && elf != nullptr) {
    dwarf_tried = true;
    const std::uint64_t size = dwarf_bytes(image);
    // A supplementary file (dwz) is opened by libdw at whatever path the section names, a FIFO
    // that never answers too; the debug files of a system, which root wrote, may have one.
    const bool trusted = image.name().starts_with(kDebugFiles);
    const bool elsewhere = image.section(".gnu_debugaltlink") != nullptr && !trusted;
    if (size > 0 && size <= kMaxDwarfBytes && !elsewhere) {
      dwarf_handle.reset(::dwarf_begin_elf(elf.get(), DWARF_C_READ, nullptr));
    }
  }
  return dwarf_handle.get();
}

}  // namespace sysnare
