#pragma once
// What are the bytes of this part of a file, one after another, inflated where they are gzipped?
// For .cc files of this room alone.
//
// Source: RFC 1952 (gzip; several members may follow each other). Read with pread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"

struct z_stream_s;

namespace sysnare {

class ByteStream {
 public:
  /// [offset, offset + size) of `file`, which stays open as long as this; `name` stands in
  /// messages. Errors: as read(); kUnsupported where it is compressed by zstd.
  static Result<ByteStream> open(int file, std::string name, std::uint64_t offset,
                                 std::uint64_t size);
  ByteStream(ByteStream&&) noexcept;
  ByteStream& operator=(ByteStream&&) noexcept;
  ~ByteStream();

  /// Reads up to `size` bytes; fewer only at the end. Errors: kBadInput naming file and offset for
  /// damaged gzip data; kLimit past kMaxArchiveBytes; kSystem.
  Result<std::size_t> read(char* to, std::size_t size);
  Result<void> skip(std::uint64_t size);
  /// How many bytes were read.
  [[nodiscard]] std::uint64_t position() const { return position_; }
  [[nodiscard]] bool compressed() const { return inflate_ != nullptr; }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  struct InflateEnd {
    void operator()(z_stream_s* stream) const;
  };
  ByteStream() = default;
  Result<std::size_t> read_file(char* to, std::size_t size);
  Result<std::size_t> read_inflated(char* to, std::size_t size);

  int file_ = -1;
  std::string name_;
  std::uint64_t next_ = 0;  ///< offset in the file
  std::uint64_t end_ = 0;
  std::uint64_t position_ = 0;
  std::unique_ptr<z_stream_s, InflateEnd> inflate_;
  bool member_ended_ = false;
  std::unique_ptr<std::array<char, 65536>> input_;
};

}  // namespace sysnare
