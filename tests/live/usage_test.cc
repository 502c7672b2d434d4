// What does each verb say of words that make no sense? One sentence of ours, nothing on standard
// output, and nothing is done.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <set>
#include <sstream>

#include "profiles.h"
#include "sentences.h"

namespace sysnare::live {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

/// The verbs that `sysnare --help` lists.
std::vector<std::string> verbs() {
  std::istringstream help(sysnare({"--help"}).out);
  std::vector<std::string> names;
  bool listed = false;
  for (std::string line; std::getline(help, line);) {
    if (line == "verbs:") {
      listed = true;
    } else if (listed && line.starts_with("  ")) {
      names.push_back(line.substr(2, line.find(' ', 2) - 2));
    } else if (listed) {
      break;
    }
  }
  return names;
}

/// And it is none of CLI11's sentences.
void expect_own_sentence(const Outcome& outcome, const std::string& verb) {
  expect_one_sentence(outcome, verb);
  for (const char* raw : {"not expected", "is required", "xpected at least", "required but",
                          "excludes", "argument"}) {
    EXPECT_THAT(outcome.err, Not(HasSubstr(raw)));
  }
}

TEST(Usage, EveryVerbKnowsItsOptions) {
  const std::vector<std::string> names = verbs();
  ASSERT_GE(names.size(), 9U);
  for (const std::string& verb : names) {
    SCOPED_TRACE(verb);
    const bool launches = verb == "trace" || verb == "run" || verb == "watch";
    for (const char* option : {"--nosuchoption", "--nosuchoption=1", "-%"}) {
      SCOPED_TRACE(option);
      const Outcome outcome = sysnare({verb, option});
      EXPECT_EQ(outcome.status, launches ? 125 : 2) << outcome.err;
      expect_own_sentence(outcome, verb);
      EXPECT_THAT(outcome.err, HasSubstr("unknown option"));
      EXPECT_THAT(outcome.err, EndsWith("; `sysnare " + verb + " --help` lists the options\n"));
    }
    EXPECT_EQ(sysnare({verb, "--nosuchoption", "--help"}).status, 0);
  }
}

TEST(Usage, NamesTheMistakeAndWhatIsAllowed) {
  struct Case {
    std::vector<std::string> words;
    int status;
    const char* sentence;
  };
  const Case cases[] = {
      {{"trace", "--runz", "2", "true"},
       125,
       "unknown option \"--runz\", did you mean \"--runs\"?"},
      {{"trace", "-o"}, 125, "-o: FILE is missing behind it"},
      {{"trace", "-o", "", "true"}, 125, "-o: \"\" is not allowed, FILE is empty"},
      {{"trace", "-o", "--json", "true"}, 125, "-o: FILE is missing between it and --json"},
      {{"trace", "-p", "1,"}, 125, "-p: \"1,\" has an empty PID in it"},
      {{"trace", "-p", "0"}, 125, "-p: \"0\" is not allowed, a number from 1 to 4,194,304 is"},
      {{"trace", "-p", "4194305"}, 125, "a number from 1 to 4,194,304 is"},
      {{"trace", "--runs", "0", "true"}, 125, "--runs: \"0\" is not allowed, a number from 1 to"},
      {{"trace", "--runs", "99999999999999999999", "true"}, 125, "a number from 1 to"},
      {{"trace", "--runs", "2", "--runs", "3", "true"}, 125, "--runs stands twice"},
      {{"trace", "--no-follow", "-f", "true"}, 125, "--no-follow does not go with --follow"},
      {{"trace", "--json=1", "true"}, 125, "--json: \"1\" is not allowed"},
      {{"trace"}, 125, "no command and no -p PID"},
      {{"trace", "--host", "true"}, 125, "both a command and --host"},
      {{"trace", "--unit", "a", "--cgroup", "b"}, 125, "both --cgroup and --unit"},
      {{"trace", "--cgroup", ""}, 125, "--cgroup: \"\" is not allowed, DIR is empty"},
      {{"trace", "--unit", "a/b"}, 125, "--unit: \"a/b\" is no systemd unit"},
      {{"trace", "--host", "--no-follow"}, 125, "--no-follow goes with a command or -p"},
      {{"trace", "--host", "--runs", "2"}, 125, "--runs repeats a command, and there is none"},
      {{"trace", "--container", "web", "ls"}, 125, "both a command and --container"},
      {{"trace", "--container", "web", "-p", "1"}, 125, "both -p and --container"},
      {{"trace", "--container", "-x"}, 125, "\"-x\" can be no container's name"},
      {{"trace", "--container", "a b"}, 125, "\"a b\" can be no container's name"},
      {{"trace", "--container", "web", "--runtime", "docker", "--", "run", "x"},
       125,
       "one of them"},
      {{"trace", "--container", "web", "--engine", "runc"}, 125, "--engine: runc has no names"},
      {{"trace", "--container", "web", "--engine", "lxc"},
       125,
       "one of docker, podman, runc, crun"},
      {{"trace", "--engine", "docker", "ls"}, 125, "--engine says whose --container is meant"},
      {{"trace", "--engine-arg=-H", "ls"}, 125, "--engine-arg goes with --container or --runtime"},
      {{"trace", "--runtime", "docker"}, 125, "`sysnare trace --runtime docker -- run ARGUMENTS`"},
      {{"trace", "--runtime", "lxc", "--", "run", "x"}, 125, "--runtime: \"lxc\" is not allowed"},
      {{"trace", "--runtime", "docker", "--", "ps"}, 125, "`docker ps` starts no container"},
      {{"trace", "--runtime", "podman", "--", "run", "--cgroups=split", "x"},
       125,
       "--cgroups cannot"},
      {{"trace", "--runtime", "runc", "--", "run", "-b", "/no/such", "x"},
       125,
       "/no/such/config.json"},
      {{"trace", "--runtime", "docker", "--no-follow", "--", "run", "x"},
       125,
       "not with --runtime"},
      {{"hook", "--dirr", "x"}, 2, "unknown option \"--dirr\""},
      {{"hook", "x"}, 2, "x"},
      {{"trace", "--host", "--recorder", "ptrace"}, 125, "only the eBPF recorder follows a whole"},
      {{"run", "true"}, 125, "--profile FILE is missing: the profile"},
      {{"run", "--profile", "", "true"}, 125, "--profile: \"\" is not allowed, FILE is empty"},
      {{"run", "--profile", "x"}, 125, "no command"},
      {{"run", "--profile", "x", "--on-trace", "maybe", "true"},
       125,
       "--on-trace \"maybe\": expected"},
      {{"watch", "true"}, 125, "--profile FILE is missing: the profile"},
      {{"watch", "--profile", "x", "--alerts", "", "true"}, 125, "--alerts: \"\" is not allowed"},
      {{"watch", "--profile", "x", "--evidence", "", "true"},
       125,
       "--evidence: \"\" is not allowed"},
      {{"profile", "-o", "", "--", "true"}, 2, "-o: \"\" is not allowed, FILE is empty"},
      {{"profile", "--evidence", "", "--", "true"}, 2, "--evidence: \"\" is not allowed"},
      {{"profile", ""}, 2, "\"\" is not allowed, EVIDENCE... is empty"},
      {{"profile", "--runs"}, 2, "--runs: N is missing behind it"},
      {{"merge"}, 2, "FILE is missing"},
      {{"merge", "-o", "", "x"}, 2, "-o: \"\" is not allowed, FILE is empty"},
      {{"convert"}, 2, "FILE is missing"},
      {{"convert", "a", "b"}, 2, "\"b\" is one word too many"},
      {{"convert", "-o", "", "a"}, 2, "-o: \"\" is not allowed"},
      {{"syscalls", "read", "write"}, 2, "\"write\" is one word too many"},
      {{"syscalls", "--abi"}, 2, "--abi: "},
      {{"doctor", "now"}, 2, "\"now\" is not allowed, only options are"},
      {{"demo", "--dir", ""}, 2, "--dir: \"\" is not allowed"},
  };
  const TempDir folder;
  RunOptions options;
  options.cwd = folder.path();
  for (const Case& c : cases) {
    std::string line;
    for (const std::string& word : c.words) line += " '" + word + "'";
    SCOPED_TRACE(line);
    const Outcome outcome = sysnare(c.words, options);
    EXPECT_EQ(outcome.status, c.status);
    expect_own_sentence(outcome, c.words.front());
    EXPECT_THAT(outcome.err, HasSubstr(c.sentence));
  }
}

/// Three verbs start commands, and a user who changes from one to the other reads the same.
TEST(Usage, WhatCannotBeExecutedIsSaidInTheSameWordsByEveryVerb) {
  const TempDir dir;
  const auto file = [&](const char* name, const std::string& text) {
    const std::string path = dir.write(name, text);
    ::chmod(path.c_str(), 0755);
    return path;
  };
  std::string image = slurp("/bin/true");
  ASSERT_GT(image.size(), 64U);
  image[18] = 0x08;  // e_machine: MIPS
  image[19] = 0x00;
  const std::string loader = "/lib64/ld-linux-x86-64.so.2";
  std::string lost = slurp("/bin/true");
  const std::size_t at = lost.find(loader);
  ASSERT_NE(at, std::string::npos);
  lost.replace(at, 4, "/bil");
  const struct {
    const char* why;
    std::string path;
    int status;
    std::string says;
  } cases[] = {
      {"no bytes", file("empty", ""), 126, "cannot be executed: it is empty\n"},
      {"a text", file("text", "echo hi\n"), 126,
       "cannot be executed: neither a program for this machine nor a script with a #! line; a "
       "script without one is started by its shell, as in `sh " +
           (dir / "text") + "`\n"},
      {"#! and no more", file("bang", "#!\n"), 126,
       "cannot be executed: its #! line names no interpreter\n"},
      {"another machine's", file("mips", image), 126,
       "cannot be executed: an ELF file that this kernel does not run: damaged, or for another "
       "machine\n"},
      {"an ELF header cut off", file("cut", image.substr(0, 20)), 126,
       "cannot be executed: an ELF file that this kernel does not run"},
      {"a lost interpreter", file("orphan", "#!/nonexistent/sh -e\n"), 126,
       "cannot be executed: its interpreter /nonexistent/sh (in its #! line) does not exist\n"},
      {"a lost loader", file("lost", lost), 126,
       "cannot be executed: its dynamic loader /bil64/ld-linux-x86-64.so.2 does not exist\n"},
      {"a folder", dir.path(), 126, ": is a directory\n"},
      {"not executable", "/etc/passwd", 126, ": Permission denied\n"},
      {"not there", dir / "nothing", 127, ": No such file or directory\n"},
      {"not in PATH", "no-such-command", 127, ": no such command in PATH\n"},
  };
  const std::string profile = dir.write("p.json", kAllowAll);
  RunOptions in_clean_path;  // a folder of PATH may be closed to this user
  in_clean_path.environment = {"PATH=/usr/bin:/bin"};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.why);
    std::set<std::string> sentences;
    for (const std::vector<std::string>& verb : {std::vector<std::string>{"trace"},
                                                 {"run", "--profile", profile},
                                                 {"run", "--no-explain", "--profile", profile},
                                                 {"watch", "--profile", profile},
                                                 {"profile", "-o", dir / "out.json"}}) {
      SCOPED_TRACE(verb.front());
      std::vector<std::string> words = verb;
      words.insert(words.end(), {"--", c.path});
      const Outcome outcome = sysnare(words, in_clean_path);
      EXPECT_EQ(outcome.status, c.status);
      expect_one_sentence(outcome, verb.front());
      EXPECT_THAT(outcome.err, HasSubstr(c.says));
      sentences.insert(outcome.err.substr(outcome.err.find(": ")));
    }
    EXPECT_EQ(sentences.size(), 1U);
  }
}

TEST(Usage, RefusesAProcOfAnotherPidNamespace) {
  // What /proc/2 says is then about kthreadd, and not about the program that is process 2 here.
  const std::vector<std::string> apart = {"unshare", "--map-root-user", "--pid", "--fork"};
  std::vector<std::string> probe = apart;
  probe.emplace_back("true");
  if (run(probe).status != 0) GTEST_SKIP() << "needs a PID namespace (unshare)";
  const TempDir dir;
  const std::string profile = dir.write("p.json", kAllowAll);
  for (const std::vector<std::string>& verb : {std::vector<std::string>{"trace"},
                                               {"trace", "--recorder", "ptrace"},
                                               {"run", "--profile", profile},
                                               {"watch", "--profile", profile}}) {
    SCOPED_TRACE(verb.front());
    std::vector<std::string> argv = apart;
    argv.push_back(sysnare_path());
    argv.insert(argv.end(), verb.begin(), verb.end());
    argv.insert(argv.end(), {"--", "true"});
    const Outcome outcome = run(argv);
    EXPECT_EQ(outcome.status, 125);
    expect_one_sentence(outcome, verb.front());
    EXPECT_THAT(outcome.err, HasSubstr("/proc is that of another PID namespace"));
    argv.insert(argv.begin() + 1, "--mount-proc");
    EXPECT_EQ(run(argv).status, 0);
  }
  std::vector<std::string> attach = apart;
  attach.insert(attach.end(), {sysnare_path(), "trace", "--recorder", "ptrace", "-p", "2"});
  const Outcome outcome = run(attach);
  EXPECT_EQ(outcome.status, 125);
  EXPECT_THAT(outcome.err, HasSubstr("/proc is that of another PID namespace"));
}

TEST(Usage, NoNameOfAFileReachesTheTerminalAsItIs) {
  const TempDir dir;
  const std::string odd = dir.write("p\x1b[31m.json", kAllowAll);
  const std::string deny =
      dir.write("d\x1b[31m.json", R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []})");
  const std::string cut = dir.write("c\x1b[31m.json", "{");
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"run", "--profile", cut, "true"},
        {"run", "--profile", deny, "true"},
        {"watch", "--profile", odd, "--evidence", cut, "true"},
        {"profile", cut},
        {"profile", dir / "none\x1b"},
        {"lint", cut},
        {"convert", cut}}) {
    SCOPED_TRACE(words.front());
    const Outcome outcome = sysnare(words);
    EXPECT_NE(outcome.status, 0);
    EXPECT_EQ((outcome.out + outcome.err).find('\x1b'), std::string::npos) << outcome.err;
    EXPECT_THAT(outcome.out + outcome.err, HasSubstr("\\x1b"));
  }
}

TEST(Usage, WhatCannotBeTracedIsNotCalledWhatCannotBeExecuted) {
  const TempDir dir;
  const std::string profile = dir.write("p.json", kAllowAll);
  const Outcome outcome = sysnare({"run", "--profile", profile, "--", sysnare_path(), "trace",
                                   "--recorder", "ptrace", "--", "true"});
  EXPECT_EQ(outcome.status, 125);
  expect_one_sentence(outcome, "trace");
  EXPECT_THAT(outcome.err, HasSubstr("cannot trace"));
}

TEST(Usage, ASmallStackIsEnough) {
  const TempDir dir;
  const std::string profile = dir.write("p.json", kAllowAll);
  for (const std::vector<std::string>& words : {std::vector<std::string>{"trace", "true"},
                                                {"run", "--profile", profile, "true"},
                                                {"watch", "--profile", profile, "true"}}) {
    SCOPED_TRACE(words.front());
    std::vector<std::string> argv = {"bash", "-c", "ulimit -s 64; exec \"$@\"", "bash",
                                     sysnare_path()};
    argv.insert(argv.end(), words.begin(), words.end());
    EXPECT_EQ(run(argv).status, 0);
  }
}

TEST(Usage, NarrowLimitsAreSaid) {
  const TempDir dir;
  const std::string profile = dir.write("p.json", kAllowAll);
  const struct {
    const char* why;
    const char* limit;
    std::vector<std::string> words;
    int status;
    const char* says;
  } cases[] = {
      {"no further process",
       "-u 1",
       {"trace", "--recorder", "ptrace", "true"},
       125,
       "cannot start"},
      {"no further process, run",
       "-u 1",
       {"run", "--profile", profile, "true"},
       125,
       "cannot start"},
      {"no file sizes", "-f 0", {"trace", "-o", dir / "e.json", "true"}, 125, "File too large"},
      {"no file sizes, profile",
       "-f 0",
       {"profile", "-o", dir / "p2.json", "--", "true"},
       3,
       "File too large"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.why);
    if (is_root() && std::string(c.limit) == "-u 1") continue;  // root has no such limit
    // Through a pipe: the file that our output goes to has the limit as well.
    std::vector<std::string> argv = {
        "bash", "-c",
        "(ulimit " + std::string(c.limit) +
            "; exec \"$@\") 2>&1 >/dev/null | cat >&2; exit ${PIPESTATUS[0]}",
        "bash", sysnare_path()};
    argv.insert(argv.end(), c.words.begin(), c.words.end());
    const Outcome outcome = run(argv);
    EXPECT_EQ(outcome.status, c.status);
    EXPECT_THAT(outcome.err, HasSubstr(c.says));
    EXPECT_THAT(outcome.err, Not(HasSubstr("terminate")));
  }
  EXPECT_FALSE(exists(dir / "e.json"));
}

}  // namespace
}  // namespace sysnare::live
