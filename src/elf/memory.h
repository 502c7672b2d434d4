#pragma once
// What stands at this address of an image, as the kernel would load it before any relocation?
//
// Source: System V gABI chapter 5, "Program Loading". All bytes are read once, into memory of our
// own: a mapped file that shrinks would kill us with SIGBUS. Not modelled: the zeros behind a
// segment's file bytes (they are no bytes here, and their size is known by segment_end()).

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "elf/image.h"

namespace sysnare {

/// Most bytes of one image that are read: Chromium's text and data have some 250 MB.
inline constexpr std::uint64_t kMaxImageBytes = 1u << 30;

class ImageMemory {
 public:
  struct Segment {
    std::uint64_t vaddr = 0;
    std::uint64_t memory_end = 0;  ///< one past its last byte in memory
    bool executable = false;
    bool writable = false;
    std::span<const std::uint8_t> bytes;  ///< what the file has of it
  };

  /// Reads all PT_LOAD segments. Spans and texts that are handed out live as long as this, and stay
  /// where they are when it is moved. Errors: kBadInput naming file and offset for segments that
  /// overlap or wrap or do not lie in the file, kLimit past kMaxImageBytes, kUnsupported for an
  /// image of big-endian words.
  static Result<ImageMemory> load(const ElfImage& image);

  /// Sorted by vaddr, none overlapping.
  [[nodiscard]] std::span<const Segment> segments() const { return segments_; }
  /// The segment that `vaddr` lies in (zeros behind its bytes included), or null.
  [[nodiscard]] const Segment* segment_at(std::uint64_t vaddr) const;
  /// The file's bytes from `vaddr` to the end of its segment; empty where there are none.
  [[nodiscard]] std::span<const std::uint8_t> from(std::uint64_t vaddr) const;
  /// The same, of exactly `length` bytes; empty where the file does not have them all.
  [[nodiscard]] std::span<const std::uint8_t> exactly(std::uint64_t vaddr,
                                                      std::uint64_t length) const;
  /// A little-endian integer of 1, 2, 4 or 8 bytes; zeros behind a segment's bytes are read as
  /// such.
  [[nodiscard]] std::optional<std::uint64_t> word(std::uint64_t vaddr, unsigned width) const;
  /// The text up to the next NUL, of at most `limit` bytes; nothing where none ends. The zeros
  /// behind a segment's bytes end one too.
  [[nodiscard]] std::optional<std::string_view> text(std::uint64_t vaddr, std::size_t limit) const;
  [[nodiscard]] bool is_executable(std::uint64_t vaddr) const;

 private:
  struct Free {
    void operator()(std::uint8_t* bytes) const;
  };
  std::unique_ptr<std::uint8_t[], Free> bytes_;  ///< of all segments, one behind the other
  std::vector<Segment> segments_;
};

}  // namespace sysnare
