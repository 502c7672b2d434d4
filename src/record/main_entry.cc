#include "record/main_entry.h"

#include <elf.h>

#include <cstddef>
#include <optional>

#include "elf/go_table.h"
#include "elf/image.h"
#include "elf/symbols.h"
#include "process/exec_failure.h"

namespace sysnare {
namespace {

/// A script may have a script as its interpreter: fs/exec.c, exec_binprm(), Linux 6.18.
constexpr int kMaxInterpreters = 5;

std::optional<std::uint64_t> named_main(const ElfImage& image) {
  SymbolTable symbols;
  symbols.add(image);
  if (const auto of_go = symbols.address_of("main.main")) return of_go;
  if (const auto main = symbols.address_of("main")) return main;
  const std::optional<GoTable> functions = GoTable::load(image, {}, 0);
  return functions ? functions->address_of("main.main") : std::nullopt;
}

Result<std::uint64_t> entry_point(const ElfImage& image) {
  const unsigned width = image.is_64() ? 8 : 4;
  Result<std::string> header =
      image.read(0, offsetof(Elf32_Ehdr, e_entry) + width, "ELF header", sizeof(Elf64_Ehdr));
  if (!header) return propagate(header);
  static_assert(offsetof(Elf32_Ehdr, e_entry) == offsetof(Elf64_Ehdr, e_entry));
  return image.integer(*header, offsetof(Elf64_Ehdr, e_entry), width);
}

}  // namespace

std::string executed_file(const std::string& path) {
  std::string file = path;
  for (int i = 0; i < kMaxInterpreters; ++i) {
    std::string interpreter = script_interpreter(file);
    if (interpreter.empty()) break;
    file = std::move(interpreter);
  }
  return file;
}

Result<std::uint64_t> offset_of_main(const std::string& path) {
  Result<ElfImage> image = ElfImage::from_path(path);
  if (!image) return propagate(image);
  std::uint64_t address = 0;
  if (const auto named = named_main(*image)) {
    address = *named;
  } else {
    Result<std::uint64_t> entry = entry_point(*image);
    if (!entry) return propagate(entry);
    address = *entry;
  }
  const std::optional<std::uint64_t> offset = image->offset_of_vaddr(address);
  if (!offset || !image->is_executable(address)) {
    return fail(Errc::kBadInput, "{}: no code at its start, {:#x}", path, address);
  }
  return *offset;
}

}  // namespace sysnare
