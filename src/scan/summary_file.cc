#include "scan/summary_file.h"

#include <array>
#include <cstring>
#include <type_traits>

namespace sysnare {
namespace {

constexpr std::size_t kArrays = 21;
constexpr std::size_t kAlign = 16;

/// Calls `f(span)` for each array of `summary`, in the order of the file.
template <typename S, typename F>
void for_each_array(S& summary, F f) {
  f(summary.needed);
  f(summary.runpath);
  f(summary.rpath);
  f(summary.functions);
  f(summary.targets);
  f(summary.calls);
  f(summary.passed);
  f(summary.pointees);
  f(summary.sites);
  f(summary.values);
  f(summary.rewrites);
  f(summary.cells);
  f(summary.chunks);
  f(summary.imports);
  f(summary.exports);
  f(summary.strings);
  f(summary.init);
  f(summary.fini);
  f(summary.always);
  f(summary.troubles);
  f(summary.text);
}

struct Array {
  std::uint64_t offset = 0;  ///< from the beginning of the header
  std::uint64_t count = 0;
};

struct Header {
  std::uint64_t layout = 0;  ///< of the sizes of all structures
  std::uint64_t entry = 0;
  std::uint32_t soname = 0;
  std::uint32_t interpreter = 0;
  std::uint32_t module_key = 0;
  std::uint16_t machine = 0;
  std::uint8_t position_independent = 0;
  std::uint8_t is_go = 0;  ///< 1, with 2: beside C
  std::uint8_t symbolic = 0;
  std::uint8_t is_library = 0;
  std::array<std::uint8_t, 14> unused{};
  std::array<Array, kArrays> arrays;
};
static_assert(std::is_trivially_copyable_v<Header> && sizeof(Header) % kAlign == 0);

std::uint64_t layout() {
  std::array<std::uint64_t, kArrays> sizes{};
  std::size_t at = 0;
  const Summary summary;
  for_each_array(summary, [&](const auto& span) { sizes.at(at++) = sizeof(span[0]); });
  return checksum_of(std::as_bytes(std::span(sizes)));
}

constexpr std::size_t aligned(std::size_t size) { return (size + kAlign - 1) / kAlign * kAlign; }

std::string file_name(const std::string& sha256) { return sha256 + ".summary"; }

}  // namespace

std::string pack_summary(const Summary& summary) {
  Header header;
  header.layout = layout();
  header.entry = summary.entry;
  header.soname = summary.soname;
  header.interpreter = summary.interpreter;
  header.module_key = summary.module_key;
  header.machine = summary.machine;
  header.position_independent = summary.position_independent ? 1 : 0;
  header.is_go = static_cast<std::uint8_t>((summary.is_go ? 1 : 0) | (summary.has_c ? 2 : 0));
  header.symbolic = summary.symbolic ? 1 : 0;
  header.is_library = summary.is_library ? 1 : 0;
  std::size_t size = sizeof header;
  std::size_t at = 0;
  for_each_array(summary, [&](const auto& span) {
    header.arrays.at(at++) = {size, span.size()};
    size = aligned(size + span.size_bytes());
  });
  std::string bytes(size, '\0');
  std::memcpy(bytes.data(), &header, sizeof header);
  at = 0;
  for_each_array(summary, [&](const auto& span) {
    static_assert(std::is_trivially_copyable_v<std::remove_cvref_t<decltype(span[0])>>);
    const Array& array = header.arrays.at(at++);
    if (!span.empty()) std::memcpy(bytes.data() + array.offset, span.data(), span.size_bytes());
  });
  return bytes;
}

std::optional<Summary> unpack_summary(const CachedFile& file) {
  if (file.bytes.size() < sizeof(Header)) return std::nullopt;
  Header header;
  std::memcpy(&header, file.bytes.data(), sizeof header);
  if (header.layout != layout()) return std::nullopt;
  Summary summary;
  summary.entry = header.entry;
  summary.soname = header.soname;
  summary.interpreter = header.interpreter;
  summary.module_key = header.module_key;
  summary.machine = header.machine;
  summary.position_independent = header.position_independent != 0;
  summary.is_go = (header.is_go & 1) != 0;
  summary.has_c = (header.is_go & 2) != 0;
  summary.symbolic = header.symbolic != 0;
  summary.is_library = header.is_library != 0;
  std::size_t at = 0;
  bool good = true;
  for_each_array(summary, [&](auto& span) {
    using Element = std::remove_cvref_t<decltype(span[0])>;
    static_assert(alignof(Element) <= kAlign);
    const Array& array = header.arrays.at(at++);
    const std::size_t size = file.bytes.size();
    if (array.offset % kAlign != 0 || array.offset > size ||
        array.count > (size - array.offset) / sizeof(Element)) {
      good = false;
      return;
    }
    span = {reinterpret_cast<const Element*>(file.bytes.data() + array.offset), array.count};
  });
  if (!good || !is_sound(summary)) return std::nullopt;
  summary.owner = file.owner;
  return summary;
}

void keep_summary(ScanCache& cache, const std::string& sha256, const Summary& summary) {
  const std::string bytes = pack_summary(summary);
  cache.keep(file_name(sha256), kAnalyserVersion, std::as_bytes(std::span(bytes)));
}

std::optional<Summary> load_summary(const ScanCache& cache, const std::string& sha256) {
  const std::optional<CachedFile> file = cache.load(file_name(sha256), kAnalyserVersion);
  if (!file) return std::nullopt;
  return unpack_summary(*file);
}

}  // namespace sysnare
