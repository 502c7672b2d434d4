#pragma once
// What do several runs say together, as JSON? The documents of `merge --json` and
// `saturation --json`; docs/reference/merge.md and saturation.md describe them.

#include <cstdint>
#include <string>
#include <vector>

#include "cli/evidence_files.h"
#include "evidence/evidence.h"

namespace sysnare::cli {

std::string merge_document(const Joined& joined);

/// `why_not`: why `evidence` is not enough, empty when it is; `wanted` quiet runs would be.
std::string saturation_document(const std::vector<std::string>& files, const Evidence& evidence,
                                std::uint64_t wanted, const std::string& why_not);

}  // namespace sysnare::cli
