// How an object becomes a summary:
//
// 1. Its functions are known from tables (elf/functions.h), its data is cut into chunks, each with
// what
//    its relocated words point to (scan/object_map.h).
// 2. Each function is followed (scan/flow.h): whom it calls, what it refers to, which values its
// system
//    calls have. A function that is entered in its middle (from its cold part, through a label in
//    data, by the unwinder) is followed with nothing known there; who finds such a place later
//    follows it again.
// 3. What was found is laid flat. Values that no one can ask for are left out: those passed to
// functions
//    of this object whose numbers do not depend on them.

#include "scan/analyse.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "elf/dynamic.h"
#include "elf/functions.h"
#include "elf/identity.h"
#include "elf/memory.h"
#include "scan/data_map.h"
#include "scan/flow.h"
#include "scan/function_facts.h"
#include "scan/object_map.h"
#include "scan/summary_builder.h"

namespace sysnare {
namespace {

constexpr std::size_t kMaxText = 4096;  // PATH_MAX
/// Go's runtime repeats on every thread the call that syscall.runtime_doAllThreadsSyscall has made
/// on its own, with arguments from a variable (Go 1.19, src/runtime/os_linux.go): no number is new
/// there.
constexpr std::string_view kGoRepeats = "runtime.runPerThreadSyscall";
/// Rounds in which functions are followed again for places that were found late.
constexpr int kMaxRounds = 8;
/// A pointer to an object is used for what lies this far behind it at most, as far as a word of
/// static data that code names by its own address is concerned.
constexpr std::uint64_t kReach = 64;
/// The smallest object that is used through a pointer: a lock of stdio.
constexpr std::uint64_t kLeast = 16;
constexpr std::uint64_t kWordBytes = 8;

/// Functions of the C library whose arguments say what is loaded, executed or called: sorted.
constexpr std::array<std::string_view, 22> kTelling = {
    "__libc_dlopen_mode",
    "__libc_start_main",
    "dlmopen",
    "dlopen",
    "execl",
    "execle",
    "execlp",
    "execv",
    "execve",
    "execveat",
    "execvp",
    "execvpe",
    "fcntl",
    "fexecve",
    "ioctl",
    "popen",
    "posix_spawn",
    "posix_spawnp",
    "prctl",
    "socket",
    "syscall",
    "system",
};

bool is_telling(std::string_view name) {
  return std::binary_search(kTelling.begin(), kTelling.end(), name) ||
         name.find("syscall") != std::string_view::npos;
}

/// Whether a text that code refers to may say what is loaded or executed.
bool matters(std::string_view text) {
  return !text.empty() &&
         (text.front() == '/' || text.find(".so") != std::string_view::npos ||
          text.starts_with("libnss_") || text.find("gconv") != std::string_view::npos);
}

bool depends_on_caller(const std::vector<Value>& values) {
  return std::any_of(values.begin(), values.end(), [](const Value& value) {
    return value.kind == Value::Kind::kPassed || value.kind == Value::Kind::kPointee;
  });
}

class Analyser {
 public:
  Analyser(const ElfImage& image, const ImageMemory& memory, const Dynamic& dynamic,
           const FunctionTable& table)
      : image_(image),
        memory_(memory),
        dynamic_(dynamic),
        table_(table),
        map_(image, memory, dynamic, table, decoder_),
        flow_(map_, decoder_) {}

  Result<Summary> run() {
    follow_all();
    find_ends();
    follow_values();
    map_data();
    collect_cells();
    return lay_flat();
  }

 private:
  void follow_all() {
    const std::size_t count = table_.functions.size();
    facts_.resize(count);
    entries_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::span<const std::uint64_t> labels = map_.labels()[i];
      entries_[i].insert(labels.begin(), labels.end());
      for (std::uint64_t pad : table_.functions[i].landing_pads) {
        const std::uint32_t function = map_.function_at(pad);
        if (function != kNone) entries_[function].insert(pad);
      }
    }
    std::vector<std::uint32_t> todo(count);
    for (std::size_t i = 0; i < count; ++i) todo[i] = static_cast<std::uint32_t>(i);
    std::vector<std::uint8_t> followed(count, 0);
    for (int round = 0; round < kMaxRounds && !todo.empty(); ++round) {
      std::set<std::uint32_t> again;
      for (std::uint32_t i : todo) {
        follow(i, false);
        followed[i] = 1;
        for (std::uint64_t place : facts_[i].outside) {
          const std::uint32_t other = map_.function_at(place);
          if (other == kNone || table_.functions[other].start == place) continue;
          if (entries_[other].insert(place).second && followed[other]) again.insert(other);
        }
      }
      todo.assign(again.begin(), again.end());
    }
  }

  /// A call of a function that never returns ends a path. Functions that do nothing else in the end
  /// never return either, so their callers are followed again, a few times: where this stops short,
  /// paths go on that do not exist.
  void find_ends() {
    const std::size_t count = facts_.size();
    std::vector<std::uint8_t> ends(count, 0);
    for (int round = 0; round < kMaxRounds; ++round) {
      std::vector<std::uint8_t> is_new(count, 0);
      bool any = false;
      for (std::uint32_t i = 0; i < count; ++i) {
        if (ends[i] || facts_[i].returns) continue;
        ends[i] = is_new[i] = 1;
        any = true;
        map_.set_never_returns(i);
      }
      if (!any) return;
      for (std::uint32_t i = 0; i < count; ++i) {
        const auto calls_one = [&](const CallFact& call) {
          return call.target.kind == Target::Kind::kFunction && call.target.index != kNone &&
                 is_new[call.target.index];
        };
        if (std::any_of(facts_[i].calls.begin(), facts_[i].calls.end(), calls_one)) {
          follow(i, false);
        }
      }
    }
  }

  void follow(std::uint32_t i, bool values) {
    const std::vector<std::uint64_t> entries(entries_[i].begin(), entries_[i].end());
    facts_[i] = facts_of(map_, flow_, table_.functions[i], entries, table_.is_go, values);
    if (table_.is_go && table_.functions[i].name == kGoRepeats) facts_[i].calls.clear();
  }

  /// Follows the values in the functions where they matter: those with a system call of their own,
  /// those that call what a register holds, and those that call a function whose findings depend on
  /// what it is passed. Whoever passes on what it was passed itself is such a function in turn.
  void follow_values() {
    const std::size_t count = facts_.size();
    asking_.assign(count, 0);
    wanted_.assign(count, kNotWanted);
    callers_.resize(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      bool telling = false;
      for (const CallFact& call : facts_[i].calls) {
        if (call.target.kind == Target::Kind::kImport) {
          telling = telling || is_telling(import_name(call.target));
        } else if (call.target.index != kNone) {
          callers_[call.target.index].push_back(i);
        }
      }
      const bool hands_on = is_linker() && std::any_of(facts_[i].targets.begin(),
                                                       facts_[i].targets.end(), is_taken_function);
      if (telling || hands_on || !facts_[i].sites.empty() || facts_[i].through_register) want(i);
    }
    follow_wanted();
    find_held();
  }

  void want(std::uint32_t i) {
    if (wanted_[i] != kNotWanted) return;
    wanted_[i] = kWanted;
    todo_.push_back(i);
  }

  void follow_wanted() {
    while (!todo_.empty()) {
      const std::uint32_t i = todo_.back();
      todo_.pop_back();
      if (wanted_[i] == kWanted) {
        wanted_[i] = kFollowed;
        follow(i, true);
      }
      if (asking_[i] || !asks(facts_[i])) continue;
      asking_[i] = 1;
      for (std::uint32_t caller : callers_[i]) {
        want(caller);
        // Followed already, but what it passes on may matter only now.
        if (wanted_[caller] == kFollowed && !asking_[caller]) todo_.push_back(caller);
      }
    }
  }

  /// Finds the functions whose numbers depend on what they are passed, and whose address is taken,
  /// but never leaves the static data of this object (libcap keeps its two ways to call the kernel
  /// so). Then the calls through pointers here are their callers, and their values matter.
  void find_held() {
    const std::size_t count = facts_.size();
    held_.assign(count, 0);
    for (std::uint32_t i = 0; i < count; ++i) held_[i] = asking_[i] && !is_exported_function(i);
    for (std::uint32_t i = 0; i < count; ++i) {
      for (const Target& target : facts_[i].targets) {
        if (is_taken_function(target) && held_[target.index]) want(i);
      }
    }
    follow_wanted();
    for (const FunctionFacts& facts : facts_) {
      for (std::uint64_t given : facts.given) {
        const std::uint32_t function = map_.function_at(given);
        if (function != kNone) held_[function] = 0;
      }
    }
    has_held_ = std::find(held_.begin(), held_.end(), 1) != held_.end();
    for (std::uint32_t i = 0; has_held_ && i < count; ++i) {
      if (facts_[i].calls_indirect) want(i);
    }
    follow_wanted();
  }

  bool is_exported_function(std::uint32_t i) const {
    return std::any_of(dynamic_.symbols.begin(), dynamic_.symbols.end(),
                       [&](const DynamicSymbol& symbol) {
                         return symbol.defined && symbol.vaddr == table_.functions[i].start;
                       });
  }

  /// Of the dynamic linker it matters which functions it passes to others of its own:
  /// scan/phases.h.
  bool is_linker() const { return dynamic_.soname.starts_with("ld-"); }

  static bool is_taken_function(const Target& target) {
    return target.kind == Target::Kind::kFunction && target.taken;
  }

  /// Whether what the call passes can matter.
  bool is_heard(const CallFact& call) const {
    if (call.target.kind == Target::Kind::kImport) return is_telling(import_name(call.target));
    return call.target.index != kNone && asking_[call.target.index] != 0;
  }

  /// Whether what is found in the function depends on what its callers pass.
  bool asks(const FunctionFacts& facts) const {
    for (const SiteFact& site : facts.sites) {
      if (depends_on_caller(site.nr)) return true;
      for (const std::vector<Value>& arg : site.args) {
        if (depends_on_caller(arg)) return true;
      }
    }
    for (const CallFact& call : facts.calls) {
      if (!is_heard(call)) continue;
      for (const PassedFact& fact : call.passed) {
        if (depends_on_caller(fact.values)) return true;
      }
    }
    return false;
  }

  std::string_view import_name(const Target& target) const {
    return dynamic_.symbols[target.index].name;
  }

  void map_data() {
    std::vector<std::uint64_t> taken;
    for (const FunctionFacts& facts : facts_) {
      for (const DataReference& reference : facts.data) {
        if (reference.width == 0) taken.push_back(reference.vaddr);
      }
    }
    data_.emplace(map_, std::move(taken));
  }

  void want_cells(const std::vector<Value>& values) {
    for (const Value& value : values) {
      if (value.kind == Value::Kind::kCell) cells_.insert(value.number);
      if (value.kind == Value::Kind::kCellPointee) cells_.insert(value.number >> 16);
    }
  }

  /// The words of static data that somebody asks for, without those that others may write to.
  void collect_cells() {
    for (const FunctionFacts& facts : facts_) {
      for (const SiteFact& site : facts.sites) {
        want_cells(site.nr);
        for (const std::vector<Value>& arg : site.args) want_cells(arg);
      }
      for (const CallFact& call : facts.calls) {
        if (!is_heard(call)) continue;
        for (const PassedFact& fact : call.passed) want_cells(fact.values);
      }
    }
    std::vector<std::uint64_t> pointers;
    for (const FunctionFacts& facts : facts_) {
      for (const DataReference& reference : facts.data) {
        if (reference.width == 0) pointers.push_back(reference.vaddr);
      }
    }
    for (const Relocation& relocation : dynamic_.relocations) {
      if (relocation.kind == Relocation::Kind::kRelative) pointers.push_back(relocation.value);
    }
    // Of what has a size it is known how far its pointer reaches.
    std::erase_if(pointers, [&](std::uint64_t pointer) { return symbol_end(pointer) != 0; });
    std::sort(pointers.begin(), pointers.end());
    std::vector<std::uint64_t> named;
    for (const FunctionFacts& facts : facts_) {
      for (const DataReference& reference : facts.data) named.push_back(reference.vaddr);
    }
    std::sort(named.begin(), named.end());
    std::erase_if(cells_, [&](std::uint64_t cell) {
      if (is_exported(cell)) return true;
      const auto above = std::upper_bound(pointers.begin(), pointers.end(), cell);
      if (above == pointers.begin()) return false;
      const std::uint64_t pointer = *std::prev(above);
      // Go has no pointer that leads from one variable into another one.
      if (cell - pointer >= (table_.is_go ? kWordBytes : kReach)) return false;
      if (pointer < symbol_begin(cell)) return false;
      // What code names by its own address in between is another object, and so is what follows it.
      const auto between = std::lower_bound(named.begin(), named.end(), pointer + kLeast);
      return between == named.end() || *between >= cell;
    });
  }

  /// Where the data symbol that begins at `vaddr` ends; 0: there is none.
  std::uint64_t symbol_end(std::uint64_t vaddr) const {
    const auto at = std::lower_bound(
        table_.data.begin(), table_.data.end(), vaddr,
        [](const DataSymbol& symbol, std::uint64_t of) { return symbol.vaddr < of; });
    return at != table_.data.end() && at->vaddr == vaddr && at->size > 0 ? vaddr + at->size : 0;
  }

  /// Where the data symbol that covers `vaddr` begins; 0: there is none.
  std::uint64_t symbol_begin(std::uint64_t vaddr) const {
    const auto above = std::upper_bound(
        table_.data.begin(), table_.data.end(), vaddr,
        [](std::uint64_t of, const DataSymbol& symbol) { return of < symbol.vaddr; });
    if (above == table_.data.begin()) return 0;
    const DataSymbol& symbol = *std::prev(above);
    return vaddr - symbol.vaddr < symbol.size ? symbol.vaddr : 0;
  }

  bool is_exported(std::uint64_t cell) const {
    return std::any_of(dynamic_.symbols.begin(), dynamic_.symbols.end(),
                       [&](const DynamicSymbol& symbol) {
                         return symbol.defined && symbol.type == STT_OBJECT &&
                                cell >= symbol.vaddr && cell - symbol.vaddr < symbol.size;
                       });
  }

  Target laid(Target target, SummaryBuilder& builder) {
    if (target.kind == Target::Kind::kImport) {
      target.index = builder.import(target.index, dynamic_.symbols[target.index]);
    }
    return target;
  }

  Slice lay_targets(const std::vector<Target>& targets, SummaryBuilder& builder) {
    std::vector<Target>& all = builder.arrays().targets;
    const Slice slice{static_cast<std::uint32_t>(all.size()),
                      static_cast<std::uint32_t>(targets.size())};
    for (const Target& target : targets) all.push_back(laid(target, builder));
    return slice;
  }

  void lay_call(const CallFact& call, SummaryBuilder& builder) {
    CallSite site;
    site.vaddr = call.vaddr;
    site.target = laid(call.target, builder);
    const bool import = call.target.kind == Target::Kind::kImport;
    const bool pointer = !import && call.target.index == kNone;
    if (pointer && !has_held_) return;
    if (import || pointer || is_linker() || asking_[call.target.index]) {
      std::vector<PassedFact> passed = call.passed;
      if (import && !is_telling(import_name(call.target))) {
        std::erase_if(passed, [](const PassedFact& fact) {
          return fact.values.empty() || depends_on_caller(fact.values);
        });
      }
      for (PassedFact& fact : passed) name_addresses(fact.values);
      site.passed = builder.passed(passed);
    }
    builder.arrays().calls.push_back(site);
  }

  /// A number that can be an address of a program loaded where it is linked is one, to who reads
  /// texts.
  void name_addresses(std::vector<Value>& values) const {
    for (Value& value : values) {
      if (value.kind == Value::Kind::kConstant && map_.may_be_address(value.number)) {
        value.kind = Value::Kind::kAddress;
      }
    }
  }

  void lay_strings(const FunctionFacts& facts, Function& function, SummaryBuilder& builder) {
    std::vector<StringRef>& all = builder.arrays().strings;
    function.strings.begin = static_cast<std::uint32_t>(all.size());
    std::set<std::uint64_t> telling;
    for (const CallFact& call : facts.calls) {
      if (call.target.kind != Target::Kind::kImport || !is_telling(import_name(call.target))) {
        continue;
      }
      for (const PassedFact& fact : call.passed) {
        for (const Value& value : fact.values) telling.insert(value.number);
      }
    }
    for (const auto& [vaddr, width] : facts.data) {
      const ImageMemory::Segment* segment = memory_.segment_at(vaddr);
      if (segment == nullptr || segment->writable) continue;
      const std::optional<std::string_view> text = memory_.text(vaddr, kMaxText);
      if (!text || text->empty() || !(matters(*text) || telling.contains(vaddr))) continue;
      all.push_back({vaddr, builder.text(*text), 0});
    }
    function.strings.count = static_cast<std::uint32_t>(all.size()) - function.strings.begin;
  }

  void lay_sites(const FunctionFacts& facts, SummaryBuilder& builder) {
    for (const SiteFact& fact : facts.sites) {
      SyscallSite site;
      site.vaddr = fact.vaddr;
      site.offset = image_.offset_of_vaddr(fact.vaddr).value_or(fact.vaddr);
      site.abi = fact.abi;
      site.nr = builder.values(known_cells(fact.nr));
      for (std::size_t i = 0; i < std::size(fact.args); ++i) {
        site.args[i] = builder.values(fact.args[i]);
      }
      builder.arrays().sites.push_back(site);
    }
  }

  /// With kAny for the words of data that others may write to.
  std::vector<Value> known_cells(std::vector<Value> values) const {
    for (Value& value : values) {
      const bool cell = value.kind == Value::Kind::kCell;
      if (!cell && value.kind != Value::Kind::kCellPointee) continue;
      if (!cells_.contains(cell ? value.number : value.number >> 16)) value = {};
    }
    return values;
  }

  void lay_function(std::uint32_t index, SummaryBuilder& builder) {
    const FunctionRange& range = table_.functions[index];
    FunctionFacts& facts = facts_[index];
    SummaryArrays& arrays = builder.arrays();
    Function function;
    function.start = range.start;
    function.end = range.end;
    function.name = builder.text(range.name);
    if (range.personality != 0) {
      if (const std::optional<Target> target = map_.taken_code(range.personality)) {
        facts.targets.push_back(*target);
      } else {
        facts.data.push_back({range.personality, sizeof(std::uint64_t)});
      }
    }
    for (std::uint64_t pad : range.landing_pads) {
      const std::uint32_t other = map_.function_at(pad);
      if (other != kNone && other != index) {
        facts.targets.push_back({Target::Kind::kFunction, false, 0, other});
      }
    }
    for (const DataReference& reference : facts.data) {
      data_->add_targets(reference, facts.targets);
    }
    function.targets = lay_targets(facts.targets, builder);
    function.calls.begin = static_cast<std::uint32_t>(arrays.calls.size());
    for (const CallFact& call : facts.calls) lay_call(call, builder);
    function.calls.count = static_cast<std::uint32_t>(arrays.calls.size()) - function.calls.begin;
    function.sites.begin = static_cast<std::uint32_t>(arrays.sites.size());
    lay_sites(facts, builder);
    function.sites.count = static_cast<std::uint32_t>(arrays.sites.size()) - function.sites.begin;
    lay_strings(facts, function, builder);
    function.no_return = !facts.returns;
    function.calls_indirect = facts.calls_indirect;
    function.held = held_[index];
    for (const CellFact& cell : facts.cells) {
      if (!cells_.contains(cell.vaddr)) continue;
      arrays.cells.push_back({cell.vaddr, index, builder.values(known_cells(cell.values)), 0});
    }
    arrays.functions.push_back(function);
    facts = {};
  }

  void lay_exports(SummaryBuilder& builder) {
    for (const DynamicSymbol& symbol : dynamic_.symbols) {
      if (!symbol.defined || symbol.name.empty() || symbol.binding == STB_LOCAL) continue;
      Export exported;
      const std::uint32_t function = map_.function_at(symbol.vaddr);
      if (map_.is_code(symbol.vaddr)) {
        if (function == kNone) continue;
        exported.target = {Target::Kind::kFunction, false, 0, function};
      } else {
        exported.target = {Target::Kind::kChunk, true, 0, data_->chunk_at(symbol.vaddr)};
      }
      exported.name = builder.text(symbol.name);
      exported.version = builder.text(symbol.version);
      exported.default_version = symbol.default_version;
      exported.indirect = symbol.type == STT_GNU_IFUNC;
      exported.weak = symbol.binding == STB_WEAK;
      builder.arrays().exports.push_back(exported);
    }
    const std::vector<char>& text = builder.arrays().text;
    std::sort(builder.arrays().exports.begin(), builder.arrays().exports.end(),
              [&](const Export& a, const Export& b) {
                return std::string_view(text.data() + a.name) <
                       std::string_view(text.data() + b.name);
              });
  }

  void lay_roots(SummaryBuilder& builder) {
    SummaryArrays& arrays = builder.arrays();
    const auto lay = [&](const std::vector<std::uint64_t>& from, std::vector<Target>& to) {
      for (std::uint64_t vaddr : from) {
        if (const std::optional<Target> target = map_.callee(vaddr)) {
          to.push_back(laid(*target, builder));
        }
      }
    };
    lay(dynamic_.init, arrays.init);
    lay(dynamic_.fini, arrays.fini);
    for (const ElfImage::Segment& segment : image_.segments()) {
      if (segment.type != PT_TLS) continue;
      for (const DataMap::DataChunk& chunk : data_->chunks()) {
        if (chunk.number != kNone && chunk.end > segment.vaddr &&
            chunk.vaddr < segment.vaddr + segment.file_size) {
          arrays.always.push_back({Target::Kind::kChunk, true, 0, chunk.number});
        }
      }
    }
    // Go's linker keeps what can be reached and nothing else; its types lead to methods by offsets
    // that no relocation shows.
    for (std::uint32_t i = 0; table_.is_go && i < table_.functions.size(); ++i) {
      arrays.always.push_back({Target::Kind::kFunction, false, 0, i});
    }
  }

  /// As the recorder's: process/place.h.
  Result<std::string> module_key(const ElfIdentity& identity) const {
    if (!identity.build_id.empty()) return identity.build_id;
    Result<std::string> bytes = image_.read(0, image_.size(), "the file", kMaxImageBytes);
    if (!bytes) return propagate(bytes);
    return "sha256:" + sha256_hex(*bytes);
  }

  Result<Summary> lay_flat() {
    SummaryBuilder builder;
    SummaryArrays& arrays = builder.arrays();
    Summary head;
    head.machine = image_.machine();
    head.position_independent = dynamic_.position_independent;
    head.is_go = table_.is_go;
    head.symbolic = dynamic_.symbolic;
    head.soname = builder.text(dynamic_.soname);
    head.entry = image_.entry();
    Result<ElfIdentity> identity = elf_identity(image_);
    if (!identity) return propagate(identity);
    head.interpreter = builder.text(identity->interpreter);
    Result<std::string> key = module_key(*identity);
    if (!key) return propagate(key);
    head.module_key = builder.text(*key);
    for (const std::string& name : dynamic_.needed) arrays.needed.push_back(builder.text(name));
    for (const std::string& path : dynamic_.runpath) arrays.runpath.push_back(builder.text(path));
    for (const std::string& path : dynamic_.rpath) arrays.rpath.push_back(builder.text(path));
    for (std::uint32_t i = 0; i < table_.functions.size(); ++i) lay_function(i, builder);
    for (std::uint64_t cell : cells_) {
      // What it holds before anybody stores to it.
      Value value;
      value.kind = Value::Kind::kConstant;
      value.number = memory_.word(cell, sizeof(std::uint64_t)).value_or(0);
      arrays.cells.push_back({cell, kNone, builder.values({value}), 0});
    }
    std::stable_sort(arrays.cells.begin(), arrays.cells.end(),
                     [](const CellStore& a, const CellStore& b) { return a.vaddr < b.vaddr; });
    for (const DataMap::DataChunk& chunk : data_->chunks()) {
      if (chunk.number == kNone) continue;
      arrays.chunks.push_back({chunk.vaddr, chunk.end, builder.text(chunk.name),
                               lay_targets(chunk.targets, builder), 0});
    }
    lay_exports(builder);
    lay_roots(builder);
    return builder.finish(std::move(head));
  }

  const ElfImage& image_;
  const ImageMemory& memory_;
  const Dynamic& dynamic_;
  const FunctionTable& table_;
  X86Decoder decoder_;
  ObjectMap map_;
  std::optional<DataMap> data_;
  FunctionFlow flow_;
  std::vector<FunctionFacts> facts_;
  std::vector<std::set<std::uint64_t>> entries_;
  static constexpr std::uint8_t kNotWanted = 0, kWanted = 1, kFollowed = 2;
  std::vector<std::uint8_t> wanted_;  ///< whether values are followed
  std::vector<std::uint32_t> todo_;
  std::vector<std::vector<std::uint32_t>> callers_;
  std::vector<std::uint8_t> asking_;
  std::vector<std::uint8_t> held_;
  bool has_held_ = false;
  std::set<std::uint64_t> cells_;
};

}  // namespace

Result<Summary> analyse_object(const ElfImage& image, const ElfImage* debug) {
  if (!image.is_64() || image.machine() != EM_X86_64) {
    return fail(Errc::kUnsupported,
                "{}: an ELF image for machine {} of {} bits; the scan knows x86_64 of 64 bits",
                printable(image.name()), image.machine(), image.is_64() ? 64 : 32);
  }
  Result<ImageMemory> memory = ImageMemory::load(image);
  if (!memory) return propagate(memory);
  Result<Dynamic> dynamic = read_dynamic(image, *memory);
  if (!dynamic) return propagate(dynamic);
  Result<FunctionTable> table = find_functions(image, *memory, *dynamic, debug);
  if (!table) return propagate(table);
  return Analyser(image, *memory, *dynamic, *table).run();
}

}  // namespace sysnare
