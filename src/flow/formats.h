#pragma once
// In which formats are profiles read and written, those that need a compiled filter too?
//
// The texts are profile/export.h and profile/import.h; here the filters join them: `filter`, the
// bytes that seccomp(2) takes, and `c`, the same as a C array.

#include <string>
#include <string_view>
#include <vector>

#include "profile/export.h"
#include "profile/import.h"

namespace sysnare {

/// What --to takes, sorted by name.
std::vector<ExportFormat> output_formats();
/// What --from takes, sorted.
std::vector<std::string_view> input_formats();
/// Whether `name` is one of output_formats().
bool is_output_format(std::string_view name);

/// As export_profile(), with `filter` and `c`, which are compiled and proven first.
Result<Exported> export_as(const Profile& profile, std::string_view format,
                           const ResolveOptions& options, std::string_view title);

/// Whether `format` is a compiled filter, which says more than a profile can.
bool is_filter_format(std::string_view format);
/// `resolved` in one of these formats, compiled and proven. `source` is the profile's file, for
/// errors.
Result<std::string> export_filter(const ResolvedProfile& resolved, std::string_view format,
                                  std::string_view source, std::string_view title);
/// What a filter does not hold of `profile`: its flags and its listener.
std::vector<std::string> filter_losses(const Profile& profile);

/// The profile in `bytes`, read as `format`; empty: by its content, JSON when it looks like
/// nothing else. A filter is decompiled; what a profile cannot say of it is a loss.
Result<Imported> import_as(std::string_view bytes, std::string_view file_name,
                           std::string_view format, Abi arch);

/// What a text calls itself that is made from the file `path`: "web" of "/etc/web.json"; "profile"
/// of standard input.
std::string title_of(std::string_view path);

}  // namespace sysnare
