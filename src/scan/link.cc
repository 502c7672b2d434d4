// The parts in their order: walk, look up names and walk on, resolve numbers, tell phases, write
// down.

#include "scan/link.h"

#include <elf.h>
#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>

#include "arch/syscalls.h"
#include "scan/guards.h"
#include "scan/link_graph.h"
#include "scan/names.h"
#include "scan/numbers.h"
#include "scan/opens.h"
#include "scan/phases.h"
#include "scan/reach.h"

namespace sysnare {
namespace {

/// Most values of an argument that are kept.
constexpr std::size_t kMaxArgValues = 64;
constexpr unsigned kArgs = 6;
constexpr std::uint8_t kErrorOnly = static_cast<std::uint8_t>(ScanPhase::kErrorOnly);

/// All that is known of one call while its sites are gone through.
struct Gathered {
  std::uint8_t phases = 0;
  std::size_t length = SIZE_MAX;  ///< of the shortest chain so far
  std::vector<std::uint32_t> way;
  std::vector<const LiveSite*> sites;
};

class Linker {
 public:
  Linker(const std::vector<LoadedObject>& objects, const LinkOptions& options)
      : graph_(objects), guards_(graph_), options_(options) {}

  ScanResult link(std::vector<OpenRequest>& wanted);

 private:
  void begin();
  void walk();
  void find_sites();
  void write_sites();
  void write_calls();
  void add_kernel_calls();
  [[nodiscard]] std::set<std::string_view> vdso_calls() const;
  std::map<unsigned, std::set<std::uint64_t>> args_of(const Gathered& gathered);
  void find_missing();
  void find_troubles();
  void write_graph();
  [[nodiscard]] std::vector<std::uint32_t> way_to(const LiveSite& live, const Known& known) const;
  [[nodiscard]] std::vector<Reason> chain(const std::vector<std::uint32_t>& way) const;
  void open_point(std::string kind, std::uint32_t node, std::uint64_t offset, std::string reason);

  LinkGraph graph_;
  Guards guards_;
  std::optional<Reach> reach_;
  LinkOptions options_;
  std::vector<Root> roots_;
  std::optional<Numbers> numbers_;
  std::vector<LiveSite> sites_;
  std::vector<std::uint8_t> phases_;
  std::map<Call, Gathered> calls_;
  ScanResult result_;
};

void Linker::begin() {
  reach_.emplace(graph_);
  for (std::uint32_t i = 0; i < roots_.size(); ++i) {
    reach_->add_root(roots_[i].node, i, roots_[i].called);
  }
}

void Linker::walk() {
  UnknownNames unknown;
  // Who asks in a static program cannot be told where it has no symbols.
  unknown.anybody = graph_.is_static();
  roots_ = find_roots(graph_, unknown);
  begin();
  // Each turn makes something live that was not, so this ends; two turns are usual.
  for (;;) {
    reach_->run();
    if (guards_.wake(*reach_)) {
      begin();
      numbers_.reset();
      continue;
    }
    if (numbers_) {
      numbers_->look_again();
    } else {
      numbers_.emplace(graph_, *reach_);
    }
    if (guards_.wake(*numbers_)) {
      begin();
      numbers_.reset();
      continue;
    }
    const UnknownNames before = unknown;
    const bool goes_on = follow_names(graph_, *reach_, *numbers_, unknown);
    if (unknown != before) {
      roots_ = find_roots(graph_, unknown);
      begin();
      numbers_.reset();
    } else if (!goes_on) {
      break;
    }
  }
}

void Linker::find_sites() {
  for (const std::uint32_t node : reach_->order()) {
    const Function* function = graph_.function(node);
    if (function == nullptr) continue;
    ++result_.functions_live;
    for (const SyscallSite& site : cut(graph_.summary_of(node).sites, function->sites)) {
      sites_.push_back({node, &site, numbers_->values(node, site.nr)});
      Answer& nr = sites_.back().nr;
      const std::size_t asleep = std::erase_if(nr.known, [&](const Known& known) {
        return known.object == kNone &&
               graph_.is_site_asleep(node, static_cast<std::uint32_t>(known.number));
      });
      if (asleep != 0 && nr.known.empty() && !nr.any()) {
        sites_.pop_back();
        continue;
      }
      // An address is no number of a call.
      const auto plain =
          std::stable_partition(nr.known.begin(), nr.known.end(),
                                [](const Known& known) { return known.object == kNone; });
      if (plain != nr.known.end() && !nr.any())
        nr.doubt = {Doubt::Kind::kHere, plain->origin, kNone};
      nr.known.erase(plain, nr.known.end());
    }
  }
}

std::vector<std::uint32_t> Linker::way_to(const LiveSite& live, const Known& known) const {
  std::vector<std::uint32_t> way = numbers_->way(known);
  // Numbers that lie in a variable come from elsewhere than the calls that lead here.
  if (way.empty() || way.back() != live.node) way.push_back(live.node);
  return way;
}

/// The chain of reasons to the first of `way`, and then `way`.
std::vector<Reason> Linker::chain(const std::vector<std::uint32_t>& way) const {
  const Reach::Chain begin = reach_->chain(way.front());
  const Root& root = roots_[begin.root];
  std::vector<Reason> reasons = {{graph_.objects()[root.object].path, root.what}};
  for (const std::uint32_t node : begin.nodes) reasons.push_back(graph_.reason(node));
  for (std::size_t i = 1; i < way.size(); ++i) reasons.push_back(graph_.reason(way[i]));
  return reasons;
}

void Linker::open_point(std::string kind, std::uint32_t node, std::uint64_t offset,
                        std::string reason) {
  OpenPoint point;
  point.kind = std::move(kind);
  const Reason by = graph_.reason(node);
  point.object = by.object;
  point.function = by.function;
  point.offset = offset;
  point.reason = std::move(reason);
  point.why = chain({node});
  result_.open.push_back(std::move(point));
}

void Linker::write_sites() {
  for (const LiveSite& live : sites_) {
    const LoadedObject& object = graph_.objects()[graph_.object_of(live.node)];
    ScannedSite site;
    site.module = object.path;
    site.module_key = text_of(object.summary, object.summary.module_key);
    site.offset = live.site->offset;
    site.vaddr = live.site->vaddr;
    site.abi = live.site->abi;
    site.any = live.nr.any();
    site.function = graph_.reason(live.node).function;
    site.phases = phases_[live.node];
    std::size_t length = SIZE_MAX;
    for (const Known& known : live.nr.known) {
      const Call call = call_of(*live.site, known.number);
      site.nrs.push_back(call.nr);
      Gathered& gathered = calls_[call];
      gathered.phases |= site.phases;
      if (gathered.sites.empty() || gathered.sites.back() != &live) gathered.sites.push_back(&live);
      std::vector<std::uint32_t> way = way_to(live, known);
      const std::size_t steps = reach_->chain(way.front()).nodes.size() + way.size();
      if (options_.why == call && steps < length) {
        length = steps;
        site.why = chain(way);
      }
      if (steps < gathered.length) {
        gathered.length = steps;
        gathered.way = std::move(way);
      }
    }
    std::sort(site.nrs.begin(), site.nrs.end());
    site.nrs.erase(std::unique(site.nrs.begin(), site.nrs.end()), site.nrs.end());
    if (site.any) {
      if (options_.why && site.why.empty()) site.why = chain({live.node});
      open_point(
          "site", live.node, site.offset,
          fmt::format("any call can be made here: {}; a recording with --sites that covers it "
                      "closes it",
                      numbers_->explain(live.nr.doubt)));
    }
    result_.sites.push_back(std::move(site));
  }
  const auto key = [](const ScannedSite& site) { return std::tie(site.module, site.offset); };
  std::sort(result_.sites.begin(), result_.sites.end(),
            [&](const ScannedSite& a, const ScannedSite& b) { return key(a) < key(b); });
}

std::map<unsigned, std::set<std::uint64_t>> Linker::args_of(const Gathered& gathered) {
  std::map<unsigned, std::set<std::uint64_t>> args;
  for (unsigned i = 0; i < kArgs; ++i) {
    std::set<std::uint64_t> values;
    bool known = true;
    // The cheap refusals first: most arguments fall here, without a question.
    for (const LiveSite* live : gathered.sites) {
      const Slice slice = live->site->args[i];
      const std::span<const Value> all = cut(graph_.summary_of(live->node).values, slice);
      known = known && !all.empty() && std::none_of(all.begin(), all.end(), [](const Value& value) {
                return value.kind == Value::Kind::kAny || value.kind == Value::Kind::kAddress;
              });
    }
    for (const LiveSite* live : gathered.sites) {
      if (!known) break;
      const Answer& answer = numbers_->values(live->node, live->site->args[i]);
      known = !answer.any() && !answer.known.empty();
      for (const Known& value : answer.known) {
        known = known && value.object == kNone;
        values.insert(value.number);
      }
      known = known && values.size() <= kMaxArgValues;
    }
    if (known && !values.empty()) args.emplace(i, std::move(values));
  }
  return args;
}

void Linker::write_calls() {
  numbers_->stop_at_any();
  for (const auto& [call, gathered] : calls_) {
    ScannedCall scanned;
    scanned.call = call;
    scanned.phases = gathered.phases;
    if ((scanned.phases & ~kErrorOnly) != 0) {
      scanned.phases = static_cast<std::uint8_t>(scanned.phases & ~kErrorOnly);
    }
    scanned.why = chain(gathered.way);
    scanned.args = args_of(gathered);
    result_.calls.push_back(std::move(scanned));
  }
  add_kernel_calls();
}

/// Calls that no code of the program need make.
void Linker::add_kernel_calls() {
  struct Row {
    std::string_view name;
    const char* reason;
  };
  constexpr Row kRows[] = {
      {"restart_syscall", "(the kernel makes it when a call goes on after a stop)"},
      {"rt_sigreturn", "(the return from any signal handler)"},
  };
  const Abi abi = graph_.objects()[0].summary.machine == EM_AARCH64 ? Abi::kAarch64 : Abi::kX86_64;
  std::vector<Row> rows(std::begin(kRows), std::end(kRows));
  for (const std::string_view name : vdso_calls()) {
    rows.push_back({name, "(the vDSO makes it where it has no answer; the program names it)"});
  }
  for (const Row& row : rows) {
    const auto nr = syscall_nr(abi, row.name);
    if (!nr || calls_.contains({abi, *nr})) continue;
    ScannedCall call;
    call.call = {abi, *nr};
    call.phases =
        static_cast<std::uint8_t>(ScanPhase::kLoad) | static_cast<std::uint8_t>(ScanPhase::kMain);
    call.why = {{"kernel", row.reason}};
    result_.calls.push_back(std::move(call));
  }
  std::sort(result_.calls.begin(), result_.calls.end(),
            [](const ScannedCall& a, const ScannedCall& b) { return a.call < b.call; });
}

/// Calls of vDSO functions that objects name: what glibc and musl name they call themselves, where
/// the vDSO is not there.
std::set<std::string_view> Linker::vdso_calls() const {
  std::set<std::string_view> calls;
  for (std::uint32_t i = 0; i < graph_.objects().size(); ++i) {
    if (graph_.is_c_library(i) && !(graph_.is_static() && i == 0)) continue;
    const Summary& summary = graph_.objects()[i].summary;
    for (const StringRef& string : summary.strings) {
      const std::string_view text = text_of(summary, string.text);
      if (text.starts_with(kVdsoPrefix)) calls.insert(text.substr(kVdsoPrefix.size()));
    }
  }
  return calls;
}

void Linker::find_missing() {
  for (const LoadedObject& object : graph_.objects()) {
    const std::size_t count = std::min(object.resolved.size(), object.summary.needed.size());
    for (std::size_t i = 0; i < count; ++i) {
      if (!object.resolved[i].empty()) continue;
      OpenPoint point;
      point.kind = "object";
      point.object = object.path;
      point.reason = fmt::format("it needs {}, which is not there; installing it closes this",
                                 text_of(object.summary, object.summary.needed[i]));
      result_.open.push_back(std::move(point));
    }
  }
  if (graph_.undefined().empty()) return;
  std::map<std::pair<std::uint32_t, std::uint32_t>, bool> said;
  for (const LinkGraph::Undefined& undefined : graph_.undefined()) {
    said.emplace(std::pair(undefined.object, undefined.index), false);
  }
  // Which live node refers to it first?
  for (const std::uint32_t node : reach_->order()) {
    const std::uint32_t object = graph_.object_of(node);
    graph_.for_each_target(node, [&](const Target& target) {
      if (target.kind != Target::Kind::kImport) return;
      const auto row = said.find({object, target.index});
      if (row == said.end() || row->second) return;
      row->second = true;
      const Summary& summary = graph_.objects()[object].summary;
      open_point("object", node, 0,
                 fmt::format("no object defines the symbol {}; the library that has it closes this",
                             text_of(summary, summary.imports[target.index].name)));
    });
  }
}

void Linker::find_troubles() {
  for (std::uint32_t object = 0; object < graph_.objects().size(); ++object) {
    const Summary& summary = graph_.objects()[object].summary;
    for (const Trouble& trouble : summary.troubles) {
      const std::uint32_t node = graph_.node_of_function(object, trouble.function);
      const std::string_view text = text_of(summary, trouble.text);
      if (node != kNone) {
        if (reach_->live(node)) open_point("object", node, 0, std::string(text));
        continue;
      }
      OpenPoint point;
      point.kind = "object";
      point.object = graph_.objects()[object].path;
      point.reason = text;
      result_.open.push_back(std::move(point));
    }
  }
}

void Linker::write_graph() {
  LiveGraph live;
  std::vector<std::uint32_t> place(graph_.size(), kNone);
  for (const std::uint32_t node : reach_->order()) {
    place[node] = static_cast<std::uint32_t>(live.nodes.size());
    live.nodes.push_back(graph_.reason(node));
  }
  for (const std::uint32_t node : reach_->order()) {
    graph_.for_each_edge(node, [&](std::uint32_t to, LinkGraph::Edge) {
      live.edges.push_back({place[node], place[to], reach_->parent(to) == node});
    });
  }
  std::sort(live.edges.begin(), live.edges.end());
  live.edges.erase(std::unique(live.edges.begin(), live.edges.end()), live.edges.end());
  result_.graph = std::move(live);
}

ScanResult Linker::link(std::vector<OpenRequest>& wanted) {
  walk();
  find_sites();
  Opens opens = find_opens(graph_, *reach_, *numbers_, sites_);
  if (options_.load && options_.load(opens.wanted)) return {};
  phases_ = find_phases(graph_, *reach_, roots_, opens.openers);
  for (OpenPoint& point : opens.open) result_.open.push_back(std::move(point));
  result_.execs = std::move(opens.execs);
  wanted = std::move(opens.wanted);
  write_sites();
  write_calls();
  find_missing();
  find_troubles();
  for (const LoadedObject& object : graph_.objects()) {
    result_.functions += object.summary.functions.size();
  }
  if (options_.graph) write_graph();
  const auto key = [](const OpenPoint& point) {
    return std::tie(point.kind, point.object, point.offset, point.function, point.reason);
  };
  std::sort(result_.open.begin(), result_.open.end(),
            [&](const OpenPoint& a, const OpenPoint& b) { return key(a) < key(b); });
  return std::move(result_);
}

}  // namespace

Result<ScanResult> link_objects(const std::vector<LoadedObject>& objects,
                                std::vector<OpenRequest>& wanted, const LinkOptions& options) {
  wanted.clear();
  if (objects.empty()) return fail(Errc::kUsage, "there is no object to link");
  std::uint64_t nodes = 0;
  for (const LoadedObject& object : objects) {
    nodes += object.summary.functions.size() + object.summary.chunks.size();
  }
  if (nodes >= kMaxLinkNodes) {
    return fail(Errc::kLimit, "{}: {} functions and data are more than {}", objects[0].path, nodes,
                kMaxLinkNodes);
  }
  return Linker(objects, options).link(wanted);
}

}  // namespace sysnare
