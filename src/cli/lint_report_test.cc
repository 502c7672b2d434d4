// Is the SARIF log one that code scanners take?
//
// Source: Static Analysis Results Interchange Format (SARIF) Version 2.1.0, OASIS Standard,
// 27 March 2020; the sections stand beside the checks.

#include "cli/lint_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "profile/profile.h"

namespace sysnare::cli {
namespace {

using Json = nlohmann::json;

LintedFile linted(const std::string& name, const char* text) {
  LintedFile file;
  file.name = name;
  const Result<Profile> profile = parse_profile(text, name);
  EXPECT_TRUE(profile.has_value()) << (profile ? "" : profile.error().message);
  Result<LintReport> report = lint(*profile, {});
  EXPECT_TRUE(report.has_value());
  if (report) file.report = std::move(*report);
  return file;
}

bool is_level(const Json& value) {
  return value == "none" || value == "note" || value == "warning" || value == "error";
}

/// Objects that bear a text for people: message (3.11), multiformatMessageString (3.12).
void expect_text(const Json& holder, const char* key) {
  ASSERT_TRUE(holder.contains(key)) << holder.dump();
  ASSERT_TRUE(holder[key].is_object() && holder[key].contains("text")) << holder.dump();
  EXPECT_TRUE(holder[key]["text"].is_string() && !holder[key]["text"].empty()) << holder.dump();
}

/// reportingDescriptor (3.49).
void expect_rule(const Json& rule) {
  ASSERT_TRUE(rule.contains("id") && rule["id"].is_string()) << rule.dump();
  expect_text(rule, "shortDescription");
  expect_text(rule, "help");
  // reportingConfiguration (3.50).
  EXPECT_TRUE(is_level(rule["defaultConfiguration"]["level"])) << rule.dump();
}

/// location (3.28), physicalLocation (3.29), artifactLocation (3.4), region (3.30),
/// logicalLocation (3.33).
void expect_location(const Json& location) {
  const Json& physical = location.at("physicalLocation");
  ASSERT_TRUE(physical.contains("artifactLocation")) << location.dump();
  ASSERT_TRUE(physical["artifactLocation"]["uri"].is_string()) << location.dump();
  const std::string uri = physical["artifactLocation"]["uri"];
  // RFC 3986: what is neither unreserved nor a delimiter is percent-encoded.
  EXPECT_EQ(uri.find_first_of(" \"<>\\^`{|}#?"), std::string::npos) << uri;
  for (const char c : uri) EXPECT_TRUE(c > ' ' && c < 0x7f) << uri;
  if (physical.contains("region")) {
    EXPECT_TRUE(physical["region"]["startLine"].is_number_unsigned());
    EXPECT_GE(physical["region"]["startLine"], 1);
  }
  if (!location.contains("logicalLocations")) return;
  for (const Json& logical : location["logicalLocations"]) {
    EXPECT_TRUE(logical["fullyQualifiedName"].is_string()) << logical.dump();
    // The kinds of places in JSON (3.33.7).
    const Json& kind = logical["kind"];
    EXPECT_TRUE(kind == "object" || kind == "array" || kind == "property" || kind == "value")
        << logical.dump();
  }
}

/// result (3.27).
void expect_result(const Json& result, const Json& rules) {
  expect_text(result, "message");
  ASSERT_TRUE(result["ruleIndex"].is_number_unsigned()) << result.dump();
  const std::size_t index = result["ruleIndex"];
  ASSERT_LT(index, rules.size());
  EXPECT_EQ(rules[index]["id"], result["ruleId"]);
  EXPECT_TRUE(is_level(result["level"])) << result.dump();
  ASSERT_TRUE(result["locations"].is_array()) << result.dump();
  for (const Json& location : result["locations"]) expect_location(location);
}

TEST(Sarif, HasWhatTheStandardAsksFor) {
  struct Case {
    const char* why;
    std::vector<LintedFile> files;
    bool finds;
  };
  const Case kCases[] = {
      {"no file", {}, false},
      {"findings with and without a line and a path",
       {linted("p.json", R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
          {"names": ["mkdir", "no_such_call"], "action": "SCMP_ACT_ALLOW"}]})")},
       true},
      {"names that are no URI",
       {linted("a file #1?.json", R"({"defaultAction": "SCMP_ACT_ALLOW"})"),
        linted("caf\xc3\xa9/{x}.json", R"({"defaultAction": "SCMP_ACT_LOG"})"),
        linted("\xff\n.json", R"({"defaultAction": "SCMP_ACT_LOG"})")},
       true},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const Json log = Json::parse(lint_sarif(c.files), nullptr, false);
    ASSERT_TRUE(log.is_object());
    // sarifLog (3.13).
    EXPECT_EQ(log["version"], "2.1.0");
    // $schema (3.13.3), which is the standard's own.
    EXPECT_TRUE(log["$schema"].get<std::string>().ends_with("/sarif-schema-2.1.0.json"));
    ASSERT_TRUE(log["runs"].is_array());
    ASSERT_EQ(log["runs"].size(), 1U);
    // run (3.14): results are there even when there are none, since the scan was made.
    const Json& run = log["runs"][0];
    // columnKind (3.14.27) "SHALL" be there when there are results.
    EXPECT_TRUE(run["columnKind"] == "utf16CodeUnits" || run["columnKind"] == "unicodeCodePoints");
    ASSERT_TRUE(run["results"].is_array());
    EXPECT_EQ(!run["results"].empty(), c.finds);
    // tool (3.18), toolComponent (3.19): a name, and rules of which no two have one id.
    const Json& driver = run["tool"]["driver"];
    EXPECT_TRUE(driver["name"].is_string() && !driver["name"].empty());
    ASSERT_TRUE(driver["rules"].is_array());
    std::set<std::string> ids;
    for (const Json& rule : driver["rules"]) {
      expect_rule(rule);
      EXPECT_TRUE(ids.insert(rule["id"]).second) << rule["id"];
    }
    for (const Json& result : run["results"]) expect_result(result, driver["rules"]);
  }
}

}  // namespace
}  // namespace sysnare::cli
