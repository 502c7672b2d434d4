#include "cli/lint_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/machine.h"
#include "cli/verb.h"

namespace sysnare::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kJsonSchema = 1;
constexpr std::string_view kSarifSchema =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
constexpr std::size_t kWidth = 79;
constexpr std::size_t kIndent = 8;

std::string_view colour_of(Severity severity) {
  switch (severity) {
    case Severity::kError:
      return "\033[31m";
    case Severity::kWarning:
      return "\033[33m";
    case Severity::kInfo:
      break;
  }
  return "\033[36m";
}

/// "1 error, 3 warnings"; "no findings"
std::string counts_text(const std::vector<LintFinding>& findings) {
  std::string text;
  for (const Severity severity : {Severity::kError, Severity::kWarning, Severity::kInfo}) {
    const auto count =
        std::count_if(findings.begin(), findings.end(),
                      [&](const LintFinding& each) { return each.severity == severity; });
    if (count == 0) continue;
    const std::string noun =
        severity == Severity::kInfo ? "remark" : std::string(severity_name(severity));
    text += fmt::format("{}{}", text.empty() ? "" : ", ",
                        plural(static_cast<std::uint64_t>(count), noun));
  }
  return text.empty() ? "no findings" : text;
}

std::string finding_text(const LintFinding& finding, std::size_t rule_width, bool colour) {
  const std::string line = finding.line == 0 ? "-" : std::to_string(finding.line);
  std::string text =
      fmt::format("{:>6}  {}{:<7}{}  {:<{}}  {}\n", line, colour ? colour_of(finding.severity) : "",
                  severity_name(finding.severity), colour ? "\033[0m" : "", finding.rule,
                  rule_width, printable(finding.path));
  while (text.size() > 1 && text[text.size() - 2] == ' ') text.erase(text.size() - 2, 1);
  text += fmt::format("{:{}}{}\n", "", kIndent, wrapped(finding.message, kIndent, kWidth));
  text += fmt::format("{:{}}{}\n", "", kIndent, wrapped("fix: " + finding.fix, kIndent, kWidth));
  return text;
}

std::string grants_text(const std::vector<Grant>& grants) {
  if (grants.empty()) return {};
  std::size_t width = 0;
  for (const Grant& grant : grants) width = std::max(width, grant.call.size());
  std::string text = fmt::format("risky grants left ({}):\n", grants.size());
  for (const Grant& grant : grants) {
    text += fmt::format("  {:<{}}  {}\n", grant.call, width,
                        wrapped(grant.why, width + 4, std::max(kWidth, width + 30)));
  }
  return text;
}

/// What to do, for the file just shown.
std::string next_text(const LintedFile& file) {
  const auto& findings = file.report.findings;
  if (findings.empty()) return {};
  const auto fixable = std::count_if(findings.begin(), findings.end(),
                                     [](const LintFinding& each) { return each.fixable; });
  std::string text;
  if (fixable > 0 && !file.fixes && file.is_json) {
    text = fmt::format("next: `sysnare lint --fix {}` mends {} of them; ", printable(file.name),
                       fixable);
  } else {
    text = "next: mend them by hand; ";
  }
  text += fmt::format("docs/lint/{}.md says more, `--disable {}` leaves a rule out",
                      findings.front().rule, findings.front().rule);
  return wrapped(text, 0, kWidth) + "\n";
}

std::string file_text(const LintedFile& file, bool colour) {
  std::string text = fmt::format("{}\n", printable(file.name));
  for (const std::string& change : file.changes) {
    text += fmt::format("  fixed: {}\n", wrapped(printable(change), 9, kWidth));
  }
  if (file.fixes && file.changes.empty()) text += "  nothing to fix by itself\n";
  std::size_t rule_width = 0;
  for (const LintFinding& finding : file.report.findings) {
    rule_width = std::max(rule_width, finding.rule.size());
  }
  for (const LintFinding& finding : file.report.findings) {
    text += finding_text(finding, rule_width, colour);
  }
  if (file.report.unsaid > 0) {
    text += fmt::format("     -  and {} more of the same rules\n", file.report.unsaid);
  }
  text += grants_text(file.report.grants);
  text += fmt::format("score {} of 100: {}", file.report.score, counts_text(file.report.findings));
  if (!file.report.grants.empty()) {
    text += ", " + plural(file.report.grants.size(), "risky grant");
  }
  return text + "\n" + next_text(file);
}

Json finding_json(const LintFinding& finding) {
  return {{"rule", finding.rule},       {"severity", severity_name(finding.severity)},
          {"path", finding.path},       {"line", finding.line},
          {"message", finding.message}, {"fix", finding.fix},
          {"fixable", finding.fixable}, {"page", fmt::format("docs/lint/{}.md", finding.rule)}};
}

/// A path as a URI reference: what RFC 3986 reserves, and bytes that are no ASCII, in percent.
std::string uri_of(std::string_view path) {
  if (path == "-") return "stdin";
  std::string uri;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                       (byte >= 'a' && byte <= 'z') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    uri += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return uri;
}

std::string_view sarif_level(Severity severity) {
  return severity == Severity::kInfo ? "note" : severity_name(severity);
}

/// What stands at a path, in the words that SARIF has for JSON (3.33.7).
std::string_view sarif_kind(std::string_view path) {
  if (!path.ends_with(']')) return "property";
  const std::string_view list = path.substr(0, path.rfind('['));
  const bool objects =
      list.ends_with("syscalls") || list.ends_with("args") || list.ends_with("archMap");
  return objects ? "object" : "value";
}

Json sarif_result(const LintedFile& file, const LintFinding& finding) {
  const auto rules = lint_rules();
  const LintRule* rule = lint_rule(finding.rule);
  Json physical = {{"artifactLocation", {{"uri", uri_of(file.name)}}}};
  if (finding.line > 0) physical["region"] = {{"startLine", finding.line}};
  Json location = {{"physicalLocation", std::move(physical)}};
  if (!finding.path.empty()) {
    Json logical = Json::object();
    logical["fullyQualifiedName"] = finding.path;
    logical["kind"] = sarif_kind(finding.path);
    location["logicalLocations"] = Json::array({std::move(logical)});
  }
  Json result = {
      {"ruleId", finding.rule},
      {"ruleIndex", rule - rules.data()},
      {"level", sarif_level(finding.severity)},
      {"message", {{"text", fmt::format("{} Fix: {}.", finding.message + ".", finding.fix)}}}};
  result["locations"] = Json::array({std::move(location)});
  return result;
}

std::string dumped(const Json& json) {
  // Names of files may be any bytes.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string lint_text(const std::vector<LintedFile>& files, bool colour) {
  std::string text;
  for (const LintedFile& file : files) {
    if (!text.empty()) text += "\n";
    text += file_text(file, colour);
  }
  return text;
}

std::string lint_json(const std::vector<LintedFile>& files) {
  Json document = {{"schema", kJsonSchema}, {"profiles", Json::array()}};
  for (const LintedFile& file : files) {
    Json one = {{"file", file.name},
                {"score", file.report.score},
                {"findings", Json::array()},
                {"unsaid", file.report.unsaid},
                {"grants", Json::array()}};
    for (const LintFinding& finding : file.report.findings)
      one["findings"].push_back(finding_json(finding));
    for (const Grant& grant : file.report.grants) {
      one["grants"].push_back({{"call", grant.call}, {"weight", grant.weight}, {"why", grant.why}});
    }
    if (file.fixes) one["changes"] = file.changes;
    document["profiles"].push_back(std::move(one));
  }
  return dumped(document);
}

std::string lint_sarif(const std::vector<LintedFile>& files) {
  Json rules = Json::array();
  for (const LintRule& rule : lint_rules()) {
    rules.push_back({{"id", rule.id},
                     {"shortDescription", {{"text", rule.summary}}},
                     {"help", {{"text", fmt::format("See docs/lint/{}.md.", rule.id)}}},
                     {"defaultConfiguration", {{"level", sarif_level(rule.severity)}}}});
  }
  Json results = Json::array();
  for (const LintedFile& file : files) {
    for (const LintFinding& finding : file.report.findings) {
      results.push_back(sarif_result(file, finding));
    }
  }
  Json driver = {{"name", "sysnare"}, {"version", SYSNARE_VERSION}, {"rules", std::move(rules)}};
  Json tool = Json::object();
  tool["driver"] = std::move(driver);
  Json run = Json::object();
  run["tool"] = std::move(tool);
  // Asked for as soon as there are results, with columns or not (3.14.27).
  run["columnKind"] = "unicodeCodePoints";
  run["results"] = std::move(results);
  Json log = {{"$schema", kSarifSchema}, {"version", "2.1.0"}};
  log["runs"] = Json::array({std::move(run)});
  return dumped(log);
}

std::string rules_text() {
  std::size_t width = 0;
  for (const LintRule& rule : lint_rules()) width = std::max(width, rule.id.size());
  std::string text;
  for (const LintRule& rule : lint_rules()) {
    text += fmt::format("{:<{}}  {:<7}  {}\n", rule.id, width, severity_name(rule.severity),
                        wrapped(rule.summary, width + 11, std::max(kWidth, width + 40)));
  }
  return text;
}

}  // namespace sysnare::cli
