// sysnare watch: what becomes of the program when its supervisor dies, cannot write, or is stopped,
// and what the program can do to its supervisor.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "alerts.h"
#include "harness.h"
#include "profiles.h"

namespace sysnare::live {
namespace {

using ::testing::HasSubstr;

TEST(WatchLifetime, FailsClosedWhenTheSupervisorDies) {
  const TempDir folder;
  Background watched([&] {
    std::vector<std::string> argv = {sysnare_path()};
    const auto more =
        watch_words(folder.write("p.json", profile_text("SCMP_ACT_ERRNO")), {},
                    {"pid", "x", "wait", folder / "go", "mkdir", folder / "made", "ret", "x"});
    argv.insert(argv.end(), more.begin(), more.end());
    return argv;
  }());
  ASSERT_TRUE(eventually([&] { return watched.out_so_far().find('\n') != std::string::npos; }))
      << watched.err_so_far();
  const std::string out = watched.out_so_far();
  const int program = std::stoi(out.substr(out.find('=') + 1));
  watched.signal(SIGKILL);
  // The supervisor is gone once its memory is: the victim's is then a child of another.
  ASSERT_TRUE(eventually(
      [&] { return slurp("/proc/" + std::to_string(watched.pid()) + "/cmdline").empty(); }));
  folder.write("go", "");
  EXPECT_TRUE(eventually([&] {
    return watched.out_so_far().find("mkdir=38\nret=-1\n") != std::string::npos;
  })) << watched.out_so_far();
  EXPECT_FALSE(exists(folder / "made"));
  EXPECT_TRUE(eventually([&] {
    return slurp("/proc/" + std::to_string(program) + "/cmdline").empty();
  })) << "it ends";
}

TEST(WatchLifetime, NoExecAllowedByNameOutlivesItsSupervisor) {
  // Between an exec that was let go on and the look at what runs, the supervisor's death must not
  // let another file run. So the program dies with it, wherever it stands.
  const TempDir folder;
  std::vector<std::string> argv = {sysnare_path()};
  const auto more = watch_words(folder.write("p.json", profile_text("SCMP_ACT_ERRNO")),
                                {"--allow-exec", "/bin/true"},
                                {"pid", "x", "wait", folder / "go", "mkdir", folder / "made"});
  argv.insert(argv.end(), more.begin(), more.end());
  Background watched(argv);
  ASSERT_TRUE(eventually([&] { return watched.out_so_far().find('\n') != std::string::npos; }))
      << watched.err_so_far();
  const std::string out = watched.out_so_far();
  const int program = std::stoi(out.substr(out.find('=') + 1));
  watched.signal(SIGKILL);
  EXPECT_TRUE(
      eventually([&] { return slurp("/proc/" + std::to_string(program) + "/cmdline").empty(); }));
  folder.write("go", "");
  EXPECT_EQ(watched.wait().status, 137);
  EXPECT_EQ(watched.out_so_far().find("mkdir"), std::string::npos) << watched.out_so_far();
}

TEST(WatchLifetime, TheProgramCannotReachIntoItsSupervisor) {
  if (is_root()) GTEST_SKIP() << "root may reach into any process; run as another user too";
  const TempDir folder;
  const std::string profile = folder.write("p.json", profile_text("SCMP_ACT_ERRNO"));
  const Outcome outcome =
      sysnare(watch_words(profile, {}, {"open-of-parent", "mem", "open-of-parent", "fd/0"}));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "open-of-parent=13\nopen-of-parent=13\n");
}

TEST(WatchLifetime, GoesOnWhenAlertsCannotBeWritten) {
  const TempDir folder;
  const std::string profile = folder.write("p.json", profile_text("SCMP_ACT_ERRNO"));
  const Outcome full =
      sysnare(watch_words(profile, {"--alerts", "/dev/full"}, {"mkdir", folder / "a"}));
  EXPECT_EQ(full.status, 0);
  EXPECT_TRUE(exists(folder / "a"));
  EXPECT_THAT(full.err, HasSubstr("No space left on device"));
  EXPECT_THAT(full.err, HasSubstr("1 alert could not be written to /dev/full: lost"));

  const Outcome closed =
      run({"sh", "-c", "exec \"$@\" 2>&-", "sh", sysnare_path(), "watch", "--profile", profile,
           "--", victim("tripped"), "mkdir", folder / "b"});
  EXPECT_EQ(closed.status, 0);
  EXPECT_TRUE(exists(folder / "b"));

  const Outcome killed = sysnare(
      watch_words(profile, {"--kill", "any", "--alerts", "/dev/full"}, {"mkdir", folder / "c"}));
  EXPECT_EQ(killed.status, 137) << "no log does not mean no wire";
  EXPECT_FALSE(exists(folder / "c"));
}

TEST(WatchLifetime, TheProgramCannotLimitItsSupervisor) {
  // Without descriptors the supervisor cannot look at anybody, without file sizes no alert can be
  // written; and prlimit64(2) asks for equal users and no more.
  for (const int limit : {RLIMIT_NOFILE, RLIMIT_FSIZE}) {
    for (const char* default_action : {"SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW"}) {
      SCOPED_TRACE(std::string(default_action) + ", limit " + std::to_string(limit));
      const TempDir folder;
      const std::string profile = folder.write("p.json", profile_text(default_action));
      const std::string number = std::to_string(limit);
      const Outcome outcome = sysnare(watch_words(profile, {"--alerts", folder / "alerts"},
                                                  {"limit-self", number, "limit-parent", number}));
      EXPECT_EQ(outcome.status, 0) << outcome.err;
      EXPECT_EQ(outcome.out, "limit-read=0\nlimit-self=0\nlimit-read=0\nlimit-parent=1\n");
      const std::vector<nlohmann::json> alerts = alerts_in(slurp(folder / "alerts"));
      ASSERT_EQ(calls_of(alerts, "prlimit64"), 1U) << slurp(folder / "alerts");
      EXPECT_EQ(alerts.back()["rule"], "sysnare.denied");
      EXPECT_EQ(alerts.back()["output_fields"]["sysnare.action"], "errno EPERM");
      EXPECT_THAT(alerts.back()["output"].get<std::string>(),
                  HasSubstr("would set a limit on sysnare itself"));

      const Outcome killed =
          sysnare(watch_words(profile, {"--alerts", folder / "alerts", "--kill", "any"},
                              {"limit-parent", number, "mkdir", folder / "made"}));
      EXPECT_EQ(killed.status, 137) << killed.err;
      EXPECT_FALSE(exists(folder / "made"));
    }
  }
}

/// A program that first sets `limit` of its supervisor to 0, as any of the same user may, and then
/// makes three folders.
std::vector<std::string> spiteful(const std::string& limit, const std::string& folders) {
  return {"python3", "-c",
          "import os, resource, sys\n"
          "resource.prlimit(os.getppid(), resource." +
              limit +
              ", (0, 0))\n"
              "for i in range(3): os.mkdir(sys.argv[1] + str(i))\n"
              "sys.exit(7)\n",
          folders};
}

/// A watch whose `limit` somebody else of its user sets to 0 while the program waits; then it makes
/// folder/a and folder/b. Its messages go through a pipe: a file would be under the limit too. Who
/// reads them says when there are no more.
Outcome limited_watch(const TempDir& folder, __rlimit_resource limit,
                      const std::vector<std::string>& options) {
  constexpr const char* kNoMore = "no more messages\n";
  std::vector<std::string> argv = {
      "bash", "-c", "exec \"$@\" 2> >(cat >&2; echo no more messages >&2)", "bash", sysnare_path()};
  const std::string profile = folder.write("p.json", profile_text("SCMP_ACT_ERRNO"));
  const auto more = watch_words(
      profile, options,
      {"pid", "x", "wait", folder / "go", "mkdir", folder / "a", "mkdir", folder / "b"});
  argv.insert(argv.end(), more.begin(), more.end());
  Background watched(argv);
  EXPECT_TRUE(eventually([&] { return watched.out_so_far().find('\n') != std::string::npos; }))
      << watched.err_so_far();
  constexpr rlimit kNothing{0, 0};
  EXPECT_EQ(::prlimit(watched.pid(), limit, &kNothing, nullptr), 0);
  folder.write("go", "");
  Outcome outcome = watched.wait();
  EXPECT_TRUE(eventually([&] { return watched.err_so_far().ends_with(kNoMore); }))
      << watched.err_so_far();
  outcome.err = watched.err_so_far();
  return outcome;
}

TEST(WatchLifetime, ALimitSetOnTheSupervisorDoesNotEndIt) {
  const TempDir folder;
  const Outcome outcome = limited_watch(folder, RLIMIT_NOFILE, {"--alerts", folder / "alerts"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(exists(folder / "b"));
  EXPECT_EQ(calls_of(alerts_in(slurp(folder / "alerts")), "mkdir"), 2U);
  EXPECT_THAT(outcome.err, HasSubstr("2 calls outside the profile: mkdir (2)"));
  const TempDir full;
  const Outcome no_room = limited_watch(full, RLIMIT_FSIZE, {"--alerts", full / "alerts"});
  EXPECT_EQ(no_room.status, 0) << no_room.err;
  EXPECT_TRUE(exists(full / "b"));
  EXPECT_THAT(no_room.err, HasSubstr("2 alerts could not be written to " + (full / "alerts")));
}

TEST(WatchLifetime, ALimitSetOnTheSupervisorKeepsItFromNothingThatItPromised) {
  const TempDir folder;
  const Outcome outcome = limited_watch(folder, RLIMIT_NOFILE, {"--kill", "any"});
  EXPECT_EQ(outcome.status, 137) << outcome.err;
  EXPECT_FALSE(exists(folder / "a"));
  EXPECT_EQ(calls_of(alerts_in(outcome.err), "mkdir"), 1U) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("was killed before mkdir"));
}

TEST(WatchLifetime, RunSurvivesALimitSetOnIt) {
  if (!have_program("python3")) GTEST_SKIP() << "needs python3, for prlimit of another process";
  const TempDir folder;
  const std::string profile = folder.write("p.json", no_mkdir("NOTIFY"));
  std::vector<std::string> words = {"run", "--profile", profile, "--on-notify", "continue", "--"};
  const std::vector<std::string> program = spiteful("RLIMIT_NOFILE", folder / "made");
  words.insert(words.end(), program.begin(), program.end());
  EXPECT_EQ(sysnare(words).status, 7);
  EXPECT_TRUE(exists(folder / "made2"));
  words[4] = "kill";
  const Outcome killed = sysnare(words);
  EXPECT_FALSE(killed.timed_out);
  EXPECT_EQ(killed.status, 137) << "no descriptor is needed to kill";
}

/// What a job-control shell does with one job: it goes to the foreground, is continued when it
/// stops, and its end is printed.
[[noreturn]] void be_a_shell(const std::vector<std::string>& argv) {
  std::vector<char*> args;
  for (const std::string& word : argv) args.push_back(const_cast<char*>(word.c_str()));
  args.push_back(nullptr);
  ::signal(SIGTTOU, SIG_IGN);
  const pid_t job = ::fork();
  if (job == 0) {
    ::setpgid(0, 0);
    ::tcsetpgrp(0, ::getpid());
    ::signal(SIGTTOU, SIG_DFL);
    ::execv(args[0], args.data());
    ::_exit(127);
  }
  ::setpgid(job, job);
  ::tcsetpgrp(0, job);
  int status = 0;
  while (::waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status)) {
    ::dprintf(1, "stopped by %d\n", WSTOPSIG(status));
    ::kill(-job, SIGCONT);
  }
  ::dprintf(1, "status %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  ::_exit(0);
}

TEST(WatchLifetime, StopsAndContinuesWithItsJob) {
  const TempDir folder;
  std::vector<std::string> argv = {sysnare_path()};
  const auto more = watch_words(folder.write("p.json", profile_text("SCMP_ACT_ERRNO")), {},
                                {"pid", "x", "wait", folder / "go", "mkdir", folder / "made"});
  argv.insert(argv.end(), more.begin(), more.end());
  int terminal = -1;
  const pid_t shell = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  ASSERT_GE(shell, 0);
  if (shell == 0) be_a_shell(argv);
  ::fcntl(terminal, F_SETFL, O_NONBLOCK);
  std::string screen;
  const auto shows = [&](const std::string& text) {
    return eventually([&] {
      char buffer[4096];
      const ssize_t got = ::read(terminal, buffer, sizeof buffer);
      if (got > 0) screen.append(buffer, static_cast<std::size_t>(got));
      return screen.find(text) != std::string::npos;
    });
  };
  EXPECT_TRUE(shows("pid=")) << screen;
  EXPECT_EQ(::write(terminal, "\x1a", 1), 1);
  EXPECT_TRUE(shows("stopped by " + std::to_string(SIGTSTP))) << screen;
  folder.write("go", "");
  EXPECT_TRUE(shows("mkdir=0")) << screen;
  EXPECT_TRUE(shows("status 0")) << screen;
  EXPECT_TRUE(exists(folder / "made"));
  ::kill(shell, SIGKILL);
  ::close(terminal);
  ::waitpid(shell, nullptr, 0);
}

}  // namespace
}  // namespace sysnare::live
