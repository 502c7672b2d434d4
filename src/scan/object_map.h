#pragma once
// What stands at each address of one object: which function, which data, which import?

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "elf/dynamic.h"
#include "elf/functions.h"
#include "elf/image.h"
#include "elf/memory.h"
#include "scan/callee_cache.h"
#include "scan/flow.h"
#include "scan/insn.h"
#include "scan/summary.h"

namespace sysnare {

class ObjectMap : public FlowContext {
 public:
  /// All must outlive this.
  ObjectMap(const ElfImage& image, const ImageMemory& memory, const Dynamic& dynamic,
            const FunctionTable& table, const Decoder& decoder);

  // FlowContext:
  [[nodiscard]] std::span<const std::uint8_t> code(std::uint64_t vaddr) const override;
  [[nodiscard]] bool is_code(std::uint64_t vaddr) const override;
  [[nodiscard]] FlowValue load(std::uint64_t vaddr, unsigned width) const override;
  [[nodiscard]] bool constant_word(std::uint64_t vaddr, unsigned width,
                                   std::uint64_t& word) const override;
  [[nodiscard]] bool never_returns(std::uint64_t vaddr) const override;
  [[nodiscard]] bool import_never_returns(std::uint64_t import) const override;
  [[nodiscard]] std::uint64_t other_part_at(std::uint64_t start,
                                            std::uint64_t vaddr) const override;
  [[nodiscard]] bool may_belong_to(std::uint64_t start, std::uint64_t vaddr,
                                   std::uint64_t& begin) const override;
  [[nodiscard]] std::uint64_t data_end(std::uint64_t vaddr) const override;
  /// In programs that are loaded where they are linked any immediate can be one.
  [[nodiscard]] bool may_be_address(std::uint64_t number) const override;
  [[nodiscard]] bool returns_twice(const Insn& insn) const override;

  /// From now on, calling `function` never returns.
  void set_never_returns(std::uint32_t function) { never_return_[function] = 1; }

  /// From now on, calling `function` may return twice.
  void set_returns_twice(std::uint32_t function) { returns_twice_[function] = 1; }

  /// What calling `vaddr` calls: a stub of the procedure linkage table is its import. kImport has
  /// the index of the dynamic symbol; nothing where there is no code.
  [[nodiscard]] std::optional<Target> callee(std::uint64_t vaddr) const;
  /// The same for an address that is taken; nothing for what is no code.
  [[nodiscard]] std::optional<Target> taken_code(std::uint64_t vaddr) const;
  /// In an executable segment sections tell data from code; without them the same byte may be
  /// either.
  [[nodiscard]] bool is_data(std::uint64_t vaddr) const;
  /// Whether nobody writes to `vaddr` once the program runs.
  [[nodiscard]] bool is_read_only(std::uint64_t vaddr) const;
  /// Whether it was constant to the compiler; the file may have it writable.
  [[nodiscard]] bool is_constant(std::uint64_t vaddr) const;

  [[nodiscard]] std::uint32_t function_at(std::uint64_t vaddr) const;
  /// Labels inside of functions whose address stands in data, by function.
  [[nodiscard]] std::span<const std::vector<std::uint64_t>> labels() const { return labels_; }

  /// A program that is loaded where it was linked has pointers in its data, and nothing tells them
  /// from other words: calls `visit` with each aligned word that can be one.
  void each_word_address(
      const std::function<void(std::uint64_t vaddr, std::uint64_t value)>& visit) const;
  /// The same for words at any other address (packed structs), as far as functions begin where
  /// they lead, or data stands there.
  void each_unaligned_address(
      const std::function<void(std::uint64_t vaddr, std::uint64_t value)>& visit) const;
  /// Whether the section's words can be pointers that the program follows.
  static bool has_pointers(const ElfImage::Section& section);

  [[nodiscard]] const Machine& machine() const { return decoder_.machine(); }
  [[nodiscard]] const Decoder& decoder() const { return decoder_; }
  [[nodiscard]] const ElfImage& image() const { return image_; }
  [[nodiscard]] const ImageMemory& memory() const { return memory_; }
  [[nodiscard]] const Dynamic& dynamic() const { return dynamic_; }
  [[nodiscard]] const FunctionTable& table() const { return table_; }

 private:
  [[nodiscard]] const Relocation* relocation_at(std::uint64_t vaddr) const;
  [[nodiscard]] bool is_named_for_good(std::string_view name) const;
  void find_data_among_code();
  [[nodiscard]] bool is_among_code(std::uint64_t vaddr) const;
  void note_label(std::uint64_t value);
  void each_data_range(
      const std::function<void(std::uint64_t begin, std::uint64_t end)>& visit) const;

  const ElfImage& image_;
  const ImageMemory& memory_;
  const Dynamic& dynamic_;
  const FunctionTable& table_;
  const Decoder& decoder_;
  std::uint64_t lowest_ = 0;
  std::uint64_t highest_ = 0;
  bool has_sections_ = false;
  /// Sections of data in executable segments, sorted: gold, ld -z noseparate-code and ld -N make
  /// such.
  std::vector<const ElfImage::Section*> data_among_code_;
  /// Where functions start: what is searched lies together.
  std::vector<std::uint64_t> starts_;
  std::vector<std::vector<std::uint64_t>> labels_;
  std::vector<std::uint8_t> never_return_;   ///< by function
  std::vector<std::uint8_t> returns_twice_;  ///< likewise
  [[nodiscard]] std::optional<Target> find_callee(std::uint64_t vaddr) const;
  mutable CalleeCache callees_;
};

/// Whether the function of that name never returns to its caller, by its documentation.
bool name_never_returns(std::string_view name);
/// Whether it may return to its caller twice.
bool name_returns_twice(std::string_view name);

}  // namespace sysnare
