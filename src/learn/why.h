#pragma once
// Why is each call in this profile? The side file OUT.why.json that stands beside a learned
// profile.
//
// `watch` reads it to know which calls the program itself makes: an exec that only the launcher
// made is outside the profile. Described in docs/reference/why.md.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "evidence/evidence.h"
#include "learn/learn.h"

namespace sysnare {

/// Schema number that we write; a newer one is refused with a sentence.
inline constexpr std::uint64_t kWhySchema = 1;

/// The side file of the profile `path`: "allow.json" -> "allow.json.why.json".
std::string why_path(std::string_view profile_path);

/// The text of the side file of the profile `profile_text`; equal input gives equal bytes.
std::string write_why(const Learned& learned, const std::vector<Evidence>& evidence,
                      std::string_view profile_text);

/// What a reader of the side file needs of it.
struct Why {
  std::string profile_sha256;  ///< of the profile as it was written; another: edited since
  ProgramIdentity program;
  std::uint64_t runs = 0;
  std::uint64_t lost = 0;
  std::map<std::string, std::vector<Origin>> origins;  ///< call name -> where it comes from
  std::map<std::string, std::uint64_t> counts;         ///< call name -> how often it was seen

  /// Whether the program itself makes this call, as far as the evidence shows: application or scan.
  /// What only the launcher or a container runtime did does not count.
  [[nodiscard]] bool program_makes(std::string_view call) const;
};

/// Errors: kBadInput naming file, line, JSON path, value and what is allowed.
Result<Why> parse_why(std::string_view text, std::string_view file_name);
Result<Why> load_why(const std::string& path);

}  // namespace sysnare
