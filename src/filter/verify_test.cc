#include <gtest/gtest.h>
#include <linux/audit.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "arch/syscalls.h"
#include "filter/filter.h"
#include "filter/machine.h"
#include "filter/test_profiles.h"

#if defined(SYSNARE_HAVE_LIBSECCOMP)
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace sysnare {
namespace {

ResolvedProfile resolved(std::string_view text) {
  const Result<Profile> profile = parse_profile(text, "test.json");
  EXPECT_TRUE(profile.has_value()) << (profile ? "" : profile.error().message);
  return resolve(*profile, {}).value();
}

constexpr sock_filter ld(std::uint32_t k) { return {BPF_LD | BPF_W | BPF_ABS, 0, 0, k}; }
constexpr sock_filter jeq(std::uint32_t k, std::uint8_t jt, std::uint8_t jf) {
  return {BPF_JMP | BPF_JEQ | BPF_K, jt, jf, k};
}
constexpr sock_filter jge(std::uint32_t k, std::uint8_t jt, std::uint8_t jf) {
  return {BPF_JMP | BPF_JGE | BPF_K, jt, jf, k};
}
constexpr sock_filter ret(std::uint32_t k) { return {BPF_RET | BPF_K, 0, 0, k}; }

constexpr std::uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr std::uint32_t kKill = SECCOMP_RET_KILL_PROCESS;
constexpr std::uint32_t kRefuse = SECCOMP_RET_ERRNO | 1;

TEST(Verify, FindsTheMistakesThatFiltersHave) {
  const ResolvedProfile profile = resolved(
      R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
         {"names": ["getppid"], "action": "SCMP_ACT_ERRNO",
          "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_EQ"}]}]})");
  struct Case {
    const char* why;
    std::vector<sock_filter> program;
    const char* says;  ///< empty: it is right
  };
  const std::vector<Case> kCases = {
      {"right",
       {ld(4), jeq(AUDIT_ARCH_X86_64, 0, 9), ld(0), jge(kX32Bit, 0, 1), jeq(UINT32_MAX, 5, 6),
        jeq(110, 0, 4), ld(20), jeq(0, 0, 2), ld(16), jeq(40, 2, 0), ret(kAllow), ret(kKill),
        ret(kRefuse)},
       ""},
      {"the architecture is not looked at",
       {ld(0), jge(kX32Bit, 0, 1), jeq(UINT32_MAX, 5, 6), jeq(110, 0, 4), ld(20), jeq(0, 0, 2),
        ld(16), jeq(40, 2, 0), ret(kAllow), ret(kKill), ret(kRefuse)},
       "the profile kill process"},
      {"x32 passes",
       {ld(4), jeq(AUDIT_ARCH_X86_64, 0, 7), ld(0), jeq(110, 0, 4), ld(20), jeq(0, 0, 2), ld(16),
        jeq(40, 2, 0), ret(kAllow), ret(kKill), ret(kRefuse)},
       "x32 "},
      {"the high word is not looked at",
       {ld(4), jeq(AUDIT_ARCH_X86_64, 0, 7), ld(0), jge(kX32Bit, 0, 1), jeq(UINT32_MAX, 3, 4),
        jeq(110, 0, 2), ld(16), jeq(40, 2, 0), ret(kAllow), ret(kKill), ret(kRefuse)},
       "getppid"},
      {"the low word is not looked at",
       {ld(4), jeq(AUDIT_ARCH_X86_64, 0, 7), ld(0), jge(kX32Bit, 0, 1), jeq(UINT32_MAX, 3, 4),
        jeq(110, 0, 2), ld(20), jeq(0, 2, 0), ret(kAllow), ret(kKill), ret(kRefuse)},
       "getppid"},
      {"one number too many",
       {ld(4), jeq(AUDIT_ARCH_X86_64, 0, 10), ld(0), jge(kX32Bit, 0, 1), jeq(UINT32_MAX, 6, 7),
        jeq(111, 7, 0), jeq(110, 0, 4), ld(20), jeq(0, 0, 2), ld(16), jeq(40, 2, 0), ret(kAllow),
        ret(kKill), ret(kRefuse)},
       "getpgrp"},
      {"a number far beyond the tables",
       {ld(4), jeq(AUDIT_ARCH_X86_64, 0, 10), ld(0), jge(kX32Bit, 0, 1), jeq(UINT32_MAX, 6, 7),
        jeq(0x123456, 7, 0), jeq(110, 0, 4), ld(20), jeq(0, 0, 2), ld(16), jeq(40, 2, 0),
        ret(kAllow), ret(kKill), ret(kRefuse)},
       "0x123456"},
      {"an architecture that no table knows passes",
       {ld(4), jeq(0x12345678, 10, 0), jeq(AUDIT_ARCH_X86_64, 0, 10), ld(0), jge(kX32Bit, 0, 1),
        jeq(UINT32_MAX, 6, 7), jeq(110, 0, 5), ld(20), jeq(0, 0, 3), ld(16), jeq(40, 3, 0),
        ret(kAllow), ret(kAllow), ret(kKill), ret(kRefuse)},
       "architecture 0x12345678"},
      {"an argument that the profile does not ask about",
       {ld(4), jeq(AUDIT_ARCH_X86_64, 0, 11), ld(0), jge(kX32Bit, 0, 1), jeq(UINT32_MAX, 7, 8),
        jeq(110, 0, 6), ld(24), jeq(0xbadc0de, 6, 0), ld(20), jeq(0, 0, 2), ld(16), jeq(40, 2, 0),
        ret(kAllow), ret(kKill), ret(kRefuse)},
       "0xbadc0de"},
      {"the instruction pointer lets a call pass",
       {ld(4), jeq(AUDIT_ARCH_X86_64, 0, 11), ld(0), jge(kX32Bit, 0, 1), jeq(UINT32_MAX, 7, 8),
        jeq(110, 0, 6), ld(8), jeq(0xbadc0de, 4, 0), ld(20), jeq(0, 0, 2), ld(16), jeq(40, 2, 0),
        ret(kAllow), ret(kKill), ret(kRefuse)},
       "getppid"},
      {"another errno",
       {ld(4), jeq(AUDIT_ARCH_X86_64, 0, 9), ld(0), jge(kX32Bit, 0, 1), jeq(UINT32_MAX, 5, 6),
        jeq(110, 0, 4), ld(20), jeq(0, 0, 2), ld(16), jeq(40, 2, 0), ret(kAllow), ret(kKill),
        ret(kRefuse + 1)},
       "the filter says errno ENOENT (0x00050002), the profile errno EPERM (0x00050001)"},
      {"right, with x32 told by its bits, so that no region of numbers stands alone",
       {ld(4),
        jeq(AUDIT_ARCH_X86_64, 0, 9),
        ld(0),
        {BPF_JMP | BPF_JSET | BPF_K, 0, 1, 0xc0000000},
        jeq(UINT32_MAX, 5, 6),
        jeq(110, 0, 4),
        ld(20),
        jeq(0, 0, 2),
        ld(16),
        jeq(40, 2, 0),
        ret(kAllow),
        ret(kKill),
        ret(kRefuse)},
       ""},
      {"x32 told by one of its bits",
       {ld(4),
        jeq(AUDIT_ARCH_X86_64, 0, 9),
        ld(0),
        {BPF_JMP | BPF_JSET | BPF_K, 0, 1, 0x40000000},
        jeq(UINT32_MAX, 5, 6),
        jeq(110, 0, 4),
        ld(20),
        jeq(0, 0, 2),
        ld(16),
        jeq(40, 2, 0),
        ret(kAllow),
        ret(kKill),
        ret(kRefuse)},
       "0x80000000"},
      {"right, with the number asked again behind an argument",
       {ld(4), jeq(AUDIT_ARCH_X86_64, 0, 11), ld(0), jge(kX32Bit, 0, 1), jeq(UINT32_MAX, 7, 8),
        ld(16), jeq(40, 0, 5), ld(20), jeq(0, 0, 3), ld(0), jeq(110, 3, 0), ret(kAllow),
        ret(kAllow), ret(kKill), ret(kRefuse)},
       ""},
      {"a wrong number asked again behind an argument",
       {ld(4), jeq(AUDIT_ARCH_X86_64, 0, 11), ld(0), jge(kX32Bit, 0, 1), jeq(UINT32_MAX, 7, 8),
        ld(16), jeq(40, 0, 5), ld(20), jeq(0, 0, 3), ld(0), jeq(111, 3, 0), ret(kAllow),
        ret(kAllow), ret(kKill), ret(kRefuse)},
       "getp"},
      {"not even loadable", {ld(2), ret(kAllow)}, "instruction 0: load at byte 2"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const Result<void> proven = verify(c.program, profile);
    if (*c.says == '\0') {
      EXPECT_TRUE(proven.has_value()) << proven.error().message;
      continue;
    }
    ASSERT_FALSE(proven.has_value());
    EXPECT_EQ(proven.error().code, Errc::kBadInput);
    EXPECT_NE(proven.error().message.find(c.says), std::string::npos) << proven.error().message;
  }
}

TEST(Verify, NoChangeOfOneInstructionSlipsThrough) {
  const ResolvedProfile profile = resolved(
      R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
         "syscalls": [
         {"names": ["read", "write", "openat", "mmap"], "action": "SCMP_ACT_ALLOW"},
         {"names": ["socket"], "action": "SCMP_ACT_ALLOW",
          "args": [{"index": 0, "value": 38, "op": "SCMP_CMP_LT"}]},
         {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
          "args": [{"index": 0, "value": 4294967295, "op": "SCMP_CMP_EQ"}]},
         {"names": ["clone"], "action": "SCMP_ACT_ALLOW",
          "args": [{"index": 0, "value": 2114060288, "op": "SCMP_CMP_MASKED_EQ"}]}]})");
  const Filter filter = compile(profile).value();
  test::RandomProfiles random(11);
  std::size_t refused = 0;
  std::size_t equal = 0;
  for (std::size_t pc = 0; pc < filter.program.size(); ++pc) {
    for (int change = 0; change < 8; ++change) {
      std::vector<sock_filter> program = filter.program;
      sock_filter& insn = program[pc];
      switch (change) {
        case 0:
          insn.k ^= 1;
          break;
        case 1:
          insn.k += 1;
          break;
        case 2:
          insn.k -= 1;
          break;
        case 3:
          insn.k ^= 0x80000000;
          break;
        case 4:
          ++insn.jt;
          break;
        case 5:
          ++insn.jf;
          break;
        case 6:
          std::swap(insn.jt, insn.jf);
          break;
        default:
          insn.k += 4;
          break;
      }
      if (!check_program(program)) continue;
      if (!verify(program, profile)) {
        ++refused;
        continue;
      }
      ++equal;
      // Then it must be as good: on calls that are drawn without knowing how verify chooses.
      for (int i = 0; i < 3000; ++i) {
        seccomp_data call{};
        const Abi abi = all_abis()[random.below(3)];
        call.arch = audit_arch(abi);
        call.nr = static_cast<int>(random.below(500) + (abi == Abi::kX32 ? kX32Bit : 0));
        for (auto& arg : call.args) arg = random.value();
        ASSERT_EQ(simulate(program, call)->action, evaluate(profile, call))
            << pc << " " << change << "\n"
            << disassemble(program).value();
      }
    }
  }
  std::printf("%zu changed programs refused, %zu mean the same\n", refused, equal);
  EXPECT_GT(refused, 5 * equal);
}

/// seccomp_is_const_allow() of kernel/seccomp.c (Linux 5.11 to 6.18), in our words: whether the
/// kernel answers this call from its cache.
bool is_const_allow(std::span<const sock_filter> program, std::uint32_t arch, std::uint32_t nr) {
  std::uint32_t a = 0;
  for (std::size_t pc = 0; pc < program.size(); ++pc) {
    const sock_filter& insn = program[pc];
    switch (insn.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (insn.k == 0)
          a = nr;
        else if (insn.k == 4)
          a = arch;
        else
          return false;
        break;
      case BPF_RET | BPF_K:
        return insn.k == SECCOMP_RET_ALLOW;
      case BPF_JMP | BPF_JA:
        pc += insn.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        pc += a == insn.k ? insn.jt : insn.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        pc += a >= insn.k ? insn.jt : insn.jf;
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        pc += a > insn.k ? insn.jt : insn.jf;
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        pc += (a & insn.k) != 0 ? insn.jt : insn.jf;
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        a &= insn.k;
        break;
      default:
        return false;
    }
  }
  return false;
}

TEST(Compile, TheKernelsCacheAnswersEveryUnconditionalAllow) {
  const char* folder = std::getenv("SYSNARE_TEST_DATA");
  const std::string docker =
      std::string(folder != nullptr ? folder : SYSNARE_SOURCE_DIR "/../shared/data") +
      "/docker-default.json";
  std::size_t cached = 0;
  for (const std::string& path :
       {docker, std::string("/usr/share/containers/seccomp.json"),
        std::string(SYSNARE_SOURCE_DIR "/tests/profiles/allow-helloworld.json"),
        std::string(SYSNARE_SOURCE_DIR "/tests/profiles/deny-dir.json")}) {
    if (!std::filesystem::exists(path)) {
      std::printf("not here, not tried: %s\n", path.c_str());
      continue;
    }
    SCOPED_TRACE(path);
    const ResolvedProfile profile = resolve(load_profile(path).value(), {}).value();
    const Filter filter = compile(profile).value();
    for (const Abi abi : profile.abis) {
      for (const Call& call : syscalls_of(abi)) {
        seccomp_data data{};
        data.arch = audit_arch(abi);
        data.nr = static_cast<int>(call.nr);
        const auto rules = profile.rules.find(call);
        const bool conditional =
            rules != profile.rules.end() &&
            std::any_of(rules->second.begin(), rules->second.end(),
                        [](const ResolvedRule& rule) { return !rule.conditions.empty(); });
        if (conditional || evaluate(profile, data).value != SECCOMP_RET_ALLOW) continue;
        ++cached;
        EXPECT_TRUE(is_const_allow(filter.program, data.arch, call.nr)) << call_label(call);
      }
    }
  }
  EXPECT_GT(cached, 100u);
}

TEST(Compile, LongProgramsJumpFarAndTooLongOnesAreRefused) {
  struct Case {
    const char* why;
    std::size_t conditions;
    bool fits;
  };
  constexpr Case kCases[] = {
      {"a few", 10, true},
      {"jumps beyond 255 instructions", 400, true},
      {"several thousand instructions", 600, true},
      {"more than a filter may hold", 3000, false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    ResolvedProfile profile;
    profile.abis = {Abi::kX86_64};
    profile.default_action = {SECCOMP_RET_ERRNO | 1};
    for (std::size_t i = 0; i < c.conditions; ++i) {
      // Spread over three calls with errnos of their own, so that nothing can be shared.
      static constexpr std::uint32_t kNumbers[] = {0, 110, 300};
      profile.rules[Call{Abi::kX86_64, kNumbers[i % 3]}].push_back(
          {{{static_cast<unsigned>(i % 2), 7 * i + 1, 0, Op::kEq}},
           {SECCOMP_RET_TRACE | static_cast<std::uint32_t>(i)},
           0});
    }
    const Result<Filter> filter = compile(profile);
    EXPECT_EQ(filter.has_value(), c.fits) << (filter ? "" : filter.error().message);
    if (filter) {
      EXPECT_LE(filter->program.size(), static_cast<std::size_t>(BPF_MAXINSNS));
      if (c.conditions > 255) {
        EXPECT_GT(filter->program.size(), 255u);
      }
    } else {
      EXPECT_EQ(filter.error().code, Errc::kLimit);
    }
  }
}

TEST(Disassemble, IsReadable) {
  const ResolvedProfile profile = resolved(
      R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
         {"names": ["mkdir"], "action": "SCMP_ACT_ALLOW",
          "args": [{"index": 1, "value": 448, "op": "SCMP_CMP_LE"}]}]})");
  const Filter filter = compile(profile).value();
  const std::string text = disassemble(filter.program).value();
  for (const char* line :
       {"ld   arch", "jeq  #0xc000003e x86_64", "ld   nr", "#83 mkdir", "ld   args[1]+4",
        "jge  #0x1c1", "ret  allow", "ret  errno EPERM", "ret  kill process"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << " is missing in\n" << text;
  }
  EXPECT_FALSE(disassemble({}).has_value());
}

TEST(Disassemble, JumpsNameTheAnswerThatTheyLeadTo) {
  const std::vector<sock_filter> program = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 5),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 0x40000001, 0, 1),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x40000002, 1, 3),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 83, 0, 2),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const std::string text = disassemble(program).value();
  for (const char* line :
       {"jeq  #0xc000003e x86_64, L2, kill process\n", "jgt  #0x40000001 x32 write, L4, L5\n",
        "jeq  #0x40000002 x32 open, errno EPERM, allow\n",
        "  L5: jeq  #83 mkdir, errno EPERM, allow\n", "\n       ret  errno EPERM\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << " is missing in\n" << text;
  }
}

TEST(Disassemble, WithoutAnArchitectureANumberIsWhatItIsHere) {
  if (native_abi() != Abi::kX86_64) GTEST_SKIP() << "an x86_64 machine is needed";
  const std::vector<sock_filter> program = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 83, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const std::string text = disassemble(program).value();
  EXPECT_NE(text.find("jeq  #83, errno EPERM, allow"), std::string::npos) << text;
  EXPECT_NE(text.find("; mkdir if x86_64\n"), std::string::npos) << text;
}

TEST(Disassemble, NamesAnArgumentWhereAllCallsThatComeThereHaveIt) {
  struct Case {
    const char* why;
    std::uint32_t other;  ///< a call that shares the rule with chmod
    const char* says;
  };
  const Case kCases[] = {
      {"chmod(filename, mode) and fchmod(fd, mode)", 91, "low half of mode"},
      {"ftruncate(fd, length) has another", 77, ""},
      {"a number that is no call", 400, ""},
      {"an x32 number is another ABI's", kX32Bit | 90, "low half of mode"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const sock_filter program[] = {ld(4),         jeq(AUDIT_ARCH_X86_64, 1, 0),
                                   ret(kKill),    ld(0),
                                   jeq(90, 2, 0), jeq(c.other, 1, 0),
                                   ret(kAllow),   ld(16 + 8),
                                   jeq(7, 0, 1),  ret(kRefuse),
                                   ret(kAllow)};
    const auto lines = disassembled_lines(program);
    ASSERT_TRUE(lines.has_value());
    EXPECT_EQ((*lines)[7].comment, c.says);
  }
}

#if defined(SYSNARE_HAVE_LIBSECCOMP)

std::vector<sock_filter> export_program(scmp_filter_ctx context) {
  const int fd = memfd_create("filter", MFD_CLOEXEC);
  EXPECT_EQ(seccomp_export_bpf(context, fd), 0);
  std::vector<sock_filter> program(static_cast<std::size_t>(lseek(fd, 0, SEEK_END)) /
                                   sizeof(sock_filter));
  EXPECT_EQ(pread(fd, program.data(), program.size() * sizeof(sock_filter), 0),
            static_cast<ssize_t>(program.size() * sizeof(sock_filter)));
  close(fd);
  return program;
}

TEST(Oracle, AllowListsAreNoLargerAndShallowerThanLibseccompsTree) {
  std::mt19937 random(5);
  for (const std::size_t length : {10u, 30u, 100u, 300u}) {
    for (int list = 0; list < 5; ++list) {
      SCOPED_TRACE(fmt::format("list {} of {} calls", list, length));
      std::vector<Call> calls = syscalls_of(Abi::kX86_64);
      std::shuffle(calls.begin(), calls.end(), random);
      calls.resize(length);
      ResolvedProfile profile;
      profile.default_action = {kRefuse};
      profile.abis = {Abi::kX86_64};
      scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(1));
      ASSERT_NE(context, nullptr);
      ASSERT_EQ(seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2), 0);
      ASSERT_EQ(seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), 0);
      for (const Call& call : calls) {
        profile.rules[call] = {{{}, {kAllow}, 0}};
        ASSERT_EQ(seccomp_rule_add(context, SCMP_ACT_ALLOW, static_cast<int>(call.nr), 0), 0);
      }
      const std::vector<sock_filter> theirs = export_program(context);
      seccomp_release(context);
      const Filter ours = compile(profile).value();
      EXPECT_LE(ours.program.size(), theirs.size());
      EXPECT_LT(ours.worst_steps, longest_path(theirs));
      EXPECT_TRUE(verify(theirs, profile).has_value()) << "the same profile, by their hand";
    }
  }
}

TEST(Oracle, LibseccompAgreesOnUnconditionalEqualAndMaskedRules) {
  // Only there: its LT, LE, GT and GE are wrong where several meet on one call.
  const std::vector<std::string_view> names = {"getppid", "mkdir", "openat",
                                               "read",    "clone", "futex"};
  test::RandomProfiles random(3);
  std::size_t compared = 0;
  for (int round = 0; round < 80; ++round) {
    Profile profile;
    profile.default_action = Action::kErrno;
    profile.default_errno_ret = 1;
    profile.architectures = {"SCMP_ARCH_X86_64"};
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(1));
    ASSERT_NE(context, nullptr);
    ASSERT_EQ(seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), 0);
    for (const std::string_view name : names) {
      const std::size_t rules = random.below(4);
      for (std::size_t rule = 0; rule < rules; ++rule) {
        Entry entry;
        entry.names = {std::string(name)};
        std::vector<scmp_arg_cmp> comparisons;
        for (unsigned index = 0; index < 3; ++index) {
          if (random.below(2) == 0) continue;
          ArgCondition condition{index, random.value(), 0, Op::kEq};
          if (random.below(2) == 0) {
            condition.op = Op::kMaskedEq;
            condition.value_two = random.value() & condition.value;
          }
          entry.args.push_back(condition);
          comparisons.push_back({index, condition.op == Op::kEq ? SCMP_CMP_EQ : SCMP_CMP_MASKED_EQ,
                                 condition.value, condition.value_two});
        }
        const int added = seccomp_rule_add_exact_array(
            context, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(std::string(name).c_str()),
            static_cast<unsigned>(comparisons.size()), comparisons.data());
        // It refuses a rule that it holds already.
        ASSERT_TRUE(added == 0 || added == -EEXIST) << added;
        profile.entries.push_back(entry);
      }
    }
    const std::vector<sock_filter> program = export_program(context);
    seccomp_release(context);
    const ResolvedProfile flat = resolve(profile, {}).value();
    const Filter filter = compile(flat).value();
    for (int i = 0; i < 600; ++i) {
      seccomp_data call{};
      call.arch = AUDIT_ARCH_X86_64;
      call.nr =
          static_cast<int>(syscall_nr(Abi::kX86_64, names[random.below(names.size())]).value());
      for (auto& arg : call.args) arg = random.value();
      const ActionValue ours = simulate(filter.program, call)->action;
      ASSERT_EQ(simulate(program, call)->action, ours) << write_profile(profile);
      compared += ours.value == SECCOMP_RET_ALLOW ? 1 : 0;
    }
    // Calls of other ABIs too: the guards are theirs and ours.
    for (const std::uint32_t nr : {kX32Bit, kX32Bit | 83, UINT32_MAX}) {
      seccomp_data call{};
      call.arch = AUDIT_ARCH_X86_64;
      call.nr = static_cast<int>(nr);
      ASSERT_EQ(simulate(program, call)->action, simulate(filter.program, call)->action) << nr;
    }
  }
  EXPECT_GT(compared, 1000u) << "calls that are allowed";
}

#endif

}  // namespace
}  // namespace sysnare
