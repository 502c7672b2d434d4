#include "profile/api.h"

#include "arch/syscalls.h"
#include "base/text.h"
#include "profile/plain.h"

namespace sysnare::v1 {
namespace {

/// Named one by one: the two enums may grow apart.
ErrorKind kind_of(Errc code) {
  switch (code) {
    case Errc::kUsage:
      return ErrorKind::kUsage;
    case Errc::kBadInput:
      return ErrorKind::kBadInput;
    case Errc::kNotFound:
      return ErrorKind::kNotFound;
    case Errc::kNoPermission:
      return ErrorKind::kNoPermission;
    case Errc::kUnsupported:
      return ErrorKind::kUnsupported;
    case Errc::kLimit:
      return ErrorKind::kLimit;
    case Errc::kSystem:
      break;
  }
  return ErrorKind::kSystem;
}

Result<Profile> wrap(sysnare::Result<sysnare::Profile> model) {
  if (!model) return shown(model.error());
  return Profile(std::make_shared<const Profile::Impl>(Profile::Impl{std::move(*model)}));
}

}  // namespace

Error shown(const sysnare::Error& error) { return {kind_of(error.code), error.message}; }

sysnare::Result<ResolveOptions> resolve_options(const Machine& machine) {
  ResolveOptions options;
  options.caps = machine.caps;
  options.sub_architectures = machine.sub_architectures;
  if (!machine.arch.empty()) {
    const std::optional<Abi> abi = abi_by_name(machine.arch);
    if (!abi) return fail(Errc::kUsage, "unknown architecture \"{}\"", printable(machine.arch));
    options.arch = *abi;
  }
  const std::optional<KernelVersion> kernel = kernel_version(machine.kernel);
  if (!kernel) {
    return fail(Errc::kUsage, "\"{}\" is no kernel version, which is MAJOR.MINOR such as 5.4",
                printable(machine.kernel));
  }
  options.kernel = *kernel;
  return options;
}

std::string Decision::text() const { return action_label(ActionValue{value}); }

Result<seccomp_data> make_call(std::string_view abi, std::string_view name,
                               const std::array<std::uint64_t, 6>& args) {
  const std::optional<Abi> found = abi_by_name(abi);
  if (!found) {
    return Error{ErrorKind::kNotFound, fmt::format("unknown architecture \"{}\"", printable(abi))};
  }
  std::optional<std::uint32_t> nr = syscall_nr(*found, name);
  if (const auto number = parse_u64(name); !nr && number && *number <= UINT32_MAX) {
    nr = static_cast<std::uint32_t>(*number);
  }
  if (!nr) {
    return Error{ErrorKind::kNotFound,
                 fmt::format("{} has no call \"{}\"", abi_name(*found), printable(name))};
  }
  seccomp_data call{};
  call.arch = audit_arch(*found);
  call.nr = static_cast<int>(*nr);
  for (std::size_t i = 0; i < args.size(); ++i) call.args[i] = args[i];
  return call;
}

Result<Profile> Profile::parse(std::string_view json, std::string_view name) {
  return wrap(parse_profile(json, name));
}

Result<Profile> Profile::load(const std::string& path) { return wrap(load_profile(path)); }

std::vector<std::string> Profile::warnings() const {
  std::vector<std::string> all = warnings_of(impl_->model);
  for (std::string& name : unknown_names(impl_->model)) all.push_back(std::move(name));
  return all;
}

std::string Profile::json() const { return write_profile(impl_->model); }

Result<Profile> Profile::resolved(const Machine& machine) const {
  const sysnare::Result<ResolveOptions> options = resolve_options(machine);
  if (!options) return shown(options.error());
  sysnare::Result<PlainProfile> plain = plain_profile(impl_->model, *options);
  if (!plain) return shown(plain.error());
  return wrap(std::move(plain->profile));
}

Result<Decision> Profile::decide(const seccomp_data& call, const Machine& machine) const {
  const sysnare::Result<ResolveOptions> options = resolve_options(machine);
  if (!options) return shown(options.error());
  const sysnare::Result<ResolvedProfile> resolved = resolve(impl_->model, *options);
  if (!resolved) return shown(resolved.error());
  return Decision{evaluate(*resolved, call).value};
}

}  // namespace sysnare::v1
