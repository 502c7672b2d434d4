#include "container/engine_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sysnare {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

const EngineProgram kDocker{"docker", "docker", {}};

TEST(EngineRun, OurOptionsStandBehindRun) {
  const Words added = {"--cgroup-parent", "/x"};
  const auto plain = run_with(kDocker, {"run", "--rm", "story", "run"}, added, {});
  ASSERT_TRUE(plain);
  EXPECT_EQ(*plain, (Words{"run", "--cgroup-parent", "/x", "--rm", "story", "run"}));
  const auto longer = run_with(kDocker, {"container", "run", "story"}, added, {});
  ASSERT_TRUE(longer);
  EXPECT_EQ(*longer, (Words{"container", "run", "--cgroup-parent", "/x", "story"}));
}

TEST(EngineRun, WhatStartsNoContainerOfOursIsRefused) {
  struct Case {
    const char* why;
    Words words;
    const char* says;
  };
  const Case kCases[] = {
      {"nothing", {}, "`-- run` and what belongs to it is needed"},
      {"another command", {"exec", "web", "sh"}, "`docker exec` starts no container"},
      {"half of one", {"container"}, "is needed"},
      {"an option of the engine's first", {"-H", "x", "run"}, "--engine-arg"},
      {"the option that we need", {"run", "--cgroup-parent", "/y", "story"}, "--cgroup-parent"},
      {"the same in one word", {"run", "--cgroup-parent=/y", "story"}, "--cgroup-parent"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const auto refused = run_with(kDocker, c.words, {}, {"--cgroup-parent"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::kUsage);
    EXPECT_THAT(refused.error().message, HasSubstr(c.says));
  }
  EXPECT_TRUE(run_with(kDocker, {"run", "--cgroup-parents", "story"}, {}, {"--cgroup-parent"}));
}

TEST(EngineRun, AConfigElsewhereStartsTheSameContainer) {
  const auto text = config_elsewhere(R"({
    "root": {"path": "rootfs"},
    "mounts": [{"source": "proc", "options": ["nosuid"]},
               {"source": "data/../share", "options": ["rbind", "ro"]},
               {"source": "/etc/hosts", "options": ["bind"]}],
    "linux": {"cgroupsPath": "/mine", "resources": {"pids": {"limit": 5}}}})",
                                     "/srv/b", "/x/id");
  ASSERT_TRUE(text) << text.error().message;
  const Json config = Json::parse(*text);
  EXPECT_EQ(config["root"]["path"], "/srv/b/rootfs");
  EXPECT_EQ(config["mounts"][0]["source"], "proc");
  EXPECT_EQ(config["mounts"][1]["source"], "/srv/b/share");
  EXPECT_EQ(config["mounts"][2]["source"], "/etc/hosts");
  EXPECT_EQ(config["linux"]["cgroupsPath"], "/x/id");
  EXPECT_EQ(config["linux"]["resources"]["pids"]["limit"], 5);
}

TEST(EngineRun, AConfigThatIsNoneIsNamed) {
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), deep, std::string(R"({"root": 1})"),
        std::string(R"({"root": {}, "linux": []})")}) {
    const auto refused = config_elsewhere(text, "/srv/b", "/x");
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, Errc::kBadInput);
    EXPECT_THAT(refused.error().message, HasSubstr("/srv/b/config.json: "));
  }
}

}  // namespace
}  // namespace sysnare
