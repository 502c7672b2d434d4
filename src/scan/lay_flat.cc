#include "scan/lay_flat.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>

#include "base/file.h"
#include "elf/identity.h"
#include "scan/data_map.h"
#include "scan/name_services.h"
#include "scan/names.h"
#include "scan/static_words.h"
#include "scan/summary_builder.h"

namespace sysnare {
namespace {

constexpr std::size_t kMaxText = 4096;  // PATH_MAX
constexpr std::uint64_t kWordBytes = 8;

/// Whether a text that code refers to may say what is loaded, executed or looked up.
bool matters(std::string_view text) {
  return !text.empty() &&
         (text.front() == '/' || text.find(".so") != std::string_view::npos ||
          text.starts_with("libnss_") || text.find("gconv") != std::string_view::npos ||
          text.starts_with(kConverterPath) || text.starts_with(kMuslStages) ||
          is_said_by_dlopen(text) || is_service_function(text) || text.ends_with(kEventLoopFile) ||
          is_said_by_event_loop(text) || text.ends_with(kLookupFile));
}

/// Whether it can be the name of a symbol.
bool is_identifier(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

/// The addresses of data that code takes.
/// `tables`: by functions that may load distances, and which nobody reads otherwise.
std::vector<std::uint64_t> taken_data(const Findings& findings, bool tables) {
  std::vector<std::uint64_t> taken;
  for (const FunctionFacts& facts : findings.functions) {
    if (tables && !facts.loads_distances) continue;
    for (const DataReference& reference : facts.data) {
      if (reference.width == 0) taken.push_back(reference.vaddr);
    }
  }
  if (!tables) return taken;
  std::unordered_set<std::uint64_t> none;
  for (const FunctionFacts& facts : findings.functions) {
    none.insert(facts.no_distances.begin(), facts.no_distances.end());
  }
  std::erase_if(taken, [&](std::uint64_t vaddr) { return none.contains(vaddr); });
  return taken;
}

class Layer {
 public:
  Layer(const ObjectMap& map, Findings findings)
      : image_(map.image()),
        memory_(map.memory()),
        dynamic_(map.dynamic()),
        table_(map.table()),
        map_(map),
        findings_(std::move(findings)),
        data_(map, taken_data(findings_, false), taken_data(findings_, true)),
        cells_(known_static_words(map, findings_)),
        looks_up_(std::any_of(
            dynamic_.symbols.begin(), dynamic_.symbols.end(), [](const DynamicSymbol& symbol) {
              return !symbol.defined && std::find(std::begin(kFinders), std::end(kFinders),
                                                  symbol.name) != std::end(kFinders);
            })) {}

  Result<Summary> run() {
    SummaryBuilder builder;
    SummaryArrays& arrays = builder.arrays();
    Summary head;
    head.machine = image_.machine();
    head.position_independent = dynamic_.position_independent;
    head.is_go = table_.is_go;
    head.has_c = table_.has_more_than_go();
    head.symbolic = dynamic_.symbolic;
    head.is_library = dynamic_.is_library;
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
    find_called();
    for (std::uint32_t i = 0; i < table_.functions.size(); ++i) lay_function(i, builder);
    // elf/dl-deps.c and elf/rtld.c of glibc 2.36 load what these name.
    if (dynamic_.has_filter) {
      arrays.troubles.push_back(
          {0,
           builder.text("it is a filter (DT_FILTER, DT_AUXILIARY) of another object, which is "
                        "not looked at; a recording shows what that calls"),
           kNone});
    }
    if (dynamic_.has_audit) {
      arrays.troubles.push_back(
          {0,
           builder.text("it names an object that audits it (DT_AUDIT, DT_DEPAUDIT), which is "
                        "not looked at; a recording shows what that calls"),
           kNone});
    }
    lay_vdso_names(builder);
    for (std::uint64_t cell : cells_) {
      // What it holds before anybody stores to it.
      std::vector<Value> initial = {initial_value(cell)};
      name_addresses(initial);
      arrays.cells.push_back({cell, kNone, builder.values(initial), 0});
    }
    std::stable_sort(arrays.cells.begin(), arrays.cells.end(),
                     [](const CellStore& a, const CellStore& b) { return a.vaddr < b.vaddr; });
    for (const DataMap::DataChunk& chunk : data_.chunks()) {
      if (chunk.number == kNone) continue;
      arrays.chunks.push_back({chunk.vaddr, chunk.end, builder.text(chunk.name),
                               lay_targets(chunk.targets, builder), 0});
    }
    lay_exports(builder);
    lay_roots(builder);
    return builder.finish(std::move(head));
  }

 private:
  /// Who is called or entered by name. Among code stand constants too (K256 of libcrypto's
  /// SHA-256), of which an address is taken, and no instruction is amiss there.
  void find_called() {
    called_.assign(table_.functions.size(), 0);
    const auto add = [&](std::uint64_t vaddr) {
      const std::uint32_t function = map_.function_at(vaddr);
      if (function != kNone) called_[function] = 1;
    };
    add(image_.entry());
    for (const std::uint64_t vaddr : dynamic_.init) add(vaddr);
    for (const std::uint64_t vaddr : dynamic_.fini) add(vaddr);
    for (const DynamicSymbol& symbol : dynamic_.symbols) {
      if (symbol.defined && symbol.type == STT_FUNC) add(symbol.vaddr);
    }
    for (const FunctionFacts& facts : findings_.functions) {
      for (const CallFact& call : facts.calls) {
        const std::uint32_t own = own_function(map_, call.target);
        if (own != kNone) called_[own] = 1;
      }
    }
  }

  std::string_view import_name(const Target& target) const {
    return dynamic_.symbols[target.index].name;
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
    if (pointer && !findings_.has_held) return;
    if (import || pointer || is_linker(map_) || findings_.asking[call.target.index]) {
      std::vector<PassedFact> passed = call.passed;
      if (import && !is_heard(map_, findings_, call)) {
        std::erase_if(passed, is_for_heard_alone);
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
      if (!text || text->empty() ||
          !(matters(*text) || telling.contains(vaddr) || (looks_up_ && is_identifier(*text)))) {
        continue;
      }
      all.push_back({vaddr, builder.text(*text), 0});
    }
    function.strings.count = static_cast<std::uint32_t>(all.size()) - function.strings.begin;
  }

  /// Wherever they stand: tables of them lead code to the vDSO. In Go texts end in no NUL.
  void lay_vdso_names(SummaryBuilder& builder) {
    for (const ImageMemory::Segment& segment : memory_.segments()) {
      const std::string_view bytes(reinterpret_cast<const char*>(segment.bytes.data()),
                                   segment.bytes.size());
      for (std::size_t at = bytes.find(kVdsoPrefix); at != std::string_view::npos;
           at = bytes.find(kVdsoPrefix, at + 1)) {
        for (const std::string_view call : kVdsoCalls) {
          if (!bytes.substr(at + kVdsoPrefix.size()).starts_with(call)) continue;
          const std::string name = std::string(kVdsoPrefix) + std::string(call);
          builder.arrays().strings.push_back({segment.vaddr + at, builder.text(name), 0});
        }
      }
    }
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

  Value initial_value(std::uint64_t cell) const {
    Value value;
    const std::vector<Relocation>& all = dynamic_.relocations;
    auto at = std::lower_bound(all.begin(), all.end(), cell - std::min(cell, kWordBytes - 1),
                               [](const Relocation& r, std::uint64_t to) { return r.vaddr < to; });
    for (; at != all.end() && at->vaddr < cell + kWordBytes; ++at) {
      if (at->kind == Relocation::Kind::kOther) continue;
      if (at->vaddr != cell || at->kind != Relocation::Kind::kRelative) return {};
      value.kind = Value::Kind::kAddress;
      value.number = at->value;
      return value;
    }
    value.kind = Value::Kind::kConstant;
    for (unsigned width : {8u, 4u}) {  // the last word of the segment may be a short one
      const std::optional<std::uint64_t> word = memory_.word(cell, width);
      if (!word) continue;
      value.number = *word;
      break;
    }
    return value;
  }

  void lay_store(const CellFact& store, std::uint32_t function, SummaryBuilder& builder) {
    const std::uint64_t from = store.vaddr - std::min(store.vaddr, kWordBytes - 1);
    const auto cell = cells_.lower_bound(from);
    if (cell == cells_.end() || *cell >= store.vaddr + store.width) return;
    std::vector<CellStore>& cells = builder.arrays().cells;
    if (store.width <= kWordBytes) {
      cells.push_back({store.vaddr, function, builder.values(known_cells(store.values)), 0});
      return;
    }
    for (std::uint64_t at = 0; at < store.width; at += kWordBytes) {
      cells.push_back({store.vaddr + at, function, builder.values({Value()}), 0});
    }
  }

  void lay_function(std::uint32_t index, SummaryBuilder& builder) {
    const FunctionRange& range = table_.functions[index];
    FunctionFacts& facts = findings_.functions[index];
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
      data_.add_targets(reference, facts.targets);
    }
    function.targets = lay_targets(facts.targets, builder);
    function.calls.begin = static_cast<std::uint32_t>(arrays.calls.size());
    for (const CallFact& call : facts.calls) lay_call(call, builder);
    function.calls.count = static_cast<std::uint32_t>(arrays.calls.size()) - function.calls.begin;
    function.sites.begin = static_cast<std::uint32_t>(arrays.sites.size());
    lay_sites(facts, builder);
    function.sites.count = static_cast<std::uint32_t>(arrays.sites.size()) - function.sites.begin;
    lay_strings(facts, function, builder);
    const std::vector<Rewrite>& rewrites = findings_.rewrites[index];
    function.rewrites = {static_cast<std::uint32_t>(arrays.rewrites.size()),
                         static_cast<std::uint32_t>(rewrites.size())};
    arrays.rewrites.insert(arrays.rewrites.end(), rewrites.begin(), rewrites.end());
    const auto trouble = [&](std::string_view text) {
      arrays.troubles.push_back({range.start, builder.text(text), index});
    };
    if (facts.gave_up) {
      trouble("it has more tables of jumps, or is entered in more places, than is read");
    }
    if (facts.too_large) {
      trouble(fmt::format("it has more than {} instructions or {} MB: the rest is not looked at",
                          kMaxFlowInsns, kMaxFlowBytes >> 20));
    }
    if (facts.unknown_at != 0 && (range.framed || called_[index] != 0)) {
      trouble(fmt::format(
          "the instruction at {:#x} is none that the scan knows: where it goes on is not known",
          facts.unknown_at));
    }
    if (facts.empty && called_[index] != 0) trouble("where its code should be, the file has none");
    function.no_return = !facts.returns;
    function.calls_indirect = facts.calls_indirect;
    function.held = findings_.held[index];
    for (const CellFact& cell : facts.cells) lay_store(cell, index, builder);
    arrays.functions.push_back(function);
    facts = {};
  }

  void lay_exports(SummaryBuilder& builder) {
    for (const DynamicSymbol& symbol : dynamic_.symbols) {
      if (!symbol.defined || symbol.name.empty() || symbol.binding == STB_LOCAL) continue;
      Export exported;
      const std::uint32_t function = map_.function_at(symbol.vaddr);
      // A linker that puts read-only data into the segment of code (gold, lld) defines it there.
      if (map_.is_code(symbol.vaddr) && function == kNone && symbol.type != STT_OBJECT) continue;
      if (map_.is_code(symbol.vaddr) && function != kNone) {
        exported.target = {Target::Kind::kFunction, false, 0, function};
      } else {
        exported.target = {Target::Kind::kChunk, true, 0, data_.chunk_at(symbol.vaddr)};
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
    const auto lay = [&](const std::vector<std::uint64_t>& from,
                         const std::vector<std::uint32_t>& symbols, std::vector<Target>& to) {
      for (std::uint64_t vaddr : from) {
        if (const std::optional<Target> target = map_.callee(vaddr)) {
          to.push_back(laid(*target, builder));
        }
      }
      for (std::uint32_t symbol : symbols) {
        to.push_back(laid({Target::Kind::kImport, true, 0, symbol}, builder));
      }
    };
    lay(dynamic_.init, dynamic_.init_symbols, arrays.init);
    lay(dynamic_.fini, dynamic_.fini_symbols, arrays.fini);
    for (const ElfImage::Segment& segment : image_.segments()) {
      if (segment.type != PT_TLS) continue;
      for (const DataMap::DataChunk& chunk : data_.chunks()) {
        if (chunk.number != kNone && chunk.end > segment.vaddr &&
            chunk.vaddr < segment.vaddr + segment.file_size) {
          arrays.always.push_back({Target::Kind::kChunk, true, 0, chunk.number});
        }
      }
    }
    // Go's linker keeps what can be reached of Go and nothing else; its types lead to methods by
    // offsets that no relocation shows. C beside it is all of its objects, reached or not.
    for (std::uint32_t i = 0; table_.is_go && i < table_.functions.size(); ++i) {
      if (!table_.is_go_code(table_.functions[i].start)) continue;
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

  const ElfImage& image_;
  const ImageMemory& memory_;
  const Dynamic& dynamic_;
  const FunctionTable& table_;
  const ObjectMap& map_;
  Findings findings_;
  DataMap data_;
  /// Words of static data that somebody asks for and that others do not write to.
  std::set<std::uint64_t> cells_;
  bool looks_up_ = false;             ///< it calls dlsym: texts may be names of symbols
  std::vector<std::uint8_t> called_;  ///< by function
};

}  // namespace

Result<Summary> lay_flat(const ObjectMap& map, Findings findings) {
  return Layer(map, std::move(findings)).run();
}

}  // namespace sysnare
