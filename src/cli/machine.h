#pragma once
// For which machine is a profile looked at, and how is it compiled? The one place that declares
// these options and reads what was typed: --caps, --arch, --only-arch, --kernel, --int-args,
// --unlisted-abi and --as.
//
// Not here: --caps of `run`, whose default are the capabilities of the process.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/abi.h"
#include "base/result.h"
#include "enforce/live_profile.h"
#include "profile/resolve.h"
#include "profile/runtime.h"

namespace CLI {
class App;
}

namespace sysnare::cli {

struct MachineWords {
  std::vector<std::string> caps;
  std::string arch;
  std::string kernel;
  std::string int_args;
  std::string unlisted_abi;
  std::string as;
  bool only_arch = false;
  /// Whether any option says which machine it is.
  [[nodiscard]] bool names_machine() const {
    return !caps.empty() || !arch.empty() || !kernel.empty() || only_arch;
  }
  [[nodiscard]] bool given() const {
    return names_machine() || !int_args.empty() || !unlisted_abi.empty() || !as.empty();
  }
};

/// Which of the options a verb has.
enum MachineOptions : unsigned {
  kWhere = 1,        ///< --caps, --arch, --only-arch, --kernel
  kIntArgs = 2,      ///< --int-args
  kUnlistedAbi = 4,  ///< --unlisted-abi
  kAs = 8,           ///< --as
  kAllMachineOptions = kWhere | kIntArgs | kUnlistedAbi | kAs,
};

/// Declares those of `which`, a sum of MachineOptions.
void add_machine_options(CLI::App& app, MachineWords& words, unsigned which = kAllMachineOptions);
/// Declares the same with -b behind them, for the second of two files.
void add_second_machine_options(CLI::App& app, MachineWords& words);

struct Machine {
  ResolveOptions options;
  std::optional<Runtime> as;  ///< empty: plain OCI
};
/// What was typed. Defaults: no capability, this machine's architecture, this kernel, whole
/// registers, kill the process. Errors: kUsage.
Result<Machine> machine_of(const MachineWords& words);
/// The machine of the second file: what `second` does not say is as in `first`.
Result<Machine> second_machine_of(const MachineWords& first, const MachineWords& second);

/// A capability by the words that people write. Errors: kUsage, with the nearest name.
Result<std::string> capability_of_word(std::string_view word);
/// An ABI by name. Errors: kUsage, with the names that there are.
Result<Abi> abi_of_word(std::string_view option, std::string_view word);
/// Whether --int-args says by-width. Errors: kUsage.
Result<bool> by_width_of_word(std::string_view word);
/// What --unlisted-abi says. Errors: kUsage, for what would let calls through too.
Result<ActionValue> unlisted_abi_of_word(std::string_view word);

/// Takes --int-args and --unlisted-abi over into `options`; complains as `verb` and gives false
/// when a word is wrong.
bool take_compile_options(std::string_view verb, const MachineWords& words,
                          LiveProfileOptions& options);

/// A profile as `machine` sees it: as plain OCI or as its runtime enforces it, with what is to be
/// said of that. Errors: those of resolve() and as_runtime().
Result<RuntimeView> seen_by(const Machine& machine, const Profile& profile);

/// `text` broken at blanks to lines of at most `width` columns, each behind `indent` blanks; the
/// first line is not indented.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t width);

}  // namespace sysnare::cli
