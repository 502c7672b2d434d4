#pragma once
// For which machine is a profile looked at? --caps, --arch and --kernel, as several verbs take
// them.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "profile/resolve.h"

namespace CLI {
class App;
}

namespace sysnare::cli {

struct MachineWords {
  std::vector<std::string> caps;
  std::string arch;
  std::string kernel;
};

/// Declares the three options.
void add_machine_options(CLI::App& app, MachineWords& words);

/// What was typed; complains as `verb` and gives nothing when a word is wrong. Defaults: no
/// capability, this machine's architecture, this kernel.
std::optional<ResolveOptions> machine_options(std::string_view verb, const MachineWords& words);

/// `text` broken at blanks to lines of at most `width` columns, each behind `indent` blanks; the
/// first line is not indented.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t width);

}  // namespace sysnare::cli
