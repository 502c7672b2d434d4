#include <gtest/gtest.h>
#include <linux/audit.h>

#include <cstdlib>
#include <filesystem>
#include <random>

#include "arch/syscalls.h"
#include "filter/filter.h"
#include "filter/test_profiles.h"
#include "profile/profile.h"

namespace sysnare {
namespace {

std::string test_data(const std::string& name) {
  const char* folder = std::getenv("SYSNARE_TEST_DATA");
  return std::string(folder != nullptr ? folder : SYSNARE_SOURCE_DIR "/../shared/data") + "/" +
         name;
}

seccomp_data call_of(Abi abi, std::string_view name, std::initializer_list<std::uint64_t> args) {
  seccomp_data call{};
  call.arch = audit_arch(abi);
  call.nr = static_cast<int>(syscall_nr(abi, name).value_or(UINT32_MAX));
  std::copy(args.begin(), args.end(), std::begin(call.args));
  return call;
}

ResolvedProfile resolved(std::string_view text, const ResolveOptions& options = {}) {
  const Result<Profile> profile = parse_profile(text, "test.json");
  EXPECT_TRUE(profile.has_value()) << (profile ? "" : profile.error().message);
  if (!profile) return {};
  const Result<ResolvedProfile> flat = resolve(*profile, options);
  EXPECT_TRUE(flat.has_value()) << (flat ? "" : flat.error().message);
  return flat ? *flat : ResolvedProfile{};
}

TEST(Compile, RealDefaultProfilesStayShort) {
  struct Case {
    const char* why;
    std::string path;
    bool sub_architectures;
    std::size_t most;
    std::uint32_t worst;
  };
  const Case kCases[] = {
      {"Docker, x86_64 alone", test_data("docker-default.json"), false, 72, 20},
      {"Docker, with i386 and x32", test_data("docker-default.json"), true, 250, 22},
      {"Podman, x86_64 alone", "/usr/share/containers/seccomp.json", false, 80, 22},
      {"Podman, with i386 and x32", "/usr/share/containers/seccomp.json", true, 260, 26},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    if (!std::filesystem::exists(c.path)) {
      std::printf("not here, not tried: %s\n", c.path.c_str());
      continue;
    }
    const Result<Profile> profile = load_profile(c.path);
    ASSERT_TRUE(profile.has_value()) << profile.error().message;
    ResolveOptions options;
    options.sub_architectures = c.sub_architectures;
    const Result<ResolvedProfile> flat = resolve(*profile, options);
    ASSERT_TRUE(flat.has_value()) << flat.error().message;
    const Result<Filter> filter = compile(*flat);
    ASSERT_TRUE(filter.has_value()) << filter.error().message;
    RecordProperty("instructions", static_cast<int>(filter->program.size()));
    std::printf("%s: %zu instructions, longest path %u\n", c.why, filter->program.size(),
                filter->worst_steps);
    EXPECT_LE(filter->program.size(), c.most);
    EXPECT_LE(filter->worst_steps, c.worst);
  }
}

TEST(Compile, ConditionsMeanWhatTheySayInAllBits) {
  struct Case {
    const char* why;
    const char* op;
    std::uint64_t value;
    std::uint64_t two;
    std::uint64_t argument;
    bool holds;
  };
  constexpr std::uint64_t kBit32 = std::uint64_t{1} << 32;
  constexpr Case kCases[] = {
      {"equal", "EQ", 5, 0, 5, true},
      {"equal but for bit 32", "EQ", 5, 0, 5 + kBit32, false},
      {"not equal for bit 32 alone", "NE", 5, 0, 5 + kBit32, true},
      {"the high word decides before the low", "GT", 5, 0, kBit32, true},
      {"less in the high word, more in the low", "LT", kBit32, 0, 0xffffffff, true},
      {"the largest low word", "LE", 0xffffffff, 0, kBit32, false},
      {"unsigned: -1 is the largest", "GT", 40, 0, UINT64_MAX, true},
      {"nothing is below 0", "LT", 0, 0, 0, false},
      {"everything is at least 0", "GE", 0, 0, 0, true},
      {"nothing is above 2^64-1", "GT", UINT64_MAX, 0, UINT64_MAX, false},
      {"masked: other bits do not count", "MASKED_EQ", 0x7e020000, 0, 0x11, true},
      {"masked: one bit of the mask set", "MASKED_EQ", 0x7e020000, 0, 0x10000000, false},
      {"masked: bits above the mask", "MASKED_EQ", 0xff, 0x41, 0xabcd00000041, true},
      {"masked: a mask in the high word", "MASKED_EQ", kBit32, kBit32, kBit32 + 7, true},
      {"masked: a value outside the mask never holds", "MASKED_EQ", 1, 2, 2, false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const ResolvedProfile profile = resolved(fmt::format(
        R"({{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
           {{"names": ["getppid"], "action": "SCMP_ACT_ALLOW", "args": [
             {{"index": 3, "value": {}, "valueTwo": {}, "op": "SCMP_CMP_{}"}}]}}]}})",
        c.value, c.two, c.op));
    const Result<Filter> filter = compile(profile);
    ASSERT_TRUE(filter.has_value()) << filter.error().message;
    const seccomp_data call = call_of(Abi::kX86_64, "getppid", {0, 0, 0, c.argument});
    const Result<Verdict> verdict = simulate(filter->program, call);
    ASSERT_TRUE(verdict.has_value());
    EXPECT_EQ(verdict->action.value == SECCOMP_RET_ALLOW, c.holds);
    EXPECT_EQ(evaluate(profile, call), verdict->action);
  }
}

TEST(Compile, OtherAbisGetTheForeignAction) {
  struct Case {
    const char* why;
    std::uint32_t arch;
    std::uint32_t nr;
    std::uint32_t value;
  };
  const ResolvedProfile profile = resolved(
      R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
         {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]})");
  const Result<Filter> filter = compile(profile);
  ASSERT_TRUE(filter.has_value()) << filter.error().message;
  const Case kCases[] = {
      {"a listed call", AUDIT_ARCH_X86_64, 83, SECCOMP_RET_ERRNO | 1},
      {"any other", AUDIT_ARCH_X86_64, 0, SECCOMP_RET_ALLOW},
      {"x32, which a default of allow would let through", AUDIT_ARCH_X86_64, kX32Bit | 83,
       SECCOMP_RET_KILL_PROCESS},
      {"the first x32 number", AUDIT_ARCH_X86_64, kX32Bit, SECCOMP_RET_KILL_PROCESS},
      {"the last x86_64 number", AUDIT_ARCH_X86_64, kX32Bit - 1, SECCOMP_RET_ALLOW},
      {"x32 bit and sign bit", AUDIT_ARCH_X86_64, 0xc0000053, SECCOMP_RET_KILL_PROCESS},
      {"-1 belongs to every ABI", AUDIT_ARCH_X86_64, UINT32_MAX, SECCOMP_RET_ALLOW},
      {"i386, where 39 is mkdir", AUDIT_ARCH_I386, 39, SECCOMP_RET_KILL_PROCESS},
      {"another machine", AUDIT_ARCH_AARCH64, 34, SECCOMP_RET_KILL_PROCESS},
      {"no machine", 0, 0, SECCOMP_RET_KILL_PROCESS},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    seccomp_data call{};
    call.arch = c.arch;
    call.nr = static_cast<int>(c.nr);
    const Result<Verdict> verdict = simulate(filter->program, call);
    ASSERT_TRUE(verdict.has_value());
    EXPECT_EQ(verdict->action.value, c.value);
    EXPECT_EQ(evaluate(profile, call).value, c.value);
  }
}

TEST(Compile, RandomProfilesAgreeWithTheReferenceOnRandomCalls) {
  // compile() proves each already; here the calls are drawn without knowing how it chooses its own.
  const std::vector<std::string_view> names = {
      "read", "mkdir", "openat", "clone", "socket", "chmod", "socketcall", "mmap2", "futex_waitv"};
  test::RandomProfiles random(20261124);
  for (int round = 0; round < 12; ++round) {
    SCOPED_TRACE(round);
    Profile profile;
    profile.default_action = static_cast<Action>(random.below(9));
    for (const Abi abi : all_abis()) {
      if (random.below(3) == 0) profile.architectures.emplace_back(abi_oci_name(abi));
    }
    if (profile.architectures.empty()) profile.architectures.emplace_back("SCMP_ARCH_X86_64");
    const std::size_t entries = random.below(8);
    for (std::size_t i = 0; i < entries; ++i) profile.entries.push_back(random.entry(names, 3, 3));
    Result<ResolvedProfile> flat = resolve(profile, {});
    ASSERT_TRUE(flat.has_value()) << flat.error().message;
    flat->int_args_by_width = random.below(2) == 0;
    const Result<Filter> filter = compile(*flat);
    ASSERT_TRUE(filter.has_value()) << filter.error().message << write_profile(profile);
    for (int i = 0; i < 400; ++i) {
      const Abi abi = all_abis()[random.below(kAbiCount)];
      seccomp_data call = call_of(abi, names[random.below(names.size())], {});
      for (auto& arg : call.args) arg = random.value();
      const Result<Verdict> verdict = simulate(filter->program, call);
      ASSERT_TRUE(verdict.has_value());
      EXPECT_LE(verdict->steps, filter->worst_steps);
      ASSERT_EQ(verdict->action, evaluate(*flat, call)) << write_profile(profile);
    }
  }
}

/// What runc puts in front of a filter (profile/runtime.h): ENOSYS for numbers above the highest.
TEST(Compile, NumbersAnsweredAheadAreInTheFilterAndInTheProof) {
  ResolvedProfile profile;
  profile.default_action = {SECCOMP_RET_ERRNO | 1};
  profile.abis = {Abi::kX86_64, Abi::kI386};
  for (const std::uint32_t nr : {0u, 100u, 101u, 450u}) {
    profile.rules[{Abi::kX86_64, nr}] = {{{}, {SECCOMP_RET_ALLOW}, 0}};
  }
  profile.rules[{Abi::kX86_64, 5}] = {
      {{{.index = 0, .value = 1, .op = Op::kEq}}, {SECCOMP_RET_ALLOW}, 0}};
  constexpr std::uint32_t kNoSuchCall = SECCOMP_RET_ERRNO | 38;
  struct Case {
    const char* why;
    std::vector<NumberRange> ranges;
  };
  const Case kCases[] = {
      {"none", {}},
      {"from the middle to the end", {{AUDIT_ARCH_X86_64, 101, UINT32_MAX, {kNoSuchCall}}}},
      {"over an argument rule", {{AUDIT_ARCH_X86_64, 5, 5, {kNoSuchCall}}}},
      {"from zero", {{AUDIT_ARCH_X86_64, 0, 4, {kNoSuchCall}}}},
      {"what runc 1.1.5 does with x86_64 alone",
       {{AUDIT_ARCH_X86_64, 450, 0x3fffffff, {kNoSuchCall}},
        {AUDIT_ARCH_X86_64, 0x80000000, 0xbfffffff, {kNoSuchCall}}}},
      {"two architectures",
       {{AUDIT_ARCH_X86_64, 450, 0x3fffffff, {kNoSuchCall}},
        {AUDIT_ARCH_I386, 1, UINT32_MAX, {kNoSuchCall}}}},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    profile.answered_ahead = c.ranges;
    const Result<Filter> filter = compile(profile);
    ASSERT_TRUE(filter.has_value()) << filter.error().message;
    for (const NumberRange& range : c.ranges) {
      for (const std::uint32_t nr : {range.first, range.last}) {
        seccomp_data call{};
        call.arch = range.arch;
        call.nr = static_cast<int>(nr);
        EXPECT_EQ(evaluate(profile, call).value, kNoSuchCall);
        const Result<Verdict> verdict = simulate(filter->program, call);
        ASSERT_TRUE(verdict.has_value());
        EXPECT_EQ(verdict->action.value, kNoSuchCall);
      }
    }
    ResolvedProfile bare = profile;
    bare.answered_ahead.clear();
    EXPECT_EQ(verify(filter->program, bare).has_value(), c.ranges.empty());
  }
}

}  // namespace
}  // namespace sysnare
