// sysnare trace --ready-when, --ready-after: the mark is taken, and the program's output left as it
// is.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "harness.h"
#include "terminal.h"

namespace sysnare::live {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

Words recorders() {
  Words all = {"ptrace"};
  if (is_root() && sysnare({"trace", "--recorder", "ebpf", "--", "true"}).status == 0) {
    all.push_back("ebpf");
  }
  return all;
}

Outcome trace_when(const std::string& recorder, const std::string& text, const Words& command,
                   const RunOptions& options = {}) {
  Words words = {"trace", "--recorder", recorder, "--ready-when", text, "--"};
  words.insert(words.end(), command.begin(), command.end());
  return sysnare(words, options);
}

Json call_in(const std::string& evidence_file, const std::string& name) {
  const Json evidence = Json::parse(slurp(evidence_file), nullptr, false);
  if (!evidence.contains("calls")) return {};
  for (const Json& call : evidence["calls"]) {
    if (call["name"] == name && call["origin"] == "application") return call;
  }
  return {};
}

/// The program goes on when somebody who has read its line says so: by then the mark is taken.
TEST(TraceReady, ALineOfOutputIsTheMark) {
  for (const std::string& recorder : recorders()) {
    SCOPED_TRACE(recorder);
    const TempDir folder;
    const std::string file = folder / "x.evidence.json";
    // The fifo is opened for both ends, or the shell would wait here for who writes it.
    const Outcome outcome = run(
        {"sh", "-c",
         "mkfifo \"$1/fifo\"; \"$2\" trace --recorder \"$3\" -o \"$4\" --ready-when 'is ready n'"
         " -- \"$5\" line <>\"$1/fifo\" |"
         " { read -r line; echo \"seen: $line\"; echo >\"$1/fifo\"; cat; }",
         "sh", folder.path(), sysnare_path(), recorder, file, victim("phases")});
    EXPECT_EQ(outcome.out, "seen: it is ready now\n");
    EXPECT_THAT(outcome.err, HasSubstr("s: --ready-when\n"));
    EXPECT_EQ(call_in(file, "getuid")["phases"]["steady"], 7) << slurp(file);
    EXPECT_EQ(call_in(file, "getppid")["phases"]["start"], 5);
    EXPECT_EQ(call_in(file, "getppid")["phases"]["steady"], 0);
  }
}

TEST(TraceReady, OutputPassesThroughUntouched) {
  for (const std::string& recorder : recorders()) {
    SCOPED_TRACE(recorder);
    const Outcome odd = trace_when(
        recorder, "never", {"sh", "-c", "printf 'a\\r\\nb\\0\\377c'; printf err >&2; exit 3"});
    EXPECT_EQ(odd.out, std::string("a\r\nb\0\377c", 7));
    EXPECT_THAT(odd.err, StartsWith("errwall clock time"));
    EXPECT_THAT(odd.err, HasSubstr("the ready mark that was asked for did not come"));
    EXPECT_EQ(odd.status, 3);

    const Outcome much = trace_when(recorder, "never", {"head", "-c", "5000000", "/dev/zero"});
    EXPECT_EQ(much.out.size(), 5'000'000u);
  }
}

TEST(TraceReady, ProgramsFindATerminalWhereOursIsOne) {
  for (const std::string& recorder : recorders()) {
    SCOPED_TRACE(recorder);
    Terminal terminal({sysnare_path(), "trace", "--recorder", recorder, "--ready-when", "mark",
                       "--", "sh", "-c",
                       "test -t 1 && test -t 2 && echo both && stty -a <&2 && echo mark"});
    EXPECT_TRUE(terminal.wait_for("both\r\n")) << terminal.seen();
    EXPECT_TRUE(terminal.wait_for("rows")) << terminal.seen();
    EXPECT_TRUE(terminal.wait_for("mark\r\n")) << terminal.seen();
    EXPECT_TRUE(terminal.wait_for(" s: --ready-when")) << terminal.seen();
  }
}

TEST(TraceReady, AReaderThatGoesAwayEndsTheProgram) {
  for (const std::string& recorder : recorders()) {
    SCOPED_TRACE(recorder);
    const Outcome outcome =
        run({"sh", "-c", "\"$1\" trace --recorder \"$2\" --ready-when x -- yes | head -n 1", "sh",
             sysnare_path(), recorder});
    EXPECT_FALSE(outcome.timed_out);
    EXPECT_EQ(outcome.out, "y\n");
    EXPECT_THAT(outcome.err, HasSubstr("0 lost"));
  }
}

TEST(TraceReady, SaysWhatIsWrongWithTheMark) {
  struct Case {
    const char* why;
    Words words;
    const char* says;
  };
  const Case cases[] = {
      {"no number",
       {"--ready-after", "soon", "--", "true"},
       "--ready-after: \"soon\" is not allowed"},
      {"negative", {"--ready-after=-1", "--", "true"}, "seconds from 0 to 2,678,400 are"},
      {"past a month", {"--ready-after", "9999999", "--", "true"}, "is not allowed"},
      {"both",
       {"--ready-after", "1", "--ready-when", "x", "--", "true"},
       "one ready mark is enough"},
      {"two lines", {"--ready-when", "a\nb", "--", "true"}, "without a line break"},
      {"no output of ours", {"--ready-when", "x", "-p", "1"}, "-p has none"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.why);
    Words words = {"trace"};
    words.insert(words.end(), each.words.begin(), each.words.end());
    const Outcome outcome = sysnare(words);
    EXPECT_EQ(outcome.status, 125);
    EXPECT_THAT(outcome.err, HasSubstr(each.says));
  }
}

}  // namespace
}  // namespace sysnare::live
