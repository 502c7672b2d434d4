#pragma once
// What the parts of read_dynamic() share: entries of the dynamic section, and the tables they name.
// For .cc files of this room alone.

#include <elf.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "elf/dynamic.h"
#include "elf/image.h"
#include "elf/memory.h"

namespace sysnare {

using Bytes = std::span<const std::uint8_t>;

class DynamicTables {
 public:
  /// Reads the entries up to DT_NULL. Errors: as read_dynamic.
  static Result<DynamicTables> read(const ElfImage& image, const ImageMemory& memory,
                                    const ElfImage::Segment& segment);
  /// The value of `tag`; of several the last one, as in ld.so.
  [[nodiscard]] std::optional<std::uint64_t> value(std::uint64_t tag) const;
  /// All values of a tag, in order (DT_NEEDED).
  [[nodiscard]] std::vector<std::uint64_t> values(std::uint64_t tag) const;
  /// The table at the address that `tag` has, of the size that `size_tag` has; empty where either
  /// is absent or 0.
  [[nodiscard]] Result<Bytes> table(std::uint64_t tag, std::uint64_t size_tag,
                                    std::string_view what) const;
  /// From there to the end of its segment; empty where the tag is absent or 0.
  [[nodiscard]] Result<Bytes> open_table(std::uint64_t tag, std::string_view what) const;
  [[nodiscard]] Failure bad(std::string_view what, std::uint64_t vaddr,
                            std::string_view problem) const;
  [[nodiscard]] const ElfImage& image() const { return *image_; }
  [[nodiscard]] const ImageMemory& memory() const { return *memory_; }

 private:
  const ElfImage* image_ = nullptr;
  const ImageMemory* memory_ = nullptr;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> entries_;  ///< tag and value, in order
};

/// Appends the relocations of a DT_RELA table. `what` stands in messages.
Result<void> add_rela(const ElfImage& image, Bytes table, std::vector<Relocation>& relocations,
                      std::string_view what);
/// Appends what a DT_RELR table unrolls to.
Result<void> add_relr(const DynamicTables& tables, Bytes table,
                      std::vector<Relocation>& relocations);
/// Appends whatever looks like an IRELATIVE relocation of a program that has no section headers.
void add_guessed_indirect(const ElfImage& image, const ImageMemory& memory,
                          std::vector<Relocation>& relocations);
void sort_relocations(std::vector<Relocation>& relocations);
/// One more than the largest index of a symbol that a relocation names.
std::uint64_t symbols_named(const std::vector<Relocation>& relocations);

/// The symbols, at least `at_least` of them, with their versions.
Result<std::vector<DynamicSymbol>> read_dynamic_symbols(const DynamicTables& tables, Bytes strings,
                                                        std::uint64_t at_least);

}  // namespace sysnare
