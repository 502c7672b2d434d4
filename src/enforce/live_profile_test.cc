#include "enforce/live_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "arch/syscalls.h"

namespace sysnare {
namespace {

using ::testing::HasSubstr;

/// A profile file, removed on destruction.
class ProfileFile {
 public:
  explicit ProfileFile(const std::string& text) {
    char name[] = "/tmp/sysnare-live-profile-XXXXXX";
    ::close(::mkstemp(name));
    path_ = name;
    std::ofstream(path_) << text;
  }
  ~ProfileFile() { ::unlink(path_.c_str()); }
  ProfileFile(const ProfileFile&) = delete;
  ProfileFile& operator=(const ProfileFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

LiveProfileOptions options_for(const ProfileFile& file) {
  LiveProfileOptions options;
  options.path = file.path();
  return options;
}

seccomp_data call_of(Abi abi, std::string_view name) {
  seccomp_data data{};
  data.arch = audit_arch(abi);
  data.nr = static_cast<int>(syscall_nr(abi, name).value_or(0));
  return data;
}

TEST(LiveProfile, RaisesKillsToTheProcessWhenAsked) {
  const ProfileFile file(R"({"defaultAction": "SCMP_ACT_KILL", "syscalls": [
    {"names": ["getpid"], "action": "SCMP_ACT_KILL_THREAD"},
    {"names": ["read"], "action": "SCMP_ACT_TRAP"}]})");
  LiveProfileOptions options = options_for(file);
  Result<LiveProfile> plain = load_live_profile(options);
  ASSERT_TRUE(plain.has_value()) << plain.error().message;
  EXPECT_TRUE(plain->uses(SECCOMP_RET_KILL_THREAD));
  options.kill_process = true;
  Result<LiveProfile> raised = load_live_profile(options);
  ASSERT_TRUE(raised.has_value());
  EXPECT_FALSE(raised->uses(SECCOMP_RET_KILL_THREAD));
  EXPECT_TRUE(raised->uses(SECCOMP_RET_KILL_PROCESS));
  EXPECT_TRUE(raised->uses(SECCOMP_RET_TRAP)) << "what is no kill is left alone";
}

TEST(LiveProfile, NamesTheRuleThatDecided) {
  const ProfileFile file(
      "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [\n"
      "{\"names\": [\"getpid\"], \"action\": \"SCMP_ACT_ALLOW\"},\n"
      "{\"names\": [\"kill\"], \"action\": \"SCMP_ACT_KILL_PROCESS\",\n"
      " \"args\": [{\"index\": 1, \"value\": 9, \"op\": \"SCMP_CMP_EQ\"}]}]}");
  const Result<LiveProfile> live = load_live_profile(options_for(file));
  ASSERT_TRUE(live.has_value()) << live.error().message;
  EXPECT_EQ(deciding_rule(*live, call_of(native_abi(), "read")),
            "the default action of " + file.path() + " is errno EPERM");
  seccomp_data kill = call_of(native_abi(), "kill");
  EXPECT_THAT(deciding_rule(*live, kill), HasSubstr("default action"));
  kill.args[1] = 9;
  EXPECT_EQ(deciding_rule(*live, kill), file.path() + ":3: syscalls[1] says kill process");
  for (Abi sibling : sibling_abis(native_abi())) {
    EXPECT_THAT(deciding_rule(*live, call_of(sibling, "getpid")),
                HasSubstr(fmt::format("lists no {} calls", abi_name(sibling))));
  }
}

TEST(LiveProfile, TurnsFlagsIntoBitsAndSaysWhichHaveNoEffect) {
  struct Case {
    const char* why;
    std::string flag;
    bool listener;
    std::uint64_t bits;
    std::size_t warnings;
  };
  const Case cases[] = {
      {"LOG", "SECCOMP_FILTER_FLAG_LOG", false, SECCOMP_FILTER_FLAG_LOG, 0},
      {"TSYNC", "SECCOMP_FILTER_FLAG_TSYNC", false, SECCOMP_FILTER_FLAG_TSYNC, 0},
      {"TSYNC and a listener go together with TSYNC_ESRCH alone", "SECCOMP_FILTER_FLAG_TSYNC", true,
       SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH, 0},
      {"killable receive", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", true,
       SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, 0},
      {"killable receive, nobody listens", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", false, 0, 1},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const ProfileFile file(R"({"defaultAction": "SCMP_ACT_ALLOW", "flags": [")" + c.flag +
                           R"("]})");
    LiveProfileOptions options = options_for(file);
    options.listener = c.listener;
    const Result<LiveProfile> live = load_live_profile(options);
    ASSERT_TRUE(live.has_value()) << live.error().message;
    EXPECT_EQ(live->filter_flags, c.bits);
    EXPECT_EQ(live->warnings.size(), c.warnings);
  }
}

TEST(LiveProfile, UnknownNamesAreAnErrorUnlessAllowed) {
  const ProfileFile file(R"({"defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{"names": ["mkdri", "getpid", "foo"], "action": "SCMP_ACT_ERRNO"}]})");
  LiveProfileOptions options = options_for(file);
  const Result<LiveProfile> refused = load_live_profile(options);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::kBadInput);
  EXPECT_THAT(refused.error().message, HasSubstr("--allow-unknown"));
  options.allow_unknown = true;
  const Result<LiveProfile> allowed = load_live_profile(options);
  ASSERT_TRUE(allowed.has_value());
  EXPECT_EQ(allowed->warnings.size(), 2u);
  EXPECT_EQ(evaluate(allowed->resolved, call_of(native_abi(), "getpid")).action(),
            SECCOMP_RET_ERRNO);
}

TEST(LiveProfile, KnowsThisProcessAndKernel) {
  EXPECT_GE(running_kernel(), (KernelVersion{.major = 4, .minor = 14}));
  const std::vector<std::string> caps = effective_capabilities();
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2]{};
  ASSERT_EQ(::syscall(SYS_capget, &header, sets), 0);
  for (const auto& [name, number] : {std::pair{"CAP_CHOWN", CAP_CHOWN},
                                     {"CAP_SYS_ADMIN", CAP_SYS_ADMIN},
                                     {"CAP_BPF", CAP_BPF},
                                     {"CAP_CHECKPOINT_RESTORE", CAP_CHECKPOINT_RESTORE}}) {
    EXPECT_EQ(std::find(caps.begin(), caps.end(), name) != caps.end(),
              (sets[number / 32].effective >> (number % 32) & 1) != 0)
        << name;
  }
}

}  // namespace
}  // namespace sysnare
