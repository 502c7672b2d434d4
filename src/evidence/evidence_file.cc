// The evidence file: docs/reference/evidence.md describes every key.

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "arch/io_uring.h"
#include "arch/syscalls.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "evidence/evidence.h"

namespace sysnare {
namespace {

using Json = nlohmann::ordered_json;

/// The largest integer that a double holds exactly together with all below it.
constexpr std::uint64_t kMaxPlain = (1ull << 53) - 1;
constexpr unsigned kArgCount = 6;
constexpr unsigned kTimeDigits = 3;  // of a second: what the recorders know

Json number(std::uint64_t value) { return value <= kMaxPlain ? Json(value) : Json(hex(value)); }

Json program_json(const ProgramIdentity& program) {
  return {{"path", program.path}, {"sha256", program.sha256}, {"build_id", program.build_id}};
}

/// What is not known has no key.
Json workload_json(const Workload& workload) {
  Json json = Json::object();
  const auto add = [&](const char* key, const std::string& text) {
    if (!text.empty()) json[key] = text;
  };
  add("engine", workload.engine);
  add("runtime", workload.runtime);
  add("name", workload.name);
  add("id", workload.id);
  add("image", workload.image);
  return json;
}

Json call_json(const CallEvidence& call) {
  Json json;
  json["abi"] = abi_name(call.call.abi);
  json["nr"] = call.call.nr;
  json["name"] = call_label(call.call);
  json["origin"] = origin_name(call.origin);
  json["count"] = number(call.count);
  json["errors"] = Json::object();
  for (const auto& [name, count] : call.errors) json["errors"][name] = number(count);
  json["total_ns"] = number(call.total_ns);
  json["max_ns"] = number(call.max_ns);
  if (call.min_ns) json["min_ns"] = number(*call.min_ns);
  json["runs_seen"] = number(call.runs_seen);
  json["first_run"] = number(call.first_run);
  if (call.first_seen_ns) json["first_seen"] = timestamp_text(*call.first_seen_ns, kTimeDigits);
  if (call.last_seen_ns) json["last_seen"] = timestamp_text(*call.last_seen_ns, kTimeDigits);
  if (!call.sites.empty()) {
    json["sites"] = Json::array();
    for (const auto& [site, count] : call.sites) {
      json["sites"].push_back({{"module", site.module},
                               {"module_key", site.module_key},
                               {"offset", hex(site.offset)},
                               {"count", number(count)}});
    }
  }
  if (!call.stacks.empty()) {
    json["stacks"] = Json::array();
    for (const Stack& stack : call.stacks) {
      json["stacks"].push_back({{"frames", stack.frames},
                                {"count", number(stack.count)},
                                {"truncated", stack.truncated}});
    }
  }
  if (!call.args.empty()) {
    json["args"] = Json::object();
    for (const auto& [index, values] : call.args) {
      Json list = Json::array();
      for (std::uint64_t value : values) list.push_back(hex(value));
      json["args"][std::to_string(index)] = std::move(list);
    }
  }
  if (call.phases) {
    Json& phases = json["phases"] = Json::object();
    if (call.phases->load) phases["load"] = number(*call.phases->load);
    phases["start"] = number(call.phases->start);
    phases["steady"] = number(call.phases->steady);
  }
  if (!call.args_many.empty()) json["args_many"] = call.args_many;
  return json;
}

/// Nothing where there are none: most programs use no io_uring.
void put_operations(Json& json, const std::map<std::uint32_t, RingOperation>& operations) {
  if (operations.empty()) return;
  json["io_uring"] = Json::array();
  for (const auto& [opcode, operation] : operations) {
    json["io_uring"].push_back({{"opcode", opcode},
                                {"name", io_uring_label(opcode)},
                                {"count", number(operation.count)},
                                {"runs_seen", number(operation.runs_seen)},
                                {"first_run", number(operation.first_run)}});
  }
}

Json executable_json(const ExecutableEvidence& executable) {
  Json json;
  json["program"] = program_json(executable.program);
  if (!executable.cgroup.empty()) json["cgroup"] = executable.cgroup;
  json["executed_by"] = Json::object();
  for (const auto& [path, times] : executable.executed_by) {
    json["executed_by"][path] = number(times);
  }
  json["calls"] = Json::array();
  for (const CallEvidence& call : executable.calls) json["calls"].push_back(call_json(call));
  put_operations(json, executable.operations);
  return json;
}

// Readers. Each takes the cursor of its object, fills `out` and gives the first mistake.

using json::Cursor;

bool is_errno_label(std::string_view name) {
  constexpr std::string_view kNameless = "errno_";
  if (name.starts_with(kNameless)) return parse_u64(name.substr(kNameless.size())).has_value();
  return errno_by_name(name).has_value();
}

Result<void> read_errors(const Cursor& object, CallEvidence& out) {
  auto members = object.members_of("errors");
  if (!members) return propagate(members);
  for (const auto& [name, at] : *members) {
    if (!is_errno_label(name)) return at.fail("\"{}\" is no errno", printable(name));
    Result<std::uint64_t> count = at.u64_or_hex();
    if (!count) return propagate(count);
    out.errors[name] = *count;
  }
  return {};
}

Result<void> read_sites(const Cursor& object, CallEvidence& out) {
  Result<std::vector<Cursor>> items = object.items_of("sites");
  if (!items) return propagate(items);
  for (const Cursor& item : *items) {
    Result<Cursor> module = item.at("module");
    if (!module) return propagate(module);
    Site site;
    std::uint64_t count = 0;
    Result<void> read = item.read("module", site.module);
    if (read) read = item.read("module_key", site.module_key);
    if (read) read = item.read("offset", site.offset);
    if (read) read = item.read("count", count);
    if (!read) return propagate(read);
    if (!out.sites.emplace(site, count).second) return item.fail("the site stands twice");
  }
  return {};
}

Result<void> read_stacks(const Cursor& object, CallEvidence& out) {
  Result<std::vector<Cursor>> items = object.items_of("stacks");
  if (!items) return propagate(items);
  if (items->size() > kMaxStacks) {
    return object.fail("{} stacks, at most {} are kept", items->size(), kMaxStacks);
  }
  for (const Cursor& item : *items) {
    Stack stack;
    Result<void> read = item.read("frames", stack.frames);
    if (read) read = item.read("count", stack.count);
    if (!read) return propagate(read);
    if (item.has("truncated")) {
      Result<bool> truncated = item.at("truncated")->boolean();
      if (!truncated) return propagate(truncated);
      stack.truncated = *truncated;
    }
    out.stacks.push_back(std::move(stack));
  }
  sort_stacks(out.stacks);
  return {};
}

Result<void> read_args(const Cursor& object, CallEvidence& out) {
  auto members = object.members_of("args");
  if (!members) return propagate(members);
  for (const auto& [key, at] : *members) {
    const auto index = parse_u64(key);
    if (!index || *index >= kArgCount) {
      return at.fail("argument \"{}\" is not within 0 to {}", printable(key), kArgCount - 1);
    }
    Result<std::vector<Cursor>> items = at.items();
    if (!items) return propagate(items);
    std::set<std::uint64_t> values;
    for (const Cursor& item : *items) {
      Result<std::uint64_t> value = item.u64_or_hex();
      if (!value) return propagate(value);
      values.insert(*value);
    }
    if (values.size() > kMaxArgValues) {
      return at.fail("{} values, a set has at most {}", values.size(), kMaxArgValues);
    }
    const auto place =
        out.args.try_emplace(static_cast<unsigned>(*index), values.begin(), values.end());
    if (!place.second) return at.fail("argument {} stands twice", *index);
  }
  return {};
}

Result<void> read_args_many(const Cursor& object, CallEvidence& out) {
  Result<std::vector<Cursor>> items = object.items_of("args_many");
  if (!items) return propagate(items);
  for (const Cursor& item : *items) {
    Result<std::uint64_t> index = item.u64(0, kArgCount - 1);
    if (!index) return propagate(index);
    if (out.args.contains(static_cast<unsigned>(*index))) {
      return item.fail("argument {} has a set in \"args\" too", *index);
    }
    out.args_many.insert(static_cast<unsigned>(*index));
  }
  return {};
}

Result<void> read_phases(const Cursor& object, CallEvidence& out) {
  if (!object.has("phases")) return {};
  const Cursor at = *object.at("phases");
  if (!at.is_object()) return at.fail("an object is needed here");
  PhaseCounts& phases = out.phases.emplace();
  Result<void> read = at.read("start", phases.start);
  if (read) read = at.read("steady", phases.steady);
  if (read && at.has("load")) read = at.read("load", phases.load.emplace());
  if (!read) return read;
  std::uint64_t sum = phases.start;
  if (__builtin_add_overflow(sum, phases.steady, &sum) ||
      __builtin_add_overflow(sum, phases.load.value_or(0), &sum) || sum > out.count) {
    return at.fail("more than the {} there were", plural(out.count, "call"));
  }
  return {};
}

Result<void> read_seen(const Cursor& object, CallEvidence& out) {
  for (const auto& [key, moment] :
       {std::pair("first_seen", &out.first_seen_ns), std::pair("last_seen", &out.last_seen_ns)}) {
    if (!object.has(key)) continue;
    std::string text;
    if (Result<void> read = object.read(key, text); !read) return read;
    *moment = timestamp_of(text);
    if (!*moment) {
      return object.at(key)->fail("\"{}\" is no time such as 2026-11-27T20:30:12.345Z",
                                  printable(text));
    }
  }
  if (out.first_seen_ns && out.last_seen_ns && *out.first_seen_ns > *out.last_seen_ns) {
    return object.fail("last_seen is before first_seen");
  }
  return {};
}

/// ABI and number, held against the name where there is one: a file that contradicts itself would
/// otherwise allow a call that its reader never saw in it.
Result<Call> read_call(const Cursor& object) {
  Result<Cursor> abi_at = object.at("abi");
  if (!abi_at) return propagate(abi_at);
  Result<std::string> abi_text = abi_at->string();
  if (!abi_text) return propagate(abi_text);
  const auto abi = abi_by_name(*abi_text);
  if (!abi) return abi_at->fail("\"{}\" is no ABI", printable(*abi_text));
  Result<Cursor> nr_at = object.at("nr");
  if (!nr_at) return propagate(nr_at);
  Result<std::uint64_t> nr = nr_at->u64(0, UINT32_MAX);
  if (!nr) return propagate(nr);
  const Call call{*abi, static_cast<std::uint32_t>(*nr)};
  const bool x32_bit = (call.nr & kX32Bit) != 0;
  if ((*abi == Abi::kX32 && !x32_bit) || (*abi == Abi::kX86_64 && x32_bit)) {
    return nr_at->fail("{} is no {} number: the bit {:#x} is set for x32 and only there", *nr,
                       abi_name(*abi), kX32Bit);
  }
  if (object.has("name")) {
    std::string name;
    Result<void> read = object.read("name", name);
    if (!read) return propagate(read);
    const std::string_view known = syscall_name(call);
    if (!known.empty() && known != name) {
      return object.at("name")->fail("{} number {} is {}, not \"{}\"", abi_name(*abi), *nr, known,
                                     printable(name));
    }
  }
  return call;
}

Result<CallEvidence> read_entry(const Cursor& object, std::uint64_t runs) {
  Result<Call> call = read_call(object);
  if (!call) return propagate(call);
  CallEvidence entry;
  entry.call = *call;
  if (object.has("origin")) {
    const Result<Cursor> at = object.at("origin");
    Result<std::string> text = at->string();
    if (!text) return propagate(text);
    const auto known = origin_by_name(*text);
    if (!known) {
      return at->fail("\"{}\" is no origin: there are launch, application, runtime, scan, io_uring",
                      printable(*text));
    }
    entry.origin = *known;
  }
  Result<void> read = object.read("count", entry.count);
  if (read) read = read_errors(object, entry);
  if (read) read = object.read("total_ns", entry.total_ns);
  if (read) read = object.read("max_ns", entry.max_ns);
  if (read && object.has("min_ns")) read = object.read("min_ns", entry.min_ns.emplace());
  if (read) read = object.read("runs_seen", entry.runs_seen, runs);
  if (read) read = object.read("first_run", entry.first_run, runs);
  if (read) read = read_sites(object, entry);
  if (read) read = read_stacks(object, entry);
  if (read) read = read_args(object, entry);
  if (read) read = read_args_many(object, entry);
  if (read) read = read_phases(object, entry);
  if (read) read = read_seen(object, entry);
  if (!read) return propagate(read);
  if (entry.error_count() > entry.count) {
    return object.fail("errors: {} of {}, more than there were", entry.error_count(),
                       plural(entry.count, "call"));
  }
  return entry;
}

/// In a map first: a file may hold millions of calls in any order, and each one that is put into
/// its place in a vector moves all behind it.
Result<std::vector<CallEvidence>> read_calls(const Cursor& object, std::uint64_t runs) {
  Result<Cursor> at = object.at("calls");
  if (!at) return propagate(at);
  Result<std::vector<Cursor>> objects = at->items();
  if (!objects) return propagate(objects);
  std::map<std::pair<Call, Origin>, CallEvidence> calls;
  for (const Cursor& each : *objects) {
    Result<CallEvidence> entry = read_entry(each, runs);
    if (!entry) return propagate(entry);
    const Call call = entry->call;
    const Origin origin = entry->origin;
    if (!calls.try_emplace({call, origin}, std::move(*entry)).second) {
      return each.fail("{} of {} with origin {} stands twice", call_label(call), abi_name(call.abi),
                       origin_name(origin));
    }
  }
  std::vector<CallEvidence> sorted;
  sorted.reserve(calls.size());
  for (auto& [key, entry] : calls) sorted.push_back(std::move(entry));
  return sorted;
}

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

std::string write_evidence(const Evidence& evidence) {
  Json json;
  json["schema"] = kEvidenceSchema;
  json["program"] = program_json(evidence.program);
  if (evidence.workload != Workload{}) json["workload"] = workload_json(evidence.workload);
  json["command"] = evidence.command;
  json["recorder"] = evidence.recorder;
  json["runs"] = number(evidence.runs);
  json["last_new_run"] = number(evidence.last_new_run);
  json["observed"] = number(evidence.observed());
  json["lost"] = number(evidence.lost);
  if (!evidence.losses.empty()) {
    json["losses"] = Json::object();
    for (const auto& [what, count] : evidence.losses) json["losses"][what] = number(count);
  }
  json["runs_unfollowed"] = number(evidence.runs_unfollowed);
  json["children_unfollowed"] = number(evidence.children_unfollowed);
  json["unresolved_sites"] = number(evidence.unresolved_sites);
  json["notes"] = evidence.notes;
  for (const auto& [by, mark] : evidence.ready) {
    json["ready"][by] = {{"runs", number(mark.runs)},
                         {"min_ns", number(mark.min_ns)},
                         {"max_ns", number(mark.max_ns)}};
  }
  json["calls"] = Json::array();
  for (const CallEvidence& call : evidence.calls) json["calls"].push_back(call_json(call));
  put_operations(json, evidence.operations);
  if (!evidence.executables.empty()) {
    json["executables"] = Json::array();
    for (const ExecutableEvidence& each : evidence.executables) {
      json["executables"].push_back(executable_json(each));
    }
  }
  // argv and paths are bytes; what is no UTF-8 becomes U+FFFD.
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

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
  // What is numbered and merged by runs needs one.
  if (evidence.runs == 0) return top.at("runs")->fail("0 runs, at least 1 is needed");
  Result<std::vector<CallEvidence>> calls = read_calls(top, evidence.runs);
  if (!calls) return propagate(calls);
  evidence.calls = std::move(*calls);
  read = read_operations(top, evidence.runs, evidence.operations);
  if (!read) return propagate(read);
  if (read = read_executables(top, evidence); !read) return propagate(read);
  return evidence;
}

Result<Evidence> load_evidence(const std::string& path) {
  Result<std::string> text = read_file(path);
  if (!text) return propagate(text);
  return parse_evidence(*text, path);
}

}  // namespace sysnare
