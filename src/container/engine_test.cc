#include "container/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"

namespace sysnare {
namespace {

using ::testing::HasSubstr;

EngineProgram called(const std::string& name) { return {name, name, {}}; }

TEST(Engine, AProgramIsKnownByTheLastPartOfItsPath) {
  const auto docker = engine_program("/opt/x/docker", {"-H", "unix:///s"});
  ASSERT_TRUE(docker);
  EXPECT_EQ(docker->name, "docker");
  EXPECT_EQ(docker->command({"run"}),
            (std::vector<std::string>{"/opt/x/docker", "-H", "unix:///s", "run"}));
  for (const char* wrong : {"", "/", "dockerd", "docker/", "Docker", "nerdctl"}) {
    const auto none = engine_program(wrong, {});
    ASSERT_FALSE(none) << wrong;
    EXPECT_THAT(none.error().message, HasSubstr("docker, podman, runc, crun"));
  }
}

TEST(Engine, ReadsWhatDockerAndPodmanInspectPrint) {
  const auto docker = container_of_inspect(
      R"([{"Id": "ab12", "Name": "/web", "State": {"Status": "running", "Pid": 77},
           "Image": "sha256:1", "Config": {"Image": "story"}, "HostConfig": {"Runtime": "runc"}}])",
      called("docker"));
  ASSERT_TRUE(docker) << docker.error().message;
  EXPECT_EQ(docker->init, 77);
  EXPECT_EQ(
      docker->workload,
      (Workload{
          .engine = "docker", .runtime = "docker", .name = "web", .id = "ab12", .image = "story"}));
  const auto podman = container_of_inspect(
      R"([{"Id": "cd34", "Name": "db", "State": {"Pid": 78}, "Image": "1f", "OCIRuntime": "/usr/bin/crun",
           "ImageName": "localhost/story:latest", "Config": {}}])",
      called("podman"));
  ASSERT_TRUE(podman) << podman.error().message;
  EXPECT_EQ(podman->workload, (Workload{.engine = "podman",
                                        .runtime = "podman+crun",
                                        .name = "db",
                                        .id = "cd34",
                                        .image = "localhost/story:latest"}));
}

TEST(Engine, OtherAnswersAreErrorsOfOneSentence) {
  struct Case {
    const char* why;
    const char* text;
    const char* says;
  };
  constexpr Case kCases[] = {
      {"no state", R"([{"Name": "/web"}])", "State"},
      {"none", "[]", "0 containers, 1 is needed"},
      {"two", "[{}, {}]", "2 containers, 1 is needed"},
      {"no list", "{}", "array"},
      {"no object", "[1]", "an object is needed"},
      {"a pid that is none", R"([{"State": {"Pid": 99999999}}])", "99999999"},
      {"no JSON", "Cannot connect", "docker inspect"},
      {"nothing", "", "docker inspect"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const auto none = container_of_inspect(c.text, called("docker"));
    ASSERT_FALSE(none);
    EXPECT_THAT(none.error().message, HasSubstr(c.says));
  }
}

/// Engines that are shell scripts.
class FindContainer : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
    path_ = std::getenv("PATH");
    ::setenv("PATH", (folder_ + ":" + path_).c_str(), 1);
  }
  void TearDown() override {
    ::setenv("PATH", path_.c_str(), 1);
    std::filesystem::remove_all(folder_);
  }
  EngineProgram engine(const std::string& name, const std::string& script) {
    const std::string file = folder_ + "/" + name;
    EXPECT_TRUE(write_file_atomic(file, "#!/bin/sh\n" + script + "\n"));
    ::chmod(file.c_str(), 0755);
    return {name, file, {"--arg"}};
  }
  static std::string message(const Result<EngineContainer>& result) {
    return result ? "found " + result->workload.name : result.error().message;
  }

  static constexpr const char* kHasWeb =
      R"(echo '[{"Id": "1", "Name": "web", "State": {"Pid": 7}}]')";
  static constexpr const char* kHasNone =
      R"(echo '[]'; echo "Error: No such container: $5" >&2; exit 1)";
  static constexpr const char* kIsDown = "echo 'Cannot connect to the daemon.' >&2; exit 1";
  std::string folder_ = "/tmp/sysnare-engine-XXXXXX";
  std::string path_;
};

TEST_F(FindContainer, AsksAllAndTakesTheOneThatKnowsIt) {
  const auto has = engine("docker", kHasWeb);
  const auto none = engine("podman", kHasNone);
  EXPECT_EQ(message(find_container({has, none}, "web")), "found web");
  EXPECT_EQ(message(find_container({none, has}, "web")), "found web");
  EXPECT_EQ(message(find_container({none}, "web")), "no container web: podman has none");
  EXPECT_EQ(message(find_container({engine("docker", kIsDown), none}, "web")),
            "no container web: docker fails: Cannot connect to the daemon.; podman has none");
}

TEST_F(FindContainer, TwoOfOneNameAreToldApartByTheUser) {
  const std::string said =
      message(find_container({engine("docker", kHasWeb), engine("podman", kHasWeb)}, "web"));
  EXPECT_THAT(said, HasSubstr("both docker and podman have a container web"));
  EXPECT_THAT(said, HasSubstr("--engine podman"));
}

TEST_F(FindContainer, AStoppedOneIsToldHowToStart) {
  const auto stopped =
      engine("docker", R"(echo '[{"Name": "/web", "State": {"Status": "exited", "Pid": 0}}]')");
  EXPECT_EQ(message(find_container({stopped}, "web")),
            "container web of docker does not run (exited); `docker start web` starts it");
}

TEST_F(FindContainer, ANameThatCanBeNoneIsNotHandedToAnEngine) {
  for (const char* name : {"", "-a", "--help", "a b", "../x", "a;b", "\n"}) {
    const auto none = find_container({engine("docker", kHasWeb)}, name);
    ASSERT_FALSE(none) << name;
    EXPECT_EQ(none.error().code, Errc::kUsage);
    EXPECT_THAT(none.error().message, HasSubstr("can be no container's name"));
  }
}

TEST_F(FindContainer, WithoutAnEngineItSaysWhatItLookedFor) {
  ::setenv("PATH", folder_.c_str(), 1);
  EXPECT_EQ(message(find_container({called("docker"), called("podman")}, "web")),
            "no container engine in PATH; looked for docker and podman");
}

}  // namespace
}  // namespace sysnare
