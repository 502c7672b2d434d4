// Rules about architectures, and about calls that stand for many.

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "arch/syscalls.h"
#include "profile/lint/checker.h"
#include "profile/lint/tables.h"

namespace sysnare::linting {
namespace {

std::string_view arch_key(const Profile& profile) {
  return profile.arch_map.empty() ? "architectures" : "archMap";
}

/// The 64-bit ABI of the machines that can run `abi`.
Abi host_of(Abi abi) {
  for (const Abi host : all_abis()) {
    const auto siblings = sibling_abis(host);
    if (std::find(siblings.begin(), siblings.end(), abi) != siblings.end()) return host;
  }
  return abi;
}

/// Whether an entry that applies lets a call pass that only `abi` has, not `host`. Without one no
/// program of that ABI could run. sigreturn alone starts none.
bool names_its_own(const Checker& checker, Abi abi, Abi host) {
  for (std::size_t i = 0; i < checker.profile.entries.size(); ++i) {
    const Entry& entry = checker.profile.entries[i];
    if (!checker.applies_here(i) || refuses(action_value(entry.action, entry.errno_ret))) continue;
    for (const std::string& name : entry.names) {
      if (name != "sigreturn" && syscall_nr(abi, name) && !syscall_nr(host, name)) return true;
    }
  }
  return false;
}

void check_listed(Checker& checker) {
  const Profile& profile = checker.profile;
  if (profile.architectures.empty() && profile.arch_map.empty()) {
    checker.report(
        "no-architectures", "", profile.default_action_line,
        fmt::format("no architectures are listed: each runtime takes the one of the "
                    "machine it runs on, so the profile means something else on another "
                    "({} here)",
                    abi_name(checker.options.resolve.arch)),
        fmt::format("add \"architectures\": [\"{}\"]", abi_oci_name(checker.options.resolve.arch)));
    return;
  }
  std::set<Abi> hosts;
  for (const Abi abi : checker.resolved.abis) hosts.insert(host_of(abi));
  if (profile.arch_map.empty() && hosts.size() > 1) {
    std::vector<std::string_view> names;
    for (const Abi host : hosts) names.push_back(abi_name(host));
    checker.report("foreign-architectures", "architectures", profile.architectures_line,
                   fmt::format("the list joins machines that are never one: {}; what holds for one "
                               "of them is not checked against the others",
                               names_text(names)),
                   "write a profile for each machine, or Docker's archMap");
  }
}

void check_siblings(Checker& checker) {
  if (!checker.lists(Abi::kX86_64)) return;
  const std::string key(arch_key(checker.profile));
  const std::uint32_t line = checker.profile.architectures_line;
  if (checker.lists(Abi::kX32)) {
    checker.report(
        "x32-open", key, line,
        "x32 is listed: each call can then also be made by its number plus 0x40000000, a "
        "path in the kernel that hardly any program uses or tests",
        "drop SCMP_ARCH_X32, unless x32 programs run under the profile");
  }
  if (checker.lists(Abi::kI386) && !lets_pass(checker.resolved.default_action) &&
      !names_its_own(checker, Abi::kI386, Abi::kX86_64)) {
    checker.report(
        "compat-abi-unused", key, line,
        "i386 is listed, but no call is named that only i386 has, and every i386 program "
        "needs some: none can run, while code of the 64-bit program can make i386 calls",
        "drop SCMP_ARCH_X86");
  }
}

void check_multiplexers(Checker& checker) {
  for (const Multiplexer& multiplexer : multiplexers()) {
    std::vector<std::string_view> reached;
    for (const std::string_view call : words_of(multiplexer.carries)) {
      // Left out of a tight list is no finding; refused or limited by an entry is.
      const auto& all = checker.outcomes(call);
      const bool held = std::any_of(all.begin(), all.end(), [](const Outcome& outcome) {
        return outcome.fate == Fate::kLimited ||
               (outcome.fate == Fate::kRefused && outcome.by_entry);
      });
      if (held) reached.push_back(call);
    }
    if (reached.empty()) continue;
    std::vector<std::string_view> open_in;
    std::vector<std::string_view> has;
    for (const Outcome& outcome : checker.outcomes(multiplexer.call)) {
      has.push_back(abi_name(outcome.abi));
      if (outcome.fate == Fate::kOpen) open_in.push_back(abi_name(outcome.abi));
    }
    if (!open_in.empty()) {
      checker.report("multiplexer-open", "", checker.profile.default_action_line,
                     fmt::format("{} is open on {}, and its real arguments are in memory where no "
                                 "filter looks: it reaches {}, which the profile refuses or limits",
                                 multiplexer.call, names_text(open_in), names_text(reached)),
                     fmt::format("leave {} out; libc of the last ten years calls the single calls",
                                 multiplexer.call));
    }
    std::vector<std::string_view> limited;
    for (const std::string_view call : reached) {
      if (checker.limited_somewhere(call)) limited.push_back(call);
    }
    if (!has.empty() && !limited.empty()) {
      checker.report(
          "multiplexed-rewrite", "", checker.profile.default_action_line,
          fmt::format("{} is limited by arguments, and on {} libseccomp also makes a rule "
                      "on {} of it, with the number of the call as argument 0: the "
                      "conditions cannot be kept there",
                      names_text(limited), names_text(has), multiplexer.call),
          fmt::format("refuse {} by an entry, or list no ABI that has it", multiplexer.call));
    }
  }
}

void check_unreadable(Checker& checker) {
  std::set<std::string_view> said;
  for (const UnreadableSibling& pair : unreadable_siblings()) {
    if (!checker.limited_somewhere(pair.readable) || !checker.open_somewhere(pair.unreadable))
      continue;
    if (!said.insert(pair.unreadable).second) continue;
    checker.report("unreadable-sibling", "", checker.profile.default_action_line,
                   fmt::format("{} is limited by its arguments, but {} is open and takes {} in a "
                               "structure in memory, which no filter can read",
                               pair.readable, pair.unreadable, pair.what),
                   fmt::format("refuse {} with errnoRet 38 (ENOSYS): libc then takes {}",
                               pair.unreadable, pair.readable));
  }
}

}  // namespace

void check_abis(Checker& checker) {
  check_listed(checker);
  check_siblings(checker);
  check_multiplexers(checker);
  check_unreadable(checker);
}

}  // namespace sysnare::linting
