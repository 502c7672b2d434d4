#include <algorithm>

#include "elf/bytes.h"
#include "elf/dynamic_tables.h"

namespace sysnare {
namespace {

using Kind = Relocation::Kind;

constexpr std::uint64_t kEntrySize = sizeof(Elf64_Rela);

Kind kind_x86_64(std::uint32_t type) {
  switch (type) {
    case R_X86_64_RELATIVE:
    case R_X86_64_RELATIVE64:
      return Kind::kRelative;
    case R_X86_64_IRELATIVE:
      return Kind::kIndirect;
    case R_X86_64_COPY:
      return Kind::kCopy;
    case R_X86_64_64:
    case R_X86_64_GLOB_DAT:
    case R_X86_64_JUMP_SLOT:
    // Only in text that is relocated (DT_TEXTREL): code refers to the symbol.
    case R_X86_64_32:
    case R_X86_64_32S:
    case R_X86_64_PC32:
    case R_X86_64_PC64:
    case R_X86_64_PLT32:
      return Kind::kSymbol;
    default:
      return Kind::kOther;
  }
}

Kind kind_aarch64(std::uint32_t type) {
  switch (type) {
    case R_AARCH64_RELATIVE:
      return Kind::kRelative;
    case R_AARCH64_IRELATIVE:
      return Kind::kIndirect;
    case R_AARCH64_COPY:
      return Kind::kCopy;
    case R_AARCH64_ABS64:
    case R_AARCH64_ABS32:
    case R_AARCH64_PREL64:
    case R_AARCH64_PREL32:
    case R_AARCH64_GLOB_DAT:
    case R_AARCH64_JUMP_SLOT:
      return Kind::kSymbol;
    default:
      return Kind::kOther;
  }
}

bool is_slot(const ElfImage& image, std::uint32_t type) {
  return image.machine() == EM_AARCH64 ? type == R_AARCH64_GLOB_DAT || type == R_AARCH64_JUMP_SLOT
                                       : type == R_X86_64_GLOB_DAT || type == R_X86_64_JUMP_SLOT;
}

Kind kind_of(const ElfImage& image, std::uint32_t type, std::uint32_t symbol) {
  const Kind kind = image.machine() == EM_AARCH64 ? kind_aarch64(type) : kind_x86_64(type);
  // The symbol with index 0 has the value 0: what is left is the load address and the addend.
  return kind == Kind::kSymbol && symbol == 0 ? Kind::kRelative : kind;
}

}  // namespace

Result<void> add_rela(const ElfImage& image, Bytes table, std::vector<Relocation>& relocations,
                      std::string_view what) {
  const std::size_t count = table.size() / kEntrySize;
  if (count > kMaxDynamicEntries - std::min(kMaxDynamicEntries, relocations.size())) {
    return fail(Errc::kLimit, "{}: {}: more than {} relocations", image.name(), what,
                kMaxDynamicEntries);
  }
  relocations.reserve(relocations.size() + count);
  for (std::size_t i = 0; i < count; ++i) {
    const Bytes row = table.subspan(i * kEntrySize, kEntrySize);
    const auto info = load<std::uint64_t>(row, offsetof(Elf64_Rela, r_info));
    Relocation relocation;
    relocation.symbol = static_cast<std::uint32_t>(ELF64_R_SYM(info));
    relocation.kind =
        kind_of(image, static_cast<std::uint32_t>(ELF64_R_TYPE(info)), relocation.symbol);
    relocation.slot = is_slot(image, static_cast<std::uint32_t>(ELF64_R_TYPE(info)));
    relocation.vaddr = load<std::uint64_t>(row, offsetof(Elf64_Rela, r_offset));
    relocation.value = load<std::uint64_t>(row, offsetof(Elf64_Rela, r_addend));
    relocations.push_back(relocation);
  }
  return {};
}

// An even entry is an address to relocate; an odd one is a bitmap of the 63 words behind the last.
Result<void> add_relr(const DynamicTables& tables, Bytes table,
                      std::vector<Relocation>& relocations) {
  // Each relocates a word of its own that is in the file, so there are no more than words.
  const std::uint64_t most =
      std::min<std::uint64_t>(kMaxDynamicEntries, relocations.size() + tables.image().size() / 8);
  const auto add = [&](std::uint64_t vaddr) -> Result<void> {
    if (relocations.size() >= most) {
      return fail(Errc::kLimit, "{}: DT_RELR: more than {} relocations", tables.image().name(),
                  most);
    }
    const std::optional<std::uint64_t> value = tables.memory().word(vaddr, 8);
    if (!value) return tables.bad("DT_RELR", vaddr, "a relocated word lies outside the image");
    Relocation relocation;
    relocation.kind = Kind::kRelative;
    relocation.vaddr = vaddr;
    relocation.value = *value;
    relocations.push_back(relocation);
    return {};
  };
  std::uint64_t next = 0;
  for (std::size_t at = 0; at + 8 <= table.size(); at += 8) {
    auto entry = load<std::uint64_t>(table, at);
    if ((entry & 1) == 0) {
      if (Result<void> added = add(entry); !added) return added;
      next = entry + 8;
      continue;
    }
    for (std::uint64_t vaddr = next; (entry >>= 1) != 0; vaddr += 8) {
      if ((entry & 1) == 0) continue;
      if (Result<void> added = add(vaddr); !added) return added;
    }
    next += 63 * 8;
  }
  return {};
}

void add_guessed_indirect(const ElfImage& image, const ImageMemory& memory,
                          std::vector<Relocation>& relocations) {
  for (const ImageMemory::Segment& segment : memory.segments()) {
    if (segment.writable && !segment.executable) continue;
    const std::uint64_t unaligned = segment.vaddr % 8 == 0 ? 0 : 8 - segment.vaddr % 8;
    for (std::uint64_t at = unaligned; at + kEntrySize <= segment.bytes.size(); at += 8) {
      const Bytes row = segment.bytes.subspan(at, kEntrySize);
      const auto info = load<std::uint64_t>(row, offsetof(Elf64_Rela, r_info));
      if (info > UINT32_MAX ||
          kind_of(image, static_cast<std::uint32_t>(info), 0) != Kind::kIndirect) {
        continue;
      }
      Relocation relocation;
      relocation.kind = Kind::kIndirect;
      relocation.vaddr = load<std::uint64_t>(row, offsetof(Elf64_Rela, r_offset));
      relocation.value = load<std::uint64_t>(row, offsetof(Elf64_Rela, r_addend));
      const ImageMemory::Segment* slot = memory.segment_at(relocation.vaddr);
      if (slot == nullptr || !slot->writable || !memory.is_executable(relocation.value)) continue;
      if (relocations.size() >= kMaxDynamicEntries) return;
      relocations.push_back(relocation);
    }
  }
}

void sort_relocations(std::vector<Relocation>& relocations) {
  const auto before = [](const Relocation& a, const Relocation& b) { return a.vaddr < b.vaddr; };
  // Linkers put the relative ones first and sort them: of a million relocations most are in order.
  const auto middle = std::is_sorted_until(relocations.begin(), relocations.end(), before);
  std::stable_sort(middle, relocations.end(), before);
  std::inplace_merge(relocations.begin(), middle, relocations.end(), before);
}

std::uint64_t symbols_named(const std::vector<Relocation>& relocations) {
  std::uint64_t count = 0;
  for (const Relocation& relocation : relocations) {
    count = std::max<std::uint64_t>(count, std::uint64_t{relocation.symbol} + 1);
  }
  return count;
}

}  // namespace sysnare
