#pragma once
// How do a learned profile and its side file get onto the disk, and what is in a file that is
// given?
//
// The side file holds the SHA-256 of the profile. Both are on the disk before either is renamed, so
// a failure leaves the old pair; a reader that meets a half-renamed pair sees it by the hash.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "evidence/evidence.h"
#include "learn/learn.h"

namespace sysnare {

/// Who reads the profile. Both are one JSON; OCI's specification has no `comment` in an entry,
/// which Docker and Podman show.
enum class Dialect : std::uint8_t { kDocker, kOci };
std::optional<Dialect> dialect_by_name(std::string_view name);  ///< "docker", "oci"

struct ProfileTexts {
  std::string profile;
  std::string why;  ///< the side file
};

/// The texts of both files. Equal input gives equal bytes.
ProfileTexts profile_texts(const Learned& learned, const std::vector<Evidence>& evidence,
                           Dialect dialect);

/// Whether a profile written to `path` gets a side file: not on standard output, a pipe or a
/// device.
bool has_side_file(const std::string& path);

/// Whether write_profile_files(path) can work, before work that takes long.
Result<void> check_profile_files(const std::string& path);

/// Writes the profile, and beside it the side file where there is one; both or none.
Result<void> write_profile_files(const std::string& path, const ProfileTexts& texts);

/// What a file is, by its JSON keys.
enum class FileKind : std::uint8_t { kEvidence, kProfile, kWhy, kOther };
/// "an evidence file", "a profile", "a side file of a profile", "neither evidence nor a profile"
std::string_view kind_name(FileKind kind);

/// The kind of `text`. Errors: kBadInput when it is not JSON; what is a program (ELF, script) is
/// told so, since a command behind `--` was meant.
Result<FileKind> kind_of(std::string_view text, std::string_view file_name);

/// load_evidence() for what a user names: another kind of file is said in a sentence. "-" is
/// standard input.
Result<Evidence> load_evidence_file(const std::string& path);

}  // namespace sysnare
