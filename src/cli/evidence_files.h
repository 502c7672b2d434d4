#pragma once
// How do several evidence files become one, and what does each bring? For `merge` and `saturation`.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "evidence/evidence.h"

namespace sysnare::cli {

/// A call that no file before showed.
struct NewCall {
  std::string name;
  std::uint64_t runs_seen = 0;  ///< in how many runs of its file
};

/// What one file has, and what it adds to those before it.
struct Contribution {
  std::string file;
  std::uint64_t runs = 0;
  std::uint64_t calls = 0;         ///< different ones
  std::vector<NewCall> new_calls;  ///< sorted by ABI and number; empty for the first file
};

struct Joined {
  Evidence evidence;
  std::vector<Contribution> files;    ///< in the order given
  std::vector<std::string> warnings;  ///< builds of the program that differ, and the like
};

struct EvidenceText {
  std::string name;  ///< for messages
  std::string text;
};

/// Merges `texts` in the order given. Recordings of several programs are one only with `force`.
/// Errors: kBadInput as parse_evidence(); kUsage for several programs.
Result<Joined> join_evidence(const std::vector<EvidenceText>& texts, bool force);

/// "seen in 1 of 20 runs: tgkill" for each number of runs that is rare, a line each.
std::vector<std::string> rare_lines(const Evidence& evidence);

}  // namespace sysnare::cli
