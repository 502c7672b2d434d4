// `sysnare hook`: by hand, in bundles of runc and crun, and under `podman --hooks-dir`.
//
// Needs root. An engine that is not to be had is skipped by name.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "engines.h"
#include "test_cgroup.h"

namespace sysnare::live {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

[[maybe_unused]] const auto* const kEnvironment =
    ::testing::AddGlobalTestEnvironment(new EnginesForAll);

std::string state_of(const std::string& id, const Json& annotations, int pid = ::getpid()) {
  return Json{{"ociVersion", "1.0.2"}, {"id", id},
              {"status", "creating"},  {"pid", pid},
              {"bundle", "/nowhere"},  {"annotations", annotations}}
      .dump();
}

class Hook : public ::testing::Test {
 protected:
  Outcome hook(const std::string& input, const Words& more = {}) {
    Words words = {"hook", "--dir", dir_ / "evidence"};
    words.insert(words.end(), more.begin(), more.end());
    RunOptions options;
    options.input = input;
    return sysnare(words, options);
  }
  TempDir dir_;
};

TEST_F(Hook, WithoutTheAnnotationItDoesNothing) {
  const Outcome outcome = hook(state_of("c1", {{"other", "x"}}));
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.err, "");
  EXPECT_FALSE(exists(dir_ / "evidence"));
}

TEST_F(Hook, WhatItCannotDoIsOneSentenceAndStopsTheContainer) {
  struct Case {
    const char* why;
    std::string input;
    const char* says;
  };
  const Case kCases[] = {
      {"nothing", "", "the state on standard input"},
      {"garbage", std::string(100'000, '['), "the state on standard input"},
      {"more than a state is", std::string((1u << 20) + 1, ' '), "larger than 1048576 bytes"},
      {"an id that is a path", state_of("../../etc/x", {{"io.sysnare.output", ""}}),
       "is no container's id"},
      {"a path elsewhere", state_of("c1", {{"io.sysnare.output", "/etc/passwd"}}),
       "annotation io.sysnare.output: \"/etc/passwd\" is not below"},
      {"a group shared with us", state_of("c1", {{"io.sysnare.output", ""}}),
       "container c1 has no control group of its own"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const Outcome refused = hook(c.input);
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("sysnare hook: "));
    EXPECT_THAT(refused.err, HasSubstr(c.says));
    EXPECT_EQ(std::count(refused.err.begin(), refused.err.end(), '\n'), 1) << refused.err;
    const Outcome optional = hook(c.input, {"--optional"});
    EXPECT_EQ(optional.status, 0);
    EXPECT_THAT(optional.err, HasSubstr(c.says));
  }
}

/// The evidence that a hook wrote to `file`, once it is there.
Json written(const std::string& file) {
  EXPECT_TRUE(eventually([&] { return exists(file); })) << file;
  return Json::parse(slurp(file), nullptr, false);
}

std::set<std::string> calls_of(const Json& evidence, const std::string& origin) {
  std::set<std::string> names;
  for (const Json& call : evidence["calls"]) {
    if (call["origin"] == origin) names.insert(call["name"]);
  }
  return names;
}

TEST_F(Hook, SavesWhatWasSeenWhileTheContainerRuns) {
  if (!is_root()) GTEST_SKIP() << "only root makes cgroups, and loads eBPF programs";
  std::optional<TestCgroup> cgroup(std::in_place, "pids");
  if (!cgroup->there()) cgroup.emplace("");
  if (!cgroup->there()) GTEST_SKIP() << "no cgroup hierarchy is mounted here";
  Background container(inside(cgroup->path(), {victim("looper"), "1"}));
  ASSERT_TRUE(eventually([&] { return container.out_so_far() == "ready\n"; }));
  const std::string id = cgroup->name().substr(1);
  const Outcome armed =
      hook(state_of(id, {{"io.sysnare.output", ""}}, container.pid()), {"--save-every", "1"});
  ASSERT_EQ(armed.status, 0) << armed.err;
  const std::string file = dir_ / "evidence/" + id + ".evidence.json";
  const auto says_so = [&] { return slurp(file).find("had not ended") != std::string::npos; };
  EXPECT_TRUE(eventually(says_so)) << "a note, in a file that is there already";
  EXPECT_EQ(Json::parse(slurp(file), nullptr, false)["workload"]["id"], id);
  container.signal(SIGTERM);
  EXPECT_EQ(container.wait().status, 0);
  EXPECT_TRUE(eventually([&] { return !says_so(); })) << "the whole, in the same file";
  const std::filesystem::directory_iterator folder(dir_ / "evidence");
  EXPECT_EQ(std::distance(folder, std::filesystem::directory_iterator()), 1);
}

void expect_mkdir_alone(const Json& evidence) {
  ASSERT_TRUE(evidence.is_object());
  EXPECT_EQ(evidence["lost"], 0);
  const std::set<std::string> calls = calls_of(evidence, "application");
  for (const char* each : {"brk", "mkdir", "exit_group"}) EXPECT_THAT(calls, Contains(each));
  for (const char* foreign : {"clone", "setns", "pivot_root", "epoll_pwait", "sethostname"}) {
    EXPECT_THAT(calls, Not(Contains(foreign)));
  }
}

class HookOfABundle : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    engine_ = EnginesForAll::get().get(GetParam());
    if (engine_ == nullptr) GTEST_SKIP() << EnginesForAll::get().why_not(GetParam());
  }
  Outcome start(const Words& argv, const std::string& output) {
    return engine_->start(argv, {.profile = kEnginesOwn,
                                 .annotations = {{"io.sysnare.output", output}},
                                 .hook = {sysnare_path(), "hook", "--dir", dir_.path()}});
  }
  Engine* engine_ = nullptr;
  TempDir dir_;
};

INSTANTIATE_TEST_SUITE_P(Runtimes, HookOfABundle, ::testing::Values("runc", "crun"));

TEST_P(HookOfABundle, RecordsTheContainerFromItsFirstInstruction) {
  const Outcome outcome = start({"/bin/mkdir", "/tmp/made"}, dir_ / "one.json");
  std::filesystem::remove(EnginesForAll::get().root_fs() + "/tmp/made");
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json evidence = written(dir_ / "one.json");
  expect_mkdir_alone(evidence);
  EXPECT_EQ(evidence["workload"]["engine"], GetParam());
  EXPECT_THAT(calls_of(evidence, "runtime"), Contains("execve"));

  // What was recorded makes the profile that the container starts with.
  const std::string profile = dir_ / "p.json";
  const Outcome made = sysnare({"profile", "--to", "oci", dir_ / "one.json", "-o", profile});
  ASSERT_EQ(made.status, 0) << made.err;
  const Outcome held = engine_->start({"/bin/mkdir", "/tmp/made"}, {.profile = profile});
  std::filesystem::remove(EnginesForAll::get().root_fs() + "/tmp/made");
  EXPECT_EQ(held.status, 0) << held.err;
}

TEST_P(HookOfABundle, APathElsewhereKeepsTheContainerFromStarting) {
  const Outcome refused = start({"/bin/mkdir", "/tmp/made"}, "/etc/sysnare-evidence.json");
  EXPECT_NE(refused.status, 0);
  EXPECT_FALSE(exists("/etc/sysnare-evidence.json"));
  EXPECT_FALSE(exists(EnginesForAll::get().root_fs() + "/tmp/made"));
}

class HookOfPodman : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Runtimes, HookOfPodman, ::testing::Values("podman", "podman+runc"),
                         [](const auto& engine) {
                           return std::string(engine.param) == "podman" ? "crun" : "runc";
                         });

TEST_P(HookOfPodman, RecordsWhatTheAnnotationAsksFor) {
  Engine* engine = EnginesForAll::get().get(GetParam());
  if (engine == nullptr) GTEST_SKIP() << EnginesForAll::get().why_not(GetParam());
  TempDir dir;
  TempDir hooks;
  const Json hook = {
      {"version", "1.0.0"},
      {"hook", {{"path", sysnare_path()}, {"args", {"sysnare", "hook", "--dir", dir.path()}}}},
      {"when", {{"annotations", {{"^io\\.sysnare\\.output$", ".*"}}}}},
      {"stages", {"createRuntime"}}};
  hooks.write("sysnare.json", hook.dump());
  const auto start = [&](const Words& more) {
    Words words = engine->client();
    words.insert(words.end(), {"--hooks-dir", hooks.path()});
    Words run_words = engine->words({"/bin/mkdir", "/tmp/made"}, {.profile = kEnginesOwn});
    run_words.insert(run_words.begin() + 1, more.begin(), more.end());
    run_words.insert(run_words.begin() + 1,
                     {"--cgroup-parent", "/sysnare-test-" + std::to_string(::getpid())});
    words.insert(words.end(), run_words.begin(), run_words.end());
    return run(engine->within(words), engine->how());
  };
  const Outcome plain = start({});
  EXPECT_EQ(plain.status, 0) << plain.err;
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
  const Outcome outcome = start({"--annotation", "io.sysnare.output=" + (dir / "one.json")});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  expect_mkdir_alone(written(dir / "one.json"));
}

}  // namespace
}  // namespace sysnare::live
