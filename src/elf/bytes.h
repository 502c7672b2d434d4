#pragma once
// How are little-endian integers read out of bytes that lie anywhere?

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

/// Reads one thing after another. Past the end everything is 0, and ok() is false from then on.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return !ok_ || at_ == bytes_.size(); }
  /// How many bytes were read.
  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] std::size_t left() const { return bytes_.size() - at_; }

  std::uint64_t integer(unsigned width) {
    if (!take(width)) return 0;
    return little_endian(bytes_, at_ - width, width);
  }
  std::uint8_t u8() { return static_cast<std::uint8_t>(integer(1)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(integer(4)); }
  /// LEB128; bits above the 64th are dropped.
  std::uint64_t unsigned_leb() {
    unsigned shift = 0;
    return leb(shift);
  }
  std::uint64_t signed_leb() {
    unsigned shift = 0;
    const std::uint64_t value = leb(shift);
    const bool negative = ok_ && shift < 64 && (bytes_[at_ - 1] & 0x40) != 0;
    return negative ? value | ~std::uint64_t{0} << shift : value;
  }
  bool skip(std::uint64_t length) { return take(length); }
  /// The next `length` bytes; empty past the end.
  std::span<const std::uint8_t> bytes(std::uint64_t length) {
    if (!take(length)) return {};
    return bytes_.subspan(at_ - length, length);
  }

 private:
  bool take(std::uint64_t length) {
    if (!ok_ || length > bytes_.size() - at_) return ok_ = false;
    at_ += length;
    return true;
  }
  std::uint64_t leb(unsigned& shift) {
    std::uint64_t value = 0;
    for (;;) {
      const std::uint8_t byte = u8();
      if (!ok_) return 0;
      if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      shift += 7;
      if ((byte & 0x80) == 0) return value;
    }
  }

  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace sysnare
