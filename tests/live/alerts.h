#pragma once
// What did `sysnare watch` say? Its alerts, read back, and its words for the victim `tripped`.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace sysnare::live {

/// Words of `sysnare watch` for the victim `tripped`.
std::vector<std::string> watch_words(const std::string& profile,
                                     const std::vector<std::string>& options,
                                     const std::vector<std::string>& steps);

/// The alerts among `text`'s lines, each checked to be a whole one.
std::vector<nlohmann::json> alerts_in(const std::string& text);

/// How many calls of `name` the alerts stand for.
std::uint64_t calls_of(const std::vector<nlohmann::json>& alerts, const std::string& name);

}  // namespace sysnare::live
