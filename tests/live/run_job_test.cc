// sysnare run as a job among others: signals, pipelines, the terminal, and the end of its
// supervisor.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "harness.h"
#include "processes.h"
#include "profiles.h"
#include "terminal.h"

namespace sysnare::live {
namespace {

using ::testing::IsEmpty;
using ::testing::MatchesRegex;

using Words = std::vector<std::string>;

TEST(RunJob, SignalsAreHandedOn) {
  const TempDir dir;
  const std::string profile = dir.write("p.json", kAllowAll);
  for (const std::string options : {"", "--no-explain"}) {
    for (const auto& [name, number] :
         {std::pair{"TERM", SIGTERM}, {"HUP", SIGHUP}, {"INT", SIGINT}, {"USR1", SIGUSR1}}) {
      SCOPED_TRACE(name + options);
      Words words = {sysnare_path(), "run", "--profile", profile};
      if (!options.empty()) words.push_back(options);
      const std::string script = "trap 'echo got; exit 3' " + std::string(name) +
                                 "; echo ready; while :; do sleep 0.05; done";
      for (const std::string& word : {std::string("sh"), std::string("-c"), script}) {
        words.push_back(word);
      }
      Background program(words);
      ASSERT_TRUE(eventually([&] { return program.out_so_far() == "ready\n"; }));
      program.signal(number);
      const Outcome outcome = program.wait();
      EXPECT_EQ(outcome.out, "ready\ngot\n");
      EXPECT_EQ(outcome.status, 3);
    }
  }
}

TEST(RunJob, WorksInAPipeline) {
  const TempDir dir;
  const std::string profile = dir.write("p.json", kAllowAll);
  const std::string sysnare_run = sysnare_path() + " run --profile " + profile + " -- ";
  const Outcome outcome = run(
      {"bash", "-c",
       "set -o pipefail; seq 100000 | " + sysnare_run + "cat | head -n 1; echo ${PIPESTATUS[*]}"});
  // The program dies of SIGPIPE as it would alone.
  EXPECT_THAT(outcome.out, MatchesRegex("1\n(0|141) 141 0\n"));
  EXPECT_THAT(outcome.err, IsEmpty());
}

TEST(RunJob, ATracerStaysForThoseWhoNeedItAndItsEndLeavesTheFilter) {
  const TempDir dir;
  const std::string profile = dir.write("p.json", no_mkdir("TRACE"));
  const auto start = [&](const std::string& name) {
    return Words{sysnare_path(),
                 "run",
                 "--profile",
                 profile,
                 "--on-trace",
                 "allow",
                 "--",
                 victim("run_daemon"),
                 dir / (name + ".go"),
                 dir / (name + ".folder"),
                 dir / (name + ".result")};
  };
  {
    Background served(start("a"));
    // Its own program ends at once; the one left behind is served.
    dir.write("a.go", "");
    EXPECT_EQ(served.wait().status, 0);
    EXPECT_EQ(slurp(dir / "a.result"), "made");
  }
  {
    Background killed(start("b"));
    const std::string children = "/proc/" + std::to_string(killed.pid()) + "/task/" +
                                 std::to_string(killed.pid()) + "/children";
    // The program has run and ended, and left its daemon (init's child) behind.
    const Words argv = start("b");
    const Words daemon(std::find(argv.begin(), argv.end(), "--") + 1, argv.end());
    EXPECT_TRUE(eventually([&] { return process_of(daemon) != 0 && slurp(children).empty(); }));
    killed.signal(SIGKILL);
    EXPECT_EQ(killed.wait().status, 137);
    dir.write("b.go", "");
    EXPECT_TRUE(eventually([&] { return !slurp(dir / "b.result").empty(); }));
    EXPECT_EQ(slurp(dir / "b.result"), std::to_string(ENOSYS));
    EXPECT_FALSE(exists(dir / "b.folder"));
  }
}

TEST(RunJob, ATraceCallIsNotMadeWhenTheSupervisorDiesInTheMidstOfIt) {
  const TempDir dir;
  const std::string profile = dir.write("p.json", no_mkdir("TRACE"));
  for (const Words& how : {Words{}, Words{"--on-trace", "errno=EACCES"}}) {
    for (int i = 0; i < 5; ++i) {
      const std::string result = dir / ("result" + std::to_string(i) + std::to_string(how.size()));
      Words command = {sysnare_path(), "run", "--profile", profile};
      command.insert(command.end(), how.begin(), how.end());
      const Words rest = {"--", victim("run_outlives_supervisor"), dir / "folder", result};
      command.insert(command.end(), rest.begin(), rest.end());
      Background killed(command);
      EXPECT_EQ(killed.wait().status, 137);
      EXPECT_TRUE(eventually([&] { return !slurp(result).empty(); })) << "nothing hangs";
      EXPECT_EQ(slurp(result), "made 0");
    }
  }
}

TEST(RunJob, CtrlCCtrlZAndFgWorkOnATerminal) {
  const TempDir dir;
  const std::string profile = dir.write("p.json", kAllowAll);
  for (const std::string options : {"", " --no-explain"}) {
    SCOPED_TRACE(options);
    Terminal terminal({"bash", "--norc", "--noprofile", "-i"});
    ASSERT_TRUE(terminal.wait_for("ready> "));
    const std::string run = sysnare_path() + " run" + options + " --profile " + profile + " ";
    const auto stop_by_key = [&] {
      // Keys typed before the shell has handed the terminal over would be the shell's.
      ASSERT_TRUE(eventually([&] { return terminal.job_in_foreground(); }));
      terminal.type("\x1a");
      ASSERT_TRUE(terminal.wait_for("Stopped")) << terminal.seen();
      ASSERT_TRUE(terminal.wait_for("ready> ")) << terminal.seen();
    };
    // A shell's loop is mostly between vfork and exec, where a stop of the child would hang the
    // job: our tracer holds it back, and without one that is the kernel's affair.
    terminal.type(run + (options.empty() ? "sh -c 'echo up; while :; do sleep 0.05; done'\n"
                                         : "sh -c 'echo up; exec sleep 1000'\n"));
    ASSERT_TRUE(terminal.wait_for("\nup")) << terminal.seen();
    stop_by_key();
    // The program stands still too, in a tracer's stop where there is a tracer.
    terminal.type("ps -o stat= --ppid $(jobs -p) | cut -c1\n");
    ASSERT_TRUE(terminal.wait_for(options.empty() ? "\nt" : "\nT")) << terminal.seen();
    ASSERT_TRUE(terminal.wait_for("ready> "));
    terminal.type("fg\n");
    ASSERT_TRUE(terminal.wait_for("echo up")) << terminal.seen();
    stop_by_key();
    terminal.type("bg\n");
    ASSERT_TRUE(terminal.wait_for("ready> "));
    // Running: on a processor, asleep, or waiting for its vfork child. More than one look may be
    // needed: our tracer stops it for a moment at each fork.
    terminal.type(
        "until ps -o stat= --ppid $(jobs -p) | grep -q '^[SRD]'; do sleep 0.05; done; "
        "echo it run''s\n");
    ASSERT_TRUE(terminal.wait_for("it runs")) << terminal.seen();
    ASSERT_TRUE(terminal.wait_for("ready> "));
    terminal.type("fg\n");
    ASSERT_TRUE(eventually([&] { return terminal.job_in_foreground(); }));
    terminal.type("\x03");
    ASSERT_TRUE(terminal.wait_for("ready> ")) << terminal.seen();
    terminal.type("echo status $?\n");
    EXPECT_TRUE(terminal.wait_for("status 130")) << terminal.seen();
    // An interactive program reads the terminal.
    terminal.type(run + "sh -c 'read word; echo \"<$word>\"'\n");
    terminal.type("typed\n");
    EXPECT_TRUE(terminal.wait_for("<typed>")) << terminal.seen();
    terminal.type("exit\n");
  }
}

}  // namespace
}  // namespace sysnare::live
