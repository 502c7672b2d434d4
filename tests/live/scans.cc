#include "scans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>

#include "harness.h"

namespace sysnare::live {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

Scanned read_scan(const Json& json, const std::string& abi) {
  Scanned scanned;
  for (const Json& call : json["calls"]) {
    // The kernel's own: in every set, whatever the program does.
    if (call["name"] == "restart_syscall" || call["name"] == "rt_sigreturn") continue;
    std::string name = call["name"];
    if (call["abi"] != abi) name = call["abi"].get<std::string>() + ":" + name;
    scanned.calls.insert(name);
    for (const Json& phase : call["reachable"]) scanned.when[name].insert(phase);
  }
  for (const Json& site : json["sites"]) {
    const std::string place = site["module_key"].get<std::string>() + "+" + site["offset"].dump();
    for (const Json& nr : site["nrs"]) scanned.sites.insert(place + " " + nr.dump());
    if (site["any"].get<bool>()) scanned.sites.insert(place + " any");
  }
  for (const Json& point : json["open"]) {
    scanned.open.insert(point["kind"]);
    scanned.text += "\n  open: " + point.dump();
  }
  for (const Json& object : json["objects"]) {
    if (object["role"] == "opened") {
      scanned.opened.insert(fs::path(object["path"].get<std::string>()).filename());
    }
  }
  for (const Json& exec : json["execs"]) {
    scanned.execs.insert(exec["path"].is_string() ? exec["path"].get<std::string>() : "?");
    if (exec["path"].is_string()) continue;
    scanned.starters.insert(fs::path(exec["object"].get<std::string>()).filename());
  }
  return scanned;
}

}  // namespace

const std::string& scan_cache() {
  static const TempDir dir;
  static const std::string path = dir / "cache";
  return path;
}

Scanned run_scan(const std::vector<std::string>& words, const std::string& abi) {
  TempDir dir;
  std::vector<std::string> all = {"scan", "--cache", scan_cache(), "-o", dir / "e.json"};
  all.insert(all.end(), words.begin(), words.end());
  const Outcome outcome = sysnare(all);
  const Json json = Json::parse(slurp(dir / "e.json"), nullptr, false);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(json.is_object()) << outcome.err;
  return json.is_object() ? read_scan(json, abi) : Scanned();
}

std::map<std::string, std::string> builds_in(const std::string& folder, const std::string& name) {
  std::map<std::string, std::string> builds;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string file = entry.path().filename();
    if (file.starts_with(name + ".")) builds[file.substr(name.size() + 1)] = entry.path();
  }
  EXPECT_FALSE(builds.empty()) << "no build of " << name;
  return builds;
}

Names missing_in(const Names& wanted, const Names& there) {
  Names missing;
  std::set_difference(wanted.begin(), wanted.end(), there.begin(), there.end(),
                      std::inserter(missing, missing.end()));
  return missing;
}

}  // namespace sysnare::live
