#include "record/ebpf/evidence.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "arch/syscalls.h"
#include "base/text.h"
#include "record/notes.h"

namespace sysnare {
namespace {

struct LossRow {
  sysnare_loss what;
  const char* text;
};

/// Each in the plural, after its number.
constexpr LossRow kLosses[] = {
    {SYSNARE_LOST_TASK, "threads or processes that could not be followed"},
    {SYSNARE_LOST_TOTAL, "calls for which the table of totals had no room"},
    {SYSNARE_LOST_FOREIGN, "calls of other ABIs or nonsense numbers for which there was no room"},
    {SYSNARE_LOST_ERROR, "failures whose errno found no room"},
    {SYSNARE_LOST_EXECUTABLE, "execs of programs past the most that are told apart"},
    {SYSNARE_LOST_EDGE, "execs of which it is not known by whom"},
    {SYSNARE_LOST_SITE, "calls whose calling instruction found no room"},
    {SYSNARE_LOST_OPERATION, "io_uring operations for which there was no room"},
    {SYSNARE_LOST_ARG, "values of arguments for which there was no room; no set of values is kept"},
    {SYSNARE_LOST_CGROUP, "cgroups that were made again and could not be followed"},
    {SYSNARE_LOST_EVENT, "messages for which the ring buffer had no room"},
};
static_assert(std::size(kLosses) == SYSNARE_LOSSES);

constexpr const char* kNoteMoved =
    "tasks ended so fast that the living ones could not be read between two ends; some calls may "
    "be counted twice or not at all";

}  // namespace

Call call_of(std::uint64_t call) {
  const auto nr = static_cast<std::uint32_t>(call);
  const Abi native = native_abi();
  if ((call & SYSNARE_CALL_COMPAT) != 0) {
    const auto siblings = sibling_abis(native);
    return {siblings.empty() ? native : siblings.back(), nr};
  }
  return {abi_of(audit_arch(native), nr).value_or(native), nr};
}

namespace {

Origin origin_of(std::uint32_t executable) {
  if ((executable & SYSNARE_RUNTIME) != 0) return Origin::kRuntime;
  return executable == SYSNARE_LAUNCHER ? Origin::kLaunch : Origin::kApplication;
}

/// A shortest time, as shared.h keeps it.
std::uint64_t ns_of_word(std::uint32_t word) {
  if (word < SYSNARE_LONG) return word;
  return std::uint64_t{word - SYSNARE_LONG} << SYSNARE_LONG_SHIFT;
}

void add_row(const EbpfTables& tables, const sysnare_row& row, CallEvidence& record) {
  record.count += row.count;
  record.total_ns += row.total_ns;
  record.max_ns = std::max(record.max_ns, std::uint64_t{row.max_ns});
  record.sampled = record.sampled || row.sampled != 0;
  if (row.inverted_min != 0) {
    const std::uint64_t min_ns = ns_of_word(~row.inverted_min);
    record.min_ns = std::min(record.min_ns.value_or(min_ns), min_ns);
  }
  if (row.last != 0) {
    const auto moment = [&](std::uint32_t tick) {
      return tables.first_tick_ns + tables.ns_per_tick * (tick - 1);
    };
    record.seen_at(moment(~row.inverted_first));
    record.seen_at(moment(row.last));
  }
  record.runs_seen = 1;
  record.first_run = 1;
}

/// Phases are the program's: a container's runtime has none.
void add_phase(const EbpfTables& tables, std::uint32_t phase, std::uint64_t count,
               CallEvidence& record) {
  if (!tables.knows_phases || phase == SYSNARE_NO_PHASE || record.origin == Origin::kRuntime)
    return;
  if (!record.phases) record.phases.emplace();
  PhaseCounts& phases = *record.phases;
  if (tables.knows_load && !phases.load) phases.load = 0;
  if (phase == SYSNARE_LOAD) {
    phases.load = phases.load.value_or(0) + count;
  } else {
    (phase == SYSNARE_STEADY ? phases.steady : phases.start) += count;
  }
}

void add_rows(const EbpfTables& tables, std::optional<std::uint32_t> executable,
              std::vector<CallEvidence>& calls) {
  for (const auto& [key, row] : tables.rows) {
    if (executable && key.executable != *executable) continue;
    CallEvidence& record = record_in(calls, call_of(key.call), origin_of(key.executable));
    add_row(tables, row, record);
    add_phase(tables, key.phase, row.count, record);
  }
  for (const auto& [key, count] : tables.errors) {
    if (executable && key.executable != *executable) continue;
    const auto error = static_cast<int>(key.call >> SYSNARE_CALL_ERRNO_SHIFT);
    const std::uint64_t call = key.call & ((1ull << SYSNARE_CALL_ERRNO_SHIFT) - 1);
    CallEvidence& record = record_in(calls, call_of(call), origin_of(key.executable));
    record.errors[errno_key(error)] += count;
  }
}

void add_operations(const EbpfTables& tables, std::optional<std::uint32_t> executable,
                    std::map<std::uint32_t, RingOperation>& operations) {
  for (const auto& [key, count] : tables.operations) {
    if (executable && key.executable != *executable) continue;
    RingOperation& operation = operations[key.opcode];
    operation.count += count;
    operation.runs_seen = 1;
    operation.first_run = 1;
  }
}

/// The sets of values, where none of them lost one: a set is worth something only when it is
/// closed.
void add_args(const EbpfTables& tables, std::optional<std::uint32_t> executable,
              std::vector<CallEvidence>& calls) {
  static_assert(SYSNARE_MAX_ARG_VALUES == kMaxArgValues);
  if (tables.lost[SYSNARE_LOST_ARG] != 0) return;
  constexpr std::uint64_t kCall = (1ull << SYSNARE_CALL_ARG_SHIFT) - 1;
  // Of calls that are counted alone: one may have begun since those were read.
  const auto record_of = [&](const sysnare_arg_set_key& key) -> CallEvidence* {
    if (executable && key.executable != *executable) return nullptr;
    return find_in(calls, call_of(key.call & kCall), origin_of(key.executable));
  };
  const auto index_of = [](const sysnare_arg_set_key& key) {
    return static_cast<unsigned>(key.call >> SYSNARE_CALL_ARG_SHIFT) - 1;
  };
  for (const auto& [key, count] : tables.arg_sets) {
    if (count <= SYSNARE_MAX_ARG_VALUES) continue;
    if (CallEvidence* record = record_of(key)) record->set_many(index_of(key));
  }
  for (const auto& [key, seen] : tables.args) {
    if (CallEvidence* record = record_of(key.set)) record->add_arg(index_of(key.set), key.value);
  }
}

void add_sites(const EbpfTables& tables, std::optional<std::uint32_t> executable,
               ModuleFiles& modules, std::vector<CallEvidence>& calls) {
  for (const auto& [key, count] : tables.sites) {
    if (executable && key.executable != *executable) continue;
    CallEvidence& record = record_in(calls, call_of(key.call), Origin::kApplication);
    record.sites[modules.site_of(key.place)] += count;
  }
}

}  // namespace

void add_tables(const EbpfTables& tables, Evidence& evidence) {
  add_rows(tables, std::nullopt, evidence.calls);
  add_args(tables, std::nullopt, evidence.calls);
  for (const LossRow& loss : kLosses) lose(evidence, loss.text, tables.lost[loss.what]);
  lose(evidence, "calls that came while an eBPF program was at work", tables.missed);
  if (tables.moved_meanwhile) {
    lose(evidence, "calls of tasks that ended while they were read");
    add_note(evidence, kNoteMoved);
  }
  add_operations(tables, std::nullopt, evidence.operations);
  for (const CallEvidence& call : evidence.calls) {
    if (!tables.sees_operations && syscall_name(call.call) == "io_uring_setup" &&
        call.count > call.error_count()) {
      add_note(evidence, kNoteIoUring);
    }
  }
}

void add_sites(const EbpfTables& tables, ModuleFiles& modules, Evidence& evidence) {
  add_sites(tables, std::nullopt, modules, evidence.calls);
  evidence.unresolved_sites += tables.unresolved_sites;
}

namespace {

NumberedExecutable executable_of(std::uint32_t number,
                                 const std::map<std::uint32_t, NumberedExecutable>& programs) {
  number &= ~SYSNARE_RUNTIME;
  const auto found = programs.find(number);
  if (found != programs.end()) return found->second;
  NumberedExecutable unknown;
  unknown.program.path = fmt::format("[executable {}, whose file is not known]", number);
  return unknown;
}

}  // namespace

void add_executables(const EbpfTables& tables,
                     const std::map<std::uint32_t, NumberedExecutable>& programs,
                     ModuleFiles& modules, Evidence& evidence) {
  std::set<std::uint32_t> numbers;
  for (const auto& [key, row] : tables.rows) {
    if (key.executable != SYSNARE_LAUNCHER) numbers.insert(key.executable);
  }
  // Two files may have become one name: a program that was replaced meanwhile.
  std::map<std::pair<ProgramIdentity, std::string>, ExecutableEvidence> all;
  bool in_cgroups = false;
  for (const std::uint32_t number : numbers) {
    const NumberedExecutable known = executable_of(number, programs);
    in_cgroups = in_cgroups || !known.cgroup.empty();
    ExecutableEvidence& executable = all[{known.program, known.cgroup}];
    executable.program = known.program;
    executable.cgroup = known.cgroup;
    add_rows(tables, number, executable.calls);
    add_operations(tables, number, executable.operations);
    add_args(tables, number, executable.calls);
    add_sites(tables, number, modules, executable.calls);
  }
  // A single one did all that is told already.
  if (numbers.size() < 2 && !in_cgroups) return;
  for (const auto& [edge, times] : tables.edges) {
    const std::string from = edge.from == SYSNARE_LAUNCHER
                                 ? std::string()
                                 : executable_of(edge.from, programs).program.path;
    const NumberedExecutable known = executable_of(edge.to, programs);
    const auto to = all.find({known.program, known.cgroup});
    if (to != all.end()) to->second.executed_by[from] += times;
  }
  for (auto& [program, executable] : all) evidence.executables.push_back(std::move(executable));
}

ProgramIdentity first_program(const EbpfTables& tables,
                              const std::map<std::uint32_t, NumberedExecutable>& programs) {
  std::uint32_t first = SYSNARE_RUNTIME;
  for (const auto& [key, row] : tables.rows) {
    if (key.executable != SYSNARE_LAUNCHER) first = std::min(first, key.executable);
  }
  return first == SYSNARE_RUNTIME ? ProgramIdentity{} : executable_of(first, programs).program;
}

}  // namespace sysnare
