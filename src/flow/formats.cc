#include "flow/formats.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "filter/decompile.h"
#include "filter/export.h"
#include "filter/filter.h"
#include "filter/raw.h"

namespace sysnare {
namespace {

constexpr std::string_view kFilter = "filter";
constexpr std::string_view kC = "c";

/// Residues that are shown; a hostile filter has thousands.
constexpr std::size_t kShownResidue = 16;

Result<Imported> read_filter(std::string_view bytes, std::string_view file_name) {
  Result<std::vector<sock_filter>> program = parse_filter(bytes, file_name);
  if (!program) return propagate(program);
  Result<Decompiled> decompiled = decompile(*program);
  if (!decompiled) return propagate(decompiled, "{}", file_name);
  Imported imported;
  imported.profile = std::move(decompiled->profile);
  imported.profile.source = std::string(file_name);
  for (const std::string& name : decompiled->repeating) {
    imported.losses.push_back(fmt::format(
        "{}: {}: an argument stands twice in an entry, which is \"or\" to runc and crun", file_name,
        name));
  }
  const std::size_t shown = std::min(decompiled->residue.size(), kShownResidue);
  for (std::size_t i = 0; i < shown; ++i) {
    imported.losses.push_back(
        fmt::format("{}: {}", file_name, residue_text(decompiled->residue[i])));
  }
  if (decompiled->residue.size() > shown) {
    imported.losses.push_back(
        fmt::format("{}: and {} more differences", file_name, decompiled->residue.size() - shown));
  }
  return imported;
}

}  // namespace

std::vector<ExportFormat> output_formats() {
  const auto texts = export_formats();
  std::vector<ExportFormat> all(texts.begin(), texts.end());
  all.push_back({kFilter, "the compiled filter's bytes, as bwrap --seccomp FD reads them"});
  all.push_back({kC, "the compiled filter as a C array"});
  std::sort(all.begin(), all.end(),
            [](const ExportFormat& a, const ExportFormat& b) { return a.name < b.name; });
  return all;
}

std::vector<std::string_view> input_formats() {
  const auto texts = import_formats();
  std::vector<std::string_view> all(texts.begin(), texts.end());
  all.push_back(kFilter);
  std::sort(all.begin(), all.end());
  return all;
}

bool is_filter_format(std::string_view format) { return format == kFilter || format == kC; }

bool is_output_format(std::string_view name) {
  const auto all = output_formats();
  return std::any_of(all.begin(), all.end(),
                     [&](const ExportFormat& each) { return each.name == name; });
}

Result<Exported> export_as(const Profile& profile, std::string_view format,
                           const ResolveOptions& options, std::string_view title) {
  if (!is_filter_format(format)) return export_profile(profile, format, options, title);
  Result<ResolvedProfile> resolved = resolve(profile, options);
  if (!resolved) return propagate(resolved);
  Result<std::string> text = export_filter(*resolved, format, profile.source, title);
  if (!text) return propagate(text);
  return Exported{std::move(*text), filter_losses(profile)};
}

Result<std::string> export_filter(const ResolvedProfile& resolved, std::string_view format,
                                  std::string_view source, std::string_view title) {
  Result<Filter> filter = compile(resolved);
  if (!filter) return propagate(filter, "{}", source);
  return format == kC ? filter_c_array(filter->program, title) : filter_bytes(filter->program);
}

std::vector<std::string> filter_losses(const Profile& profile) {
  if (profile.flags.empty() && profile.listener_path.empty()) return {};
  return {
      fmt::format("{}: flags, listenerPath: they belong to the loading of a filter, which does "
                  "not hold them",
                  profile.source)};
}

Result<Imported> import_as(std::string_view bytes, std::string_view file_name,
                           std::string_view format, Abi arch) {
  if (format == kFilter || (format.empty() && looks_like_filter(bytes))) {
    return read_filter(bytes, file_name);
  }
  if (format.empty()) {
    format = recognised_format(bytes);
    // Nothing that we know: JSON's own sentence of what is wrong helps most.
    if (format.empty()) format = "oci";
  }
  return import_profile(bytes, file_name, format, arch);
}

std::string title_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  name = name.substr(0, name.find('.', 1));
  return name.empty() || name == "-" ? "profile" : std::string(name);
}

}  // namespace sysnare
