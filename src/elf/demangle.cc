#include "elf/demangle.h"

#include <cxxabi.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <memory>

namespace sysnare {
namespace {

/// Most back references in one name. Each can double what it stands for, so 60 of them in a symbol
/// of 200 bytes make __cxa_demangle write gigabytes; with 24 (8 levels of 3) it is at worst a few
/// MB.
constexpr int kMaxBackReferences = 24;

bool is_upper_or_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); }

/// Counts what may be a substitution or template parameter: S_, S1A_, T_, T0_.
int back_references(std::string_view symbol) {
  int count = 0;
  for (std::size_t i = 0; i < symbol.size(); ++i) {
    if (symbol[i] != 'S' && symbol[i] != 'T') continue;
    std::size_t end = i + 1;
    while (end < symbol.size() && is_upper_or_digit(symbol[end])) ++end;
    if (end < symbol.size() && symbol[end] == '_') ++count;
  }
  return count;
}

/// Legacy Rust names are C++ ones with a hash as last part: "core::fmt::write::h0123456789abcdef".
void cut_rust_hash(std::string& name) {
  constexpr std::size_t kHash = 19;  // "::h" and 16 digits
  if (name.size() <= kHash) return;
  const std::string_view tail = std::string_view(name).substr(name.size() - kHash);
  if (tail.starts_with("::h") && std::all_of(tail.begin() + 3, tail.end(), [](char c) {
        return std::isxdigit(static_cast<unsigned char>(c)) != 0;
      })) {
    name.resize(name.size() - kHash);
  }
}

}  // namespace

std::string demangle(std::string_view symbol) {
  std::string name(symbol.substr(0, kMaxMangled + 1));
  if (name.starts_with("_Z") && name.size() <= kMaxMangled &&
      back_references(name) <= kMaxBackReferences) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> text(
        abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), &std::free);
    if (text != nullptr && status == 0) {
      name = text.get();
      cut_rust_hash(name);
    }
  }
  // Go's linker names the assembly-convention twin of a function so (cmd/link, symbol versions).
  if (name.ends_with(".abi0")) name.resize(name.size() - std::string_view(".abi0").size());
  if (name.size() > kMaxFunctionName) {
    name.resize(kMaxFunctionName);
    name += "…";
  }
  return name;
}

}  // namespace sysnare
