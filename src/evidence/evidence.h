#pragma once
// What was seen or proven of a program's calls, and how is it kept in a file?
//
// Evidence is neither a profile (decided) nor a filter (compiled). The file, *.evidence.json, is
// described in docs/reference/evidence.md.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "arch/abi.h"
#include "base/result.h"
#include "evidence/static_evidence.h"

namespace sysnare {

/// Schema number that we write. Older ones are read; a newer one is refused with a sentence.
inline constexpr std::uint64_t kEvidenceSchema = 1;

/// Most code paths kept for one call, the frequent ones first: enough to read, and a recursive
/// program has no end of them.
inline constexpr std::size_t kMaxStacks = 32;
/// Most values of one argument that still count as a set; past it there are "many".
inline constexpr std::size_t kMaxArgValues = 64;
/// Most notes in one file: each is a kind of trouble, and there are few kinds.
inline constexpr std::size_t kMaxNotes = 64;

/// What a file says of a call's times: some are samples, or (as where it says nothing) each call
/// was timed.
inline constexpr std::string_view kTimeSampled = "sampled";
inline constexpr std::string_view kTimeExact = "exact";

/// Evidence::recorder of a scan.
inline constexpr std::string_view kScanRecorder = "scan";

/// Where a call comes from.
enum class Origin : std::uint8_t {
  kLaunch,       ///< the exec by which our own launcher became the program
  kApplication,  ///< the program and its children
  kRuntime,      ///< a container runtime between loading the filter and exec
  kScan,         ///< static analysis
  kIoUring,      ///< an io_uring operation, which no filter sees
};
std::string_view origin_name(Origin origin);  ///< "launch", "application", …
std::optional<Origin> origin_by_name(std::string_view name);

/// How an errno is named in CallEvidence::errors: "ENOENT", or "errno_2222" for a number without a
/// name (a seccomp filter can return any up to 4095).
std::string errno_key(int error);

/// The executable that evidence is about.
struct ProgramIdentity {
  std::string path;
  std::string sha256;    ///< of the file; empty when it could not be read
  std::string build_id;  ///< GNU build-id in hex, else Go's build id as "go:…", else empty
  auto operator<=>(const ProgramIdentity&) const = default;
};

/// A code path that made the call, innermost frame first; inlined frames as frames of their own.
struct Stack {
  std::vector<std::string> frames;
  std::uint64_t count = 0;
  bool truncated = false;
  auto operator<=>(const Stack&) const = default;
};

/// How many of the calls were made in which phase of their program.
struct PhaseCounts {
  /// Before main; absent where that is not told apart, and in `start` then.
  std::optional<std::uint64_t> load;
  std::uint64_t start = 0;   ///< until the ready mark
  std::uint64_t steady = 0;  ///< after it
  bool operator==(const PhaseCounts&) const = default;
};

/// By what, in how many runs, and how long after their start programs were ready.
struct ReadyMark {
  std::uint64_t runs = 0;
  std::uint64_t min_ns = 0;
  std::uint64_t max_ns = 0;
  bool operator==(const ReadyMark&) const = default;
};

/// All that is known about one (ABI, number, origin).
struct CallEvidence {
  Call call;
  Origin origin = Origin::kApplication;
  std::uint64_t count = 0;
  std::map<std::string, std::uint64_t> errors;  ///< errno name -> how often
  std::uint64_t total_ns = 0;                   ///< wall time spent in the call
  std::uint64_t max_ns = 0;
  bool sampled = false;  ///< some calls were not timed, and are in total_ns by others
  /// The shortest; absent where no call returned, and in files that do not know it.
  std::optional<std::uint64_t> min_ns;
  std::uint64_t runs_seen = 0;          ///< in how many of the runs it came
  std::uint64_t first_run = 0;          ///< 1-based number of the run that showed it first
  std::map<Site, std::uint64_t> sites;  ///< optional: calling instruction -> how often
  std::vector<Stack> stacks;            ///< optional: sorted by count, then frames
  /// Optional: argument index -> the values seen, sorted. Closed: there was no other.
  std::map<unsigned, std::vector<std::uint64_t>> args;
  std::set<unsigned> args_many;       ///< arguments that took more than kMaxArgValues
  std::optional<PhaseCounts> phases;  ///< absent where it is not known
  /// Nanoseconds since 1970, to the millisecond in the file; absent where it is not known.
  std::optional<std::uint64_t> first_seen_ns;
  std::optional<std::uint64_t> last_seen_ns;
  std::uint8_t reachable = 0;  ///< of a scan: kReachable…, or-ed
  Chain why;  ///< of a scan: one shortest, from an entry point to the function that calls

  [[nodiscard]] std::uint64_t error_count() const;
  /// Adds to the values of argument `index`; the one past kMaxArgValues makes them many.
  void add_arg(unsigned index, std::uint64_t value);
  /// It was seen at this moment, nanoseconds since 1970.
  void seen_at(std::uint64_t unix_ns);
  /// Argument `index` took more values than are kept.
  void set_many(unsigned index);
};

/// How often an operation of io_uring was taken from a ring. No call: no filter sees it.
struct RingOperation {
  std::uint64_t count = 0;
  std::uint64_t runs_seen = 0;  ///< in how many of the runs it came
  std::uint64_t first_run = 0;  ///< 1-based number of the run that showed it first
};

/// What one of several executables of a recording did: an exec starts a new one.
struct ExecutableEvidence {
  ProgramIdentity program;
  /// Path of the cgroup that it ran in, where executables were told apart by it (`trace --host`);
  /// else empty.
  std::string cgroup;
  /// Path of the executable whose exec became this one -> how often; "" for our launcher.
  std::map<std::string, std::uint64_t> executed_by;
  std::vector<CallEvidence> calls;                    ///< as in Evidence, which has their sums
  std::map<std::uint32_t, RingOperation> operations;  ///< likewise
};

/// The container that evidence is about; all empty where it is about none.
struct Workload {
  std::string engine =
      {};  ///< "docker", "podman", "runc", "crun"; "oci" where a hook was told no more
  std::string runtime =
      {};  ///< whose layers its profile needs (`profile --runtime`); empty: not known
  std::string name = {};  ///< of the container
  std::string id = {};
  std::string image = {};
  auto operator<=>(const Workload&) const = default;
};

struct Evidence {
  ProgramIdentity program;
  Workload workload;
  std::vector<std::string> command;  ///< argv of the recording, empty for attach and scan
  std::string recorder;              ///< "ptrace", "ebpf", "scan"
  std::uint64_t runs = 1;            ///< 0: nothing but a scan
  std::uint64_t last_new_run = 1;    ///< the last run (1-based) in which a call came first
  std::uint64_t lost = 0;            ///< calls known to have been made and not recorded
  /// What those were, in the plural -> how many; sums up to at most `lost`: older files do not say.
  std::map<std::string, std::uint64_t> losses;
  std::uint64_t runs_unfollowed = 0;      ///< runs that left children alone (`trace --no-follow`)
  std::uint64_t children_unfollowed = 0;  ///< processes that those were seen to start
  std::uint64_t unresolved_sites = 0;
  std::vector<std::string>
      notes;  ///< what the recorder has to say: "the program's own ptrace failed"
  std::map<std::string, ReadyMark> ready;  ///< what the ready mark was -> when; optional
  std::vector<CallEvidence> calls;         ///< sorted by (ABI, number, origin), no two equal
  /// Operations of io_uring by opcode (arch/io_uring.h); empty where the recorder sees none.
  std::map<std::uint32_t, RingOperation> operations;
  /// Optional: the same by executable, sorted by program and cgroup; empty when there was but one,
  /// or the recorder does not tell them apart.
  std::vector<ExecutableEvidence> executables;
  /// What a scan says beside its calls. Absent: there was none, or it does not say what stays open.
  std::optional<StaticEvidence> scanned;

  /// The record of (call, origin), made when missing; keeps `calls` sorted. The reference holds
  /// until the next record() of another call. Cost: a binary search.
  CallEvidence& record(Call call, Origin origin);
  [[nodiscard]] const CallEvidence* find(Call call, Origin origin) const;
  [[nodiscard]] std::uint64_t observed() const;  ///< sum of all counts
};

/// The runs that `evidence` holds: none where it is a scan's alone, whose file says 1.
std::uint64_t recorded_runs(const Evidence& evidence);

/// CallEvidence::add_arg on its two members, for who counts before there is a record.
void add_arg_value(std::map<unsigned, std::vector<std::uint64_t>>& args,
                   std::set<unsigned>& args_many, unsigned index, std::uint64_t value);

/// The record of (call, origin) in `calls`, made when missing; keeps them sorted.
CallEvidence& record_in(std::vector<CallEvidence>& calls, Call call, Origin origin);

/// The record of (call, origin) in sorted `calls`, or null.
CallEvidence* find_in(std::vector<CallEvidence>& calls, Call call, Origin origin);

/// Appends `note` unless it is there already.
void add_note(Evidence& evidence, std::string note);

/// Counts `count` more as lost; `what` they are is in the plural: "calls of unknown architectures".
void lose(Evidence& evidence, const std::string& what, std::uint64_t count = 1);

/// "2 calls of unknown architectures, 3 others": what was lost; empty where nothing was, or nothing
/// is known of it.
std::string losses_text(const Evidence& evidence);

/// Most frequent first, equal counts by their frames.
void sort_stacks(std::vector<Stack>& stacks);

/// Whether both are about one program: by path, or by what is in the file. One of which nothing is
/// known (a recording of a whole host) is like any.
enum class SameProgram : std::uint8_t { kYes, kOtherBuild, kNo };
SameProgram same_program(const ProgramIdentity& a, const ProgramIdentity& b);

/// Adds `more` (later runs of the same workload, or a scan, which has none) to `into`: counts and
/// runs add up (and stay at 2^64-1 where they would wrap), runs of `more` are numbered on. Of two
/// scans the result is the union.
void merge_evidence(Evidence& into, const Evidence& more);

/// The text of the file; equal evidence gives equal bytes. Whole numbers above 2^53 are written as
/// hex strings: many readers keep numbers as doubles.
std::string write_evidence(const Evidence& evidence);

/// Reads the file's text. Errors: kBadInput naming file, line, JSON path, value and what is
/// allowed; a newer schema says which program version is needed.
Result<Evidence> parse_evidence(std::string_view text, std::string_view file_name);
Result<Evidence> load_evidence(const std::string& path);

}  // namespace sysnare
