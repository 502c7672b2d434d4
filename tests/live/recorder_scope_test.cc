// Whom does the eBPF recorder follow when cgroups decide, and what is a container's runtime?

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <optional>

#include "arch/syscalls.h"
#include "processes.h"
#include "recorder_contract.h"
#include "test_cgroup.h"

namespace sysnare::live {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// By hierarchy: v2, and the v1 controller that every container has.
class RecorderScope : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!is_root()) GTEST_SKIP() << "only root makes cgroups, and loads eBPF programs";
    cgroup_.emplace(GetParam());
    if (!cgroup_->there()) GTEST_SKIP() << "no cgroup hierarchy of this kind is mounted here";
  }
  [[nodiscard]] RecordOptions options() const {
    RecordOptions options;
    options.cgroups = {cgroup_->path()};
    return options;
  }
  [[nodiscard]] const TestCgroup& cgroup() const { return *cgroup_; }

 private:
  std::optional<TestCgroup> cgroup_;
};

INSTANTIATE_TEST_SUITE_P(Live, RecorderScope, ::testing::Values("", "pids"), [](const auto& row) {
  return std::string(*row.param == '\0' ? "v2" : row.param);
});

void expect_armed(const RecorderProcess& recorder) {
  ASSERT_TRUE(eventually([&] { return recorder.armed(); }));
}

void expect_whole(const Recorded& recorded) {
  EXPECT_FALSE(recorded.timed_out) << recorded.out;
  EXPECT_EQ(recorded.error, "");
  EXPECT_EQ(recorded.recording.evidence.lost, 0u)
      << ::testing::PrintToString(recorded.recording.evidence.notes);
}

/// A shell that waits for a file, then makes `calls` of getsid by two children.
std::vector<std::string> waiting_for(const std::string& file, const std::string& calls) {
  return {"sh",
          "-c",
          "while [ ! -e \"$0\" ]; do sleep 0.01; done; \"$1\" getsid \"$2\"; \"$1\" getsid 0",
          file,
          victim("scope_calls"),
          calls};
}

TEST_P(RecorderScope, WaitsForWhoComesAndEndsWhenNobodyIsLeft) {
  RecorderProcess recorder(record_ebpf, options());
  expect_armed(recorder);
  const TempDir dir;
  Background first(inside(cgroup().path(), waiting_for(dir / "go", "300")));
  ASSERT_TRUE(eventually([&] { return !slurp(cgroup().path() + "/cgroup.procs").empty(); }));
  Background outside({victim("scope_calls"), "getpgrp", "500"});
  Background second(inside(cgroup().inner(), {victim("scope_calls"), "getsid", "700"}));
  EXPECT_EQ(outside.wait().status, 0);
  EXPECT_EQ(second.wait().status, 0);
  static_cast<void>(dir.write("go", ""));
  EXPECT_EQ(first.wait().status, 0);
  const Recorded recorded = recorder.wait();
  expect_whole(recorded);
  EXPECT_FALSE(recorded.recording.detached);
  EXPECT_EQ(call(recorded, "getsid").count, 1000u);
  EXPECT_EQ(call(recorded, "getpgrp").count, 0u) << "made outside";
  EXPECT_THAT(recorded.recording.evidence.notes, IsEmpty());
}

TEST_P(RecorderScope, FollowsACgroupThatIsMadeAgain) {
  // Of another path, and of one that only begins alike, nobody is followed.
  const std::string inner = cgroup().inner();
  RecordOptions of_inner = options();
  of_inner.cgroups = {inner};
  of_inner.restart_wait = std::chrono::hours(1);
  RecorderProcess recorder(record_ebpf, of_inner);
  expect_armed(recorder);
  for (const char* times : {"100", "20", "3"}) {
    Background service(inside(inner, {victim("scope_calls"), "getsid", times}));
    EXPECT_EQ(service.wait().status, 0);
    ASSERT_TRUE(eventually([&] { return ::rmdir(inner.c_str()) == 0; }));
    ASSERT_EQ(::mkdir(inner.c_str(), 0755), 0);
    const std::string other = inner + "2";
    ASSERT_EQ(::mkdir(other.c_str(), 0755), 0);
    Background foreign(inside(other, {victim("scope_calls"), "getpgrp", "5"}));
    EXPECT_EQ(foreign.wait().status, 0);
    ASSERT_TRUE(eventually([&] { return ::rmdir(other.c_str()) == 0; }));
  }
  ASSERT_EQ(::kill(recorder.pid(), SIGINT), 0);
  const Recorded recorded = recorder.wait();
  expect_whole(recorded);
  EXPECT_TRUE(recorded.recording.detached) << "it would wait for more";
  EXPECT_EQ(call(recorded, "getsid").count, 123u);
  EXPECT_EQ(call(recorded, "getpgrp").count, 0u);
}

TEST_P(RecorderScope, EndsWhenACgroupIsNotMadeAgainInTime) {
  RecordOptions options = this->options();
  options.restart_wait = std::chrono::milliseconds(300);
  RecorderProcess recorder(record_ebpf, options);
  expect_armed(recorder);
  Background service(inside(cgroup().path(), {victim("scope_calls"), "getsid", "50"}));
  EXPECT_EQ(service.wait().status, 0);
  const Recorded recorded = recorder.wait();
  expect_whole(recorded);
  EXPECT_FALSE(recorded.recording.detached) << "it ends by itself when nothing comes any more";
  EXPECT_EQ(call(recorded, "getsid").count, 50u);
}

TEST_P(RecorderScope, FollowsWhoIsThereAlreadyAndTheirChildren) {
  const TempDir dir;
  Background there(inside(cgroup().inner(), waiting_for(dir / "go", "400")));
  ASSERT_TRUE(eventually([&] { return !slurp(cgroup().inner() + "/cgroup.procs").empty(); }));
  RecorderProcess recorder(record_ebpf, options());
  expect_armed(recorder);
  static_cast<void>(dir.write("go", ""));
  EXPECT_EQ(there.wait().status, 0);
  const Recorded recorded = recorder.wait();
  expect_whole(recorded);
  EXPECT_EQ(call(recorded, "getsid").count, 400u);
  EXPECT_THAT(recorded.recording.evidence.notes, Contains(HasSubstr("ran in the cgroup already")));
}

TEST_P(RecorderScope, WhoLeavesIsFollowedNoLonger) {
  RecorderProcess recorder(record_ebpf, options());
  expect_armed(recorder);
  const std::string up = cgroup().path() + "/..";
  Background leaver(inside(
      cgroup().path(),
      {"sh", "-c", "\"$0\" getsid 20; echo $$ > \"$1/cgroup.procs\"; exec \"$0\" getpgrp 500",
       victim("scope_calls"), up}));
  EXPECT_EQ(leaver.wait().status, 0);
  const Recorded recorded = recorder.wait();
  expect_whole(recorded);
  EXPECT_EQ(call(recorded, "getsid").count, 20u);
  EXPECT_EQ(call(recorded, "getpgrp").count, 0u);
}

TEST_P(RecorderScope, AProcessWithThreadsComesWhole) {
  RecorderProcess recorder(record_ebpf, options());
  expect_armed(recorder);
  Background looper({victim("looper"), "3"});
  ASSERT_TRUE(eventually([&] { return looper.out_so_far() == "ready\n"; }));
  const RecorderTurn turn(recorder);
  ASSERT_TRUE(TestCgroup::move(looper.pid(), cgroup().path()));
  ASSERT_TRUE(turn.is_over()) << "the move wakes it, and it looks for the threads";
  // Its main thread waits, so what is seen is the others'. Each turn of theirs is a switch.
  const std::uint64_t before = context_switches(looper.pid());
  ASSERT_TRUE(eventually([&] { return context_switches(looper.pid()) > before + 100; }));
  looper.signal(SIGTERM);
  EXPECT_EQ(looper.wait().status, 0);
  const Recorded recorded = recorder.wait();
  expect_whole(recorded);
  EXPECT_GT(call(recorded, "getppid").count, 3u);
}

TEST_P(RecorderScope, EndsWithACgroupThatIsRemoved) {
  RecorderProcess recorder(record_ebpf, options());
  expect_armed(recorder);
  ASSERT_EQ(::rmdir(cgroup().path().c_str()), 0);
  const Recorded recorded = recorder.wait();
  expect_whole(recorded);
  EXPECT_EQ(recorded.recording.evidence.observed(), 0u);
}

TEST_P(RecorderScope, ACommandStartsWhatLivesThereAndIsNotRecordedItself) {
  RecordOptions with_command = options();
  with_command.command = inside(cgroup().path(), {victim("scope_calls"), "getppid", "40"});
  with_command.command[2] =
      "\"$1\" getuid 9; ( echo 0 > \"$0/cgroup.procs\" && exec \"$@\" ); exit 7";
  const Recorded recorded = record(record_ebpf, with_command);
  expect_whole(recorded);
  EXPECT_EQ(WEXITSTATUS(recorded.recording.wait_status), 7);
  EXPECT_EQ(call(recorded, "getppid").count, 40u);
  EXPECT_EQ(call(recorded, "getuid").count, 0u);
  EXPECT_EQ(recorded.recording.evidence.find({native_abi(), *syscall_nr(native_abi(), "execve")},
                                             Origin::kLaunch),
            nullptr);
}

TEST_P(RecorderScope, TellsARuntimeFromItsContainer) {
  for (const bool with_hook : {false, true}) {
    SCOPED_TRACE(with_hook);
    RecordOptions container = options();
    container.container = ContainerStage::kRunning;
    RecorderProcess recorder(record_ebpf, container);
    expect_armed(recorder);
    Background runtime({victim("container_runtime"), cgroup().path(),
                        with_hook ? victim("scope_calls") : "-", victim("scope_calls"), "getppid",
                        "60"});
    EXPECT_EQ(runtime.wait().status, 0);
    const Recorded recorded = recorder.wait();
    expect_whole(recorded);
    const auto of_runtime = [&](const char* name) {
      return call(recorded, name, native_abi(), Origin::kRuntime);
    };
    EXPECT_EQ(of_runtime("getuid").count, with_hook ? 4u : 0u) << "the hook's, under the filter";
    EXPECT_EQ(call(recorded, "getuid").count, 0u) << "before the filter, nobody needs it";
    EXPECT_EQ(of_runtime("seccomp").count, 0u);
    EXPECT_EQ(of_runtime("getppid").count, 5u);
    EXPECT_EQ(of_runtime("getpgid").count, 2u) << "denied";
    EXPECT_EQ(of_runtime("getpgid").errors, (std::map<std::string, std::uint64_t>{{"EPERM", 2}}));
    EXPECT_EQ(of_runtime("execve").count, with_hook ? 2u : 1u);
    EXPECT_EQ(call(recorded, "getppid").count, 60u);
    EXPECT_EQ(call(recorded, "execve").count, 0u);
    EXPECT_THAT(recorded.recording.evidence.program.path, HasSubstr("scope_calls"));
  }
}

TEST_P(RecorderScope, AContainerThatBeginsHasPhases) {
  RecordOptions container = options();
  container.container = ContainerStage::kNotBegun;
  container.command = {victim("container_runtime"), cgroup().path(), "-", victim("phases"),
                       "accept"};
  const Recorded recorded = record(record_ebpf, container);
  expect_whole(recorded);
  EXPECT_EQ(WEXITSTATUS(recorded.recording.wait_status), 0);
  ASSERT_TRUE(recorded.recording.evidence.ready.contains("first accept4"));
  const auto expect_phases = [&](const char* name, std::uint64_t start, std::uint64_t steady) {
    SCOPED_TRACE(name);
    const CallEvidence found = call(recorded, name);
    ASSERT_TRUE(found.phases.has_value());
    EXPECT_EQ(found.phases->load, std::nullopt);
    EXPECT_EQ(found.phases->start, start);
    EXPECT_EQ(found.phases->steady, steady);
  };
  expect_phases("getsid", 3, 0);
  expect_phases("getppid", 5, 0);
  expect_phases("getgid", 2, 4);
  expect_phases("getuid", 0, 7);
  const CallEvidence of_runtime = call(recorded, "getppid", native_abi(), Origin::kRuntime);
  EXPECT_EQ(of_runtime.count, 5u);
  EXPECT_FALSE(of_runtime.phases.has_value()) << "the runtime's are of no phase";
}

TEST(RecorderCgroups, AChildMayBeginInTheCgroup) {
  if (!is_root()) GTEST_SKIP() << "only root makes cgroups, and loads eBPF programs";
  const TestCgroup cgroup("");
  if (!cgroup.there()) GTEST_SKIP() << "cgroup v2 is not mounted here";
  RecordOptions options;
  options.cgroups = {cgroup.path()};
  RecorderProcess recorder(record_ebpf, options);
  expect_armed(recorder);
  Background parent({victim("clone_into_cgroup"), cgroup.path(), "80"});
  const int status = parent.wait().status;
  if (status == 77) GTEST_SKIP() << "this kernel has no CLONE_INTO_CGROUP";
  EXPECT_EQ(status, 0);
  const Recorded recorded = recorder.wait();
  expect_whole(recorded);
  EXPECT_EQ(call(recorded, "getppid").count, 80u);
  EXPECT_EQ(call(recorded, "getuid").count, 0u);
}

TEST(RecorderCgroups, AreRefusedInOneSentence) {
  struct Case {
    const char* why;
    Recorder recorder;
    RecordOptions options;
    const char* sentence;
  };
  RecordOptions cgroup;
  cgroup.cgroups = {"/tmp"};
  RecordOptions both = cgroup;
  both.host = true;
  RecordOptions stacks = cgroup;
  stacks.stacks = true;
  const Case cases[] = {
      {"ptrace", record_ptrace, cgroup, "only the eBPF recorder follows a cgroup"},
      {"two subjects", record_auto, both, "is recorded at a time"},
      {"code paths", record_auto, stacks, "code paths of a cgroup are not kept"},
      {"no cgroup", record_auto, cgroup, is_root() ? "/tmp is no cgroup" : "needs root"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_THAT(record(c.recorder, c.options).error, HasSubstr(c.sentence));
  }
}

}  // namespace
}  // namespace sysnare::live
