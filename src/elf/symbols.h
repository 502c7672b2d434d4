#pragma once
// Which function is at this address of an image? By .symtab and .dynsym.
//
// Source: System V gABI chapter 4, "Symbol Table".

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "elf/image.h"

namespace sysnare {

/// Most bytes of symbol and string tables that are read, of one SymbolTable together: Chromium's
/// unstripped ones have about 200 MB, and a file may name the same bytes as a table 200,000 times.
inline constexpr std::uint64_t kMaxSymbolBytes = 256u << 20;
/// Most symbols that are kept; Chromium has about a million.
inline constexpr std::size_t kMaxSymbols = 4u << 20;

/// Whether `a` is the better of two names of one address: a global one before a local one, then the
/// fewest leading underscores, then the shortest, then by the alphabet.
bool plainer_name(std::string_view a, bool a_local, std::string_view b, bool b_local);

class SymbolTable {
 public:
  struct Function {
    std::string_view symbol;  ///< as the table has it, not demangled; lives as long as the table
    std::uint64_t vaddr = 0;  ///< where it starts
  };

  /// Adds the functions of `image` (its symbols, or those of its debug file). Tables that are
  /// absent or damaged add nothing.
  void add(const ElfImage& image);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  /// Bytes of tables that add() has read.
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_; }

  /// The function that covers `vaddr`. Of several names of one address the plainest is taken: a
  /// global one before a local one, then the fewest leading underscores, then the shortest.
  [[nodiscard]] std::optional<Function> find(std::uint64_t vaddr) const;
  /// The address of the symbol `name`, of any type.
  [[nodiscard]] std::optional<std::uint64_t> address_of(std::string_view name) const;

 private:
  struct Row {
    std::uint64_t start = 0;
    std::uint64_t end = 0;  ///< one past the last byte; `start` where the size is not known
    std::uint32_t name = 0;
    std::uint8_t strings = 0;  ///< index into strings_
    bool local = false;
    bool code = false;
  };
  [[nodiscard]] std::string_view name_of(const Row& row) const;
  [[nodiscard]] bool plainer(const Row& a, const Row& b) const;
  void add_table(const ElfImage& image, const ElfImage::Section& section);
  void sort();

  std::uint64_t bytes_ = 0;  ///< read so far
  std::vector<std::string> strings_;
  std::vector<Row> rows_;  ///< functions, sorted by start, one a start
  std::vector<Row> data_;  ///< other symbols that address_of() may be asked for ("go.func.*")
};

}  // namespace sysnare
