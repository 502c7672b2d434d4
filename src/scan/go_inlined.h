#pragma once
// From which function's source does the code come that names a word of a Go program's data?
//
// Go's linker leaves the tree of what was inlined where in .gopclntab, also in a stripped program
// (elf/go_table.h). Known of x86-64 alone, where one instruction has the whole address.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "elf/go_table.h"
#include "scan/object_map.h"

namespace sysnare {

/// Most instructions of which it is asked where they come from: real programs have a few dozen.
inline constexpr std::size_t kMaxInlinedLooks = 4096;

class GoInlined {
 public:
  /// `map` must outlive it. Reads nothing yet.
  explicit GoInlined(const ObjectMap& map) : map_(map) {}

  /// Whether `is_wanted` says so of the innermost function behind each instruction of the function
  /// `function` that has the address `word`, and there is one. Cost: decodes the function.
  bool is_named_by(std::uint32_t function, std::uint64_t word,
                   const std::function<bool(std::string_view)>& is_wanted);

 private:
  void load();
  const std::multimap<std::uint64_t, std::uint64_t>& addresses_in(std::uint32_t function);

  const ObjectMap& map_;
  bool is_loaded_ = false;
  std::optional<GoTable> table_;
  std::size_t looks_ = 0;
  /// By function: the addresses that instructions have, and these.
  std::map<std::uint32_t, std::multimap<std::uint64_t, std::uint64_t>> addresses_;
};

}  // namespace sysnare
