#include "elf/go_table.h"

#include <elf.h>

#include <algorithm>
#include <array>

namespace sysnare {
namespace {

// First word of the table: which Go wrote it (src/debug/gosym/pclntab.go).
constexpr std::uint32_t kMagicGo118 = 0xfffffff0;
constexpr std::uint32_t kMagicGo120 = 0xfffffff1;

// pcHeader: 8 bytes of magic, padding, quantum and pointer size, then words.
constexpr std::uint64_t kQuantumAt = 6;
constexpr std::uint64_t kPointerSizeAt = 7;
enum HeaderWord : std::uint64_t {
  kFunctionCount,
  kFileCount,
  kTextStart,
  kNames,
  kUnits,
  kFiles,
  kPcTables,
  kFunctions,
  kHeaderWords,
};

// _func, the same in both layouts but for its length.
constexpr std::uint64_t kEntryOffset = 0;
constexpr std::uint64_t kNameOffset = 4;
constexpr std::uint64_t kPcSp = 16;
constexpr std::uint64_t kPcDataCount = 28;
constexpr std::uint8_t kFlagTop = 1;            // abi.FuncFlagTopFrame
constexpr std::uint8_t kFlagSpWrite = 2;        // abi.FuncFlagSPWrite
constexpr std::uint64_t kInlineIndexTable = 2;  // PCDATA_InlTreeIndex
constexpr std::uint64_t kInlineTreeData = 3;    // FUNCDATA_InlTree

// moduledata, in words: the pointer to the pcHeader comes first.
constexpr std::uint64_t kModuleFunctionTableLength = 17;  // ftab's length, functions + 1
constexpr std::uint64_t kModuleText = 22;
constexpr std::uint64_t kModuleGoFuncGo118 = 38;
constexpr std::uint64_t kModuleGoFuncGo120 = 40;  // covctrs and ecovctrs came in before it

/// Writable data that is searched for moduledata at most; it stands near the front (.noptrdata).
constexpr std::uint64_t kMaxDataSearched = 64u << 20;
/// Read-only data kept for inline trees; those of kubelet are about 5 MB.
constexpr std::uint64_t kMaxTreeBytes = 128u << 20;
/// Inlining deeper than this is damage: the compiler's budget ends it far sooner.
constexpr int kMaxInlineDepth = 64;
/// Rows of one pc table that are gone through; the longest in Go's own tools has a few thousand.
constexpr int kMaxPcSteps = 1 << 20;
constexpr std::size_t kMaxGoName = 4096;

/// A LEB128 number of up to 32 bits; empty at the end of `bytes`.
std::optional<std::uint32_t> varint(std::string_view bytes, std::size_t& at) {
  std::uint32_t value = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    if (at >= bytes.size()) return std::nullopt;
    const auto byte = static_cast<unsigned char>(bytes[at++]);
    if (shift < 32) value |= static_cast<std::uint32_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

}  // namespace

std::uint64_t GoTable::word(std::uint64_t at, unsigned width) const {
  if (at > bytes_.size() || width > bytes_.size() - at) return 0;
  std::uint64_t value = 0;
  for (unsigned i = 0; i < width; ++i) {
    const auto byte = static_cast<unsigned char>(bytes_[at + i]);
    value |= static_cast<std::uint64_t>(byte) << 8 * (big_endian_ ? width - 1 - i : i);
  }
  return value;
}

std::string_view GoTable::name_at(std::uint64_t offset) const {
  const std::uint64_t at = names_ + offset;
  if (at >= bytes_.size()) return {};
  const std::string_view rest = std::string_view(bytes_).substr(at, kMaxGoName);
  return rest.substr(0, rest.find('\0'));
}

std::optional<GoTable> GoTable::load(const ElfImage& image, const ReadMemory& memory,
                                     std::uint64_t bias) {
  const ElfImage::Section* section = image.section(".gopclntab");
  if (section == nullptr) section = image.section(".data.rel.ro.gopclntab");
  if (section == nullptr || section->type == SHT_NOBITS) return std::nullopt;
  Result<std::string> bytes =
      image.read(section->offset, section->size, ".gopclntab", kMaxGoTableBytes);
  if (!bytes) return std::nullopt;
  GoTable table;
  table.bytes_ = std::move(*bytes);
  table.big_endian_ = image.is_big_endian();
  const std::uint64_t magic = table.word(0, 4);
  if (magic != kMagicGo118 && magic != kMagicGo120) return std::nullopt;
  const bool go120 = magic == kMagicGo120;
  table.quantum_ = static_cast<std::uint32_t>(table.word(kQuantumAt, 1));
  table.pointer_ = static_cast<unsigned>(table.word(kPointerSizeAt, 1));
  if (table.pointer_ != (image.is_64() ? 8u : 4u) || table.quantum_ == 0) return std::nullopt;
  table.function_size_ = go120 ? 44 : 40;
  table.inlined_size_ = go120 ? 16 : 20;
  table.inlined_name_ = go120 ? 4 : 12;
  const auto header = [&](HeaderWord index) {
    return table.word(8 + index * table.pointer_, table.pointer_);
  };
  table.count_ = header(kFunctionCount);
  table.names_ = header(kNames);
  table.pc_tables_ = header(kPcTables);
  table.functions_ = header(kFunctions);
  for (const std::uint64_t at : {table.names_, table.pc_tables_, table.functions_}) {
    if (at >= table.bytes_.size()) return std::nullopt;
  }
  // Two 32-bit numbers a function, and one behind the last.
  if (table.count_ == 0 || table.count_ > (table.bytes_.size() - table.functions_) / 8) {
    return std::nullopt;
  }
  // Relocated in memory, and in the file of a position-independent program often still 0.
  table.text_ = header(kTextStart);
  if (memory) {
    const std::string live =
        memory(section->vaddr + 8 + kTextStart * table.pointer_, table.pointer_);
    if (live.size() == table.pointer_) {
      const std::uint64_t start = image.integer(live, 0, table.pointer_);
      if (start != 0) table.text_ = start - bias;
    }
  }
  if (table.text_ == 0) {
    const ElfImage::Section* text = image.section(".text");
    if (text == nullptr) return std::nullopt;
    table.text_ = text->vaddr;
  }
  table.find_inline_trees(image, memory, bias, section->vaddr);
  return table;
}

void GoTable::find_inline_trees(const ElfImage& image, const ReadMemory& memory, std::uint64_t bias,
                                std::uint64_t table_vaddr) {
  const std::uint64_t go_func_word = function_size_ == 44 ? kModuleGoFuncGo120 : kModuleGoFuncGo118;
  const std::uint64_t wanted = table_vaddr + bias;
  std::uint64_t searched = 0;
  for (const ElfImage::Segment& segment : image.segments()) {
    if (segment.type != PT_LOAD || (segment.flags & PF_W) == 0 || !memory) continue;
    const std::uint64_t length = std::min(segment.file_size, kMaxDataSearched - searched);
    searched += length;
    const std::string data = memory(segment.vaddr, length);
    for (std::size_t at = 0; at + (go_func_word + 1) * pointer_ <= data.size(); at += pointer_) {
      const auto field = [&](std::uint64_t index) {
        return image.integer(data, at + index * pointer_, pointer_);
      };
      if (field(0) != wanted || field(kModuleFunctionTableLength) != count_ + 1) continue;
      text_ = field(kModuleText) - bias;
      const std::uint64_t go_func = field(go_func_word) - bias;
      const std::optional<std::uint64_t> offset = image.offset_of_vaddr(go_func);
      if (!offset) return;
      // Up to the table itself, or to the end of the file.
      std::uint64_t end = image.size();
      if (table_vaddr > go_func) end = std::min(end, *offset + (table_vaddr - go_func));
      Result<std::string> trees = image.read(*offset, std::min(end - *offset, kMaxTreeBytes),
                                             "inline trees", kMaxTreeBytes);
      if (trees) trees_ = std::move(*trees);
      return;
    }
  }
}

std::optional<GoTable::Function> GoTable::find(std::uint64_t vaddr) const {
  if (vaddr < text_ || vaddr - text_ > UINT32_MAX) return std::nullopt;
  const std::uint64_t offset = vaddr - text_;
  // The last row that starts at or before `offset`; the row behind the last function ends the text.
  std::uint64_t low = 0;
  std::uint64_t high = count_;
  if (offset < word(functions_, 4) || offset >= word(functions_ + 8 * count_, 4))
    return std::nullopt;
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    (word(functions_ + 8 * middle, 4) <= offset ? low : high) = middle;
  }
  Function function;
  function.at = static_cast<std::uint32_t>(word(functions_ + 8 * low + 4, 4));
  const std::uint64_t row = functions_ + function.at;
  if (row + function_size_ > bytes_.size()) return std::nullopt;
  function.vaddr = text_ + word(row + kEntryOffset, 4);
  function.name = name_at(word(row + kNameOffset, 4));
  const auto flags = static_cast<unsigned>(word(row + function_size_ - 3, 1));
  function.top = (flags & kFlagTop) != 0;
  function.writes_sp = (flags & kFlagSpWrite) != 0;
  if (function.name.empty() || function.vaddr > vaddr) return std::nullopt;
  return function;
}

std::optional<std::uint64_t> GoTable::address_of(std::string_view name) const {
  for (std::uint64_t i = 0; i < count_; ++i) {
    const std::uint64_t row = functions_ + word(functions_ + 8 * i + 4, 4);
    if (row + function_size_ > bytes_.size()) continue;
    if (name_at(word(row + kNameOffset, 4)) == name) return text_ + word(row + kEntryOffset, 4);
  }
  return std::nullopt;
}

std::optional<std::int32_t> GoTable::value_at(const Function& function, std::uint64_t table,
                                              std::uint64_t vaddr) const {
  if (table == 0 || pc_tables_ + table >= bytes_.size()) return std::nullopt;
  const std::string_view bytes = std::string_view(bytes_).substr(pc_tables_ + table);
  std::size_t at = 0;
  std::uint64_t pc = function.vaddr;
  std::uint32_t value = UINT32_MAX;  // -1
  bool first = true;
  for (int step = 0; step < kMaxPcSteps; ++step, first = false) {
    const std::optional<std::uint32_t> delta = varint(bytes, at);
    if (!delta || (*delta == 0 && !first)) return std::nullopt;
    const std::optional<std::uint32_t> advance = varint(bytes, at);
    if (!advance) return std::nullopt;
    value += (*delta >> 1) ^ (0u - (*delta & 1));  // zigzag
    pc += static_cast<std::uint64_t>(*advance) * quantum_;
    if (vaddr < pc) return static_cast<std::int32_t>(value);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> GoTable::frame_size(const Function& function,
                                                 std::uint64_t vaddr) const {
  const std::uint64_t row = functions_ + function.at;
  const std::optional<std::int32_t> size = value_at(function, word(row + kPcSp, 4), vaddr);
  if (!size || *size < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*size);
}

std::vector<std::string> GoTable::names(const Function& function, std::uint64_t vaddr,
                                        std::size_t most) const {
  std::vector<std::string> names;
  const std::uint64_t row = functions_ + function.at;
  const std::uint64_t tables = word(row + kPcDataCount, 4);
  const std::uint64_t data_count = word(row + function_size_ - 1, 1);
  if (tables > kInlineIndexTable && tables < bytes_.size() / 4 && data_count > kInlineTreeData) {
    const std::uint64_t index_table = word(row + function_size_ + 4 * kInlineIndexTable, 4);
    const std::uint64_t tree = word(row + function_size_ + 4 * (tables + kInlineTreeData), 4);
    std::uint64_t pc = vaddr;
    for (int depth = 0; depth < kMaxInlineDepth && names.size() < most; ++depth) {
      const std::optional<std::int32_t> index = value_at(function, index_table, pc);
      if (!index || *index < 0) break;
      const std::uint64_t at = tree + static_cast<std::uint64_t>(*index) * inlined_size_;
      if (at + inlined_size_ > trees_.size()) break;  // tree is ~0 where there is none
      const auto field = [&](std::uint64_t offset) {
        std::uint64_t value = 0;
        for (unsigned i = 0; i < 4; ++i) {
          const auto byte = static_cast<unsigned char>(trees_[at + offset + i]);
          value |= static_cast<std::uint64_t>(byte) << 8 * (big_endian_ ? 3 - i : i);
        }
        return value;
      };
      const std::string_view name = name_at(field(inlined_name_));
      if (name.empty()) break;
      names.emplace_back(name.substr(0, 1024));
      // The place of the call, in the function that this one was inlined into.
      const std::uint64_t parent = function.vaddr + field(inlined_name_ + 4);
      if (parent == pc) break;
      pc = parent;
    }
  }
  if (names.size() < most) names.emplace_back(function.name.substr(0, 1024));
  return names;
}

}  // namespace sysnare
