#include "elf/debug_info.h"

#include <dwarf.h>

#include <algorithm>
#include <optional>

#include "elf/demangle.h"
#include "elf/libelf_file.h"

namespace sysnare {
namespace {

/// Units, and address ranges of them, that are looked at: Chromium has about 30,000 and 200,000.
constexpr std::size_t kMaxUnits = 1u << 18;
constexpr std::size_t kMaxUnitRanges = 1u << 20;
/// Inlining and blocks nested deeper than this are not looked into; compilers stay below 50.
constexpr int kMaxScopeDepth = 128;
/// Namespaces that wait to be searched in one unit.
constexpr std::size_t kMaxNamespaces = 1u << 16;
/// Bytes of .debug_info that one address, and one image in all its life, may cost. The largest
/// units of real programs have about 20 MB; 64 MB take libdw some 0.3 s.
constexpr std::uint64_t kMaxBytesPerAddress = 64u << 20;
constexpr std::uint64_t kMaxBytesPerImage = 2048ull << 20;

struct UnitRange {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  Dwarf_Off unit = 0;  ///< of its DIE
};

/// What a range of addresses takes of the budget: about its size in .debug_ranges. A million
/// entries can name one list of a million ranges.
constexpr std::uint64_t kBytesPerRange = 16;

bool holds(Dwarf_Die& die, std::uint64_t vaddr, std::uint64_t& bytes) {
  Dwarf_Addr base = 0;
  Dwarf_Addr start = 0;
  Dwarf_Addr end = 0;
  std::ptrdiff_t at = 0;
  while (bytes < kMaxBytesPerAddress && (at = ::dwarf_ranges(&die, at, &base, &start, &end)) > 0) {
    if (vaddr >= start && vaddr < end) return true;
    bytes += kBytesPerRange;
  }
  return false;
}

std::string name_of(Dwarf_Die& die) {
  Dwarf_Attribute attribute{};
  for (const unsigned kind : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name, DW_AT_name}) {
    if (::dwarf_attr_integrate(&die, kind, &attribute) == nullptr) continue;
    const char* text = ::dwarf_formstring(&attribute);
    if (text != nullptr && *text != '\0') return demangle(text);
  }
  return {};
}

/// Goes over the children of a DIE, and adds up the bytes that it passes.
class Children {
 public:
  Children(Dwarf_Die& parent, std::uint64_t& bytes) : bytes_(bytes) {
    valid_ = ::dwarf_child(&parent, &die_) == 0;
  }
  [[nodiscard]] bool valid() const { return valid_ && bytes_ < kMaxBytesPerAddress; }
  Dwarf_Die& die() { return die_; }
  void next() {
    Dwarf_Die after{};
    valid_ = ::dwarf_siblingof(&die_, &after) == 0;
    if (valid_) {
      const Dwarf_Off from = ::dwarf_dieoffset(&die_);
      const Dwarf_Off to = ::dwarf_dieoffset(&after);
      // A DW_AT_sibling that points backwards would make a circle.
      valid_ = to > from;
      bytes_ += to > from ? to - from : 0;
    }
    die_ = after;
  }

 private:
  std::uint64_t& bytes_;
  bool valid_ = false;
  Dwarf_Die die_{};
};

}  // namespace

struct DebugInfo::State {
  explicit State(const ElfImage& image) : file(image) {}
  void index();
  std::optional<Dwarf_Die> function_in(Dwarf_Die unit, std::uint64_t vaddr, std::uint64_t& bytes);

  LibElfFile file;
  bool indexed = false;
  std::vector<UnitRange> ranges;  ///< by start
  std::uint64_t bytes_walked = 0;
};

DebugInfo::DebugInfo(const ElfImage& image) : state_(std::make_unique<State>(image)) {}
DebugInfo::~DebugInfo() = default;

void DebugInfo::State::index() {
  indexed = true;
  Dwarf* dwarf = file.dwarf();
  if (dwarf == nullptr) return;
  Dwarf_CU* unit = nullptr;
  Dwarf_Die die{};
  std::uint8_t type = 0;
  std::size_t units = 0;
  std::size_t seen = 0;
  while (++units <= kMaxUnits &&
         ::dwarf_get_units(dwarf, unit, &unit, nullptr, &type, &die, nullptr) == 0) {
    if ((type != DW_UT_compile && type != DW_UT_partial) || die.addr == nullptr) continue;
    if (::dwarf_hasattr(&die, DW_AT_dwo_name) == 1 ||
        ::dwarf_hasattr(&die, DW_AT_GNU_dwo_name) == 1) {
      continue;
    }
    Dwarf_Addr base = 0;
    Dwarf_Addr start = 0;
    Dwarf_Addr end = 0;
    std::ptrdiff_t at = 0;
    while ((at = ::dwarf_ranges(&die, at, &base, &start, &end)) > 0) {
      if (++seen > kMaxUnitRanges) break;
      if (start < end) ranges.push_back({start, end, ::dwarf_dieoffset(&die)});
    }
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const UnitRange& a, const UnitRange& b) { return a.start < b.start; });
}

std::optional<Dwarf_Die> DebugInfo::State::function_in(Dwarf_Die unit, std::uint64_t vaddr,
                                                       std::uint64_t& bytes) {
  std::vector<Dwarf_Die> pending{unit};
  while (!pending.empty()) {
    Dwarf_Die parent = pending.back();
    pending.pop_back();
    for (Children child(parent, bytes); child.valid(); child.next()) {
      const int tag = ::dwarf_tag(&child.die());
      if (tag == DW_TAG_subprogram && holds(child.die(), vaddr, bytes)) return child.die();
      // Rust and clang define functions inside of namespaces, at any depth.
      const bool nest = tag == DW_TAG_namespace || tag == DW_TAG_module;
      if (nest && pending.size() < kMaxNamespaces) pending.push_back(child.die());
    }
  }
  return std::nullopt;
}

std::vector<std::string> DebugInfo::functions_at(std::uint64_t vaddr) {
  State& state = *state_;
  if (!state.indexed) state.index();
  std::vector<std::string> names;
  auto after = std::upper_bound(
      state.ranges.begin(), state.ranges.end(), vaddr,
      [](std::uint64_t value, const UnitRange& range) { return value < range.start; });
  if (after == state.ranges.begin() || state.bytes_walked >= kMaxBytesPerImage) return names;
  --after;
  if (vaddr >= after->end) return names;
  Dwarf_Die unit{};
  if (::dwarf_offdie(state.file.dwarf(), after->unit, &unit) == nullptr) return names;

  std::uint64_t bytes = 0;
  std::optional<Dwarf_Die> function = state.function_in(unit, vaddr, bytes);
  if (function) {
    names.push_back(name_of(*function));
    Dwarf_Die scope = *function;
    for (int depth = 0; depth < kMaxScopeDepth; ++depth) {
      bool deeper = false;
      for (Children child(scope, bytes); child.valid() && !deeper; child.next()) {
        const int tag = ::dwarf_tag(&child.die());
        const bool inlined = tag == DW_TAG_inlined_subroutine;
        const bool block =
            tag == DW_TAG_lexical_block || tag == DW_TAG_try_block || tag == DW_TAG_catch_block;
        if ((!inlined && !block) || !holds(child.die(), vaddr, bytes)) continue;
        if (inlined) names.push_back(name_of(child.die()));
        scope = child.die();
        deeper = true;
      }
      if (!deeper) break;
    }
  }
  state.bytes_walked += bytes;
  // What has no name tells nothing; but an outermost function without one makes it all doubtful.
  if (!names.empty() && names.front().empty()) names.clear();
  std::reverse(names.begin(), names.end());
  std::erase(names, std::string());
  return names;
}

}  // namespace sysnare
