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
      {"Docker, x86_64 alone", test_data("docker-default.json"), false, 68, 12},
      {"Docker, with i386 and x32", test_data("docker-default.json"), true, 219, 13},
      {"Podman, x86_64 alone", "/usr/share/containers/seccomp.json", false, 76, 19},
      {"Podman, with i386 and x32", "/usr/share/containers/seccomp.json", true, 231, 20},
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

ResolvedProfile allowing(Call call, const std::vector<std::vector<ArgCondition>>& rules) {
  ResolvedProfile profile;
  profile.default_action = {SECCOMP_RET_ERRNO | 1};
  profile.abis = {call.abi};
  for (const auto& conditions : rules) {
    profile.rules[call].push_back({conditions, {SECCOMP_RET_ALLOW}, 0});
  }
  return profile;
}

std::vector<std::vector<ArgCondition>> equal_to(const std::vector<std::uint64_t>& values) {
  std::vector<std::vector<ArgCondition>> rules;
  for (const std::uint64_t value : values) rules.push_back({{0, value, 0, Op::kEq}});
  return rules;
}

TEST(Compile, ValuesOfOneArgumentShareTests) {
  struct Case {
    const char* why;
    std::vector<std::uint64_t> values;
    std::size_t most;  ///< instructions, of which 9 are for the rest of the filter
  };
  std::vector<std::uint64_t> far_apart;
  for (std::uint64_t i = 0; i < 400; ++i) far_apart.push_back((i * 2654435761 + 1) << 24 | i);
  const Case kCases[] = {
      {"one value", {5}, 13},
      {"neighbours are a range", {5, 6, 7, 8, 9, 10}, 14},
      {"any of two bits: no other bit is set", {0, 8, 0x20000, 0x20008}, 13},
      {"and a value besides", {0, 8, 0x20000, 0x20008, 0xffffffff}, 14},
      {"any of two bits beside a third: masked, then compared", {4, 12, 0x20004, 0x2000c}, 14},
      {"the same in the high word", {0x400000000, 0xc00000000}, 14},
      {"400 values with high words of their own", far_apart, 2100},
  };
  const Call call{Abi::kX86_64, syscall_nr(Abi::kX86_64, "personality").value()};
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const ResolvedProfile profile = allowing(call, equal_to(c.values));
    const Result<Filter> filter = compile(profile);
    ASSERT_TRUE(filter.has_value()) << filter.error().message;
    EXPECT_LE(filter->program.size(), c.most);
    for (const std::uint64_t value : c.values) {
      const Result<Verdict> verdict =
          simulate(filter->program, call_of(Abi::kX86_64, "personality", {value}));
      EXPECT_EQ(verdict->action.value, SECCOMP_RET_ALLOW) << value;
    }
  }
}

TEST(Compile, TooManyCasesAreAnErrorThatNamesTheCall) {
  struct Case {
    const char* why;
    std::size_t rules;
    const char* says;
  };
  constexpr Case kCases[] = {
      {"more instructions than the kernel takes", 2000, "more than 4096 instructions"},
      {"more conditions than are looked at", 3000, "personality has more than 2048"},
  };
  const Call call{Abi::kX86_64, syscall_nr(Abi::kX86_64, "personality").value()};
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    std::vector<std::uint64_t> values;
    for (std::uint64_t i = 0; i < c.rules; ++i) values.push_back((i * 2654435761 + 1) << 24 | i);
    const Result<Filter> filter = compile(allowing(call, equal_to(values)));
    ASSERT_FALSE(filter.has_value());
    EXPECT_EQ(filter.error().code, Errc::kLimit);
    EXPECT_NE(filter.error().message.find(c.says), std::string::npos) << filter.error().message;
    EXPECT_NE(filter.error().message.find("personality"), std::string::npos)
        << filter.error().message;
  }
}

TEST(Compile, IntArgumentsAreComparedByTheirDeclaredWidth) {
  struct Case {
    const char* why;
    const char* name;
    unsigned index;
    std::uint64_t value;
    std::uint64_t argument;
    bool holds;
    Op op = Op::kEq;
  };
  constexpr Case kCases[] = {
      {"int: the high word does not count", "socket", 0, 2, 0xdeadbeef00000002, true},
      {"int: -1 written as 64 bits", "socket", 0, UINT64_MAX, 0x00000000ffffffff, true},
      {"int: all 32 bits count", "socket", 0, 2, 0x10002, false},
      {"umode_t: 16 bits", "chmod", 1, 0755, 0xffffffffffff0000 | 0755, true},
      {"umode_t: the 16th bit counts", "chmod", 1, 0755, 0x8000 | 0755, false},
      {"umode_t: a constant of more bits is cut", "chmod", 1, 0x10000 | 0755, 0755, true},
      {"umode_t: less, over 16 bits", "chmod", 1, 0755, 0x10000, true, Op::kLt},
      {"umode_t: more, over 16 bits", "chmod", 1, 0755, 0x10000, false, Op::kGt},
      {"umode_t: never above the largest", "chmod", 1, 0xffff, UINT64_MAX, false, Op::kGt},
      {"umode_t: always from 0", "chmod", 1, 0, UINT64_MAX, true, Op::kGe},
      {"size_t: 64 bits", "read", 2, 5, 0x100000005, false},
      {"a pointer: 64 bits", "read", 1, 5, 0x100000005, false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const Call call{Abi::kX86_64, syscall_nr(Abi::kX86_64, c.name).value()};
    ResolvedProfile profile = allowing(call, {{{c.index, c.value, 0, c.op}}});
    profile.int_args_by_width = true;
    const Result<Filter> filter = compile(profile);
    ASSERT_TRUE(filter.has_value()) << filter.error().message;
    seccomp_data data = call_of(Abi::kX86_64, c.name, {});
    data.args[c.index] = c.argument;
    EXPECT_EQ(simulate(filter->program, data)->action.value == SECCOMP_RET_ALLOW, c.holds);
    EXPECT_EQ(evaluate(profile, data).value == SECCOMP_RET_ALLOW, c.holds);
  }
}

TEST(Compile, FrequentCallsThatTheKernelCannotCacheAreReachedSooner) {
  const ResolvedProfile profile = resolved(
      R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
         {"names": ["read", "close", "mmap", "brk", "ioctl", "access", "dup", "fork", "exit",
                    "fcntl", "chmod", "getuid", "gettid", "futex", "openat", "statx", "rseq"],
          "action": "SCMP_ACT_ALLOW"},
         {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
         {"names": ["socket"], "action": "SCMP_ACT_ALLOW",
          "args": [{"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}]}]})");
  const auto steps = [&](const char* name, const CallCounts& counts, bool cached) {
    const Result<Filter> filter = compile(profile, counts, cached);
    EXPECT_TRUE(filter.has_value());
    return simulate(filter->program, call_of(Abi::kX86_64, name, {2}))->steps;
  };
  const auto call = [](const char* name) {
    return Call{Abi::kX86_64, syscall_nr(Abi::kX86_64, name).value()};
  };
  struct Case {
    const char* why;
    const char* frequent;
    CallCounts counts;
    bool sooner;
    bool cached = true;  ///< as kernels since 5.11 do it
  };
  const Case kCases[] = {
      {"a refused call", "clone3", {{call("clone3"), 1'000'000}}, true},
      {"a call that no rule names", "getppid", {{call("getppid"), 1'000'000}}, true},
      {"more than anybody counts", "clone3", {{call("clone3"), UINT64_MAX}}, true},
      {"what is allowed at once is answered without the filter, and counts for nothing",
       "clone3",
       {{call("clone3"), 1'000'000}, {call("read"), UINT64_MAX}},
       true},
      {"an argument rule is near the root anyway", "socket", {{call("socket"), 1'000'000}}, false},
      {"an allowed call of a kernel without a cache",
       "statx",
       {{call("statx"), 1'000'000}},
       true,
       false},
      {"and of one with it", "statx", {{call("statx"), 1'000'000}}, false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const std::uint32_t even = steps(c.frequent, {}, c.cached);
    const std::uint32_t weighted = steps(c.frequent, c.counts, c.cached);
    EXPECT_LE(weighted, c.sooner ? even - 1 : even);
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
