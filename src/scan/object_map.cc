#include "scan/object_map.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace sysnare {
namespace {

constexpr unsigned kWord = 8;
constexpr int kStubInstructions = 5;
constexpr std::uint64_t kFunctionAlignment = 16;  ///< of gcc and clang at -O2
/// C11 7.22.4, POSIX, Linux Standard Base 5.0 (__stack_chk_fail, __assert_fail ...), Itanium C++
/// ABI 2.
constexpr std::array<std::string_view, 31> kNeverReturn = {
    "_Exit",
    "_Unwind_Resume",
    "_ZSt10unexpectedv",
    "_ZSt16__throw_bad_castv",
    "_ZSt17__throw_bad_allocv",
    "_ZSt19__throw_logic_errorPKc",
    "_ZSt20__throw_length_errorPKc",
    "_ZSt20__throw_out_of_rangePKc",
    "_ZSt20__throw_system_errori",
    "_ZSt21__throw_runtime_errorPKc",
    "_ZSt24__throw_invalid_argumentPKc",
    "_ZSt24__throw_out_of_range_fmtPKcz",
    "_ZSt25__throw_bad_function_callv",
    "_ZSt28__throw_bad_array_new_lengthv",
    "_ZSt9terminatev",
    "__assert",
    "__assert_fail",
    "__assert_perror_fail",
    "__chk_fail",
    "__cxa_bad_cast",
    "__cxa_rethrow",
    "__cxa_throw",
    "__fortify_fail",
    "__libc_fatal",
    "__longjmp_chk",
    "__stack_chk_fail",
    "_exit",
    "abort",
    "exit",
    "longjmp",
    "siglongjmp",
};

/// Libraries that have those functions, and others that come with them and have none of their own
/// by these names.
bool is_runtime(std::string_view soname) {
  constexpr std::array<std::string_view, 13> kNames = {
      "libc.so",      "libc.musl-",  "ld-linux",    "ld-musl-",   "libpthread.so.0",
      "libstdc++.so", "libgcc_s.so", "libm.so.6",   "libdl.so.2", "librt.so.1",
      "libc++.so",    "libc++abi.",  "libresolv.so"};
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](std::string_view name) { return soname.starts_with(name); });
}

/// Sections whose words no program follows as pointers.
bool is_metadata(const ElfImage::Section& section) {
  constexpr std::array<std::string_view, 5> kNames = {".eh_frame", ".eh_frame_hdr",
                                                      ".gcc_except_table", ".gopclntab", ".interp"};
  return std::find(kNames.begin(), kNames.end(), section.name) != kNames.end() ||
         section.type == SHT_DYNSYM || section.type == SHT_STRTAB || section.type == SHT_RELA ||
         section.type == SHT_HASH || section.type == SHT_GNU_HASH ||
         section.type == SHT_GNU_versym || section.type == SHT_GNU_verneed ||
         section.type == SHT_GNU_verdef;
}

}  // namespace

bool name_never_returns(std::string_view name) {
  // Go 1.19, src/runtime/panic.go: all but the checks whether a panic is allowed now.
  if (name.starts_with("runtime.panic")) return !name.starts_with("runtime.panicCheck");
  if (name == "runtime.gopanic" || name == "runtime.throw" || name == "runtime.fatalthrow" ||
      name == "runtime.fatalpanic" || name == "runtime.fatal") {
    return true;
  }
  return std::binary_search(kNeverReturn.begin(), kNeverReturn.end(), name);
}

bool name_returns_twice(std::string_view name) {
  // C11 7.13, POSIX; gcc's list is that of special_function_p(), gcc/calls.cc of gcc 12.
  constexpr std::array<std::string_view, 9> kNames = {"setjmp",    "_setjmp",     "__setjmp",
                                                      "sigsetjmp", "__sigsetjmp", "vfork",
                                                      "__vfork",   "savectx",     "getcontext"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

ObjectMap::ObjectMap(const ElfImage& image, const ImageMemory& memory, const Dynamic& dynamic,
                     const FunctionTable& table, const Decoder& decoder)
    : image_(image),
      memory_(memory),
      dynamic_(dynamic),
      table_(table),
      decoder_(decoder),
      callees_(table.functions.size()) {
  if (!memory.segments().empty()) {
    lowest_ = memory.segments().front().vaddr;
    for (const ImageMemory::Segment& segment : memory.segments()) {
      highest_ = std::max(highest_, segment.memory_end);
    }
  }
  find_data_among_code();
  starts_.reserve(table.functions.size());
  for (const FunctionRange& function : table.functions) starts_.push_back(function.start);
  labels_.resize(table.functions.size());
  never_return_.assign(table.functions.size(), 0);
  returns_twice_.assign(table.functions.size(), 0);
  for (std::size_t i = 0; i < table.functions.size(); ++i) {
    never_return_[i] = is_named_for_good(table.functions[i].name);
    returns_twice_[i] = name_returns_twice(table.functions[i].name);
  }
  for (const Relocation& relocation : dynamic.relocations) {
    if (relocation.kind == Relocation::Kind::kRelative) note_label(relocation.value);
  }
  // Go has no labels in data.
  if (!table.is_go || table.has_more_than_go()) {
    const auto note = [&](std::uint64_t, std::uint64_t value) {
      if (!table.is_go || !table.is_go_code(value)) note_label(value);
    };
    each_word_address(note);
    each_unaligned_address(note);
  }
  for (std::vector<std::uint64_t>& labels : labels_) {
    std::sort(labels.begin(), labels.end());
    labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
  }
}

void ObjectMap::find_data_among_code() {
  for (const ElfImage::Section& section : image_.sections()) {
    if (!(section.flags & SHF_ALLOC) || section.size == 0) continue;
    has_sections_ = true;
    const bool no_place = (section.flags & SHF_TLS) && section.type == SHT_NOBITS;
    if ((section.flags & SHF_EXECINSTR) || no_place || !memory_.is_executable(section.vaddr))
      continue;
    data_among_code_.push_back(&section);
  }
  std::stable_sort(data_among_code_.begin(), data_among_code_.end(),
                   [](const auto* a, const auto* b) { return a->vaddr < b->vaddr; });
}

bool ObjectMap::is_among_code(std::uint64_t vaddr) const {
  const auto after = std::upper_bound(
      data_among_code_.begin(), data_among_code_.end(), vaddr,
      [](std::uint64_t of, const ElfImage::Section* section) { return of < section->vaddr; });
  return after != data_among_code_.begin() &&
         vaddr - (*std::prev(after))->vaddr < (*std::prev(after))->size;
}

std::span<const std::uint8_t> ObjectMap::code(std::uint64_t vaddr) const {
  return is_code(vaddr) ? memory_.from(vaddr) : std::span<const std::uint8_t>();
}

bool ObjectMap::is_code(std::uint64_t vaddr) const {
  return memory_.is_executable(vaddr) && !is_among_code(vaddr);
}

const Relocation* ObjectMap::relocation_at(std::uint64_t vaddr) const {
  const auto at = std::lower_bound(
      dynamic_.relocations.begin(), dynamic_.relocations.end(), vaddr,
      [](const Relocation& relocation, std::uint64_t to) { return relocation.vaddr < to; });
  return at != dynamic_.relocations.end() && at->vaddr == vaddr ? &*at : nullptr;
}

bool ObjectMap::is_read_only(std::uint64_t vaddr) const {
  const ImageMemory::Segment* segment = memory_.segment_at(vaddr);
  if (segment == nullptr) return false;
  if (!segment->writable) return true;
  for (const ElfImage::Segment& each : image_.segments()) {
    if (each.type == PT_GNU_RELRO && vaddr >= each.vaddr && vaddr - each.vaddr < each.memory_size) {
      return true;
    }
  }
  return false;
}

bool ObjectMap::is_constant(std::uint64_t vaddr) const {
  if (is_read_only(vaddr)) return true;
  const auto holds = [&](const ElfImage::Section& section) {
    return (section.flags & SHF_ALLOC) != 0 && vaddr - section.vaddr < section.size;
  };
  const auto section = std::find_if(image_.sections().begin(), image_.sections().end(), holds);
  return section == image_.sections().end() || section->name.starts_with(".data.rel.ro");
}

FlowValue ObjectMap::load(std::uint64_t vaddr, unsigned width) const {
  if (width == kWord) {
    if (const Relocation* relocation = relocation_at(vaddr)) {
      switch (relocation->kind) {
        case Relocation::Kind::kIndirect:
          // A slot of the dynamic linker's; what it holds is among what the resolver refers to.
          return FlowValue::address(relocation->value);
        case Relocation::Kind::kRelative:
          if (is_read_only(vaddr)) return FlowValue::address(relocation->value);
          break;
        case Relocation::Kind::kSymbol:
          // Nobody writes to slots of the GOT but the dynamic linker, whose they are. A variable
          // may begin as an import and become something else.
          if (relocation->value == 0 && (relocation->slot || is_read_only(vaddr))) {
            FlowValue value;
            value.kind = FlowValue::Kind::kImport;
            value.number = relocation->symbol;
            return value;
          }
          break;
        default:
          return FlowValue::any();
      }
    }
  }
  const ImageMemory::Segment* segment = memory_.segment_at(vaddr);
  if (segment == nullptr || width < 4) return FlowValue::any();
  if (!segment->writable) {
    const std::optional<std::uint64_t> word = memory_.word(vaddr, width);
    return word ? FlowValue::constant(*word) : FlowValue::any();
  }
  FlowValue value;
  value.kind = FlowValue::Kind::kCell;
  value.width = static_cast<std::uint8_t>(width);
  value.number = vaddr;
  return value;
}

bool ObjectMap::constant_word(std::uint64_t vaddr, unsigned width, std::uint64_t& word) const {
  const ImageMemory::Segment* segment = memory_.segment_at(vaddr);
  if (segment == nullptr) return false;
  // Of what can be written and executed (ld -N) nothing tells which words are constant.
  if (!is_read_only(vaddr) && !segment->executable) return false;
  if (width == kWord) {
    if (const Relocation* relocation = relocation_at(vaddr)) {
      word = relocation->value;
      return relocation->kind == Relocation::Kind::kRelative;
    }
  }
  const std::optional<std::uint64_t> read = memory_.word(vaddr, width);
  if (read) word = *read;
  return read.has_value();
}

std::uint64_t ObjectMap::other_part_at(std::uint64_t start, std::uint64_t vaddr) const {
  constexpr std::string_view kCold = ".cold";
  const std::uint32_t number = function_at(vaddr);
  if (number == kNone) return 0;  // most are: texts that were taken for tables
  const std::uint32_t own = function_at(start);
  if (own == kNone) return 0;
  const FunctionRange& function = table_.functions[number];
  if (function.framed != table_.functions[own].framed) return 0;
  const auto is_cold = [&](std::uint32_t of) {
    if (!table_.functions[of].name.empty())
      return table_.functions[of].name.find(kCold) != std::string::npos;
    // Where nothing tells functions apart, it may be several, of which some are cold parts.
    if (!table_.functions[of].framed) return true;
    // Without names: gcc aligns functions, but nothing in .text.unlikely, where cold parts lie one
    // behind the other.
    for (std::uint32_t each = of - (of > 0); each <= of + 1 && each < table_.functions.size();
         ++each) {
      if (table_.functions[each].start % kFunctionAlignment != 0) return true;
    }
    return false;
  };
  return is_cold(number) || is_cold(own) ? function.start : 0;
}

bool ObjectMap::may_belong_to(std::uint64_t start, std::uint64_t vaddr,
                              std::uint64_t& begin) const {
  if (!is_code(vaddr)) return false;
  const std::uint32_t number = function_at(vaddr);
  const std::uint32_t own = function_at(start);
  if (number == kNone || own == kNone) return true;
  const FunctionRange& function = table_.functions[number];
  if (function.framed) begin = function.start;
  return function.framed == table_.functions[own].framed;
}

std::uint64_t ObjectMap::data_end(std::uint64_t vaddr) const {
  const auto at = std::lower_bound(
      table_.data.begin(), table_.data.end(), vaddr,
      [](const DataSymbol& symbol, std::uint64_t of) { return symbol.vaddr < of; });
  if (at != table_.data.end() && at->vaddr == vaddr && at->size > 0) return vaddr + at->size;
  for (const ElfImage::Section& section : image_.sections()) {
    if ((section.flags & SHF_ALLOC) && vaddr - section.vaddr < section.size)
      return section.vaddr + section.size;
  }
  return UINT64_MAX;
}

/// Whether the function of this object that has this name is the one that the standard has it for.
/// In a program of its own kind any function may be called abort.
bool ObjectMap::is_named_for_good(std::string_view name) const {
  const bool known = table_.is_go ? name.starts_with("runtime.") : is_runtime(dynamic_.soname);
  return known && name_never_returns(name);
}

bool ObjectMap::import_never_returns(std::uint64_t import) const {
  if (import >= dynamic_.symbols.size()) return false;
  const DynamicSymbol& symbol = dynamic_.symbols[import];
  if (!name_never_returns(symbol.name)) return false;
  // What it has itself may be a function of its own of that name, or another's.
  if (symbol.defined) return is_runtime(dynamic_.soname);
  // musl has no versions: then it is the C library's where no other object is asked for.
  if (symbol.version.empty()) {
    return !dynamic_.needed.empty() &&
           std::all_of(dynamic_.needed.begin(), dynamic_.needed.end(), is_runtime);
  }
  constexpr std::array<std::string_view, 4> kVersions = {"GLIBC_", "GLIBCXX_", "CXXABI_", "GCC_"};
  return std::any_of(kVersions.begin(), kVersions.end(),
                     [&](std::string_view version) { return symbol.version.starts_with(version); });
}

bool ObjectMap::never_returns(std::uint64_t vaddr) const {
  const std::optional<Target> target = callee(vaddr);
  if (!target) return false;
  if (target->kind == Target::Kind::kImport) return import_never_returns(target->index);
  return target->kind == Target::Kind::kFunction &&
         table_.functions[target->index].start == vaddr && never_return_[target->index] != 0;
}

bool ObjectMap::returns_twice(const Insn& insn) const {
  std::optional<Target> target;
  if (insn.op == InsnOp::kCall) {
    target = callee(insn.target);
  } else if (insn.has_memory && insn.absolute) {
    const FlowValue slot = load(static_cast<std::uint64_t>(insn.disp), kWord);
    if (slot.is(FlowValue::Kind::kImport)) {
      target = Target{Target::Kind::kImport, false, 0, static_cast<std::uint32_t>(slot.number)};
    }
  }
  if (!target) return false;
  if (target->kind == Target::Kind::kImport) {
    return name_returns_twice(dynamic_.symbols[target->index].name);
  }
  return target->kind == Target::Kind::kFunction && returns_twice_[target->index] != 0;
}

std::uint32_t ObjectMap::function_at(std::uint64_t vaddr) const {
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), vaddr);
  if (after == starts_.begin()) return kNone;
  const auto index = static_cast<std::uint32_t>(after - starts_.begin() - 1);
  return vaddr < table_.functions[index].end ? index : kNone;
}

std::optional<Target> ObjectMap::callee(std::uint64_t vaddr) const {
  std::optional<Target> found;
  if (callees_.find(vaddr, found)) return found;
  found = find_callee(vaddr);
  callees_.put(vaddr, found);
  return found;
}

std::optional<Target> ObjectMap::find_callee(std::uint64_t vaddr) const {
  if (!is_code(vaddr)) return std::nullopt;
  // A stub is [endbr64] jmp *slot; of aarch64 [bti] adrp x16, ldr x17, [x16, slot], add, br x17.
  std::uint64_t place = vaddr;
  std::optional<std::uint64_t> slot;
  int page_reg = kNoRegister;
  std::uint64_t page = 0;
  for (int i = 0; i < kStubInstructions; ++i) {
    const Insn insn = decoder_.decode(code(place), place);
    if (insn.op == InsnOp::kPage && page_reg == kNoRegister) {
      page_reg = insn.dst;
      page = static_cast<std::uint64_t>(insn.imm);
      place = insn.next();
      continue;
    }
    if (page_reg != kNoRegister && insn.op == InsnOp::kLoad && insn.base == page_reg &&
        insn.index == kNoRegister && insn.width == kWord && insn.advance == 0) {
      slot = page + static_cast<std::uint64_t>(insn.disp);
      place = insn.next();
      continue;
    }
    if (slot && insn.op == InsnOp::kAdd && insn.dst == page_reg) {
      place = insn.next();
      continue;
    }
    if (insn.op == InsnOp::kJumpIndirect && insn.has_memory && insn.absolute)
      slot = static_cast<std::uint64_t>(insn.disp);
    if (insn.op == InsnOp::kJumpIndirect && slot) {
      const FlowValue value = load(*slot, kWord);
      if (value.is(FlowValue::Kind::kImport)) {
        return Target{Target::Kind::kImport, false, 0, static_cast<std::uint32_t>(value.number)};
      }
      if (value.is(FlowValue::Kind::kAddress) && value.number != vaddr) {
        const std::uint32_t function = function_at(value.number);
        if (function == kNone) return std::nullopt;
        return Target{Target::Kind::kFunction, false, 0, function};
      }
    }
    if (insn.op != InsnOp::kOther || insn.writes != 0 || insn.length == 0 || i > 0) break;
    place = insn.next();
  }
  const std::uint32_t function = function_at(vaddr);
  if (function == kNone) return std::nullopt;
  return Target{Target::Kind::kFunction, false, 0, function};
}

std::optional<Target> ObjectMap::taken_code(std::uint64_t vaddr) const {
  std::optional<Target> target = callee(vaddr);
  if (target) target->taken = true;
  return target;
}

bool ObjectMap::is_data(std::uint64_t vaddr) const {
  const ImageMemory::Segment* segment = memory_.segment_at(vaddr);
  return segment != nullptr && (!segment->executable || !has_sections_ || is_among_code(vaddr));
}

bool ObjectMap::may_be_address(std::uint64_t number) const {
  return !dynamic_.position_independent && number >= lowest_ && number < highest_;
}

bool ObjectMap::has_pointers(const ElfImage::Section& section) {
  // .tbss has no place in memory: its address is that of what comes next.
  const bool no_place = (section.flags & SHF_TLS) && section.type == SHT_NOBITS;
  return (section.flags & SHF_ALLOC) && !(section.flags & SHF_EXECINSTR) && !no_place &&
         section.size != 0 && !is_metadata(section) && section.vaddr + section.size > section.vaddr;
}

/// A label inside of a function whose address stands in data.
void ObjectMap::note_label(std::uint64_t value) {
  if (!is_code(value)) return;
  const std::optional<Target> target = callee(value);
  if (!target || target->kind != Target::Kind::kFunction) return;
  const FunctionRange& function = table_.functions[target->index];
  if (value > function.start && value < function.end) labels_[target->index].push_back(value);
}

void ObjectMap::each_data_range(
    const std::function<void(std::uint64_t begin, std::uint64_t end)>& visit) const {
  bool sections = false;
  for (const ElfImage::Section& section : image_.sections()) {
    if (!has_pointers(section)) continue;
    sections = true;
    visit(section.vaddr, section.vaddr + section.size);
  }
  if (sections) return;
  for (const ImageMemory::Segment& segment : memory_.segments()) {
    visit(segment.vaddr, segment.memory_end);
  }
}

void ObjectMap::each_word_address(
    const std::function<void(std::uint64_t vaddr, std::uint64_t value)>& visit) const {
  if (dynamic_.position_independent) return;
  each_data_range([&](std::uint64_t begin, std::uint64_t end) {
    const std::span<const std::uint8_t> bytes = memory_.from(begin);
    for (std::uint64_t at = (begin + kWord - 1) / kWord * kWord;
         at + kWord <= end && at - begin + kWord <= bytes.size(); at += kWord) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + (at - begin), sizeof word);
      if (word >= lowest_ && word < highest_) visit(at, word);
    }
  });
}

void ObjectMap::each_unaligned_address(
    const std::function<void(std::uint64_t vaddr, std::uint64_t value)>& visit) const {
  if (dynamic_.position_independent) return;
  if (table_.is_go && !table_.has_more_than_go()) return;
  each_data_range([&](std::uint64_t begin, std::uint64_t end) {
    const std::span<const std::uint8_t> bytes = memory_.from(begin);
    for (std::uint64_t at = begin; at + kWord <= end && at - begin + kWord <= bytes.size(); ++at) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + (at - begin), sizeof word);
      if (word < lowest_ || word >= highest_ || at % kWord == 0) continue;
      if (table_.is_go && table_.is_go_code(word)) continue;
      const std::uint32_t function = function_at(word);
      // Where nothing tells functions apart, any may begin there. Go packs nothing, and much of
      // what it keeps are small numbers: C beside it is asked for functions alone.
      const bool begins = function != kNone && table_.functions[function].start == word;
      const bool may_be =
          is_data(word) || (function != kNone && !table_.functions[function].framed);
      if (begins || (may_be && !table_.is_go)) {
        visit(at, word);
      }
    }
  });
}

}  // namespace sysnare
