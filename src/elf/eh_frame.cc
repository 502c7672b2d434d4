#include "elf/eh_frame.h"

#include <dwarf.h>
#include <elf.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>

#include "elf/bytes.h"

namespace sysnare {
namespace {

// Parts of a DW_EH_PE_* byte.
constexpr std::uint8_t kFormat = 0x0f;
constexpr std::uint8_t kBase = 0x70;

/// What a common entry (CIE) says about the entries that name it.
struct Common {
  bool valid = false;
  bool augmented = false;  ///< 'z'
  std::uint8_t pointers = DW_EH_PE_absptr;
  std::uint8_t lsda = DW_EH_PE_omit;
  std::uint64_t personality = 0;
  bool personality_indirect = false;
  bool signal = false;  ///< of a signal's trampoline
};

class Pointers {
 public:
  Pointers(const ElfImage& image, const Dynamic* dynamic) : image_(image), dynamic_(dynamic) {}
  /// Reads a pointer that stands at the link-time address `vaddr`. Nothing for an encoding that
  /// cannot be followed without running the program (relative to text, data or function).
  std::optional<std::uint64_t> read(ByteReader& reader, std::uint8_t encoding,
                                    std::uint64_t vaddr) const {
    if ((encoding & kBase) == DW_EH_PE_aligned) {
      const std::uint64_t aligned = (vaddr + 7) / 8 * 8;
      reader.skip(aligned - vaddr);
      vaddr = aligned;
      encoding = DW_EH_PE_absptr;
    }
    std::uint64_t value = 0;
    switch (encoding & kFormat) {
      case DW_EH_PE_absptr:
        value = reader.integer(image_.is_64() ? 8 : 4);
        break;
      case DW_EH_PE_uleb128:
        value = reader.unsigned_leb();
        break;
      case DW_EH_PE_udata2:
        value = reader.integer(2);
        break;
      case DW_EH_PE_udata4:
        value = reader.integer(4);
        break;
      case DW_EH_PE_udata8:
      case DW_EH_PE_sdata8:
        value = reader.integer(8);
        break;
      case DW_EH_PE_sleb128:
        value = reader.signed_leb();
        break;
      case DW_EH_PE_sdata2:
        value = static_cast<std::uint64_t>(static_cast<std::int16_t>(reader.integer(2)));
        break;
      case DW_EH_PE_sdata4:
        value = static_cast<std::uint64_t>(static_cast<std::int32_t>(reader.integer(4)));
        break;
      default:
        return std::nullopt;
    }
    if (!reader.ok()) return std::nullopt;
    switch (encoding & kBase) {
      case DW_EH_PE_absptr:
        if ((encoding & kFormat) == DW_EH_PE_absptr) value = relocated(vaddr).value_or(value);
        return value;
      case DW_EH_PE_pcrel:
        // A null pointer is 0, whatever it would be relative to.
        return value == 0 ? 0 : value + vaddr;
      default:
        return std::nullopt;
    }
  }

 private:
  /// What the loader puts at `vaddr` of a position-independent image: the file may have 0 there.
  [[nodiscard]] std::optional<std::uint64_t> relocated(std::uint64_t vaddr) const {
    if (dynamic_ == nullptr) return std::nullopt;
    const auto& all = dynamic_->relocations;
    const auto at =
        std::lower_bound(all.begin(), all.end(), vaddr,
                         [](const Relocation& r, std::uint64_t value) { return r.vaddr < value; });
    if (at == all.end() || at->vaddr != vaddr) return std::nullopt;
    if (at->kind == Relocation::Kind::kRelative) return at->value;
    // A routine of another object: its slot is this place itself.
    return std::nullopt;
  }

  const ElfImage& image_;
  const Dynamic* dynamic_;
};

class FrameReader {
 public:
  FrameReader(const ElfImage& image, const Dynamic& dynamic)
      : image_(image), pointers_(image, &dynamic) {}

  /// Reads the entries in `bytes`, which stand at `vaddr`. `whole`: the end of the section is
  /// known, so that a closing entry in its middle (objects joined in an odd order) ends nothing.
  Result<void> read(std::span<const std::uint8_t> bytes, std::uint64_t vaddr, bool whole) {
    bytes_ = bytes;
    vaddr_ = vaddr;
    commons_.clear();
    std::size_t at = 0;
    while (bytes.size() - at >= 4) {
      const std::uint64_t length = load<std::uint32_t>(bytes, at);
      if (length == 0) {
        if (!whole) return {};
        at += 4;
        continue;
      }
      // 0xffffffff (a 64-bit length) is larger than any section that is left.
      if (length < 4 || length > bytes.size() - at - 4) return {};
      const std::uint64_t id = load<std::uint32_t>(bytes, at + 4);
      if (id != 0 && id <= at + 4) {
        if (entries_.size() >= kMaxFrameEntries) {
          return fail(Errc::kLimit, "{}: .eh_frame at {:#x}: more than {} entries", image_.name(),
                      vaddr, kMaxFrameEntries);
        }
        add_entry(at + 8, length - 4, at + 4 - id);
      }
      at += 4 + length;
    }
    return {};
  }
  std::vector<FrameEntry> take() { return std::move(entries_); }

 private:
  void add_entry(std::size_t at, std::uint64_t length, std::size_t common_at) {
    const Common& common = common_of(common_at);
    if (!common.valid) return;
    ByteReader reader(bytes_.subspan(at, length));
    const auto here = [&] { return vaddr_ + at + reader.at(); };
    FrameEntry entry;
    const auto start = pointers_.read(reader, common.pointers, here());
    const auto size = pointers_.read(reader, common.pointers & kFormat, UINT64_MAX);
    if (!start || !size || *start == 0) return;
    entry.start = *start;
    entry.size = *size;
    entry.personality = common.personality;
    // The unwinder looks up return addresses less one, and nobody called a trampoline: its entry
    // begins a byte early (glibc 2.36, sysdeps/unix/sysv/linux/x86_64/libc_sigaction.c).
    if (common.signal && entry.size > 1) {
      ++entry.start;
      --entry.size;
    }
    entry.personality_indirect = common.personality_indirect;
    if (common.augmented && common.lsda != DW_EH_PE_omit) {
      reader.unsigned_leb();
      entry.lsda = pointers_.read(reader, common.lsda, here()).value_or(0);
    }
    entries_.push_back(entry);
  }

  const Common& common_of(std::size_t at) {
    const auto [found, inserted] = commons_.try_emplace(at);
    if (inserted) found->second = parse_common(at);
    return found->second;
  }

  [[nodiscard]] Common parse_common(std::size_t at) const {
    Common common;
    if (bytes_.size() - at < 8) return common;
    const std::uint64_t length = load<std::uint32_t>(bytes_, at);
    if (length < 4 || length > bytes_.size() - at - 4 || load<std::uint32_t>(bytes_, at + 4) != 0) {
      return common;
    }
    const std::size_t begin = at + 8;
    ByteReader reader(bytes_.subspan(begin, length - 4));
    const std::uint8_t version = reader.u8();
    std::string augmentation;
    for (char c = 0; (c = static_cast<char>(reader.u8())) != '\0';) {
      augmentation += c;
      if (augmentation.size() > 16) return common;  // those of gcc and clang have at most 6
    }
    if (augmentation == "eh") reader.skip(8);  // gcc 2
    reader.unsigned_leb();                     // code alignment
    reader.signed_leb();                       // data alignment
    if (version == 1) {
      reader.u8();  // the return address's register
    } else {
      reader.unsigned_leb();
    }
    if (augmentation.starts_with('z')) {
      common.augmented = true;
      reader.unsigned_leb();
      for (const char c : std::string_view(augmentation).substr(1)) {
        if (c == 'R') {
          common.pointers = reader.u8();
        } else if (c == 'L') {
          common.lsda = reader.u8();
        } else if (c == 'P') {
          const std::uint8_t encoding = reader.u8();
          const std::uint64_t here = vaddr_ + begin + reader.at();
          const auto personality = pointers_.read(reader, encoding & ~DW_EH_PE_indirect, here);
          if (!personality) return common;
          common.personality = *personality;
          common.personality_indirect = (encoding & DW_EH_PE_indirect) != 0;
        } else if (c == 'S') {
          common.signal = true;
        } else if (c != 'B') {  // signed return addresses
          return common;
        }
      }
    }
    common.valid = reader.ok();
    return common;
  }

  const ElfImage& image_;
  Pointers pointers_;
  std::span<const std::uint8_t> bytes_;
  std::uint64_t vaddr_ = 0;
  std::unordered_map<std::size_t, Common> commons_;
  std::vector<FrameEntry> entries_;
};

/// Where .eh_frame begins by what PT_GNU_EH_FRAME says.
std::optional<std::uint64_t> frames_by_header(const ElfImage& image, const ImageMemory& memory) {
  for (const ElfImage::Segment& segment : image.segments()) {
    if (segment.type != PT_GNU_EH_FRAME) continue;
    ByteReader reader(memory.from(segment.vaddr));
    const std::uint8_t version = reader.u8();
    const std::uint8_t encoding = reader.u8();
    reader.skip(2);
    if (!reader.ok() || version != 1 || encoding == DW_EH_PE_omit) continue;
    return Pointers(image, nullptr).read(reader, encoding, segment.vaddr + reader.at());
  }
  return std::nullopt;
}

}  // namespace

Result<std::vector<FrameEntry>> read_frame_entries(const ElfImage& image, const ImageMemory& memory,
                                                   const Dynamic& dynamic) {
  FrameReader reader(image, dynamic);
  const auto by_header = frames_by_header(image, memory);
  bool covered = false;
  std::size_t sections = 0;
  for (const ElfImage::Section& section : image.sections()) {
    if (section.name != ".eh_frame" || (section.flags & SHF_ALLOC) == 0) continue;
    // One is the rule; 262,144 that all name the same bytes are an attack.
    if (++sections > 16) break;
    const auto bytes = memory.exactly(section.vaddr, section.size);
    if (bytes.empty()) continue;
    covered |= by_header && *by_header - section.vaddr < section.size;
    if (Result<void> read = reader.read(bytes, section.vaddr, true); !read) return propagate(read);
  }
  if (by_header && !covered) {
    Result<void> read = reader.read(memory.from(*by_header), *by_header, false);
    if (!read) return propagate(read);
  }
  std::vector<FrameEntry> entries = reader.take();
  std::stable_sort(entries.begin(), entries.end(),
                   [](const FrameEntry& a, const FrameEntry& b) { return a.start < b.start; });
  return entries;
}

Result<void> add_landing_pads(const ElfImage& image, const ImageMemory& memory,
                              const FrameEntry& entry, std::size_t& budget,
                              std::vector<std::uint64_t>& pads) {
  if (entry.lsda == 0) return {};
  const Pointers pointers(image, nullptr);
  ByteReader reader(memory.from(entry.lsda));
  const auto here = [&] { return entry.lsda + reader.at(); };
  std::uint64_t base = entry.start;
  if (const std::uint8_t encoding = reader.u8(); encoding != DW_EH_PE_omit) {
    const auto given = pointers.read(reader, encoding, here());
    if (!given) return {};
    base = *given;
  }
  if (const std::uint8_t encoding = reader.u8(); encoding != DW_EH_PE_omit) {
    reader.unsigned_leb();  // where the types of caught exceptions stand
  }
  const std::uint8_t encoding = reader.u8() & kFormat;
  const std::uint64_t length = reader.unsigned_leb();
  const auto table = reader.bytes(std::min<std::uint64_t>(length, reader.left()));
  ByteReader sites(table);
  while (!sites.at_end()) {
    if (budget == 0) {
      return fail(Errc::kLimit, "{}: LSDA at {:#x}: more than {} call sites in all", image.name(),
                  entry.lsda, kMaxCallSites);
    }
    --budget;
    // Begin and length of the calls, their landing pad, what to do there.
    const auto begin = pointers.read(sites, encoding, 0);
    const auto size = pointers.read(sites, encoding, 0);
    const auto pad = pointers.read(sites, encoding, 0);
    sites.unsigned_leb();
    if (!begin || !size || !pad || !sites.ok()) return {};
    if (*pad != 0) pads.push_back(base + *pad);
  }
  return {};
}

}  // namespace sysnare
