#include "scan/static_words.h"

#include <elf.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string_view>

#include "arch/syscalls.h"
#include "scan/go_inlined.h"
#include "scan/go_packages.h"
#include "scan/names.h"

namespace sysnare {
namespace {

constexpr std::uint64_t kWord = 8;
/// How far outside of an object the address may lie to which an index is added.
constexpr std::uint64_t kFolded = 64;

/// How far a pointer to an object without a symbol is used, as far as pointers of their own address
/// are concerned; and the smallest object that is used through a pointer: a lock of stdio.
constexpr std::uint64_t kNear = 64;
constexpr std::uint64_t kLeast = 16;

class Finder {
 public:
  Finder(const ObjectMap& map, const Findings& findings) : map_(map), findings_(findings) {}

  std::set<std::uint64_t> find() {
    for (const FunctionFacts& facts : findings_.functions) {
      for (const SiteFact& site : facts.sites) {
        want(site.nr);
        for (const std::vector<Value>& arg : site.args) want(arg);
      }
      for (const CallFact& call : facts.calls) {
        if (!is_heard(map_, findings_, call)) continue;
        for (const PassedFact& fact : call.passed) want(fact.values);
      }
    }
    if (words_.empty()) return {};
    find_pointers();
    std::erase_if(words_, [&](std::uint64_t word) { return is_shared(word); });
    return std::move(words_);
  }

  void find_pointers() {
    for (const FunctionFacts& facts : findings_.functions) {
      for (const DataReference& reference : facts.data) {
        if (reference.width == 0) pointers_.push_back(reference.vaddr);
        if (reference.width == kAround) lost_.insert(reference.vaddr);
      }
    }
    for (const Relocation& relocation : map_.dynamic().relocations) {
      if (relocation.kind == Relocation::Kind::kRelative) pointers_.push_back(relocation.value);
      if (relocation.kind == Relocation::Kind::kSymbol) {
        const DynamicSymbol& symbol = map_.dynamic().symbols[relocation.symbol];
        if (symbol.defined) pointers_.push_back(symbol.vaddr + relocation.value);
      }
    }
    map_.each_word_address([&](std::uint64_t, std::uint64_t value) { pointers_.push_back(value); });
    std::sort(pointers_.begin(), pointers_.end());
    for (const FunctionFacts& facts : findings_.functions) {
      for (const DataReference& reference : facts.data) named_.push_back(reference.vaddr);
      for (const CellFact& cell : facts.cells) {
        if (cell.width == kWord) stored_.insert(cell.vaddr);
      }
    }
    std::sort(named_.begin(), named_.end());
    find_others_words();
    for (const FunctionFacts& facts : findings_.functions) find_setxid_word(facts);
  }

  [[nodiscard]] bool is_shared(std::uint64_t word) const {
    // Variables of a Go program are exported to its plug-ins alone, and that it loads one is an
    // open point (Go 1.19, src/plugin: plugin.Open).
    const bool is_program = !map_.dynamic().is_library;
    if ((is_exported(word) && !(is_program && is_in_go_section(word))) || is_lost(word))
      return true;
    const std::optional<Range> symbol = symbol_around(word);
    Range object;
    // Go has no pointer that leads from one variable into another one; C beside it, by cgo, has.
    const FunctionTable& table = map_.table();
    const bool go = table.is_go && (!table.has_more_than_go() || is_in_go_section(word));
    if (symbol) {
      // No index leads into one word.
      const bool indexed = !go && symbol->end - symbol->begin > kWord;
      object = {symbol->begin - (indexed ? std::min(symbol->begin, kFolded) : 0), symbol->end};
    } else if (go && !others_words_.contains(word)) {
      object = {word, word + kWord};
    } else if (!numbers_.contains(word) && stored_.contains(word)) {
      return !setxid_words_.contains(word) && is_near_pointer(word);
    } else {
      object = {gap_before(word), word + kWord};
    }
    const auto pointer = std::lower_bound(pointers_.begin(), pointers_.end(), object.begin);
    return pointer != pointers_.end() && *pointer < object.end;
  }

 private:
  struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };

  void want(const std::vector<Value>& values) {
    for (const Value& value : values) {
      if (value.kind == Value::Kind::kCell) {
        words_.insert(value.number);
        numbers_.insert(value.number);
      }
      if (value.kind == Value::Kind::kCellPointee) words_.insert(value.number >> 16);
    }
  }

  /// The words of a Go program that others than Go's own packages name. What those keep there are
  /// variables of one word each, as FcntlSyscall of internal/syscall/unix (Go 1.19); of others it
  /// may be a field or an element, where nothing tells its size. Functions of Go's own packages
  /// are inlined into others, where one that is handed a pointer names what is its user's: so one
  /// of Go's own that stands alone must name the word too, or it is one of those that read a number
  /// of Go's and nothing that they are handed.
  void find_others_words() {
    if (!map_.table().is_go) return;
    std::set<std::uint64_t> own_words;
    for (std::uint32_t i = 0; i < findings_.functions.size(); ++i) {
      if (!is_of_go(map_.table().functions[i].name)) continue;
      for (const DataReference& reference : findings_.functions[i].data) {
        if (numbers_.contains(reference.vaddr)) own_words.insert(reference.vaddr);
      }
    }
    GoInlined inlined(map_, numbers_);
    for (std::uint32_t i = 0; i < findings_.functions.size(); ++i) {
      if (is_of_go(map_.table().functions[i].name)) continue;
      for (const DataReference& reference : findings_.functions[i].data) {
        const std::uint64_t word = reference.vaddr;
        if (!words_.contains(word) || others_words_.contains(word)) continue;
        // Of pointers hundreds of functions have the addresses.
        if (numbers_.contains(word) && inlined.is_named_by(i, word, [&](std::string_view name) {
              return own_words.contains(word) ? is_of_go(name) : reads_own_number(name);
            })) {
          continue;
        }
        others_words_.insert(word);
      }
    }
  }

  /// glibc's __nptl_setxid(struct xid_command *) sends signal 33 to all threads, makes the call of
  /// the number that it is passed, and keeps the struct in a variable of its own for them
  /// (nptl/nptl_setxid.c of 2.36: xidcmd; SIGSETXID of internal-signals.h). In a static program
  /// without symbols any variable may lie before it, also one of 8 bytes whose address is taken.
  void find_setxid_word(const FunctionFacts& facts) {
    constexpr std::uint64_t kSetxid = 33;
    const auto tgkill = syscall_nr(native_abi(map_.image().machine()), "tgkill");
    const Place first = argument_place(map_.image().machine(), 0);
    const auto is = [](const std::vector<Value>& values, Value::Kind kind, std::uint64_t number) {
      return values.size() == 1 && values[0].kind == kind && values[0].number == number;
    };
    bool sends = false;
    bool makes = false;
    for (const SiteFact& site : facts.sites) {
      sends |= tgkill && is(site.nr, Value::Kind::kConstant, *tgkill) &&
               is(site.args[2], Value::Kind::kConstant, kSetxid);
      makes |= is(site.nr, Value::Kind::kPointee, 0) && site.nr[0].place.reg == first.reg;
    }
    if (!sends || !makes) return;
    for (const CellFact& cell : facts.cells) {
      if (cell.width == kWord && is(cell.values, Value::Kind::kPassed, 0) &&
          cell.values[0].place.on_stack == 0 && cell.values[0].place.reg == first.reg)
        setxid_words_.insert(cell.vaddr);
    }
  }

  /// Whether somebody may write there through an address of which nobody keeps track.
  [[nodiscard]] bool is_lost(std::uint64_t word) const {
    return std::any_of(lost_.begin(), lost_.end(), [&](std::uint64_t around) {
      return word + kAroundBefore >= around && word < around + kNearBytes;
    });
  }

  /// Of a word that holds a pointer and is stored to by its own address, as variables are and
  /// elements of arrays are not.
  [[nodiscard]] bool is_near_pointer(std::uint64_t word) const {
    const std::uint64_t begin = std::max(gap_before(word), word - std::min(word, kNear - 1));
    auto pointer = std::lower_bound(pointers_.begin(), pointers_.end(), begin);
    for (; pointer != pointers_.end() && *pointer < word + kWord; ++pointer) {
      // What code names by its own address in between is another object, and so is what follows.
      const auto between = std::lower_bound(named_.begin(), named_.end(), *pointer + kLeast);
      if (between == named_.end() || *between >= word) return true;
    }
    return false;
  }

  [[nodiscard]] bool is_exported(std::uint64_t word) const {
    const std::vector<DynamicSymbol>& symbols = map_.dynamic().symbols;
    return std::any_of(symbols.begin(), symbols.end(), [&](const DynamicSymbol& symbol) {
      return symbol.defined && symbol.type == STT_OBJECT && word >= symbol.vaddr &&
             word - symbol.vaddr < symbol.size;
    });
  }

  /// Whether it lies among variables without pointers of Go's: its linker names sections so, and no
  /// C compiler does (Go 1.19, cmd/link/internal/ld/data.go: dodata()).
  [[nodiscard]] bool is_in_go_section(std::uint64_t word) const {
    const std::span<const ElfImage::Section> sections = map_.image().sections();
    return map_.table().is_go &&
           std::any_of(sections.begin(), sections.end(), [&](const ElfImage::Section& section) {
             return (section.name == ".noptrdata" || section.name == ".noptrbss") &&
                    word >= section.vaddr && word - section.vaddr < section.size;
           });
  }

  /// The data symbol that covers `word`.
  [[nodiscard]] std::optional<Range> symbol_around(std::uint64_t word) const {
    const DataSymbol* symbol = last_symbol(word);
    if (symbol == nullptr || word - symbol->vaddr >= symbol->size) return std::nullopt;
    return Range{symbol->vaddr, symbol->vaddr + symbol->size};
  }

  [[nodiscard]] const DataSymbol* last_symbol(std::uint64_t word) const {
    const std::vector<DataSymbol>& symbols = map_.table().data;
    const auto above = std::upper_bound(
        symbols.begin(), symbols.end(), word,
        [](std::uint64_t of, const DataSymbol& symbol) { return of < symbol.vaddr; });
    return above == symbols.begin() ? nullptr : &*std::prev(above);
  }

  /// Where the bytes without a symbol begin among which `word` lies.
  [[nodiscard]] std::uint64_t gap_before(std::uint64_t word) const {
    std::uint64_t begin = 0;
    if (const ImageMemory::Segment* segment = map_.memory().segment_at(word)) {
      begin = segment->vaddr;
    }
    for (const ElfImage::Section& section : map_.image().sections()) {
      if (ObjectMap::has_pointers(section) && word >= section.vaddr &&
          word - section.vaddr < section.size) {
        begin = std::max(begin, section.vaddr);
      }
    }
    if (const DataSymbol* symbol = last_symbol(word)) {
      begin = std::max(begin, symbol->vaddr + symbol->size);
    }
    return begin;
  }

  const ObjectMap& map_;
  const Findings& findings_;
  std::set<std::uint64_t> words_;
  std::set<std::uint64_t> lost_;
  std::set<std::uint64_t> numbers_;       ///< those of words_ that are numbers themselves
  std::set<std::uint64_t> stored_;        ///< words that are stored to by their own address
  std::vector<std::uint64_t> pointers_;   ///< addresses that somebody holds, sorted
  std::set<std::uint64_t> others_words_;  ///< of Go: see find_others_words()
  std::set<std::uint64_t> setxid_words_;  ///< see find_setxid_word()
  std::vector<std::uint64_t> named_;      ///< addresses that stand in code, sorted
};

}  // namespace

std::set<std::uint64_t> known_static_words(const ObjectMap& map, const Findings& findings) {
  return Finder(map, findings).find();
}

std::function<bool(std::uint64_t)> lone_words(const ObjectMap& map, const Findings& findings) {
  const auto finder = std::make_shared<Finder>(map, findings);
  finder->find_pointers();
  return [finder](std::uint64_t word) { return !finder->is_shared(word); };
}

}  // namespace sysnare
