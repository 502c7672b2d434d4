#pragma once
// What does a word on the command line name: a profile, or a filter?

#include <linux/filter.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/machine.h"
#include "filter/decompile.h"
#include "profile/import.h"

namespace sysnare::cli {

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
/// Errors: kBadInput and those of reading and compiling, with the name of the file.
Result<FilterInput> read_filter_input(const std::string& path, const Machine& machine);
/// The same of a text that is there already.
Result<FilterInput> filter_input(std::string_view text, const std::string& name,
                                 const Machine& machine);

/// A filter is what it is, whichever runtime `machine` names: kUsage where none of `inputs` is a
/// profile, and naming one says nothing.
Result<void> runtime_reads_one(const Machine& machine, std::span<const FilterInput> inputs);

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
