#pragma once
// Which libraries does /etc/ld.so.cache know?
//
// Source: glibc 2.36, sysdeps/generic/dl-cache.h ("glibc-ld.so.cache1.1", alone or behind the older
// "ld.so-1.7.0") and ldconfig.h (flags). For .cc files of this room alone.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sysnare {

/// Largest cache that is read; Debian's desktop has some 150 KB.
inline constexpr std::size_t kMaxCacheBytes = 64u << 20;

/// Paths by name, in the order of the file, of libraries for `machine` (64-bit). A damaged cache
/// gives what can be read, or nothing.
std::map<std::string, std::vector<std::string>, std::less<>> read_library_cache(
    std::string_view bytes, std::uint16_t machine);

}  // namespace sysnare
