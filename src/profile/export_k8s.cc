// A SeccompProfile object of Kubernetes' security-profiles-operator.
//
// Source: api/seccompprofile/v1beta1/seccompprofile_types.go (2026). The operator writes the spec
// as the JSON file that the nodes' runtime reads, so it means there what it means in OCI. It has no
// defaultErrnoRet; `errnoRet` was a string before 2024, which no runtime then took: a number is
// written.

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "profile/export_writers.h"
#include "profile/plain.h"
#include "profile/yaml.h"

namespace sysnare {
namespace {

using json::Value;

// The kubebuilder enums of v1beta1 beyond what every runtime has.
constexpr std::string_view kUnknownArchs[] = {"SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K",
                                              "SCMP_ARCH_SH", "SCMP_ARCH_SHEB"};
constexpr std::string_view kFlags[] = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
                                       "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
                                       "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"};
constexpr std::size_t kMaxArgs = 6;
/// metadata.name is a DNS subdomain (RFC 1123).
constexpr std::size_t kMaxName = 253;

Value text_value(std::string_view text) {
  Value value;
  value.data = std::string(text);
  return value;
}
Value number_value(std::uint64_t number) {
  Value value;
  value.data = number;
  return value;
}
Value array_value(const std::vector<std::string>& words) {
  json::Array array;
  for (const std::string& word : words) array.push_back(text_value(word));
  Value value;
  value.data = std::move(array);
  return value;
}
Value object_value(json::Object object) {
  Value value;
  value.data = std::move(object);
  return value;
}

std::string object_name(std::string_view title) {
  std::string name;
  for (char c : title.substr(0, kMaxName)) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (plain) {
      name += c;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name.empty() ? "profile" : name;
}

std::string where(const Profile& profile, const Entry& entry) {
  return fmt::format("{}:{}: {}", profile.source, entry.line, entry.path);
}

/// Kubernetes keeps integers in 63 bits; leaving a condition out could allow more.
Result<Value> args_value(const Profile& profile, const Entry& entry) {
  if (entry.args.size() > kMaxArgs) {
    return fail(Errc::kBadInput, "{}.args: k8s takes at most {} conditions in one entry, not {}",
                where(profile, entry), kMaxArgs, entry.args.size());
  }
  json::Array array;
  for (std::size_t i = 0; i < entry.args.size(); ++i) {
    const ArgCondition& arg = entry.args[i];
    if (std::max(arg.value, arg.value_two) > static_cast<std::uint64_t>(INT64_MAX)) {
      return fail(Errc::kBadInput,
                  "{}.args[{}]: k8s keeps integers up to {:#x}, {:#x} cannot be written",
                  where(profile, entry), i, INT64_MAX, std::max(arg.value, arg.value_two));
    }
    json::Object one;
    one.emplace_back("index", number_value(arg.index));
    one.emplace_back("value", number_value(arg.value));
    if (arg.value_two != 0) one.emplace_back("valueTwo", number_value(arg.value_two));
    one.emplace_back("op", text_value(op_name(arg.op)));
    array.push_back(object_value(std::move(one)));
  }
  Value value;
  value.data = std::move(array);
  return value;
}

Result<Value> syscalls_value(const Profile& profile, std::vector<std::string>& losses) {
  json::Array array;
  for (const Entry& entry : profile.entries) {
    json::Object one;
    one.emplace_back("names", array_value(entry.names));
    one.emplace_back("action", text_value(action_name(entry.action)));
    if (entry.errno_ret == 0u && entry.action == Action::kErrno) {
      losses.push_back(fmt::format("{}.errnoRet: k8s takes 0 for none, errno EPERM is answered",
                                   where(profile, entry)));
    } else if (entry.errno_ret) {
      one.emplace_back("errnoRet", number_value(*entry.errno_ret));
    }
    if (!entry.args.empty()) {
      Result<Value> args = args_value(profile, entry);
      if (!args) return args;
      one.emplace_back("args", std::move(*args));
    }
    array.push_back(object_value(std::move(one)));
  }
  Value value;
  value.data = std::move(array);
  return value;
}

}  // namespace

Result<Exported> write_k8s(const ExportRequest& request) {
  Result<PlainProfile> plain = plain_profile(request.profile, request.options);
  if (!plain) return propagate(plain);
  const Profile& profile = plain->profile;
  Exported exported;
  std::vector<std::string>& losses = exported.losses;

  json::Object spec;
  spec.emplace_back("defaultAction", text_value(action_name(profile.default_action)));
  if (profile.default_errno_ret && *profile.default_errno_ret != EPERM) {
    const ActionValue said = action_value(profile.default_action, profile.default_errno_ret);
    const ActionValue done = action_value(profile.default_action, std::nullopt);
    if (said != done) {
      losses.push_back(fmt::format("{}: defaultErrnoRet: k8s has no such field, {} stands for {}",
                                   profile.source, action_label(done), action_label(said)));
    }
  }
  std::vector<std::string> archs;
  for (const std::string& arch : profile.architectures) {
    if (std::find(std::begin(kUnknownArchs), std::end(kUnknownArchs), arch) ==
        std::end(kUnknownArchs)) {
      archs.push_back(arch);
    } else {
      losses.push_back(fmt::format("{}: architectures: k8s does not know {}, left out",
                                   profile.source, printable(arch)));
    }
  }
  if (!archs.empty()) spec.emplace_back("architectures", array_value(archs));
  std::vector<std::string> flags;
  for (const std::string& flag : profile.flags) {
    if (std::find(std::begin(kFlags), std::end(kFlags), flag) != std::end(kFlags)) {
      flags.push_back(flag);
    } else {
      losses.push_back(fmt::format("{}: flags: k8s does not know {}, left out", profile.source,
                                   printable(flag)));
    }
  }
  if (!flags.empty()) spec.emplace_back("flags", array_value(flags));
  if (!profile.listener_path.empty()) {
    spec.emplace_back("listenerPath", text_value(profile.listener_path));
  }
  if (!profile.listener_metadata.empty()) {
    spec.emplace_back("listenerMetadata", text_value(profile.listener_metadata));
  }
  Result<Value> syscalls = syscalls_value(profile, losses);
  if (!syscalls) return propagate(syscalls);
  spec.emplace_back("syscalls", std::move(*syscalls));

  json::Object metadata;
  metadata.emplace_back("name", text_value(object_name(request.title)));
  json::Object top;
  top.emplace_back("apiVersion", text_value("security-profiles-operator.x-k8s.io/v1beta1"));
  top.emplace_back("kind", text_value("SeccompProfile"));
  top.emplace_back("metadata", object_value(std::move(metadata)));
  top.emplace_back("spec", object_value(std::move(spec)));
  Result<std::string> text = write_yaml(object_value(std::move(top)));
  if (!text) return propagate(text, "{}", profile.source);
  exported.text = std::move(*text);
  return exported;
}

}  // namespace sysnare
