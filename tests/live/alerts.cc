#include "alerts.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "harness.h"

namespace sysnare::live {

using Json = nlohmann::json;

std::vector<std::string> watch_words(const std::string& profile,
                                     const std::vector<std::string>& options,
                                     const std::vector<std::string>& steps) {
  std::vector<std::string> all = {"watch", "--profile", profile};
  all.insert(all.end(), options.begin(), options.end());
  all.push_back("--");
  all.push_back(victim("tripped"));
  all.insert(all.end(), steps.begin(), steps.end());
  return all;
}

std::vector<Json> alerts_in(const std::string& text) {
  std::vector<Json> alerts;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("{")) continue;
    Json alert = Json::parse(line, nullptr, false);
    EXPECT_TRUE(alert.is_object()) << line;
    alerts.push_back(alert);
  }
  return alerts;
}

std::uint64_t calls_of(const std::vector<Json>& alerts, const std::string& name) {
  std::uint64_t sum = 0;
  for (const Json& alert : alerts) {
    const Json& fields = alert["output_fields"];
    if (fields["evt.type"] == name) sum += fields["count"].get<std::uint64_t>();
  }
  return sum;
}

}  // namespace sysnare::live
