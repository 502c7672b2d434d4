// Filters of running processes that others loaded: containers of Docker, Podman, runc and crun, a
// unit of systemd, firejail, bwrap. Each is read from the kernel, disassembled, and decompiled to a
// profile; what the profile is said not to say is held against both.
//
// Needs root. What is not to be had is skipped by name.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>

#include "engines.h"
#include "filter/decompile.h"
#include "filter/filter.h"
#include "process/filters_of.h"
#include "processes.h"
#include "sandboxes.h"
#include "test_cgroup.h"
#include "user_manager.h"

namespace sysnare::live {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

[[maybe_unused]] const auto* const kEnvironment =
    ::testing::AddGlobalTestEnvironment(new EnginesForAll);

/// Words of a program that sleeps for a time for which no other process does.
std::vector<std::string> sleeper(const std::string& program, const std::vector<std::string>& more) {
  static int count = 0;
  std::vector<std::string> words = {program};
  words.insert(words.end(), more.begin(), more.end());
  words.push_back(std::to_string(2000000 + ::getpid()) + "." + std::to_string(++count));
  return words;
}

/// Ends the process at the end of a test, however that comes.
class Ended {
 public:
  explicit Ended(std::vector<std::string> argv) : argv_(std::move(argv)) {}
  ~Ended() {
    if (const int pid = process_of(argv_); pid != 0) ::kill(pid, SIGKILL);
  }
  Ended(const Ended&) = delete;
  Ended& operator=(const Ended&) = delete;

 private:
  std::vector<std::string> argv_;
};

/// How two ways of deciding answer one call.
void expect_true(const Difference& said, const std::vector<sock_filter>& program,
                 const ResolvedProfile& profile) {
  SCOPED_TRACE(residue_text(said));
  const Result<Verdict> verdict = simulate(program, said.witness);
  ASSERT_TRUE(verdict.has_value()) << verdict.error().message;
  EXPECT_EQ(normal_action(verdict->action.value), said.before);
  EXPECT_EQ(normal_action(evaluate(profile, said.witness).value), said.after);
  EXPECT_NE(said.before, said.after);
}

/// Every filter of a process is read in every way, and what is said of it is so.
void read_filters(int pid, std::size_t at_least) {
  const std::string word = std::to_string(pid);
  const Result<std::vector<std::vector<sock_filter>>> filters = filters_of(pid);
  ASSERT_TRUE(filters.has_value()) << filters.error().message;
  ASSERT_GE(filters->size(), at_least);
  const Outcome listing = sysnare({"dump", "-p", word});
  EXPECT_EQ(listing.status, 0) << listing.err;
  const auto json = nlohmann::json::parse(sysnare({"dump", "-p", word, "--json"}).out);
  EXPECT_EQ(json["count"], filters->size());
  TempDir folder;
  for (std::size_t i = 0; i < filters->size(); ++i) {
    SCOPED_TRACE("filter " + std::to_string(i));
    const std::vector<sock_filter>& program = (*filters)[i];
    EXPECT_THAT(listing.out, HasSubstr("filter " + std::to_string(i)));
    EXPECT_EQ(json["filters"][i]["instructions"].size(), program.size());
    const Result<std::vector<DisassembledLine>> lines = disassembled_lines(program);
    ASSERT_TRUE(lines.has_value()) << lines.error().message;
    for (const DisassembledLine& line : *lines) {
      // None of these programs has a word that is not understood.
      EXPECT_THAT(line.text, ::testing::Not(HasSubstr("?")));
    }
    const Result<Decompiled> made = decompile(program);
    ASSERT_TRUE(made.has_value()) << made.error().message;
    ResolveOptions options;
    options.foreign_abi = made->foreign_abi;
    const Result<ResolvedProfile> flat = resolve(made->profile, options);
    ASSERT_TRUE(flat.has_value()) << flat.error().message;
    for (const Difference& said : made->residue) expect_true(said, program, *flat);

    const std::vector<std::string> words = {"dump",       "-p", word, "--index", std::to_string(i),
                                            "--decompile"};
    const Outcome strict = sysnare(words);
    EXPECT_EQ(strict.status, made->residue.empty() ? 0 : 3) << strict.err;
    if (!made->residue.empty()) {
      EXPECT_THAT(strict.err,
                  HasSubstr("no profile says all of it: " + residue_text(made->residue.front())));
    }
    const std::string file = folder / ("profile" + std::to_string(i) + ".json");
    std::vector<std::string> lossy = words;
    lossy.insert(lossy.end(), {"--lossy", "-o", file});
    const Outcome written = sysnare(lossy);
    EXPECT_EQ(written.status, 0) << written.err;
    EXPECT_TRUE(load_profile(file).has_value());
  }
}

class Containers : public ::testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Engines, Containers, ::testing::Values("docker", "podman", "runc", "crun"),
                         [](const auto& engine) { return std::string(engine.param); });

TEST_P(Containers, ShowTheirFilters) {
  Engine* const engine = EnginesForAll::get().get(GetParam());
  if (engine == nullptr) GTEST_SKIP() << EnginesForAll::get().why_not(GetParam());
  TempDir folder;
  ContainerOptions options;
  // Docker and Podman load their own default where no profile is given.
  std::string profile = "/usr/share/containers/seccomp.json";
  if (const char* data = std::getenv("SYSNARE_TEST_DATA")) {
    profile = std::string(data) + "/docker-default.json";
  }
  if (!fs::exists(profile)) profile = source_file("tests/profiles/deny-dir.json");
  options.profile = profile;
  if (engine->takes_bundles()) {
    options.profile = folder / "flat.json";
    ASSERT_EQ(sysnare({"convert", "--resolve", profile, "-o", options.profile}).status, 0);
  }
  const std::vector<std::string> argv = sleeper("/bin/busybox", {"sleep"});
  auto started = std::async(std::launch::async, [&] { return engine->start(argv, options); });
  int pid = 0;
  eventually([&] {
    pid = process_of(argv);
    return pid != 0 || started.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  });
  if (pid != 0) {
    read_filters(pid, 1);
    ::kill(pid, SIGKILL);
  }
  const Outcome outcome = started.get();
  EXPECT_NE(pid, 0) << outcome.err;
}

class OtherPrograms : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_filters(); !why.empty()) GTEST_SKIP() << why;
  }

  /// The process that `launcher` starts by `argv`, when it sleeps under a filter.
  static int started(const std::vector<std::string>& argv, const Background& launcher) {
    int pid = 0;
    EXPECT_TRUE(eventually([&] {
      pid = process_of(argv);
      return pid != 0 && slurp("/proc/" + std::to_string(pid) + "/status").find("Seccomp:\t2") !=
                             std::string::npos;
    })) << launcher.out_so_far()
        << launcher.err_so_far();
    return pid;
  }
};

TEST_F(OtherPrograms, Firejail) {
  if (const std::string why = why_no_firejail(); !why.empty()) GTEST_SKIP() << why;
  const std::vector<std::string> argv = sleeper("/bin/sleep", {});
  const Ended ended(argv);
  const Background launcher(
      with_own_etc({"firejail", "--quiet", "--noprofile", "--seccomp", argv[0], argv[1]}));
  if (const int pid = started(argv, launcher); pid != 0) read_filters(pid, 1);
}

TEST_F(OtherPrograms, Bwrap) {
  if (const std::string why = why_no_bwrap(); !why.empty()) GTEST_SKIP() << why;
  TempDir folder;
  const std::string filter = folder / "f.bpf";
  ASSERT_EQ(sysnare({"convert", "--to", "filter", source_file("tests/profiles/deny-dir.json"), "-o",
                     filter})
                .status,
            0);
  const std::vector<std::string> argv = sleeper("/bin/sleep", {});
  const Ended ended(argv);
  const Background launcher(
      {"/bin/bash", "-c",
       "exec bwrap --dev-bind / / --seccomp 9 " + argv[0] + " " + argv[1] + " 9<" + filter});
  if (const int pid = started(argv, launcher); pid != 0) read_filters(pid, 1);
}

TEST_F(OtherPrograms, AUnitOfSystemd) {
  if (const std::string why = why_no_user_manager(); !why.empty()) GTEST_SKIP() << why;
  const std::vector<std::string> argv = sleeper("/bin/sleep", {});
  const Ended ended(argv);
  const TempDir folder;
  const TestCgroup other("");
  const UserManager manager(folder);
  folder.write(UserManager::units() + "/web.service",
               "[Service]\nType=exec\nExecStart=" + argv[0] + " " + argv[1] +
                   "\nNoNewPrivileges=yes\nSystemCallArchitectures=native\n"
                   "SystemCallFilter=@system-service\nSystemCallFilter=~@resources\n"
                   "RestrictNamespaces=yes\nRestrictAddressFamilies=AF_UNIX AF_INET\n"
                   "LockPersonality=yes\nMemoryDenyWriteExecute=yes\nRestrictSUIDSGID=yes\n"
                   "RestrictRealtime=yes\n");
  Background launcher(manager.running(R"(trap 'exit 0' TERM
systemctl --user start web.service
echo "started $?"
wait $manager
)"));
  // One filter for each of these settings.
  if (const int pid = started(argv, launcher); pid != 0) read_filters(pid, 5);
  launcher.signal(SIGTERM);
  launcher.wait();
  EXPECT_EQ(fs::exists(other.path()), other.there())
      << "the manager removes cgroups that are not its own";
}

}  // namespace
}  // namespace sysnare::live
