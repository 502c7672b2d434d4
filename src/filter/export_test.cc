// What was exported means the same when it is read again, for every call there is.

#include "profile/export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "arch/syscalls.h"
#include "filter/export.h"
#include "filter/filter.h"
#include "filter/prove.h"
#include "filter/test_profiles.h"
#include "profile/import.h"

namespace sysnare {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ResolveOptions machine() {
  ResolveOptions options;
  options.arch = Abi::kX86_64;
  return options;
}

ResolvedProfile resolved(const Profile& profile, const ResolveOptions& options) {
  Result<ResolvedProfile> done = resolve(profile, options);
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
  return done ? *done : ResolvedProfile{};
}

Profile again(const Exported& exported, std::string_view format) {
  Result<Imported> read = import_profile(exported.text, "again", format, Abi::kX86_64);
  EXPECT_TRUE(read) << (read ? "" : read.error().message) << "\n" << exported.text;
  if (!read) return {};
  EXPECT_EQ(read->losses, std::vector<std::string>{});
  EXPECT_EQ(recognised_format(exported.text), format) << exported.text;
  return read->profile;
}

/// Whether the two decide every call alike, by the filter of the first.
void expect_same(const Profile& a, const Profile& b, const ResolveOptions& options,
                 const std::string& text) {
  Result<Filter> filter = compile(resolved(a, options));
  ASSERT_TRUE(filter) << filter.error().message;
  Result<std::optional<seccomp_data>> differs =
      find_difference(filter->program, resolved(b, options));
  ASSERT_TRUE(differs) << differs.error().message;
  EXPECT_FALSE(differs->has_value())
      << call_label({Abi::kX86_64, static_cast<std::uint32_t>((*differs)->nr)}) << " of "
      << std::hex << (*differs)->arch << " args " << (*differs)->args[0] << " "
      << (*differs)->args[1] << " " << (*differs)->args[2] << "\n"
      << text;
}

/// Entries that say their actions as runs of a random profile do, for one format's words.
Profile random_profile(test::RandomProfiles& random, const std::vector<Action>& actions,
                       const std::vector<Action>& defaults, std::size_t conditions) {
  const std::vector<std::string_view> names = {"read",   "write",  "clone",  "mkdir",
                                               "execve", "socket", "openat", "personality"};
  Profile profile;
  profile.source = "random";
  profile.default_action = defaults[random.below(defaults.size())];
  const std::size_t entries = random.below(8);
  for (std::size_t i = 0; i < entries; ++i) {
    Entry entry = random.entry(names, conditions, 3);
    entry.action = actions[random.below(actions.size())];
    entry.errno_ret.reset();
    if (entry.action == Action::kErrno) {
      entry.errno_ret = static_cast<std::uint32_t>(1 + random.below(40));
    }
    profile.entries.push_back(std::move(entry));
  }
  return profile;
}

struct Language {
  const char* format;
  std::vector<Action> actions;
  std::vector<Action> defaults;
  std::size_t conditions;
};

const std::vector<Language>& languages() {
  static const std::vector<Language> all = {
      {"systemd",
       {Action::kAllow, Action::kErrno, Action::kKillProcess},
       {Action::kAllow, Action::kErrno, Action::kKillProcess},
       0},
      {"minijail",
       {Action::kAllow, Action::kErrno, Action::kKillProcess, Action::kKillThread, Action::kTrap,
        Action::kLog, Action::kNotify},
       {Action::kKillProcess, Action::kKillThread, Action::kTrap, Action::kNotify},
       2},
      {"k8s",
       {Action::kAllow, Action::kErrno, Action::kKillProcess, Action::kKill, Action::kTrap,
        Action::kLog, Action::kNotify, Action::kTrace},
       {Action::kAllow, Action::kErrno, Action::kKillProcess, Action::kLog},
       2},
  };
  return all;
}

TEST(ExportRoundTrip, RandomProfilesComeBackWithTheSameMeaning) {
  constexpr int kProfiles = 150;
  for (const Language& language : languages()) {
    SCOPED_TRACE(language.format);
    test::RandomProfiles random(7);
    int proven = 0;
    for (int i = 0; i < kProfiles; ++i) {
      const Profile profile =
          random_profile(random, language.actions, language.defaults, language.conditions);
      Result<Exported> done = export_profile(profile, language.format, machine(), "random");
      if (!done) {
        // Values beyond 63 bits, the one thing that k8s refuses here.
        ASSERT_THAT(done.error().message, HasSubstr("k8s keeps integers up to"));
        continue;
      }
      ASSERT_EQ(done->losses, std::vector<std::string>{});
      expect_same(profile, again(*done, language.format), machine(), done->text);
      if (HasFailure()) return;
      ++proven;
    }
    EXPECT_GT(proven, kProfiles / 3);
  }
}

bool runs(ActionValue value) {
  return value.action() == SECCOMP_RET_ALLOW || value.action() == SECCOMP_RET_LOG;
}

TEST(ExportRoundTrip, LossyTextsLetNoFurtherCallRun) {
  constexpr int kProfiles = 300;
  constexpr int kCalls = 60;
  const std::vector<Action> all = {Action::kAllow,       Action::kErrno,      Action::kKill,
                                   Action::kKillProcess, Action::kKillThread, Action::kTrap,
                                   Action::kTrace,       Action::kLog,        Action::kNotify};
  std::size_t lossy = 0;
  for (const char* format : {"systemd", "minijail"}) {
    SCOPED_TRACE(format);
    test::RandomProfiles random(11);
    for (int i = 0; i < kProfiles; ++i) {
      const Profile profile = random_profile(random, all, all, 2);
      Result<Exported> done = export_profile(profile, format, machine(), "random");
      if (!done) continue;  // refused, since it could only allow more
      lossy += done->losses.empty() ? 0 : 1;
      const ResolvedProfile before = resolved(profile, machine());
      const ResolvedProfile after = resolved(again(*done, format), machine());
      for (int call = 0; call < kCalls; ++call) {
        seccomp_data data{};
        data.arch = audit_arch(Abi::kX86_64);
        const std::string_view name =
            std::vector<std::string_view>{"read",   "write",  "clone",       "mkdir",
                                          "execve", "socket", "personality", "getpid"}[random.below(
                8)];
        data.nr = static_cast<int>(*syscall_nr(Abi::kX86_64, name));
        for (auto& arg : data.args) arg = random.value();
        ASSERT_FALSE(runs(evaluate(after, data)) && !runs(evaluate(before, data)))
            << name << "\n"
            << write_profile(profile) << "\n"
            << done->text;
      }
    }
  }
  EXPECT_GT(lossy, 100u);
}

TEST(ExportRoundTrip, TheProfilesOfTheStoryComeBack) {
  const std::filesystem::path folder = std::string(SYSNARE_SOURCE_DIR) + "/tests/profiles";
  int seen = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() != ".json") continue;
    SCOPED_TRACE(file.path());
    Result<Profile> profile = load_profile(file.path());
    ASSERT_TRUE(profile) << profile.error().message;
    for (const char* format : {"k8s", "systemd"}) {
      SCOPED_TRACE(format);
      Result<Exported> done = export_profile(*profile, format, machine(), "story");
      ASSERT_TRUE(done) << done.error().message;
      EXPECT_EQ(done->losses, std::vector<std::string>{});
      expect_same(*profile, again(*done, format), machine(), done->text);
    }
    ++seen;
  }
  EXPECT_GE(seen, 6);
}

TEST(ExportRoundTrip, DockersDefaultComesBack) {
  const char* data = std::getenv("SYSNARE_TEST_DATA");
  const std::string path =
      std::string(data == nullptr ? SYSNARE_SOURCE_DIR "/../shared/data" : data) +
      "/docker-default.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
  Result<Profile> profile = load_profile(path);
  ASSERT_TRUE(profile) << profile.error().message;
  ResolveOptions options = machine();
  options.caps = {"CAP_CHOWN", "CAP_SYS_CHROOT", "CAP_NET_RAW"};
  Result<Exported> k8s = export_profile(*profile, "k8s", options, "default");
  ASSERT_TRUE(k8s) << k8s.error().message;
  EXPECT_EQ(k8s->losses, std::vector<std::string>{});
  expect_same(*profile, again(*k8s, "k8s"), options, "");

  // minijail's default cannot be an errno; all else of the profile it can say, on one ABI.
  Profile killing = *profile;
  killing.default_action = Action::kKillProcess;
  killing.default_errno_ret.reset();
  options.sub_architectures = false;
  Result<Exported> minijail = export_profile(killing, "minijail", options, "default");
  ASSERT_TRUE(minijail) << minijail.error().message;
  EXPECT_EQ(minijail->losses, std::vector<std::string>{});
  expect_same(killing, again(*minijail, "minijail"), options, "");
}

TEST(ExportFilter, CArrayHoldsEveryInstruction) {
  Result<Profile> profile =
      parse_profile(R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []})", "p.json");
  ASSERT_TRUE(profile);
  Result<Filter> filter = compile(resolved(*profile, machine()));
  ASSERT_TRUE(filter) << filter.error().message;
  const std::string text = filter_c_array(filter->program, "My Tool");
  EXPECT_THAT(text, HasSubstr("/* My Tool: "));
  EXPECT_THAT(text, HasSubstr("static const struct sock_filter my_tool_filter[] = {\n"));
  std::size_t rows = 0;
  for (std::size_t at = 0; (at = text.find("\n    {0x", at)) != std::string::npos; ++at) ++rows;
  EXPECT_EQ(rows, filter->program.size());
  EXPECT_THAT(filter_c_array(filter->program, "*/ system(\"x\")\n"), Not(HasSubstr("*/ system")));
}

}  // namespace
}  // namespace sysnare
