#include "evidence/evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <set>

#include "arch/syscalls.h"
#include "base/text.h"

namespace sysnare {
namespace {

constexpr std::array<std::string_view, 5> kOriginNames = {"launch", "application", "runtime",
                                                          "scan", "io_uring"};

/// Counts come from files too: a sum that does not fit stays at the top rather than wrap to a small
/// number that would read as "hardly ever".
void add(std::uint64_t& sum, std::uint64_t more) {
  if (__builtin_add_overflow(sum, more, &sum)) sum = UINT64_MAX;
}

bool before(const CallEvidence& entry, const std::pair<Call, Origin>& key) {
  return std::pair(entry.call, entry.origin) < key;
}

void merge_stacks(std::vector<Stack>& into, const std::vector<Stack>& more) {
  for (const Stack& stack : more) {
    const auto same = std::find_if(into.begin(), into.end(), [&](const Stack& each) {
      return each.frames == stack.frames && each.truncated == stack.truncated;
    });
    if (same == into.end()) {
      into.push_back(stack);
    } else {
      add(same->count, stack.count);
    }
  }
  sort_stacks(into);
  if (into.size() > kMaxStacks) into.resize(kMaxStacks);
}

/// A set of values is worth something only when it is closed: an index that one side has no set for
/// (not recorded) has none in the sum. Many on one side are many in the sum.
void merge_args(CallEvidence& into, const CallEvidence& more) {
  for (const unsigned index : more.args_many) into.set_many(index);
  std::erase_if(into.args, [&](const auto& entry) { return !more.args.contains(entry.first); });
  for (const auto& [index, values] : more.args) {
    if (!into.args.contains(index)) continue;
    for (const std::uint64_t value : values) into.add_arg(index, value);
  }
}

/// Unknown on one side, whose calls did return, is unknown in the sum.
void merge_min(CallEvidence& into, const CallEvidence& more) {
  const auto unknown = [](const CallEvidence& call) { return !call.min_ns && call.total_ns > 0; };
  if (unknown(into) || unknown(more)) {
    into.min_ns.reset();
  } else if (!into.min_ns || (more.min_ns && *more.min_ns < *into.min_ns)) {
    into.min_ns = more.min_ns;
  }
}

/// What one side does not know, the sum does not either: no phases at all, or load as a part of
/// start.
void merge_phases(CallEvidence& into, const CallEvidence& more) {
  if (!into.phases || !more.phases) {
    into.phases.reset();
    return;
  }
  PhaseCounts& sum = *into.phases;
  add(sum.start, more.phases->start);
  add(sum.steady, more.phases->steady);
  if (sum.load && more.phases->load) {
    add(*sum.load, *more.phases->load);
  } else {
    add(sum.start, sum.load.value_or(0));
    add(sum.start, more.phases->load.value_or(0));
    sum.load.reset();
  }
}

void merge_ready(Evidence& into, const Evidence& more) {
  for (const auto& [by, mark] : more.ready) {
    ReadyMark& sum =
        into.ready.try_emplace(by, ReadyMark{0, mark.min_ns, mark.max_ns}).first->second;
    add(sum.runs, mark.runs);
    sum.min_ns = std::min(sum.min_ns, mark.min_ns);
    sum.max_ns = std::max(sum.max_ns, mark.max_ns);
  }
}

void merge_call(CallEvidence& into, const CallEvidence& more) {
  add(into.count, more.count);
  for (const auto& [name, count] : more.errors) add(into.errors[name], count);
  merge_min(into, more);  // asks for the sums before
  add(into.total_ns, more.total_ns);
  into.max_ns = std::max(into.max_ns, more.max_ns);
  into.sampled = into.sampled || more.sampled;
  add(into.runs_seen, more.runs_seen);
  for (const auto& [site, count] : more.sites) add(into.sites[site], count);
  merge_stacks(into.stacks, more.stacks);
  merge_args(into, more);
  merge_phases(into, more);
  if (more.first_seen_ns) into.seen_at(*more.first_seen_ns);
  if (more.last_seen_ns) into.seen_at(*more.last_seen_ns);
  into.reachable |= more.reachable;
  Chain shorter = shorter_chain(into.why, more.why);
  into.why = std::move(shorter);
}

/// A scan has no runs that could be numbered on.
void number_on(CallEvidence& call, std::uint64_t runs_before) {
  if (call.origin != Origin::kScan) add(call.first_run, runs_before);
}

/// Both are sorted, and so is the sum, without moving what is there for each that comes between.
/// Gives the last run in which a call of `more` came first, 0 for none.
std::uint64_t merge_calls(std::vector<CallEvidence>& into, const std::vector<CallEvidence>& more,
                          std::uint64_t runs_before) {
  std::uint64_t last_new_run = 0;
  std::vector<CallEvidence> all;
  all.reserve(into.size() + more.size());
  auto mine = into.begin();
  for (const CallEvidence& call : more) {
    const std::pair key(call.call, call.origin);
    while (mine != into.end() && before(*mine, key)) all.push_back(std::move(*mine++));
    if (mine != into.end() && std::pair(mine->call, mine->origin) == key) {
      merge_call(*mine, call);
      all.push_back(std::move(*mine++));
      continue;
    }
    all.push_back(call);
    number_on(all.back(), runs_before);
    if (call.origin == Origin::kScan) continue;
    last_new_run = std::max(last_new_run, all.back().first_run);
  }
  std::move(mine, into.end(), std::back_inserter(all));
  into = std::move(all);
  return last_new_run;
}

void merge_operations(std::map<std::uint32_t, RingOperation>& into,
                      const std::map<std::uint32_t, RingOperation>& more,
                      std::uint64_t runs_before) {
  for (const auto& [opcode, operation] : more) {
    RingOperation& sum = into[opcode];
    add(sum.count, operation.count);
    add(sum.runs_seen, operation.runs_seen);
    if (sum.first_run != 0) continue;
    sum.first_run = operation.first_run;
    add(sum.first_run, runs_before);
  }
}

void merge_executables(Evidence& into, const Evidence& more, std::uint64_t runs_before) {
  for (const ExecutableEvidence& each : more.executables) {
    const auto at =
        std::lower_bound(into.executables.begin(), into.executables.end(), each,
                         [](const ExecutableEvidence& a, const ExecutableEvidence& b) {
                           return std::tie(a.program, a.cgroup) < std::tie(b.program, b.cgroup);
                         });
    if (at == into.executables.end() ||
        std::tie(at->program, at->cgroup) != std::tie(each.program, each.cgroup)) {
      ExecutableEvidence fresh = each;
      for (CallEvidence& call : fresh.calls) number_on(call, runs_before);
      for (auto& [opcode, operation] : fresh.operations) add(operation.first_run, runs_before);
      into.executables.insert(at, std::move(fresh));
      continue;
    }
    for (const auto& [path, times] : each.executed_by) add(at->executed_by[path], times);
    merge_calls(at->calls, each.calls, runs_before);
    merge_operations(at->operations, each.operations, runs_before);
  }
}

/// "ebpf+ptrace": all that took part, sorted, so that the order of merging does not show.
void merge_recorders(std::string& into, std::string_view more) {
  std::set<std::string_view> all;
  for (const std::string_view list : {std::string_view(into), more}) {
    for (const std::string_view recorder : split(list, '+')) {
      if (!recorder.empty()) all.insert(recorder);
    }
  }
  into = fmt::format("{}", fmt::join(all, "+"));
}

/// Of what a scan found no run says anything.
void take_scans_out_of_runs(std::vector<CallEvidence>& calls) {
  for (CallEvidence& call : calls) {
    if (call.origin == Origin::kScan) call.runs_seen = call.first_run = 0;
  }
}

/// A sentence about the second program, when it is another than ours.
void merge_program(Evidence& into, const Evidence& more) {
  if (into.program.path.empty()) {
    into.program = more.program;
    return;
  }
  const SameProgram same = same_program(into.program, more.program);
  if (same == SameProgram::kYes) return;
  const std::string& path = more.program.path;
  add_note(into, fmt::format("holds {} of {} too{}{}", more.runs == 0 ? "a scan" : "runs",
                             same == SameProgram::kOtherBuild ? "another build of " + path : path,
                             more.program.sha256.empty() ? "" : ", sha256 ", more.program.sha256));
}

/// Runs of one image have a container each: what differs is not kept. Another image is said.
void merge_workload(Evidence& into, const Evidence& more) {
  Workload& mine = into.workload;
  const Workload& other = more.workload;
  if (other == Workload{}) return;
  if (mine == Workload{}) {
    mine = other;
    return;
  }
  if (!other.image.empty() && other.image != mine.image) {
    add_note(into, fmt::format("holds runs of the image {} too", other.image));
  }
  const auto keep_same = [](std::string& text, const std::string& also) {
    if (text != also) text.clear();
  };
  keep_same(mine.name, other.name);
  keep_same(mine.id, other.id);
  keep_same(mine.runtime, other.runtime);
}

bool has_scan_calls(const Evidence& evidence) {
  return std::any_of(evidence.calls.begin(), evidence.calls.end(),
                     [](const CallEvidence& call) { return call.origin == Origin::kScan; });
}

/// What one of two scans does not say the sum does not know: it must not pass for closed.
void merge_scanned(Evidence& into, const Evidence& more, bool into_had_scan) {
  if (!more.scanned) {
    if (has_scan_calls(more)) into.scanned.reset();
  } else if (into.scanned) {
    merge_static(*into.scanned, *more.scanned);
  } else if (!into_had_scan) {
    into.scanned = more.scanned;
  }
}

}  // namespace

std::string_view origin_name(Origin origin) {
  return kOriginNames[static_cast<std::size_t>(origin)];
}

std::optional<Origin> origin_by_name(std::string_view name) {
  const auto found = std::find(kOriginNames.begin(), kOriginNames.end(), name);
  if (found == kOriginNames.end()) return std::nullopt;
  return static_cast<Origin>(found - kOriginNames.begin());
}

std::string errno_key(int error) {
  const std::string_view name = errno_name(error);
  return name.empty() ? fmt::format("errno_{}", error) : std::string(name);
}

std::uint64_t CallEvidence::error_count() const {
  std::uint64_t sum = 0;
  for (const auto& [name, times] : errors) add(sum, times);
  return sum;
}

void add_arg_value(std::map<unsigned, std::vector<std::uint64_t>>& args,
                   std::set<unsigned>& args_many, unsigned index, std::uint64_t value) {
  if (args_many.contains(index)) return;
  std::vector<std::uint64_t>& values = args[index];
  const auto at = std::lower_bound(values.begin(), values.end(), value);
  if (at != values.end() && *at == value) return;
  if (values.size() == kMaxArgValues) {
    args.erase(index);
    args_many.insert(index);
  } else {
    values.insert(at, value);
  }
}

void CallEvidence::add_arg(unsigned index, std::uint64_t value) {
  add_arg_value(args, args_many, index, value);
}

void CallEvidence::seen_at(std::uint64_t unix_ns) {
  first_seen_ns = std::min(first_seen_ns.value_or(unix_ns), unix_ns);
  last_seen_ns = std::max(last_seen_ns.value_or(unix_ns), unix_ns);
}

void CallEvidence::set_many(unsigned index) {
  args.erase(index);
  args_many.insert(index);
}

CallEvidence& record_in(std::vector<CallEvidence>& calls, Call call, Origin origin) {
  const std::pair key(call, origin);
  auto at = std::lower_bound(calls.begin(), calls.end(), key, before);
  if (at == calls.end() || at->call != call || at->origin != origin) {
    CallEvidence fresh;
    fresh.call = call;
    fresh.origin = origin;
    at = calls.insert(at, std::move(fresh));
  }
  return *at;
}

CallEvidence* find_in(std::vector<CallEvidence>& calls, Call call, Origin origin) {
  const auto at = std::lower_bound(calls.begin(), calls.end(), std::pair(call, origin), before);
  if (at == calls.end() || at->call != call || at->origin != origin) return nullptr;
  return &*at;
}

CallEvidence& Evidence::record(Call call, Origin origin) { return record_in(calls, call, origin); }

const CallEvidence* Evidence::find(Call call, Origin origin) const {
  const auto at = std::lower_bound(calls.begin(), calls.end(), std::pair(call, origin), before);
  if (at == calls.end() || at->call != call || at->origin != origin) return nullptr;
  return &*at;
}

std::uint64_t Evidence::observed() const {
  std::uint64_t sum = 0;
  for (const CallEvidence& call : calls) add(sum, call.count);
  return sum;
}

void add_note(Evidence& evidence, std::string note) {
  if (std::find(evidence.notes.begin(), evidence.notes.end(), note) != evidence.notes.end()) return;
  if (evidence.notes.size() < kMaxNotes) evidence.notes.push_back(std::move(note));
}

void lose(Evidence& evidence, const std::string& what, std::uint64_t count) {
  if (count == 0) return;
  add(evidence.lost, count);
  add(evidence.losses[what], count);
}

std::string losses_text(const Evidence& evidence) {
  std::vector<std::string> parts;
  std::uint64_t known = 0;
  for (const auto& [what, count] : evidence.losses) {
    parts.push_back(fmt::format("{} {}", with_commas(count), printable(what)));
    add(known, count);
  }
  if (!parts.empty() && known < evidence.lost) {
    parts.push_back(with_commas(evidence.lost - known) + " others");
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

void sort_stacks(std::vector<Stack>& stacks) {
  std::sort(stacks.begin(), stacks.end(), [](const Stack& a, const Stack& b) {
    if (a.count != b.count) return a.count > b.count;
    return std::tie(a.frames, a.truncated) < std::tie(b.frames, b.truncated);
  });
}

SameProgram same_program(const ProgramIdentity& a, const ProgramIdentity& b) {
  if (a.path.empty() || b.path.empty() || a == b) return SameProgram::kYes;
  const bool both_known = !a.sha256.empty() && !b.sha256.empty();
  if (both_known && a.sha256 == b.sha256) return SameProgram::kYes;
  if (a.path != b.path) return SameProgram::kNo;
  return both_known ? SameProgram::kOtherBuild : SameProgram::kYes;
}

std::uint64_t recorded_runs(const Evidence& evidence) {
  return evidence.recorder == "scan" ? 0 : evidence.runs;
}

void merge_evidence(Evidence& into, const Evidence& more) {
  merge_scanned(into, more, has_scan_calls(into));  // asks for the calls before
  const std::uint64_t runs_before = recorded_runs(into);
  const std::uint64_t runs_more = recorded_runs(more);
  const bool none = into.runs == 0 && more.runs == 0;
  if (runs_before == 0) into.last_new_run = 0;
  merge_program(into, more);
  merge_workload(into, more);
  if (into.command.empty()) into.command = more.command;
  merge_recorders(into.recorder, more.recorder);
  into.last_new_run = std::max(into.last_new_run, merge_calls(into.calls, more.calls, runs_before));
  take_scans_out_of_runs(into.calls);
  merge_operations(into.operations, more.operations, runs_before);
  merge_executables(into, more, runs_before);
  merge_ready(into, more);
  into.runs = runs_before;
  add(into.runs, runs_more);
  // Scans alone, of a file that holds a run at least.
  if (into.runs == 0 && !none) into.runs = into.last_new_run = 1;
  add(into.lost, more.lost);
  for (const auto& [what, count] : more.losses) add(into.losses[what], count);
  add(into.runs_unfollowed, more.runs_unfollowed);
  add(into.children_unfollowed, more.children_unfollowed);
  add(into.unresolved_sites, more.unresolved_sites);
  for (const std::string& note : more.notes) add_note(into, note);
}

}  // namespace sysnare
