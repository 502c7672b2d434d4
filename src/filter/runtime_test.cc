// Profiles as runtimes enforce them, held against filters that the installed libseccomp builds when
// it is asked in the way in which runc and crun ask it. The filters of real containers are in
// tests/live/runtime_filters_test.cc.

#include "profile/runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "arch/syscalls.h"
#include "filter/differences.h"
#include "filter/filter.h"
#include "filter/test_profiles.h"
#include "profile/libseccomp_names.h"
#include "profile/plain.h"

#ifdef SYSNARE_HAVE_LIBSECCOMP
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

// libseccomp 2.5.4 leaks the tree of a rule that it refuses.
extern "C" const char* __lsan_default_suppressions();  // NOLINT(bugprone-reserved-identifier)
extern "C" const char* __lsan_default_suppressions() { return "leak:libseccomp.so"; }

namespace sysnare {
namespace {

using ::testing::HasSubstr;

std::optional<std::uint32_t> scmp_arch(std::string_view name) {
  if (name == "SCMP_ARCH_X86_64") return SCMP_ARCH_X86_64;
  if (name == "SCMP_ARCH_X86") return SCMP_ARCH_X86;
  if (name == "SCMP_ARCH_X32") return SCMP_ARCH_X32;
  return std::nullopt;
}

std::uint32_t scmp_action(Action action, std::optional<std::uint32_t> errno_ret) {
  switch (action) {
    case Action::kKill:
    case Action::kKillThread:
      return SCMP_ACT_KILL_THREAD;
    case Action::kKillProcess:
      return SCMP_ACT_KILL_PROCESS;
    case Action::kTrap:
      return SCMP_ACT_TRAP;
    case Action::kErrno:
      return SCMP_ACT_ERRNO(errno_ret.value_or(1));
    case Action::kTrace:
      return SCMP_ACT_TRACE(errno_ret.value_or(1));
    case Action::kAllow:
      return SCMP_ACT_ALLOW;
    case Action::kLog:
      return SCMP_ACT_LOG;
    case Action::kNotify:
      return SCMP_ACT_NOTIFY;
  }
  return SCMP_ACT_KILL_PROCESS;
}

/// What crun gets from libseccomp for `profile`, which has OCI's keys alone. `refused` counts rules
/// that it does not take: two actions for the same conditions.
std::vector<sock_filter> libseccomp_program(const Profile& profile, int& refused) {
  const std::uint32_t otherwise = scmp_action(profile.default_action, profile.default_errno_ret);
  scmp_filter_ctx context = seccomp_init(otherwise);
  EXPECT_NE(context, nullptr);
  for (const std::string& name : profile.architectures) {
    const int added = seccomp_arch_add(context, scmp_arch(name).value());
    EXPECT_TRUE(added == 0 || added == -EEXIST);
  }
  for (const Entry& entry : profile.entries) {
    const std::uint32_t action = scmp_action(entry.action, entry.errno_ret);
    if (action == otherwise) continue;
    std::vector<scmp_arg_cmp> all;
    bool twice = false;
    for (const ArgCondition& each : entry.args) {
      if (all.size() == 6) break;
      for (const scmp_arg_cmp& other : all) twice = twice || other.arg == each.index;
      all.push_back({each.index, static_cast<scmp_compare>(static_cast<int>(each.op) + 1),
                     each.value, each.value_two});
    }
    for (const std::string& name : entry.names) {
      const int nr = seccomp_syscall_resolve_name(name.c_str());
      if (nr == __NR_SCMP_ERROR) continue;
      const auto add = [&](const scmp_arg_cmp* from, std::size_t count) {
        const int added =
            seccomp_rule_add_array(context, action, nr, static_cast<unsigned>(count), from);
        EXPECT_TRUE(added == 0 || added == -EEXIST) << name << ": " << added;
        if (added != 0) ++refused;
      };
      if (!twice) {
        add(all.data(), all.size());
      } else {
        for (const scmp_arg_cmp& one : all) add(&one, 1);
      }
    }
  }
  const int file = ::memfd_create("filter", MFD_CLOEXEC);
  EXPECT_EQ(seccomp_export_bpf(context, file), 0);
  seccomp_release(context);
  std::vector<sock_filter> program(static_cast<std::size_t>(::lseek(file, 0, SEEK_END)) /
                                   sizeof(sock_filter));
  const std::size_t bytes = program.size() * sizeof(sock_filter);
  EXPECT_EQ(::pread(file, program.data(), bytes, 0), static_cast<ssize_t>(bytes));
  ::close(file);
  return program;
}

std::string describe(const Difference& difference) {
  return fmt::format("{} {}-{} {}: libseccomp {}, we {}",
                     difference.abi ? abi_name(*difference.abi) : "?", difference.first,
                     difference.last, difference.name, action_label(difference.before),
                     action_label(difference.after));
}

/// The first difference between libseccomp's filter and ours, in words; empty for none.
std::string first_difference(const Profile& profile, int& refused) {
  const Result<RuntimeView> view = as_runtime(profile, {}, Runtime::kCrun);
  if (!view) return view.error().message;
  const Result<Filter> filter = compile(view->resolved);
  if (!filter) return filter.error().message;
  const Result<std::vector<Difference>> found =
      differences(libseccomp_program(profile, refused), filter->program);
  if (!found) return found.error().message;
  return found->empty() ? "" : describe(found->front());
}

std::string first_difference(const Profile& profile) {
  int refused = 0;
  std::string found = first_difference(profile, refused);
  EXPECT_EQ(refused, 0);
  return found;
}

Profile parsed(std::string_view text) {
  Result<Profile> profile = parse_profile(text, "p.json");
  EXPECT_TRUE(profile.has_value()) << (profile ? "" : profile.error().message);
  return profile ? std::move(*profile) : Profile{};
}

/// The tables are of the version that they name.
bool tables_are_of_this_libseccomp() {
  const scmp_version* version = seccomp_version();
  return version->major == 2 && version->minor == 5 && version->micro == 4;
}

class AsRuntime : public ::testing::Test {
 protected:
  void SetUp() override {
    if (native_abi() != Abi::kX86_64) GTEST_SKIP() << "needs x86_64";
    if (!tables_are_of_this_libseccomp()) GTEST_SKIP() << "needs libseccomp 2.5.4";
  }
};

TEST_F(AsRuntime, TheTablesOfNamesAreThoseOfLibseccomp) {
  for (const std::string_view each : syscall_names()) {
    const std::string name(each);
    EXPECT_EQ(libseccomp_knows(name), seccomp_syscall_resolve_name(name.c_str()) != __NR_SCMP_ERROR)
        << name;
    const std::pair<Abi, std::uint32_t> kArchs[] = {
        {Abi::kX86_64, SCMP_ARCH_X86_64}, {Abi::kX32, SCMP_ARCH_X32},
        {Abi::kI386, SCMP_ARCH_X86},      {Abi::kAarch64, SCMP_ARCH_AARCH64},
        {Abi::kArm, SCMP_ARCH_ARM},       {Abi::kRiscv64, SCMP_ARCH_RISCV64}};
    for (const auto& [abi, arch] : kArchs) {
      const int nr = seccomp_syscall_resolve_name_arch(arch, name.c_str());
      const auto multiplexed = libseccomp_multiplexed(abi, name);
      if (multiplexed) {
        // -101 is socket, -201 semop.
        const int first = multiplexed->call == "ipc" ? 200 : 100;
        EXPECT_EQ(nr, -first - static_cast<int>(multiplexed->number)) << name;
      } else if (const auto ours = libseccomp_nr(abi, name)) {
        EXPECT_EQ(nr, static_cast<int>(*ours)) << abi_name(abi) << " " << name;
      } else {
        EXPECT_LT(nr, 0) << abi_name(abi) << " " << name;
      }
    }
  }
}

TEST_F(AsRuntime, LibseccompsFilterOfAProfileIsOurs) {
  struct Case {
    const char* why;
    const char* text;
  };
  const Case kCases[] = {
      {"no rule at all", R"({"defaultAction": "SCMP_ACT_KILL"})"},
      {"a list without the machine's own",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86"], "syscalls": [
         {"names": ["read", "mmap2", "_llseek"], "action": "SCMP_ACT_ALLOW"}]})"},
      {"x32 beside x86_64, a call of other numbers there, pseudo calls",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X32"], "syscalls": [
         {"names": ["read", "ioctl", "mmap2", "_llseek"], "action": "SCMP_ACT_ALLOW"}]})"},
      {"socket on i386 becomes socketcall as well",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86"], "syscalls": [
         {"names": ["socket"], "action": "SCMP_ACT_ALLOW"}]})"},
      {"and loses its condition on argument 0",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86"], "syscalls": [
         {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [
           {"index": 0, "value": 2, "op": "SCMP_CMP_EQ"},
           {"index": 1, "value": 3, "op": "SCMP_CMP_EQ"}]}]})"},
      {"ipc",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86"], "syscalls": [
         {"names": ["shmget", "semop", "semtimedop"], "action": "SCMP_ACT_ALLOW"}]})"},
      {"every multiplexed call and the multiplexers",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86"], "syscalls": [
         {"names": ["accept", "accept4", "bind", "connect", "recv", "send", "socketpair", "msgget",
           "shmat", "shmdt", "semctl"], "action": "SCMP_ACT_ALLOW"},
         {"names": ["ipc", "socketcall"], "action": "SCMP_ACT_LOG"}]})"},
      {"one index twice is or",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
         {"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [
           {"index": 0, "value": 8, "op": "SCMP_CMP_EQ"},
           {"index": 0, "value": 131072, "op": "SCMP_CMP_EQ"},
           {"index": 1, "value": 1, "op": "SCMP_CMP_EQ"}]}]})"},
      {"crun takes six conditions",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
         {"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [
           {"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 2, "op": "SCMP_CMP_EQ"},
           {"index": 0, "value": 3, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 4, "op": "SCMP_CMP_EQ"},
           {"index": 0, "value": 5, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 6, "op": "SCMP_CMP_EQ"},
           {"index": 0, "value": 7, "op": "SCMP_CMP_EQ"}]}]})"},
      {"an entry with the default action is ignored",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "syscalls": [
         {"names": ["read"], "action": "SCMP_ACT_ERRNO"},
         {"names": ["read"], "action": "SCMP_ACT_ALLOW"}]})"},
      {"the first without conditions decides",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
         {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
         {"names": ["read"], "action": "SCMP_ACT_KILL_PROCESS"},
         {"names": ["write"], "action": "SCMP_ACT_KILL", "args": [
           {"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]},
         {"names": ["write"], "action": "SCMP_ACT_ALLOW"},
         {"names": ["write"], "action": "SCMP_ACT_TRAP", "args": [
           {"index": 0, "value": 9, "op": "SCMP_CMP_EQ"}]}]})"},
      {"names that libseccomp does not know, and such that nobody knows",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
         {"names": ["mseal", "statmount", "no_such_call", "read"], "action": "SCMP_ACT_ALLOW"}]})"},
      {"one inequality",
       R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86"], "syscalls": [
         {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [
           {"index": 0, "value": 40, "op": "SCMP_CMP_NE"}]}]})"},
      {"a mask of 0 leaves no condition, and the first such rule decides alone",
       R"({"defaultAction": "SCMP_ACT_KILL", "syscalls": [
         {"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [
           {"index": 0, "value": 0, "valueTwo": 7, "op": "SCMP_CMP_MASKED_EQ"}]},
         {"names": ["read"], "action": "SCMP_ACT_TRAP", "args": [
           {"index": 0, "value": 5, "op": "SCMP_CMP_EQ"}]},
         {"names": ["write"], "action": "SCMP_ACT_TRAP", "args": [
           {"index": 0, "value": 5, "op": "SCMP_CMP_EQ"}]},
         {"names": ["write"], "action": "SCMP_ACT_ALLOW", "args": [
           {"index": 0, "value": 0, "op": "SCMP_CMP_MASKED_EQ"}]},
         {"names": ["close"], "action": "SCMP_ACT_ALLOW", "args": [
           {"index": 0, "value": 0, "op": "SCMP_CMP_MASKED_EQ"},
           {"index": 1, "value": 9, "op": "SCMP_CMP_EQ"}]}]})"},
      {"nor does a mask of the upper half where the lower one is compared",
       R"({"defaultAction": "SCMP_ACT_KILL",
         "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], "syscalls": [
         {"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [
           {"index": 0, "value": 18446744069414584320, "op": "SCMP_CMP_MASKED_EQ"}]},
         {"names": ["read"], "action": "SCMP_ACT_TRAP", "args": [
           {"index": 0, "value": 4294967301, "op": "SCMP_CMP_EQ"}]}]})"},
      {"every action",
       R"({"defaultAction": "SCMP_ACT_LOG", "syscalls": [
         {"names": ["read"], "action": "SCMP_ACT_KILL"},
         {"names": ["write"], "action": "SCMP_ACT_KILL_PROCESS"},
         {"names": ["open"], "action": "SCMP_ACT_TRAP"},
         {"names": ["close"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
         {"names": ["stat"], "action": "SCMP_ACT_TRACE", "errnoRet": 7},
         {"names": ["poll"], "action": "SCMP_ACT_TRACE"},
         {"names": ["fstat"], "action": "SCMP_ACT_NOTIFY"},
         {"names": ["lstat"], "action": "SCMP_ACT_ALLOW"}]})"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(first_difference(parsed(c.text)), "");
  }
}

TEST_F(AsRuntime, SoAreThoseOfRandomProfiles) {
  constexpr int kProfiles = 300;
  constexpr const char* kArchitectures[] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  const std::vector<std::string_view> names = {"read",   "ioctl", "socket", "shmget",     "send",
                                               "accept", "mmap2", "mseal",  "socketcall", "ipc",
                                               "clone3", "semop", "bind",   "personality"};
  test::RandomProfiles random(20261124);
  int compared = 0;
  for (int i = 0; i < kProfiles; ++i) {
    SCOPED_TRACE(i);
    Profile profile;
    profile.source = "p.json";
    profile.default_action = static_cast<Action>(random.below(9));
    for (const char* arch : kArchitectures) {
      if (random.below(2) == 0) profile.architectures.emplace_back(arch);
    }
    const std::size_t entries = 1 + random.below(8);
    for (std::size_t e = 0; e < entries; ++e) {
      Entry entry = random.entry(names, 2, 2);
      if (entry.errno_ret == kMaxErrno) entry.errno_ret = kMaxErrno - 1;  // EINVAL otherwise
      // Where its answers are right.
      for (ArgCondition& each : entry.args) {
        // Bits outside the mask stay, and masks of 0: libseccomp drops both.
        if (each.op != Op::kMaskedEq) {
          each.op = Op::kEq;
          each.value_two = 0;
        }
      }
      profile.entries.push_back(std::move(entry));
    }
    const Result<RuntimeView> view = as_runtime(profile, {}, Runtime::kCrun);
    ASSERT_TRUE(view.has_value());
    // Where the order in which it asks decides, and where it errs, the notes say so.
    const bool said = std::any_of(view->notes.begin(), view->notes.end(), [](const auto& note) {
      return note.find("can hold at once") != std::string::npos ||
             note.find("may be dead") != std::string::npos;
    });
    if (said) continue;
    int refused = 0;
    const std::string difference = first_difference(profile, refused);
    // On calls that an ABI lacks; no rule of ours shows that.
    if (refused != 0) continue;
    ++compared;
    ASSERT_EQ(difference, "") << write_profile(profile);
  }
  EXPECT_GT(compared, kProfiles / 4);
}

TEST_F(AsRuntime, TheDefaultsOfTheEngines) {
  const char* folder = std::getenv("SYSNARE_TEST_DATA");
  const std::string data = folder != nullptr ? folder : SYSNARE_SOURCE_DIR "/../shared/data";
  int found = 0;
  for (const std::string& file :
       {data + "/docker-default.json", std::string("/usr/share/containers/seccomp.json")}) {
    Result<Profile> profile = load_profile(file);
    if (!profile) continue;
    ++found;
    for (const std::vector<std::string>& caps :
         {std::vector<std::string>{}, {"CAP_SYS_ADMIN"}, {"CAP_SYS_CHROOT", "CAP_BPF"}}) {
      SCOPED_TRACE(file);
      ResolveOptions options;
      options.caps = caps;
      Result<PlainProfile> plain = plain_profile(*profile, options);
      ASSERT_TRUE(plain.has_value());
      EXPECT_EQ(first_difference(plain->profile), "");
    }
  }
  if (found == 0) GTEST_SKIP() << "needs SYSNARE_TEST_DATA or golang-github-containers-common";
}

}  // namespace
}  // namespace sysnare
#endif
