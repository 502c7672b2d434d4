// Any bytes as an ELF image: headers, notes, identity, symbols, Go's table, call frames, DWARF.
// Whatever they say, every question is answered or refused, within bounds.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "elf/call_frames.h"
#include "elf/debug_info.h"
#include "elf/demangle.h"
#include "elf/go_table.h"
#include "elf/identity.h"
#include "elf/image.h"
#include "elf/symbols.h"

namespace {

/// Addresses that are asked about: a few of every segment, and edges.
std::vector<std::uint64_t> addresses_of(const sysnare::ElfImage& image) {
  std::vector<std::uint64_t> addresses{0, 1, UINT64_MAX, UINT64_MAX - 8};
  for (const auto& segment : image.segments()) {
    if (addresses.size() > 64) break;
    for (const std::uint64_t part :
         {std::uint64_t{0}, std::uint64_t{16}, segment.file_size / 2, segment.file_size - 1}) {
      addresses.push_back(segment.vaddr + part);
    }
  }
  return addresses;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto image =
      sysnare::ElfImage::from_bytes(std::string(reinterpret_cast<const char*>(data), size), "fuzz");
  if (!image) return 0;
  (void)image->notes();
  (void)sysnare::elf_identity(*image);
  sysnare::SymbolTable symbols;
  symbols.add(*image);
  (void)symbols.address_of("main");

  // The image as the loader would place it, read by link-time address.
  const auto memory = [&](std::uint64_t vaddr, std::size_t length) {
    const auto offset = image->offset_of_vaddr(vaddr);
    if (!offset || *offset >= size) return std::string();
    const std::size_t part = std::min<std::size_t>(length, size - *offset);
    return std::string(reinterpret_cast<const char*>(data) + *offset, part);
  };
  const auto go = sysnare::GoTable::load(*image, memory, 0);
  sysnare::CallFrames frames(*image, nullptr);
  sysnare::DebugInfo debug(*image);
  const sysnare::ReadWord word = [&](std::uint64_t address, unsigned) {
    return address % 3 == 0 ? std::nullopt : std::optional<std::uint64_t>(address + 8);
  };
  std::vector<std::uint64_t> addresses = addresses_of(*image);
  if (go) {
    for (std::uint64_t step = 0; step < 32; ++step) addresses.push_back(go->text() + 97 * step);
  }
  for (const std::uint64_t vaddr : addresses) {
    if (const auto function = symbols.find(vaddr)) (void)sysnare::demangle(function->symbol);
    (void)image->is_executable(vaddr);
    (void)debug.functions_at(vaddr);
    sysnare::FrameRegisters registers;
    for (unsigned i = 0; i < 17; ++i) registers.set(i, 0x7ffd0000 + 64 * i);
    (void)frames.caller_of(vaddr, registers, 7, 8, word);
    if (!go) continue;
    if (const auto function = go->find(vaddr)) {
      (void)go->frame_size(*function, vaddr);
      (void)go->names(*function, vaddr);
    }
  }
  return 0;
}
