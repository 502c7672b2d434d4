#pragma once
// How do the findings of lint look: to people, as JSON, as SARIF 2.1.0?

#include <string>
#include <vector>

#include "profile/lint/lint.h"

namespace sysnare::cli {

/// One file with what was found, and what --fix did.
struct LintedFile {
  std::string name;
  LintReport report;
  std::vector<std::string> changes;
  bool fixes = false;   ///< --fix was given
  bool is_json = true;  ///< a format that --fix writes
};

/// Text for people; `colour` only for a terminal.
std::string lint_text(const std::vector<LintedFile>& files, bool colour);
/// One JSON document with a schema number (docs/reference/lint.md).
std::string lint_json(const std::vector<LintedFile>& files);
/// A SARIF 2.1.0 log.
std::string lint_sarif(const std::vector<LintedFile>& files);
/// Every rule with severity and summary.
std::string rules_text();

}  // namespace sysnare::cli
