#pragma once
// What does a seccomp profile say? The model of every JSON dialect, as written and not yet
// resolved.
//
// Source: OCI runtime specification 1.2 (config-linux.md, "Seccomp"); Docker 20.10 to 28
// (profiles/seccomp: archMap, includes, excludes, comment, singular `name`); containers/common 0.50
// (errno and defaultErrno names).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/abi.h"
#include "base/result.h"

namespace sysnare {

/// The actions as the JSON names them. SCMP_ACT_KILL means KILL_THREAD but is kept apart, since it
/// is what lint warns of and what is written back.
enum class Action : std::uint8_t {
  kKill,
  kKillThread,
  kKillProcess,
  kTrap,
  kErrno,
  kTrace,
  kAllow,
  kLog,
  kNotify,
};
std::string_view action_name(Action action);  ///< "SCMP_ACT_ERRNO"
std::optional<Action> action_by_name(std::string_view name);
std::vector<std::string_view> action_names();  ///< all, in the order of the enum

/// How an argument is compared; the names are OCI's SCMP_CMP_*.
enum class Op : std::uint8_t { kNe, kLt, kLe, kEq, kGe, kGt, kMaskedEq };
std::string_view op_name(Op op);
std::optional<Op> op_by_name(std::string_view name);
std::vector<std::string_view> op_names();  ///< all, in the order of the enum

/// Largest errnoRet of SCMP_ACT_ERRNO: kernel/seccomp.c caps what is above MAX_ERRNO.
inline constexpr std::uint32_t kMaxErrno = 4095;
/// Largest errnoRet of SCMP_ACT_TRACE, which is a message of 16 bits (SECCOMP_RET_DATA).
inline constexpr std::uint32_t kMaxTraceMessage = 0xffff;
/// Arguments of a system call, in seccomp_data.
inline constexpr unsigned kArgCount = 6;

struct ArgCondition {
  unsigned index = 0;           ///< 0 to 5
  std::uint64_t value = 0;      ///< the mask of kMaskedEq
  std::uint64_t value_two = 0;  ///< what kMaskedEq compares with
  Op op = Op::kEq;
  auto operator<=>(const ArgCondition&) const = default;
};

struct KernelVersion {
  unsigned major = 0;
  unsigned minor = 0;
  auto operator<=>(const KernelVersion&) const = default;
};

/// "5.4", as minKernel is written; empty for anything else.
std::optional<KernelVersion> kernel_version(std::string_view text);

/// Docker's includes/excludes: `caps` and `arches` as written.
struct EntryCondition {
  std::vector<std::string> caps;
  std::vector<std::string> arches;  ///< Go's names: amd64, arm64, x32, s390x …
  std::optional<KernelVersion> min_kernel;
  [[nodiscard]] bool empty() const { return caps.empty() && arches.empty() && !min_kernel; }
};

/// One element of `syscalls`.
struct Entry {
  std::vector<std::string> names;
  bool singular_name = false;  ///< written as `name`, Docker's old dialect
  Action action = Action::kAllow;
  std::optional<std::uint32_t> errno_ret;  ///< errnoRet, or what Podman's `errno` name stands for
  bool errno_by_name = false;              ///< by that name alone: others than Podman read nothing
  std::vector<ArgCondition> args;
  EntryCondition includes;
  EntryCondition excludes;
  std::string comment;
  std::string path;  ///< "syscalls[3]", for messages
  std::uint32_t line = 0;
  std::uint32_t action_line = 0;          ///< of `action`; 0 when not read from a file
  std::vector<std::uint32_t> name_lines;  ///< one a name, or empty
  std::vector<std::uint32_t> arg_lines;   ///< one a condition, or empty
};

/// Docker's archMap: the engine's own architecture and what it adds.
struct ArchMapEntry {
  std::string architecture;
  std::vector<std::string> sub_architectures;
};

/// What was accepted and is odd.
struct Oddity {
  enum class Kind : std::uint8_t {
    kUnknownKey,
    kUnknownCapability,    ///< in includes or excludes
    kUnknownArchitecture,  ///< in includes or excludes
    kUnreadValue,          ///< a valueTwo that its comparison does not look at
    kListedTwice,          ///< an architecture or a flag
    kNoNames,              ///< an entry that names no call
    kBitsOutsideMask,      ///< so that a comparison never holds
    kUncounted,            ///< of more than are kept, how many
  };
  Kind kind = Kind::kUnknownKey;
  std::string path;        ///< "syscalls[2].includes.caps[0]"; empty: the file
  std::uint32_t line = 0;  ///< 0 when not read from a file
  std::string message;     ///< "no engine knows a capability …"
};

struct Profile {
  std::string source;  ///< file name, for messages
  Action default_action = Action::kErrno;
  std::optional<std::uint32_t> default_errno_ret;
  bool default_errno_by_name = false;      ///< written as Podman's `defaultErrno` alone
  std::vector<std::string> architectures;  ///< SCMP_ARCH_*
  std::vector<ArchMapEntry> arch_map;
  std::vector<std::string> flags;
  std::string listener_path;
  std::string listener_metadata;
  std::vector<Entry> entries;
  std::uint32_t default_action_line = 0;  ///< of `defaultAction`; 0 when not read from a file
  std::uint32_t architectures_line = 0;   ///< of `architectures` or `archMap`, the same
  std::vector<Oddity> oddities;           ///< shown by the caller on stderr, by warnings_of()
};

/// What is odd about `profile`, each "FILE:LINE: PATH: …".
std::vector<std::string> warnings_of(const Profile& profile);

/// Reads OCI, Docker's (old and new) and Podman's JSON.
///
/// Errors: kBadInput, one sentence with file, line, JSON path, value and what is allowed.
Result<Profile> parse_profile(std::string_view text, std::string_view file_name);
/// The same from a file; "-" is standard input.
Result<Profile> load_profile(const std::string& path);

/// The JSON text, in the order of the model, two blanks a level; what OCI and Docker both read when
/// `profile` has neither arch_map nor conditions. Equal profiles give equal bytes.
std::string write_profile(const Profile& profile);

}  // namespace sysnare
