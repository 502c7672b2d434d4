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
#include <set>
#include <string_view>

#include "elf/go_table.h"
#include "scan/object_map.h"

namespace sysnare {

/// Most instructions of which it is asked where they come from, of all functions: real programs
/// have a few dozen. Past that nothing is known.
inline constexpr std::size_t kMaxInlinedLooks = 64;

class GoInlined {
 public:
  /// It will be asked for `words`. Both must outlive it. Reads nothing yet.
  GoInlined(const ObjectMap& map, const std::set<std::uint64_t>& words)
      : map_(map), words_(words) {}

  /// Whether `is_wanted` says so of the innermost function behind each instruction of the function
  /// `function` that has the address `word`, and there is one. Cost: decodes the function.
  bool is_named_by(std::uint32_t function, std::uint64_t word,
                   const std::function<bool(std::string_view)>& is_wanted);

 private:
  void load();
  const std::multimap<std::uint64_t, std::uint64_t>& words_in(std::uint32_t function);

  const ObjectMap& map_;
  const std::set<std::uint64_t>& words_;
  bool is_loaded_ = false;
  std::optional<GoTable> table_;
  std::size_t count_ = 0;
  /// By function: the words that instructions name, and these.
  std::map<std::uint32_t, std::multimap<std::uint64_t, std::uint64_t>> named_;
};

}  // namespace sysnare
