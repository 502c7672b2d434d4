// Any bytes as an ELF image to be analysed: its memory, its dynamic section, its functions.
// Whatever they say, every question is answered or refused, within bounds; and what is answered
// fits together.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "elf/dynamic.h"
#include "elf/functions.h"
#include "elf/image.h"
#include "elf/library_cache.h"
#include "elf/memory.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  (void)sysnare::read_library_cache(bytes, 62);
  auto image = sysnare::ElfImage::from_bytes(bytes, "fuzz");
  if (!image) return 0;
  const auto memory = sysnare::ImageMemory::load(*image);
  if (!memory) return 0;
  for (const auto& segment : memory->segments()) {
    for (const std::uint64_t vaddr :
         {segment.vaddr, segment.vaddr + segment.bytes.size(), segment.memory_end - 1}) {
      (void)memory->word(vaddr, 8);
      (void)memory->text(vaddr, 64);
      (void)memory->exactly(vaddr, 16);
    }
  }
  const auto dynamic = sysnare::read_dynamic(*image, *memory);
  if (!dynamic) return 0;
  for (const auto& relocation : dynamic->relocations) {
    if (relocation.kind == sysnare::Relocation::Kind::kSymbol &&
        relocation.symbol >= dynamic->symbols.size()) {
      std::abort();
    }
  }
  // The image as its own debug file, too.
  const auto table = sysnare::find_functions(*image, *memory, *dynamic, &*image);
  if (!table) return 0;
  std::uint64_t end = 0;
  for (const auto& function : table->functions) {
    if (function.start < end || function.end <= function.start) std::abort();
    if (!memory->is_executable(function.start)) std::abort();
    end = function.end;
  }
  return 0;
}
