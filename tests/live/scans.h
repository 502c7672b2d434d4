#pragma once
// What does sysnare scan say of a program that the tests have built (tests/victims/scan)?

#include <map>
#include <set>
#include <string>
#include <vector>

namespace sysnare::live {

using Names = std::set<std::string>;

/// A scan's evidence, in the words of these suites.
struct Scanned {
  Names calls;                        ///< "getpid"; of another ABI "i386:getpid"
  std::map<std::string, Names> when;  ///< call -> load, main, error-only
  Names sites;                        ///< "libc.so.6+0x1234 getpid"
  Names open;                         ///< kinds
  Names opened;                       ///< names of files that were loaded at run time
  Names execs;                        ///< paths; "?" for one that is not known
  Names starters;                     ///< names of files that start one that is not known
  std::string text;                   ///< of the open points
};

/// One cache for all scans of a suite: an analysis of libc by a build for debugging takes seconds.
const std::string& scan_cache();

/// Scans; `words` stand behind the verb. `abi`: that of the program's calls.
Scanned run_scan(const std::vector<std::string>& words, const std::string& abi = "x86_64");

/// How `name` was built, of the files NAME.VARIANT in `folder`: variant -> path.
std::map<std::string, std::string> builds_in(const std::string& folder, const std::string& name);

Names missing_in(const Names& wanted, const Names& there);

}  // namespace sysnare::live
