#include "cli/machine.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>

#include "arch/capabilities.h"
#include "arch/syscalls.h"
#include "base/text.h"
#include "cli/verb.h"

namespace sysnare::cli {
namespace {

constexpr std::string_view kRegister = "register";
constexpr std::string_view kByWidth = "by-width";
constexpr std::string_view kErrnoIs = "errno=";

/// No ALLOW and no LOG: calls of another ABI have other numbers, and a filter that lets them pass
/// can be walked around (docs/lint/foreign-architectures.md).
constexpr std::pair<std::string_view, ActionValue> kUnlisted[] = {
    {"kill-process", {SECCOMP_RET_KILL_PROCESS}},
    {"kill-thread", {SECCOMP_RET_KILL_THREAD}},
    {"errno", {SECCOMP_RET_ERRNO | ENOSYS}},
    {"trap", {SECCOMP_RET_TRAP}},
};

/// The options are the same for a second file, with a suffix and in words that refer to the first.
struct Texts {
  std::string_view suffix;
  std::string_view caps;
  std::string_view arch;
  std::string_view only_arch;
  std::string_view kernel;
  std::string_view int_args;
  std::string_view unlisted_abi;
  std::string_view as;
};

constexpr Texts kFirst = {
    "",
    "capabilities of the container (default: none)",
    "its architecture (default: this machine's)",
    "leave out what archMap adds to it",
    "its kernel (default: this one's)",
    "how int arguments compare: register (all 64 bits, the default) or by-width (as the kernel "
    "reads them)",
    "what calls of ABIs that are not listed get: kill-process (default), kill-thread, trap, errno "
    "(ENOSYS) or errno=NAME",
    "as this runtime enforces it: kernel, runc, crun, docker, podman (default: what plain OCI "
    "says)"};
constexpr Texts kSecond = {"-b",
                           "capabilities of B, where they are others than of A",
                           "and its architecture",
                           "for B alone",
                           "and its kernel",
                           "and how its int arguments compare",
                           "and what calls of unlisted ABIs get",
                           "the runtime of B, where it is another than of A"};

void declare(CLI::App& app, MachineWords& words, unsigned which, const Texts& texts) {
  const auto option = [&](std::string_view name, auto& to, std::string_view text,
                          std::string_view type) {
    return app.add_option(fmt::format("--{}{}", name, texts.suffix), to, std::string(text))
        ->type_name(std::string(type));
  };
  if ((which & kAs) != 0) option("as", words.as, texts.as, "RUNTIME");
  if ((which & kWhere) != 0) {
    option("caps", words.caps, texts.caps, "A,B")->delimiter(',')->allow_extra_args(false);
    option("arch", words.arch, texts.arch, "ARCH");
    app.add_flag(fmt::format("--only-arch{}", texts.suffix), words.only_arch,
                 std::string(texts.only_arch));
    option("kernel", words.kernel, texts.kernel, "MAJOR.MINOR");
  }
  if ((which & kIntArgs) != 0) option("int-args", words.int_args, texts.int_args, "HOW");
  if ((which & kUnlistedAbi) != 0) {
    option("unlisted-abi", words.unlisted_abi, texts.unlisted_abi, "ACTION");
  }
}

}  // namespace

void add_machine_options(CLI::App& app, MachineWords& words, unsigned which) {
  declare(app, words, which, kFirst);
}

void add_second_machine_options(CLI::App& app, MachineWords& words) {
  declare(app, words, kAllMachineOptions, kSecond);
}

Result<std::string> capability_of_word(std::string_view word) {
  if (const auto name = capability_by_word(word)) return std::string(*name);
  const std::string_view near = nearest_capability(word);
  return fail(Errc::kUsage, "--caps: unknown capability \"{}\"{}", printable(word),
              near.empty() ? "; they are named as in capabilities(7), CAP_SYS_ADMIN for one"
                           : fmt::format(", did you mean {}?", near));
}

Result<Abi> abi_of_word(std::string_view option, std::string_view word) {
  if (const auto abi = abi_by_name(word)) return *abi;
  std::vector<std::string_view> names;
  for (const Abi each : all_abis()) names.push_back(abi_name(each));
  return fail(Errc::kUsage, "{}: {}; there are: {}", option,
              unknown_word("architecture", word, names), fmt::join(names, ", "));
}

Result<bool> by_width_of_word(std::string_view word) {
  if (word.empty() || word == kRegister) return false;
  if (word == kByWidth) return true;
  return fail(Errc::kUsage, "--int-args: {}; there are: {}, {}",
              unknown_word("way", word, {kRegister, kByWidth}), kRegister, kByWidth);
}

Result<ActionValue> unlisted_abi_of_word(std::string_view word) {
  if (word.empty()) return ResolveOptions{}.foreign_abi;
  std::vector<std::string_view> names;
  for (const auto& [name, action] : kUnlisted) {
    if (name == word) return action;
    names.push_back(name);
  }
  if (word.starts_with(kErrnoIs)) {
    const std::string_view text = word.substr(kErrnoIs.size());
    std::optional<std::uint64_t> number = parse_u64(text);
    if (const auto named = errno_by_name(text)) number = static_cast<std::uint64_t>(*named);
    if (number && *number >= 1 && *number <= kMaxErrno) {
      return ActionValue{SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(*number)};
    }
    return fail(Errc::kUsage, "--unlisted-abi: \"{}\" is no errno (a name, or 1 to {})",
                printable(text), kMaxErrno);
  }
  if (word == "allow" || word == "log") {
    return fail(Errc::kUsage,
                "--unlisted-abi: not {}: other ABIs have other numbers, and the filter could be "
                "walked around; there are: {}, errno=NAME",
                word, fmt::join(names, ", "));
  }
  return fail(Errc::kUsage, "--unlisted-abi: {}; there are: {}, errno=NAME",
              unknown_word("action", word, names), fmt::join(names, ", "));
}

Result<Machine> machine_of(const MachineWords& words) {
  Machine machine;
  ResolveOptions& options = machine.options;
  options.kernel = running_kernel();
  options.sub_architectures = !words.only_arch;
  for (const std::string& word : words.caps) {
    Result<std::string> cap = capability_of_word(word);
    if (!cap) return propagate(cap);
    options.caps.push_back(std::move(*cap));
  }
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
    const bool is_runtime = *machine.as != Runtime::kKernel;
    if (is_runtime && !words.int_args.empty()) {
      return fail(Errc::kUsage,
                  "--int-args is about filters that sysnare compiles, and {} compares in its own "
                  "way, which --as shows; `sysnare convert --int-args by-width` writes a profile "
                  "that it reads so",
                  words.as);
    }
    if (is_runtime && !words.unlisted_abi.empty()) {
      return fail(Errc::kUsage,
                  "--unlisted-abi is about filters that sysnare compiles; {} kills in its own way, "
                  "which --as shows",
                  words.as);
    }
  }
  Result<bool> by_width = by_width_of_word(words.int_args);
  if (!by_width) return propagate(by_width);
  options.int_args_by_width = *by_width;
  Result<ActionValue> unlisted = unlisted_abi_of_word(words.unlisted_abi);
  if (!unlisted) return propagate(unlisted);
  options.foreign_abi = *unlisted;
  return machine;
}

Result<Machine> second_machine_of(const MachineWords& first, const MachineWords& second) {
  MachineWords words = first;
  if (!second.caps.empty()) words.caps = second.caps;
  if (!second.arch.empty()) words.arch = second.arch;
  if (!second.kernel.empty()) words.kernel = second.kernel;
  if (!second.int_args.empty()) words.int_args = second.int_args;
  if (!second.unlisted_abi.empty()) words.unlisted_abi = second.unlisted_abi;
  if (!second.as.empty()) {
    // The runtime has its own ways; those of A do not go with it.
    words.as = second.as;
    words.int_args = second.int_args;
    words.unlisted_abi = second.unlisted_abi;
  }
  words.only_arch |= second.only_arch;
  return machine_of(words);
}

bool take_compile_options(std::string_view verb, const MachineWords& words,
                          LiveProfileOptions& options) {
  const Result<Machine> machine = machine_of(words);
  if (!machine) {
    complain(verb, machine.error());
    return false;
  }
  options.int_args_by_width = machine->options.int_args_by_width;
  options.foreign_abi = machine->options.foreign_abi;
  return true;
}

Result<RuntimeView> seen_by(const Machine& machine, const Profile& profile) {
  if (machine.as) return as_runtime(profile, machine.options, *machine.as);
  Result<ResolvedProfile> resolved = resolve(profile, machine.options);
  if (!resolved) return propagate(resolved);
  return RuntimeView{std::move(*resolved), {}};
}

std::string wrapped(std::string_view text, std::size_t indent, std::size_t width) {
  std::string out;
  std::size_t column = indent;
  for (const std::string_view word : split(text, ' ')) {
    if (column > indent && column + 1 + word.size() > width) {
      out += '\n';
      out.append(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out;
}

}  // namespace sysnare::cli
