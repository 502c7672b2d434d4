// The story under real container engines: the three profiles and the generated one, under Docker,
// Podman (with crun and with runc), and as OCI bundles under runc and crun.
//
// Needs root. An engine that is not to be had is skipped by name.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "engines.h"

namespace sysnare::live {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kSigsysStatus = 128 + 31;
// Go's runtime, and so runc, does not make the same calls in every start.
constexpr int kStartsOfABundle = 30;
constexpr int kStartsOfAnEngine = 8;  // up to a second each

[[maybe_unused]] const auto* const kEnvironment =
    ::testing::AddGlobalTestEnvironment(new EnginesForAll);

std::string story_profile(const std::string& name) { return source_file("tests/profiles/" + name); }
constexpr const char* kKillDir = R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
    {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_KILL"}]})";

class ContainerStory : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    engine_ = EnginesForAll::get().get(GetParam());
    if (engine_ == nullptr) GTEST_SKIP() << EnginesForAll::get().why_not(GetParam());
  }

  /// Where `path` of a container lies on this side; bundles have the root file system itself.
  static std::filesystem::path in_root_fs(const std::string& path) {
    return EnginesForAll::get().root_fs() + path;
  }

  [[nodiscard]] int starts() const {
    return engine_->takes_bundles() ? kStartsOfABundle : kStartsOfAnEngine;
  }

  /// `sysnare profile --runtime` of this engine, for a program of the root file system.
  std::string generated(const std::vector<std::string>& argv,
                        const std::vector<std::string>& options = {}) {
    std::vector<std::string> words = {"profile", "--runtime", engine_->runtime()};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"-o", dir_ / "generated.json", "--"});
    words.push_back(in_root_fs(argv[0]).string());
    words.insert(words.end(), argv.begin() + 1, argv.end());
    const Outcome made = sysnare(words);
    EXPECT_EQ(made.status, 0) << made.err;
    return dir_ / "generated.json";
  }

  /// `profile` in the dialect of a config.json.
  std::string converted(const std::string& profile) {
    const std::string out = dir_ / "converted.json";
    const Outcome done = sysnare({"convert", "--to", "oci", profile, "-o", out});
    EXPECT_EQ(done.status, 0) << done.err;
    return out;
  }

  Engine* engine_ = nullptr;
  TempDir dir_;
};

std::string test_name(const ::testing::TestParamInfo<const char*>& engine) {
  std::string name = engine.param;
  std::replace(name.begin(), name.end(), '+', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Engines, ContainerStory,
                         ::testing::Values("docker", "podman", "podman+runc", "runc", "crun"),
                         test_name);

TEST_P(ContainerStory, AProfileThatDeniesEverythingDoesNotStart) {
  const Outcome outcome =
      engine_->start({"/bin/helloworld"}, {.profile = story_profile("deny.json")});
  EXPECT_FALSE(outcome.timed_out);
  EXPECT_NE(outcome.status, 0);
  EXPECT_THAT(outcome.out, Not(HasSubstr("Hello")));
}

TEST_P(ContainerStory, TheGeneratedProfilePrintsHelloWorldInEveryStart) {
  const std::string profile = generated({"/bin/helloworld"});
  for (int i = 0; i < starts(); ++i) {
    const Outcome outcome = engine_->start({"/bin/helloworld"}, {.profile = profile});
    ASSERT_EQ(outcome.status, 0) << "start " << i << ": " << outcome.err;
    ASSERT_EQ(outcome.out, "Hello World\n");
  }
}

/// A small C program makes next to none of the runtime's calls itself, and where a refused call
/// kills, a layer with a hole shows even if the runtime would live with the refusal.
TEST_P(ContainerStory, TheLayerHasEveryCallOfTheRuntime) {
  for (const bool no_new_privileges : {true, false}) {
    SCOPED_TRACE(no_new_privileges);
    std::vector<std::string> options = {"--default-action", "kill-process"};
    if (!no_new_privileges) options.emplace_back("--runtime-privileges");
    const std::string killing = generated({"/bin/busybox", "echo", "Hello"}, options);
    for (int i = 0; i < starts() / 2; ++i) {
      const Outcome outcome =
          engine_->start({"/bin/busybox", "echo", "Hello"},
                         {.profile = killing, .no_new_privileges = no_new_privileges});
      ASSERT_EQ(outcome.status, 0) << "start " << i << ": " << outcome.err;
      ASSERT_EQ(outcome.out, "Hello\n");
    }
  }
}

TEST_P(ContainerStory, TheProgramCannotMakeACallThatIsNotInTheGeneratedProfile) {
  const std::string profile = generated({"/bin/busybox", "echo", "Hello"});
  const Outcome outcome =
      engine_->start({"/bin/busybox", "mkdir", "/tmp/made"}, {.profile = profile});
  EXPECT_NE(outcome.status, 0);
  EXPECT_THAT(outcome.err, HasSubstr("Operation not permitted"));
  EXPECT_FALSE(std::filesystem::exists(in_root_fs("/tmp/made")));
}

TEST_P(ContainerStory, AShellMayDoEverythingButMkdirAndChdir) {
  for (const char* file : {"deny-dir.json", "deny-dir.name.json"}) {
    SCOPED_TRACE(file);
    std::string profile = story_profile(file);
    if (engine_->takes_bundles()) profile = converted(profile);
    const Outcome outcome = engine_->start(
        {"/bin/bash", "-c",
         "cd /home; mkdir test; ls -d /home; echo $((6 * 7)) > /tmp/file; cat /tmp/file"},
        {.profile = profile});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_THAT(outcome.err, HasSubstr("cd: /home: Operation not permitted"));
    EXPECT_THAT(outcome.err,
                HasSubstr("mkdir: cannot create directory 'test': Operation not permitted"));
    EXPECT_EQ(outcome.out, "/home\n42\n");
    EXPECT_FALSE(std::filesystem::exists(in_root_fs("/test")));
  }
}

TEST_P(ContainerStory, KillOnMkdirGives159AndMakesNoDirectory) {
  const std::string profile = dir_.write("kill-dir.json", kKillDir);
  const Outcome outcome = engine_->start({"/bin/mkdir", "/tmp/made"}, {.profile = profile});
  EXPECT_EQ(outcome.status, kSigsysStatus) << outcome.err;
  EXPECT_FALSE(std::filesystem::exists(in_root_fs("/tmp/made")));
}

/// Why the layer is there: allow-helloworld.json, as a user writes it from what the program calls,
/// is enough for crun and not for runc.
TEST_P(ContainerStory, TheProfileOfTheProgramAloneStartsUnderCrunOnly) {
  const Outcome outcome =
      engine_->start({"/bin/helloworld"}, {.profile = story_profile("allow-helloworld.json")});
  if (engine_->runtime() == "crun" || engine_->runtime() == "podman") {
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out, "Hello World\n");
  } else {
    EXPECT_NE(outcome.status, 0);
    EXPECT_THAT(outcome.err,
                HasSubstr("ensure /proc/self/fd is on procfs: operation not permitted"));
    EXPECT_EQ(outcome.out, "");
  }
}

/// Docker's old dialect in a config.json: runc takes the rule for one of no calls and goes on, crun
/// refuses the file. So profiles go into bundles through `sysnare convert`.
class OciBundle : public ContainerStory {};
INSTANTIATE_TEST_SUITE_P(Engines, OciBundle, ::testing::Values("runc", "crun"), test_name);

TEST_P(OciBundle, TheSingularNameProtectsNothingUnlessConverted) {
  const std::string profile = story_profile("deny-dir.name.json");
  const std::vector<std::string> argv = {"/bin/mkdir", "/tmp/made"};
  const Outcome as_it_is = engine_->start(argv, {.profile = profile});
  const bool made = std::filesystem::remove(in_root_fs("/tmp/made"));
  if (engine_->runtime() == "runc") {
    EXPECT_EQ(as_it_is.status, 0) << as_it_is.err;
    EXPECT_TRUE(made);
  } else {
    EXPECT_EQ(as_it_is.status, 1);
    EXPECT_THAT(as_it_is.err, HasSubstr("'names' not present"));
    EXPECT_FALSE(made);
  }

  const Outcome refused = engine_->start(argv, {.profile = converted(profile)});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err,
              HasSubstr("cannot create directory '/tmp/made': Operation not permitted"));
  EXPECT_FALSE(std::filesystem::exists(in_root_fs("/tmp/made")));
}

}  // namespace
}  // namespace sysnare::live
