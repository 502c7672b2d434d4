#pragma once
// What stands at each address of one object: which function, which data, which import?
//
// Data is cut into chunks, each live as a whole once anything refers to it: by the sizes of
// symbols; a slot of .got each; what no symbol covers between two of them stays one chunk, since
// code reaches an array through its first element alone.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "elf/dynamic.h"
#include "elf/functions.h"
#include "elf/image.h"
#include "elf/memory.h"
#include "scan/flow.h"
#include "scan/insn.h"
#include "scan/summary.h"

namespace sysnare {

class ObjectMap : public FlowContext {
 public:
  /// All must outlive this.
  ObjectMap(const ElfImage& image, const ImageMemory& memory, const Dynamic& dynamic,
            const FunctionTable& table, const X86Decoder& decoder);

  // FlowContext:
  [[nodiscard]] std::span<const std::uint8_t> code(std::uint64_t vaddr) const override;
  [[nodiscard]] bool is_code(std::uint64_t vaddr) const override;
  [[nodiscard]] FlowValue load(std::uint64_t vaddr, unsigned width) const override;
  [[nodiscard]] bool constant_word(std::uint64_t vaddr, unsigned width,
                                   std::uint64_t& word) const override;
  [[nodiscard]] bool never_returns(std::uint64_t vaddr) const override;
  [[nodiscard]] bool import_never_returns(std::uint64_t import) const override;

  struct DataChunk {
    std::uint64_t vaddr = 0;
    std::uint64_t end = 0;
    std::string name;
    std::vector<Target> targets;
    std::uint32_t number = kNone;  ///< among those that have targets
  };

  /// What calling `vaddr` calls: a stub of the procedure linkage table is its import. kImport has
  /// the index of the dynamic symbol; nothing where there is no code.
  [[nodiscard]] std::optional<Target> callee(std::uint64_t vaddr) const;
  /// What referring to `vaddr` refers to; nothing where that is nothing that matters.
  [[nodiscard]] std::optional<Target> referred(std::uint64_t vaddr) const;
  /// Whether `number` can be an address of the image: in programs that are loaded where they are
  /// linked any immediate can.
  [[nodiscard]] bool may_be_address(std::uint64_t number) const;
  /// Whether nobody writes to `vaddr` once the program runs.
  [[nodiscard]] bool is_read_only(std::uint64_t vaddr) const;

  [[nodiscard]] std::uint32_t function_at(std::uint64_t vaddr) const;
  [[nodiscard]] std::uint32_t chunk_at(std::uint64_t vaddr) const;  ///< index into chunks()
  [[nodiscard]] std::span<const DataChunk> chunks() const { return chunks_; }
  /// Labels inside of functions whose address stands in data, by function.
  [[nodiscard]] std::span<const std::vector<std::uint64_t>> labels() const { return labels_; }

 private:
  [[nodiscard]] const Relocation* relocation_at(std::uint64_t vaddr) const;
  [[nodiscard]] std::optional<Target> target_of(const Relocation& relocation);
  void cut_data();
  void cut_range(std::uint64_t begin, std::uint64_t end);
  void take_relocations();
  void take_words();
  void add_target(std::uint64_t vaddr, const Target& target);
  /// As referred(), for words of data: labels inside of functions are noted.
  std::optional<Target> pointed(std::uint64_t value);

  const ElfImage& image_;
  const ImageMemory& memory_;
  const Dynamic& dynamic_;
  const FunctionTable& table_;
  const X86Decoder& decoder_;
  std::uint64_t lowest_ = 0;
  std::uint64_t highest_ = 0;
  std::vector<DataChunk> chunks_;
  std::vector<std::vector<std::uint64_t>> labels_;
  mutable std::unordered_map<std::uint64_t, std::optional<Target>> callees_;
};

/// Whether the function of that name never returns to its caller, by its documentation.
bool name_never_returns(std::string_view name);

}  // namespace sysnare
