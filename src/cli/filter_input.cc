#include "cli/filter_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "cli/verb.h"
#include "filter/filter.h"
#include "filter/raw.h"
#include "flow/formats.h"

namespace sysnare::cli {
namespace {

/// Differences that are said one by one; the rest is counted.
constexpr std::size_t kShownResidue = 12;

}  // namespace

Result<FilterInput> filter_input(std::string_view text, const std::string& name,
                                 const Machine& machine) {
  FilterInput input;
  input.name = name;
  if (looks_like_filter(text)) {
    Result<std::vector<sock_filter>> program = parse_filter(text, name);
    if (!program) return propagate(program);
    input.program = std::move(*program);
    return input;
  }
  Result<Imported> imported = import_as(text, name, "", machine.options.arch);
  if (!imported) return propagate(imported);
  Profile* const profile = &imported->profile;
  Result<RuntimeView> view = seen_by(machine, *profile);
  if (!view) return propagate(view);
  input.notes = std::move(imported->losses);
  const std::vector<std::string> warnings = warnings_of(*profile);
  input.notes.insert(input.notes.end(), warnings.begin(), warnings.end());
  const auto unknown =
      machine.as ? unknown_names(*profile) : std::move(view->resolved.unknown_names);
  input.notes.insert(input.notes.end(), unknown.begin(), unknown.end());
  for (const std::string& note : view->notes) {
    input.notes.push_back(fmt::format("{}: {}", printable(name), note));
  }
  Result<Filter> filter = compile(view->resolved);
  if (!filter) return propagate(filter, "{}", printable(name));
  input.program = std::move(filter->program);
  input.profile = std::move(*profile);
  return input;
}

Result<FilterInput> read_filter_input(const std::string& path, const Machine& machine) {
  Result<std::string> text = read_file(path);
  if (!text) return propagate(text);
  return filter_input(*text, path == "-" ? "standard input" : path, machine);
}

Result<Imported> read_any_profile(const std::string& path, Abi arch, bool* is_json) {
  Result<std::string> text = read_file(path);
  if (!text) return propagate(text);
  const std::string name = path == "-" ? "standard input" : path;
  if (looks_like_filter(*text)) {
    if (const auto filter = parse_filter(*text, name); !filter) return Failure(filter.error());
    return fail(
        Errc::kBadInput,
        "{}: a filter, where a profile is wanted; `sysnare disasm --decompile` makes one of "
        "it",
        printable(name));
  }
  if (is_json != nullptr) *is_json = recognised_format(*text) == "oci";
  return import_as(*text, name, "", arch);
}

Result<void> runtime_reads_one(const Machine& machine, std::span<const FilterInput> inputs) {
  const bool any = std::any_of(inputs.begin(), inputs.end(),
                               [](const FilterInput& each) { return each.profile.has_value(); });
  if (!machine.as || any || inputs.empty()) return {};
  return fail(Errc::kUsage, "{}: --as goes with profiles, and this is a filter already",
              printable(inputs.front().name));
}

bool reads_stdin_twice(const std::vector<std::string>& paths) {
  return std::count(paths.begin(), paths.end(), "-") > 1;
}

std::string listing_text(std::span<const sock_filter> program, std::string_view indent) {
  const Result<std::string> text = disassemble(program);
  if (!text) return fmt::format("{}{}\n", indent, text.error().message);
  std::string shifted;
  for (const std::string_view line : split(*text, '\n')) {
    if (!line.empty()) shifted += fmt::format("{}{}\n", indent, line);
  }
  return shifted;
}

Result<std::string> decompiled_text(std::span<const sock_filter> program,
                                    const DecompileOptions& options, bool lossy,
                                    std::vector<std::string>& notes) {
  Result<Decompiled> made = decompile(program, options);
  if (!made) return propagate(made);
  if (Result<void> said = judge_residue(*made, lossy, notes); !said) {
    std::set<Abi> abis;
    for (const Difference& each : made->residue) {
      if (each.abi) abis.insert(*each.abi);
    }
    // A filter that does not ask for the architecture: one number is another call in each.
    Error error = said.error();
    if (options.abis.empty() && abis.size() > 1) {
      error.message += fmt::format(", --abi {} looks at that ABI alone", abi_name(native_abi()));
    }
    return Failure(std::move(error));
  }
  return write_profile(made->profile);
}

Result<void> judge_residue(const Decompiled& made, bool lossy, std::vector<std::string>& notes) {
  if (made.foreign_abi.value != SECCOMP_RET_KILL_PROCESS) {
    notes.push_back(fmt::format(
        "calls of ABIs that are not listed get `{}` by this filter; a profile has no word for "
        "that, and sysnare kills the process",
        action_label(made.foreign_abi)));
  }
  if (!made.repeating.empty()) {
    notes.push_back(
        fmt::format("an argument stands twice in an entry of {}: \"and\" by OCI and sysnare, "
                    "\"or\" to runc and "
                    "crun",
                    join_and(made.repeating)));
  }
  // rule_cover.h: what holds for no 64-bit register, and which libseccomp takes for less.
  const auto above_mask = [](const ArgCondition& each) {
    return each.op == Op::kMaskedEq && (each.value_two & ~each.value) != 0;
  };
  for (const Entry& entry : made.profile.entries) {
    if (std::none_of(entry.args.begin(), entry.args.end(), above_mask)) continue;
    notes.push_back(fmt::format(
        "an entry of {} is for 32-bit ABIs alone, by a valueTwo with a bit outside its mask: runc "
        "and crun drop the bit, and take the entry for 64-bit ABIs too",
        join_and(entry.names)));
  }
  if (!made.residue.empty()) {
    if (!lossy) {
      const std::size_t others = made.residue.size() - 1;
      return fail(Errc::kUnsupported, "no profile says all of it: {}{}; --lossy writes the rest",
                  residue_text(made.residue.front()),
                  others == 0 ? "" : fmt::format(", and {} more", others));
    }
    for (std::size_t i = 0; i < made.residue.size() && i < kShownResidue; ++i) {
      notes.push_back("not said: " + residue_text(made.residue[i]));
    }
    if (made.residue.size() > kShownResidue) {
      notes.push_back(fmt::format("not said: {} more; `sysnare diff FILTER PROFILE` lists them",
                                  made.residue.size() - kShownResidue));
    }
  }
  return {};
}

int failed(std::string_view verb, const Error& error) {
  complain(verb, error);
  return error.code == Errc::kUsage ? kUsageError : kUnusableInput;
}

}  // namespace sysnare::cli
