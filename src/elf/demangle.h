#pragma once
// What is this symbol called in its language? C++ by libstdc++, legacy Rust by cutting its hash.
//
// Not modelled: Rust's v0 mangling, D, Swift: those names stay as they are.

#include <string>
#include <string_view>

namespace sysnare {

/// Longest symbol that is demangled, and longest name that is given back (cut, with "…" behind).
inline constexpr std::size_t kMaxMangled = 2048;
inline constexpr std::size_t kMaxFunctionName = 1024;

/// The readable name; `symbol` itself where it is not mangled or cannot be demangled within bounds.
std::string demangle(std::string_view symbol);

}  // namespace sysnare
