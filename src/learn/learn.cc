#include "learn/learn.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "arch/io_uring.h"
#include "arch/syscalls.h"
#include "base/text.h"
#include "learn/scan_notes.h"
#include "profile/fallbacks.h"

namespace sysnare {
namespace {

constexpr std::uint32_t kEnosys = 38;
constexpr std::size_t kMaxNamesInNote = 12;

/// Without these a program cannot end, return from a signal handler or go on after a stop: exit
/// denied makes libc loop, and the kernel itself puts restart_syscall into the program's registers
/// (kernel/signal.c, arch/x86/kernel/signal.c, Linux 6.18). Names that an ABI lacks are left out.
struct KernelCall {
  std::string_view name;
  std::string_view because;
};
constexpr KernelCall kKernelCalls[] = {
    {"exit", "kernel: a thread ends by it"},
    {"exit_group", "kernel: a program ends by it"},
    {"restart_syscall", "kernel: resumes an interrupted sleep after a stop"},
    {"rt_sigreturn", "kernel: every signal handler returns by it"},
    {"sigreturn", "kernel: signal handlers of 32-bit ABIs return by it"},
};
constexpr std::string_view kLauncherExec = "execve";

/// All that was found about one name, over ABIs and origins.
struct Found {
  CallReason reason;
  std::map<Origin, CallEvidence> by_origin;
};

/// The ABI of the kernel that programs of `abi` run on: a container runtime and our launcher exec
/// in it, so it is part of every profile.
Abi host_of(Abi abi) {
  if (abi == Abi::kI386 || abi == Abi::kX32) return Abi::kX86_64;
  if (abi == Abi::kArm) return Abi::kAarch64;
  return abi;
}

void add_count(std::uint64_t& sum, std::uint64_t more) {
  if (__builtin_add_overflow(sum, more, &sum)) sum = UINT64_MAX;
}

template <typename T>
void insert_sorted(std::vector<T>& into, T value) {
  const auto at = std::lower_bound(into.begin(), into.end(), value);
  if (at == into.end() || *at != value) into.insert(at, value);
}

/// "a, b, c and 4 more"
std::string list_text(const std::vector<std::string>& names) {
  const std::size_t shown = std::min(names.size(), kMaxNamesInNote);
  std::string text = fmt::format("{}", fmt::join(names.begin(), names.begin() + shown, ", "));
  if (shown < names.size()) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

/// Runs of recordings merged in the order given; scans have no runs, only their calls are taken.
Evidence merge_all(const std::vector<Evidence>& evidence) {
  Evidence all;
  bool have_first = false;
  for (const Evidence& each : evidence) {
    if (each.recorder == kScanRecorder) continue;
    if (have_first) {
      merge_evidence(all, each);
    } else {
      all = each;
      have_first = true;
    }
  }
  for (Evidence each : evidence) {
    if (each.recorder != kScanRecorder) continue;
    each.runs = 0;
    each.last_new_run = 0;
    if (have_first) {
      merge_evidence(all, each);
    } else {
      all = std::move(each);
      have_first = true;
    }
  }
  return all;
}

std::string because_of(Origin origin, const CallEvidence& call, std::uint64_t runs) {
  switch (origin) {
    case Origin::kScan:
      return reachable_because(call);
    case Origin::kLaunch:
      return "launch: the exec by which the program was started";
    case Origin::kRuntime:
      return fmt::format("runtime: {} by the container runtime before its exec",
                         plural(call.count, "call"));
    case Origin::kApplication:
    case Origin::kIoUring:
      break;
  }
  std::string text =
      fmt::format("observed: {} in {} of {}, first in run {}", plural(call.count, "call"),
                  call.runs_seen, plural(runs, "run"), call.first_run);
  if (call.error_count() > 0) {
    std::vector<std::string> errors;
    for (const auto& [name, count] : call.errors)
      errors.push_back(fmt::format("{} {}", count, name));
    text += fmt::format(" ({})", fmt::join(errors, ", "));
  }
  return text;
}

/// Adds the calls of the evidence to `found`; what cannot be in a profile becomes a note.
void add_observed(const Evidence& all, std::map<std::string, Found>& found,
                  std::vector<std::string>& notes) {
  std::set<std::string> uring;
  for (const auto& [opcode, operation] : all.operations) uring.insert(io_uring_label(opcode));
  for (const CallEvidence& call : all.calls) {
    const std::string_view name = syscall_name(call.call);
    if (call.origin == Origin::kIoUring) {
      // No filter sees it, so allowing the call of that name would open what was never called.
      uring.insert(call_label(call.call));
      continue;
    }
    if (name.empty()) {
      const auto enosys = call.errors.find("ENOSYS");
      const bool refused = enosys != call.errors.end() && enosys->second == call.count;
      notes.push_back(fmt::format(
          "{} call {} has no name that a profile could list and is left out: {} will get the "
          "default action instead of {}",
          abi_name(call.call.abi), call.call.nr, plural(call.count, "call"),
          refused ? "ENOSYS, which is all they got" : "what they got"));
      continue;
    }
    Found& one = found[std::string(name)];
    one.reason.call = name;
    insert_sorted(one.reason.origins, call.origin);
    insert_sorted(one.reason.abis, call.call.abi);
    add_count(one.reason.count, call.count);
    if (call.first_run > 0 &&
        (one.reason.first_run == 0 || call.first_run < one.reason.first_run)) {
      one.reason.first_run = call.first_run;
    }
    CallEvidence& sum = one.by_origin[call.origin];
    const bool fresh = sum.runs_seen == 0 && sum.count == 0;
    add_count(sum.count, call.count);
    for (const auto& [error, count] : call.errors) add_count(sum.errors[error], count);
    sum.runs_seen = std::max(sum.runs_seen, call.runs_seen);
    sum.reachable |= call.reachable;
    Chain shorter = shorter_chain(sum.why, call.why);
    sum.why = std::move(shorter);
    sum.first_run = fresh ? call.first_run : std::min(sum.first_run, call.first_run);
  }
  for (auto& [name, one] : found) {
    for (const auto& [origin, call] : one.by_origin) {
      one.reason.because.push_back(because_of(origin, call, all.runs));
    }
  }
  if (!uring.empty()) {
    notes.push_back(fmt::format(
        "io_uring operations are seen by no filter: {} came through a ring only and is not opened",
        list_text({uring.begin(), uring.end()})));
  }
}

std::vector<Abi> architectures_of(const Evidence& all) {
  std::vector<Abi> abis;
  for (const CallEvidence& call : all.calls) {
    insert_sorted(abis, call.call.abi);
    insert_sorted(abis, host_of(call.call.abi));
  }
  return abis;
}

bool any_has(const std::vector<Abi>& abis, std::string_view name) {
  return std::any_of(abis.begin(), abis.end(),
                     [&](Abi abi) { return syscall_nr(abi, name).has_value(); });
}

void add_layer(std::map<std::string, Found>& found, std::string_view name, std::string_view layer,
               std::string_view because) {
  CallReason& reason = found[std::string(name)].reason;
  reason.call = name;
  insert_sorted(reason.layers, std::string(layer));
  reason.because.emplace_back(because);
}

/// Whether a call of the default action is refused: only then ENOSYS is the softer answer. LOG lets
/// it pass, and for NOTIFY and TRACE a supervisor decides.
bool refuses(Action action) {
  return action == Action::kErrno || action == Action::kTrap || action == Action::kKill ||
         action == Action::kKillThread || action == Action::kKillProcess;
}

/// What the by-name entries open beyond the evidence.
void note_widening(std::map<std::string, Found>& found, const std::vector<Abi>& abis,
                   std::vector<std::string>& notes) {
  if (abis.size() < 2) return;
  std::vector<std::string> widened;
  for (auto& [name, one] : found) {
    if (one.reason.action != Action::kAllow || one.reason.abis.empty()) continue;
    for (Abi abi : abis) {
      const bool seen = std::binary_search(one.reason.abis.begin(), one.reason.abis.end(), abi);
      if (!seen && syscall_nr(abi, name)) one.reason.widened.push_back(abi);
    }
    if (!one.reason.widened.empty()) widened.push_back(name);
  }
  if (widened.empty()) return;
  std::vector<std::string_view> names;
  for (Abi abi : abis) names.push_back(abi_name(abi));
  notes.push_back(fmt::format(
      "the profile lists {}, and its entries hold for all of them: {} seen in some only {} open in "
      "the others too: {}",
      fmt::join(names, ", "), plural(widened.size(), "call"), widened.size() == 1 ? "is" : "are",
      list_text(widened)));
}

void note_multiplexers(const std::map<std::string, Found>& found, std::vector<std::string>& notes) {
  for (std::string_view name : {"socketcall", "ipc"}) {
    if (found.contains(std::string(name))) {
      notes.push_back(fmt::format(
          "{} stands for many calls at once, and an entry by name opens all of them", name));
    }
  }
}

Profile to_profile(const std::map<std::string, Found>& found, const std::vector<Layer>& layers,
                   const std::vector<Abi>& abis, const LearnOptions& options) {
  Profile profile;
  profile.default_action = options.default_action;
  if (options.default_action == Action::kErrno) profile.default_errno_ret = options.default_errno;
  for (Abi abi : abis) profile.architectures.emplace_back(abi_oci_name(abi));

  // One entry a reason, so that a reader sees what came from where; each name stands once.
  Entry observed;
  observed.comment = "observed or reachable";
  Entry kernel;
  kernel.comment = "needed by the kernel, and to start the program";
  Entry fallback;
  fallback.action = Action::kErrno;
  fallback.errno_ret = kEnosys;
  fallback.comment = "not seen; libc takes its older way on ENOSYS";
  std::map<std::string, Entry> by_layer;
  for (const auto& [name, one] : found) {
    const CallReason& reason = one.reason;
    const bool launched_only =
        reason.origins.empty() || reason.origins == std::vector<Origin>{Origin::kLaunch};
    if (reason.action == Action::kErrno) {
      fallback.names.push_back(name);
    } else if (!launched_only) {
      observed.names.push_back(name);
    } else if (std::find(reason.layers.begin(), reason.layers.end(), "kernel") !=
                   reason.layers.end() ||
               std::find(reason.layers.begin(), reason.layers.end(), "launch") !=
                   reason.layers.end()) {
      kernel.names.push_back(name);
    } else {
      by_layer[reason.layers.front()].names.push_back(name);
    }
  }
  const auto add = [&](Entry entry) {
    if (!entry.names.empty()) profile.entries.push_back(std::move(entry));
  };
  add(std::move(observed));
  add(std::move(kernel));
  for (const Layer& layer : layers) {
    const auto entry = by_layer.find(layer.name);
    if (entry == by_layer.end()) continue;
    entry->second.comment = layer.name;
    add(std::move(entry->second));
    by_layer.erase(entry);
  }
  add(std::move(fallback));
  return profile;
}

/// " (2 calls of unknown architectures)", as far as it is known what was lost.
std::string in_brackets(const Evidence& evidence) {
  const std::string text = losses_text(evidence);
  return text.empty() ? text : " (" + text + ")";
}

std::uint64_t add_counts(std::uint64_t a, std::uint64_t b) {
  add_count(a, b);
  return a;
}

Result<void> check(const std::vector<Evidence>& evidence, const std::vector<Layer>& layers,
                   const LearnOptions& options) {
  if (options.default_action == Action::kAllow) {
    return fail(Errc::kUsage,
                "a default action of {} forbids nothing; take one of ERRNO, KILL_PROCESS, "
                "KILL_THREAD, TRAP, LOG, TRACE or NOTIFY",
                action_name(options.default_action));
  }
  for (const Layer& layer : layers) {
    for (const std::string& call : layer.calls) {
      if (!is_syscall_name(call)) {
        return fail(Errc::kUsage, "layer \"{}\" has \"{}\", which is no system call",
                    printable(layer.name), printable(call));
      }
    }
  }
  bool any = false;
  for (const Evidence& each : evidence) {
    if (each.lost > 0 && !options.accept_loss) {
      return fail(Errc::kBadInput,
                  "the recording of {} lost {} of {}{}, so calls may be missing; record again, or "
                  "take it as it is with --accept-loss",
                  printable(each.program.path), with_commas(each.lost),
                  plural(add_counts(each.observed(), each.lost), "call"), in_brackets(each));
    }
    for (const CallEvidence& call : each.calls) {
      any = any || (call.origin != Origin::kLaunch && call.origin != Origin::kIoUring);
    }
  }
  if (!any) {
    return fail(Errc::kBadInput,
                "the evidence holds no call of the program, and a profile of it would let nothing "
                "run; record the program first: `sysnare trace -o FILE -- COMMAND`");
  }
  return {};
}

}  // namespace

std::string unfollowed_text(const Evidence& evidence) {
  const std::uint64_t children = evidence.children_unfollowed;
  if (children == 0) return {};
  return fmt::format(
      "{} not followed (--no-follow{}): {} calls are missing",
      children == 1 ? "1 child was" : with_commas(children) + " children were",
      evidence.runs_unfollowed < evidence.runs
          ? fmt::format(", {} of {}", evidence.runs_unfollowed, plural(evidence.runs, "run"))
          : "",
      children == 1 ? "its" : "their");
}

Result<Learned> learn(const std::vector<Evidence>& evidence, const std::vector<Layer>& layers,
                      const LearnOptions& options) {
  if (Result<void> good = check(evidence, layers, options); !good) return propagate(good);

  Learned learned;
  learned.merged = merge_all(evidence);
  const Evidence& all = learned.merged;
  if (all.lost > 0) {
    learned.notes.push_back(fmt::format(
        "{} {} lost while recording{}, so calls may be missing here", with_commas(all.lost),
        all.lost == 1 ? "call was" : "calls were", in_brackets(all)));
  }
  if (std::string text = unfollowed_text(all); !text.empty()) {
    learned.notes.push_back(std::move(text));
  }
  for (std::string& note : scan_notes(all)) learned.notes.push_back(std::move(note));
  for (const std::string& note : all.notes) learned.notes.push_back("recorder: " + note);

  std::map<std::string, Found> found;
  add_observed(all, found, learned.notes);
  const std::vector<Abi> abis = architectures_of(all);

  for (const KernelCall& call : kKernelCalls) {
    if (any_has(abis, call.name)) add_layer(found, call.name, "kernel", call.because);
  }
  add_layer(found, kLauncherExec, "launch",
            "launch: the filter is loaded before the program is started by it");
  for (const Layer& layer : layers) {
    for (const std::string& call : layer.calls) add_layer(found, call, layer.name, layer.reason);
  }
  // Where all refused calls get ENOSYS, an entry that says so for some says nothing.
  const bool enosys_for_all =
      options.default_action == Action::kErrno && options.default_errno == kEnosys;
  if (refuses(options.default_action) && !enosys_for_all) {
    for (const Fallback& fallback : fallbacks()) {
      const std::string name(fallback.call);
      if (found.contains(name) || !any_has(abis, name)) continue;
      add_layer(found, name, "fallback", fmt::format("fallback: {}", fallback.because));
      found[name].reason.action = Action::kErrno;
      found[name].reason.errno_ret = kEnosys;
    }
  }
  note_widening(found, abis, learned.notes);
  note_multiplexers(found, learned.notes);

  learned.profile = to_profile(found, layers, abis, options);
  for (auto& [name, one] : found) learned.reasons.push_back(std::move(one.reason));
  return learned;
}

}  // namespace sysnare
