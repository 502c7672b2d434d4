// sysnare convert FILE: any dialect of profile or another program's format in, any of them out, or
// what a runtime makes of it.

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "cli/filter_input.h"
#include "cli/machine.h"
#include "cli/verb.h"
#include "flow/formats.h"
#include "profile/by_width.h"
#include "profile/plain.h"
#include "profile/runtime.h"

namespace sysnare::cli {
namespace {

constexpr std::string_view kVerb = "convert";

struct Wanted {
  std::string file;
  std::string out = "-";
  std::string to = "oci";
  std::string from;
  MachineWords machine;
  bool resolve = false;
  bool lossy = false;

  /// Whether a filter is wanted, which says more than a profile.
  [[nodiscard]] bool compiles() const { return is_filter_format(to); }
  /// Whether one machine's flat profile is wanted, not a file for every machine.
  [[nodiscard]] bool resolves() const {
    return resolve || !machine.as.empty() || (to != "docker" && to != "podman");
  }
};

std::vector<std::string_view> output_names() {
  std::vector<std::string_view> names;
  for (const ExportFormat& format : output_formats()) names.push_back(format.name);
  return names;
}

/// Options that do not go together, or words that are none; says so.
bool usable(const Wanted& wanted) {
  if (!is_output_format(wanted.to)) {
    const std::vector<std::string_view> names = output_names();
    complain(kVerb, fmt::format("--to: {}; there are: {}", unknown_word("format", wanted.to, names),
                                fmt::join(names, ", ")));
    return false;
  }
  const std::vector<std::string_view> inputs = input_formats();
  if (!wanted.from.empty() &&
      std::find(inputs.begin(), inputs.end(), wanted.from) == inputs.end()) {
    complain(kVerb,
             fmt::format("--from: {}; there are: {}", unknown_word("format", wanted.from, inputs),
                         fmt::join(inputs, ", ")));
    return false;
  }
  if (!wanted.resolves() && wanted.machine.names_machine()) {
    complain(kVerb,
             "--caps, --arch, --only-arch and --kernel go with --resolve, --as or a format other "
             "than docker and podman");
    return false;
  }
  if (!wanted.compiles() && !wanted.machine.unlisted_abi.empty()) {
    complain(kVerb,
             "--unlisted-abi goes with --to filter and --to c: no profile has a word for calls of "
             "ABIs that it does not list");
    return false;
  }
  return true;
}

/// The text that is to be written; complains of what is left out, and of what is unusable.
Result<Exported> exported(const Wanted& wanted, const Machine& machine, const Profile& profile) {
  const std::string title = title_of(wanted.file);
  std::vector<std::string> notes;
  std::optional<Profile> written;
  Exported filter;
  if (machine.as) {
    Result<RuntimeView> view = seen_by(machine, profile);
    if (!view) return propagate(view);
    notes = std::move(view->notes);
    if (wanted.compiles()) {
      // From the view itself: OCI has no words for all that a runtime does.
      Result<std::string> text =
          export_filter(view->resolved, wanted.to, printable(profile.source), title);
      if (!text) return propagate(text);
      filter = {std::move(*text), filter_losses(profile)};
    } else {
      written = flat_profile(view->resolved, notes);
    }
  } else {
    // Resolved in any case: that is where both kinds of architectures show.
    Result<PlainProfile> plain = plain_profile(profile, machine.options);
    if (!plain) return propagate(plain);
    if (wanted.resolves()) notes = std::move(plain->notes);
    // Without --resolve the writer itself begins at the file, whose places it can name.
    written = wanted.resolve ? std::move(plain->profile) : profile;
  }
  complain_each(kVerb, warnings_of(profile));
  complain_each(kVerb, unknown_names(profile));
  complain_each(kVerb, notes);
  if (!written) return filter;
  for (Entry& entry : written->entries) entry.singular_name = false;
  return export_as(*written, wanted.to, machine.options, title);
}

/// Whether losses may pass: none, or --lossy, which lists them.
bool accepted(const Wanted& wanted, const std::vector<std::string>& losses,
              std::string_view format) {
  if (losses.empty()) return true;
  if (!wanted.lossy) {
    complain(kVerb, lossy_error(format, losses));
    return false;
  }
  std::vector<std::string> warnings;
  for (const std::string& loss : losses) warnings.push_back("warning: " + printable(loss));
  complain_each(kVerb, warnings);
  return true;
}

/// The profile in the file, whatever its format; complains when there is none.
std::optional<Profile> read_profile(const Wanted& wanted, Abi arch) {
  Result<std::string> text = read_file(wanted.file);
  if (!text) {
    complain(kVerb, text.error());
    return std::nullopt;
  }
  const std::string name = wanted.file == "-" ? "standard input" : wanted.file;
  Result<Imported> imported = import_as(*text, name, wanted.from, arch);
  if (!imported) {
    complain(kVerb, imported.error());
    return std::nullopt;
  }
  if (!accepted(wanted, imported->losses, "a profile")) return std::nullopt;
  return std::move(imported->profile);
}

}  // namespace

int verb_convert(const Words& words) {
  CLI::App app(
      "Convert a seccomp profile of any dialect, or what systemd, minijail, Kubernetes or a "
      "compiled "
      "filter say, into any of these formats. What is left out is said on standard error; what the "
      "format cannot say is an error.",
      std::string(kVerb));
  Wanted wanted;
  app.add_option("FILE", wanted.file, "the profile; - is standard input")->required();
  app.add_option("-o", wanted.out, "where to write (default: standard output)");
  app.add_option("--to", wanted.to,
                 fmt::format("{} (default: oci)", fmt::join(output_names(), ", ")));
  app.add_option(
      "--from", wanted.from,
      fmt::format("what FILE is: {} (default: by its content)", fmt::join(input_formats(), ", ")));
  app.add_flag("--lossy", wanted.lossy,
               "write what the format can say, and list the rest as warnings");
  app.add_flag("--resolve", wanted.resolve,
               "resolve archMap, includes and excludes; always so but with docker and podman");
  add_machine_options(app, wanted.machine);
  const Parsed parsed = parse(app, words, kUsageError, false);
  if (parsed.leave) return parsed.status;
  if (!usable(wanted)) return kUsageError;
  Result<bool> narrow = by_width_of_word(wanted.machine.int_args);
  if (!narrow) return failed(kVerb, narrow.error());
  // A file is written by width, and so is what a runtime is to read; a filter is compiled so.
  const bool rewrites = *narrow && (!wanted.compiles() || !wanted.machine.as.empty());
  MachineWords words_of_machine = wanted.machine;
  if (rewrites) words_of_machine.int_args.clear();
  const Result<Machine> machine = machine_of(words_of_machine);
  if (!machine) return failed(kVerb, machine.error());

  std::optional<Profile> profile = read_profile(wanted, machine->options.arch);
  if (!profile) return kUnusableInput;
  if (rewrites) {
    Result<Profile> rewritten = by_width(*profile);
    if (!rewritten) return failed(kVerb, rewritten.error());
    profile = std::move(*rewritten);
  }
  const Result<Exported> text = exported(wanted, *machine, *profile);
  if (!text) return failed(kVerb, text.error());
  if (!accepted(wanted, text->losses, wanted.to)) return kUnusableInput;
  if (wanted.to == "filter" && wanted.out == "-" && isatty(STDOUT_FILENO) != 0) {
    complain(kVerb, "a filter is bytes, which are not for a terminal; give -o FILE or redirect");
    return kUsageError;
  }
  if (Result<void> done = write_file_atomic(wanted.out, text->text); !done) {
    complain(kVerb, done.error());
    return kUnusableInput;
  }
  return kOk;
}

}  // namespace sysnare::cli
