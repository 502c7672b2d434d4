#include <gtest/gtest.h>
#include <linux/audit.h>

#include <random>

#include "arch/syscalls.h"
#include "base/test_time.h"
#include "filter/filter.h"
#include "filter/test_profiles.h"
#include "profile/profile.h"

namespace sysnare {
namespace {

ResolvedProfile rules_on_getppid(const std::vector<std::vector<ArgCondition>>& rules) {
  ResolvedProfile profile;
  profile.default_action = {SECCOMP_RET_ERRNO | 1};
  profile.foreign_abi = {SECCOMP_RET_KILL_PROCESS};
  profile.abis = {Abi::kX86_64};
  const Call call{Abi::kX86_64, syscall_nr(Abi::kX86_64, "getppid").value()};
  for (const auto& conditions : rules) {
    profile.rules[call].push_back({conditions, {SECCOMP_RET_ALLOW}, 0});
  }
  return profile;
}

ArgCondition masked(unsigned index, std::uint64_t mask, std::uint64_t value) {
  return {index, mask, value, Op::kMaskedEq};
}
ArgCondition equal(unsigned index, std::uint64_t value) { return {index, value, 0, Op::kEq}; }

/// Right but for the argument rules, of which it knows nothing.
const std::vector<sock_filter> kRefusesAll = {
    {BPF_LD | BPF_W | BPF_ABS, 0, 0, 4},
    {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AUDIT_ARCH_X86_64},
    {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS},
    {BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
    {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, UINT32_MAX},
    {BPF_JMP | BPF_JGE | BPF_K, 1, 0, kX32Bit},
    {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | 1},
    {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS},
};

TEST(Proof, FindsTheOneCombinationThatIsDecidedWrongly) {
  struct Case {
    const char* why;
    std::vector<std::vector<ArgCondition>> rules;
  };
  std::vector<std::vector<ArgCondition>> many;
  for (std::uint64_t i = 0; i < 40; ++i) many.push_back({equal(0, i), equal(1, 7 * i)});
  std::vector<std::vector<ArgCondition>> triples;
  for (std::uint64_t i = 0; i < 100; ++i)
    triples.push_back({equal(0, i), equal(1, i), equal(2, i)});
  std::vector<std::vector<ArgCondition>> needle = {{}};
  for (unsigned index = 0; index < kArgCount; ++index) {
    needle[0].push_back(equal(index, 0x1234567800000000 + index));
    needle[0].push_back({index, 3, 0, Op::kNe});
    needle[0].push_back({index, 0x2000000000000000, 0, Op::kLt});
  }
  const Case kCases[] = {
      {"no rule: the program is right", {}},
      {"two masks of one word that only a third value answers",
       {{masked(0, 0xf0, 0x50), masked(0, 0x0f, 0x05)}}},
      {"a mask within a range",
       {{masked(2, 0xff, 0x37), {2, 0x1800, 0, Op::kGe}, {2, 0x2000, 0, Op::kLt}}}},
      {"many pairs of values", many},
      {"a hundred rules of three arguments", triples},
      {"six arguments at once, each with other questions", needle},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const ResolvedProfile profile = rules_on_getppid(c.rules);
    const Result<void> verified = verify(kRefusesAll, profile);
    EXPECT_EQ(verified.has_value(), c.rules.empty());
    if (!verified) {
      EXPECT_EQ(verified.error().code, Errc::kBadInput);
      EXPECT_NE(verified.error().message.find("x86_64 getppid"), std::string::npos)
          << verified.error().message;
      EXPECT_NE(verified.error().message.find("the filter says errno EPERM"), std::string::npos);
    }
    EXPECT_TRUE(compile(profile).has_value());
  }
}

/// Every program that differs from `program` in one place and that the kernel would take.
std::vector<std::vector<sock_filter>> mutants(const std::vector<sock_filter>& program) {
  std::vector<std::vector<sock_filter>> all;
  const auto with = [&](std::size_t at, sock_filter insn) {
    std::vector<sock_filter> mutant = program;
    mutant[at] = insn;
    if (check_program(mutant)) all.push_back(std::move(mutant));
  };
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter insn = program[at];
    const auto with_k = [&](std::uint32_t k) { with(at, {insn.code, insn.jt, insn.jf, k}); };
    with_k(insn.k + 1);
    with_k(insn.k - 1);
    for (const unsigned bit : {7u, 31u}) with_k(insn.k ^ 1u << bit);
    if (BPF_CLASS(insn.code) != BPF_JMP) continue;
    with(at, {insn.code, insn.jf, insn.jt, insn.k});
    with(at, {insn.code, static_cast<std::uint8_t>(insn.jt + 1), insn.jf, insn.k});
    with(at, {insn.code, insn.jt, static_cast<std::uint8_t>(insn.jf + 1), insn.k});
    for (const int jump : {BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JSET}) {
      with(at, {static_cast<std::uint16_t>(BPF_JMP | jump | BPF_K), insn.jt, insn.jf, insn.k});
    }
  }
  return all;
}

TEST(Proof, AcceptsNoMutantThatDecidesAnyDrawnCallDifferently) {
  const std::vector<std::string_view> names = {"getppid", "clone"};
  test::RandomProfiles random(31);
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(round);
    Profile profile;
    profile.default_action = Action::kErrno;
    profile.architectures = {
        std::string(abi_oci_name(round % 2 == 0 ? Abi::kX86_64 : Abi::kS390x))};
    for (int i = 0; i < 2; ++i) profile.entries.push_back(random.entry(names, 3, 2));
    const Result<ResolvedProfile> flat = resolve(profile, {});
    ASSERT_TRUE(flat.has_value()) << flat.error().message;
    const Result<Filter> filter = compile(*flat);
    ASSERT_TRUE(filter.has_value()) << filter.error().message;
    for (const std::vector<sock_filter>& mutant : mutants(filter->program)) {
      if (!verify(mutant, *flat)) {
        ++refused;
        continue;
      }
      ++accepted;
      for (int i = 0; i < 300; ++i) {
        seccomp_data call{};
        call.arch = audit_arch(flat->abis.front());
        call.nr = static_cast<int>(
            syscall_nr(flat->abis.front(), names[random.below(names.size())]).value());
        for (auto& arg : call.args) arg = random.value();
        ASSERT_EQ(simulate(mutant, call)->action, evaluate(*flat, call)) << write_profile(profile);
      }
    }
  }
  // Some mutants do mean the same, as JGE 1 for JEQ 1 where JGT 1 was asked before.
  EXPECT_GT(refused, 3 * accepted);
}

TEST(Proof, RefusesWhatItCannotCompare) {
  // Each rule sets one bit of two arguments: no order of asking keeps the 2^32 sets apart cheaply.
  std::vector<std::vector<ArgCondition>> rules;
  for (unsigned bit = 0; bit < 32; ++bit) {
    const std::uint64_t mask = std::uint64_t{1} << bit;
    rules.push_back({masked(0, mask, mask), masked(1, mask, mask)});
  }
  const Result<Filter> filter = compile(rules_on_getppid(rules));
  ASSERT_FALSE(filter.has_value());
  EXPECT_EQ(filter.error().code, Errc::kLimit);

  const sock_filter computes[] = {{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
                                  {BPF_ALU | BPF_ADD | BPF_K, 0, 0, 1},
                                  {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | 1}};
  const Result<void> verified = verify(computes, rules_on_getppid({}));
  ASSERT_FALSE(verified.has_value());
  EXPECT_EQ(verified.error().code, Errc::kUnsupported);
}

TEST(Proof, CostsLittleOnAbisWithFarApartNumbers) {
  // Arm's private calls start at 0xf0001; walking up to there took seconds.
  const auto compile_for = [](Call call) {
    ResolvedProfile profile;
    profile.default_action = {SECCOMP_RET_ERRNO | 1};
    profile.abis = {call.abi};
    profile.rules[call].push_back({{}, {SECCOMP_RET_ALLOW}, 0});
    const Result<Filter> filter = compile(profile);
    ASSERT_TRUE(filter.has_value()) << filter.error().message;
  };
  const Call far{Abi::kArm, syscall_nr(Abi::kArm, "set_tls").value()};
  const Call near{Abi::kArm, syscall_nr(Abi::kArm, "getppid").value()};
  constexpr double kWalk = 30;  // it was thousands of times as long
  EXPECT_LT(times_as_long([&] { compile_for(far); }, [&] { compile_for(near); }, kWalk), kWalk);
  EXPECT_LT(processor_seconds([&] { compile_for(far); }), 1.0);
}

}  // namespace
}  // namespace sysnare
