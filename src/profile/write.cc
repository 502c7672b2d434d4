#include <nlohmann/json.hpp>

#include "profile/profile.h"

namespace sysnare {
namespace {

using Json = nlohmann::ordered_json;

Json condition_json(const EntryCondition& condition) {
  Json json = Json::object();
  if (!condition.caps.empty()) json["caps"] = condition.caps;
  if (!condition.arches.empty()) json["arches"] = condition.arches;
  if (condition.min_kernel) {
    json["minKernel"] =
        fmt::format("{}.{}", condition.min_kernel->major, condition.min_kernel->minor);
  }
  return json;
}

Json entry_json(const Entry& entry) {
  Json json = Json::object();
  if (entry.singular_name && entry.names.size() == 1) {
    json["name"] = entry.names.front();
  } else {
    json["names"] = entry.names;
  }
  json["action"] = action_name(entry.action);
  if (entry.errno_ret) json["errnoRet"] = *entry.errno_ret;
  for (const ArgCondition& arg : entry.args) {
    Json one = {{"index", arg.index}, {"value", arg.value}};
    if (arg.value_two != 0) one["valueTwo"] = arg.value_two;
    one["op"] = op_name(arg.op);
    json["args"].push_back(std::move(one));
  }
  if (!entry.comment.empty()) json["comment"] = entry.comment;
  if (!entry.includes.empty()) json["includes"] = condition_json(entry.includes);
  if (!entry.excludes.empty()) json["excludes"] = condition_json(entry.excludes);
  return json;
}

}  // namespace

std::string write_profile(const Profile& profile) {
  Json json = Json::object();
  json["defaultAction"] = action_name(profile.default_action);
  if (profile.default_errno_ret) json["defaultErrnoRet"] = *profile.default_errno_ret;
  if (!profile.architectures.empty()) json["architectures"] = profile.architectures;
  for (const ArchMapEntry& entry : profile.arch_map) {
    json["archMap"].push_back(
        {{"architecture", entry.architecture}, {"subArchitectures", entry.sub_architectures}});
  }
  if (!profile.flags.empty()) json["flags"] = profile.flags;
  if (!profile.listener_path.empty()) json["listenerPath"] = profile.listener_path;
  if (!profile.listener_metadata.empty()) json["listenerMetadata"] = profile.listener_metadata;
  // Always there, even when empty: OCI runtimes take its absence as no seccomp rules at all, and
  // Docker's readers ask for it.
  json["syscalls"] = Json::array();
  for (const Entry& entry : profile.entries) json["syscalls"].push_back(entry_json(entry));
  // A comment set by code may hold any bytes; what was read from a file is UTF-8 already.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace sysnare
