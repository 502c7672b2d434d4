// Containers recorded by `sysnare trace --runtime` and `--container`, under real engines.
//
// Needs root. An engine that is not to be had is skipped by name.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "engines.h"
#include "processes.h"

namespace sysnare::live {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

[[maybe_unused]] const auto* const kEnvironment =
    ::testing::AddGlobalTestEnvironment(new EnginesForAll);

/// The control groups that recordings of these processes made, in any hierarchy. Others on this
/// machine may record too.
std::set<std::string> groups_of(const std::set<int>& recorders) {
  std::set<std::string> found;
  const auto look = [&](const std::filesystem::path& folder) {
    for (const int recorder : recorders) {
      const std::filesystem::path group = folder / ("sysnare_run_" + std::to_string(recorder));
      if (std::filesystem::exists(group)) found.insert(group);
    }
  };
  look("/sys/fs/cgroup");
  for (const auto& each : std::filesystem::directory_iterator("/sys/fs/cgroup")) look(each.path());
  return found;
}

bool is_anybody_in(const std::set<std::string>& groups) {
  return std::any_of(groups.begin(), groups.end(), [](const std::string& group) {
    std::error_code gone;
    std::filesystem::recursive_directory_iterator each(group, gone);
    for (; each != std::filesystem::recursive_directory_iterator(); each.increment(gone)) {
      if (each->path().filename() == "cgroup.procs" && !slurp(each->path()).empty()) return true;
    }
    return false;
  });
}

/// Names of the calls that `evidence` has with this origin.
std::set<std::string> calls_of(const Json& evidence, const std::string& origin) {
  std::set<std::string> names;
  for (const Json& call : evidence["calls"]) {
    if (call["origin"] == origin) names.insert(call["name"]);
  }
  return names;
}

class RecordContainer : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    engine_ = EnginesForAll::get().get(GetParam());
    if (engine_ == nullptr) GTEST_SKIP() << EnginesForAll::get().why_not(GetParam());
  }
  void TearDown() override { EXPECT_EQ(groups_of(recorders_), std::set<std::string>()); }

  /// `sysnare trace` with this engine's options, and `more` of its own.
  [[nodiscard]] Words trace(const Words& more) const {
    Words words = {sysnare_path(), "trace"};
    const Words& client = engine_->client();
    for (std::size_t i = 1; i < client.size(); ++i) words.push_back("--engine-arg=" + client[i]);
    words.insert(words.end(), more.begin(), more.end());
    return engine_->within(words);
  }
  /// Records a container of `argv` from its first instruction.
  [[nodiscard]] Words first_instruction(const Words& argv, const ContainerOptions& options = {},
                                        const Words& more = {}) const {
    Words words = {"--runtime", engine_->client()[0], "-o", dir_ / "e"};
    words.insert(words.end(), more.begin(), more.end());
    words.emplace_back("--");
    const Words start = engine_->words(argv, options);
    words.insert(words.end(), start.begin(), start.end());
    return trace(words);
  }
  /// Starts one of these, and remembers it. A killed one leaves its files in our folder.
  std::unique_ptr<Background> start(const Words& words) {
    RunOptions options = engine_->how();
    options.environment.push_back("TMPDIR=" + dir_.path());
    auto started = std::make_unique<Background>(words, options);
    recorders_.insert(started->pid());
    return started;
  }
  Outcome finish(const Words& words) { return start(words)->wait(engine_->how().deadline); }
  [[nodiscard]] Json evidence() const { return Json::parse(slurp(dir_ / "e"), nullptr, false); }

  Engine* engine_ = nullptr;
  std::set<int> recorders_;
  TempDir dir_;
};

std::string test_name(const ::testing::TestParamInfo<const char*>& engine) {
  std::string name = engine.param;
  std::replace(name.begin(), name.end(), '+', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Engines, RecordContainer,
                         ::testing::Values("docker", "podman", "podman+runc", "runc", "crun"),
                         test_name);

TEST_P(RecordContainer, FromTheFirstInstructionAndNothingElse) {
  const Words argv = {"/bin/mkdir", "/tmp/made"};
  Json seen;
  // Its engine is asked for its image while the container lives, which this one hardly does.
  constexpr int kTries = 25;
  for (int i = 0; i < kTries; ++i) {
    const Outcome outcome = finish(first_instruction(argv));
    std::filesystem::remove(EnginesForAll::get().root_fs() + "/tmp/made");  // of a bundle
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, HasSubstr(" calls observed, 0 lost\n"));
    seen = evidence();
    ASSERT_TRUE(seen.is_object());
    if (engine_->takes_bundles() || seen["workload"].contains("image")) break;
  }
  EXPECT_EQ(seen["lost"], 0);
  EXPECT_EQ(seen["recorder"], "ebpf");
  const std::string engine = engine_->client()[0].substr(engine_->client()[0].rfind('/') + 1);
  EXPECT_EQ(seen["workload"]["engine"], engine);
  if (!engine_->takes_bundles()) {
    EXPECT_THAT(seen["workload"].value("image", ""), HasSubstr("story"));
  }
  // The loader's first calls, the program's, and its last; no more than it makes itself.
  const std::set<std::string> calls = calls_of(seen, "application");
  for (const char* each : {"brk", "mkdir", "exit_group"}) EXPECT_THAT(calls, Contains(each));
  for (const char* foreign :
       {"clone", "epoll_pwait", "sethostname", "pivot_root", "connect", "futex_waitv", "setns"}) {
    EXPECT_THAT(calls, Not(Contains(foreign)));
  }
  EXPECT_EQ(calls_of(seen, "launch"), std::set<std::string>());
  EXPECT_EQ(seen["program"]["path"], "/bin/mkdir");
}

/// Twice: the counts of a deterministic program are the same each time, so nothing is missing at
/// its start, and nothing of the engine's is among them.
TEST_P(RecordContainer, TwoRunsOfTheSameProgramHaveTheSameCounts) {
  std::map<std::string, std::uint64_t> counts[2];
  for (auto& each : counts) {
    const Outcome outcome = finish(first_instruction({"/bin/busybox", "echo", "hi"}));
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    ASSERT_EQ(outcome.out, "hi\n");
    for (const Json& call : evidence()["calls"]) {
      if (call["origin"] == "application") each[call["name"]] = call["count"];
    }
  }
  EXPECT_EQ(counts[0], counts[1]);
}

TEST_P(RecordContainer, ItsProfileStartsTheContainer) {
  const Words argv = {"/bin/helloworld"};
  const Outcome traced = finish(first_instruction(argv, {.profile = kEnginesOwn}, {"--runs", "3"}));
  ASSERT_EQ(traced.status, 0) << traced.err;
  EXPECT_THAT(calls_of(evidence(), "runtime"), Contains("execve"));
  const std::string profile = dir_ / "p.json";
  const Outcome made = sysnare({"profile", dir_ / "e", "-o", profile});
  ASSERT_EQ(made.status, 0) << made.err;
  EXPECT_THAT(made.err, HasSubstr("recorded in a container: what "));
  for (int i = 0; i < 3; ++i) {
    const Outcome held = engine_->start(argv, {.profile = profile});
    ASSERT_EQ(held.status, 0) << held.err;
    EXPECT_EQ(held.out, "Hello World\n");
  }
  const Outcome refused = engine_->start({"/bin/mkdir", "/tmp/no"}, {.profile = profile});
  EXPECT_NE(refused.status, 0);
}

TEST_P(RecordContainer, TheExitStatusIsTheContainers) {
  const Outcome outcome = finish(first_instruction({"/bin/busybox", "sh", "-c", "exit 7"}));
  EXPECT_EQ(outcome.status, 7) << outcome.err;
}

TEST_P(RecordContainer, AContainerThatDoesNotStartIsTheEnginesFailure) {
  const Outcome outcome = finish(first_instruction({"/bin/no-such-program"}));
  EXPECT_NE(outcome.status, 0);
  EXPECT_THAT(outcome.err, HasSubstr("no-such-program"));
}

/// Not Podman: in 3 of 25 starts its client (4.3.1) ends at a SIGTERM by itself, without sysnare
/// too, and leaves its container running; the recording then goes on.
class SignalledContainer : public RecordContainer {};
INSTANTIATE_TEST_SUITE_P(Engines, SignalledContainer, ::testing::Values("docker", "runc", "crun"),
                         test_name);

TEST_P(SignalledContainer, EndsAndItsEvidenceIsWritten) {
  // A program with a handler: the first of a pid namespace ignores what it has none for. Once its
  // word has come through, it has it, and the engine's client hands signals on. It has slept then.
  const auto traced = start(first_instruction(
      {"/bin/busybox", "sh", "-c",
       "trap 'exit 3' TERM; sleep 0.1; echo ready; while :; do sleep 0.1; done"}));
  ASSERT_TRUE(eventually([&] { return traced->out_so_far() == "ready\n"; }))
      << traced->err_so_far();
  traced->signal(SIGTERM);
  const Outcome outcome = traced->wait();
  EXPECT_FALSE(outcome.timed_out);
  EXPECT_EQ(outcome.status, 3) << outcome.err;
  EXPECT_THAT(calls_of(evidence(), "application"), Contains("clock_nanosleep"));
}

/// Whatever kills us: the next recording clears away.
class KilledRecording : public RecordContainer {};
INSTANTIATE_TEST_SUITE_P(Engines, KilledRecording, ::testing::Values("docker", "runc"), test_name);

TEST_P(KilledRecording, LeavesAGroupThatTheNextOneRemoves) {
  const Words argv = {"/bin/busybox", "sleep", "100000." + std::to_string(::getpid())};
  {
    const auto traced = start(first_instruction(argv));
    ASSERT_TRUE(eventually([&] { return process_of(argv) != 0; })) << traced->err_so_far();
    traced->signal(SIGKILL);
    static_cast<void>(traced->wait());
  }
  EXPECT_NE(groups_of(recorders_), std::set<std::string>());
  const int program = process_of(argv);
  ASSERT_GT(program, 0);
  ASSERT_EQ(::kill(program, SIGKILL), 0);
  // A process leaves its group later than /proc.
  ASSERT_TRUE(eventually([&] { return !is_anybody_in(groups_of(recorders_)); }));
  const auto next = [&] {
    const Outcome outcome = finish(first_instruction({"/bin/true"}));
    EXPECT_EQ(outcome.status, 0) << outcome.err;
  };
  next();
  // The number of the killed recorder may be another process's by now: then it is not removed yet.
  for (int i = 0; i < 5 && !groups_of(recorders_).empty(); ++i) next();
}

/// Whether a recorder's programs are attached, and it waits for what comes.
bool is_armed(int recorder) {
  std::error_code ignored;
  const std::string folder = "/proc/" + std::to_string(recorder) + "/fd";
  for (const auto& each : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string target = std::filesystem::read_symlink(each.path(), ignored);
    if (target.find("bpf_link") != std::string::npos) return state_of(recorder) == 'S';
  }
  return false;
}

class RunningContainer : public RecordContainer {
 protected:
  /// Starts a container that makes and removes a folder, over and over, until `stop` is there.
  void begin() {
    Words words = {"run", "-d", "--name", name_, "--network", "none"};
    if (engine_->runtime() != "docker") words.insert(words.end(), {"--cgroup-parent", group_});
    words.insert(words.end(), {"story", "/bin/busybox", "sh", "-c", loop_});
    const Outcome started = client(words);
    ASSERT_EQ(started.status, 0) << started.err;
    // `run -d` may be back before its runtime has given way to the program.
    ASSERT_TRUE(eventually([&] { return init() != 0; }));
  }
  [[nodiscard]] int init() const { return process_of({"/bin/busybox", "sh", "-c", loop_}); }
  void TearDown() override {
    if (engine_ != nullptr) {
      static_cast<void>(client({"kill", name_}));  // `rm` alone waits 10 s for its shell
      static_cast<void>(client({"rm", "-f", name_}));
    }
    RecordContainer::TearDown();
  }
  Outcome client(const Words& words) const {
    Words all = engine_->client();
    all.insert(all.end(), words.begin(), words.end());
    return run(engine_->within(all), engine_->how());
  }
  [[nodiscard]] Words attached(const Words& more = {}) const {
    Words words = {"--container", name_, "--engine", engine_->client()[0], "-o", dir_ / "e"};
    words.insert(words.end(), more.begin(), more.end());
    return trace(words);
  }

  std::string group_ = "/sysnare-test-" + std::to_string(::getpid());
  std::string name_ = "sysnare-" + std::to_string(::getpid());  // nobody else's, as its command
  std::string loop_ =
      ": " + name_ + "; while [ ! -e /tmp/stop ]; do mkdir /tmp/x; rmdir /tmp/x; done";
};

INSTANTIATE_TEST_SUITE_P(Engines, RunningContainer,
                         ::testing::Values("docker", "podman", "podman+runc"), test_name);

TEST_P(RunningContainer, IsFollowedUntilItsEnd) {
  begin();
  const auto traced = start(attached());
  ASSERT_TRUE(eventually([&] { return is_armed(traced->pid()); })) << traced->err_so_far();
  // What comes in later is followed too, and has its runtime's calls left out.
  ASSERT_EQ(client({"exec", name_, "/bin/busybox", "touch", "/tmp/came"}).status, 0);
  // The container may be gone before its engine hears of the end of this: its status is chance.
  static_cast<void>(client({"exec", name_, "/bin/busybox", "touch", "/tmp/stop"}));
  const Outcome outcome = traced->wait();
  EXPECT_FALSE(outcome.timed_out);
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("container " + name_));
  EXPECT_THAT(outcome.out, HasSubstr(" calls observed, 0 lost\n"));
  const Json seen = evidence();
  EXPECT_EQ(seen["workload"]["name"], name_);
  EXPECT_THAT(seen["workload"]["image"].get<std::string>(), HasSubstr("story"));
  EXPECT_EQ(seen["workload"]["id"].get<std::string>().size(), 64u);
  const std::set<std::string> calls = calls_of(seen, "application");
  for (const char* each : {"mkdir", "rmdir", "wait4"}) EXPECT_THAT(calls, Contains(each));
  for (const char* foreign : {"setns", "pivot_root", "epoll_pwait"}) {
    EXPECT_THAT(calls, Not(Contains(foreign)));
  }
}

TEST_P(RunningContainer, CtrlCLeavesItRunning) {
  begin();
  const int program = init();
  const auto traced = start(attached({"--json"}));
  ASSERT_TRUE(eventually([&] { return is_armed(traced->pid()); })) << traced->err_so_far();
  // While this comes and goes, the loop goes round.
  ASSERT_EQ(client({"exec", name_, "/bin/true"}).status, 0);
  traced->signal(SIGINT);
  const Outcome outcome = traced->wait();
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(calls_of(evidence(), "application"), Contains("mkdir"));
  EXPECT_EQ(::kill(program, 0), 0);
}

TEST_P(RunningContainer, WhatCannotBeFollowedIsSaidInOneSentence) {
  const Outcome none = finish(attached());
  EXPECT_EQ(none.status, 125);
  EXPECT_THAT(none.err, HasSubstr("sysnare trace: no container " + name_ + ": "));
  ASSERT_EQ(client({"create", "--name", name_, "story", "/bin/true"}).status, 0);
  const Outcome stopped = finish(attached());
  EXPECT_EQ(stopped.status, 125);
  EXPECT_THAT(stopped.err, HasSubstr("container " + name_ + " of "));
  EXPECT_THAT(stopped.err, HasSubstr(" does not run ("));
  EXPECT_EQ(std::count(stopped.err.begin(), stopped.err.end(), '\n'), 1) << stopped.err;
}

}  // namespace
}  // namespace sysnare::live
