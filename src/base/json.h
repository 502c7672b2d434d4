#pragma once
// Where in this JSON file is the mistake? Every value knows its line and its path.
//
// nlohmann/json does the lexing; this tree exists because its own values forget where they stood,
// keep the last of two equal keys silently, and throw. Not modelled: comments, NaN, big integers
// (they are Reals, so an integer that does not fit 64 bits is refused where one is asked for).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace sysnare::json {

/// Deepest nesting that is read: profiles need 5, and a bound keeps recursion over the tree safe.
inline constexpr std::size_t kMaxDepth = 64;
/// Most values in one document, about 1 GB of memory at worst; Docker's default has 1,500.
inline constexpr std::size_t kMaxValues = 8u << 20;

class Value;
using Array = std::vector<Value>;
using Object = std::vector<std::pair<std::string, Value>>;  ///< in the order of the file

/// A number with a fraction or an exponent, or an integer that fits no 64 bits.
struct Real {
  double value = 0;
  std::string text;  ///< as it was written: messages show that, not what a double made of it
};

/// A JSON value with the line it starts on.
class Value {
 public:
  std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, Real, std::string, Array, Object>
      data = nullptr;
  std::uint32_t line = 0;

  /// "null", "a boolean", "a number", "a string", "an array", "an object".
  [[nodiscard]] std::string_view kind() const;
};

/// Parses one document. `name` stands in messages ("FILE:LINE: …").
///
/// Errors: kBadInput for anything that is not JSON, for a key that stands twice in one object, and
/// past kMaxDepth or kMaxValues.
Result<Value> parse(std::string_view text, std::string_view name);

/// A value together with file name and path, for readers: each getter either gives the typed value
/// or an Error "FILE:LINE: PATH: what is allowed, not what is there". Cheap to copy: holds
/// pointers; the Value and the name must outlive it.
class Cursor {
 public:
  Cursor(const Value& value, std::string_view name) : value_(&value), name_(name) {}

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const Value& value() const { return *value_; }
  [[nodiscard]] bool is_null() const;
  [[nodiscard]] bool is_string() const;
  [[nodiscard]] bool is_number() const;
  [[nodiscard]] bool is_object() const;
  [[nodiscard]] bool is_array() const;

  /// Errors: kBadInput when the value has another type or lies outside [low, high].
  [[nodiscard]] Result<std::string> string() const;
  [[nodiscard]] Result<bool> boolean() const;
  [[nodiscard]] Result<std::uint64_t> u64(std::uint64_t low = 0,
                                          std::uint64_t high = UINT64_MAX) const;
  [[nodiscard]] Result<double> number() const;
  /// Like u64, but also a string of decimal or 0x-hexadecimal digits.
  [[nodiscard]] Result<std::uint64_t> u64_or_hex() const;
  [[nodiscard]] Result<std::vector<Cursor>> items() const;
  [[nodiscard]] Result<std::vector<std::string>> strings() const;
  /// The members in file order, each with its key.
  [[nodiscard]] Result<std::vector<std::pair<std::string, Cursor>>> members() const;
  /// Member `key` of an object; kBadInput when it is missing.
  [[nodiscard]] Result<Cursor> at(std::string_view key) const;
  /// Whether this is an object with a member `key` that is not null.
  [[nodiscard]] bool has(std::string_view key) const;

  /// Optional members: `out` stays as it is where `key` is missing or null.
  /// Errors: kBadInput for another type, or a number above `high`.
  Result<void> read(std::string_view key, std::string& out) const;
  Result<void> read(std::string_view key, std::vector<std::string>& out) const;
  Result<void> read(std::string_view key, std::uint64_t& out,
                    std::uint64_t high = UINT64_MAX) const;
  /// The elements or members behind an optional `key`; none where it is missing or null.
  [[nodiscard]] Result<std::vector<Cursor>> items_of(std::string_view key) const;
  [[nodiscard]] Result<std::vector<std::pair<std::string, Cursor>>> members_of(
      std::string_view key) const;

  /// An Error that stands at this value: "FILE:LINE: PATH: " and the text.
  template <typename... Args>
  Failure fail(fmt::format_string<Args...> format, Args&&... args) const {
    return fail_text(fmt::vformat(format, fmt::make_format_args(args...)));
  }
  [[nodiscard]] Failure fail_text(std::string_view text) const;
  /// "FILE:LINE: PATH", for warnings.
  [[nodiscard]] std::string where() const;

 private:
  [[nodiscard]] const Value* find(std::string_view key) const;
  /// Member `key` where it is there and not null.
  [[nodiscard]] const Value* given(std::string_view key) const;
  [[nodiscard]] Cursor child(const Value& value, std::string path) const;
  [[nodiscard]] Failure wrong(std::string_view wanted) const;

  const Value* value_;
  std::string_view name_;
  std::string path_;
};

/// `text` as a JSON string with its quotes; bytes that are no UTF-8 become U+FFFD.
std::string quote(std::string_view text);

}  // namespace sysnare::json
