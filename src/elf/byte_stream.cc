#include "elf/byte_stream.h"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "elf/closure.h"

namespace sysnare {
namespace {

/// windowBits of inflateInit2: the largest window, and a header of gzip.
constexpr int kGzipWindow = 15 + 16;

}  // namespace

ByteStream::ByteStream(ByteStream&&) noexcept = default;
ByteStream& ByteStream::operator=(ByteStream&&) noexcept = default;
ByteStream::~ByteStream() = default;

void ByteStream::InflateEnd::operator()(z_stream_s* stream) const {
  ::inflateEnd(stream);
  delete stream;
}

Result<ByteStream> ByteStream::open(int file, std::string name, std::uint64_t offset,
                                    std::uint64_t size) {
  ByteStream stream;
  stream.file_ = file;
  stream.name_ = std::move(name);
  stream.next_ = offset;
  stream.end_ = offset + size;
  char magic[4] = {};
  Result<std::size_t> got = stream.read_file(magic, sizeof magic);
  if (!got) return propagate(got);
  stream.next_ = offset;
  const std::string_view front(magic, *got);
  if (front.starts_with("\x28\xb5\x2f\xfd")) {
    return fail(Errc::kUnsupported,
                "{}: offset {:#x}: compressed by zstd; save the image with gzip or uncompressed",
                stream.name_, offset);
  }
  if (front.starts_with("\x1f\x8b")) {
    stream.inflate_.reset(new z_stream_s{});
    if (::inflateInit2(stream.inflate_.get(), kGzipWindow) != Z_OK) {
      return fail(Errc::kSystem, "{}: cannot begin to inflate", stream.name_);
    }
    stream.input_ = std::make_unique<std::array<char, 65536>>();
  }
  return stream;
}

Result<std::size_t> ByteStream::read_file(char* to, std::size_t size) {
  std::size_t done = 0;
  while (done < size && next_ < end_) {
    const std::size_t part = std::min<std::uint64_t>(size - done, end_ - next_);
    const ssize_t got = ::pread(file_, to + done, part, static_cast<off_t>(next_));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "{}: offset {:#x}: cannot read", name_, next_);
    if (got == 0) break;  // it was cut while we read it
    done += static_cast<std::size_t>(got);
    next_ += static_cast<std::uint64_t>(got);
  }
  return done;
}

Result<std::size_t> ByteStream::read_inflated(char* to, std::size_t size) {
  z_stream_s& stream = *inflate_;
  stream.next_out = reinterpret_cast<Bytef*>(to);
  stream.avail_out = static_cast<uInt>(size);
  while (stream.avail_out > 0) {
    if (stream.avail_in == 0) {
      Result<std::size_t> got = read_file(input_->data(), input_->size());
      if (!got) return propagate(got);
      stream.next_in = reinterpret_cast<Bytef*>(input_->data());
      stream.avail_in = static_cast<uInt>(*got);
      if (*got == 0 && member_ended_) break;
      if (*got == 0) {
        return fail(Errc::kBadInput, "{}: offset {:#x}: the gzip data end too early", name_, next_);
      }
    }
    if (member_ended_) {
      // What follows the last member may be padding.
      if (*stream.next_in != 0x1f) break;
      ::inflateReset(&stream);
      member_ended_ = false;
    }
    const int state = ::inflate(&stream, Z_NO_FLUSH);
    if (state == Z_STREAM_END) {
      member_ended_ = true;
    } else if (state != Z_OK && state != Z_BUF_ERROR) {
      return fail(Errc::kBadInput, "{}: offset {:#x}: damaged gzip data", name_,
                  next_ - stream.avail_in);
    }
  }
  return size - stream.avail_out;
}

Result<std::size_t> ByteStream::read(char* to, std::size_t size) {
  size = std::min<std::size_t>(size, 1u << 30);  // what zlib counts in
  Result<std::size_t> got = compressed() ? read_inflated(to, size) : read_file(to, size);
  if (!got) return got;
  position_ += *got;
  if (position_ > kMaxArchiveBytes) {
    return fail(Errc::kLimit, "{}: more than {} bytes, once inflated", name_, kMaxArchiveBytes);
  }
  return got;
}

Result<void> ByteStream::skip(std::uint64_t size) {
  if (!compressed()) {
    const std::uint64_t part = std::min(size, end_ - next_);
    next_ += part;
    position_ += part;
    return {};
  }
  std::array<char, 65536> dropped{};
  while (size > 0) {
    Result<std::size_t> got = read(dropped.data(), std::min<std::uint64_t>(size, dropped.size()));
    if (!got) return propagate(got);
    if (*got == 0) break;
    size -= *got;
  }
  return {};
}

}  // namespace sysnare
