#pragma once
// What is wrong with these words, before anything is done with them? In a sentence of ours.
//
// CLI11 2.1 assigns the words to variables, and says of mistakes "The following argument was not
// expected"; it also takes `-o --json` for a file name, `--output= x` for `--output x`, and the
// word behind a list for one more of it. So the words are walked through here first, and an option
// takes one value. Order of options and words, clusters (-fp 12) and negative numbers are as there.

#include <optional>
#include <string>

#include "cli/verb.h"

namespace CLI {
class App;
}

namespace sysnare::cli {

/// The first mistake in `words`, none where --help stands among them. With `takes_command` the
/// options end at `--` or at the first word that is no option.
std::optional<std::string> usage_mistake(const CLI::App& app, const Words& words,
                                         bool takes_command);

}  // namespace sysnare::cli
