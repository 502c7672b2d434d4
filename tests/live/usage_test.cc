// What does each verb say of words that make no sense? One sentence of ours, nothing on standard
// output, and nothing is done.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

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

}  // namespace
}  // namespace sysnare::live
