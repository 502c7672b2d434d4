#include "profile/resolve.h"

#include <gtest/gtest.h>
#include <linux/audit.h>

#include <cstdlib>
#include <filesystem>

#include "arch/syscalls.h"
#include "profile/plain.h"

namespace sysnare {
namespace {

Profile parsed(std::string_view text) {
  Result<Profile> profile = parse_profile(text, "p.json");
  EXPECT_TRUE(profile.has_value()) << (profile ? "" : profile.error().message);
  return profile ? std::move(*profile) : Profile{};
}

ResolvedProfile resolved(std::string_view text, const ResolveOptions& options = {}) {
  Result<ResolvedProfile> flat = resolve(parsed(text), options);
  EXPECT_TRUE(flat.has_value()) << (flat ? "" : flat.error().message);
  return flat ? std::move(*flat) : ResolvedProfile{};
}

seccomp_data call_of(Abi abi, std::string_view name, std::uint64_t arg0 = 0,
                     std::uint64_t arg1 = 0) {
  seccomp_data call{};
  call.arch = audit_arch(abi);
  call.nr = static_cast<int>(syscall_nr(abi, name).value_or(UINT32_MAX));
  call.args[0] = arg0;
  call.args[1] = arg1;
  return call;
}

TEST(Resolve, ConditionsDecideWhichEntriesApply) {
  const auto options = [](std::vector<std::string> caps, Abi arch, KernelVersion kernel) {
    ResolveOptions made;
    made.caps = std::move(caps);
    made.arch = arch;
    made.kernel = kernel;
    return made;
  };
  struct Case {
    const char* why;
    const char* conditions;
    ResolveOptions options;
    bool applies;
  };
  const KernelVersion k54{5, 4};
  const Case kCases[] = {
      {"no condition", "", options({}, Abi::kX86_64, k54), true},
      {"includes.caps needs all, has one", R"(, "includes": {"caps": ["CAP_A", "CAP_B"]})",
       options({"CAP_A"}, Abi::kX86_64, k54), false},
      {"includes.caps has all", R"(, "includes": {"caps": ["CAP_A", "CAP_B"]})",
       options({"CAP_B", "CAP_A"}, Abi::kX86_64, k54), true},
      {"excludes.caps: one is enough", R"(, "excludes": {"caps": ["CAP_A", "CAP_B"]})",
       options({"CAP_B"}, Abi::kX86_64, k54), false},
      {"excludes.caps: none", R"(, "excludes": {"caps": ["CAP_A"]})",
       options({}, Abi::kX86_64, k54), true},
      {"Go's name", R"(, "includes": {"arches": ["amd64"]})", options({}, Abi::kX86_64, k54), true},
      {"another architecture", R"(, "includes": {"arches": ["arm64", "s390x"]})",
       options({}, Abi::kX86_64, k54), false},
      {"x32 is not what the engine runs on", R"(, "includes": {"arches": ["x32"]})",
       options({}, Abi::kX86_64, k54), false},
      {"arm64", R"(, "includes": {"arches": ["arm", "arm64"]})", options({}, Abi::kAarch64, k54),
       true},
      {"i386 is x86", R"(, "includes": {"arches": ["x86"]})", options({}, Abi::kI386, k54), true},
      {"no engine says 386", R"(, "includes": {"arches": ["386"]})", options({}, Abi::kI386, k54),
       false},
      {"loong64", R"(, "includes": {"arches": ["loong64"]})", options({}, Abi::kLoongarch64, k54),
       true},
      {"excluded architecture", R"(, "excludes": {"arches": ["amd64"]})",
       options({}, Abi::kX86_64, k54), false},
      {"kernel new enough", R"(, "includes": {"minKernel": "5.4"})", options({}, Abi::kX86_64, k54),
       true},
      {"minor numbers are numbers: 5.10 is newer", R"(, "includes": {"minKernel": "5.10"})",
       options({}, Abi::kX86_64, k54), false},
      {"major first", R"(, "includes": {"minKernel": "4.18"})", options({}, Abi::kX86_64, k54),
       true},
      {"excluded from a kernel on", R"(, "excludes": {"minKernel": "5.0"})",
       options({}, Abi::kX86_64, k54), false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const ResolvedProfile flat =
        resolved(fmt::format(R"({{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
          {{"names": ["mkdirat"], "action": "SCMP_ACT_ALLOW"{}}}]}})",
                             c.conditions),
                 c.options);
    EXPECT_EQ(!flat.rules.empty(), c.applies);
  }
}

TEST(Resolve, ArchitecturesComeFromTheListTheMapOrTheMachine) {
  struct Case {
    const char* why;
    const char* text;
    Abi arch;
    bool subs;
    std::vector<Abi> abis;
  };
  const Case kCases[] = {
      {"neither: the machine's own", "", Abi::kX86_64, true, {Abi::kX86_64}},
      {"the list as it is",
       R"(, "architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X86_64"])",
       Abi::kAarch64,
       true,
       {Abi::kX86_64, Abi::kI386}},
      {"one of the list has no table here",
       R"(, "architectures": ["SCMP_ARCH_MIPS", "SCMP_ARCH_X32"])",
       Abi::kX86_64,
       true,
       {Abi::kX32}},
      {"the map's line of this machine",
       R"(, "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
           {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]}])",
       Abi::kAarch64,
       true,
       {Abi::kAarch64, Abi::kArm}},
      {"without sub-architectures",
       R"(, "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}])",
       Abi::kX86_64,
       false,
       {Abi::kX86_64}},
      {"the map has no line for this machine",
       R"(, "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []}])",
       Abi::kRiscv64,
       true,
       {Abi::kRiscv64}},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    ResolveOptions options;
    options.arch = c.arch;
    options.sub_architectures = c.subs;
    EXPECT_EQ(
        resolved(fmt::format(R"({{"defaultAction": "SCMP_ACT_ERRNO"{}}})", c.text), options).abis,
        c.abis);
  }
}

TEST(Resolve, RefusesWhatCannotBeResolved) {
  // A file that has both is refused when it is read; code can still make one.
  Profile both_kinds = parsed(
      R"({"defaultAction": "SCMP_ACT_ERRNO", "archMap": [{"architecture": "SCMP_ARCH_X86_64"}]})");
  both_kinds.architectures = {"SCMP_ARCH_X86"};
  const Result<ResolvedProfile> both = resolve(both_kinds, {});
  ASSERT_FALSE(both.has_value());
  EXPECT_EQ(both.error().message,
            "p.json:1: archMap: both `architectures` and `archMap` are given, use one of them");
  const Result<ResolvedProfile> none = resolve(
      parsed(R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_MIPS"]})"), {});
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().message, "p.json: architectures: no call table for any of SCMP_ARCH_MIPS");
}

TEST(Resolve, UnknownNamesAreCollectedAndDoNothing) {
  const ResolvedProfile flat = resolved(R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
    {"names": ["read", "mkdri"], "action": "SCMP_ACT_ALLOW"},
    {"name": "syscall", "action": "SCMP_ACT_ALLOW"}]})");
  ASSERT_EQ(flat.unknown_names.size(), 2u);
  EXPECT_EQ(flat.unknown_names[0],
            "p.json:2: syscalls[0].names[1]: no ABI has a call \"mkdri\", did you mean mkdir?");
  EXPECT_TRUE(flat.unknown_names[1].starts_with(
      "p.json:3: syscalls[1].name: no ABI has a call \"syscall\""))
      << flat.unknown_names[1];
  EXPECT_EQ(flat.rules.size(), 1u);
}

TEST(Resolve, NumbersAreThoseOfEachAbi) {
  const ResolvedProfile flat = resolved(R"({"defaultAction": "SCMP_ACT_ERRNO",
    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    "syscalls": [{"names": ["mkdir", "socketcall", "mkdir"], "action": "SCMP_ACT_ALLOW"}]})");
  std::vector<Call> calls;
  for (const auto& [call, rules] : flat.rules) {
    calls.push_back(call);
    EXPECT_EQ(rules.size(), 1u) << "a name twice in one entry is one rule";
  }
  EXPECT_EQ(
      calls,
      (std::vector<Call>{
          {Abi::kX86_64, 83}, {Abi::kX32, kX32Bit | 83}, {Abi::kI386, 39}, {Abi::kI386, 102}}))
      << "socketcall exists on i386 only";
}

TEST(Evaluate, TheKernelsPrecedenceDecidesWhateverTheOrder) {
  // Of kill_process, kill_thread, trap, errno, notify, trace, log, allow each beats all behind it.
  constexpr Action kOrder[] = {Action::kKillProcess, Action::kKillThread, Action::kTrap,
                               Action::kErrno,       Action::kNotify,     Action::kTrace,
                               Action::kLog,         Action::kAllow};
  for (std::size_t strong = 0; strong < std::size(kOrder); ++strong) {
    for (std::size_t weak = strong + 1; weak < std::size(kOrder); ++weak) {
      const ActionValue winner = action_value(kOrder[strong], {});
      const ActionValue loser = action_value(kOrder[weak], {});
      EXPECT_TRUE(outranks(winner, loser));
      EXPECT_FALSE(outranks(loser, winner));
      for (const bool weak_first : {false, true}) {
        ResolvedProfile flat;
        flat.abis = {Abi::kX86_64};
        flat.rules[Call{Abi::kX86_64, 83}] = {{{}, weak_first ? loser : winner, 0},
                                              {{}, weak_first ? winner : loser, 1}};
        EXPECT_EQ(evaluate(flat, call_of(Abi::kX86_64, "mkdir")), winner);
      }
    }
  }
  EXPECT_FALSE(outranks(action_value(Action::kErrno, 1), action_value(Action::kErrno, 2)));
}

TEST(Evaluate, ConditionsOfOneEntryAreAnd) {
  // Runtimes make "or" of an index that stands twice; here the words keep their meaning.
  const ResolvedProfile flat = resolved(R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
    {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [
      {"index": 0, "value": 10, "op": "SCMP_CMP_GE"}, {"index": 0, "value": 20, "op": "SCMP_CMP_LE"},
      {"index": 1, "value": 1, "op": "SCMP_CMP_EQ"}]}]})");
  struct Case {
    const char* why;
    std::uint64_t first;
    std::uint64_t second;
    bool allowed;
  };
  constexpr Case kCases[] = {
      {"within", 10, 1, true},
      {"the other end", 20, 1, true},
      {"below", 9, 1, false},
      {"above", 21, 1, false},
      {"the other argument", 15, 2, false},
      {"bit 32", 15 + (std::uint64_t{1} << 32), 1, false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(evaluate(flat, call_of(Abi::kX86_64, "socket", c.first, c.second)).action() ==
                  SECCOMP_RET_ALLOW,
              c.allowed);
  }
}

TEST(Evaluate, WidthOfTheComparison) {
  const char* const kText = R"({"defaultAction": "SCMP_ACT_ALLOW",
    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], "syscalls": [
    {"names": ["socket", "read", "chmod"], "action": "SCMP_ACT_ERRNO", "args": [
      {"index": 1, "value": 18446744073709551615, "op": "SCMP_CMP_EQ"}]}]})";
  struct Case {
    const char* why;
    Abi abi;
    const char* name;
    bool by_width;
    std::uint64_t argument;
    bool refused;
  };
  constexpr Case kCases[] = {
      {"64 bits: -1 as int is not 2^64-1", Abi::kX86_64, "socket", false, 0xffffffff, false},
      {"64 bits: all of them", Abi::kX86_64, "socket", false, UINT64_MAX, true},
      {"by width: an int has 32", Abi::kX86_64, "socket", true, 0xffffffff, true},
      {"by width: garbage above an int", Abi::kX86_64, "socket", true, 0x1234ffffffff, true},
      {"by width: a pointer keeps 64", Abi::kX86_64, "read", true, 0xffffffff, false},
      {"by width: umode_t has 16", Abi::kX86_64, "chmod", true, 0xffff, true},
      {"a 32-bit register is all there is", Abi::kI386, "read", false, 0xffffffff, true},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    ResolvedProfile flat = resolved(kText);
    flat.int_args_by_width = c.by_width;
    EXPECT_EQ(evaluate(flat, call_of(c.abi, c.name, 0, c.argument)).action() == SECCOMP_RET_ERRNO,
              c.refused);
  }
}

TEST(Evaluate, NumbersOutsideTheTables) {
  struct Case {
    const char* why;
    const char* architectures;
    std::uint32_t arch;
    std::uint32_t nr;
    bool is_foreign;
  };
  constexpr Case kCases[] = {
      {"no table knows it", "SCMP_ARCH_X86_64", AUDIT_ARCH_X86_64, 4000, false},
      {"x32, not listed", "SCMP_ARCH_X86_64", AUDIT_ARCH_X86_64, kX32Bit, true},
      {"x32, listed", "SCMP_ARCH_X32", AUDIT_ARCH_X86_64, kX32Bit + 4000, false},
      {"x86_64, only x32 listed", "SCMP_ARCH_X32", AUDIT_ARCH_X86_64, 0, true},
      {"-1", "SCMP_ARCH_X86_64", AUDIT_ARCH_X86_64, kSkippedNr, false},
      {"-1, only x32 listed", "SCMP_ARCH_X32", AUDIT_ARCH_X86_64, kSkippedNr, false},
      {"-1 elsewhere", "SCMP_ARCH_X86_64", AUDIT_ARCH_I386, kSkippedNr, true},
      {"above the x32 bit", "SCMP_ARCH_X86_64", AUDIT_ARCH_X86_64, 0x80000000, true},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const ResolvedProfile flat = resolved(fmt::format(
        R"({{"defaultAction": "SCMP_ACT_LOG", "architectures": ["{}"]}})", c.architectures));
    seccomp_data call{};
    call.arch = c.arch;
    call.nr = static_cast<int>(c.nr);
    EXPECT_EQ(evaluate(flat, call).value,
              c.is_foreign ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_LOG);
  }
}

TEST(ActionValue, CarriesErrnoAndMessage) {
  struct Case {
    Action action;
    std::optional<std::uint32_t> errno_ret;
    std::uint32_t value;
    const char* label;
  };
  const Case kCases[] = {
      {Action::kErrno, {}, SECCOMP_RET_ERRNO | 1, "errno EPERM"},
      {Action::kErrno, 0, SECCOMP_RET_ERRNO, "errno 0"},
      {Action::kErrno, 38, SECCOMP_RET_ERRNO | 38, "errno ENOSYS"},
      {Action::kErrno, 5000, SECCOMP_RET_ERRNO | 4095, "errno 4095"},
      {Action::kTrace, 513, SECCOMP_RET_TRACE | 513, "trace 513"},
      {Action::kTrace, {}, SECCOMP_RET_TRACE | 1, "trace 1"},
      {Action::kKill, {}, SECCOMP_RET_KILL_THREAD, "kill thread"},
      {Action::kKillThread, {}, SECCOMP_RET_KILL_THREAD, "kill thread"},
      {Action::kKillProcess, {}, SECCOMP_RET_KILL_PROCESS, "kill process"},
      {Action::kTrap, {}, SECCOMP_RET_TRAP, "trap"},
      {Action::kNotify, {}, 0x7fc00000, "notify"},
      {Action::kLog, {}, SECCOMP_RET_LOG, "log"},
      {Action::kAllow, {}, SECCOMP_RET_ALLOW, "allow"},
  };
  for (const Case& c : kCases) {
    const ActionValue value = action_value(c.action, c.errno_ret);
    EXPECT_EQ(value.value, c.value) << c.label;
    EXPECT_EQ(action_label(value), c.label);
  }
}

}  // namespace
}  // namespace sysnare
