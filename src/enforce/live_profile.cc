#include "enforce/live_profile.h"

#include <fmt/format.h>
#include <linux/seccomp.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "arch/capabilities.h"
#include "arch/syscalls.h"
#include "base/file.h"
#include "base/text.h"

namespace sysnare {
namespace {

struct FlagName {
  std::string_view name;
  std::uint64_t bit;
};
/// The flags that OCI 1.2 knows, with their values from linux/seccomp.h.
constexpr FlagName kFlags[] = {
    {"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
};

void raise_kills(Profile& profile) {
  const auto raise = [](Action& action) {
    if (action == Action::kKill || action == Action::kKillThread) action = Action::kKillProcess;
  };
  raise(profile.default_action);
  for (Entry& entry : profile.entries) raise(entry.action);
}

Result<std::uint64_t> flag_bits(const LiveProfileOptions& options, LiveProfile& live) {
  std::uint64_t bits = 0;
  for (const std::string& flag : live.resolved.flags) {
    const auto* found = std::find_if(std::begin(kFlags), std::end(kFlags),
                                     [&](const FlagName& each) { return each.name == flag; });
    if (found == std::end(kFlags)) {
      std::vector<std::string_view> names;
      for (const FlagName& each : kFlags) names.push_back(each.name);
      return fail(Errc::kBadInput, "{}: flags: unknown flag \"{}\"; there are: {}", options.path,
                  printable(flag), fmt::join(names, ", "));
    }
    bits |= found->bit;
  }
  // seccomp(2) refuses it without NEW_LISTENER, and without a listener it would mean nothing.
  if ((bits & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) != 0 && !options.listener) {
    bits &= ~std::uint64_t{SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV};
    live.warnings.push_back(fmt::format(
        "{}: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV has no effect: nobody listens", options.path));
  }
  // With a listener the kernel reports a failed TSYNC by errno alone, and wants that said.
  if ((bits & SECCOMP_FILTER_FLAG_TSYNC) != 0 && options.listener) {
    bits |= SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
  }
  return bits;
}

}  // namespace

std::vector<std::string> effective_capabilities() {
  std::vector<std::string> names;
  const Result<std::string> status = read_file("/proc/self/status");
  if (!status) return names;
  constexpr std::string_view kKey = "CapEff:";
  for (std::string_view line : split(*status, '\n')) {
    if (!line.starts_with(kKey)) continue;
    const auto bits = parse_u64("0x" + std::string(trim(line.substr(kKey.size()))));
    for (std::size_t i = 0; bits && i < capability_names().size(); ++i) {
      if ((*bits >> i & 1) != 0) names.emplace_back(capability_names()[i]);
    }
  }
  return names;
}

KernelVersion running_kernel() {
  utsname name{};
  KernelVersion version;
  if (::uname(&name) == 0) {
    // "6.18.5-cloud": two numbers are all that minKernel compares.
    // NOLINTNEXTLINE(cert-err34-c): fields that do not match stay 0
    std::sscanf(name.release, "%u.%u", &version.major, &version.minor);
  }
  return version;
}

bool caches_allows() { return running_kernel() >= KernelVersion{.major = 5, .minor = 11}; }

bool LiveProfile::uses(std::uint32_t action) const {
  if (resolved.default_action.action() == action || resolved.foreign_abi.action() == action) {
    return true;
  }
  return std::any_of(resolved.rules.begin(), resolved.rules.end(), [&](const auto& each) {
    return std::any_of(each.second.begin(), each.second.end(),
                       [&](const ResolvedRule& rule) { return rule.action.action() == action; });
  });
}

Result<LiveProfile> load_live_profile(const LiveProfileOptions& options) {
  LiveProfile live;
  Result<Profile> profile = load_profile(options.path);
  if (!profile) return propagate(profile);
  live.profile = std::move(*profile);
  live.warnings = warnings_of(live.profile);
  if (options.kill_process) raise_kills(live.profile);

  ResolveOptions resolve_options;
  resolve_options.caps = options.caps ? *options.caps : effective_capabilities();
  resolve_options.kernel = running_kernel();
  resolve_options.foreign_abi = options.foreign_abi;
  resolve_options.int_args_by_width = options.int_args_by_width;
  Result<ResolvedProfile> resolved = resolve(live.profile, resolve_options);
  if (!resolved) return propagate(resolved);
  live.resolved = std::move(*resolved);
  if (!live.resolved.unknown_names.empty()) {
    if (!options.allow_unknown) {
      const std::size_t more = live.resolved.unknown_names.size() - 1;
      return fail(Errc::kBadInput, "{}{}; --allow-unknown goes on without it",
                  live.resolved.unknown_names.front(),
                  more == 0 ? std::string() : fmt::format(" (and {} more)", more));
    }
    live.warnings.insert(live.warnings.end(), live.resolved.unknown_names.begin(),
                         live.resolved.unknown_names.end());
  }
  if (!live.profile.listener_path.empty()) {
    live.warnings.push_back(
        fmt::format("{}: listenerPath \"{}\" is not used: only a container runtime hands NOTIFY "
                    "calls to it, here they are answered by sysnare",
                    options.path, printable(live.profile.listener_path)));
  }
  Result<std::uint64_t> flags = flag_bits(options, live);
  if (!flags) return propagate(flags);
  live.filter_flags = *flags;
  Result<Filter> filter = compile(live.resolved, options.counts, caches_allows());
  if (!filter) return propagate(filter, "{}", options.path);
  live.program = std::move(filter->program);
  return live;
}

std::string deciding_rule(const LiveProfile& profile, const seccomp_data& data) {
  const ActionValue action = evaluate(profile.resolved, data);
  const std::string& file = profile.profile.source;
  const std::optional<Abi> abi = abi_of(data.arch, static_cast<std::uint32_t>(data.nr));
  const std::vector<Abi>& abis = profile.resolved.abis;
  if (!abi || std::find(abis.begin(), abis.end(), *abi) == abis.end()) {
    return fmt::format("{} lists no {} calls ({})", file,
                       abi ? std::string(abi_name(*abi)) : fmt::format("{:#x}", data.arch),
                       action_label(action));
  }
  const auto rules = profile.resolved.rules.find({*abi, static_cast<std::uint32_t>(data.nr)});
  if (rules != profile.resolved.rules.end()) {
    for (const ResolvedRule& rule : rules->second) {
      // Widths are left to evaluate(): two rules of one call with the same action and conditions
      // that differ in the upper half alone would be confused, in words only.
      const bool matches = std::all_of(
          rule.conditions.begin(), rule.conditions.end(), [&](const ArgCondition& condition) {
            const std::uint64_t argument = data.args[condition.index];
            return holds(condition, argument, 64) ||
                   (profile.resolved.int_args_by_width && holds(condition, argument, 32));
          });
      if (!matches || rule.action != action || rule.entry >= profile.profile.entries.size()) {
        continue;
      }
      const Entry& entry = profile.profile.entries[rule.entry];
      return fmt::format("{}{}: {} says {}", file,
                         entry.line == 0 ? std::string() : fmt::format(":{}", entry.line),
                         entry.path, action_label(action));
    }
  }
  return fmt::format("the default action of {} is {}", file, action_label(action));
}

}  // namespace sysnare
