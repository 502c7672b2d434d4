// Writes the evidence file: docs/reference/evidence.md describes every key.

#include <nlohmann/json.hpp>

#include "arch/io_uring.h"
#include "arch/syscalls.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "evidence/evidence.h"

namespace sysnare {
namespace {

using Json = nlohmann::ordered_json;

/// The largest integer that a double holds exactly together with all below it.
constexpr std::uint64_t kMaxPlain = (1ull << 53) - 1;
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

Json chain_json(const Chain& chain) {
  Json list = Json::array();
  for (const ChainStep& step : chain) {
    list.push_back({{"object", step.object}, {"function", step.function}});
  }
  return list;
}

Json reachable_json(std::uint8_t phases) {
  Json list = Json::array();
  for (const auto& [bit, name] : kReachableNames) {
    if ((phases & bit) != 0) list.push_back(name);
  }
  return list;
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
  if (call.sampled) json["time"] = kTimeSampled;
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
  if (call.reachable != 0) json["reachable"] = reachable_json(call.reachable);
  if (!call.why.empty()) json["why"] = chain_json(call.why);
  return json;
}

Json static_site_json(const StaticSite& site) {
  Json json = {{"module", site.site.module},
               {"module_key", site.site.module_key},
               {"offset", hex(site.site.offset)},
               {"abi", abi_name(site.abi)},
               {"nrs", site.nrs},
               {"any", site.any}};
  if (!site.function.empty()) json["function"] = site.function;
  if (site.reachable != 0) json["reachable"] = reachable_json(site.reachable);
  return json;
}

Json open_json(const StaticOpen& open) {
  Json json = {{"kind", open.kind}, {"object", open.object}, {"function", open.function}};
  json["offset"] = hex(open.offset);
  json["reason"] = open.reason;
  if (!open.why.empty()) json["why"] = chain_json(open.why);
  return json;
}

/// `open` and `execs` stand there also when they are empty: that is what the scan says.
void put_scanned(Json& json, const StaticEvidence& scanned) {
  json["open"] = Json::array();
  for (const StaticOpen& open : scanned.open) json["open"].push_back(open_json(open));
  json["execs_open"] = scanned.execs_open();
  json["execs"] = Json::array();
  for (const StaticExec& exec : scanned.execs) {
    json["execs"].push_back({{"path", exec.path ? Json(*exec.path) : Json()},
                             {"object", exec.object},
                             {"function", exec.function}});
  }
  json["objects"] = Json::array();
  for (const StaticObject& object : scanned.objects) {
    Json one = {{"path", object.path}, {"module_key", object.module_key}, {"role", object.role}};
    if (!object.why.empty()) one["why"] = object.why;
    json["objects"].push_back(std::move(one));
  }
  json["sites"] = Json::array();
  for (const StaticSite& site : scanned.sites) json["sites"].push_back(static_site_json(site));
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
  if (evidence.scanned) put_scanned(json, *evidence.scanned);
  // argv and paths are bytes; what is no UTF-8 becomes U+FFFD.
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace sysnare
