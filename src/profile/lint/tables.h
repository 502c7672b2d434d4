#pragma once
// Which calls belong together, and which let a program do much?

#include <span>
#include <string_view>

namespace sysnare::linting {

/// Calls that do the same, or of which one can do what the other does; separated by blanks.
struct Family {
  std::string_view does;  ///< "make a folder"
  std::string_view calls;
};
std::span<const Family> families();

/// A call that carries others, and those.
struct Multiplexer {
  std::string_view call;
  std::string_view carries;
};
std::span<const Multiplexer> multiplexers();

/// A call that reads from memory what another one takes in its arguments.
struct UnreadableSibling {
  std::string_view readable;
  std::string_view unreadable;
  std::string_view what;  ///< "the flags"
};
std::span<const UnreadableSibling> unreadable_siblings();

struct RiskyCall {
  std::string_view call;
  std::string_view why;
  unsigned weight;  ///< 1 needs a capability besides, 2 reaches other programs, 3 the kernel
};
std::span<const RiskyCall> risky_calls();  ///< sorted by call

}  // namespace sysnare::linting
