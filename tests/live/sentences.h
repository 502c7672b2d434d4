#pragma once
// Does sysnare say in one sentence what it cannot use? For tables of bad input.

#include <string>
#include <vector>

#include "harness.h"

namespace sysnare::live {

struct BadInput {
  const char* why;
  std::vector<std::string> words;  ///< behind the verb
  int status;
  std::string says;  ///< a part of the sentence
};

/// Nothing on standard output, and on standard error one line, "sysnare VERB: …".
void expect_one_sentence(const Outcome& outcome, const std::string& verb);

/// Runs `sysnare` with `verb`, which may be several words, and those of each case.
void expect_sentences(const std::vector<std::string>& verb, const std::vector<BadInput>& cases,
                      const RunOptions& options = {});

}  // namespace sysnare::live
