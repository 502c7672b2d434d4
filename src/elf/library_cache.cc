#include "elf/library_cache.h"

#include <elf.h>

#include <algorithm>
#include <span>

#include "elf/bytes.h"

namespace sysnare {
namespace {

constexpr std::string_view kMagic = "glibc-ld.so.cache1.1";
constexpr std::string_view kOldMagic = "ld.so-1.7.0";
constexpr std::size_t kHeader = 48;
constexpr std::size_t kEntry = 24;
constexpr std::size_t kOldHeader = 16;
constexpr std::size_t kOldEntry = 12;
/// Longest path; PATH_MAX.
constexpr std::size_t kMaxPath = 4096;
/// Bits of hwcap: it is an index into a list of glibc-hwcaps, or the old kind of capabilities.
constexpr std::uint64_t kHwcapsExtension = 1ull << 62;

// Entry::flags: a library of glibc, and the machine.
constexpr std::uint32_t kLibc6 = 3;
constexpr std::uint32_t kX86_64 = 0x0300;
constexpr std::uint32_t kAarch64 = 0x0a00;

std::string_view text_at(std::string_view bytes, std::uint64_t offset) {
  if (offset >= bytes.size()) return {};
  const std::string_view rest = bytes.substr(offset, kMaxPath);
  const std::size_t end = rest.find('\0');
  return end == std::string_view::npos ? std::string_view() : rest.substr(0, end);
}

}  // namespace

std::map<std::string, std::vector<std::string>, std::less<>> read_library_cache(
    std::string_view bytes, std::uint16_t machine) {
  std::map<std::string, std::vector<std::string>, std::less<>> libraries;
  if (bytes.starts_with(kOldMagic) && bytes.size() >= kOldHeader) {
    const std::span all(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    const std::uint64_t count = load<std::uint32_t>(all, 12);
    const std::uint64_t end = (kOldHeader + count * kOldEntry + 7) / 8 * 8;
    if (end >= bytes.size()) return libraries;
    bytes.remove_prefix(end);
  }
  if (!bytes.starts_with(kMagic) || bytes.size() < kHeader) return libraries;
  const std::span all(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  // 3: big-endian words; 0 stands for the machine's own in older caches.
  if ((all[28] & 3) == 3) return libraries;
  const std::uint64_t count =
      std::min<std::uint64_t>(load<std::uint32_t>(all, 20), (bytes.size() - kHeader) / kEntry);
  const std::uint32_t wanted = (machine == EM_AARCH64 ? kAarch64 : kX86_64) | kLibc6;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::size_t at = kHeader + i * kEntry;
    if (load<std::uint32_t>(all, at) != wanted) continue;
    const auto hwcap = load<std::uint64_t>(all, at + 16);
    if (hwcap != 0 && (hwcap & kHwcapsExtension) == 0) continue;
    const std::string_view name = text_at(bytes, load<std::uint32_t>(all, at + 4));
    const std::string_view path = text_at(bytes, load<std::uint32_t>(all, at + 8));
    if (!name.empty() && path.starts_with('/')) {
      libraries[std::string(name)].emplace_back(path);
    }
  }
  return libraries;
}

}  // namespace sysnare
