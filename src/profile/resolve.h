#pragma once
// What happens to this call? A profile resolved for one machine, and its plain reference
// evaluation.
//
// The evaluation is the meaning of a profile here: filters are proven against it. It is written to
// be read, not to be fast.
//
// Semantics: conditions of one entry are AND. Of several entries that match a call the one with the
// kernel's highest precedence decides (kill_process, kill_thread, trap, errno, notify, trace, log,
// allow), whatever their order: the same rule by which the kernel joins stacked filters. A call
// that no entry matches gets the default action. Numbers compare unsigned, over the whole register:
// 64 bits, or the low 32 of both sides in ABIs with 32-bit registers (so that -1, written as
// 2^64-1, means -1 there too). Not modelled here: what a particular runtime makes of the same file.

#include <linux/seccomp.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "arch/abi.h"
#include "base/result.h"
#include "profile/profile.h"

namespace sysnare {

/// A SECCOMP_RET_* action with its data bits: what a filter returns.
struct ActionValue {
  std::uint32_t value = SECCOMP_RET_KILL_PROCESS;
  [[nodiscard]] std::uint32_t action() const { return value & SECCOMP_RET_ACTION_FULL; }
  [[nodiscard]] std::uint16_t data() const {
    return static_cast<std::uint16_t>(value & SECCOMP_RET_DATA);
  }
  auto operator<=>(const ActionValue&) const = default;
};

/// `action` with `errno_ret` where the action takes one (kErrno: default EPERM, at most 4095;
/// kTrace: the message for the tracer).
ActionValue action_value(Action action, std::optional<std::uint32_t> errno_ret);

/// The action whose value this is; kKillProcess for one that is none, as the kernel does it.
Action action_of(ActionValue value);
/// What an entry writes as errnoRet for it: of kErrno and kTrace.
std::optional<std::uint32_t> errno_ret_of(ActionValue value);

/// "errno EPERM", "kill process", "allow"
std::string action_label(ActionValue value);

/// Whether the kernel prefers `a` over `b`: it compares the action as a signed number, lower first.
bool outranks(ActionValue a, ActionValue b);

struct ResolvedRule {
  std::vector<ArgCondition> conditions;  ///< all must hold; empty: always
  ActionValue action;
  std::size_t entry = 0;  ///< index into Profile::entries
};

/// Numbers of one AUDIT_ARCH_* value that all get one action, both ends included.
struct NumberRange {
  std::uint32_t arch = 0;
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  ActionValue action;
};

struct ResolvedProfile {
  ActionValue default_action;
  ActionValue foreign_abi;  ///< for calls of an ABI not in `abis`
  std::vector<Abi> abis;    ///< sorted
  std::map<Call, std::vector<ResolvedRule>> rules;
  /// What is answered before `abis` and `rules` are looked at: what a runtime puts in front of the
  /// filter (runtime.h). Of architectures that `abis` has; they do not overlap.
  std::vector<NumberRange> answered_ahead;
  /// Compare int-typed arguments by their declared width instead of by all 64 bits.
  bool int_args_by_width = false;
  /// Compare arguments of x32 calls by their low 32 bits, as libseccomp does (runtime.h).
  bool x32_args_by_low_half = false;
  std::vector<std::string> flags;
  /// Names that no ABI knows, each "FILE:LINE: PATH: …"; the caller decides what to make of them.
  std::vector<std::string> unknown_names;
};

struct ResolveOptions {
  std::vector<std::string> caps;  ///< CAP_*, for includes and excludes
  Abi arch = native_abi();
  KernelVersion kernel{.major = 6, .minor = 1};
  bool sub_architectures = true;                      ///< what archMap adds to `arch`
  ActionValue foreign_abi{SECCOMP_RET_KILL_PROCESS};  ///< as in ResolvedProfile
  bool int_args_by_width = false;                     ///< as in ResolvedProfile
};

/// Every name that no ABI knows, whether its entry applies or not, as in ResolvedProfile.
std::vector<std::string> unknown_names(const Profile& profile);

/// The flat meaning of `profile`. `architectures` given: those; archMap: that of `arch`; neither:
/// `arch` alone. Errors: kBadInput for both `architectures` and archMap.
Result<ResolvedProfile> resolve(const Profile& profile, const ResolveOptions& options);

/// The action of one call.
ActionValue evaluate(const ResolvedProfile& profile, const seccomp_data& call);

/// Whether includes and excludes let `entry` apply. As Docker: all of includes.caps, none of
/// excludes.caps; arches name the engine's own architecture, never one of its sub-architectures.
bool applies(const Entry& entry, const ResolveOptions& options);

/// seccomp_data.nr of a call that a tracer skips, and of syscall(-1): a number of every ABI.
inline constexpr std::uint32_t kSkippedNr = UINT32_MAX;

/// The ABI of `profile` to which a call belongs, empty when it lists none. On x86_64 all numbers
/// from kX32Bit upwards but kSkippedNr belong to x32 (only the bit, and the kernel knows none
/// beyond it), so that one comparison guards against them.
std::optional<Abi> listed_abi(const ResolvedProfile& profile, std::uint32_t arch, std::uint32_t nr);

/// How many low bits of argument `index` count: the ABI's register, or less with int_args_by_width
/// (what the kernel declares for the call) and x32_args_by_low_half.
unsigned compared_bits(const ResolvedProfile& profile, Call call, unsigned index);

/// Whether `condition` holds for `argument`, compared over `bits` (16, 32 or 64) of both.
bool holds(const ArgCondition& condition, std::uint64_t argument, unsigned bits);

}  // namespace sysnare
