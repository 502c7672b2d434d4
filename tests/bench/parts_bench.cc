// What do parts of sysnare cost by themselves? Filters: compiled and proven here, built by
// libseccomp (which proves nothing) from the same rules in the same run.
//
// The profile is Docker's default one, in $SYSNARE_TEST_DATA/docker-default.json.

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "base/fd.h"
#include "filter/filter.h"
#include "profile/profile.h"
#include "profile/resolve.h"

namespace sysnare {
namespace {

Result<ResolvedProfile> docker_default() {
  const char* folder = std::getenv("SYSNARE_TEST_DATA");
  if (folder == nullptr) return fail(Errc::kNotFound, "SYSNARE_TEST_DATA is not set");
  Result<Profile> profile = load_profile(std::string(folder) + "/docker-default.json");
  if (!profile) return propagate(profile);
  return resolve(*profile, {});
}

void compile_and_prove(benchmark::State& state) {
  const Result<ResolvedProfile> profile = docker_default();
  if (!profile) return state.SkipWithError(profile.error().message.c_str());
  std::size_t instructions = 0;
  for (auto round : state) {
    const Result<Filter> filter = compile(*profile);
    if (!filter) return state.SkipWithError(filter.error().message.c_str());
    instructions = filter->program.size();
  }
  state.counters["instructions"] = static_cast<double>(instructions);
}
BENCHMARK(compile_and_prove)->Unit(benchmark::kMillisecond);

scmp_arg_cmp comparison(const ArgCondition& condition) {
  scmp_arg_cmp arg{};
  arg.arg = condition.index;
  arg.datum_a = condition.value;
  arg.datum_b = condition.value_two;
  switch (condition.op) {
    case Op::kNe:
      arg.op = SCMP_CMP_NE;
      break;
    case Op::kLt:
      arg.op = SCMP_CMP_LT;
      break;
    case Op::kLe:
      arg.op = SCMP_CMP_LE;
      break;
    case Op::kEq:
      arg.op = SCMP_CMP_EQ;
      break;
    case Op::kGe:
      arg.op = SCMP_CMP_GE;
      break;
    case Op::kGt:
      arg.op = SCMP_CMP_GT;
      break;
    case Op::kMaskedEq:
      arg.op = SCMP_CMP_MASKED_EQ;
      break;
  }
  return arg;
}

/// Builds and exports the filter; its instructions, 0 on failure. `optimize` is libseccomp's: 1 a
/// list, 2 a tree.
std::size_t build_by_libseccomp(const ResolvedProfile& profile, std::uint32_t optimize) {
  scmp_filter_ctx context = ::seccomp_init(profile.default_action.value);
  if (context == nullptr) return 0;
  ::seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, optimize);
  ::seccomp_arch_add(context, SCMP_ARCH_X86);
  ::seccomp_arch_add(context, SCMP_ARCH_X32);
  for (const auto& [call, rules] : profile.rules) {
    if (call.abi != native_abi()) continue;  // libseccomp carries each over to the other ABIs
    for (const ResolvedRule& rule : rules) {
      std::vector<scmp_arg_cmp> args;
      for (const ArgCondition& condition : rule.conditions) args.push_back(comparison(condition));
      // Some it refuses (an action that is the default); the rest is what it has to build.
      (void)::seccomp_rule_add_array(context, rule.action.value, static_cast<int>(call.nr),
                                     static_cast<unsigned>(args.size()), args.data());
    }
  }
  const Fd out(::memfd_create("filter", MFD_CLOEXEC));
  const bool exported = ::seccomp_export_bpf(context, out.get()) == 0;
  ::seccomp_release(context);
  const off_t size = ::lseek(out.get(), 0, SEEK_END);
  return exported && size > 0 ? static_cast<std::size_t>(size) / sizeof(sock_filter) : 0;
}

void libseccomp_build_and_export(benchmark::State& state) {
  const Result<ResolvedProfile> profile = docker_default();
  if (!profile) return state.SkipWithError(profile.error().message.c_str());
  std::size_t instructions = 0;
  for (auto round : state) {
    instructions = build_by_libseccomp(*profile, static_cast<std::uint32_t>(state.range(0)));
    if (instructions == 0) return state.SkipWithError("libseccomp built no filter");
  }
  state.counters["instructions"] = static_cast<double>(instructions);
}
BENCHMARK(libseccomp_build_and_export)
    ->ArgName("optimize")
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sysnare

BENCHMARK_MAIN();
