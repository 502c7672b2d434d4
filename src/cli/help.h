#pragma once
// How does `--help` of a verb look? As `usage:`, what the verb does, and one aligned row an option.
//
// CLI11's own layout names no command behind the options and breaks no line; this one does both and
// is the same at any width of the terminal, so that it can be pinned (tests/golden/help/).

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace sysnare::cli {

/// Widest line of a help text; fits the 80 columns of a default terminal.
inline constexpr std::size_t kHelpWidth = 79;

/// The help text of the verb `app`, whose usage line ends with `command` ("[--] COMMAND..."); its
/// footer is printed as it is. Every option must be declared.
std::string help_text(const CLI::App& app, std::string_view command);

}  // namespace sysnare::cli
