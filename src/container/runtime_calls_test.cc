#include "container/runtime_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "arch/syscalls.h"

namespace sysnare {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

std::set<std::string> all_calls(std::string_view runtime, bool no_new_privileges) {
  std::set<std::string> calls;
  const auto layers = runtime_calls(runtime, no_new_privileges);
  EXPECT_TRUE(layers.has_value()) << runtime;
  if (!layers) return calls;
  for (const RuntimeCalls& layer : *layers) calls.insert(layer.calls.begin(), layer.calls.end());
  return calls;
}

TEST(RuntimeCalls, EveryLayerIsLabelledSortedAndOfRealCalls) {
  for (const std::string_view runtime : runtime_names()) {
    const auto layers = runtime_calls(runtime, false);
    ASSERT_TRUE(layers.has_value());
    std::set<std::string> labels;
    for (const RuntimeCalls& layer : *layers) {
      SCOPED_TRACE(std::string(runtime) + " / " + layer.runtime);
      EXPECT_TRUE(labels.insert(layer.runtime).second) << "two layers with one label";
      EXPECT_THAT(layer.reason, HasSubstr("measured on"));
      EXPECT_TRUE(std::is_sorted(layer.calls.begin(), layer.calls.end()));
      EXPECT_EQ(std::adjacent_find(layer.calls.begin(), layer.calls.end()), layer.calls.end());
      for (const std::string& call : layer.calls) {
        EXPECT_TRUE(syscall_nr(Abi::kX86_64, call).has_value()) << call;
      }
    }
  }
}

TEST(RuntimeCalls, HoldsWhatABisectionFound) {
  struct Case {
    const char* why;
    const char* runtime;
    bool no_new_privileges;
    std::vector<std::string> needed;
  };
  const Case kCases[] = {
      {"crun only execs", "crun", true, {"execve"}},
      {"firejail only execs", "firejail", true, {"execve"}},
      {"systemd only execs", "systemd", true, {"execve"}},
      {"crun drops privileges", "crun", false, {"capset", "prctl", "setresgid", "setresuid"}},
      {"crun create waits for start", "crun", false, {"pselect6", "read"}},
      {"runc walks /proc/self/fd",
       "runc",
       true,
       {"close", "execve", "fcntl", "fstatfs", "futex", "getdents64", "openat", "read", "write"}},
      {"runc drops privileges",
       "runc",
       false,
       {"capget", "capset", "chdir", "faccessat2", "fstat", "fstatfs", "getcwd", "getdents64",
        "getppid", "newfstatat", "prctl", "setgid", "setgroups", "setuid"}},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    EXPECT_THAT(all_calls(c.runtime, c.no_new_privileges), IsSupersetOf(c.needed));
  }
}

TEST(RuntimeCalls, NoNewPrivsNeedsNoneOfTheCallsThatDropPrivileges) {
  for (const std::string_view runtime : runtime_names()) {
    const std::set<std::string> narrow = all_calls(runtime, true);
    for (const char* call : {"capset", "chdir", "prctl", "setgid", "setresuid", "setuid"}) {
      EXPECT_THAT(narrow, Not(Contains(call))) << runtime;
    }
    EXPECT_THAT(all_calls(runtime, false), IsSupersetOf(narrow));
  }
}

TEST(RuntimeCalls, AnEngineHasTheLayersOfTheRuntimesThatItStarts) {
  for (const bool no_new_privileges : {true, false}) {
    const std::set<std::string> crun = all_calls("crun", no_new_privileges);
    const std::set<std::string> runc = all_calls("runc", no_new_privileges);
    std::set<std::string> both = crun;
    both.insert(runc.begin(), runc.end());
    EXPECT_EQ(all_calls("docker", no_new_privileges), runc);
    EXPECT_EQ(all_calls("podman", no_new_privileges), both);
    EXPECT_EQ(all_calls("podman+crun", no_new_privileges), crun);
    EXPECT_EQ(all_calls("podman+runc", no_new_privileges), runc);
  }
}

TEST(RuntimeCalls, AnUnknownRuntimeIsRefusedWithTheNamesThatAreAllowed) {
  for (const std::string_view name : {"", "Docker", "runc ", "podman+", "kata\x1b[31m"}) {
    const auto layers = runtime_calls(name);
    ASSERT_FALSE(layers.has_value()) << name;
    EXPECT_EQ(layers.error().code, Errc::kUsage);
    EXPECT_THAT(
        layers.error().message,
        HasSubstr("allowed are crun, docker, firejail, podman, podman+crun, podman+runc, runc, "
                  "systemd"));
    EXPECT_THAT(layers.error().message, Not(HasSubstr("\x1b")));
  }
}

}  // namespace
}  // namespace sysnare
