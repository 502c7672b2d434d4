#include "elf/tokens.h"

namespace sysnare {
namespace {

bool goes_on(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

std::size_t token_length(std::string_view text, std::string_view name) {
  if (!text.starts_with('$')) return 0;
  const std::string_view behind = text.substr(1);
  if (behind.starts_with(name)) {
    const bool ends = behind.size() == name.size() || !goes_on(behind[name.size()]);
    return ends ? 1 + name.size() : 0;
  }
  const bool in_braces = behind.starts_with('{') && behind.substr(1).starts_with(name) &&
                         behind.substr(1 + name.size()).starts_with('}');
  return in_braces ? name.size() + 3 : 0;
}

std::string with_token(std::string_view text, std::string_view name, std::string_view value) {
  std::string replaced;
  while (!text.empty()) {
    const std::size_t length = token_length(text, name);
    if (length != 0) {
      replaced += value;
    } else {
      replaced += text.front();
    }
    text.remove_prefix(length != 0 ? length : 1);
  }
  return replaced;
}

}  // namespace sysnare
