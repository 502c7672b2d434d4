// sysnare doctor, on this machine as it is, and on machines that lack something.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "harness.h"

namespace sysnare::live {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

/// The finding `name`; of several (two Docker clients) the first whose value has `value`.
Json finding(const Json& report, const std::string& name, const std::string& value = "") {
  for (const Json& each : report["findings"]) {
    if (each["name"] == name && each["value"].get<std::string>().find(value) != std::string::npos) {
      return each;
    }
  }
  return nullptr;
}

Json report_of(const Outcome& outcome) {
  EXPECT_FALSE(outcome.timed_out);
  return Json::parse(outcome.out, nullptr, false);
}

/// A program of a folder that stands first in PATH.
void add_program(const TempDir& folder, const std::string& name, const std::string& script) {
  ::chmod(folder.write(name, "#!/bin/sh\n" + script).c_str(), 0755);
}

constexpr const char* kDockerWithDefault =
    R"(case $1 in info) echo '{"ServerVersion":"20.10.24","SecurityOptions":["name=seccomp,profile=default"]}';;
          *) echo 'Docker version 20.10.24, build 1';; esac)";

RunOptions with_path(const std::string& path) {
  RunOptions options;
  options.environment = {"PATH=" + path};
  return options;
}

TEST(Doctor, TellsWhatThisKernelSays) {
  const Outcome outcome = sysnare({"doctor", "--json"});
  const Json report = report_of(outcome);
  ASSERT_TRUE(report.is_object()) << outcome.out;
  EXPECT_EQ(report["schema"], 1);
  EXPECT_EQ(report["ok"], outcome.status == 0);
  EXPECT_EQ(report["uid"], ::geteuid());

  std::string actions = slurp("/proc/sys/kernel/seccomp/actions_avail");
  if (!actions.empty()) actions.pop_back();
  EXPECT_EQ(finding(report, "seccomp actions")["value"], actions);
  for (const Json& each : report["findings"]) {
    SCOPED_TRACE(each.dump());
    const bool ok = each["standing"] == "ok";
    EXPECT_EQ(each["cost"] == "", ok) << "each missing thing says what it costs";
    EXPECT_EQ(each["remedy"] == "", ok) << "and how to get it";
    EXPECT_NE(each["value"], "");
  }
}

/// Against what happens to programs that make such calls, or are such programs.
TEST(Doctor, TellsWhichOtherAbisRun) {
  if (run({"uname", "-m"}).out != "x86_64\n") GTEST_SKIP() << "only x86_64 has i386 and x32";
  const Json report = report_of(sysnare({"doctor", "--json"}));
  const Json i386 = finding(report, "i386 calls");
  ASSERT_TRUE(i386.is_object());
  const bool calls = run({victim("int80")}).status == 0;
  EXPECT_EQ(i386["standing"], calls ? "ok" : "missing") << i386.dump();
  if (run({victim("plain.i386")}).status == 0) {
    EXPECT_EQ(i386["standing"], "ok");
  }
  if (!calls) {
    EXPECT_THAT(i386["cost"].get<std::string>(), HasSubstr("i386 programs do not start"));
  }
  EXPECT_FALSE(i386["needed"].get<bool>());

  const Json x32 = finding(report, "x32 calls");
  ASSERT_TRUE(x32.is_object());
  errno = 0;
  const bool x32_works = ::syscall(0x40000000 | SYS_getpid) == ::getpid();
  EXPECT_EQ(x32["standing"], x32_works ? "ok" : "missing") << x32.dump();

  // Where a filter answers in the kernel's place nothing can be told of the kernel.
  TempDir dir;
  const std::string profile = dir.write("native.json",
                                        R"({"defaultAction": "SCMP_ACT_ALLOW",
          "architectures": ["SCMP_ARCH_X86_64"]})");
  const Json inside = report_of(sysnare(
      {"run", "--no-explain", "--profile", profile, "--", sysnare_path(), "doctor", "--json"}));
  EXPECT_EQ(finding(inside, "x32 calls")["standing"], "unknown") << inside.dump(1);
}

TEST(Doctor, TheTableSaysTheSameAndHasNoColourInAPipe) {
  // An engine of the machine's may answer in time to one of the two and not to the other.
  TempDir dir;
  add_program(dir, "docker", kDockerWithDefault);
  const Outcome table = sysnare({"doctor"}, with_path(dir.path()));
  const Outcome json = sysnare({"doctor", "--json"}, with_path(dir.path()));
  EXPECT_EQ(table.status, json.status);
  EXPECT_THAT(table.out, Not(HasSubstr("\x1b")));
  const Json report = report_of(json);
  for (const Json& each : report["findings"]) {
    EXPECT_THAT(table.out, HasSubstr(each["name"].get<std::string>()));
    EXPECT_THAT(table.out, HasSubstr(each["cost"].get<std::string>()));
  }
  EXPECT_EQ(table.err, "");
}

/// Under a filter that refuses seccomp(2) and ptrace (as old container profiles do) the doctor must
/// say so rather than repeat what /proc says.
TEST(Doctor, TriesRatherThanReadsFiles) {
  TempDir dir;
  const std::string profile = dir.write("no-ptrace.json",
                                        R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
          {"names": ["ptrace", "seccomp"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]})");
  const Outcome outcome =
      sysnare({"run", "--profile", profile, "--", sysnare_path(), "doctor", "--json"});
  if (outcome.err.find("unknown verb") != std::string::npos)
    GTEST_SKIP() << "no `run` in this build";
  const Json report = report_of(outcome);
  ASSERT_TRUE(report.is_object()) << outcome.out << outcome.err;
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(report["ok"], false);
  for (const char* name : {"seccomp filters", "user notification", "ptrace"}) {
    EXPECT_EQ(finding(report, name)["standing"], "missing") << name;
    EXPECT_THAT(finding(report, name)["value"].get<std::string>(),
                HasSubstr("Operation not permitted"));
  }
  EXPECT_EQ(finding(report, "no_new_privs")["standing"], "ok");
}

TEST(Doctor, FindsEnginesAndReadsTheirSecurityOptions) {
  struct Case {
    const char* why;
    const char* script;
    const char* standing;
    const char* value;
  };
  constexpr Case kCases[] = {
      {"default on, Docker 20.10", kDockerWithDefault, "ok",
       "name=seccomp,profile=default (default profile on)"},
      {"switched off in daemon.json",
       R"(case $1 in info) echo '{"ServerVersion":"28.0","SecurityOptions":["name=seccomp,profile=unconfined"]}';;
          *) echo 'Docker version 28.0, build 1';; esac)",
       "partly", "profile=unconfined"},
      {"a daemon without seccomp",
       R"(case $1 in info) echo '{"ServerVersion":"28.0","SecurityOptions":["name=cgroupns"]}';;
          *) echo 'Docker version 28.0, build 1';; esac)",
       "missing", "no seccomp in its Security Options"},
      {"no daemon",
       R"(case $1 in info) echo '{"ServerErrors":["Cannot connect to the Docker daemon"]}'; exit 1;;
          *) echo 'Docker version 28.0, build 1';; esac)",
       "missing", "no daemon: Cannot connect"},
      {"no JSON at all", "echo 'Docker version 28.0, build 1'", "missing", "no daemon"},
      {"a broken client", "echo 'no such library' >&2; exit 127", "missing", "no such library"},
      {"hostile output", R"(case $1 in info) printf '{"ServerErrors":["\\u001b[31mred"]}';;
          *) printf 'Docker version 1\033]0;x\007\n';; esac)",
       "missing", "\\x1b[31mred"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    TempDir dir;
    add_program(dir, "docker", c.script);
    const Outcome outcome = sysnare({"doctor", "--json"}, with_path(dir.path() + ":/usr/bin:/bin"));
    const Json docker = finding(report_of(outcome), "docker", dir.path());
    ASSERT_TRUE(docker.is_object()) << outcome.out;
    EXPECT_EQ(docker["standing"], c.standing);
    EXPECT_THAT(docker["value"].get<std::string>(), HasSubstr(c.value));
    EXPECT_EQ(outcome.out.find('\x1b'), std::string::npos);
  }
}

TEST(Doctor, NeverHangsOnAnEngineThatDoes) {
  TempDir dir;
  // A child that outlives its parent and keeps the pipe open is the nastier case.
  add_program(dir, "docker", "case $1 in info) sleep 600 & wait;; *) echo v1;; esac\n");
  add_program(dir, "podman", "sleep 600 >/dev/null & exec sleep 600\n");
  const auto start = std::chrono::steady_clock::now();
  const Outcome outcome = sysnare({"doctor", "--json"}, with_path(dir.path() + ":/usr/bin:/bin"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  const Json report = report_of(outcome);
  EXPECT_THAT(finding(report, "docker", dir.path())["value"].get<std::string>(),
              HasSubstr("no answer within 5 s"));
  EXPECT_THAT(finding(report, "podman", dir.path())["value"].get<std::string>(),
              HasSubstr("no answer"));
}

TEST(Doctor, SaysHowToGetWhatIsNotInstalled) {
  TempDir empty;
  const Outcome outcome = sysnare({"doctor", "--json"}, with_path(empty.path()));
  const Json report = report_of(outcome);
  for (const char* name : {"docker", "podman", "runc", "crun", "go", "cc"}) {
    const Json each = finding(report, name);
    ASSERT_TRUE(each.is_object()) << name;
    EXPECT_EQ(each["standing"], "missing");
    EXPECT_THAT(each["remedy"].get<std::string>(), HasSubstr("apt install"));
  }
  EXPECT_TRUE(finding(report, "youki").is_null()) << "nobody misses what nobody has";
}

TEST(Doctor, RefusesWordsThatAreNoOptions) {
  EXPECT_EQ(sysnare({"doctor", "--jsn"}).status, 2);
  EXPECT_EQ(sysnare({"doctor", "now"}).status, 2);
}

}  // namespace
}  // namespace sysnare::live
