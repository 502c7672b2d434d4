// dump, disasm, diff and simulate on filters of running processes. Reading them needs
// CAP_SYS_ADMIN.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <nlohmann/json.hpp>

#include "harness.h"
#include "processes.h"

namespace sysnare::live {
namespace {

using ::testing::HasSubstr;

/// The first line of its output, when it is there: a process id.
std::string first_line(const Background& process) {
  const std::string out = process.out_so_far();
  const std::size_t end = out.find('\n');
  return end == std::string::npos ? std::string() : out.substr(0, end);
}

std::string status_field(const std::string& pid, const std::string& name) {
  const std::string text = slurp("/proc/" + pid + "/status");
  const std::size_t at = text.find("\n" + name + ":");
  if (at == std::string::npos) return {};
  const std::size_t begin = text.find_first_not_of("\t ", at + name.size() + 2);
  return text.substr(begin, text.find('\n', begin) - begin);
}

class Filters : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_filters(); !why.empty()) GTEST_SKIP() << why;
  }

  static std::vector<std::string> under(const std::string& profile,
                                        const std::vector<std::string>& command) {
    std::vector<std::string> words = {sysnare_path(), "run",   "--no-explain",
                                      "--profile",    profile, "--"};
    words.insert(words.end(), command.begin(), command.end());
    return words;
  }
};

const std::vector<std::string> kSleeper = {"sh", "-c", "echo $$; exec sleep 100000"};

TEST_F(Filters, AProcessUnderOurFilterShowsItAndGoesOn) {
  const std::string profile = source_file("tests/profiles/deny-dir.json");
  Background process(under(profile, kSleeper));
  ASSERT_TRUE(eventually([&] { return !first_line(process).empty(); })) << process.err_so_far();
  const std::string pid = first_line(process);
  TempDir folder;

  const Outcome text = sysnare({"dump", "-p", pid});
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("1 filter"));
  EXPECT_THAT(text.out, HasSubstr("#83 mkdir"));

  const std::string raw = folder / "raw.bpf";
  const Outcome bytes = sysnare({"dump", "-p", pid, "--raw", "-o", raw});
  EXPECT_EQ(bytes.status, 0) << bytes.err;
  const Outcome same = sysnare({"diff", raw, profile});
  EXPECT_EQ(same.status, 0) << same.out << same.err;

  const std::string again = folder / "again.json";
  EXPECT_EQ(sysnare({"dump", "-p", pid, "--decompile", "-o", again}).status, 0);
  EXPECT_EQ(sysnare({"diff", again, profile}).status, 0);

  const auto json = nlohmann::json::parse(sysnare({"dump", "-p", pid, "--json"}).out);
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["count"], 1);

  EXPECT_TRUE(eventually([&] { return status_field(pid, "State").starts_with("S"); }))
      << status_field(pid, "State");
  EXPECT_EQ(status_field(pid, "TracerPid"), "0");
}

TEST_F(Filters, AStoppedProcessStaysStopped) {
  Background process(under(source_file("tests/profiles/deny-dir.json"), kSleeper));
  ASSERT_TRUE(eventually([&] { return !first_line(process).empty(); })) << process.err_so_far();
  const std::string pid = first_line(process);
  ASSERT_EQ(::kill(std::stoi(pid), SIGSTOP), 0);
  ASSERT_TRUE(eventually([&] { return status_field(pid, "State").starts_with("T"); }));
  EXPECT_EQ(sysnare({"dump", "-p", pid}).status, 0);
  EXPECT_TRUE(eventually([&] { return status_field(pid, "State").starts_with("T (stopped)"); }))
      << status_field(pid, "State");
  ::kill(std::stoi(pid), SIGCONT);
  EXPECT_TRUE(eventually([&] { return status_field(pid, "State").starts_with("S"); }));
}

TEST_F(Filters, StackedFiltersAreShownInTheOrderOfLoading) {
  TempDir folder;
  const std::string inner =
      folder.write("inner.json", R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["swapon"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]})");
  Background process(under(source_file("tests/profiles/deny-dir.json"), under(inner, kSleeper)));
  ASSERT_TRUE(eventually([&] { return !first_line(process).empty(); })) << process.err_so_far();
  const std::string pid = first_line(process);
  const Outcome text = sysnare({"dump", "-p", pid});
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("2 filters; the strictest answer counts"));
  EXPECT_LT(text.out.find("mkdir"), text.out.find("filter 1, loaded last"));
  EXPECT_GT(text.out.find("swapon"), text.out.find("filter 1, loaded last"));
  const Outcome both = sysnare({"dump", "-p", pid, "--raw"});
  EXPECT_EQ(both.status, 2);
  EXPECT_THAT(both.err, HasSubstr("--index 0 to 1 picks one"));
  const Outcome second = sysnare({"dump", "-p", pid, "--index", "1", "--decompile"});
  EXPECT_EQ(second.status, 0) << second.err;
  EXPECT_THAT(second.out, HasSubstr("swapon"));
  EXPECT_EQ(sysnare({"dump", "-p", pid, "--index", "2"}).status, 2);
}

/// The steps that the kernel takes for getppid under `verb` with this profile.
int steps_of_getppid(const std::vector<std::string>& words, const TempDir& folder) {
  std::vector<std::string> all = {sysnare_path()};
  all.insert(all.end(), words.begin(), words.end());
  all.push_back("--");
  all.insert(all.end(), kSleeper.begin(), kSleeper.end());
  Background process(all);
  EXPECT_TRUE(eventually([&] { return !first_line(process).empty(); })) << process.err_so_far();
  const std::string raw = folder / "raw.bpf";
  const Outcome dumped = sysnare({"dump", "-p", first_line(process), "--raw", "-o", raw});
  EXPECT_EQ(dumped.status, 0) << dumped.err;
  const Outcome row = sysnare({"simulate", "--json", raw, "getppid"});
  EXPECT_EQ(row.status, 0) << row.err;
  const auto json = nlohmann::json::parse(row.out, nullptr, false);
  return json.is_discarded() ? 0 : json["rows"][0]["steps"].get<int>();
}

TEST_F(Filters, CallsThatEvidenceHasOftenAreReachedInFewerSteps) {
  TempDir folder;
  // Every other number has another answer, so that the numbers make a tree of some depth.
  const std::string profile = folder.write("p.json", R"({"defaultAction": "SCMP_ACT_ALLOW",
    "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
    {"names": ["getppid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7},
    {"names": ["swapon", "acct", "mount", "reboot", "sethostname", "iopl", "init_module",
               "quotactl", "lookup_dcookie", "io_submit", "mbind", "keyctl", "add_key", "vmsplice",
               "perf_event_open", "setns", "kcmp", "bpf", "userfaultfd", "move_pages", "unshare"],
     "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]})");
  const std::string evidence = folder.write("p.evidence.json", R"({"schema": 1,
    "program": {"path": "/bin/sleep", "sha256": "", "build_id": ""}, "command": ["sleep"],
    "recorder": "ptrace", "runs": 1, "last_new_run": 1, "lost": 0, "unresolved_sites": 0,
    "notes": [], "calls": [{"abi": "x86_64", "nr": 110, "name": "getppid",
      "origin": "application", "count": 1000000, "errors": {}, "total_ns": 1, "max_ns": 1,
      "runs_seen": 1, "first_run": 1}]})");
  const std::vector<std::string> run = {"run", "--no-explain", "--profile", profile};
  std::vector<std::string> run_with = run;
  run_with.insert(run_with.end(), {"--evidence", evidence});
  const std::vector<std::string> watch = {"watch", "--no-explain", "--profile",
                                          profile, "--alerts",     folder / "alerts"};
  std::vector<std::string> watch_with = watch;
  watch_with.insert(watch_with.end(), {"--evidence", evidence});
  EXPECT_LT(steps_of_getppid(run_with, folder), steps_of_getppid(run, folder));
  EXPECT_LT(steps_of_getppid(watch_with, folder), steps_of_getppid(watch, folder));

  const Outcome missing =
      sysnare({"run", "--profile", profile, "--evidence", folder / "no.json", "--", "true"});
  EXPECT_EQ(missing.status, 125);
  EXPECT_THAT(missing.err, HasSubstr("no.json"));
  const Outcome wrong = sysnare({"run", "--profile", profile, "--evidence", profile, "--", "true"});
  EXPECT_EQ(wrong.status, 125);
  EXPECT_THAT(wrong.err, HasSubstr("evidence"));
}

TEST_F(Filters, AFilterThatAnotherProgramLoaded) {
  // systemd compiles its filters with libseccomp, one for each ABI and several a setting.
  if (!have_program("bwrap")) GTEST_SKIP() << "bwrap is not installed";
  TempDir folder;
  const std::string raw = folder / "raw.bpf";
  const std::string profile = source_file("tests/profiles/deny-dir.json");
  Background process(under(profile, kSleeper));
  ASSERT_TRUE(eventually([&] { return !first_line(process).empty(); })) << process.err_so_far();
  ASSERT_EQ(sysnare({"dump", "-p", first_line(process), "--raw", "-o", raw}).status, 0);
  const Outcome inside =
      run({"sh", "-c",
           "exec 9<" + raw + "; exec bwrap --dev-bind / / --seccomp 9 sh -c 'mkdir " +
               (folder / "d") + "; echo still here'"});
  EXPECT_THAT(inside.out, HasSubstr("still here")) << inside.err;
  EXPECT_THAT(inside.err, HasSubstr("Operation not permitted"));
}

TEST_F(Filters, WhatCannotBeReadIsSaid) {
  const Outcome none = sysnare({"dump", "-p", std::to_string(::getpid())});
  EXPECT_EQ(none.status, 1);
  EXPECT_THAT(none.err, HasSubstr("runs under no filter"));
  EXPECT_EQ(sysnare({"dump", "-p", "2147483647"}).status, 3);
  // From inside a filter, and without the capability.
  const std::string self = std::to_string(::getpid());
  Background process(under(source_file("tests/profiles/deny-dir.json"), kSleeper));
  ASSERT_TRUE(eventually([&] { return !first_line(process).empty(); })) << process.err_so_far();
  const std::string pid = first_line(process);
  const Outcome inside =
      run(under(source_file("tests/profiles/deny-dir.json"), {sysnare_path(), "dump", "-p", pid}));
  EXPECT_EQ(inside.status, 3) << inside.out;
  EXPECT_THAT(inside.err, HasSubstr("this one runs under a filter"));
  if (!have_program("setpriv")) GTEST_SKIP() << "setpriv is not installed";
  const Outcome poor = run({"setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin",
                            sysnare_path(), "dump", "-p", pid});
  EXPECT_EQ(poor.status, 3) << poor.out;
  EXPECT_THAT(poor.err, HasSubstr("CAP_SYS_ADMIN"));
}

}  // namespace
}  // namespace sysnare::live
