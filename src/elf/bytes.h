#pragma once
// How is a little-endian integer read out of bytes that lie anywhere?

#include <cstddef>
#include <cstdint>
#include <span>

namespace sysnare {

/// An integer of `width` (1, 2, 4 or 8) bytes. Precondition: bytes[at, at + width) exists.
inline std::uint64_t little_endian(std::span<const std::uint8_t> bytes, std::size_t at,
                                   unsigned width) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < width; ++i) {
    value |= static_cast<std::uint64_t>(bytes[at + i]) << 8 * i;
  }
  return value;
}

/// The same with the width known when compiling, which becomes one load.
template <typename T>
T load(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<T>(little_endian(bytes, at, sizeof(T)));
}

}  // namespace sysnare
