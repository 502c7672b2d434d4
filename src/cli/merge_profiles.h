#pragma once
// How do several profiles become one? The half of `sysnare merge` that is about profiles.

#include <string>
#include <vector>

#include "cli/filter_input.h"

namespace sysnare::cli {

struct MergeWords {
  MachineWords machine;
  std::string check;  ///< the file that should be the result; empty: write one
  bool intersect = false;
  bool lossy = false;
};

struct NamedText {
  std::string name;
  std::string text;
};

/// Merges `texts`, profiles or filters, and writes the result to `output` or compares it. Says what
/// came of it; gives the exit status.
int merge_profiles(const std::vector<NamedText>& texts, const MergeWords& words,
                   const std::string& output);

}  // namespace sysnare::cli
