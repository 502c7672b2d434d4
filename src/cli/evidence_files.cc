#include "cli/evidence_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "evidence/saturation.h"

namespace sysnare::cli {
namespace {

/// Names of one line; the rest is counted, and stands in the evidence.
constexpr std::size_t kMaxNames = 24;

Contribution contribution_of(const std::string& file, const Evidence& evidence,
                             const Evidence* before) {
  Contribution result;
  result.file = file;
  result.runs = recorded_runs(evidence);
  result.calls = evidence.calls.size();
  if (before == nullptr) return result;
  for (const CallEvidence& call : evidence.calls) {
    if (before->find(call.call, call.origin) != nullptr) continue;
    result.new_calls.push_back({call_name(call), call.runs_seen});
  }
  return result;
}

/// Another program is an error, another build of it a warning.
Result<void> check_program(const std::string& name, const Evidence& evidence,
                           const std::string& first_name, const Evidence& first, bool force,
                           std::vector<std::string>& warnings) {
  const SameProgram same = same_program(first.program, evidence.program);
  if (same == SameProgram::kYes) return {};
  if (same == SameProgram::kOtherBuild) {
    warnings.push_back(fmt::format("{} is of another build of {} than {}: sha256 {}, not {}",
                                   printable(name), printable(evidence.program.path),
                                   printable(first_name), evidence.program.sha256.substr(0, 12),
                                   first.program.sha256.substr(0, 12)));
    return {};
  }
  if (!force) {
    return fail(Errc::kUsage,
                "{} is a recording of {} and {} of {}: a profile of both together allows each what "
                "any of them needs; --force merges them all the same",
                printable(first_name), printable(first.program.path), printable(name),
                printable(evidence.program.path));
  }
  warnings.push_back(fmt::format("{} is a recording of another program, {}", printable(name),
                                 printable(evidence.program.path)));
  return {};
}

}  // namespace

Result<Joined> join_evidence(const std::vector<EvidenceText>& texts, bool force) {
  Joined joined;
  for (const EvidenceText& text : texts) {
    Result<Evidence> one = parse_evidence(text.text, text.name);
    if (!one) return propagate(one);
    const bool first = joined.files.empty();
    joined.files.push_back(contribution_of(text.name, *one, first ? nullptr : &joined.evidence));
    if (first) {
      joined.evidence = std::move(*one);
      continue;
    }
    Result<void> good =
        check_program(text.name, *one, texts.front().name, joined.evidence, force, joined.warnings);
    if (!good) return propagate(good);
    merge_evidence(joined.evidence, *one);
  }
  return joined;
}

std::vector<std::string> rare_lines(const Evidence& evidence) {
  std::vector<std::string> lines;
  for (const RareCalls& rare : saturation_of(evidence).rare) {
    const std::size_t shown = std::min(rare.calls.size(), kMaxNames);
    std::string line = fmt::format("seen in {} of {} runs: {}", rare.runs_seen, evidence.runs,
                                   fmt::join(rare.calls.begin(), rare.calls.begin() + shown, ", "));
    if (shown < rare.calls.size()) line += fmt::format(" and {} more", rare.calls.size() - shown);
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace sysnare::cli
