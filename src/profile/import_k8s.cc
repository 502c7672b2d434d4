// A SeccompProfile object of Kubernetes' security-profiles-operator: its spec is OCI's JSON.
//
// Source: api/seccompprofile/v1beta1/seccompprofile_types.go. `value: 0` may be missing there
// (omitempty), and errnoRet was a string before 2024.

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "profile/import_readers.h"
#include "profile/yaml.h"

namespace sysnare {
namespace {

using json::Value;

Value* member(Value& value, std::string_view key) {
  auto* object = std::get_if<json::Object>(&value.data);
  if (object == nullptr) return nullptr;
  for (auto& [name, each] : *object) {
    if (name == key) return &each;
  }
  return nullptr;
}

std::string_view text_of(const Value* value) {
  const auto* text = value == nullptr ? nullptr : std::get_if<std::string>(&value->data);
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

void erase(Value& value, std::string_view key) {
  if (auto* object = std::get_if<json::Object>(&value.data)) {
    std::erase_if(*object, [&](const auto& each) { return each.first == key; });
  }
}

/// What the operator's Go types leave out or write otherwise, as OCI has it.
void as_oci(Value& entry) {
  if (Value* ret = member(entry, "errnoRet")) {
    const std::string_view text = text_of(ret);
    if (text.empty() && std::holds_alternative<std::string>(ret->data)) {
      erase(entry, "errnoRet");
    } else if (const auto number = parse_u64(text)) {
      ret->data = *number;
    }
  }
  Value* args = member(entry, "args");
  auto* list = args == nullptr ? nullptr : std::get_if<json::Array>(&args->data);
  if (list == nullptr) return;
  for (Value& arg : *list) {
    auto* object = std::get_if<json::Object>(&arg.data);
    if (object == nullptr || member(arg, "value") != nullptr) continue;
    Value zero;
    zero.data = std::uint64_t{0};
    zero.line = arg.line;
    object->emplace_back("value", std::move(zero));
  }
}

}  // namespace

Result<Imported> read_k8s(const ImportRequest& request) {
  Result<Value> top = parse_yaml(request.text, request.file_name);
  if (!top) return propagate(top);
  const std::string_view kind = text_of(member(*top, "kind"));
  const std::string_view version = text_of(member(*top, "apiVersion"));
  if (kind != "SeccompProfile" || !version.starts_with("security-profiles-operator.x-k8s.io/")) {
    return fail(Errc::kBadInput,
                "{}:{}: kind \"{}\" of apiVersion \"{}\" is not read, allowed: SeccompProfile of "
                "security-profiles-operator.x-k8s.io",
                request.file_name, top->line, printable(kind), printable(version));
  }
  Value* spec = member(*top, "spec");
  if (spec == nullptr || !std::holds_alternative<json::Object>(spec->data)) {
    return fail(Errc::kBadInput, "{}:{}: no spec, or it is no object", request.file_name,
                top->line);
  }
  Imported imported;
  if (const std::string_view base = text_of(member(*spec, "baseProfileName")); !base.empty()) {
    imported.losses.push_back(
        fmt::format("{}:{}: spec.baseProfileName: the operator adds the profile \"{}\", which is "
                    "not read",
                    request.file_name, member(*spec, "baseProfileName")->line, printable(base)));
  }
  // How the object is used, not what it says.
  for (const std::string_view key : {"baseProfileName", "disabled", "state"}) erase(*spec, key);
  if (Value* syscalls = member(*spec, "syscalls")) {
    if (auto* entries = std::get_if<json::Array>(&syscalls->data)) {
      for (Value& entry : *entries) as_oci(entry);
    }
  }
  Result<Profile> profile = profile_from_json(*spec, request.file_name);
  if (!profile) return propagate(profile);
  imported.profile = std::move(*profile);
  return imported;
}

}  // namespace sysnare
