#include "profile/api.h"

#include "base/text.h"
#include "filter/decompile.h"
#include "filter/differences.h"
#include "filter/filter.h"
#include "filter/prove.h"
#include "sysnare/filter.h"

namespace sysnare::v1 {

struct Filter::Impl {
  std::vector<sock_filter> program;
};

namespace {

Filter wrap(std::vector<sock_filter> program) {
  return Filter(std::make_shared<const Filter::Impl>(Filter::Impl{std::move(program)}));
}

sysnare::Result<ResolvedProfile> resolve_for(const Profile& profile, const Machine& machine,
                                             const CompileOptions& options) {
  sysnare::Result<ResolveOptions> wanted = resolve_options(machine);
  if (!wanted) return propagate(wanted);
  const std::uint32_t foreign = ActionValue{options.foreign_abi.value}.action();
  if (foreign == SECCOMP_RET_ALLOW || foreign == SECCOMP_RET_LOG) {
    return fail(
        Errc::kUsage,
        "foreign_abi: not {}: other ABIs have other numbers, and the filter could be walked "
        "around",
        action_label(ActionValue{options.foreign_abi.value}));
  }
  wanted->foreign_abi.value = options.foreign_abi.value;
  wanted->int_args_by_width = options.int_args_by_width;
  sysnare::Result<ResolvedProfile> resolved = resolve(profile.impl().model, *wanted);
  if (!resolved) return resolved;
  if (!resolved->unknown_names.empty()) {
    return fail(Errc::kBadInput, "{}", resolved->unknown_names.front());
  }
  return resolved;
}

}  // namespace

Result<Filter> Filter::compile(const Profile& profile, const Machine& machine,
                               const CompileOptions& options) {
  const sysnare::Result<ResolvedProfile> resolved = resolve_for(profile, machine, options);
  if (!resolved) return shown(resolved.error());
  sysnare::Result<sysnare::Filter> filter = sysnare::compile(*resolved);
  if (!filter) return shown(filter.error());
  return wrap(std::move(filter->program));
}

Result<Filter> Filter::adopt(std::vector<sock_filter> program) {
  if (const sysnare::Result<void> fine = check_program(program); !fine) return shown(fine.error());
  return wrap(std::move(program));
}

std::span<const sock_filter> Filter::program() const { return impl_->program; }

Verdict Filter::simulate(const seccomp_data& call) const {
  // Fails for programs alone that check_program() refuses.
  const sysnare::Result<sysnare::Verdict> verdict = sysnare::simulate(impl_->program, call);
  if (!verdict) return {};
  return {Decision{verdict->action.value}, verdict->steps};
}

std::string Filter::disassemble() const {
  sysnare::Result<std::string> text = sysnare::disassemble(impl_->program);
  return text ? std::move(*text) : std::string();
}

Result<Profile> Filter::decompile() const {
  sysnare::Result<Decompiled> made = sysnare::decompile(impl_->program);
  if (!made) return shown(made.error());
  if (!made->residue.empty()) {
    return Error{ErrorKind::kUnsupported, "no profile says what this filter does with " +
                                              residue_text(made->residue.front())};
  }
  return Profile(std::make_shared<const Profile::Impl>(Profile::Impl{std::move(made->profile)}));
}

Result<std::optional<seccomp_data>> find_difference(const Filter& filter, const Profile& profile,
                                                    const Machine& machine,
                                                    const CompileOptions& options) {
  const sysnare::Result<ResolvedProfile> resolved = resolve_for(profile, machine, options);
  if (!resolved) return shown(resolved.error());
  sysnare::Result<std::optional<seccomp_data>> found =
      sysnare::find_difference(filter.program(), *resolved);
  if (!found) return shown(found.error());
  return *found;
}

Result<std::vector<Difference>> differences(const Filter& before, const Filter& after) {
  const sysnare::Result<std::vector<sysnare::Difference>> found =
      sysnare::differences(before.program(), after.program());
  if (!found) return shown(found.error());
  std::vector<Difference> all;
  for (const sysnare::Difference& each : *found) {
    Difference& made = all.emplace_back();
    if (each.abi) made.abi = abi_name(*each.abi);
    made.call = each.name;
    made.first = each.first;
    made.last = each.last;
    made.before.value = each.before.value;
    made.after.value = each.after.value;
    made.looser = each.change() == Change::kLooser;
    made.tighter = each.change() == Change::kTighter;
    made.witness = each.witness;
  }
  return all;
}

}  // namespace sysnare::v1
