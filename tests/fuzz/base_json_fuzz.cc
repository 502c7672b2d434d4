// Whatever stands in a file, json::parse gives a tree or one printable sentence, and what
// json::quote writes, json::parse reads.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/json.h"

namespace {

using sysnare::json::Cursor;

void require(bool holds) {
  if (!holds) std::abort();
}

/// Calls every getter of every value: wrong types must come back as errors, not as exceptions.
void walk(const Cursor& at) {
  (void)at.string();
  (void)at.boolean();
  (void)at.u64(0, 5);
  (void)at.u64_or_hex();
  (void)at.number();
  (void)at.strings();
  if (const auto items = at.items()) {
    for (const Cursor& item : *items) walk(item);
  }
  if (const auto members = at.members()) {
    for (const auto& [key, value] : *members) {
      require(at.at(key).has_value());
      walk(value);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto value = sysnare::json::parse(text, "input")) {
    walk(Cursor(*value, "input"));
  } else {
    const std::string& message = value.error().message;
    require(message.starts_with("input:"));
    // The sentence goes to a terminal: no line break and no control character of the input's.
    for (const char c : message) require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  }
  require(sysnare::json::parse(sysnare::json::quote(text), "quoted").has_value());
  return 0;
}
