#include "cli/filter_input.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>

#include "base/file.h"
#include "base/text.h"
#include "cli/verb.h"
#include "filter/filter.h"
#include "filter/raw.h"
#include "flow/formats.h"

namespace sysnare::cli {
namespace {

KernelVersion running_kernel() {
  utsname names{};
  if (uname(&names) != 0) return ResolveOptions{}.kernel;
  // "6.18.5-amd64": the first two numbers.
  const std::string_view release = names.release;
  const std::size_t dot = release.find('.');
  if (dot == std::string_view::npos) return ResolveOptions{}.kernel;
  const std::size_t end = release.find_first_not_of("0123456789", dot + 1);
  return kernel_version(release.substr(0, end)).value_or(ResolveOptions{}.kernel);
}

/// Words that --caps takes: CAP_NET_RAW, NET_RAW, cap_net_raw.
std::string capability(std::string_view word) {
  std::string name(word);
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name.starts_with("CAP_") ? name : "CAP_" + name;
}

/// Differences that are said one by one; the rest is counted.
constexpr std::size_t kShownResidue = 12;

}  // namespace

void add_side_options(CLI::App& app, SideWords& words) {
  app.add_option("--as", words.as,
                 "as this runtime enforces it: kernel, runc, crun, docker, podman (default: what "
                 "plain OCI says)")
      ->type_name("RUNTIME");
  app.add_option("--caps", words.caps, "capabilities of the container (default: none)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("A,B");
  app.add_option("--arch", words.arch, "its architecture (default: this machine's)")
      ->type_name("ARCH");
  app.add_flag("--only-arch", words.only_arch, "leave out what archMap adds to it");
  app.add_option("--kernel", words.kernel, "its kernel (default: this one's)")
      ->type_name("MAJOR.MINOR");
}

void add_second_side_options(CLI::App& app, SideWords& words) {
  app.add_option("--as-b", words.as, "the runtime of B, where it is another than of A")
      ->type_name("RUNTIME");
  app.add_option("--caps-b", words.caps, "and its capabilities")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("A,B");
  app.add_option("--arch-b", words.arch, "and its architecture")->type_name("ARCH");
  app.add_flag("--only-arch-b", words.only_arch, "for B alone");
  app.add_option("--kernel-b", words.kernel, "and its kernel")->type_name("MAJOR.MINOR");
}

Result<Abi> abi_of_word(std::string_view option, std::string_view word) {
  if (const auto abi = abi_by_name(word)) return *abi;
  std::vector<std::string_view> names;
  for (const Abi each : all_abis()) names.push_back(abi_name(each));
  return fail(Errc::kUsage, "{}: {}; there are: {}", option,
              unknown_word("architecture", word, names), fmt::join(names, ", "));
}

Result<Side> machine_of(const SideWords& words) {
  Side machine;
  ResolveOptions& options = machine.options;
  options.kernel = running_kernel();
  options.sub_architectures = !words.only_arch;
  for (const std::string& cap : words.caps) options.caps.push_back(capability(cap));
  if (!words.arch.empty()) {
    Result<Abi> abi = abi_of_word("--arch", words.arch);
    if (!abi) return propagate(abi);
    options.arch = *abi;
  }
  if (!words.kernel.empty()) {
    const auto kernel = kernel_version(words.kernel);
    if (!kernel) {
      return fail(Errc::kUsage,
                  "--kernel: \"{}\" is no kernel version, give MAJOR.MINOR such as 5.4",
                  printable(words.kernel));
    }
    options.kernel = *kernel;
  }
  if (!words.as.empty()) {
    machine.as = runtime_by_name(words.as);
    if (!machine.as) {
      return fail(Errc::kUsage, "--as: {}; there are: {}",
                  unknown_word("runtime", words.as, known_runtimes()),
                  fmt::join(known_runtimes(), ", "));
    }
  }
  return machine;
}

Result<Side> second_machine_of(const SideWords& first, const SideWords& second) {
  SideWords words = first;
  if (!second.caps.empty()) words.caps = second.caps;
  if (!second.arch.empty()) words.arch = second.arch;
  if (!second.kernel.empty()) words.kernel = second.kernel;
  if (!second.as.empty()) words.as = second.as;
  words.only_arch |= second.only_arch;
  return machine_of(words);
}

Result<FilterInput> filter_input(std::string_view text, const std::string& name,
                                 const Side& machine) {
  FilterInput input;
  input.name = name;
  if (looks_like_filter(text)) {
    if (text.starts_with("\x7f"
                         "ELF")) {
      return fail(Errc::kBadInput, "{}: a program, where a profile or a filter is wanted",
                  printable(name));
    }
    if (machine.as) {
      return fail(Errc::kUsage, "{}: --as goes with profiles, and this is a filter already",
                  printable(name));
    }
    Result<std::vector<sock_filter>> program = parse_filter(text, name);
    if (!program) return propagate(program);
    input.program = std::move(*program);
    return input;
  }
  Result<Imported> imported = import_as(text, name, "", machine.options.arch);
  if (!imported) return propagate(imported);
  Profile* const profile = &imported->profile;
  Result<ResolvedProfile> flat = resolve(*profile, machine.options);
  if (!flat) return propagate(flat);
  input.notes = std::move(imported->losses);
  input.notes.insert(input.notes.end(), profile->warnings.begin(), profile->warnings.end());
  input.notes.insert(input.notes.end(), flat->unknown_names.begin(), flat->unknown_names.end());
  if (machine.as) {
    Result<RuntimeView> view = as_runtime(*profile, machine.options, *machine.as);
    if (!view) return propagate(view, "{}", printable(name));
    for (const std::string& note : view->notes) {
      input.notes.push_back(fmt::format("{}: {}", printable(name), note));
    }
    *flat = std::move(view->resolved);
  }
  Result<Filter> filter = compile(*flat);
  if (!filter) return propagate(filter, "{}", printable(name));
  input.program = std::move(filter->program);
  input.profile = std::move(*profile);
  return input;
}

Result<FilterInput> read_filter_input(const std::string& path, const Side& machine) {
  Result<std::string> text = read_file(path);
  if (!text) return propagate(text);
  return filter_input(*text, path == "-" ? "standard input" : path, machine);
}

Result<Imported> read_any_profile(const std::string& path, Abi arch, bool* is_json) {
  Result<std::string> text = read_file(path);
  if (!text) return propagate(text);
  const std::string name = path == "-" ? "standard input" : path;
  if (looks_like_filter(*text)) {
    return fail(
        Errc::kBadInput,
        "{}: no profile but bytes; if they are a filter, `sysnare disasm --decompile` makes "
        "a profile of it",
        printable(name));
  }
  if (is_json != nullptr) *is_json = recognised_format(*text) == "oci";
  return import_as(*text, name, "", arch);
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
  if (Result<void> said = judge_residue(*made, lossy, notes); !said) return propagate(said);
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
