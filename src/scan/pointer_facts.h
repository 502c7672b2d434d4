#pragma once
// What does a function do with the pointers that it gets: which bytes behind them does it write to,
// and who else gets them?
//
// A pointer is what a register held at entry, or a word of static data, and a constant
// (scan/flow.h). Not modelled: a pointer of which the flow of values loses track where paths
// meet, and one in the second register of a result.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "scan/flow.h"
#include "scan/object_map.h"
#include "scan/summary.h"

namespace sysnare {

/// Where a pointer comes from.
struct PointerSource {
  bool is_cell = false;
  std::uint64_t number = 0;  ///< the register at entry, or the address of the word
  auto operator<=>(const PointerSource&) const = default;
};

struct PointerFact {
  enum class Kind : std::uint8_t {
    kWritten,  ///< the bytes from `begin` to `end` behind it; also who got it of whom no more is
               ///< known than that
    kHanded,   ///< it and `begin` go to `callee`, a function of this object, in register `reg`
    kKept,     ///< it is stored in the word of static data at `cell`
  };
  Kind kind = Kind::kWritten;
  std::uint8_t reg = 0;
  std::uint32_t callee = kNone;
  PointerSource source;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::uint64_t cell = 0;
  auto operator<=>(const PointerFact&) const = default;
};

/// All bytes behind a pointer, and before it.
inline constexpr std::int64_t kFirstByte = INT64_MIN;
inline constexpr std::int64_t kLastByte = INT64_MAX;

/// Follows `function`; sorted, none twice.
std::vector<PointerFact> pointer_facts_of(const ObjectMap& map, FunctionFlow& flow,
                                          const FunctionRange& function,
                                          std::span<const std::uint64_t> entries, bool go);

/// The same, of one that `flow` has just followed with values and these entries; nothing where the
/// values are not kept. Cost: a fourth of that.
std::optional<std::vector<PointerFact>> pointer_facts_again(const ObjectMap& map,
                                                            FunctionFlow& flow,
                                                            const FunctionRange& function,
                                                            std::span<const std::uint64_t> entries,
                                                            bool go);

}  // namespace sysnare
