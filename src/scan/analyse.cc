// How an object becomes a summary:
//
// 1. Its functions are known from tables (elf/functions.h).
// 2. Each function is followed (scan/flow.h): whom it calls, what it refers to, which values its
//    system calls have. A function that is entered in its middle (from its cold part, through a
//    label in data, by the unwinder) is followed with nothing known there; who finds such a place
//    later follows it again.
// 3. Where numbers stand behind pointers that are passed, it is looked who writes there
//    (scan/rewrites.h).
// 4. What was found is laid flat (scan/lay_flat.h): its data is cut into chunks, each with what its
//    pointers lead to, and values that no one can ask for are left out.

#include "scan/analyse.h"

#include <elf.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/text.h"
#include "elf/dynamic.h"
#include "elf/functions.h"
#include "elf/memory.h"
#include "scan/arm64_decoder.h"
#include "scan/bare_calls.h"
#include "scan/findings.h"
#include "scan/flow.h"
#include "scan/function_facts.h"
#include "scan/lay_flat.h"
#include "scan/object_map.h"
#include "scan/pointer_facts.h"
#include "scan/rewrites.h"
#include "scan/x86_decoder.h"

namespace sysnare {
namespace {

/// Go's runtime repeats on every thread the call that syscall.runtime_doAllThreadsSyscall has made
/// on its own, with arguments from a variable (Go 1.19, src/runtime/os_linux.go): no number is new
/// there.
constexpr std::string_view kGoRepeats = "runtime.runPerThreadSyscall";
/// Rounds in which functions are followed again whose callees turn out to end.
constexpr int kMaxRounds = 8;
/// Rounds in which functions are divided where others go into their midst. The second finds what
/// ends up alone by the first.
constexpr int kMaxDividing = 4;
/// How often one function is followed again for places in it that were found late. It takes two to
/// go on: where functions are told apart, none needs more than a few.
constexpr int kMaxAgain = 64;
/// Bytes of code that a thread follows at once, a millisecond's; and after how many the threads
/// wait for each other.
constexpr std::uint64_t kPiece = 32u << 10;
constexpr std::uint64_t kBatch = 256u << 10;

constexpr std::string_view kLibcap = "libcap.so.2";

class Analyser {
 public:
  Analyser(const ElfImage& image, const ImageMemory& memory, const Dynamic& dynamic,
           const FunctionTable& table, const Decoder& decoder, Workers& workers)
      : dynamic_(dynamic),
        table_(table),
        decoder_(decoder),
        workers_(workers),
        map_(image, memory, dynamic, table, decoder) {}

  /// Follows control in all functions. Returns the places inside of functions that look like
  /// functions of their own: they are called, or others jump there or take their address, and
  /// nothing around them leads there.
  std::vector<std::uint64_t> follow_control() {
    follow_all();
    std::vector<std::uint64_t> places;
    std::unordered_set<std::uint64_t> alone;
    for (FunctionFacts& facts : findings_.functions) {
      places.insert(places.end(), facts.called.begin(), facts.called.end());
      alone.insert(facts.alone.begin(), facts.alone.end());
      facts.called = {};
      facts.alone = {};
    }
    for (FunctionFacts& facts : findings_.functions) {
      std::copy_if(facts.jumped.begin(), facts.jumped.end(), std::back_inserter(places),
                   [&](std::uint64_t place) { return alone.contains(place); });
      facts.jumped = {};
    }
    return places;
  }

  /// After follow_control().
  Result<Summary> run() {
    find_ends();
    follow_values();
    drop_unheard();
    follow_pointers();
    flows_.clear();  // of a large function they hold as much as its findings take now
    pointers_ = {};
    return lay_flat(map_, std::move(findings_));
  }

 private:
  void follow_all() {
    const std::size_t count = table_.functions.size();
    findings_.functions.resize(count);
    entries_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::span<const std::uint64_t> labels = map_.labels()[i];
      entries_[i].insert(labels.begin(), labels.end());
      for (std::uint64_t pad : table_.functions[i].landing_pads) {
        const std::uint32_t function = map_.function_at(pad);
        if (function != kNone) entries_[function].insert(pad);
      }
    }
    followed_.assign(count, 0);
    wanted_.assign(count, kNotWanted);
    std::vector<std::uint32_t> all(count);
    for (std::size_t i = 0; i < count; ++i) all[i] = static_cast<std::uint32_t>(i);
    follow(all, false);
    follow_again();
  }

  /// Follows again what is entered at places that were not known then.
  void follow_again() {
    while (!again_.empty()) {
      std::vector<std::uint32_t> control;
      std::vector<std::uint32_t> values;
      for (std::uint32_t i : again_) (wanted_[i] == kFollowed ? values : control).push_back(i);
      again_.clear();
      follow(control, false);
      follow(values, true);
      todo_.insert(todo_.end(), values.begin(), values.end());
    }
  }

  /// Notes the places in other functions that `i` goes to.
  void enter_others(std::uint32_t i) {
    for (std::uint64_t place : findings_.functions[i].outside) {
      const std::uint32_t other = map_.function_at(place);
      if (other == kNone || table_.functions[other].start == place) continue;
      if (!entries_[other].insert(place).second || followed_[other] == 0) continue;
      if (followed_[other] <= kMaxAgain) {
        again_.insert(other);
      } else {
        gave_up_.insert(other);
        findings_.functions[other].gave_up = true;
      }
    }
  }

  /// A call of a function that never returns ends a path. Functions that do nothing else in the end
  /// never return either, so their callers are followed again, a few times: where this stops short,
  /// paths go on that do not exist.
  void find_ends() {
    const std::size_t count = findings_.functions.size();
    std::vector<std::uint8_t> ends(count, 0);
    for (int round = 0; round < kMaxRounds; ++round) {
      std::vector<std::uint8_t> is_new(count, 0);
      bool any = false;
      for (std::uint32_t i = 0; i < count; ++i) {
        if (ends[i] || findings_.functions[i].returns) continue;
        ends[i] = is_new[i] = 1;
        any = true;
        map_.set_never_returns(i);
      }
      if (!any) return;
      std::vector<std::uint32_t> again;
      for (std::uint32_t i = 0; i < count; ++i) {
        const auto calls_one = [&](const CallFact& call) {
          return call.target.kind == Target::Kind::kFunction && call.target.index != kNone &&
                 is_new[call.target.index];
        };
        if (std::any_of(findings_.functions[i].calls.begin(), findings_.functions[i].calls.end(),
                        calls_one)) {
          again.push_back(i);
        }
      }
      follow(again, false);
    }
  }

  /// Follows these functions, as if one after the other, which decides what tables of switches are
  /// read: one that was entered anew by those before it is followed once more.
  void follow(std::span<const std::uint32_t> functions, bool values) {
    while (!functions.empty()) {
      const std::span<const std::uint32_t> some = functions.first(count_within(functions, kBatch));
      functions = functions.subspan(some.size());
      std::vector<std::size_t> known;
      for (std::uint32_t i : some) known.push_back(entries_[i].size());
      follow_at_once(some, values);
      for (std::size_t at = 0; at < some.size(); ++at) {
        const std::uint32_t i = some[at];
        if (entries_[i].size() != known[at]) follow_at_once(some.subspan(at, 1), values);
        if (followed_[i] < UINT8_MAX) ++followed_[i];
        if (gave_up_.contains(i)) findings_.functions[i].gave_up = true;
        if (values && !all_threads_.empty()) call_for_all_threads(i);
        enter_others(i);
      }
    }
  }

  /// On all threads: what is found in one depends on no other.
  void follow_at_once(std::span<const std::uint32_t> functions, bool values) {
    std::vector<std::size_t> pieces = {0};
    while (pieces.back() < functions.size()) {
      pieces.push_back(pieces.back() + count_within(functions.subspan(pieces.back()), kPiece));
    }
    workers_.each(pieces.size() - 1, [&](std::size_t piece) {
      std::unique_ptr<FunctionFlow> flow = take_flow();
      for (std::size_t at = pieces[piece]; at < pieces[piece + 1]; ++at) {
        follow_one(functions[at], values, *flow);
      }
      give_back(std::move(flow));
    });
  }

  /// How many of the first of `functions` have `bytes` together; at least one.
  std::size_t count_within(std::span<const std::uint32_t> functions, std::uint64_t bytes) const {
    std::uint64_t sum = 0;
    for (std::size_t at = 0; at < functions.size(); ++at) {
      const FunctionRange& function = table_.functions[functions[at]];
      sum += function.end - function.start;
      if (sum >= bytes) return at + 1;
    }
    return functions.size();
  }

  /// One that no other thread uses.
  std::unique_ptr<FunctionFlow> take_flow() {
    const std::lock_guard lock(mutex_);
    if (flows_.empty()) return std::make_unique<FunctionFlow>(map_, decoder_);
    std::unique_ptr<FunctionFlow> flow = std::move(flows_.back());
    flows_.pop_back();
    return flow;
  }

  void give_back(std::unique_ptr<FunctionFlow> flow) {
    const std::lock_guard lock(mutex_);
    flows_.push_back(std::move(flow));
  }

  [[nodiscard]] bool is_go(std::uint32_t i) const {
    return table_.is_go && table_.is_go_code(table_.functions[i].start);
  }

  void follow_one(std::uint32_t i, bool values, FunctionFlow& flow) {
    const std::vector<std::uint64_t> entries(entries_[i].begin(), entries_[i].end());
    findings_.functions[i] = facts_of(map_, flow, table_.functions[i], entries, is_go(i),
                                      values || map_.machine().composes_addresses);
    if (table_.is_go && table_.functions[i].name == kGoRepeats)
      findings_.functions[i].calls.clear();
    std::optional<std::vector<PointerFact>> pointers;
    if (values && is_likely_asked(map_, findings_, findings_.functions[i]))
      pointers = pointer_facts_again(map_, flow, table_.functions[i], entries, is_go(i));
    const std::lock_guard lock(mutex_);
    pointers_.erase(i);  // found when less was known of others
    if (pointers) pointers_.emplace(i, KeptPointers{entries.size(), std::move(*pointers)});
  }

  /// Follows the values in the functions where they matter: those with a system call of their own,
  /// those that call what a register holds, and those that call a function whose findings depend on
  /// what it is passed. Whoever passes on what it was passed itself is such a function in turn.
  void follow_values() {
    const std::size_t count = findings_.functions.size();
    findings_.asking.assign(count, 0);
    callers_.resize(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      if (findings_.functions[i].returns_twice) map_.set_returns_twice(i);
    }
    asked_.assign(count, 0);
    for (const DynamicSymbol& symbol : dynamic_.symbols) {
      if (!symbol.defined || !is_asked(symbol.name)) continue;
      const std::uint32_t i = map_.function_at(symbol.vaddr);
      if (i == kNone || table_.functions[i].start != symbol.vaddr) continue;
      asked_[i] = 1;
      want(i);
    }
    for (std::uint32_t i = 0; i < count; ++i) {
      bool telling = false;
      for (const CallFact& call : findings_.functions[i].calls) {
        if (call.target.kind == Target::Kind::kImport) {
          telling = telling || is_telling(import_name(call.target));
        }
        const std::uint32_t own = own_function(map_, call.target);
        if (own != kNone) callers_[own].push_back(i);
      }
      const bool hands_on =
          is_linker(map_) && std::any_of(findings_.functions[i].targets.begin(),
                                         findings_.functions[i].targets.end(), is_taken_function);
      if (telling || hands_on || !findings_.functions[i].sites.empty() ||
          findings_.functions[i].through_register)
        want(i);
    }
    follow_wanted();
    find_called_by_all_threads();
    find_held();
  }

  /// What the functions do with pointers, each followed once.
  class Pointers final : public PointerFactSource {
   public:
    explicit Pointers(Analyser& analyser) : analyser_(analyser) {}
    void expect(const std::vector<std::uint32_t>& functions) override {
      std::vector<std::vector<PointerFact>> found(functions.size());
      analyser_.workers_.each(functions.size(),
                              [&](std::size_t at) { found[at] = follow(functions[at]); });
      for (std::size_t at = 0; at < functions.size(); ++at)
        known_.emplace(functions[at], std::move(found[at]));
    }
    const std::vector<PointerFact>& of(std::uint32_t function) override {
      const auto [at, is_new] = known_.try_emplace(function);
      if (is_new) at->second = follow(function);
      return at->second;
    }

   private:
    std::vector<PointerFact> follow(std::uint32_t i) {
      const auto kept = analyser_.pointers_.find(i);
      if (kept != analyser_.pointers_.end() &&
          kept->second.entries == analyser_.entries_[i].size()) {
        return kept->second.facts;
      }
      const std::vector<std::uint64_t> entries(analyser_.entries_[i].begin(),
                                               analyser_.entries_[i].end());
      std::unique_ptr<FunctionFlow> flow = analyser_.take_flow();
      std::vector<PointerFact> facts = pointer_facts_of(
          analyser_.map_, *flow, analyser_.table_.functions[i], entries, analyser_.is_go(i));
      analyser_.give_back(std::move(flow));
      return facts;
    }

    Analyser& analyser_;
    std::map<std::uint32_t, std::vector<PointerFact>> known_;
  };

  /// Finds what is written behind pointers whose words matter: of few functions.
  void follow_pointers() {
    Pointers pointers(*this);
    findings_.rewrites = find_rewrites(map_, findings_, pointers);
  }

  /// Lets go of what calls pass to functions that do not ask: before pointers are asked for that
  /// nobody needs, and before data is cut, which takes as much memory again.
  void drop_unheard() {
    if (is_linker(map_)) return;
    for (FunctionFacts& facts : findings_.functions) {
      for (CallFact& call : facts.calls) {
        if (call.target.kind == Target::Kind::kImport) continue;
        const bool pointer = call.target.index == kNone;
        if (pointer ? findings_.has_held : findings_.asking[call.target.index] != 0) continue;
        call.passed = {};
      }
    }
  }

  void want(std::uint32_t i) {
    if (wanted_[i] != kNotWanted) return;
    wanted_[i] = kWanted;
    todo_.push_back(i);
  }

  void follow_wanted() {
    do {
      follow_todo();
      follow_again();
    } while (!todo_.empty());
  }

  void follow_todo() {
    while (!todo_.empty()) {
      std::vector<std::uint32_t> fresh;
      for (std::uint32_t i : todo_) {
        if (wanted_[i] != kWanted) continue;
        wanted_[i] = kFollowed;
        fresh.push_back(i);
      }
      if (!map_.machine().composes_addresses) follow(fresh, true);  // else they are known by now
      find_asking();
    }
  }

  /// Whose findings depend on what they are passed, among those that were followed; their callers
  /// are to do.
  void find_asking() {
    std::vector<std::uint32_t> wave;
    while (!todo_.empty()) {
      const std::uint32_t i = todo_.back();
      todo_.pop_back();
      if (wanted_[i] == kWanted) {
        wave.push_back(i);
        continue;
      }
      if (findings_.asking[i]) continue;
      if (asked_[i] == 0 && !asks(findings_.functions[i])) continue;
      findings_.asking[i] = 1;
      for (std::uint32_t caller : callers_[i]) {
        want(caller);
        // Followed already, but what it passes on may matter only now.
        if (wanted_[caller] == kFollowed && !findings_.asking[caller]) todo_.push_back(caller);
      }
    }
    todo_ = std::move(wave);
  }

  /// libcap keeps its two ways to call the kernel in static data of its own, and nobody else gets
  /// them but psx_load_syscalls(), which puts others there and calls none (libcap/cap_proc.c,
  /// psx/psx.c of libcap 2.66): the calls through pointers here are their callers.
  void find_held() {
    const std::size_t count = findings_.functions.size();
    findings_.held.assign(count, 0);
    if (dynamic_.soname != kLibcap) return;
    for (std::uint32_t i = 0; i < count; ++i)
      findings_.held[i] = findings_.asking[i] && !is_exported_function(i);
    findings_.has_held =
        std::find(findings_.held.begin(), findings_.held.end(), 1) != findings_.held.end();
    for (std::uint32_t i = 0; findings_.has_held && i < count; ++i) {
      if (findings_.functions[i].calls_indirect) want(i);
    }
    follow_wanted();
  }

  void find_called_by_all_threads() {
    const auto count = static_cast<std::uint32_t>(findings_.functions.size());
    all_threads_.assign(count, 0);
    for (std::uint32_t i = 0; i < count; ++i)
      all_threads_[i] = is_for_all_threads(findings_.functions[i]);
    for (std::uint32_t i = 0; i < count; ++i) {
      if (all_threads_[i] == 0) continue;
      for (std::uint32_t caller : callers_[i]) want(caller);
    }
    follow_wanted();
    for (std::uint32_t i = 0; i < count; ++i) {
      if (wanted_[i] == kFollowed && call_for_all_threads(i)) todo_.push_back(i);
    }
    follow_wanted();
  }

  /// Whether it is musl's __synccall(function, context), which has all threads call that function
  /// with that context, and calls it so itself (src/thread/synccall.c of musl 1.2.3). It is looked
  /// for in static programs alone: it asks for its thread's number and sends signals to threads,
  /// and makes no other call.
  bool is_for_all_threads(const FunctionFacts& facts) const {
    const bool is_static = dynamic_.soname.empty() && dynamic_.needed.empty();
    if (!is_static || !facts.calls_indirect || map_.machine().abi != Abi::kX86_64) return false;
    constexpr std::uint64_t kGettid = 186, kTkill = 200;  // syscall_64.tbl, Linux 6.18
    bool asks = false;
    bool sends = false;
    for (const SiteFact& site : facts.sites) {
      if (site.nr.size() != 1 || site.nr[0].kind != Value::Kind::kConstant) return false;
      asks = asks || site.nr[0].number == kGettid;
      sends = sends || site.nr[0].number == kTkill;
      if (site.nr[0].number != kGettid && site.nr[0].number != kTkill) return false;
    }
    return asks && sends;
  }

  /// What `i` has all threads call it calls itself, as far as values go. Returns whether there is
  /// such a thing.
  bool call_for_all_threads(std::uint32_t i) {
    FunctionFacts& facts = findings_.functions[i];
    std::vector<CallFact> calls;
    for (const CallFact& call : facts.calls) {
      if (call.target.kind != Target::Kind::kFunction || call.target.index == kNone) continue;
      if (all_threads_[call.target.index] == 0 || call.passed.size() < 2) continue;
      const PassedFact* function = passed_in(call, map_.machine().syscall_args[0]);
      const PassedFact* context = passed_in(call, map_.machine().syscall_args[1]);
      if (function == nullptr || context == nullptr || context->pointees.empty()) continue;
      if (function->values.size() != 1 || function->values[0].kind != Value::Kind::kAddress)
        continue;
      const std::uint32_t called = map_.function_at(function->values[0].number);
      if (called == kNone || table_.functions[called].start != function->values[0].number) continue;
      CallFact made{call.vaddr, {Target::Kind::kFunction, false, 0, called}, {*context}};
      made.passed[0].place = function->place;
      calls.push_back(std::move(made));
    }
    for (CallFact& call : calls) {
      std::erase_if(facts.targets, [&](const Target& target) {
        return is_taken_function(target) && target.index == call.target.index;
      });
      facts.calls.push_back(std::move(call));
    }
    return !calls.empty();
  }

  static const PassedFact* passed_in(const CallFact& call, std::uint8_t reg) {
    for (const PassedFact& fact : call.passed) {
      if (fact.place.on_stack == 0 && fact.place.reg == reg) return &fact;
    }
    return nullptr;
  }

  bool is_exported_function(std::uint32_t i) const {
    return std::any_of(dynamic_.symbols.begin(), dynamic_.symbols.end(),
                       [&](const DynamicSymbol& symbol) {
                         return symbol.defined && symbol.vaddr == table_.functions[i].start;
                       });
  }

  static bool is_taken_function(const Target& target) {
    return target.kind == Target::Kind::kFunction && target.taken;
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
      if (!is_heard(map_, findings_, call)) continue;
      for (const PassedFact& fact : call.passed) {
        if (depends_on_caller(fact.values)) return true;
        for (const PassedFact& pointee : fact.pointees) {
          if (depends_on_caller(pointee.values)) return true;
        }
      }
    }
    return false;
  }

  std::string_view import_name(const Target& target) const {
    return dynamic_.symbols[target.index].name;
  }

  const Dynamic& dynamic_;
  const FunctionTable& table_;
  const Decoder& decoder_;
  Workers& workers_;
  ObjectMap map_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<FunctionFlow>> flows_;  ///< those that nobody uses now
  Findings findings_;
  std::vector<std::set<std::uint64_t>> entries_;
  static constexpr std::uint8_t kNotWanted = 0, kWanted = 1, kFollowed = 2;
  std::vector<std::uint8_t> wanted_;  ///< whether values are followed
  std::vector<std::uint32_t> todo_;
  std::vector<std::uint8_t> followed_;  ///< how often
  std::set<std::uint32_t> again_;       ///< to be followed again
  std::set<std::uint32_t> gave_up_;
  std::vector<std::vector<std::uint32_t>> callers_;
  /// What a function does with pointers, as it was found with so many entries.
  struct KeptPointers {
    std::size_t entries = 0;
    std::vector<PointerFact> facts;
  };
  std::unordered_map<std::uint32_t, KeptPointers> pointers_;
  std::vector<std::uint8_t> asked_;        ///< is_asked() of one of its names
  std::vector<std::uint8_t> all_threads_;  ///< is_for_all_threads(), once values are known
};

}  // namespace

Result<Summary> analyse_object(const ElfImage& image, const ElfImage* debug) {
  Workers alone(1);
  return analyse_object(image, debug, alone);
}

Result<Summary> analyse_object(const ElfImage& image, const ElfImage* debug, Workers& workers) {
  if (!image.is_64() || machine_of(image.machine()) == nullptr) {
    return fail(Errc::kUnsupported,
                "{}: an ELF image for machine {} of {} bits; the scan knows x86_64 and aarch64",
                printable(image.name()), image.machine(), image.is_64() ? 64 : 32);
  }
  Result<ImageMemory> memory = ImageMemory::load(image);
  if (!memory) return propagate(memory);
  if (memory->segments().empty()) {
    return fail(Errc::kBadInput, "{}: it has no segment to load: no program and no library",
                printable(image.name()));
  }
  Result<Dynamic> dynamic = read_dynamic(image, *memory);
  if (!dynamic) return propagate(dynamic);
  Result<FunctionTable> table = find_functions(image, *memory, *dynamic, debug);
  if (!table) return propagate(table);
  std::unique_ptr<Decoder> decoder;
  if (image.machine() == EM_AARCH64) {
    decoder = std::make_unique<Arm64Decoder>();
  } else {
    decoder = std::make_unique<X86Decoder>();
  }
  divide_rest(*table, calls_of_bare(*table, *memory, *decoder));
  for (int round = 0;; ++round) {
    Analyser analyser(image, *memory, *dynamic, *table, *decoder, workers);
    std::vector<std::uint64_t> places = analyser.follow_control();
    if (round < kMaxDividing && divide_functions(*table, std::move(places))) continue;
    return analyser.run();
  }
}

}  // namespace sysnare
