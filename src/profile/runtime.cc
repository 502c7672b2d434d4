// From a profile to what libseccomp builds of it, in the order in which the runtimes hand it over.

#include "profile/runtime.h"

#include <fmt/format.h>
#include <linux/audit.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <set>

#include "arch/syscalls.h"
#include "base/text.h"
#include "profile/libseccomp_names.h"
#include "profile/plain.h"

namespace sysnare {
namespace {

constexpr std::string_view kNames[] = {"kernel", "runc", "crun", "docker", "podman"};

/// Names, entries or calls that one note lists; a hostile file has millions.
constexpr std::size_t kListed = 8;

/// Conditions of one entry that crun hands over: it fills an array of six.
constexpr std::size_t kCrunConditions = 6;

std::string listed(const std::set<std::string>& words) {
  std::string text;
  std::size_t shown = 0;
  for (const std::string& word : words) {
    if (shown == kListed) return text + fmt::format(" and {} more", words.size() - shown);
    text += (shown++ == 0 ? "" : ", ") + printable(word);
  }
  return text;
}

std::string where(const Profile& profile, const Entry& entry) {
  return fmt::format("{}:{}: {}", profile.source, entry.line, entry.path);
}

bool is_permissive(Action action) {
  return action == Action::kAllow || action == Action::kLog || action == Action::kTrace;
}

bool is_inequality(const ArgCondition& condition) {
  return condition.op != Op::kEq && condition.op != Op::kMaskedEq;
}

/// Whether no call can meet both: they want different values of one argument, even of its low half,
/// which is all that libseccomp compares in most ABIs.
bool exclude_each_other(const ResolvedRule& a, const ResolvedRule& b) {
  for (const ArgCondition& one : a.conditions) {
    for (const ArgCondition& other : b.conditions) {
      if (one.index == other.index && one.op == Op::kEq && other.op == Op::kEq &&
          static_cast<std::uint32_t>(one.value) != static_cast<std::uint32_t>(other.value)) {
        return true;
      }
    }
  }
  return false;
}

std::string call_text(Call call) {
  return fmt::format("{} {}", abi_name(call.abi), call_label(call));
}

/// Rules of one call that are compared with each other: every pair of them.
constexpr std::size_t kCompared = 256;

/// Whether two rules of different actions can hold for one call; with too many rules: yes.
bool can_hold_at_once(const std::vector<ResolvedRule>& rules) {
  if (std::all_of(rules.begin(), rules.end(),
                  [&](const auto& each) { return each.action == rules.front().action; })) {
    return false;
  }
  if (rules.size() > kCompared) return true;
  for (auto one = rules.begin(); one != rules.end(); ++one) {
    const bool meets = std::any_of(rules.begin(), one, [&](const ResolvedRule& other) {
      return one->action != other.action && !exclude_each_other(*one, other);
    });
    if (meets) return true;
  }
  return false;
}

/// runc or crun, on the linux.seccomp of a config.json.
class OciRuntime {
 public:
  OciRuntime(const Profile& profile, const ResolveOptions& options, bool is_runc, std::string name)
      : profile_(profile), options_(options), is_runc_(is_runc), name_(std::move(name)) {}

  Result<RuntimeView> run() {
    if (Result<void> taken = refuse(); !taken) return propagate(taken);
    ResolvedProfile& resolved = view_.resolved;
    resolved.default_action = action_value(profile_.default_action, profile_.default_errno_ret);
    // SCMP_FLTATR_ACT_BADARCH is SCMP_ACT_KILL unless somebody sets it, and neither does.
    resolved.foreign_abi = {SECCOMP_RET_KILL_THREAD};
    note("calls of ABIs that are not listed kill the thread that makes them, not the process");
    list_abis();
    // ARCH_SIZE_32 in src/arch-x32.c.
    resolved.x32_args_by_low_half = true;
    resolved.flags = profile_.flags;
    if (!is_runc_ && profile_.flags.empty()) {
      resolved.flags = {"SECCOMP_FILTER_FLAG_SPEC_ALLOW"};
      note("{} loads a filter without `flags` with SECCOMP_FILTER_FLAG_SPEC_ALLOW", name_);
    }
    if (!is_runc_) note("{} loads the filter without any flag if the kernel refuses them", name_);
    for (std::size_t i = 0; i < profile_.entries.size(); ++i) add_entry(i);
    if (is_runc_) answer_newer_calls();
    note_kill();
    note_lists();
    note_conditions();
    note_dead_rules();
    return std::move(view_);
  }

 private:
  template <typename... Args>
  void note(fmt::format_string<Args...> format, Args&&... args) {
    view_.notes.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  Result<void> refuse() const {
    if (is_runc_ && !profile_.flags.empty()) {
      return fail(Errc::kBadInput,
                  "{}: flags: {} refuses a profile that has any (runc 1.1.5), here {}",
                  profile_.source, name_, fmt::join(profile_.flags, ", "));
    }
    if (is_runc_ && profile_.default_action == Action::kNotify) {
      return fail(Errc::kBadInput, "{}: defaultAction: {} refuses SCMP_ACT_NOTIFY here",
                  profile_.source, name_);
    }
    if (profile_.default_action == Action::kErrno && profile_.default_errno_ret == kMaxErrno) {
      return fail(Errc::kBadInput, "{}: defaultErrnoRet: {} refuses {}, libseccomp takes up to {}",
                  profile_.source, name_, kMaxErrno, kMaxErrno - 1);
    }
    for (const Entry& entry : profile_.entries) {
      const auto& names = entry.names;
      if (entry.action == Action::kErrno && entry.errno_ret == kMaxErrno) {
        return fail(Errc::kBadInput, "{}.errnoRet: {} refuses {}, libseccomp takes up to {}",
                    where(profile_, entry), name_, kMaxErrno, kMaxErrno - 1);
      }
      if (is_runc_ && entry.action == Action::kNotify &&
          std::find(names.begin(), names.end(), "write") != names.end()) {
        return fail(Errc::kBadInput, "{}: {} refuses SCMP_ACT_NOTIFY on write",
                    where(profile_, entry), name_);
      }
    }
    return {};
  }

  void list_abis() {
    std::set<Abi> abis;
    std::set<std::string> untold;
    for (const std::string& name : profile_.architectures) {
      if (const auto abi = abi_by_oci_name(name)) {
        abis.insert(*abi);
      } else {
        untold.insert(name);
      }
    }
    // seccomp_init() starts with the machine's own.
    if (abis.insert(options_.arch).second && abis.size() > 1) {
      note("{} is not listed and is in the filter all the same: libseccomp starts with it",
           abi_oci_name(options_.arch));
    }
    if (!untold.empty()) note("no call table here for {}", listed(untold));
    view_.resolved.abis.assign(abis.begin(), abis.end());
  }

  void add_entry(std::size_t index) {
    const Entry& entry = profile_.entries[index];
    const ActionValue action = action_value(entry.action, entry.errno_ret);
    std::set<std::string_view> seen;
    const bool is_default = action == view_.resolved.default_action;
    if (is_default) {
      // Neither runtime hands such an entry over: libseccomp answers EACCES.
      for (const std::string& name : entry.names) like_default_.insert(name);
      return;
    }
    std::vector<std::vector<ArgCondition>> rules{entry.args};
    for (ArgCondition& each : rules.front()) {
      // db.c of libseccomp 2.5.4 stores the datum masked.
      if (each.op != Op::kMaskedEq || (each.value_two & ~each.value) == 0) continue;
      each.value_two &= each.value;
      note(
          "{}: valueTwo has bits outside the mask: {} drops them, plain OCI lets the condition "
          "never hold",
          where(profile_, entry), name_);
    }
    std::array<int, kArgCount> uses{};
    std::size_t looked_at = entry.args.size();
    if (!is_runc_ && looked_at > kCrunConditions) {
      looked_at = kCrunConditions;
      note("{}: {} takes the first {} of its {} conditions", where(profile_, entry), name_,
           kCrunConditions, entry.args.size());
      rules.front().resize(looked_at);
    }
    const bool twice =
        std::any_of(rules.front().begin(), rules.front().end(),
                    [&](const ArgCondition& each) { return ++uses[each.index] > 1; });
    if (twice) {
      const std::vector<ArgCondition> all = rules.front();
      rules.clear();
      for (const ArgCondition& each : all) rules.push_back({each});
      note("{}: one argument index stands twice: {} joins its {} conditions by or",
           where(profile_, entry), name_, all.size());
    }
    for (const std::string& name : entry.names) {
      if (!seen.insert(name).second) continue;
      if (!libseccomp_knows(name)) {
        skipped_.insert(name);
        continue;
      }
      unlike_default_.insert(name);
      for (const auto& conditions : rules) add_rule(name, {conditions, action, index});
    }
  }

  void add_rule(const std::string& name, const ResolvedRule& rule) {
    for (const Abi abi : view_.resolved.abis) {
      if (const auto as = libseccomp_multiplexed(abi, name)) {
        ResolvedRule through = rule;
        auto& conditions = through.conditions;
        const bool asks_first = std::any_of(conditions.begin(), conditions.end(),
                                            [](const auto& each) { return each.index == 0; });
        std::erase_if(conditions, [](const auto& each) { return each.index == 0; });
        conditions.insert(conditions.begin(),
                          {.index = 0, .value = as->number, .value_two = 0, .op = Op::kEq});
        (asks_first || conditions.size() > 1 ? misread_ : multiplexed_).insert(name);
        add({abi, *syscall_nr(abi, as->call)}, std::string(as->call), std::move(through));
      }
      const auto nr = libseccomp_nr(abi, name);
      if (nr) add({abi, *nr}, name, rule);
      // abi_rule_add() of i386 keeps a call without a number only for what it multiplexes.
      if (!nr && (abi != Abi::kI386 || libseccomp_multiplexed(abi, name))) numberless_.insert(abi);
    }
  }

  /// libseccomp generates no comparison under a mask of 0, so that such a condition always holds
  /// and a rule of such alone is one without conditions. Where it compares the low half it is that
  /// half's mask that counts.
  void drop_empty_masks(Abi abi, const std::string& name, std::vector<ArgCondition>& conditions) {
    const bool low_half = register_bits(abi) < 64 || abi == Abi::kX32;
    const std::uint64_t compared = low_half ? UINT32_MAX : UINT64_MAX;
    const std::size_t dropped = std::erase_if(conditions, [&](const ArgCondition& each) {
      return each.op == Op::kMaskedEq && (each.value & compared) == 0;
    });
    if (dropped != 0) unmasked_.insert(name);
  }

  /// As db_rule_add() of libseccomp does it: once a call has a rule without conditions, later rules
  /// are dropped; such a rule drops all that were there before.
  void add(Call call, const std::string& name, ResolvedRule rule) {
    drop_empty_masks(call.abi, name, rule.conditions);
    auto& rules = view_.resolved.rules[call];
    const bool decided = !rules.empty() && rules.front().conditions.empty();
    if (decided || (rule.conditions.empty() && !rules.empty())) {
      const bool differs = std::any_of(rules.begin(), rules.end(), [&](const ResolvedRule& each) {
        return each.action != rule.action;
      });
      if (differs) overruled_.insert(name);
      if (decided) return;
      if (can_hold_at_once(rules)) tied_.insert(call_text(call));
      rules.clear();
    }
    rules.push_back(std::move(rule));
  }

  /// libcontainer/seccomp/patchbpf of 1.1: only for listed architectures, by the highest number
  /// that any entry names, with the bit of x32 asked first.
  void answer_newer_calls() {
    constexpr ActionValue kNoSuchCall{SECCOMP_RET_ERRNO | ENOSYS};
    if (profile_.default_errno_ret == ENOSYS || is_permissive(profile_.default_action)) return;
    std::map<std::uint32_t, std::map<Abi, std::uint32_t>> highest;
    for (const std::string& arch : profile_.architectures) {
      const auto abi = abi_by_oci_name(arch);
      if (!abi) continue;
      std::uint32_t last = 0;
      for (const Entry& entry : profile_.entries) {
        for (const std::string& name : entry.names) {
          // A multiplexed call has a negative number there, even where it has one of its own.
          if (libseccomp_multiplexed(*abi, name)) continue;
          last = std::max(last, libseccomp_nr(*abi, name).value_or(0));
        }
      }
      if (last != 0) highest[audit_arch(*abi)][*abi] = last;
    }
    const auto ahead = [&](std::uint32_t arch, std::uint32_t after, std::uint32_t last) {
      if (after < last) {
        view_.resolved.answered_ahead.push_back({arch, after + 1, last, kNoSuchCall});
      }
    };
    for (const auto& [arch, abis] : highest) {
      for (const auto& [abi, last] : abis) {
        note("{} answers ENOSYS to {} calls above {} ({}), the highest that the profile names",
             name_, abi_name(abi), call_label({abi, last}),
             last & ~(abi == Abi::kX32 ? kX32Bit : 0));
        if (abi == Abi::kX86_64) {
          ahead(arch, last, kX32Bit - 1);
          ahead(arch, 2 * kX32Bit - 1, 3 * kX32Bit - 1);
        } else if (abi == Abi::kX32) {
          ahead(arch, last, 2 * kX32Bit - 1);
          ahead(arch, 3 * kX32Bit - 1, UINT32_MAX);
        } else {
          ahead(arch, last, UINT32_MAX);
        }
      }
    }
    if (profile_.architectures.empty()) {
      note("runc 1.1 answers ENOSYS to newer calls only where `architectures` are listed");
    }
  }

  void note_kill() {
    const bool kills =
        profile_.default_action == Action::kKill ||
        std::any_of(profile_.entries.begin(), profile_.entries.end(),
                    [](const Entry& entry) { return entry.action == Action::kKill; });
    if (kills) note("SCMP_ACT_KILL kills the thread, not the process");
  }

  void note_lists() {
    if (!skipped_.empty()) {
      note("{} skips {} that libseccomp 2.5.4 does not know{}: {}", name_,
           skipped_.size() == 1 ? "a name" : fmt::format("{} names", skipped_.size()),
           is_runc_ ? "" : ", with a warning", listed(skipped_));
    }
    std::set<std::string> lost;
    std::set_intersection(like_default_.begin(), like_default_.end(), unlike_default_.begin(),
                          unlike_default_.end(), std::inserter(lost, lost.end()));
    if (!lost.empty()) {
      note("an entry with the default action is ignored, another one decides for {}", listed(lost));
    }
    if (!overruled_.empty()) {
      note("the first entry without conditions decides alone, whatever its rank, for {}",
           listed(overruled_));
    }
    if (!unmasked_.empty()) {
      note("a condition whose mask has no bit that is compared always holds and is dropped, for {}",
           listed(unmasked_));
    }
    if (!multiplexed_.empty()) {
      note("on i386 the rules hold for socketcall and ipc with the number of the call, too: {}",
           listed(multiplexed_));
    }
    if (!misread_.empty()) {
      note(
          "on i386 socketcall and ipc get the rules of {} as well, where a condition on argument 0 "
          "is lost and one on another argument compares that of socketcall or ipc",
          listed(misread_));
    }
  }

  /// _gen_bpf_syscalls() has the number loaded by the call of the highest priority, and leaves out
  /// calls without a number: when it is one of those, nothing loads it. Calls with a number go
  /// first where both have no condition; x86_64 without x32 loads it for its own check.
  void note_dead_rules() {
    const auto& abis = view_.resolved.abis;
    const bool x32 = std::find(abis.begin(), abis.end(), Abi::kX32) != abis.end();
    for (const Abi abi : numberless_) {
      if (abi == Abi::kX86_64 && !x32) continue;
      const auto& all = view_.resolved.rules;
      const bool first = std::any_of(all.begin(), all.end(), [&](const auto& each) {
        return each.first.abi == abi && each.second.front().conditions.empty();
      });
      if (first) continue;
      note(
          "rules of {} may be dead: libseccomp 2.5.4 does not load the number where no call but "
          "one "
          "that the ABI lacks has an entry without conditions",
          abi_name(abi));
    }
  }

  void note_conditions() {
    const auto& rules_of = view_.resolved.rules;
    if (std::any_of(rules_of.begin(), rules_of.end(), [](const auto& each) {
          return each.first.abi == Abi::kX32 && !each.second.front().conditions.empty();
        })) {
      note("arguments of x32 calls are compared by their low 32 bits");
    }
    std::set<std::string> unsure;
    for (const auto& [call, rules] : view_.resolved.rules) {
      std::size_t inequalities = 0;
      for (const ResolvedRule& rule : rules) {
        inequalities += static_cast<std::size_t>(
            std::count_if(rule.conditions.begin(), rule.conditions.end(), is_inequality));
      }
      const std::string name = call_text(call);
      if (rules.size() > 1 && inequalities > 1) unsure.insert(name);
      if (can_hold_at_once(rules)) tied_.insert(name);
    }
    if (!unsure.empty()) {
      note("several inequality rules meet on {}: what libseccomp 2.5.4 makes of them may differ",
           listed(unsure));
    }
    if (!tied_.empty()) {
      note(
          "rules of different actions can hold at once on {}: libseccomp asks them in an order of "
          "its own, and refuses two with the same conditions; shown is the highest rank",
          listed(tied_));
    }
  }

  const Profile& profile_;
  const ResolveOptions& options_;
  bool is_runc_;
  std::string name_;
  RuntimeView view_;
  std::set<Abi> numberless_;  ///< those with a rule for a call that they lack
  std::set<std::string> skipped_;
  std::set<std::string> like_default_;
  std::set<std::string> unlike_default_;
  std::set<std::string> overruled_;
  std::set<std::string> tied_;
  std::set<std::string> multiplexed_;
  std::set<std::string> misread_;
  std::set<std::string> unmasked_;
};

/// The file as a runtime reads it that knows OCI's keys and no other.
Result<Profile> oci_keys_alone(const Profile& profile, std::string_view runtime,
                               std::vector<std::string>& notes) {
  Profile read = profile;
  const auto note = [&](std::string_view key, std::string_view effect) {
    notes.push_back(fmt::format("{} knows no {}: {}", runtime, key, effect));
  };
  if (!read.arch_map.empty()) {
    read.arch_map.clear();
    note("`archMap`", "the machine's own architecture alone is in the filter");
  }
  if (read.default_errno_by_name) {
    read.default_errno_ret.reset();
    note("`defaultErrno`", "the default answers EPERM");
  }
  bool conditions = false;
  bool named_errno = false;
  bool singular = false;
  for (Entry& entry : read.entries) {
    if (entry.singular_name) {
      if (runtime == "crun") {
        return fail(Errc::kBadInput, "{}: crun refuses an entry without `names`",
                    where(profile, entry));
      }
      singular = true;
      entry.names.clear();
    }
    conditions = conditions || !entry.includes.empty() || !entry.excludes.empty();
    entry.includes = {};
    entry.excludes = {};
    if (!entry.errno_by_name) continue;
    named_errno = true;
    entry.errno_ret.reset();
  }
  if (singular) note("`name`", "such entries are about no call");
  if (conditions) note("`includes` or `excludes`", "such entries always apply");
  if (named_errno) note("`errno`", "such entries answer EPERM");
  return read;
}

/// What an engine hands to its runtime.
Result<Profile> handed_over(const Profile& profile, const ResolveOptions& options, Runtime runtime,
                            std::vector<std::string>& notes) {
  Profile read = profile;
  if (runtime == Runtime::kDocker) {
    if (read.default_errno_ret && read.default_errno_ret != EPERM) {
      notes.emplace_back("docker 20.10 drops `defaultErrnoRet`: the default answers EPERM");
    }
    read.default_errno_ret.reset();
    bool named_errno = false;
    for (Entry& entry : read.entries) {
      if (!entry.errno_by_name) continue;
      entry.errno_ret.reset();
      named_errno = true;
    }
    if (named_errno) notes.emplace_back("docker knows no errno names: EPERM is answered there");
  }
  Result<PlainProfile> plain = plain_profile(read, options);
  if (!plain) return propagate(plain);
  return std::move(plain->profile);
}

Result<RuntimeView> as_kernel(const Profile& profile, const ResolveOptions& options) {
  RuntimeView view;
  Result<ResolvedProfile> resolved = resolve(profile, options);
  if (!resolved) return propagate(resolved);
  view.resolved = std::move(*resolved);
  const auto has = [&](Action action) {
    return profile.default_action == action ||
           std::any_of(profile.entries.begin(), profile.entries.end(),
                       [&](const Entry& entry) { return entry.action == action; });
  };
  if (has(Action::kKill))
    view.notes.emplace_back("SCMP_ACT_KILL kills the thread, not the process");
  if (has(Action::kNotify)) {
    view.notes.emplace_back("without a listener SCMP_ACT_NOTIFY answers ENOSYS");
  }
  if (has(Action::kTrace)) {
    view.notes.emplace_back("without a tracer SCMP_ACT_TRACE answers ENOSYS");
  }
  return view;
}

}  // namespace

std::string_view runtime_name(Runtime runtime) { return kNames[static_cast<std::size_t>(runtime)]; }

std::optional<Runtime> runtime_by_name(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i] == name) return static_cast<Runtime>(i);
  }
  return std::nullopt;
}

std::vector<std::string_view> known_runtimes() { return {std::begin(kNames), std::end(kNames)}; }

Result<RuntimeView> as_runtime(const Profile& profile, const ResolveOptions& options,
                               Runtime runtime) {
  if (runtime == Runtime::kKernel) return as_kernel(profile, options);
  std::vector<std::string> notes;
  const bool is_runc = runtime == Runtime::kRunc || runtime == Runtime::kDocker;
  const bool is_engine = runtime == Runtime::kDocker || runtime == Runtime::kPodman;
  Result<Profile> read = is_engine ? handed_over(profile, options, runtime, notes)
                                   : oci_keys_alone(profile, runtime_name(runtime), notes);
  if (!read) return propagate(read);
  Result<RuntimeView> view =
      OciRuntime(*read, options, is_runc, std::string(runtime_name(runtime))).run();
  if (!view) return view;
  view->notes.insert(view->notes.begin(), notes.begin(), notes.end());
  return view;
}

}  // namespace sysnare
