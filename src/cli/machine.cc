#include "cli/machine.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/verb.h"

namespace sysnare::cli {
namespace {

KernelVersion running_kernel() {
  utsname names{};
  if (uname(&names) != 0) return ResolveOptions{}.kernel;
  // "6.18.5-amd64": the first two numbers.
  const std::string_view release = names.release;
  const std::size_t dot = release.find('.');
  const std::size_t end = release.find_first_not_of("0123456789", dot + 1);
  return kernel_version(release.substr(0, end)).value_or(ResolveOptions{}.kernel);
}

/// CAP_NET_RAW, NET_RAW and cap_net_raw alike.
std::string capability(std::string_view word) {
  std::string name(word);
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name.starts_with("CAP_") ? name : "CAP_" + name;
}

}  // namespace

void add_machine_options(CLI::App& app, MachineWords& words) {
  app.add_option("--caps", words.caps, "capabilities of the container, A,B (default: none)")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--arch", words.arch, "its architecture (default: this machine's)");
  app.add_option("--kernel", words.kernel, "its kernel, MAJOR.MINOR (default: this one's)");
}

std::optional<ResolveOptions> machine_options(std::string_view verb, const MachineWords& words) {
  ResolveOptions options;
  options.kernel = running_kernel();
  for (const std::string& cap : words.caps) options.caps.push_back(capability(cap));
  if (!words.arch.empty()) {
    const auto abi = abi_by_name(words.arch);
    if (!abi) {
      std::vector<std::string_view> names;
      for (const Abi each : all_abis()) names.push_back(abi_name(each));
      complain(verb, fmt::format("--arch: {}; there are: {}",
                                 unknown_word("architecture", words.arch, names),
                                 fmt::join(names, ", ")));
      return std::nullopt;
    }
    options.arch = *abi;
  }
  if (!words.kernel.empty()) {
    const auto kernel = kernel_version(words.kernel);
    if (!kernel) {
      complain(verb,
               fmt::format("--kernel: \"{}\" is no kernel version, give MAJOR.MINOR such as 5.4",
                           printable(words.kernel)));
      return std::nullopt;
    }
    options.kernel = *kernel;
  }
  return options;
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
