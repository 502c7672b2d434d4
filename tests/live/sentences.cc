#include "sentences.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace sysnare::live {

using ::testing::HasSubstr;
using ::testing::StartsWith;

void expect_one_sentence(const Outcome& outcome, const std::string& verb) {
  EXPECT_FALSE(outcome.timed_out);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, StartsWith("sysnare " + verb + ": "));
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
}

void expect_sentences(const std::vector<std::string>& verb, const std::vector<BadInput>& cases,
                      const RunOptions& options) {
  for (const BadInput& c : cases) {
    SCOPED_TRACE(c.why);
    std::vector<std::string> words = verb;
    words.insert(words.end(), c.words.begin(), c.words.end());
    const Outcome outcome = sysnare(words, options);
    EXPECT_EQ(outcome.status, c.status) << outcome.err;
    expect_one_sentence(outcome, verb.front());
    EXPECT_THAT(outcome.err, HasSubstr(c.says));
  }
}

}  // namespace sysnare::live
