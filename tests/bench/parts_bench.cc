// How long, how deep and how costly are filters, ours and libseccomp's, from the same rules in one
// run? Ours are proven within the time; libseccomp proves nothing.
//
// Docker's default profile is read from $SYSNARE_TEST_DATA/docker-default.json, else that part is
// left out. Mean steps: over every call that a table of the profile's ABIs has, arguments 0.
// Attaching: seccomp(2) in a fresh child, by its own clock, no_new_privs set; the filters that are
// compared take turns, and the least of each counts.

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "arch/syscalls.h"
#include "base/fd.h"
#include "filter/filter.h"
#include "filter/machine.h"
#include "profile/profile.h"
#include "profile/resolve.h"
#include "table.h"

namespace sysnare::bench {
namespace {

constexpr int kBuilds = 15;     ///< of a filter; the median counts
constexpr int kAttaches = 101;  ///< of a filter, in turn with the others; the least counts
constexpr int kLists = 20;      ///< random allow-lists of one length

/// The targets of Docker's default profile.
struct Target {
  std::size_t instructions = 0;
  std::uint32_t worst = 0;
};
constexpr double kTargetBuildMs = 1;
constexpr double kTargetAttachShare = 0.35;  ///< of libseccomp's tree

/// What builds a filter; an empty program where it could not.
using Builder = std::function<std::vector<sock_filter>(const ResolvedProfile&)>;
struct Tool {
  const char* name;
  Builder build;
};

struct Figures {
  double instructions = 0;
  double worst = 0;
  double mean = 0;
  double build_ms = 0;
  double attach_us = 0;
};

scmp_arg_cmp comparison(const ArgCondition& condition) {
  // In the order of Op.
  static constexpr scmp_compare kOps[] = {SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE,       SCMP_CMP_EQ,
                                          SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_MASKED_EQ};
  return {condition.index, kOps[static_cast<std::size_t>(condition.op)], condition.value,
          condition.value_two};
}

/// `optimize` is libseccomp's: 1 a list, 2 a tree.
std::vector<sock_filter> by_libseccomp(const ResolvedProfile& profile, std::uint32_t optimize) {
  const scmp_filter_ctx context = ::seccomp_init(profile.default_action.value);
  if (context == nullptr) return {};
  ::seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, optimize);
  ::seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, profile.foreign_abi.value);
  for (const Abi abi : profile.abis) {
    if (abi == Abi::kI386) ::seccomp_arch_add(context, SCMP_ARCH_X86);
    if (abi == Abi::kX32) ::seccomp_arch_add(context, SCMP_ARCH_X32);
  }
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
  std::vector<sock_filter> program;
  if (::seccomp_export_bpf(context, out.get()) == 0) {
    program.resize(static_cast<std::size_t>(std::max<off_t>(0, ::lseek(out.get(), 0, SEEK_END))) /
                   sizeof(sock_filter));
    const std::size_t bytes = program.size() * sizeof(sock_filter);
    if (::pread(out.get(), program.data(), bytes, 0) != static_cast<ssize_t>(bytes)) program = {};
  }
  ::seccomp_release(context);
  return program;
}

std::vector<Tool> tools() {
  return {
      {"sysnare",
       [](const ResolvedProfile& profile) {
         Result<Filter> filter = compile(profile);
         return filter ? std::move(filter->program) : std::vector<sock_filter>{};
       }},
      {"libseccomp list", [](const ResolvedProfile& profile) { return by_libseccomp(profile, 1); }},
      {"libseccomp tree",
       [](const ResolvedProfile& profile) { return by_libseccomp(profile, 2); }}};
}

double mean_steps(std::span<const sock_filter> program, const ResolvedProfile& profile) {
  std::uint64_t steps = 0;
  std::uint64_t calls = 0;
  for (const Abi abi : profile.abis) {
    for (const Call& each : syscalls_of(abi)) {
      seccomp_data call{};
      call.arch = audit_arch(abi);
      call.nr = static_cast<int>(each.nr);
      steps += run_program(program, call).steps;
      ++calls;
    }
  }
  return static_cast<double>(steps) / static_cast<double>(std::max<std::uint64_t>(1, calls));
}

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// Microseconds of one seccomp(2); 0 when it failed.
double attach_once(const std::vector<sock_filter>& program, std::int64_t* shared) {
  *shared = 0;
  const pid_t child = ::fork();
  if (child == 0) {
    const sock_fprog filter{static_cast<unsigned short>(program.size()),
                            const_cast<sock_filter*>(program.data())};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    // A fresh child has no pages of libc and of the clock yet; they are no part of the call.
    const std::uint32_t action = SECCOMP_RET_ALLOW;
    ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
    (void)now_ns();
    const std::int64_t before = now_ns();
    const long result = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
    const std::int64_t after = now_ns();
    if (result == 0) *shared = after - before;
    ::_exit(0);
  }
  if (child > 0) ::waitpid(child, nullptr, 0);
  return static_cast<double>(*shared) / 1000;
}

/// Microseconds of attaching each of `programs`, which take turns so that whatever else the machine
/// does meets all of them; 0 for an empty one.
std::vector<double> attach_us(const std::vector<std::vector<sock_filter>>& programs) {
  std::vector<double> best(programs.size(), 0);
  void* const page = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return best;
  for (int round = 0; round < kAttaches; ++round) {
    for (std::size_t i = 0; i < programs.size(); ++i) {
      if (programs[i].empty()) continue;
      const double us = attach_once(programs[i], static_cast<std::int64_t*>(page));
      if (us > 0 && (best[i] == 0 || us < best[i])) best[i] = us;
    }
  }
  ::munmap(page, sizeof(std::int64_t));
  return best;
}

/// A program of `length` instructions, of which each call takes two: what copying, checking and
/// translating cost without the walk of every known number.
std::vector<sock_filter> length_alone(std::size_t length) {
  std::vector<sock_filter> program(length, {BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1});
  program.front() = {BPF_JMP | BPF_JA, 0, 0, static_cast<std::uint32_t>(length) - 2};
  program.back() = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  return program;
}

/// All but attaching; `program` is what was built.
Figures measure(const Tool& tool, const ResolvedProfile& profile, int builds,
                std::vector<sock_filter>& program) {
  std::vector<double> ms;
  for (int i = 0; i < builds; ++i) {
    const std::int64_t before = now_ns();
    program = tool.build(profile);
    ms.push_back(static_cast<double>(now_ns() - before) / 1e6);
  }
  if (program.empty()) return {};
  return {static_cast<double>(program.size()), static_cast<double>(longest_path(program)),
          mean_steps(program, profile), median(ms), 0};
}

/// Of every tool, attached in turn.
std::vector<Figures> measure_all(const ResolvedProfile& profile, int builds, bool attach) {
  const std::vector<Tool> all = tools();
  std::vector<Figures> figures;
  std::vector<std::vector<sock_filter>> programs(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    figures.push_back(measure(all[i], profile, builds, programs[i]));
  }
  if (!attach) return figures;
  const std::vector<double> us = attach_us(programs);
  for (std::size_t i = 0; i < all.size(); ++i) figures[i].attach_us = us[i];
  return figures;
}

void print_row(std::string_view name, const Figures& figures, double tree_us) {
  if (figures.instructions == 0) {
    fmt::print("  {:<24}  no figure: it built no filter\n", name);
    return;
  }
  fmt::print("  {:<24}{:>14.1f}{:>12.1f}{:>12.1f}{:>12.3f}{:>12.1f}{:>11.0f} %\n", name,
             figures.instructions, figures.worst, figures.mean, figures.build_ms, figures.attach_us,
             tree_us > 0 ? 100 * figures.attach_us / tree_us : 0);
}

void print_docker(const char* title, const Profile& profile, bool sub_architectures,
                  const Target& target) {
  ResolveOptions options;
  options.sub_architectures = sub_architectures;
  const Result<ResolvedProfile> flat = resolve(profile, options);
  if (!flat) {
    fmt::print("{}\n  no figure: {}\n", title, flat.error().message);
    return;
  }
  const std::vector<Figures> figures = measure_all(*flat, kBuilds, true);
  fmt::print("{}\n", title);
  const Figures& ours = figures.front();
  const double tree_us = figures.back().attach_us;
  for (std::size_t i = 0; i < figures.size(); ++i) print_row(tools()[i].name, figures[i], tree_us);
  const std::vector<double> parts =
      attach_us({length_alone(2), length_alone(static_cast<std::size_t>(ours.instructions))});
  const double share = tree_us > 0 ? ours.attach_us / tree_us : 1;
  fmt::print(
      "  target: at most {} instructions ({}), {} steps ({}), {} ms to build ({}), {:.0f} % of the "
      "tree to attach ({}: {:.1f} %)\n",
      target.instructions, verdict(ours.instructions <= static_cast<double>(target.instructions)),
      target.worst, verdict(ours.worst <= target.worst), kTargetBuildMs,
      verdict(ours.build_ms <= kTargetBuildMs), 100 * kTargetAttachShare,
      verdict(share <= kTargetAttachShare), 100 * share);
  fmt::print(
      "  attaching ours: {:.1f} us for any filter, {:.1f} for its length, {:.1f} for walking every "
      "known number; a filter of one instruction takes {:.0f} % of the tree's time\n",
      parts[0], parts[1] - parts[0], ours.attach_us - parts[1],
      tree_us > 0 ? 100 * parts[0] / tree_us : 0);
}

/// `length` calls of x86_64, the ones that the measuring child makes among them.
ResolvedProfile random_list(std::size_t length, std::uint32_t seed) {
  ResolvedProfile profile;
  profile.abis = {Abi::kX86_64};
  profile.default_action = {SECCOMP_RET_ERRNO | 1};
  std::vector<Call> calls = syscalls_of(Abi::kX86_64);
  std::mt19937 random(seed);
  std::shuffle(calls.begin(), calls.end(), random);
  const auto needed = [](const Call& call) {
    return call.nr == SYS_exit_group || call.nr == SYS_clock_gettime;
  };
  std::stable_partition(calls.begin(), calls.end(), needed);
  calls.resize(std::min(calls.size(), length));
  for (const Call& call : calls) profile.rules[call] = {{{}, {SECCOMP_RET_ALLOW}, 0}};
  return profile;
}

void print_lists(std::size_t length) {
  const std::vector<Tool> all = tools();
  std::vector<Figures> sums(all.size());
  int no_larger = 0;
  int shorter = 0;
  int shorter_mean = 0;
  for (int list = 0; list < kLists; ++list) {
    const auto seed = static_cast<std::uint32_t>(1000 * length + static_cast<std::size_t>(list));
    const ResolvedProfile profile = random_list(length, seed);
    const std::vector<Figures> figures = measure_all(profile, 3, list == 0);
    for (std::size_t i = 0; i < all.size(); ++i) {
      sums[i].instructions += figures[i].instructions / kLists;
      sums[i].worst += figures[i].worst / kLists;
      sums[i].mean += figures[i].mean / kLists;
      sums[i].build_ms += figures[i].build_ms / kLists;
      sums[i].attach_us += figures[i].attach_us;
    }
    const Figures& ours = figures.front();
    const Figures& tree = figures.back();
    no_larger += ours.instructions <= tree.instructions ? 1 : 0;
    shorter += ours.worst < tree.worst ? 1 : 0;
    shorter_mean += ours.mean < tree.mean ? 1 : 0;
  }
  fmt::print("{} random calls of x86_64, means of {} lists\n", length, kLists);
  for (std::size_t i = 0; i < all.size(); ++i) {
    print_row(all[i].name, sums[i], sums.back().attach_us);
  }
  fmt::print(
      "  target: of {} lists none larger than the tree ({}: {}), worst path shorter ({}: {}), mean "
      "shorter ({}: {})\n",
      kLists, verdict(no_larger == kLists), no_larger, verdict(shorter == kLists), shorter,
      verdict(shorter_mean == kLists), shorter_mean);
}

int run_bench() {
  fmt::print(
      "Filters of the same rules, build times as medians, attach times as minima in turn\n{}\n\n",
      machine_line());
  fmt::print("  {:<24}{:>14}{:>12}{:>12}{:>12}{:>12}{:>13}\n", "", "instructions", "worst steps",
             "mean steps", "build ms", "attach us", "of the tree");
  // What attaching costs with nothing to copy, translate or look through.
  const std::vector<sock_filter> one = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
  print_row("one instruction", {1, 1, 1, 0, attach_us({one}).front()}, 0);
  const char* folder = std::getenv("SYSNARE_TEST_DATA");
  const std::string path = std::string(folder != nullptr ? folder : ".") + "/docker-default.json";
  if (const Result<Profile> docker = load_profile(path); docker) {
    print_docker("Docker's default profile, x86_64", *docker, false, {70, 17});
    print_docker("Docker's default profile, x86_64, i386 and x32", *docker, true, {220, 18});
  } else {
    fmt::print("Docker's default profile\n  no figure: {} (SYSNARE_TEST_DATA names its folder)\n",
               docker.error().message);
  }
  for (const std::size_t length : {10u, 30u, 100u, 300u}) print_lists(length);
  return 0;
}

}  // namespace
}  // namespace sysnare::bench

int main() { return sysnare::bench::run_bench(); }
