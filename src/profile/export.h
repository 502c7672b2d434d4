#pragma once
// How does a profile read in the language of another program?
//
// One writer a format; each writes from what the profile means on one machine (resolve.h), so that
// the text, read by its program, decides every call of the listed ABIs as the profile does.
// What a format cannot say is a loss; the text then says the nearest that lets no further call run.
//
// Source: systemd.exec(5) and src/shared/seccomp-util.c of systemd 252; minijail's tools/parser.py
// and Kafel's README.md (2026); firejail(1) and src/fseccomp of 0.9.72; the
// security-profiles-operator's api/seccompprofile/v1beta1. docs/reference/formats.md has the table.
//
// Not modelled: which calls the reading program's version knows by name; what it does with calls of
// ABIs that the profile does not list, but for letting them pass, which is a loss.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "profile/profile.h"
#include "profile/resolve.h"

namespace sysnare {

/// A text in another format. With losses it is not what the profile says: show them, or refuse.
struct Exported {
  std::string text;
  /// "FILE:LINE: PATH: …": of arguments and of the default first, then by call.
  std::vector<std::string> losses;
};

struct ExportFormat {
  std::string_view name;     ///< as --to takes it
  std::string_view summary;  ///< what reads it
};

/// The formats that export_profile() writes, sorted by name.
std::span<const ExportFormat> export_formats();

/// `profile` in `format`, resolved as `options` say. `title` is what the text calls itself, and the
/// object's name in Kubernetes: any text.
///
/// Errors: kUsage for a format that is not in export_formats(); kBadInput for a profile that
/// resolve() refuses, and for what could only be left out by allowing more.
Result<Exported> export_profile(const Profile& profile, std::string_view format,
                                const ResolveOptions& options, std::string_view title);

/// The error for losses that nobody accepted: the first one, how many there are, and what to do.
/// Precondition: there are some.
Error lossy_error(std::string_view format, const std::vector<std::string>& losses);

}  // namespace sysnare
