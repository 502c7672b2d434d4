#pragma once
// How does libdw get at an image that ElfImage has open? For .cc files of this room alone.
//
// By pread (ELF_C_READ) and never by mmap: a file that is cut short under a mapping of ours would
// kill us with SIGBUS, and the files that tracees map are theirs to cut.

#include <elfutils/libdw.h>
#include <libelf.h>

#include <memory>
#include <string>

#include "elf/image.h"

namespace sysnare {

struct ElfEnd {
  void operator()(Elf* elf) const { ::elf_end(elf); }
};
struct DwarfEnd {
  void operator()(Dwarf* dwarf) const { ::dwarf_end(dwarf); }
};
struct CfiEnd {
  void operator()(Dwarf_CFI* cfi) const { ::dwarf_cfi_end(cfi); }
};
using CfiHandle = std::unique_ptr<Dwarf_CFI, CfiEnd>;

/// libelf's and libdw's view of one image. Precondition of use: the image's descriptor stays open.
struct LibElfFile {
  /// Opens the image; `elf` is null where libelf refuses it.
  explicit LibElfFile(const ElfImage& image);
  /// Opens the DWARF of it; null when there is none within bounds (see kMaxDwarfBytes).
  Dwarf* dwarf();

  const ElfImage& image;
  std::string bytes;  ///< own copy of an image in memory: libelf takes a pointer to change
  std::unique_ptr<Elf, ElfEnd> elf;
  std::unique_ptr<Dwarf, DwarfEnd> dwarf_handle;
  bool dwarf_tried = false;
};

}  // namespace sysnare
