#pragma once
// The writers behind export_profile(), one a format. Internal to this room.

#include "profile/export.h"

namespace sysnare {

struct ExportRequest {
  const Profile& profile;
  const ResolveOptions& options;
  std::string_view title;
};

/// Plain OCI, for runc, crun, containerd and Kubernetes' node files.
Result<Exported> write_oci(const ExportRequest& request);
/// Docker's and Podman's JSON, with its conditions.
Result<Exported> write_engine_json(const ExportRequest& request);
Result<Exported> write_k8s(const ExportRequest& request);
Result<Exported> write_systemd(const ExportRequest& request);
Result<Exported> write_minijail(const ExportRequest& request);
Result<Exported> write_kafel(const ExportRequest& request);
Result<Exported> write_firejail(const ExportRequest& request);

}  // namespace sysnare
