#pragma once
// What is in this tar archive, file by file? For .cc files of this room alone.
//
// Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended Header"; GNU tar's
// manual, "Basic Tar Format" (long names, numbers in base 256). Not modelled: sparse files
// (refused), owners and times.

#include <cstdint>
#include <string>

#include "base/result.h"
#include "elf/byte_stream.h"

namespace sysnare {

/// Longest path and link; PATH_MAX of Linux.
inline constexpr std::size_t kMaxTarPath = 4096;

struct TarEntry {
  enum class Type : std::uint8_t { kFile, kHardLink, kSymbolicLink, kDirectory, kOther };
  Type type = Type::kOther;
  std::string path;  ///< as it stands there: nothing is checked
  std::string link;
  std::uint64_t size = 0;    ///< of the data that follow
  std::uint64_t offset = 0;  ///< of the data, in the stream
  bool executable = false;
};

class TarReader {
 public:
  explicit TarReader(ByteStream& stream) : stream_(stream) {}
  /// The next entry; false at the end. What was not read of the last one is skipped.
  /// Errors: kBadInput naming archive and offset; kUnsupported for sparse files; of the stream.
  Result<bool> next(TarEntry& entry);
  /// Data of the entry, up to `size` bytes; 0 at their end. Errors: kBadInput where they are cut.
  Result<std::size_t> read(char* to, std::size_t size);

 private:
  struct Extended;
  Result<bool> next_header(std::string& block);
  Result<std::string> small_data(std::uint64_t size);
  Result<void> read_extended(std::uint64_t size, Extended& extended);
  Failure bad(std::string_view problem) const;

  ByteStream& stream_;
  std::uint64_t header_ = 0;   ///< where the current header stands
  std::uint64_t left_ = 0;     ///< bytes of data not read yet
  std::uint64_t padding_ = 0;  ///< behind them
};

}  // namespace sysnare
