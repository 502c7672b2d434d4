#pragma once
// How does a summary lie in a file, so that it can be used where it is mapped?
//
// A header (sizes of all structures, place and length of each array) and the arrays of Summary,
// each aligned to 16 bytes. The bytes are of this machine and this build of the structures: another
// size of any structure is another file. Whoever reads one checks every index, slice and order
// once, in linear time; what does not hold makes the file as good as none.

#include <optional>
#include <string>

#include "scan/cache.h"
#include "scan/summary.h"

namespace sysnare {

/// Keeps `summary` of the file with this SHA-256.
void keep_summary(ScanCache& cache, const std::string& sha256, const Summary& summary);

/// What was kept, in the mapped file. Cost: linear in its size.
std::optional<Summary> load_summary(const ScanCache& cache, const std::string& sha256);

/// The file's bytes behind the cache's own header, and the reverse (the bytes must be aligned to
/// 16); for the two above, and tests.
std::string pack_summary(const Summary& summary);
std::optional<Summary> unpack_summary(const CachedFile& file);

/// Whether every index, slice and order in `summary` holds.
bool is_sound(const Summary& summary);

}  // namespace sysnare
