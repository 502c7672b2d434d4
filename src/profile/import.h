#pragma once
// Which profile says what this file of another program says?
//
// Source: as export.h. What cannot be read without a difference is an Error, or a loss where the
// file's own program does more than a profile can say (a unit's other filters). JSON of all
// dialects goes the same way (profile.h); filters are read by the filter room.
//
// Not modelled: names that only the reading machine knows (minijail's constants such as O_RDONLY),
// files that include others, Kafel and firejail, which are written and not read.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "profile/profile.h"
#include "profile/resolve.h"

namespace sysnare {

struct Imported {
  Profile profile;
  std::vector<std::string> losses;  ///< "FILE:LINE: …", in the order of the file
};

/// The text formats that import_profile() reads, sorted: docker, k8s, minijail, oci, podman,
/// systemd. docker, oci and podman are one reader.
std::span<const std::string_view> import_formats();

/// The format of `text` by its content; empty when it looks like none of import_formats().
std::string_view recognised_format(std::string_view text);

/// `text` read as `format`. `arch` is the machine that "native" means, and that a policy without
/// architectures is for. `file_name` stands in messages.
///
/// Errors: kUsage for an unknown format; kBadInput, one sentence with file and line.
Result<Imported> import_profile(std::string_view text, std::string_view file_name,
                                std::string_view format, Abi arch);

}  // namespace sysnare
