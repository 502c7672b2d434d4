// sysnare convert FILE: any dialect of profile in, plain OCI or Docker's out.

#include <fmt/format.h>
#include <sys/utsname.h>

#include <CLI/CLI.hpp>

#include "base/file.h"
#include "base/text.h"
#include "cli/verb.h"
#include "profile/plain.h"

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
  std::vector<std::string> caps;
  std::string arch;
  std::string kernel;
  bool resolve = false;
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
  return options;
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
  app.add_flag("--resolve", wanted.resolve,
               "resolve archMap, includes and excludes; always so with --to oci");
  app.add_option("--caps", wanted.caps, "capabilities of the container, A,B (default: none)")
      ->delimiter(',');
  app.add_option("--arch", wanted.arch, "its architecture (default: this machine's)");
  app.add_option("--kernel", wanted.kernel, "its kernel, MAJOR.MINOR (default: this one's)");
  const Parsed parsed = parse(app, words, kUsageError, false);
  if (parsed.leave) return parsed.status;

  if (wanted.to != "oci" && wanted.to != "docker") {
    complain(kVerb, fmt::format("--to: {}; there are: oci, docker",
                                unknown_word("format", wanted.to, {"oci", "docker"})));
    return kUsageError;
  }
  const bool resolves = wanted.resolve || wanted.to == "oci";
  if (!resolves && (!wanted.caps.empty() || !wanted.arch.empty() || !wanted.kernel.empty())) {
    complain(kVerb, "--caps, --arch and --kernel go with --resolve or --to oci");
    return kUsageError;
  }
  const std::optional<ResolveOptions> options = resolve_options(wanted);
  if (!options) return kUsageError;

  Result<Profile> profile = load_profile(wanted.file);
  if (!profile) {
    complain(kVerb, profile.error());
    return kUnusableInput;
  }
  // Resolved in any case: that is where both kinds of architectures and unknown names show.
  Result<PlainProfile> plain = plain_profile(*profile, *options);
  if (!plain) {
    complain(kVerb, plain.error());
    return kUnusableInput;
  }
  for (const std::string& warning : profile->warnings) complain(kVerb, warning);
  for (const std::string& name : unknown_names(*profile)) complain(kVerb, name);
  Profile written = *profile;
  if (resolves) {
    for (const std::string& note : plain->notes) complain(kVerb, note);
    written = std::move(plain->profile);
  }
  for (Entry& entry : written.entries) entry.singular_name = false;
  if (Result<void> done = write_file_atomic(wanted.out, write_profile(written)); !done) {
    complain(kVerb, done.error());
    return kUnusableInput;
  }
  return kOk;
}

}  // namespace sysnare::cli
