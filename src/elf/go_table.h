#pragma once
// Which Go function is at this address, inlined into which, and how large is its frame here?
//
// Answered by .gopclntab, which the Go runtime itself needs and stripping therefore keeps.
// Source: Go's src/runtime/symtab.go (pcHeader, _func, moduledata, pcvalue, inlinedCall) and
// src/internal/abi, Go 1.18 to 1.24. The layout before Go 1.18 is not modelled: no table then.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "elf/image.h"

namespace sysnare {

/// Largest table that is read; that of kubelet has 30 MB.
inline constexpr std::uint64_t kMaxGoTableBytes = 128u << 20;

class GoTable {
 public:
  struct Function {
    std::uint64_t vaddr = 0;  ///< entry
    std::uint32_t at = 0;     ///< where its _func stands, for the other questions
    std::string_view name;    ///< "os.(*File).Write"
    bool top = false;         ///< nothing calls it: the stack ends here (goexit, mstart, mcall …)
    bool writes_sp = false;   ///< switches stacks: frame sizes behind the switch say nothing
  };
  /// Reads memory of the loaded image by its link-time address; empty when it cannot be read.
  using ReadMemory = std::function<std::string(std::uint64_t vaddr, std::size_t length)>;

  /// The table of `image`, or nothing where it has none of a known layout. `memory` is the image as
  /// it is loaded (a position-independent program has its addresses only there) and may be empty;
  /// `bias` is what was added to link-time addresses there.
  static std::optional<GoTable> load(const ElfImage& image, const ReadMemory& memory,
                                     std::uint64_t bias);

  /// Link-time address of the first function.
  [[nodiscard]] std::uint64_t text() const { return text_; }
  [[nodiscard]] std::optional<Function> find(std::uint64_t vaddr) const;
  /// Where the function `name` starts. Cost: a walk over all functions.
  [[nodiscard]] std::optional<std::uint64_t> address_of(std::string_view name) const;
  /// Bytes between the stack pointer and the return address, at `vaddr` in `function`.
  [[nodiscard]] std::optional<std::uint64_t> frame_size(const Function& function,
                                                        std::uint64_t vaddr) const;
  /// The names at `vaddr`, innermost first; the last of all is the function itself. `most`: no more
  /// than so many, each of which costs a walk through a table.
  [[nodiscard]] std::vector<std::string> names(const Function& function, std::uint64_t vaddr,
                                               std::size_t most = SIZE_MAX) const;

 private:
  [[nodiscard]] std::uint64_t word(std::uint64_t at, unsigned width) const;
  [[nodiscard]] std::string_view name_at(std::uint64_t offset) const;
  /// The value of the pc table at `table` for `vaddr`.
  [[nodiscard]] std::optional<std::int32_t> value_at(const Function& function, std::uint64_t table,
                                                     std::uint64_t vaddr) const;
  void find_inline_trees(const ElfImage& image, const ReadMemory& memory, std::uint64_t bias,
                         std::uint64_t table_vaddr);

  std::string bytes_;
  bool big_endian_ = false;
  unsigned pointer_ = 8;
  std::uint32_t quantum_ = 1;
  std::uint32_t function_size_ = 0;  ///< of _func, without what follows it
  std::uint32_t inlined_size_ = 0;   ///< of inlinedCall
  std::uint32_t inlined_name_ = 0;   ///< where its name stands
  std::uint64_t count_ = 0;
  std::uint64_t text_ = 0;
  std::uint64_t names_ = 0;
  std::uint64_t pc_tables_ = 0;
  std::uint64_t functions_ = 0;
  std::string trees_;  ///< the read-only data from go.func.* on, where inline trees stand
};

}  // namespace sysnare
