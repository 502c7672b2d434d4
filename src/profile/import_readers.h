#pragma once
// The readers behind import_profile(), one a format. Internal to this room.

#include <map>

#include "base/json.h"
#include "profile/import.h"

namespace sysnare {

struct ImportRequest {
  std::string_view text;
  std::string_view file_name;
  Abi arch;
};

Result<Imported> read_json(const ImportRequest& request);
Result<Imported> read_k8s(const ImportRequest& request);
Result<Imported> read_systemd(const ImportRequest& request);
Result<Imported> read_minijail(const ImportRequest& request);

/// A profile from a tree that was parsed already: as parse_profile().
Result<Profile> profile_from_json(const json::Value& value, std::string_view file_name);

/// The profile's JSON action of a filter's answer, with its errnoRet.
Entry entry_of(ActionValue action, std::string_view path, std::uint32_t line);
/// Sets defaultAction and defaultErrnoRet.
void set_default(Profile& profile, ActionValue action);
/// An errno by name or by number up to kMaxErrno.
std::optional<std::uint16_t> errno_of(std::string_view word);

}  // namespace sysnare
