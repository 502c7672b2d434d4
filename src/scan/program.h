#pragma once
// Which calls can this program make? Finds all objects that it loads, joins their summaries, and
// goes on until nothing more is opened.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "evidence/evidence.h"
#include "scan/cache.h"
#include "scan/link.h"
#include "scan/object_store.h"
#include "scan/surroundings.h"

namespace sysnare {

using LinkObjects =
    std::function<Result<ScanResult>(const std::vector<LoadedObject>& objects,
                                     std::vector<OpenRequest>& wanted, const LinkOptions& options)>;

struct ScanOptions {
  AnalyseObject analyse;       ///< analyse_object()
  LinkObjects link;            ///< link_objects()
  Workers* workers = nullptr;  ///< who works at once; null: one thread does
  std::int64_t now_ns = 0;     ///< the time of day
  /// Called, by one thread at a time, with what is being worked on ("/usr/bin/x").
  std::function<void(const std::string& what)> progress;
};

/// What the #! line of a script says.
struct ScriptLine {
  std::string interpreter;
  std::string argument;  ///< all behind it, as the kernel gives it; empty: none
};
/// Empty for what is no script. Source: fs/binfmt_script.c, Linux 6.18 (256 bytes, blanks and
/// tabs).
std::optional<ScriptLine> script_line(std::string_view beginning);

/// The evidence of the program at `path` (an absolute one, inside the tree). A script is its
/// interpreter; `#!/usr/bin/env NAME` is both env and what it starts. A note says so.
///
/// Errors: kNotFound, kNoPermission; kBadInput naming file and offset; kUnsupported for a machine
/// that the analysis does not know. What concerns another object than the program is an open point.
Result<Evidence> scan_program(const Surroundings& around, ScanCache& cache, const std::string& path,
                              const ScanOptions& options);

/// The same with everything that can be started by a known path, and what those can start: calls
/// and all else are the union, and `executables` has each. Children that cannot be scanned become
/// notes and open points.
Result<Evidence> scan_following(const Surroundings& around, ScanCache& cache,
                                const std::string& path, const ScanOptions& options);

}  // namespace sysnare
