#pragma once
// How is the evidence of a scan kept in bytes that are read again in a millisecond?
//
// For the cache alone: what a scan says and nothing else of Evidence. Numbers are 8 bytes, texts
// and lists have their length in front. Not modelled: other machines, other versions (the cache's
// header has them).

#include <optional>
#include <string>
#include <string_view>

#include "evidence/evidence.h"

namespace sysnare {

/// Appends to bytes, and takes from them.
class ResultWriter {
 public:
  void number(std::uint64_t value);
  void text(std::string_view text);
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class ResultReader {
 public:
  explicit ResultReader(std::string_view bytes) : left_(bytes) {}

  /// 0 and "" once something was cut: ask good() before what was read is used.
  std::uint64_t number();
  std::string text();
  /// A number of things of at least `size` bytes each; 0, and no longer good, where they cannot be.
  std::size_t count(std::size_t size);
  void fail() { good_ = false; }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool at_end() const { return left_.empty(); }

 private:
  std::string_view left_;
  bool good_ = true;
};

void put_evidence(ResultWriter& writer, const Evidence& evidence);
/// Nothing for bytes that put_evidence() did not write.
std::optional<Evidence> take_evidence(ResultReader& reader);

}  // namespace sysnare
