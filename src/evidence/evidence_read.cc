// Reads the evidence file: docs/reference/evidence.md describes every key.

#include "evidence/evidence_read.h"

#include <algorithm>
#include <map>

#include "arch/io_uring.h"
#include "base/file.h"
#include "base/text.h"

namespace sysnare {
namespace {

using json::Cursor;

Result<void> read_operations(const Cursor& object, std::uint64_t runs,
                             std::map<std::uint32_t, RingOperation>& out) {
  Result<std::vector<Cursor>> items = object.items_of("io_uring");
  if (!items) return propagate(items);
  for (const Cursor& item : *items) {
    Result<Cursor> at = item.at("opcode");
    if (!at) return propagate(at);
    Result<std::uint64_t> opcode = at->u64(0, UINT8_MAX);  // struct io_uring_sqe has a byte for it
    if (!opcode) return propagate(opcode);
    const auto number = static_cast<std::uint32_t>(*opcode);
    if (item.has("name")) {
      std::string name;
      if (Result<void> read = item.read("name", name); !read) return read;
      const std::string_view known = io_uring_name(number);
      if (!known.empty() && known != name) {
        return item.at("name")->fail("operation {} is {}, not \"{}\"", number, known,
                                     printable(name));
      }
    }
    RingOperation operation;
    Result<void> read = item.read("count", operation.count);
    if (read) read = item.read("runs_seen", operation.runs_seen, runs);
    if (read) read = item.read("first_run", operation.first_run, runs);
    if (!read) return read;
    if (!out.try_emplace(number, operation).second) {
      return item.fail("operation {} stands twice", number);
    }
  }
  return {};
}

Result<void> read_program(const Cursor& object, ProgramIdentity& out) {
  if (!object.has("program")) return {};
  const Cursor program = *object.at("program");
  if (!program.is_object()) return program.fail("an object is needed here");
  Result<void> read = program.read("path", out.path);
  if (read) read = program.read("sha256", out.sha256);
  if (read) read = program.read("build_id", out.build_id);
  return read;
}

Result<void> read_workload(const Cursor& top, Workload& out) {
  if (!top.has("workload")) return {};
  const Cursor workload = *top.at("workload");
  if (!workload.is_object()) return workload.fail("an object is needed here");
  Result<void> read = workload.read("engine", out.engine);
  if (read) read = workload.read("runtime", out.runtime);
  if (read) read = workload.read("name", out.name);
  if (read) read = workload.read("id", out.id);
  if (read) read = workload.read("image", out.image);
  return read;
}

Result<void> read_executables(const Cursor& top, Evidence& evidence) {
  Result<std::vector<Cursor>> items = top.items_of("executables");
  if (!items) return propagate(items);
  std::map<std::pair<ProgramIdentity, std::string>, ExecutableEvidence> executables;
  for (const Cursor& item : *items) {
    if (!item.is_object()) return item.fail("an object is needed here");
    ExecutableEvidence executable;
    Result<void> read = read_program(item, executable.program);
    if (read && item.has("cgroup")) read = item.read("cgroup", executable.cgroup);
    if (!read) return read;
    auto members = item.members_of("executed_by");
    if (!members) return propagate(members);
    for (const auto& [path, at] : *members) {
      Result<std::uint64_t> times = at.u64_or_hex();
      if (!times) return propagate(times);
      executable.executed_by[path] = *times;
    }
    Result<std::vector<CallEvidence>> calls = read_calls(item, evidence.runs);
    if (!calls) return propagate(calls);
    executable.calls = std::move(*calls);
    read = read_operations(item, evidence.runs, executable.operations);
    if (!read) return read;
    const std::pair key(executable.program, executable.cgroup);
    if (!executables.try_emplace(key, std::move(executable)).second) {
      return item.fail("the executable {} stands twice", printable(key.first.path));
    }
  }
  for (auto& [key, each] : executables) evidence.executables.push_back(std::move(each));
  return {};
}

Result<void> read_ready(const Cursor& top, Evidence& evidence) {
  auto members = top.members_of("ready");
  if (!members) return propagate(members);
  for (const auto& [by, at] : *members) {
    if (!at.is_object()) return at.fail("an object is needed here");
    ReadyMark mark;
    Result<void> read = at.read("runs", mark.runs, evidence.runs);
    if (read) read = at.read("min_ns", mark.min_ns);
    if (read) read = at.read("max_ns", mark.max_ns);
    if (!read) return read;
    evidence.ready[by] = mark;
  }
  return {};
}

Result<void> read_schema(const Cursor& top) {
  Result<Cursor> at = top.at("schema");
  if (!at) return propagate(at, "no evidence file");
  Result<std::uint64_t> schema = at->u64(1);
  if (!schema) return propagate(schema);
  if (*schema > kEvidenceSchema) {
    return at->fail(
        "this is evidence of schema {}, and this sysnare reads up to {}: use a newer one", *schema,
        kEvidenceSchema);
  }
  return {};
}

/// Needed, and 0 is an answer: a file that does not say how much it lost must not pass for whole.
Result<void> read_lost(const Cursor& top, Evidence& evidence) {
  Result<Cursor> at = top.at("lost");
  if (!at) return propagate(at);
  Result<std::uint64_t> lost = at->u64_or_hex();
  if (!lost) return propagate(lost);
  evidence.lost = *lost;
  auto members = top.members_of("losses");
  if (!members) return propagate(members);
  std::uint64_t known = 0;
  for (const auto& [what, each] : *members) {
    Result<std::uint64_t> count = each.u64_or_hex();
    if (!count) return propagate(count);
    evidence.losses[what] = *count;
    if (__builtin_add_overflow(known, *count, &known) || known > evidence.lost) {
      return each.fail("losses: more than the {} of `lost`", with_commas(evidence.lost));
    }
  }
  return {};
}

}  // namespace

Result<Evidence> parse_evidence(std::string_view text, std::string_view file_name) {
  Result<json::Value> value = json::parse(text, file_name);
  if (!value) return propagate(value);
  const Cursor top(*value, file_name);
  Result<void> read = read_schema(top);
  if (!read) return propagate(read);
  Evidence evidence;
  read = read_program(top, evidence.program);
  if (read) read = read_workload(top, evidence.workload);
  if (read) read = top.read("command", evidence.command);
  if (read) read = top.read("recorder", evidence.recorder);
  if (read) read = top.read("runs", evidence.runs);
  if (read) read = top.read("last_new_run", evidence.last_new_run, evidence.runs);
  if (read) read = read_lost(top, evidence);
  if (read) read = top.read("runs_unfollowed", evidence.runs_unfollowed, evidence.runs);
  if (read) read = top.read("children_unfollowed", evidence.children_unfollowed);
  if (read) read = top.read("unresolved_sites", evidence.unresolved_sites);
  if (read) read = top.read("notes", evidence.notes);
  if (read) read = read_ready(top, evidence);
  if (!read) return propagate(read);
  // What is numbered and merged by runs needs one; a scan has none.
  if (evidence.runs == 0 && evidence.recorder != kScanRecorder) {
    return top.at("runs")->fail("0 runs, at least 1 is needed");
  }
  Result<std::vector<CallEvidence>> calls = read_calls(top, evidence.runs);
  if (!calls) return propagate(calls);
  evidence.calls = std::move(*calls);
  read = read_operations(top, evidence.runs, evidence.operations);
  if (!read) return propagate(read);
  if (read = read_executables(top, evidence); !read) return propagate(read);
  if (read = read_scanned(top, evidence.scanned); !read) return propagate(read);
  return evidence;
}

Result<Evidence> load_evidence(const std::string& path) {
  Result<std::string> text = read_file(path);
  if (!text) return propagate(text);
  return parse_evidence(*text, path);
}

}  // namespace sysnare
