// From summaries to the calls of a program:
//
// 1. What is live: a search from the entry of the program and of its dynamic linker, and from the
// start-up
//    and end code of every object (scan/graph.h).
// 2. Which numbers the calling instructions in live functions have (scan/numbers.h).
// 3. Phases: the same search from what runs before main, and from main; and one that does not enter
// the
//    functions that only report a fatal error.
// 4. What stays open, what can be executed, what asks to be loaded (scan/requests.h).

#include "scan/link.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "arch/recorded_args.h"
#include "scan/graph.h"
#include "scan/numbers.h"
#include "scan/requests.h"

namespace sysnare {
namespace {

constexpr std::uint32_t kRestartSyscall = 219;  // include/uapi/asm/unistd_64.h, Linux 6.18
constexpr std::size_t kMaxArgSet = 64;          // as kMaxArgValues of evidence
constexpr std::uint8_t kRdi = 7;

/// Functions that end the program over a fault of its own: sorted. C11 7.22.4.1; Linux Standard
/// Base 5.0; glibc 2.36; Itanium C++ ABI; Go 1.19 src/runtime/panic.go.
constexpr std::array<std::string_view, 14> kFatal = {
    "_ZSt9terminatev",    "__assert",       "__assert_fail",   "__assert_perror_fail",
    "__chk_fail",         "__fortify_fail", "__libc_fatal",    "__longjmp_chk",
    "__stack_chk_fail",   "abort",          "runtime.badctxt", "runtime.fatalpanic",
    "runtime.fatalthrow", "runtime.throw",
};

bool is_fatal(std::string_view name) {
  return std::binary_search(kFatal.begin(), kFatal.end(), name);
}

class Linker {
 public:
  explicit Linker(const std::vector<LoadedObject>& objects) : graph_(objects), objects_(objects) {}

  Result<ScanResult> run(std::vector<OpenRequest>& wanted) {
    find_roots();
    live_ = graph_.search(roots_);
    const std::vector<std::uint8_t> taken = graph_.taken(live_);
    const NumberSearch numbers(graph_, live_, taken);
    find_phases();
    for (std::uint32_t node : live_.order) {
      if (!graph_.is_function(node)) continue;
      ++result_.functions_live;
      take_sites(node, numbers);
    }
    for (const LoadedObject& object : objects_)
      result_.functions += object.summary.functions.size();
    add_kernels_own();
    find_requests(graph_, live_, numbers, result_, wanted);
    sort_all();
    return std::move(result_);
  }

 private:
  std::uint32_t node_at(std::uint32_t object, std::uint64_t vaddr) const {
    const std::uint32_t function = objects_[object].summary.function_at(vaddr);
    return function == kNone ? kNone : graph_.function_node(object, function);
  }

  void add_targets(std::uint32_t object, std::span<const Target> targets,
                   std::vector<std::uint32_t>& to) const {
    for (const Target& target : targets) {
      const std::uint32_t node = graph_.node_of(object, target);
      if (node != kNone) to.push_back(node);
    }
  }

  void find_roots() {
    for (std::uint32_t i = 0; i < objects_.size(); ++i) {
      const LoadedObject& object = objects_[i];
      const bool starts = object.role == LoadedObject::Role::kProgram ||
                          object.role == LoadedObject::Role::kInterpreter;
      if (starts && object.summary.entry != 0) {
        const std::uint32_t entry = node_at(i, object.summary.entry);
        if (entry != kNone) before_main_.push_back(entry);
        if (object.role == LoadedObject::Role::kProgram) entry_ = entry;
      }
      add_targets(i, object.summary.init, before_main_);
      add_targets(i, object.summary.fini, after_main_);
      add_targets(i, object.summary.always, always_);
    }
    roots_ = before_main_;
    roots_.insert(roots_.end(), after_main_.begin(), after_main_.end());
    roots_.insert(roots_.end(), always_.begin(), always_.end());
  }

  /// main, as `_start` hands it to __libc_start_main; for Go main.main. kNone: it cannot be told.
  std::uint32_t find_main() const {
    if (objects_.empty()) return kNone;
    const Summary& program = objects_.front().summary;
    if (program.is_go) {
      for (std::uint32_t i = 0; i < program.functions.size(); ++i) {
        if (program.at(program.functions[i].name) == "main.main") {
          return graph_.function_node(0, i);
        }
      }
      return kNone;
    }
    if (entry_ == kNone) return kNone;
    const Function& start = graph_.function(entry_);
    for (const CallSite& call : program.calls.subspan(start.calls.begin, start.calls.count)) {
      for (const Passed& passed : program.passed.subspan(call.passed.begin, call.passed.count)) {
        if (passed.place.on_stack || passed.place.reg != kRdi || passed.values.count != 1) continue;
        const Value& value = program.values[passed.values.begin];
        if (value.kind == Value::Kind::kAddress || value.kind == Value::Kind::kConstant) {
          return node_at(0, value.number);
        }
      }
    }
    // Where it is passed to a function of the program itself: the one function whose address it
    // takes.
    std::uint32_t only = kNone;
    for (const Target& target : program.targets.subspan(start.targets.begin, start.targets.count)) {
      if (target.kind != Target::Kind::kFunction || !target.taken) continue;
      if (only != kNone) return kNone;
      only = graph_.function_node(0, target.index);
    }
    return only;
  }

  void find_phases() {
    std::vector<std::uint8_t> closed(graph_.size(), 0);
    for (std::uint32_t node : live_.order) {
      if (!graph_.is_function(node)) continue;
      const std::uint32_t object = graph_.object_of(node);
      const Summary& summary = objects_[object].summary;
      if (is_fatal(summary.at(graph_.function(node).name))) closed[node] = 1;
    }
    harmless_ = graph_.search(roots_, closed);
    const std::uint32_t main = find_main();
    if (main == kNone || objects_.front().summary.is_go) {
      before_ = main_ = live_;
      return;
    }
    std::vector<std::uint8_t> main_closed(graph_.size(), 0);
    main_closed[main] = 1;
    std::vector<std::uint32_t> roots = before_main_;
    roots.insert(roots.end(), always_.begin(), always_.end());
    before_ = graph_.search(roots, main_closed);
    // Whatever took the address of a function before main may have left it for main to call.
    roots = after_main_;
    roots.push_back(main);
    roots.insert(roots.end(), always_.begin(), always_.end());
    for (std::uint32_t node : before_.order) {
      if (!graph_.is_function(node)) continue;
      const std::uint32_t object = graph_.object_of(node);
      if (objects_[object].role == LoadedObject::Role::kInterpreter) continue;
      const Summary& summary = objects_[object].summary;
      const Function& function = graph_.function(node);
      for (const Target& target :
           summary.targets.subspan(function.targets.begin, function.targets.count)) {
        if (!target.taken) continue;
        const std::uint32_t to = graph_.node_of(object, target);
        if (to != kNone) roots.push_back(to);
      }
    }
    main_ = graph_.search(roots);
  }

  std::uint8_t phases_of(std::uint32_t node) const {
    if (!harmless_.has(node)) return static_cast<std::uint8_t>(ScanPhase::kErrorOnly);
    std::uint8_t phases = 0;
    if (before_.has(node)) phases |= static_cast<std::uint8_t>(ScanPhase::kLoad);
    if (main_.has(node)) phases |= static_cast<std::uint8_t>(ScanPhase::kMain);
    return phases != 0 ? phases : static_cast<std::uint8_t>(ScanPhase::kMain);
  }

  struct Found {
    std::uint32_t node = kNone;  ///< reached first
    std::uint8_t phases = 0;
    std::map<unsigned, std::set<std::uint64_t>> args;
    std::uint8_t args_open = 0;  ///< by bit
  };

  void take_sites(std::uint32_t node, const NumberSearch& numbers) {
    const std::uint32_t object = graph_.object_of(node);
    const Summary& summary = objects_[object].summary;
    const Function& function = graph_.function(node);
    for (const SyscallSite& site :
         summary.sites.subspan(function.sites.begin, function.sites.count)) {
      const Numbers found = numbers.resolve(node, site.nr);
      ScannedSite scanned;
      scanned.module = objects_[object].path;
      scanned.module_key = summary.at(summary.module_key);
      scanned.offset = site.offset;
      scanned.vaddr = site.vaddr;
      scanned.abi = site.abi;
      scanned.function = graph_.reason(node).function;
      scanned.phases = phases_of(node);
      scanned.any = found.any;
      for (const Atom& atom : found.atoms) {
        scanned.nrs.push_back(static_cast<std::uint32_t>(atom.number));
      }
      std::sort(scanned.nrs.begin(), scanned.nrs.end());
      scanned.nrs.erase(std::unique(scanned.nrs.begin(), scanned.nrs.end()), scanned.nrs.end());
      for (std::uint32_t nr : scanned.nrs) take_call(node, site, nr, scanned.phases, numbers);
      if (found.any) open_site(node, scanned, found);
      result_.sites.push_back(std::move(scanned));
    }
  }

  void take_call(std::uint32_t node, const SyscallSite& site, std::uint32_t nr, std::uint8_t phases,
                 const NumberSearch& numbers) {
    Abi abi = site.abi;
    if (abi == Abi::kX86_64 && (nr & kX32Bit)) abi = Abi::kX32;
    Found& found = calls_[{abi, nr}];
    if (found.node == kNone) found.node = node;
    found.phases |= phases;
    const RecordedArgs recorded = recorded_args({abi, nr});
    for (unsigned i = 0; i < kRecordedArgs; ++i) {
      if (!recorded.has(i) || (found.args_open >> i & 1)) continue;
      const Numbers values = site.args[i].count == 0 ? Numbers{{}, true, node, {}}
                                                     : numbers.resolve(node, site.args[i]);
      std::set<std::uint64_t>& set = found.args[i];
      for (const Atom& atom : values.atoms) set.insert(recorded.value(i, atom.number));
      if (values.any || set.size() > kMaxArgSet) {
        found.args_open = static_cast<std::uint8_t>(found.args_open | 1u << i);
        found.args.erase(i);
      }
    }
  }

  void open_site(std::uint32_t node, const ScannedSite& site, const Numbers& found) {
    OpenPoint point;
    point.kind = "site";
    point.object = site.module;
    point.function = site.function;
    point.offset = site.offset;
    const Reason who = graph_.reason(found.who);
    point.reason = fmt::format(
        "the number of this call is not known: in {} of {} {}; a recording with --sites shows "
        "which it "
        "makes",
        who.function, who.object, found.why);
    point.why = graph_.chain(live_, node);
    result_.open.push_back(std::move(point));
  }

  /// A call that no code makes.
  void add_kernels_own() {
    for (const auto& [call, found] : calls_) {
      ScannedCall scanned;
      scanned.call = call;
      scanned.phases = found.phases;
      // Where it also comes outside of fatal errors, that it comes there too says nothing.
      constexpr auto kError = static_cast<std::uint8_t>(ScanPhase::kErrorOnly);
      if (scanned.phases != kError) scanned.phases &= static_cast<std::uint8_t>(~kError);
      scanned.why = graph_.chain(live_, found.node);
      scanned.args = found.args;
      result_.calls.push_back(std::move(scanned));
    }
    const Call restart{Abi::kX86_64, kRestartSyscall};
    if (calls_.contains(restart) || objects_.empty()) return;
    ScannedCall scanned;
    scanned.call = restart;
    scanned.phases =
        static_cast<std::uint8_t>(ScanPhase::kLoad) | static_cast<std::uint8_t>(ScanPhase::kMain);
    scanned.why = {{"the kernel", "goes on with a call that a stop interrupted"}};
    result_.calls.push_back(std::move(scanned));
  }

  void sort_all() {
    std::sort(result_.calls.begin(), result_.calls.end(),
              [](const ScannedCall& a, const ScannedCall& b) { return a.call < b.call; });
    std::sort(result_.sites.begin(), result_.sites.end(),
              [](const ScannedSite& a, const ScannedSite& b) {
                return std::tie(a.module, a.offset) < std::tie(b.module, b.offset);
              });
    const auto key = [](const OpenPoint& point) {
      return std::tie(point.kind, point.object, point.offset, point.function, point.reason);
    };
    std::sort(result_.open.begin(), result_.open.end(),
              [&](const OpenPoint& a, const OpenPoint& b) { return key(a) < key(b); });
  }

  CallGraph graph_;
  const std::vector<LoadedObject>& objects_;
  std::uint32_t entry_ = kNone;
  std::vector<std::uint32_t> before_main_, after_main_, always_, roots_;
  Reached live_, harmless_, before_, main_;
  std::map<Call, Found> calls_;
  ScanResult result_;
};

}  // namespace

Result<ScanResult> link_objects(const std::vector<LoadedObject>& objects,
                                std::vector<OpenRequest>& wanted) {
  return Linker(objects).run(wanted);
}

}  // namespace sysnare
