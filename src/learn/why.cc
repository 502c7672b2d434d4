#include "learn/why.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "arch/syscalls.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "evidence/saturation.h"
#include "profile/resolve.h"

namespace sysnare {
namespace {

using Json = nlohmann::ordered_json;

/// Largest integer that a reader which keeps numbers as doubles still has exactly.
constexpr std::uint64_t kMaxPlain = (1ull << 53) - 1;

Json number(std::uint64_t value) { return value <= kMaxPlain ? Json(value) : Json(hex(value)); }

Json names_of(const std::vector<Abi>& abis) {
  Json names = Json::array();
  for (Abi abi : abis) names.push_back(abi_name(abi));
  return names;
}

Json program_json(const ProgramIdentity& program) {
  return {{"path", program.path}, {"sha256", program.sha256}, {"build_id", program.build_id}};
}

Json evidence_json(const Evidence& evidence) {
  Json json = {{"program", program_json(evidence.program)},
               {"command", evidence.command},
               {"recorder", evidence.recorder},
               {"runs", number(evidence.runs)},
               {"last_new_run", number(evidence.last_new_run)},
               {"observed", number(evidence.observed())},
               {"lost", number(evidence.lost)},
               {"runs_unfollowed", number(evidence.runs_unfollowed)},
               {"children_unfollowed", number(evidence.children_unfollowed)}};
  if (evidence.scanned) {
    json["open"] = evidence.scanned->open.size();
    json["execs_open"] = evidence.scanned->execs_open();
  }
  return json;
}

Json reason_json(const CallReason& reason) {
  Json json = {{"name", reason.call}, {"action", action_name(reason.action)}};
  if (reason.errno_ret) json["errno"] = errno_name(static_cast<int>(*reason.errno_ret));
  json["origins"] = Json::array();
  for (Origin origin : reason.origins) json["origins"].push_back(origin_name(origin));
  json["layers"] = reason.layers;
  json["abis"] = names_of(reason.abis);
  if (!reason.widened.empty()) json["widened_to"] = names_of(reason.widened);
  json["count"] = number(reason.count);
  if (reason.first_run > 0) json["first_run"] = number(reason.first_run);
  json["because"] = reason.because;
  return json;
}

using json::Cursor;

Result<void> read_call(const Cursor& item, Why& why) {
  Result<Cursor> name_at = item.at("name");
  if (!name_at) return propagate(name_at);
  Result<std::string> name = name_at->string();
  if (!name) return propagate(name);
  if (!is_syscall_name(*name)) return name_at->fail("\"{}\" is no system call", printable(*name));
  if (why.origins.contains(*name)) return name_at->fail("\"{}\" stands twice", *name);
  Result<Cursor> list = item.at("origins");
  if (!list) return propagate(list);
  Result<std::vector<Cursor>> items = list->items();
  if (!items) return propagate(items);
  if (item.has("count")) {
    if (Result<void> read = item.read("count", why.counts[*name]); !read) return propagate(read);
  }
  std::vector<Origin>& origins = why.origins[*name];
  for (const Cursor& each : *items) {
    Result<std::string> text = each.string();
    if (!text) return propagate(text);
    const std::optional<Origin> origin = origin_by_name(*text);
    if (!origin) {
      return each.fail(
          "\"{}\" is no origin; there are launch, application, runtime, scan and io_uring",
          printable(*text));
    }
    origins.push_back(*origin);
  }
  return {};
}

/// What the ENOSYS entries leave over; empty where the default action answers ENOSYS or refuses
/// nothing.
std::string residue_of(const Profile& profile) {
  const ActionValue by_default = action_value(profile.default_action, profile.default_errno_ret);
  const bool softly = by_default.action() == SECCOMP_RET_ERRNO && by_default.data() == ENOSYS;
  const bool passes =
      by_default.action() == SECCOMP_RET_ALLOW || by_default.action() == SECCOMP_RET_LOG;
  if (softly || passes) return {};
  return fmt::format(
      "every call that is not listed gets {}, also those that later kernels add; "
      "programs that take an older way only on ENOSYS have it for the listed "
      "fallbacks and for no other call",
      action_label(by_default));
}

}  // namespace

std::string why_path(std::string_view profile_path) {
  return std::string(profile_path) + ".why.json";
}

std::string write_why(const Learned& learned, const std::vector<Evidence>& evidence,
                      std::string_view profile_text) {
  const Evidence& all = learned.merged;
  Json json;
  json["schema"] = kWhySchema;
  json["profile_sha256"] = sha256_hex(profile_text);
  json["program"] = program_json(all.program);
  json["command"] = all.command;
  json["runs"] = number(all.runs);
  json["last_new_run"] = number(all.last_new_run);
  json["saturation"] = saturation_text(all);
  json["observed"] = number(all.observed());
  json["lost"] = number(all.lost);
  json["default_action"] = action_name(learned.profile.default_action);
  json["architectures"] = learned.profile.architectures;
  json["notes"] = learned.notes;
  json["residue"] = residue_of(learned.profile);
  json["evidence"] = Json::array();
  for (const Evidence& each : evidence) json["evidence"].push_back(evidence_json(each));
  json["calls"] = Json::array();
  for (const CallReason& reason : learned.reasons) json["calls"].push_back(reason_json(reason));
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool Why::program_makes(std::string_view call) const {
  const auto found = origins.find(std::string(call));
  return found != origins.end() &&
         std::any_of(found->second.begin(), found->second.end(), [](Origin origin) {
           return origin == Origin::kApplication || origin == Origin::kScan;
         });
}

Result<Why> parse_why(std::string_view text, std::string_view file_name) {
  Result<json::Value> value = json::parse(text, file_name);
  if (!value) return propagate(value);
  const Cursor root(*value, file_name);
  Result<Cursor> schema_at = root.at("schema");
  if (!schema_at) return propagate(schema_at);
  Result<std::uint64_t> schema = schema_at->u64(1);
  if (!schema) return propagate(schema);
  if (*schema > kWhySchema) {
    return schema_at->fail("schema {} is newer than {}, the newest that this version reads",
                           *schema, kWhySchema);
  }
  Why why;
  if (root.has("program")) {
    Result<Cursor> program = root.at("program");
    if (!program) return propagate(program);
    Result<void> read = program->read("path", why.program.path);
    if (read) read = program->read("sha256", why.program.sha256);
    if (read) read = program->read("build_id", why.program.build_id);
    if (!read) return propagate(read);
  }
  Result<void> read = root.read("profile_sha256", why.profile_sha256);
  if (read) read = root.read("runs", why.runs);
  if (read) read = root.read("lost", why.lost);
  if (!read) return propagate(read);
  Result<Cursor> calls = root.at("calls");
  if (!calls) return propagate(calls);
  Result<std::vector<Cursor>> items = calls->items();
  if (!items) return propagate(items);
  for (const Cursor& item : *items) {
    if (Result<void> call = read_call(item, why); !call) return propagate(call);
  }
  return why;
}

Result<Why> load_why(const std::string& path) {
  // Nobody may have asked for it: to wait for the writer of a FIFO would be to hang.
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return fail(Errc::kBadInput, "{}: not a regular file", printable(path));
  }
  Result<std::string> text = read_file(path);
  if (!text) return propagate(text);
  return parse_why(*text, path);
}

}  // namespace sysnare
