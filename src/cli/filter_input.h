#pragma once
// What does a word on the command line name: a profile, or a filter? And for which machine is a
// profile meant?

#include <linux/filter.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "filter/decompile.h"
#include "profile/import.h"
#include "profile/resolve.h"
#include "profile/runtime.h"

namespace CLI {
class App;
}

namespace sysnare::cli {

/// The options that say for which machine a profile is resolved, and by whom.
struct SideWords {
  std::vector<std::string> caps;
  std::string arch;
  std::string kernel;
  std::string as;
  bool only_arch = false;
  [[nodiscard]] bool given() const {
    return !caps.empty() || !arch.empty() || !kernel.empty() || !as.empty() || only_arch;
  }
};
/// Adds --caps, --arch, --only-arch, --kernel and --as.
void add_side_options(CLI::App& app, SideWords& words);
/// Adds the same with -b behind them, for the second of two files.
void add_second_side_options(CLI::App& app, SideWords& words);

struct Side {
  ResolveOptions options;
  std::optional<Runtime> as;  ///< empty: plain OCI
};
/// Errors: kUsage.
Result<Side> machine_of(const SideWords& words);
/// The machine of the second file: what `second` does not say is as in `first`.
Result<Side> second_machine_of(const SideWords& first, const SideWords& second);

/// An ABI by name. Errors: kUsage, with the names that there are.
Result<Abi> abi_of_word(std::string_view option, std::string_view word);

/// A profile or filter that was read, and the filter that it means.
struct FilterInput {
  std::string name;  ///< for messages
  std::optional<Profile> profile;
  std::vector<sock_filter> program;
  std::vector<std::string> notes;  ///< odd things about it; for stderr
};

/// Reads `path` ("-" is standard input): a profile of any format, which is compiled, or a filter's
/// bytes. What of another program's file is not read is in the notes.
///
/// Errors: kBadInput and those of reading and compiling, with the name of the file; kUsage for a
/// filter with a runtime.
Result<FilterInput> read_filter_input(const std::string& path, const Side& machine);
/// The same of a text that is there already.
Result<FilterInput> filter_input(std::string_view text, const std::string& name,
                                 const Side& machine);

/// A profile of any format that import_as() (flow/formats.h) reads, and whether that is JSON; a
/// filter's bytes are an Error.
Result<Imported> read_any_profile(const std::string& path, Abi arch, bool* is_json = nullptr);

/// Whether two of `paths` are standard input, which can be read once.
bool reads_stdin_twice(const std::vector<std::string>& paths);

/// A filter's instructions as text, one a line, each line behind `indent`.
std::string listing_text(std::span<const sock_filter> program, std::string_view indent);

/// The profile of a filter as JSON text. What it decides otherwise is added to `notes`, and without
/// `lossy` is an Error. Errors: also those of decompile().
Result<std::string> decompiled_text(std::span<const sock_filter> program,
                                    const DecompileOptions& options, bool lossy,
                                    std::vector<std::string>& notes);

/// What `made` does not say is added to `notes`, and without `lossy` is an Error.
Result<void> judge_residue(const Decompiled& made, bool lossy, std::vector<std::string>& notes);

/// 2 for a usage error, else 3; the message is printed.
int failed(std::string_view verb, const Error& error);

}  // namespace sysnare::cli
