#include "tripwire/judge.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "arch/syscalls.h"

namespace sysnare {
namespace {

using Answer = Judgement::Answer;

constexpr ActionValue kAllow{SECCOMP_RET_ALLOW};
constexpr ActionValue kLog{SECCOMP_RET_LOG};
constexpr ActionValue kTrap{SECCOMP_RET_TRAP};
constexpr ActionValue kTrace{SECCOMP_RET_TRACE | 7};
constexpr ActionValue kKillProcess{SECCOMP_RET_KILL_PROCESS};
constexpr ActionValue kNotify{SECCOMP_RET_USER_NOTIF};
constexpr ActionValue error(int number) {
  return ActionValue{SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(number)};
}

Call named(const char* name, Abi abi = Abi::kX86_64) { return {abi, *syscall_nr(abi, name)}; }

seccomp_data data_of(Call call, std::uint64_t arg0 = 0) {
  seccomp_data data{};
  data.nr = static_cast<int>(call.nr);
  data.arch = audit_arch(call.abi);
  data.args[0] = arg0;
  return data;
}

struct Rule {
  const char* name;
  ActionValue action;
  std::vector<ArgCondition> conditions = {};
};

ResolvedProfile profile_of(ActionValue default_action, const std::vector<Rule>& rules) {
  ResolvedProfile profile;
  profile.default_action = default_action;
  profile.foreign_abi = kKillProcess;
  profile.abis = {Abi::kX86_64};
  for (const Rule& rule : rules) {
    ResolvedRule resolved;
    resolved.conditions = rule.conditions;
    resolved.action = rule.action;
    profile.rules[named(rule.name)].push_back(resolved);
  }
  return profile;
}

const ArgCondition kFirstIsOne{0, 1, 0, Op::kEq};
const ArgCondition kFirstIsTwo{0, 2, 0, Op::kEq};

WatchPolicy enforcing() {
  WatchPolicy policy;
  policy.enforce = true;
  return policy;
}

WatchPolicy on(Grade grade, Response response) {
  WatchPolicy policy;
  policy.on[grade] = response;
  return policy;
}

TEST(Judge, DecidesByRuleGradeAndPolicy) {
  const ResolvedProfile tight = profile_of(error(EPERM), {{"read", kAllow},
                                                          {"write", kAllow, {kFirstIsOne}},
                                                          {"chdir", error(EACCES)},
                                                          {"clone3", error(ENOSYS)},
                                                          {"ptrace", kTrace},
                                                          {"bpf", kNotify},
                                                          {"sync", kLog},
                                                          {"execve", kAllow}});
  const ResolvedProfile open =
      profile_of(kAllow, {{"mkdir", error(EPERM)}, {"sync", kLog}, {"kexec_load", kKillProcess}});
  const struct {
    const char* why;
    const ResolvedProfile& profile;
    WatchPolicy policy;
    seccomp_data data;
    Judgement expected;
  } cases[] = {
      {"an allowed call",
       tight,
       {},
       data_of(named("read")),
       {false, Grade::kUnknown, Answer::kContinue, 0}},
      {"a default-action call goes on with an alert",
       tight,
       {},
       data_of(named("mkdir")),
       {true, Grade::kUnknown, Answer::kContinue, 0}},
      {"--enforce gives it the default action",
       tight,
       enforcing(),
       data_of(named("mkdir")),
       {true, Grade::kUnknown, Answer::kErrno, EPERM}},
      {"the allowed argument",
       tight,
       {},
       data_of(named("write"), 1),
       {false, Grade::kUnknown, Answer::kContinue, 0}},
      {"another argument",
       tight,
       {},
       data_of(named("write"), 2),
       {true, Grade::kArgument, Answer::kContinue, 0}},
      {"another argument under --enforce",
       tight,
       enforcing(),
       data_of(named("write"), 2),
       {true, Grade::kArgument, Answer::kErrno, EPERM}},
      {"an explicit errno stays, with an alert",
       tight,
       {},
       data_of(named("chdir")),
       {true, Grade::kDenied, Answer::kErrno, EACCES}},
      {"alert on denied does not open what a rule closes",
       tight,
       on(Grade::kDenied, Response::kAlert),
       data_of(named("chdir")),
       {true, Grade::kDenied, Answer::kErrno, EACCES}},
      {"an explicit ENOSYS stays, silently",
       tight,
       on(Grade::kDenied, Response::kKill),
       data_of(named("clone3")),
       {false, Grade::kDenied, Answer::kErrno, ENOSYS}},
      {"an explicit TRACE has no tracer",
       tight,
       {},
       data_of(named("ptrace")),
       {true, Grade::kDenied, Answer::kErrno, ENOSYS}},
      {"an explicit NOTIFY is ours to decide",
       tight,
       {},
       data_of(named("bpf")),
       {true, Grade::kUnknown, Answer::kContinue, 0}},
      {"an explicit NOTIFY, enforced, has no other supervisor",
       tight,
       enforcing(),
       data_of(named("bpf")),
       {true, Grade::kUnknown, Answer::kErrno, ENOSYS}},
      {"an explicit LOG beside ERRNO is allowed",
       tight,
       {},
       data_of(named("sync")),
       {false, Grade::kUnknown, Answer::kContinue, 0}},
      {"kill by grade",
       tight,
       on(Grade::kUnknown, Response::kKill),
       data_of(named("mkdir")),
       {true, Grade::kUnknown, Answer::kKill, 0}},
      {"another grade is left alone",
       tight,
       on(Grade::kDenied, Response::kKill),
       data_of(named("mkdir")),
       {true, Grade::kUnknown, Answer::kContinue, 0}},
      {"errno by grade takes the default's",
       tight,
       on(Grade::kUnknown, Response::kErrno),
       data_of(named("mkdir")),
       {true, Grade::kUnknown, Answer::kErrno, EPERM}},
      {"errno by grade keeps the rule's own",
       tight,
       on(Grade::kDenied, Response::kErrno),
       data_of(named("chdir")),
       {true, Grade::kDenied, Answer::kErrno, EACCES}},
      {"an unlisted ABI goes on with an alert",
       tight,
       {},
       data_of(named("read", Abi::kI386)),
       {true, Grade::kUnknown, Answer::kContinue, 0}},
      {"an unlisted ABI, enforced, gets what it would get",
       tight,
       enforcing(),
       data_of(named("read", Abi::kI386)),
       {true, Grade::kUnknown, Answer::kKill, 0}},
      {"x32 is an ABI of its own",
       tight,
       {},
       data_of({Abi::kX32, kX32Bit}),
       {true, Grade::kUnknown, Answer::kContinue, 0}},
      {"default ALLOW: what is not listed",
       open,
       {},
       data_of(named("chdir")),
       {false, Grade::kUnknown, Answer::kContinue, 0}},
      {"default ALLOW: an errno entry is the wire, and stays",
       open,
       {},
       data_of(named("mkdir")),
       {true, Grade::kDenied, Answer::kErrno, EPERM}},
      {"default ALLOW: a LOG entry is the wire, and goes on",
       open,
       enforcing(),
       data_of(named("sync")),
       {true, Grade::kUnknown, Answer::kContinue, 0}},
      {"default ALLOW: a KILL entry",
       open,
       {},
       data_of(named("kexec_load")),
       {true, Grade::kDenied, Answer::kKill, 0}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.why);
    const Judgement got = Judge(c.profile, c.policy).judge(c.data, false);
    EXPECT_EQ(got.alert, c.expected.alert);
    EXPECT_EQ(got.answer, c.expected.answer);
    EXPECT_EQ(got.error, c.expected.error);
    if (c.expected.alert) {
      EXPECT_EQ(got.grade, c.expected.grade);
    }
  }
}

TEST(Judge, EnforcesEveryDefaultAction) {
  const struct {
    const char* why;
    ActionValue action;
    Answer answer;
    int errno_value;
  } cases[] = {
      {"errno", error(EACCES), Answer::kErrno, EACCES},
      {"errno 0: skipped, returns 0", error(0), Answer::kErrno, 0},
      {"log lets it pass", kLog, Answer::kContinue, 0},
      {"kill", kKillProcess, Answer::kKill, 0},
      {"kill thread takes the process", {SECCOMP_RET_KILL_THREAD}, Answer::kKill, 0},
      {"trap", kTrap, Answer::kKill, 0},
      {"trace without a tracer", kTrace, Answer::kErrno, ENOSYS},
      {"notify without another supervisor", kNotify, Answer::kErrno, ENOSYS},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.why);
    const Judge judge(profile_of(c.action, {}), enforcing());
    const Judgement got = judge.judge(data_of(named("mkdir")), false);
    EXPECT_TRUE(got.alert);
    EXPECT_EQ(got.answer, c.answer);
    EXPECT_EQ(got.error, c.errno_value);
    EXPECT_EQ(Judge(profile_of(c.action, {}), {}).judge(data_of(named("mkdir")), false).answer,
              Answer::kContinue)
        << "without --enforce";
  }
}

TEST(Judge, NoExecPassesUnseen) {
  const struct {
    const char* why;
    ResolvedProfile profile;
    WatchPolicy policy;
    bool known;
    Judgement expected;
    bool allowed_by_name_passes;
  } cases[] = {
      {"allowed for the launcher, unknown of the program",
       profile_of(error(1), {{"execve", kAllow}}),
       {},
       false,
       {true, Grade::kUnknown, Answer::kContinue, 0},
       true},
      {"the same under --enforce",
       profile_of(error(1), {{"execve", kAllow}}),
       enforcing(),
       false,
       {true, Grade::kUnknown, Answer::kErrno, 1},
       true},
      {"known of the program",
       profile_of(error(1), {{"execve", kAllow}}),
       enforcing(),
       true,
       {false, Grade::kUnknown, Answer::kContinue, 0},
       true},
      {"known, but the profile does not have it",
       profile_of(error(1), {}),
       {},
       true,
       {true, Grade::kUnknown, Answer::kContinue, 0},
       true},
      {"forbidden by a rule",
       profile_of(kAllow, {{"execve", error(EACCES)}}),
       {},
       true,
       {true, Grade::kDenied, Answer::kErrno, EACCES},
       false},
      {"default ALLOW opens no exec",
       profile_of(kAllow, {}),
       {},
       false,
       {true, Grade::kUnknown, Answer::kContinue, 0},
       true},
      {"default ALLOW, known",
       profile_of(kAllow, {}),
       {},
       true,
       {false, Grade::kUnknown, Answer::kContinue, 0},
       true},
      {"kill",
       profile_of(error(1), {{"execve", kAllow}}),
       on(Grade::kUnknown, Response::kKill),
       false,
       {true, Grade::kUnknown, Answer::kKill, 0},
       true},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.why);
    const Judge judge(c.profile, c.policy);
    const seccomp_data data = data_of(named("execve"));
    EXPECT_EQ(judge.judge(data, c.known), c.expected);
    EXPECT_EQ(judge.judge_allowed_exec(data).alert, !c.allowed_by_name_passes);
  }
}

TEST(WatchProfile, HandsOverWhatTheSupervisorMustSee) {
  const struct {
    const char* why;
    ResolvedProfile profile;
    WatchPolicy policy;
    seccomp_data data;
    ActionValue expected;
  } cases[] = {
      {"allowed calls cost nothing",
       profile_of(error(1), {{"read", kAllow}}),
       {},
       data_of(named("read")),
       kAllow},
      {"the default", profile_of(error(1), {}), {}, data_of(named("read")), kNotify},
      {"a default of ALLOW", profile_of(kAllow, {}), {}, data_of(named("read")), kAllow},
      {"an explicit errno",
       profile_of(kAllow, {{"read", error(1)}}),
       {},
       data_of(named("read")),
       kNotify},
      {"ENOSYS",
       profile_of(error(1), {{"clone3", error(ENOSYS)}}),
       {},
       data_of(named("clone3")),
       error(ENOSYS)},
      {"KILL keeps its action",
       profile_of(error(1), {{"bpf", kKillProcess}}),
       {},
       data_of(named("bpf")),
       kKillProcess},
      {"TRAP keeps its handler",
       profile_of(error(1), {{"bpf", kTrap}}),
       {},
       data_of(named("bpf")),
       kTrap},
      {"TRAP, where denied calls kill", profile_of(error(1), {{"bpf", kTrap}}),
       on(Grade::kDenied, Response::kKill), data_of(named("bpf")), kNotify},
      {"LOG", profile_of(error(1), {{"bpf", kLog}}), {}, data_of(named("bpf")), kLog},
      {"LOG as the wire", profile_of(kAllow, {{"bpf", kLog}}), {}, data_of(named("bpf")), kNotify},
      {"exec, allowed",
       profile_of(error(1), {{"execve", kAllow}}),
       {},
       data_of(named("execve")),
       kNotify},
      {"exec, default ALLOW", profile_of(kAllow, {}), {}, data_of(named("execveat")), kNotify},
      {"exec, refused with ENOSYS",
       profile_of(error(1), {{"execveat", error(ENOSYS)}}),
       {},
       data_of(named("execveat")),
       kNotify},
      {"an unlisted ABI", profile_of(kAllow, {}), {}, data_of(named("read", Abi::kI386)), kNotify},
      {"kill and ENOSYS on one call: the judge joins them",
       profile_of(error(1), {{"write", kKillProcess, {kFirstIsOne}}, {"write", error(ENOSYS)}}),
       {},
       data_of(named("write"), 1),
       kNotify},
      {"the other one of them too",
       profile_of(error(1), {{"write", kKillProcess, {kFirstIsOne}}, {"write", error(ENOSYS)}}),
       {},
       data_of(named("write"), 2),
       kNotify},
      {"allowed beside refused",
       profile_of(error(1),
                  {{"write", kAllow, {kFirstIsOne}}, {"write", error(EACCES), {kFirstIsTwo}}}),
       {},
       data_of(named("write"), 1),
       kAllow},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(evaluate(watch_profile(c.profile, c.policy), c.data), c.expected);
  }
}

constexpr pid_t kSupervisor = 4242;

/// prlimit64 of `process`, with a new limit unless `limit` is 0.
seccomp_data limiting(pid_t process, std::uint64_t limit, Abi abi = Abi::kX86_64) {
  seccomp_data data = data_of(named("prlimit64", abi), static_cast<std::uint32_t>(process));
  data.args[2] = limit;
  return data;
}

WatchPolicy guarding(WatchPolicy policy = {}) {
  policy.supervisor = kSupervisor;
  return policy;
}

TEST(Judge, LetsNobodyLimitTheSupervisor) {
  const ResolvedProfile tight = profile_of(error(EPERM), {{"prlimit64", kAllow}});
  const ResolvedProfile open = profile_of(kAllow, {});
  const ResolvedProfile closed = profile_of(kKillProcess, {});
  const Judgement refused{true, Grade::kDenied, Answer::kErrno, EPERM};
  const Judgement goes_on{false, Grade::kUnknown, Answer::kContinue, 0};
  seccomp_data wide = limiting(kSupervisor, 0x1000);
  wide.args[0] |= 0xffffffff00000000;
  const struct {
    const char* why;
    const ResolvedProfile& profile;
    WatchPolicy policy;
    seccomp_data data;
    Judgement expected;
  } cases[] = {
      {"allowed by the profile", tight, guarding(), limiting(kSupervisor, 0x1000), refused},
      {"default ALLOW", open, guarding(), limiting(kSupervisor, 0x1000), refused},
      {"outside the profile, which alone would be let go on", closed, guarding(),
       limiting(kSupervisor, 0x1000), refused},
      {"an ABI that is not listed", open, guarding(), limiting(kSupervisor, 0x1000, Abi::kI386),
       refused},
      {"the kernel reads 32 bits of the number", tight, guarding(), wide, refused},
      {"killed, where denied calls kill",
       tight,
       guarding(on(Grade::kDenied, Response::kKill)),
       limiting(kSupervisor, 0x1000),
       {true, Grade::kDenied, Answer::kKill, 0}},
      {"no --on opens it", tight, guarding(on(Grade::kDenied, Response::kAlert)),
       limiting(kSupervisor, 0x1000), refused},
      {"a default that kills is enforced",
       closed,
       guarding(enforcing()),
       limiting(kSupervisor, 0x1000),
       {true, Grade::kUnknown, Answer::kKill, 0}},
      {"only asked for", tight, guarding(), limiting(kSupervisor, 0), goes_on},
      {"its own", tight, guarding(), limiting(0, 0x1000), goes_on},
      {"another process's", tight, guarding(), limiting(kSupervisor + 1, 0x1000), goes_on},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(Judge(c.profile, c.policy).judge(c.data, false), c.expected);
    const ActionValue loaded = evaluate(watch_profile(c.profile, c.policy), c.data);
    const bool held = loaded == kNotify;
    EXPECT_EQ(held, c.expected.alert) << "what is not judged does not leave the kernel";
  }
}

}  // namespace
}  // namespace sysnare
