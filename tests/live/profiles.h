#pragma once
// Which profiles do the live tests put programs under? Texts of small ones, by what they say.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace sysnare::live {

/// Allows every call.
inline constexpr const char* kAllowAll = R"({"defaultAction": "SCMP_ACT_ALLOW"})";

/// Everything allowed but `names` (a JSON list's inside), which get `action`.
std::string all_but(const std::string& names, const std::string& action,
                    const std::string& more = "");

/// The same for what makes a folder.
std::string no_mkdir(const std::string& action, const std::string& more = "");

/// A profile with `default_action` that allows what the victim `tripped` and a shell need, but for
/// mkdir and getppid, and `more` entries.
std::string profile_text(const std::string& default_action,
                         const std::vector<nlohmann::json>& more = {}, bool allow_needed = true);

/// An entry for profile_text().
nlohmann::json entry(const std::string& name, const std::string& action, int errno_ret = -1);

}  // namespace sysnare::live
