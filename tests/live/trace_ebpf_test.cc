// sysnare trace by the eBPF recorder, as a user sees it: what it tells that ptrace does not, and
// what is said where it cannot serve.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "harness.h"
#include "processes.h"
#include "profiles.h"
#include "terminal.h"

namespace sysnare::live {
namespace {

using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

/// Whether this user and kernel let us record by eBPF.
bool takes_ebpf() {
  return is_root() && sysnare({"trace", "--recorder", "ebpf", "--", "true"}).status == 0;
}

TEST(TraceByEbpf, AttachesWithoutATracer) {
  if (!takes_ebpf()) GTEST_SKIP() << "this user or kernel takes no eBPF programs of ours";
  Background process({"sh", "-c", "while :; do cd /; cd /no/such; done 2>/dev/null"});
  const std::string pid = std::to_string(process.pid());
  Terminal terminal({sysnare_path(), "trace", "--recorder", "ebpf", "-p", pid});
  ASSERT_TRUE(terminal.wait_for("attached to process " + pid)) << terminal.seen();
  EXPECT_FALSE(is_traced(process.pid()));
  // On a busy machine it may not have run since: it has to, to be seen at work.
  const std::uint64_t so_far = ran_ns(process.pid());
  EXPECT_TRUE(eventually([&] { return ran_ns(process.pid()) > so_far + 20'000'000; }));
  terminal.type("\x03");
  ASSERT_TRUE(terminal.wait_for(" observed, 0 lost")) << terminal.seen();
  EXPECT_THAT(terminal.seen(), HasSubstr("chdir"));
  EXPECT_THAT(state_of(process.pid()), AnyOf('R', 'S', 'D')) << "stopped or gone";
}

TEST(TraceByEbpf, CountsAloneAndSaysWhoDidWhat) {
  if (!takes_ebpf()) GTEST_SKIP() << "this user or kernel takes no eBPF programs of ours";
  TempDir dir;
  const Outcome outcome = sysnare({"trace", "--recorder", "ebpf", "--counts", "-o", dir / "e.json",
                                   "--", "sh", "-c", "cd /no/such; exec /bin/true"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("calls of sh\n    calls    errors syscall\n"));
  EXPECT_THAT(outcome.err, EndsWith(" observed, 0 lost\n"));
  const Json json = Json::parse(slurp(dir / "e.json"), nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["recorder"], "ebpf");
  for (const Json& call : json["calls"]) {
    EXPECT_EQ(call["errors"], Json::object()) << call;
    EXPECT_EQ(call["total_ns"], 0) << call;
  }
  ASSERT_EQ(json["executables"].size(), 2u) << json["executables"];
  for (const Json& each : json["executables"]) {
    const std::string path = each["program"]["path"];
    const bool is_true = path.ends_with("/true");
    EXPECT_NE(each["program"]["sha256"], "") << path;
    ASSERT_EQ(each["executed_by"].size(), 1u);
    EXPECT_EQ(each["executed_by"].begin().key() == "", !is_true) << each["executed_by"];
    const auto has = [&](const char* name) {
      return std::any_of(each["calls"].begin(), each["calls"].end(),
                         [&](const Json& call) { return call["name"] == name; });
    };
    EXPECT_EQ(has("chdir"), !is_true);
    EXPECT_EQ(has("exit_group"), is_true);
  }
}

TEST(TraceByEbpf, KeepsTheCallingInstructionsOfEachExecutable) {
  if (!takes_ebpf()) GTEST_SKIP() << "this user or kernel takes no eBPF programs of ours";
  TempDir dir;
  const Outcome outcome = sysnare({"trace", "--recorder", "ebpf", "--sites", "-o", dir / "e.json",
                                   "--", "sh", "-c", "cd /; exec /bin/true"});
  const Json json = Json::parse(slurp(dir / "e.json"), nullptr, false);
  ASSERT_TRUE(json.is_object()) << outcome.err;
  ASSERT_EQ(json["executables"].size(), 2u) << outcome.err;
  for (const Json& each : json["executables"]) {
    std::uint64_t counted = 0;
    std::uint64_t placed = 0;
    for (const Json& call : each["calls"]) {
      if (call["origin"] == "launch") continue;
      counted += call["count"].get<std::uint64_t>();
      for (const Json& site : call.value("sites", Json::array())) {
        placed += site["count"].get<std::uint64_t>();
        const std::string module = site["module"];
        const bool of_other = module.ends_with("/true") || module.ends_with("/dash");
        EXPECT_TRUE(!of_other || module == each["program"]["path"]) << module;
      }
    }
    EXPECT_GT(placed, 0u);
    EXPECT_LE(placed, counted);
    EXPECT_GE(placed + json["unresolved_sites"].get<std::uint64_t>(), counted);
  }
}

TEST(TraceByEbpf, SaysWhatItNeeds) {
  if (is_root()) GTEST_SKIP() << "root has what it needs";
  TempDir dir;
  const std::string mark = dir / "mark";
  const Outcome outcome = sysnare({"trace", "--recorder", "ebpf", "--", "touch", mark});
  EXPECT_EQ(outcome.status, 125);
  EXPECT_THAT(outcome.err, HasSubstr("needs root, or CAP_BPF and CAP_PERFMON"));
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  EXPECT_NE(::access(mark.c_str(), F_OK), 0) << "nothing is started";
  EXPECT_EQ(sysnare({"trace", "--", "touch", mark}).status, 0) << "by itself it takes ptrace";
  EXPECT_EQ(::access(mark.c_str(), F_OK), 0);
}

/// The reason is not one that a user finds by himself, so it must be told; once.
TEST(TraceByEbpf, SaysWhyPtraceServesInItsPlace) {
  if (!takes_ebpf()) GTEST_SKIP() << "this user or kernel takes no eBPF programs of ours";
  TempDir dir;
  // A root whose bpf(2) is denied, as in a container of many privileges.
  const std::string profile = dir.write("p.json", all_but("\"bpf\"", "ERRNO"));
  const auto traced = [&](const Words& options) {
    Words words = {"run",          "--no-explain", "--profile", profile,       "--",
                   sysnare_path(), "trace",        "-o",        dir / "e.json"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"--", "true"});
    return sysnare(words);
  };
  const Outcome outcome = traced({"--runs", "2"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  const std::string said = "note: recorded by ptrace, which is slower: this kernel";
  const std::size_t at = outcome.err.find(said);
  ASSERT_NE(at, std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.err.find(said, at + 1), std::string::npos) << "once, not for each run";
  const Json json = Json::parse(slurp(dir / "e.json"), nullptr, false);
  EXPECT_EQ(json["recorder"], "ptrace");
  EXPECT_EQ(json["notes"].size(), 1u) << json["notes"];
  EXPECT_THAT(traced({"--recorder", "ptrace"}).err, Not(HasSubstr("note:"))) << "asked for";
}

TEST(TraceByEbpf, BlamesNoKernelForAFewFileDescriptors) {
  if (!takes_ebpf()) GTEST_SKIP() << "this user or kernel takes no eBPF programs of ours";
  struct Case {
    const char* why;
    const char* before;  ///< of a shell, which then becomes sysnare
  };
  const Case kCases[] = {
      {"hardly any", "ulimit -n 20"},
      {"enough to load the programs, not for what comes then", "ulimit -n 40"},
      {"enough, and most are taken",
       "ulimit -n 80; i=20; while [ $i -lt 70 ]; do eval \"exec $i</dev/null\"; i=$((i+1)); done"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const auto under = [&](const Words& more) {
      Words words = {"bash", "-c", std::string(c.before) + "; exec \"$0\" \"$@\"", sysnare_path(),
                     "trace"};
      words.insert(words.end(), more.begin(), more.end());
      return run(words);
    };
    const Outcome refused = under({"--recorder", "ebpf", "--", "true"});
    EXPECT_EQ(refused.status, 125);
    EXPECT_THAT(refused.err, HasSubstr("needs 64 file descriptors, and the limit is "));
    EXPECT_THAT(refused.err, Not(HasSubstr("kernel")));
    const Outcome by_ptrace = under({"--", "true"});
    EXPECT_EQ(by_ptrace.status, 0) << by_ptrace.err;
    EXPECT_THAT(by_ptrace.err, HasSubstr("note: recorded by ptrace, which is slower: the eBPF "
                                         "recorder needs 64 file descriptors"));
  }
}

TEST(TraceByEbpf, ALackOfPrivilegeIsNoNews) {
  if (is_root()) GTEST_SKIP() << "root has what it needs";
  EXPECT_THAT(sysnare({"trace", "--", "true"}).err, Not(HasSubstr("note:")));
}

}  // namespace
}  // namespace sysnare::live
