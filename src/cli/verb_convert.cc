// sysnare convert FILE: any dialect of profile in, plain OCI or Docker's out, or what a runtime
// makes of it.

#include <fmt/format.h>
#include <sys/utsname.h>

#include <CLI/CLI.hpp>

#include "base/file.h"
#include "base/text.h"
#include "cli/verb.h"
#include "profile/plain.h"
#include "profile/runtime.h"

namespace sysnare::cli {
namespace {

constexpr std::string_view kVerb = "convert";

KernelVersion running_kernel() {
  utsname names{};
  if (uname(&names) != 0) return ResolveOptions{}.kernel;
  // "6.18.5-amd64": the first two numbers.
  const std::string_view release = names.release;
  const std::size_t dot = release.find('.');
  const std::size_t end = release.find_first_not_of("0123456789", dot + 1);
  return kernel_version(release.substr(0, end)).value_or(ResolveOptions{}.kernel);
}

/// Words that --caps takes: CAP_NET_RAW, NET_RAW, cap_net_raw.
std::string capability(std::string_view word) {
  std::string name(word);
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name.starts_with("CAP_") ? name : "CAP_" + name;
}

struct Wanted {
  std::string file;
  std::string out = "-";
  std::string to = "oci";
  std::string as;
  std::vector<std::string> caps;
  std::string arch;
  std::string kernel;
  bool resolve = false;
  bool only_arch = false;

  /// Whether one machine's flat profile is wanted, not a file for every machine.
  [[nodiscard]] bool resolves() const { return resolve || to == "oci" || !as.empty(); }
};

/// Options that depend on the words; complains and gives nothing when one is wrong.
std::optional<ResolveOptions> resolve_options(const Wanted& wanted) {
  ResolveOptions options;
  options.kernel = running_kernel();
  for (const std::string& cap : wanted.caps) options.caps.push_back(capability(cap));
  if (!wanted.arch.empty()) {
    const auto abi = abi_by_name(wanted.arch);
    if (!abi) {
      std::vector<std::string_view> names;
      for (const Abi each : all_abis()) names.push_back(abi_name(each));
      complain(kVerb, fmt::format("--arch: {}; there are: {}",
                                  unknown_word("architecture", wanted.arch, names),
                                  fmt::join(names, ", ")));
      return std::nullopt;
    }
    options.arch = *abi;
  }
  if (!wanted.kernel.empty()) {
    const auto kernel = kernel_version(wanted.kernel);
    if (!kernel) {
      complain(kVerb,
               fmt::format("--kernel: \"{}\" is no kernel version, give MAJOR.MINOR such as 5.4",
                           printable(wanted.kernel)));
      return std::nullopt;
    }
    options.kernel = *kernel;
  }
  options.sub_architectures = !wanted.only_arch;
  return options;
}

/// Options that do not go together, or words that are none; says so.
bool usable(const Wanted& wanted) {
  if (wanted.to != "oci" && wanted.to != "docker") {
    complain(kVerb, fmt::format("--to: {}; there are: oci, docker",
                                unknown_word("format", wanted.to, {"oci", "docker"})));
    return false;
  }
  if (!wanted.as.empty() && !runtime_by_name(wanted.as)) {
    complain(kVerb, fmt::format("--as: {}; there are: {}",
                                unknown_word("runtime", wanted.as, known_runtimes()),
                                fmt::join(known_runtimes(), ", ")));
    return false;
  }
  const bool names_machine =
      !wanted.caps.empty() || !wanted.arch.empty() || !wanted.kernel.empty() || wanted.only_arch;
  if (!wanted.resolves() && names_machine) {
    complain(kVerb, "--caps, --arch, --only-arch and --kernel go with --resolve, --as or --to oci");
    return false;
  }
  return true;
}

/// The profile that is to be written; complains of what is left out, and of what is unusable.
std::optional<Profile> converted(const Wanted& wanted, const ResolveOptions& options,
                                 const Profile& profile) {
  std::vector<std::string> notes;
  Profile written = profile;
  if (!wanted.as.empty()) {
    Result<RuntimeView> view = as_runtime(profile, options, *runtime_by_name(wanted.as));
    if (!view) {
      complain(kVerb, view.error());
      return std::nullopt;
    }
    notes = std::move(view->notes);
    written = flat_profile(view->resolved, notes);
  } else {
    // Resolved in any case: that is where both kinds of architectures show.
    Result<PlainProfile> plain = plain_profile(profile, options);
    if (!plain) {
      complain(kVerb, plain.error());
      return std::nullopt;
    }
    if (wanted.resolves()) {
      notes = std::move(plain->notes);
      written = std::move(plain->profile);
    }
  }
  for (const std::string& warning : profile.warnings) complain(kVerb, warning);
  for (const std::string& name : unknown_names(profile)) complain(kVerb, name);
  for (const std::string& note : notes) complain(kVerb, note);
  for (Entry& entry : written.entries) entry.singular_name = false;
  return written;
}

}  // namespace

int verb_convert(const Words& words) {
  CLI::App app(
      "Convert a seccomp profile of any dialect into plain OCI or Docker's JSON. "
      "What is left out is said on standard error.",
      std::string(kVerb));
  Wanted wanted;
  app.add_option("FILE", wanted.file, "the profile; - is standard input")->required();
  app.add_option("-o", wanted.out, "where to write (default: standard output)");
  app.add_option("--to", wanted.to, "oci or docker (default: oci)");
  app.add_option("--as", wanted.as,
                 "what this runtime enforces: kernel, runc, crun, docker or podman");
  app.add_flag("--resolve", wanted.resolve,
               "resolve archMap, includes and excludes; always so with --to oci");
  app.add_option("--caps", wanted.caps, "capabilities of the container, A,B (default: none)")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--arch", wanted.arch, "its architecture (default: this machine's)");
  app.add_flag("--only-arch", wanted.only_arch, "without the sub-architectures of archMap");
  app.add_option("--kernel", wanted.kernel, "its kernel, MAJOR.MINOR (default: this one's)");
  const Parsed parsed = parse(app, words, kUsageError, false);
  if (parsed.leave) return parsed.status;
  if (!usable(wanted)) return kUsageError;
  const std::optional<ResolveOptions> options = resolve_options(wanted);
  if (!options) return kUsageError;

  Result<Profile> profile = load_profile(wanted.file);
  if (!profile) {
    complain(kVerb, profile.error());
    return kUnusableInput;
  }
  const std::optional<Profile> written = converted(wanted, *options, *profile);
  if (!written) return kUnusableInput;
  if (Result<void> done = write_file_atomic(wanted.out, write_profile(*written)); !done) {
    complain(kVerb, done.error());
    return kUnusableInput;
  }
  return kOk;
}

}  // namespace sysnare::cli
