#include "profile/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "arch/syscalls.h"
#include "profile/condition_sets.h"
#include "profile/resolve.h"
#include "profile/yaml.h"

namespace sysnare {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<Imported> read(std::string_view text, std::string_view format) {
  return import_profile(text, "in", format, Abi::kX86_64);
}

ActionValue answer(const Profile& profile, std::string_view name, std::uint64_t arg0 = 0,
                   Abi abi = Abi::kX86_64) {
  ResolveOptions options;
  options.arch = Abi::kX86_64;
  Result<ResolvedProfile> resolved = resolve(profile, options);
  EXPECT_TRUE(resolved) << (resolved ? "" : resolved.error().message);
  if (!resolved) return {};
  seccomp_data data{};
  data.arch = audit_arch(abi);
  data.nr = static_cast<int>(syscall_nr(abi, name).value_or(0));
  data.args[0] = arg0;
  return evaluate(*resolved, data);
}

TEST(ImportSystemd, AssignmentsAreAppliedAsSystemdDoes) {
  struct Case {
    const char* why;
    const char* text;
    const char* call;
    const char* answer;
  };
  constexpr Case kCases[] = {
      {"an allow-list holds @default", "SystemCallFilter=read", "getpid", "allow"},
      {"all else kills the process", "SystemCallFilter=read", "mkdir", "kill process"},
      {"or answers the errno", "SystemCallFilter=read\nSystemCallErrorNumber=EPERM", "mkdir",
       "errno EPERM"},
      {"the errno's place does not matter", "SystemCallErrorNumber=38\nSystemCallFilter=read",
       "mkdir", "errno ENOSYS"},
      {"the first assignment decides: here an allow-list",
       "SystemCallFilter=read\nSystemCallFilter=~getpid", "getpid", "kill process"},
      {"and here a deny-list, in which a plain word takes a call out",
       "SystemCallFilter=~read write\nSystemCallFilter=read", "read", "allow"},
      {"a deny-list refuses with the errno",
       "SystemCallFilter=~read write\nSystemCallErrorNumber=EACCES", "write", "errno EACCES"},
      {"an errno of its own", "SystemCallFilter=~read:ENOENT write", "read", "errno ENOENT"},
      {"kill in a deny-list with an errno",
       "SystemCallErrorNumber=EPERM\nSystemCallFilter=~read:kill", "read", "kill process"},
      {"an answer in an allow-list", "SystemCallFilter=read\nSystemCallFilter=~clone3:ENOSYS",
       "clone3", "errno ENOSYS"},
      {"a group", "SystemCallFilter=@chown", "fchownat", "allow"},
      {"the group of all", "SystemCallFilter=@known\nSystemCallFilter=~mount", "ptrace", "allow"},
      {"and what it does not hold", "SystemCallFilter=~@known", "statmount", "allow"},
      {"sections that have processes", "[Unit]\nDescription=d\n[Socket]\nSystemCallFilter=read",
       "mkdir", "kill process"},
      {"a group in a group", "SystemCallFilter=@system-service", "fchownat", "allow"},
      {"a group with an answer", "SystemCallFilter=~@chown:EROFS", "lchown", "errno EROFS"},
      {"an empty assignment begins anew",
       "SystemCallFilter=read\nSystemCallFilter=\n"
       "SystemCallFilter=~mkdir",
       "chdir", "allow"},
      {"continued lines, with a comment between", "SystemCallFilter=read \\\n# no\n  write",
       "write", "allow"},
      {"only architectures", "SystemCallArchitectures=native", "mkdir", "allow"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    Result<Imported> done = read(std::string("[Service]\n") + c.text + "\n", "systemd");
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(action_label(answer(done->profile, c.call)), c.answer);
  }
}

TEST(ImportSystemd, ArchitecturesAreAllOfTheMachineUnlessListed) {
  Result<Imported> all = read("SystemCallFilter=read\n", "systemd");
  ASSERT_TRUE(all);
  EXPECT_THAT(all->profile.architectures,
              ElementsAre("SCMP_ARCH_X86_64", "SCMP_ARCH_X32", "SCMP_ARCH_X86"));
  Result<Imported> some =
      read("SystemCallFilter=read\nSystemCallArchitectures=x86 native\n", "systemd");
  ASSERT_TRUE(some);
  EXPECT_THAT(some->profile.architectures, ElementsAre("SCMP_ARCH_X86_64", "SCMP_ARCH_X86"));
}

TEST(ImportSystemd, OtherFiltersOfTheUnitAreLosses) {
  Result<Imported> done = read(
      "[Service]\nExecStart=/bin/true\nRestrictNamespaces=yes\nLockPersonality=no\n"
      "SystemCallFilter=read\n",
      "systemd");
  ASSERT_TRUE(done);
  EXPECT_THAT(done->losses, ElementsAre("in:3: RestrictNamespaces= loads a filter of its own, "
                                        "which a profile does not hold"));
}

TEST(ImportMinijail, FiltersMeanWhatTheCompilerMakesOfThem) {
  struct Case {
    const char* why;
    const char* text;
    const char* call;
    std::uint64_t arg0;
    const char* answer;
  };
  constexpr Case kCases[] = {
      {"1 allows", "read: 1", "read", 0, "allow"},
      {"all else kills", "read: 1", "write", 0, "kill process"},
      {"a default", "@default trap\nread: allow", "write", 0, "trap"},
      {"an errno by name", "read: 1\nmkdir: return ENOSYS", "mkdir", 0, "errno ENOSYS"},
      {"several calls", "{read, write}: 1", "write", 0, "allow"},
      {"a condition that holds", "read: arg0 == 3 || arg0 == 5", "read", 5, "allow"},
      {"one that does not", "read: arg0 == 3 || arg0 == 5", "read", 4, "kill process"},
      {"& is any of the bits", "read: arg0 & 0x6", "read", 4, "allow"},
      {"& is none of the bits", "read: arg0 & 0x6", "read", 9, "kill process"},
      {"in is no bit beyond", "read: arg0 in 0x6", "read", 4, "allow"},
      {"in, with a bit beyond", "read: arg0 in 0x6", "read", 12, "kill process"},
      {"octal, as strtol reads it", "read: arg0 == 017", "read", 15, "allow"},
      {"a complement", "read: arg0 in ~(0x1|0x2)", "read", 4, "allow"},
      {"comparisons are unsigned", "read: arg0 > 0x7fffffffffffffff", "read", 0xffffffffffffffff,
       "allow"},
      {"braces are tried in order: the milder first",
       "read: { arg0 == 1; allow, arg0 < 5; return 13, kill-thread }", "read", 1, "allow"},
      {"then the next", "read: { arg0 == 1; allow, arg0 < 5; return 13, kill-thread }", "read", 2,
       "errno EACCES"},
      {"then the last", "read: { arg0 == 1; allow, arg0 < 5; return 13, kill-thread }", "read", 5,
       "kill thread"},
      {"a mask before a stricter rule", "read: { arg0 & 0x6; log, return 1 }", "read", 8,
       "errno EPERM"},
      {"and where the mask holds", "read: { arg0 & 0x6; log, return 1 }", "read", 2, "log"},
      {"lines of one call are one list", "read: arg0 == 1\nread: return 2", "read", 3,
       "errno ENOENT"},
      {"a deny-list says so", "# --denylist\nmkdir: return 1", "read", 0, "allow"},
      {"in which EXPR; return refuses", "# --denylist\nread: arg0 == 1; return 1", "read", 1,
       "errno EPERM"},
      {"a continued line", "read: arg0 == 1 || \\\n  arg0 == 2", "read", 2, "allow"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    Result<Imported> done = read(c.text, "minijail");
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(action_label(answer(done->profile, c.call, c.arg0)), c.answer);
  }
}

TEST(ImportK8s, OldAndNewObjectsAreRead) {
  constexpr const char* kHead =
      "apiVersion: security-profiles-operator.x-k8s.io/v1beta1\nkind: SeccompProfile\n"
      "metadata: {name: web, annotations: {a: 'b'}}\nspec:\n  defaultAction: SCMP_ACT_ERRNO\n";
  Result<Imported> done =
      read(std::string(kHead) +
               "  baseProfileName: runc-v1.1\n  syscalls:\n"
               "  - {action: SCMP_ACT_ERRNO, errnoRet: \"38\", names: [clone3]}\n"
               "  - {action: SCMP_ACT_ALLOW, names: [read],\n"
               "     args: [{index: 0, op: SCMP_CMP_EQ}]}\n",
           "k8s");
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(action_label(answer(done->profile, "clone3")), "errno ENOSYS");
  EXPECT_EQ(action_label(answer(done->profile, "read", 0)), "allow");
  EXPECT_EQ(action_label(answer(done->profile, "read", 1)), "errno EPERM");
  EXPECT_THAT(done->losses, ElementsAre("in:6: spec.baseProfileName: the operator adds the profile "
                                        "\"runc-v1.1\", which is not read"));
}

TEST(Import, BadInputIsOneSentenceWithItsLine) {
  std::string deep = "spec: ";
  for (int i = 0; i < 100000; ++i) deep += "[";
  std::string bombs = "a: &a [x, x]\n";
  std::string parens = "read: arg0 == ";
  for (int i = 0; i < 100000; ++i) parens += "(";
  std::string tildes = "read: arg0 == ";
  for (int i = 0; i < 100000; ++i) tildes += "~";
  std::string many = "read: arg0 & 0xffffffffffffffff";
  for (int i = 0; i < 20; ++i) many += " && arg1 & 0xffffffffffffffff";
  std::string groups = "SystemCallFilter=";
  for (int i = 0; i < 5000; ++i) groups += "@known-not @chown ";
  std::string keys = "{";
  for (int i = 0; i < 40000; ++i) keys += "? ";
  struct Case {
    const char* why;
    const char* format;
    std::string text;
    const char* says;
  };
  const Case kCases[] = {
      {"nothing of seccomp", "systemd", "[Service]\nExecStart=/bin/true\n",
       "in: no SystemCallFilter= or SystemCallArchitectures= in it"},
      {"an unknown group", "systemd", "[Service]\nSystemCallFilter=@nope\n",
       "in:2: SystemCallFilter=: systemd 252 has no group \"@nope\""},
      {"another section", "systemd", "[Unit]\nSystemCallFilter=read",
       "in:2: SystemCallFilter=: systemd ignores it in [Unit]; it belongs into [Service]"},
      {"an unknown errno", "systemd", "SystemCallFilter=~read:EFOO", "in:1: SystemCallFilter=: "},
      {"an errno out of range", "systemd", "SystemCallFilter=~read:4096", "\"4096\" is no errno"},
      {"an errno that systemd would ignore", "systemd", "SystemCallFilter=read:EPERM",
       "an allowed call takes no errno"},
      {"errno 0 for all", "systemd", "SystemCallErrorNumber=0", "\"0\" is no errno"},
      {"an unknown architecture", "systemd", "SystemCallArchitectures=vax",
       "no call table for \"vax\""},
      {"many groups", "systemd", groups, "no group \"@known-not\""},
      {"a huge unit", "systemd", std::string(2u << 20, 'x'), "at most 1048576 are read"},
      {"no colon", "minijail", "read 1", "in:1: \":\" is missing before \"1\""},
      {"an unknown action", "minijail", "read: maybe", "in:1: unknown action \"maybe\""},
      {"what two readers read differently", "minijail", "a: 1\nread: arg0 == 1; return 1",
       "in:2: \"EXPR; ACTION\" means one thing"},
      {"a named constant", "minijail", "open: arg1 in O_RDONLY", "\"O_RDONLY\" is no number"},
      {"an include", "minijail", "@include ./x", "in:1: \"@include\" is not read"},
      {"argument 6", "minijail", "read: arg6 == 1", "\"arg6\" is no argument"},
      {"too much", "minijail", "read: 1 2", "\"2\" is too much"},
      {"an open brace", "minijail", "read: { arg0 == 1; 1",
       "\"}\" is missing at the end of the line"},
      {"behind one that always holds", "minijail", "read: { 1, return 1 }",
       "a filter behind one that always holds"},
      {"said twice", "minijail", "read: 1\nread: 1", "line 1 already says"},
      {"nothing is allowed", "minijail", "mkdir: return 1", "no line allows a call"},
      {"a control byte", "minijail", "read: \x1b[31m", "\\x1b"},
      {"deep parentheses", "minijail", parens, "nested deeper than 16 levels"},
      {"many complements", "minijail", tildes, "is no number"},
      {"conditions that multiply", "minijail", many, "more than 1024 combinations"},
      {"not YAML", "k8s", "a: [", "in:"},
      {"another object", "k8s", "kind: Pod\napiVersion: v1\n", "kind \"Pod\""},
      {"no spec", "k8s",
       "kind: SeccompProfile\napiVersion: security-profiles-operator.x-k8s.io/v1beta1\n",
       "no spec"},
      {"an alias", "k8s", bombs + "b: [*a, *a]\n", "in:1: an anchor (&name)"},
      {"a tag", "k8s", "a: !!python/object x\n", "in:1: a tag"},
      {"deep nesting", "k8s", deep, "nested deeper than 64 levels"},
      {"deep keys", "k8s", keys, "in:1: "},
      {"a key twice", "k8s", "a: 1\na: 2\n", "in:2: key \"a\" stands twice"},
      {"two documents", "k8s", "a: 1\n---\nb: 2\n", "a second document"},
      {"an empty file", "k8s", "", "no YAML document in it"},
      {"a huge file", "k8s", std::string(3u << 20, 'x'), "at most 2097152 are read"},
      {"bytes that are no text", "k8s", std::string("\x00\xff\xfe", 3), "not YAML"},
      {"an entry that is none", "k8s",
       "kind: SeccompProfile\napiVersion: security-profiles-operator.x-k8s.io/v1beta1\n"
       "spec:\n  defaultAction: SCMP_ACT_ERRNO\n  syscalls: [7]\n",
       "in:5: syscalls[0]: "},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    Result<Imported> done = read(c.text, c.format);
    ASSERT_FALSE(done);
    EXPECT_THAT(done.error().message, HasSubstr(c.says));
    EXPECT_EQ(done.error().message.find('\n'), std::string::npos);
    EXPECT_LT(done.error().message.size(), 1000u);
  }
}

TEST(Import, ContentIsRecognised) {
  struct Case {
    const char* text;
    const char* format;
  };
  constexpr Case kCases[] = {
      {"  {\"defaultAction\": \"SCMP_ACT_ALLOW\"}", "oci"},
      {"# a unit\n[Unit]\nDescription=x\n", "systemd"},
      {"SystemCallFilter=read\n", "systemd"},
      {"apiVersion: v1\nkind: Pod\n", "k8s"},
      {"# policy\nread: 1\n", "minijail"},
      {"{read, write}: 1\n", "minijail"},
      {"@default trap\n", "minijail"},
      {"[Service]\nSystemCallFilter=read\n", "systemd"},
      {"[[[[[[[[", "oci"},
      {"[]", "oci"},
      {" [\n{\"defaultAction\": 1}]", "oci"},
      {"[1]", "oci"},
      {"{{{{", "oci"},
      {"", ""},
      {"hello", ""},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.text);
    EXPECT_EQ(recognised_format(c.text), c.format);
  }
}

TEST(Yaml, TextsThatReadAsSomethingElseAreQuoted) {
  json::Value value;
  json::Array texts;
  for (const char* text :
       {"plain", "no", "1", "0x1f", "", " a", "a: b", "-", "~", "1.5", "\x1b[31m"}) {
    json::Value one;
    one.data = std::string(text);
    texts.push_back(one);
  }
  value.data = texts;
  Result<std::string> written = write_yaml(value);
  ASSERT_TRUE(written);
  Result<json::Value> again = parse_yaml(*written, "again");
  ASSERT_TRUE(again) << again.error().message << *written;
  const auto& back = std::get<json::Array>(again->data);
  ASSERT_EQ(back.size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    ASSERT_TRUE(std::holds_alternative<std::string>(back[i].data)) << *written;
    EXPECT_EQ(std::get<std::string>(back[i].data), std::get<std::string>(texts[i].data));
  }
}

TEST(ConditionSets, NegationHoldsWhereTheConditionDoesNot) {
  const std::uint64_t values[] = {0, 1, 2, 3, 4, 7, 8, 0xffffffff, 0x100000000, UINT64_MAX};
  const auto any = [](const Alternatives& alternatives, std::uint64_t value) {
    for (const Conjunction& each : alternatives) {
      bool all = true;
      for (const ArgCondition& condition : each) all = all && holds(condition, value, 64);
      if (all) return true;
    }
    return false;
  };
  for (unsigned op = 0; op < 7; ++op) {
    for (const std::uint64_t value : values) {
      for (const std::uint64_t two : values) {
        const ArgCondition condition{
            .index = 0, .value = value, .value_two = two, .op = static_cast<Op>(op)};
        for (const std::uint64_t argument : values) {
          ASSERT_NE(any(negated(condition), argument), holds(condition, argument, 64))
              << op_name(condition.op) << " " << value << " " << two << " of " << argument;
        }
      }
    }
  }
}

}  // namespace
}  // namespace sysnare
