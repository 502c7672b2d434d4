#include "elf/memory.h"

#include <elf.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "elf/bytes.h"

namespace sysnare {
namespace {

/// Segments may share pages of the file, and so bytes of it; but 65,535 headers can name the same
/// gigabyte. No linker's segments have more than twice the bytes of their file.
constexpr std::uint64_t kMaxShare = 2;
constexpr std::uint64_t kHugePage = 2u << 20;

/// `size` bytes, not zeroed. Of 50 MB the faults of small pages take four times as long as reading
/// them, so that large ones are asked for (mm/huge_memory.c; a kernel without them says no, and
/// nothing is lost).
std::uint8_t* allocate(std::uint64_t size) {
  if (size < 2 * kHugePage) return static_cast<std::uint8_t*>(std::malloc(size + 1));
  const std::uint64_t rounded = (size + kHugePage - 1) / kHugePage * kHugePage;
  void* bytes = std::aligned_alloc(kHugePage, rounded);
  if (bytes != nullptr) (void)::madvise(bytes, rounded, MADV_HUGEPAGE);
  return static_cast<std::uint8_t*>(bytes);
}

}  // namespace

void ImageMemory::Free::operator()(std::uint8_t* bytes) const { std::free(bytes); }

Result<ImageMemory> ImageMemory::load(const ElfImage& image) {
  if (image.is_big_endian()) {
    return fail(Errc::kUnsupported, "{}: offset {:#x}: an image of big-endian words cannot be read",
                image.name(), EI_DATA);
  }
  std::vector<const ElfImage::Segment*> loaded;
  for (const ElfImage::Segment& segment : image.segments()) {
    if (segment.type == PT_LOAD && segment.memory_size > 0) loaded.push_back(&segment);
  }
  std::sort(loaded.begin(), loaded.end(),
            [](const auto* a, const auto* b) { return a->vaddr < b->vaddr; });
  std::uint64_t total = 0;
  std::uint64_t end = 0;
  for (const ElfImage::Segment* segment : loaded) {
    // Not UINT64_MAX itself: one past the last byte must be a number.
    if (segment->memory_size > UINT64_MAX - segment->vaddr || segment->vaddr < end) {
      return fail(Errc::kBadInput,
                  "{}: offset {:#x}: segment of {:#x} bytes at {:#x} wraps or overlaps another",
                  image.name(), segment->offset, segment->memory_size, segment->vaddr);
    }
    // Of one without bytes of the file it does not matter where they would be.
    const bool outside =
        segment->file_size != 0 &&
        (segment->offset > image.size() || segment->file_size > image.size() - segment->offset);
    if (segment->file_size > segment->memory_size || outside) {
      return fail(
          Errc::kBadInput,
          "{}: offset {:#x}: segment of {} bytes (in memory {}) lies outside the file of {} "
          "bytes or outside its memory",
          image.name(), segment->offset, segment->file_size, segment->memory_size, image.size());
    }
    end = segment->vaddr + segment->memory_size;
    total += segment->file_size;  // 65,535 times the size of a file: cannot wrap
  }
  if (total > kMaxImageBytes || total > kMaxShare * image.size()) {
    return fail(Errc::kLimit, "{}: segments of {} bytes, at most {} of a file of {} bytes are read",
                image.name(), total, std::min(kMaxImageBytes, kMaxShare * image.size()),
                image.size());
  }
  ImageMemory memory;
  memory.bytes_.reset(allocate(total));
  if (memory.bytes_ == nullptr) return fail_errno(ENOMEM, "{}: {} bytes", image.name(), total);
  std::uint8_t* next = memory.bytes_.get();
  for (const ElfImage::Segment* segment : loaded) {
    const std::span<std::uint8_t> bytes(next, segment->file_size);
    if (!bytes.empty()) {
      Result<void> read = image.read_into(segment->offset, bytes, "segment");
      if (!read) return propagate(read);
    }
    next += segment->file_size;
    memory.segments_.push_back({segment->vaddr, segment->vaddr + segment->memory_size,
                                (segment->flags & PF_X) != 0, (segment->flags & PF_W) != 0, bytes});
  }
  return memory;
}

const ImageMemory::Segment* ImageMemory::segment_at(std::uint64_t vaddr) const {
  auto after = std::upper_bound(segments_.begin(), segments_.end(), vaddr,
                                [](std::uint64_t at, const Segment& s) { return at < s.vaddr; });
  if (after == segments_.begin()) return nullptr;
  --after;
  return vaddr < after->memory_end ? &*after : nullptr;
}

std::span<const std::uint8_t> ImageMemory::from(std::uint64_t vaddr) const {
  const Segment* segment = segment_at(vaddr);
  if (segment == nullptr || vaddr - segment->vaddr >= segment->bytes.size()) return {};
  return segment->bytes.subspan(vaddr - segment->vaddr);
}

std::span<const std::uint8_t> ImageMemory::exactly(std::uint64_t vaddr,
                                                   std::uint64_t length) const {
  const std::span<const std::uint8_t> bytes = from(vaddr);
  return length <= bytes.size() ? bytes.first(length) : std::span<const std::uint8_t>();
}

std::optional<std::uint64_t> ImageMemory::word(std::uint64_t vaddr, unsigned width) const {
  const Segment* segment = segment_at(vaddr);
  if (segment == nullptr || width > segment->memory_end - vaddr) return std::nullopt;
  const std::uint64_t at = vaddr - segment->vaddr;
  const std::uint64_t size = segment->bytes.size();
  if (at >= size) return 0;
  return little_endian(segment->bytes, at,
                       static_cast<unsigned>(std::min<std::uint64_t>(width, size - at)));
}

std::optional<std::string_view> ImageMemory::text(std::uint64_t vaddr, std::size_t limit) const {
  const Segment* segment = segment_at(vaddr);
  if (segment == nullptr) return std::nullopt;
  const std::span<const std::uint8_t> bytes = from(vaddr);
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  // One byte more than the limit, for the NUL of a text that just fits.
  const std::size_t end = all.substr(0, limit < all.size() ? limit + 1 : all.size()).find('\0');
  if (end != std::string_view::npos) return all.substr(0, end);
  const bool zeros_behind = segment->memory_end - segment->vaddr > segment->bytes.size();
  if (all.size() <= limit && zeros_behind) return all;
  return std::nullopt;
}

bool ImageMemory::is_executable(std::uint64_t vaddr) const {
  const Segment* segment = segment_at(vaddr);
  return segment != nullptr && segment->executable;
}

}  // namespace sysnare
