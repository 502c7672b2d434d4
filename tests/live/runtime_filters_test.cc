// What do runc, crun, Docker and Podman make of a profile? The filter of a container that they
// started is read from the kernel and held against as_runtime(); the linux.seccomp that Docker and
// Podman wrote for it against plain_profile().
//
// Needs root. An engine that is not to be had is skipped by name.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <csignal>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>

#include "engines.h"
#include "filter/differences.h"
#include "filter/filter.h"
#include "process/filters_of.h"
#include "processes.h"
#include "profile/plain.h"
#include "profile/runtime.h"

namespace sysnare::live {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using ::testing::HasSubstr;

[[maybe_unused]] const auto* const kEnvironment =
    ::testing::AddGlobalTestEnvironment(new EnginesForAll);

/// The capabilities that the engines of these versions give by themselves, as far as the defaults
/// of Docker and Podman ask for any.
const std::vector<std::string> kOwnCapabilities = {
    "CAP_CHOWN",      "CAP_DAC_OVERRIDE", "CAP_FSETID",     "CAP_FOWNER",
    "CAP_SETGID",     "CAP_SETUID",       "CAP_SETPCAP",    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT", "CAP_KILL",         "CAP_AUDIT_WRITE"};

KernelVersion running_kernel() {
  utsname names{};
  ::uname(&names);
  KernelVersion version;
  std::sscanf(names.release, "%u.%u", &version.major, &version.minor);
  return version;
}

/// A container at sleep, and what is known of it.
struct Sleeper {
  std::vector<std::vector<sock_filter>> filters;
  Json seccomp;  ///< linux.seccomp of its config.json; null under runc and crun, which got it
  Outcome outcome;
};

class RuntimeFilters : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    engine_ = EnginesForAll::get().get(GetParam());
    if (engine_ == nullptr) GTEST_SKIP() << EnginesForAll::get().why_not(GetParam());
  }

  [[nodiscard]] Runtime runtime() const {
    const std::string name = GetParam();
    if (name.starts_with("podman")) return Runtime::kPodman;
    return runtime_by_name(name).value();
  }

  /// linux.seccomp of the config.json that starts `argv`.
  [[nodiscard]] Json seccomp_of(const std::vector<std::string>& argv) const {
    const fs::path folder = fs::path(EnginesForAll::get().root_fs()).parent_path() / GetParam();
    const auto skip = fs::directory_options::skip_permission_denied;
    std::error_code error;
    for (auto each = fs::recursive_directory_iterator(folder, skip, error);
         each != fs::recursive_directory_iterator(); each.increment(error)) {
      const std::string name = each->path().filename();
      // The root file systems are not worth the walk.
      if (name == "rootfs" || name == "dir" || name == "merged") each.disable_recursion_pending();
      if (name != "config.json") continue;
      const Json config = Json::parse(slurp(each->path()), nullptr, false);
      if (config.is_discarded() || !config.contains("process")) continue;
      if (config["process"]["args"] == Json(argv)) return config["linux"]["seccomp"];
    }
    return {};
  }

  Sleeper sleeper(const std::string& profile, const std::vector<std::string>& capabilities = {}) {
    // A number that no other process sleeps for.
    const std::vector<std::string> argv = {
        "/bin/busybox", "sleep",
        std::to_string(1000000 + ::getpid()) + "." + std::to_string(++count_)};
    ContainerOptions options;
    options.profile = profile;
    options.capabilities = capabilities;
    auto started = std::async(std::launch::async, [&] { return engine_->start(argv, options); });
    Sleeper sleeper;
    pid_t pid = 0;
    const bool ended_early = !eventually([&] {
      pid = process_of(argv);
      return pid != 0 || started.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    });
    if (!ended_early && pid != 0) {
      Result<std::vector<std::vector<sock_filter>>> filters = filters_of(pid);
      EXPECT_TRUE(filters.has_value()) << (filters ? "" : filters.error().message);
      if (filters) sleeper.filters = std::move(*filters);
      // What the engine still removes of the container before may end the walk over its folder.
      eventually([&] {
        if (!engine_->takes_bundles()) sleeper.seccomp = seccomp_of(argv);
        return engine_->takes_bundles() || !sleeper.seccomp.is_null();
      });
      ::kill(pid, SIGKILL);
    }
    sleeper.outcome = started.get();
    return sleeper;
  }

  /// The filter of a container with `profile` against as_runtime() of it.
  void compare(const std::string& file, const ResolveOptions& options,
               const std::vector<std::string>& capabilities = {}) {
    Result<Profile> profile = load_profile(file);
    ASSERT_TRUE(profile.has_value()) << profile.error().message;
    const Sleeper got = sleeper(file, capabilities);
    ASSERT_EQ(got.filters.size(), 1u) << got.outcome.err;
    const Result<RuntimeView> view = as_runtime(*profile, options, runtime());
    ASSERT_TRUE(view.has_value()) << view.error().message;
    const Result<Filter> ours = compile(view->resolved);
    ASSERT_TRUE(ours.has_value()) << ours.error().message;
    const Result<std::vector<Difference>> found = differences(got.filters[0], ours->program);
    ASSERT_TRUE(found.has_value()) << found.error().message;
    for (const Difference& each : *found) {
      ADD_FAILURE() << (each.abi ? abi_name(*each.abi) : "?") << " " << each.first << "-"
                    << each.last << " " << each.name << ": " << GetParam() << " says "
                    << action_label(each.before) << ", we " << action_label(each.after);
    }
    if (engine_->takes_bundles()) return;
    const Result<PlainProfile> plain = plain_profile(*profile, options);
    ASSERT_TRUE(plain.has_value());
    Json wanted = normal(Json::parse(write_profile(plain->profile)));
    // Docker 20.10 drops it; as_runtime() says so.
    if (runtime() == Runtime::kDocker) wanted.erase("defaultErrnoRet");
    EXPECT_EQ(normal(got.seccomp), wanted);
  }

  /// Without what says nothing: keys that are absent in one and empty in the other, comments.
  static Json normal(Json seccomp) {
    for (const char* key : {"flags", "listenerPath", "listenerMetadata"}) seccomp.erase(key);
    if (!seccomp.contains("syscalls")) seccomp["syscalls"] = Json::array();
    for (Json& entry : seccomp["syscalls"]) {
      entry.erase("comment");
      if (entry.contains("args") && entry["args"].empty()) entry.erase("args");
      if (!entry.contains("args")) continue;
      for (Json& arg : entry["args"]) {
        if (!arg.contains("valueTwo")) arg["valueTwo"] = 0;
      }
    }
    return seccomp;
  }

  ResolveOptions options(const std::vector<std::string>& more = {}) const {
    ResolveOptions made;
    made.kernel = running_kernel();
    made.caps = kOwnCapabilities;
    made.caps.insert(made.caps.end(), more.begin(), more.end());
    return made;
  }

  Engine* engine_ = nullptr;
  TempDir dir_;
  int count_ = 0;
};

std::string test_name(const ::testing::TestParamInfo<const char*>& engine) {
  return std::string(engine.param) == "podman+runc" ? "podman_runc" : engine.param;
}

INSTANTIATE_TEST_SUITE_P(Engines, RuntimeFilters,
                         ::testing::Values("docker", "podman", "runc", "crun"), test_name);

TEST_P(RuntimeFilters, AreWhatAsRuntimeSays) {
  struct Case {
    const char* why;
    const char* text;
  };
  const Case kCases[] = {
      {"the shortest",
       R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
         {"names": ["mkdir"], "action": "SCMP_ACT_KILL"}]})"},
      {"one index twice, names that libseccomp does not know",
       R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
         {"names": ["personality", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7,
          "args": [{"index": 0, "value": 5, "op": "SCMP_CMP_EQ"},
                   {"index": 0, "value": 6, "op": "SCMP_CMP_EQ"}]},
         {"names": ["mseal"], "action": "SCMP_ACT_KILL_PROCESS"}]})"},
      {"multiplexed calls of i386, and x32",
       R"({"defaultAction": "SCMP_ACT_LOG",
         "architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"], "syscalls": [
         {"names": ["mkdir"], "action": "SCMP_ACT_TRAP"},
         {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "args": [
           {"index": 0, "value": 16, "op": "SCMP_CMP_EQ"},
           {"index": 2, "value": 9, "op": "SCMP_CMP_EQ"}]},
         {"names": ["shmget", "semop"], "action": "SCMP_ACT_ERRNO"}]})"},
      {"an entry with the default action beside one with another",
       R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
         {"names": ["mkdir"], "action": "SCMP_ACT_ALLOW"},
         {"names": ["mkdir", "rmdir"], "action": "SCMP_ACT_ERRNO"},
         {"names": ["rmdir"], "action": "SCMP_ACT_KILL"}]})"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    compare(dir_.write("p.json", c.text), options());
  }
}

TEST_P(RuntimeFilters, OfTheDefaultsOfDockerAndPodman) {
  const char* folder = std::getenv("SYSNARE_TEST_DATA");
  const std::string data = folder != nullptr ? folder : source_file("../shared/data");
  int compared = 0;
  for (const std::string& file :
       {data + "/docker-default.json", std::string("/usr/share/containers/seccomp.json")}) {
    if (!fs::exists(file)) continue;
    for (const std::vector<std::string>& capabilities :
         {std::vector<std::string>{}, {"CAP_SYS_ADMIN"}, {"CAP_SYS_PTRACE", "CAP_SYS_TIME"}}) {
      SCOPED_TRACE(file);
      ++compared;
      if (!engine_->takes_bundles()) {
        compare(file, options(capabilities), capabilities);
        continue;
      }
      // Bundles have no use for conditions: what `convert --resolve` makes.
      const Result<PlainProfile> plain =
          plain_profile(load_profile(file).value(), options(capabilities));
      ASSERT_TRUE(plain.has_value());
      compare(dir_.write("p.json", write_profile(plain->profile)), options());
    }
  }
  if (compared == 0) GTEST_SKIP() << "needs SYSNARE_TEST_DATA or golang-github-containers-common";
}

/// runc and crun read a Docker profile as it is: keys that they do not know are ignored.
TEST_P(RuntimeFilters, OfDockersKeysInABundle) {
  if (!engine_->takes_bundles()) GTEST_SKIP() << GetParam() << " takes no bundles";
  compare(dir_.write("p.json", R"({"defaultAction": "SCMP_ACT_ALLOW",
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
    "syscalls": [
      {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errno": "ENOSYS",
       "includes": {"caps": ["CAP_NO_SUCH"]}},
      {"names": ["rmdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]})"),
          options());
}

/// What as_runtime() says is refused is refused.
TEST_P(RuntimeFilters, NoneWhereARuntimeRefuses) {
  struct Case {
    const char* why;
    const char* text;
    const char* says;  ///< runc's words
  };
  const Case kCases[] = {
      {"NOTIFY as default", R"({"defaultAction": "SCMP_ACT_NOTIFY", "listenerPath": "/no/socket"})",
       "SCMP_ACT_NOTIFY cannot be used as default action"},
      {"NOTIFY on write",
       R"({"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/no/socket", "syscalls": [
         {"names": ["write"], "action": "SCMP_ACT_NOTIFY"}]})",
       "SCMP_ACT_NOTIFY cannot be used for the write syscall"},
      {"flags",
       R"({"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_LOG"], "syscalls": []})",
       "flags are not yet supported by runc"},
      {"errno 4095",
       R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
         {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 4095}]})",
       "mkdir"},
  };
  if (std::string(GetParam()) != "runc") GTEST_SKIP() << "sentences of runc";
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const std::string file = dir_.write("p.json", c.text);
    const Outcome outcome = engine_->start({"/bin/true"}, {.profile = file});
    EXPECT_NE(outcome.status, 0);
    EXPECT_THAT(outcome.err + outcome.out, HasSubstr(c.says));
    const Result<RuntimeView> view = as_runtime(load_profile(file).value(), options(), runtime());
    ASSERT_FALSE(view.has_value());
    EXPECT_THAT(view.error().message, HasSubstr("refuses"));
  }
}

}  // namespace
}  // namespace sysnare::live
