#include "profile/export.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "profile/export_writers.h"
#include "profile/plain.h"

namespace sysnare {
namespace {

struct Row {
  ExportFormat format;
  Result<Exported> (*write)(const ExportRequest& request);
};

// Sorted by name.
constexpr Row kRows[] = {
    {{"docker", "Docker's JSON with its conditions, for --security-opt seccomp=FILE"},
     write_engine_json},
    {{"firejail", "options of a firejail command line"}, write_firejail},
    {{"k8s", "SeccompProfile object of the security-profiles-operator (v1beta1)"}, write_k8s},
    {{"kafel", "Kafel policy, for nsjail"}, write_kafel},
    {{"minijail", "policy for minijail's compile_seccomp_policy"}, write_minijail},
    {{"oci", "plain OCI JSON, for runc, crun, containerd and Kubernetes' nodes"}, write_oci},
    {{"podman", "Podman's JSON with its conditions, for --security-opt seccomp=FILE"},
     write_engine_json},
    {{"systemd", "drop-in for a unit (systemd 248 or newer)"}, write_systemd},
};

}  // namespace

std::span<const ExportFormat> export_formats() {
  static const auto formats = [] {
    std::array<ExportFormat, std::size(kRows)> all;
    std::transform(std::begin(kRows), std::end(kRows), all.begin(),
                   [](const Row& row) { return row.format; });
    return all;
  }();
  return formats;
}

Result<Exported> export_profile(const Profile& profile, std::string_view format,
                                const ResolveOptions& options, std::string_view title) {
  for (const Row& row : kRows) {
    if (row.format.name == format) return row.write({profile, options, title});
  }
  std::vector<std::string_view> names;
  for (const Row& row : kRows) names.push_back(row.format.name);
  const std::string_view near = nearest(format, names);
  return fail(Errc::kUsage, "unknown format \"{}\"{}; there are: {}", printable(format),
              near.empty() ? std::string() : fmt::format(", did you mean {}?", near),
              fmt::join(names, ", "));
}

Error lossy_error(std::string_view format, const std::vector<std::string>& losses) {
  const std::string more =
      losses.size() == 1 ? std::string() : fmt::format(" (and {} more)", losses.size() - 1);
  return {Errc::kBadInput,
          fmt::format("{}{}; {} cannot say all of this, --lossy writes what it can and "
                      "lists each as a warning",
                      losses.front(), more, format),
          0};
}

Result<Exported> write_oci(const ExportRequest& request) {
  Result<PlainProfile> plain = plain_profile(request.profile, request.options);
  if (!plain) return propagate(plain);
  return Exported{write_profile(plain->profile), {}};
}

Result<Exported> write_engine_json(const ExportRequest& request) {
  // Both kinds of architectures are an error there as here.
  Result<ResolvedProfile> resolved = resolve(request.profile, request.options);
  if (!resolved) return propagate(resolved);
  Profile written = request.profile;
  // Old Docker knows the singular name; none ever minded the plural.
  for (Entry& entry : written.entries) entry.singular_name = false;
  return Exported{write_profile(written), {}};
}

}  // namespace sysnare
