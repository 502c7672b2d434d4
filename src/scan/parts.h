#pragma once
// How are parts of a summary read so that a damaged one does no harm?
//
// Summaries come from files of a cache. Their checksum is the cache's business; here an index that
// points outside of its array reads as nothing.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

#include "scan/summary.h"

namespace sysnare {

/// The part of `all` that `slice` names, as far as it is there.
template <typename T>
std::span<const T> cut(std::span<const T> all, Slice slice) {
  if (slice.begin >= all.size()) return {};
  return all.subspan(slice.begin, std::min<std::size_t>(slice.count, all.size() - slice.begin));
}

/// The text at `position`, empty where there is none.
inline std::string_view text_of(const Summary& summary, std::uint32_t position) {
  if (position == 0 || position >= summary.text.size() || summary.text.back() != '\0') return {};
  return summary.text.data() + position;
}

/// The range of `ranges` (functions or chunks, sorted) that covers `vaddr`, or kNone.
template <typename Range>
std::uint32_t covering(std::span<const Range> ranges, std::uint64_t vaddr,
                       std::uint64_t Range::*start) {
  const auto after = std::upper_bound(
      ranges.begin(), ranges.end(), vaddr,
      [start](std::uint64_t value, const Range& range) { return value < range.*start; });
  if (after == ranges.begin() || vaddr >= (after - 1)->end) return kNone;
  return static_cast<std::uint32_t>(after - ranges.begin() - 1);
}

inline std::uint32_t function_covering(const Summary& summary, std::uint64_t vaddr) {
  return covering(summary.functions, vaddr, &Function::start);
}

}  // namespace sysnare
