// What becomes of a command, its status and our files when standard input, output or error is
// closed, full, or has lost its reader?

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "harness.h"
#include "processes.h"

namespace sysnare::live {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// Denies mkdir by a rule, so that watch has something to say, and allows all else.
constexpr const char* kNoMkdir =
    R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]})";

/// Runs `script` by a shell in `dir`, where "$@" is sysnare.
Outcome shell(const TempDir& dir, const std::string& script) {
  RunOptions options;
  options.cwd = dir.path();
  return run({"bash", "-c", script, "bash", sysnare_path()}, options);
}

TEST(Streams, AMessageThatIsLostLeavesTheStatusAsItIs) {
  struct Case {
    const char* why;
    const char* script;
    int status;
  };
  constexpr Case kCases[] = {
      {"trace, full", R"("$@" trace sh -c 'exit 7' 2>/dev/full)", 7},
      {"trace, closed", R"("$@" trace sh -c 'exit 7' 2>&-)", 7},
      {"trace, all closed", R"("$@" trace sh -c 'exit 7' <&- >&- 2>&-)", 7},
      {"trace, no reader",
       R"(mkfifo pipe; exec 7<>pipe 6>pipe 7>&-; "$@" trace sh -c 'exit 7' 2>&6)", 7},
      {"run, full, with a message that the command was killed",
       R"("$@" run --profile kill.json mkdir d 2>/dev/full)", 159},
      {"run, closed", R"("$@" run --profile kill.json mkdir d 2>&-)", 159},
      {"watch, full", R"("$@" watch --profile p.json -- sh -c 'mkdir d; exit 7' 2>/dev/full)", 7},
      {"watch, closed", R"("$@" watch --profile p.json -- sh -c 'mkdir d; exit 7' 2>&-)", 7},
      {"no such verb, full", R"("$@" nosuch 2>/dev/full)", 2},
      {"no such profile, closed", R"("$@" run --profile nosuch true 2>&-)", 125},
      {"profile, full", R"("$@" profile --runs 1 -o out.json -- true 2>/dev/full)", 0},
  };
  const TempDir dir;
  dir.write("p.json", kNoMkdir);
  dir.write("kill.json", R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
      {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_KILL_PROCESS"}]})");
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(shell(dir, c.script).status, c.status);
  }
}

TEST(Streams, WatchGoesOnWhenTheReaderOfItsMessagesIsGone) {
  const TempDir dir;
  // Everything but mkdir is allowed; mkdir is outside, and goes on with an alert.
  dir.write("p.json", R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
      {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_LOG"}]})");
  // Descriptor 6 is a pipe's end for writing that nobody reads.
  const Outcome outcome = shell(dir, R"(mkfifo pipe; exec 7<>pipe 6>pipe 7>&-
      "$@" watch --profile p.json -- sh -c 'mkdir d; mkdir e; exit 7' 2>&6)");
  EXPECT_EQ(outcome.status, 7) << outcome.err;
  EXPECT_EQ(::access((dir / "d").c_str(), F_OK), 0) << "the first call outside the profile";
  EXPECT_EQ(::access((dir / "e").c_str(), F_OK), 0) << "one after the first lost message";
}

TEST(Streams, OutputThatIsLostIsSaid) {
  struct Case {
    const char* why;
    const char* script;
    int status;
  };
  constexpr Case kCases[] = {
      {"more than a buffer", R"("$@" syscalls >/dev/full)", 3},
      {"less than a buffer", R"("$@" syscalls mkdir >/dev/full)", 3},
      {"closed", R"("$@" syscalls >&-)", 3},
      {"help", R"("$@" --help >/dev/full)", 3},
      {"help of a verb", R"("$@" merge --help >/dev/full)", 3},
      {"version", R"("$@" --version >/dev/full)", 3},
      {"the status of a failure stays", R"("$@" syscalls nosuchcall >/dev/full)", 1},
  };
  const TempDir dir;
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const Outcome outcome = shell(dir, c.script);
    EXPECT_EQ(outcome.status, c.status);
    EXPECT_THAT(outcome.err, c.status == 1 ? HasSubstr("nosuchcall")
                                           : HasSubstr("standard output: not everything could be "
                                                       "written"));
  }
}

TEST(Streams, ATableOfAnAttachedProcessThatIsLostIsSaid) {
  if (!may_attach()) GTEST_SKIP() << kMayNotAttach;
  // It ends once it is traced.
  const Outcome outcome = shell(TempDir(), R"(
      sh -c 'until grep -q "TracerPid:.[1-9]" /proc/$$/status; do sleep 0.01; done' &
      "$@" trace --recorder ptrace -p $! >/dev/full)");
  EXPECT_EQ(outcome.status, 125);
  EXPECT_THAT(outcome.err, HasSubstr("standard output: not everything could be written"));
}

TEST(Streams, NoMessageLandsInAFileOfOursWhenItsStreamIsClosed) {
  const TempDir dir;
  dir.write("p.json", kNoMkdir);
  for (const char* closed : {"2>&-", ">&- 2>&-", "<&- >&- 2>&-"}) {
    SCOPED_TRACE(closed);
    shell(dir, "rm -f alerts; \"$@\" watch --alerts alerts --profile p.json -- mkdir d " +
                   std::string(closed));
    const std::string alerts = slurp(dir / "alerts");
    EXPECT_THAT(alerts, StartsWith("{\"time\""));
    EXPECT_EQ(alerts.find('\n') + 1, alerts.size()) << alerts;
    shell(dir, "rm -f e.json; \"$@\" trace -o e.json true " + std::string(closed));
    EXPECT_THAT(slurp(dir / "e.json"), StartsWith("{\n \"schema\": 1"));
  }
}

TEST(Streams, ACommandFindsClosedWhatItsCallerClosed) {
  const TempDir dir;
  dir.write("p.json", kNoMkdir);
  for (const char* verb : {"trace", "run --profile p.json", "watch --profile p.json"}) {
    SCOPED_TRACE(verb);
    for (const char* stream : {"0", "1", "2"}) {
      SCOPED_TRACE(stream);
      // The shell that is launched looks at its own descriptors.
      const std::string fd = stream;
      const std::string look =
          "[ -L /proc/$$/fd/" + fd + " ] && echo open > seen || echo closed > seen";
      shell(dir,
            "rm -f seen; \"$@\" " + std::string(verb) + " -- sh -c '" + look + "' " + fd + ">&-");
      EXPECT_EQ(slurp(dir / "seen"), "closed\n");
    }
  }
}

}  // namespace
}  // namespace sysnare::live
