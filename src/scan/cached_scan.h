#pragma once
// Has this very program been scanned before, with everything around it as it is now?
//
// Kept are the result and all that was asked of the surroundings on the way to it, with the
// answers. The same questions are asked again: where every answer is the same, and every file that
// was read has its stamp, so would the result be. Most are answered by a stamp; libraries that are
// links are looked up as before, by the dynamic linker's own cache and their headers.

#include "scan/program.h"

namespace sysnare {

/// scan_program(), or scan_following(), from the cache where it can be. `keep`: whether the files
/// stay where they are (not those of an unpacked image).
Result<Evidence> cached_scan(const Surroundings& around, ScanCache& cache, const std::string& path,
                             bool follow, bool keep, const ScanOptions& options);

}  // namespace sysnare
