// sysnare trace, as a user sees it: the program's own output, the table beside the real strace's,
// files, statuses, attaching, and a terminal. Evidence is in trace_evidence_test.cc, what only the
// eBPF recorder does in trace_ebpf_test.cc.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "harness.h"
#include "processes.h"
#include "sentences.h"
#include "terminal.h"

namespace sysnare::live {
namespace {

using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

struct Counts {
  std::uint64_t calls = 0;
  std::uint64_t errors = 0;
  auto operator<=>(const Counts&) const = default;
};
using Table = std::map<std::string, Counts>;

std::ostream& operator<<(std::ostream& out, const Counts& counts) {
  return out << counts.calls << " calls, " << counts.errors << " errors";
}

bool is_number(const std::string& word) {
  return !word.empty() && word.find_first_not_of("0123456789.") == std::string::npos;
}

/// The rows of a table as strace and we print it, among other lines; `total` too.
std::vector<std::pair<std::string, Counts>> rows_of(const std::string& text) {
  std::vector<std::pair<std::string, Counts>> rows;
  std::stringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::stringstream stream(line);
    const Words words{std::istream_iterator<std::string>(stream), {}};
    if (words.size() < 5 || words.size() > 6) continue;
    if (!std::all_of(words.begin(), words.end() - 1, is_number)) continue;
    rows.push_back(
        {words.back(), {std::stoull(words[3]), words.size() == 6 ? std::stoull(words[4]) : 0}});
  }
  return rows;
}

Table table_of(const std::string& text) {
  Table table;
  for (const auto& [name, counts] : rows_of(text)) table[name] = counts;
  table.erase("total");
  return table;
}

/// strace -c leaves out what never returns.
Table without_exits(Table table) {
  table.erase("exit");
  table.erase("exit_group");
  return table;
}

Words with_command(Words words, const Words& command) {
  words.emplace_back("--");
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

Outcome trace(Words options, const Words& command, const RunOptions& run_options = {}) {
  options.insert(options.begin(), "trace");
  return sysnare(with_command(std::move(options), command), run_options);
}

Outcome strace(const Words& command, const std::string& table) {
  return run(with_command({"strace", "-f", "-c", "-w", "-o", table}, command));
}

TEST(Trace, LeavesTheProgramsOwnOutputAlone) {
  const Outcome outcome = trace({}, {"sh", "-c", "echo out; echo err >&2; exit 5"});
  EXPECT_EQ(outcome.out, "out\n");
  EXPECT_THAT(outcome.err, StartsWith("err\nwall clock time"));
  EXPECT_EQ(outcome.status, 5);
}

TEST(Trace, LeavesTheProgramOnItsProcessorsAndInItsSchedulingClass) {
  // Enough calls that the tracer goes to this thread's processor; then the class (proc(5): field
  // 41 of stat), and where it may run.
  const Words command = {"sh", "-c",
                         "i=0; while [ $i -lt 400 ]; do read -r s < /proc/self/stat; "
                         "i=$((i+1)); done; set -- ${s##*) }; echo class ${39}; "
                         "while read -r l; do case $l in Cpus_allowed:*) echo $l;; esac; done "
                         "< /proc/self/status"};
  const Outcome bare = run(command);
  ASSERT_THAT(bare.out, HasSubstr("class 0\n"));
  for (const char* recorder : {"ptrace", "auto"}) {
    SCOPED_TRACE(recorder);
    const Outcome traced = trace({"--recorder", recorder}, command);
    EXPECT_EQ(traced.status, 0) << traced.err;
    EXPECT_EQ(traced.out, bare.out);
  }
}

TEST(Trace, ByPtraceNeedsNoFurtherThread) {
  if (!is_root()) GTEST_SKIP() << "needs root, to be a user who has no other process";
  const Words as_nobody = {"setpriv", "--reuid=61234", "--clear-groups"};
  Words reaches = as_nobody;
  reaches.insert(reaches.end(), {"test", "-x", sysnare_path()});
  if (run(reaches).status != 0) GTEST_SKIP() << "needs a build that other users can run";
  // Us, the thread that waits for signals, and the program: there is no room for more.
  Words words = as_nobody;
  words.insert(words.end(), {"prlimit", "--nproc=3", sysnare_path(), "trace", "--recorder",
                             "ptrace", "--", "sh", "-c",
                             "i=0; while [ $i -lt 100 ]; do read -r s < /proc/self/stat; "
                             "i=$((i+1)); done"});
  const Outcome traced = run(words);
  EXPECT_EQ(traced.status, 0) << traced.err;
  EXPECT_THAT(traced.err, HasSubstr("0 lost"));
}

TEST(Trace, HandsInputArgumentsAndEnvironmentOn) {
  RunOptions options;
  options.input = "line\n";
  options.environment = {"SYSNARE_TEST_WORD=word"};
  const Outcome outcome =
      trace({}, {"sh", "-c", "read a; echo \"$a $SYSNARE_TEST_WORD $1\"", "sh", "--runs"}, options);
  EXPECT_EQ(outcome.out, "line word --runs\n");
}

/// Call by call what strace counts, on programs that do the same each time.
TEST(Trace, CountsWhatStraceCounts) {
  if (!have_program("strace")) GTEST_SKIP() << "needs strace to compare with";
  TempDir dir;
  const std::string script = dir.write("script.sh",
                                       "#!/bin/bash\nfor i in 1 2 3; do\n  /bin/true\n"
                                       "  cd /\ndone\ncat /no/such/file\n");
  ::chmod(script.c_str(), 0755);
  const Words commands[] = {
      {"true"},
      {"ls", "-l", "/usr"},
      {"cat", "/etc/passwd", "/no/such/file"},
      {"sh", "-c", "cd /; cd /no/such; mkdir /proc/x; exit 3"},
      {"grep", "-c", "root", "/etc/passwd"},
  };
  for (const Words& command : commands) {
    SCOPED_TRACE(command[0] + " " + (command.size() > 2 ? command[2] : ""));
    const Outcome theirs = strace(command, dir / "table");
    const Outcome ours = trace({}, command);
    EXPECT_EQ(ours.status, theirs.status);
    EXPECT_EQ(ours.out, theirs.out);
    const Table counted = table_of(ours.err);
    EXPECT_EQ(without_exits(counted), table_of(slurp(dir / "table"))) << ours.err;
    EXPECT_TRUE(counted.contains("exit_group"));
    EXPECT_THAT(ours.err, HasSubstr(" observed, 0 lost\n"));
  }
}

/// What was counted, with one more mapping that is made and given back, or (-1) one less.
Table with_mapping(Table counted, int more) {
  for (const char* name : {"mmap", "munmap"}) counted[name].calls += more;
  return counted;
}

/// Programs whose parts run side by side take turns: there each count lies among those that strace
/// counts in several runs: eight, and more as long as one of them may yet take turns as ours did.
TEST(Trace, CountsWhatStraceCountsInScriptsAndPipelines) {
  if (!have_program("strace")) GTEST_SKIP() << "needs strace to compare with";
  constexpr std::size_t kRuns = 8;
  constexpr std::size_t kMostRuns = 60;
  TempDir dir;
  const std::string script =
      dir.write("script.sh",
                "#!/bin/bash\nfor i in 1 2 3; do\n  /bin/true\n  cd /\ndone\n"
                "seq 5 | sort -r | head -n 1\n(exit 4)\n");
  ::chmod(script.c_str(), 0755);
  const Words commands[] = {{script}, {"bash", "-c", "cat /etc/passwd | wc -l >/dev/null & wait"}};
  // How often a shell wakes up and asks for its children is the scheduler's business.
  const std::set<std::string> loose = {"wait4",        "rt_sigreturn", "rt_sigprocmask",
                                       "rt_sigaction", "read",         "futex"};
  for (const Words& command : commands) {
    SCOPED_TRACE(command.back());
    const Outcome ours = trace({}, command);
    Table counted = without_exits(table_of(ours.err));
    std::map<std::string, std::set<Counts>> seen;
    const auto is_seen = [&](const auto& row) {
      return loose.contains(row.first) || seen[row.first].contains(row.second);
    };
    const auto all_seen = [&](const Table& table) {
      return std::all_of(table.begin(), table.end(), is_seen);
    };
    // bash makes its list of children that have ended where one ends while it waits, and none where
    // it had ended before: as strace slows it, always the one, and at times the other at our pace.
    const Table with_list = with_mapping(counted, 1);
    const Table without_list = with_mapping(counted, -1);
    for (std::size_t i = 0; i < kMostRuns; ++i) {
      if (i >= kRuns && all_seen(counted)) break;
      strace(command, dir / "table");
      for (const auto& [name, counts] : table_of(slurp(dir / "table"))) seen[name].insert(counts);
    }
    if (!all_seen(counted)) {
      if (all_seen(with_list)) counted = with_list;
      if (all_seen(without_list)) counted = without_list;
    }
    std::erase_if(seen, [](const auto& each) { return each.second.empty(); });
    for (const auto& [name, all] : seen) {
      if (loose.contains(name)) continue;
      const auto row = counted.find(name);
      ASSERT_NE(row, counted.end()) << name;
      EXPECT_TRUE(all.contains(row->second)) << name << ": " << row->second << "\n" << ours.err;
    }
    for (const auto& [name, counts] : counted) {
      EXPECT_TRUE(seen.contains(name) || loose.contains(name)) << name;
    }
  }
}

TEST(Trace, DiffersFromStraceOnlyWhereStraceDiffersFromItself) {
  if (!have_program("strace")) GTEST_SKIP() << "needs strace to compare with";
  constexpr int kRuns = 8;
  constexpr int kMostRuns = 60;
  TempDir dir;
  const struct {
    const char* why;
    std::string script;
    std::set<std::string> varies;  ///< in strace's own tables, from run to run
    std::set<std::string>
        turns;  ///< as the tracer's pace has it: a slower one sees other turns taken
    std::uint64_t programs = 0;  ///< in each run, or strace was too slow for what the row is about
  } cases[] = {
      {"how full a pipe is when it is read", "seq 20000 | sort | wc -l >/dev/null", {"read"}, {}},
      {"a compiler's temporary names", "echo 'int main;' >x.c; gcc -w -c x.c -o x.o", {}, {}},
      // timeout signals the child and then its own group: which of them is woken first, and how
      // often the wait is taken up again, differs with how slow the tracer makes both.
      {"when the alarm comes",
       "timeout 0.2 sleep 5; true",
       {},
       {"rt_sigreturn", "rt_sigsuspend", "wait4"},
       3},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.why);
    if (c.script.find("gcc") != std::string::npos && !have_program("gcc")) continue;
    const Words command = {"bash", "-c", "cd " + dir.path() + "; " + c.script};
    std::map<std::string, std::set<Counts>> theirs;
    std::map<std::string, std::set<Counts>> ours;
    // Whether it has varied by now is chance.
    const auto has_varied = [&](const std::string& name) { return theirs[name].size() > 1; };
    for (int i = 0; i < kMostRuns; ++i) {
      if (i >= kRuns && std::all_of(c.varies.begin(), c.varies.end(), has_varied)) break;
      Table table;
      ASSERT_TRUE(eventually([&] {
        strace(command, dir / "table");
        table = table_of(slurp(dir / "table"));
        return table["execve"].calls >= c.programs;
      }));
      for (const auto& [name, counts] : table) theirs[name].insert(counts);
      for (const auto& [name, counts] : without_exits(table_of(trace({}, command).err))) {
        ours[name].insert(counts);
      }
    }
    for (const auto& [name, all] : theirs) {
      if (all.size() > 1 || c.varies.contains(name) || c.turns.contains(name)) {
        EXPECT_TRUE(ours.contains(name)) << name;
        continue;
      }
      ASSERT_TRUE(ours.contains(name)) << name;
      EXPECT_TRUE(ours[name].contains(*all.begin()))
          << name << ": strace always has " << *all.begin() << ", we " << *ours[name].begin();
    }
    for (const auto& [name, counts] : ours) EXPECT_TRUE(theirs.contains(name)) << name;
    for (const std::string& name : c.varies) EXPECT_GT(theirs[name].size(), 1U) << name;
  }
}

TEST(Trace, TheTotalIsTheSumOfTheRows) {
  const Outcome outcome = trace({}, {"ls", "/", "/no/such"});
  Counts sum;
  Counts total;
  for (const auto& [name, counts] : rows_of(outcome.err)) {
    Counts& into = name == "total" ? total : sum;
    into.calls += counts.calls;
    into.errors += counts.errors;
  }
  EXPECT_GT(sum.calls, 20u);
  EXPECT_EQ(sum, total);
  EXPECT_THAT(outcome.err,
              EndsWith("\n" + std::to_string(sum.calls) + " calls observed, 0 lost\n"));
}

TEST(Trace, SortsAsStraceDoes) {
  for (const char* key : {"calls", "errors", "name", "none"}) {
    SCOPED_TRACE(key);
    const Outcome outcome = trace({"-S", key}, {"ls", "/", "/no/such"});
    ASSERT_EQ(outcome.status, 2);
    std::vector<std::pair<std::string, Counts>> rows = rows_of(outcome.err);
    ASSERT_GT(rows.size(), 10u);
    rows.pop_back();  // total
    if (key == std::string("none") && have_program("strace")) {
      TempDir dir;
      run({"strace", "-f", "-c", "-w", "-S", "none", "-o", dir / "table", "ls", "/", "/no/such"});
      std::vector<std::pair<std::string, Counts>> theirs = rows_of(slurp(dir / "table"));
      theirs.pop_back();
      std::erase_if(rows, [](const auto& row) { return row.first == "exit_group"; });
      EXPECT_EQ(rows, theirs);
      continue;
    }
    EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end(), [&](const auto& a, const auto& b) {
      if (key == std::string("calls")) return a.second.calls > b.second.calls;
      if (key == std::string("errors")) return a.second.errors > b.second.errors;
      return a.first < b.first;
    })) << outcome.err;
  }
}

TEST(Trace, RunsAddUpAndTheLastStatusCounts) {
  TempDir dir;
  const std::string script =
      "echo x >> " + (dir / "runs") + "; test $(wc -l < " + (dir / "runs") + ") -lt 3 || exit 9";
  const Outcome outcome = trace({"--runs", "3", "-o", dir / "e.json"}, {"sh", "-c", script});
  EXPECT_EQ(slurp(dir / "runs"), "x\nx\nx\n");
  EXPECT_EQ(outcome.status, 9);
  EXPECT_THAT(outcome.err, HasSubstr("ended with status 0 in 2, 9 in 1 of 3 runs"));
  EXPECT_THAT(outcome.err, HasSubstr("sum of 3 runs"));
  EXPECT_THAT(outcome.err, HasSubstr("of 3 runs\n"));
  const Json json = Json::parse(slurp(dir / "e.json"), nullptr, false);
  EXPECT_EQ(json["runs"], 3);
  EXPECT_EQ(table_of(outcome.err)["execve"].calls, 6u) << "sh and wc, three times";
}

TEST(Trace, FollowsChildrenUnlessToldNotTo) {
  const Words command = {"sh", "-c", "/bin/true; /bin/true; cd /"};
  EXPECT_EQ(table_of(trace({}, command).err)["execve"].calls, 3u);
  EXPECT_EQ(table_of(trace({"-f"}, command).err)["execve"].calls, 3u);
  const Table alone = table_of(trace({"--no-follow"}, command).err);
  EXPECT_EQ(alone.at("execve").calls, 1u);
  EXPECT_EQ(alone.at("chdir").calls, 1u);
}

TEST(Trace, EndsWithTheProgramsStatus) {
  struct Case {
    const char* why;
    Words command;
    int status;
  };
  const Case cases[] = {
      {"its own", {"sh", "-c", "exit 7"}, 7},
      {"125 of its own", {"sh", "-c", "exit 125"}, 125},
      {"killed", {"sh", "-c", "kill -KILL $$"}, 128 + SIGKILL},
      {"terminated", {"sh", "-c", "kill -TERM $$"}, 128 + SIGTERM},
      {"crashed", {"sh", "-c", "kill -SEGV $$"}, 128 + SIGSEGV},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const Outcome outcome = trace({}, c.command);
    EXPECT_EQ(outcome.status, c.status);
    EXPECT_THAT(outcome.err, EndsWith(" observed, 0 lost\n"));
  }
}

TEST(Trace, SaysInOneSentenceWhatIsWrong) {
  TempDir dir;
  const std::string text = dir.write("text", "no program\n");
  const std::string kept = dir.write("kept.json", "old evidence");
  const std::string mark = dir / "mark";
  expect_sentences(
      {"trace"},
      {
          {"no such program", {"--", "no-such-program"}, 127, "no-such-program"},
          {"no such file", {"--", "/no/such/file"}, 127, "/no/such/file"},
          {"not executable", {"--", text}, 126, "/text"},
          {"a folder", {"--", "/"}, 126, "/"},
          {"no command", {}, 125, "no command"},
          {"an option that is none", {"--nope", "true"}, 125, "--nope"},
          {"a pid that is none", {"-p", "x"}, 125, "\"x\""},
          {"a pid that is too large", {"-p", "99999999"}, 125, "4,194,304"},
          {"pid and command", {"-p", "1", "true"}, 125, "both"},
          {"an ancestor, which no tracer can stop",
           {"--recorder", "ptrace", "-p", "1"},
           125,
           "process 1"},
          {"runs that are none", {"--runs", "0", "true"}, 125, "--runs"},
          {"runs of a process", {"--runs", "2", "-p", "1"}, 125, "--runs"},
          {"quiet runs of a process",
           {"--until-saturated", "2", "-p", "1"},
           125,
           "--until-saturated"},
          {"more quiet runs than runs",
           {"--until-saturated", "5", "--runs", "5", "true"},
           125,
           "need 6 runs at least"},
          {"saving to nothing", {"--save-every", "5", "true"}, 125, "add -o FILE"},
          {"saving to standard output",
           {"--save-every", "5", "-o", "-", "touch", mark},
           125,
           "add -o FILE"},
          {"saving too seldom",
           {"--save-every", "100000", "-o", kept, "touch", mark},
           125,
           "0 to 86,400"},
          {"an order that is none", {"-S", "size", "true"}, 125, "allowed: time"},
          {"an order spelled wrong", {"-S", "min time", "true"}, 125, "unknown order \"min time\""},
          {"a recorder that is none",
           {"--recorder", "x", "true"},
           125,
           "allowed: auto, ebpf, ptrace"},
          {"evidence into no folder", {"-o", dir / "no/e.json", "touch", mark}, 125, "/no/e.json"},
          {"evidence over a folder", {"-o", dir.path(), "touch", mark}, 125, "Is a directory"},
          {"evidence of no program", {"-o", kept, "no-such-program"}, 127, "no-such-program"},
      });
  EXPECT_EQ(slurp(kept), "old evidence");
  EXPECT_NE(::access(mark.c_str(), F_OK), 0) << "the program ran though there was nowhere to save";
}

TEST(Trace, APidThatIsGoneIsSaid) {
  Background gone({"true"});
  const int pid = gone.pid();
  gone.wait();
  const Outcome outcome = sysnare({"trace", "-p", std::to_string(pid)});
  EXPECT_EQ(outcome.status, 125);
  EXPECT_THAT(outcome.err, HasSubstr("process " + std::to_string(pid)));
}

TEST(Trace, AnUnprivilegedUserCannotTraceOthers) {
  if (is_root()) GTEST_SKIP() << "root may trace everybody";
  const Outcome outcome = sysnare({"trace", "-p", "1"});
  EXPECT_EQ(outcome.status, 125);
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
}

TEST(Trace, AttachesAndLeavesTheProcessesRunning) {
  if (!may_attach()) GTEST_SKIP() << kMayNotAttach;
  TempDir dir;
  const auto busy = [&](const std::string& progress) {
    return Words{"sh", "-c",
                 "while :; do cd /; cd /no/such; echo x >> " + progress + "; done 2>/dev/null"};
  };
  Background one(busy(dir / "one"));
  Background two(busy(dir / "two"));
  Background tracer({sysnare_path(), "trace", "--recorder", "ptrace", "-o", dir / "e.json", "-p",
                     std::to_string(one.pid()) + "," + std::to_string(two.pid())});
  ASSERT_TRUE(eventually([&] { return is_traced(one.pid()) && is_traced(two.pid()); }))
      << tracer.err_so_far();
  for (const char* progress : {"one", "two"}) {
    const std::size_t before = slurp(dir / progress).size();
    ASSERT_TRUE(eventually([&] { return slurp(dir / progress).size() > before + 4; }));
  }
  tracer.signal(SIGINT);
  const Outcome outcome = tracer.wait();
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "") << "with -p the table goes to standard output";
  EXPECT_GE(table_of(outcome.out)["chdir"].calls, 2u) << outcome.out;
  EXPECT_THAT(outcome.out, EndsWith(" observed, 0 lost\n"));
  for (const Background* each : {&one, &two}) {
    EXPECT_FALSE(is_traced(each->pid()));
    EXPECT_THAT(state_of(each->pid()), AnyOf('R', 'S', 'D')) << "stopped or gone";
  }
  const Json json = Json::parse(slurp(dir / "e.json"), nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["command"], Json::array());
  for (const Json& call : json["calls"]) EXPECT_EQ(call["origin"], "application");
}

TEST(Trace, ADetachIsNoErrorOfTheCallThatItBreaksOff) {
  if (!may_attach()) GTEST_SKIP() << kMayNotAttach;
  // Each sleeps in a call that the kernel restarts by one of its errors for tracers.
  const struct {
    const char* why;
    Words command;
  } cases[] = {
      {"ERESTART_RESTARTBLOCK", {"sleep", "1000"}},
      {"ERESTARTSYS", {"sh", "-c", "mkfifo fifo; exec cat <> fifo"}},
      {"ERESTARTNOHAND", {"python3", "-c", "import signal; signal.pause()"}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.why);
    TempDir dir;
    RunOptions options;
    options.cwd = dir.path();
    Background sleeper(c.command, options);
    const std::string pid = std::to_string(sleeper.pid());
    const std::string name = c.command.front() == "sh" ? "cat" : c.command.front();
    ASSERT_TRUE(eventually([&] {
      return slurp("/proc/" + pid + "/comm") == name + "\n" && state_of(sleeper.pid()) == 'S';
    }));
    Background tracer(
        {sysnare_path(), "trace", "--recorder", "ptrace", "-o", dir / "e.json", "-p", pid});
    ASSERT_TRUE(eventually([&] { return is_traced(sleeper.pid()); })) << tracer.err_so_far();
    // It is seen asleep again in the call that it was restarted into.
    ASSERT_TRUE(eventually([&] { return state_of(sleeper.pid()) == 'S'; }));
    tracer.signal(SIGINT);
    const Outcome outcome = tracer.wait();
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_THAT(outcome.out, StartsWith("wall clock time within the calls of process " + pid +
                                        " (" + name + ")\n"));
    for (const auto& [call, counts] : table_of(outcome.out)) EXPECT_EQ(counts.errors, 0u) << call;
    const Json json = Json::parse(slurp(dir / "e.json"), nullptr, false);
    for (const Json& call : json["calls"]) EXPECT_EQ(call["errors"], Json::object()) << call;
    EXPECT_TRUE(eventually([&] { return state_of(sleeper.pid()) == 'S'; })) << "and sleeps on";
  }
}

TEST(Trace, EndsWithTheProcessThatItAttachedTo) {
  if (!may_attach()) GTEST_SKIP() << kMayNotAttach;
  Background process({"sh", "-c", "while :; do cd /; done"});
  Background tracer(
      {sysnare_path(), "trace", "--recorder", "ptrace", "-p", std::to_string(process.pid())});
  ASSERT_TRUE(eventually([&] { return is_traced(process.pid()); }));
  process.signal(SIGTERM);
  const Outcome outcome = tracer.wait();
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.out, EndsWith(" observed, 0 lost\n"));
}

/// In a shell with job control: Ctrl-Z stops both, fg goes on, Ctrl-C ends the program alone.
TEST(Trace, IsAJobLikeAnyOther) {
  TempDir dir;
  // It says when it has the terminal: what is typed earlier would be the shell's.
  const std::string program =
      dir.write("echo.py",
                "import os, signal, sys\n"
                "signal.signal(signal.SIGCONT, lambda *_: os.write(1, b'resumed\\n'))\n"
                "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
                "print('begun', flush=True)\n"
                "for line in sys.stdin: print('got', line, end='', flush=True)\n");
  Terminal terminal({"bash", "--norc", "--noprofile", "-i"});
  ASSERT_TRUE(terminal.wait_for("ready> ")) << terminal.seen();
  terminal.type(sysnare_path() + " trace /usr/bin/python3 " + program + "\n");
  ASSERT_TRUE(terminal.wait_for("begun\r\n")) << terminal.seen();
  terminal.type("first\n");
  ASSERT_TRUE(terminal.wait_for("got first\r\n")) << terminal.seen();
  terminal.type("\x1a");
  ASSERT_TRUE(terminal.wait_for("Stopped")) << terminal.seen();
  ASSERT_TRUE(terminal.wait_for("ready> ")) << terminal.seen();
  terminal.type("fg\n");
  ASSERT_TRUE(terminal.wait_for("resumed\r\n")) << terminal.seen();
  terminal.type("second\n");
  ASSERT_TRUE(terminal.wait_for("got second\r\n")) << terminal.seen();
  terminal.type("\x03");
  ASSERT_TRUE(terminal.wait_for(" observed, 0 lost")) << terminal.seen();
  ASSERT_TRUE(terminal.wait_for("ready> ")) << terminal.seen();
  terminal.type("echo status $?\n");
  ASSERT_TRUE(terminal.wait_for("status 130")) << terminal.seen();
}

TEST(Trace, ATableInAPipeHasNoColourAndNoProgress) {
  const Outcome outcome = trace({"--runs", "2"}, {"sleep", "0.6"});
  EXPECT_THAT(outcome.err, Not(HasSubstr("\x1b")));
  EXPECT_THAT(outcome.err, Not(HasSubstr("run 1 of 2 done")));
}

TEST(Trace, OnATerminalLongRunsShowProgress) {
  Terminal terminal({sysnare_path(), "trace", "--runs", "2", "--", "sleep", "1.1"});
  ASSERT_TRUE(terminal.wait_for("run 1 of 2 done, ")) << terminal.seen();
  ASSERT_TRUE(terminal.wait_for(" observed, 0 lost")) << terminal.seen();
}

/// Any program of our user may set our limits. The thread that waits for signals must neither be
/// gone then nor take every failing poll for a signal, and make children without end.
TEST(Trace, WaitsForSignalsWhenTheProgramTakesItsDescriptorsAway) {
  if (!have_program("python3")) GTEST_SKIP() << "needs python3, for prlimit of another process";
  // How much time its tracer, and the tracer's children, used in a second in which nothing happens.
  const std::string program = R"py(
import os, resource, signal, sys, time
def used():
    fields = open("/proc/%d/stat" % os.getppid()).read().rsplit(")", 1)[1].split()
    return sum(int(ticks) for ticks in fields[11:15])
signal.signal(signal.SIGTERM, lambda *unused: os._exit(9))
resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (0, 0))
before = used()
time.sleep(1)
print(used() - before, flush=True)
while True:
    signal.pause()
)py";
  Background job({sysnare_path(), "trace", "--", "python3", "-c", program});
  ASSERT_TRUE(eventually([&] { return job.out_so_far().ends_with("\n"); })) << job.err_so_far();
  // Of 100 ticks; a loop would take half of them on a busy machine, waiting takes none.
  EXPECT_LT(std::stoi(job.out_so_far()), 15);
  job.signal(SIGTERM);
  const Outcome outcome = job.wait();
  EXPECT_FALSE(outcome.timed_out);
  EXPECT_EQ(outcome.status, 9) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr(" 0 lost"));
}

}  // namespace
}  // namespace sysnare::live
