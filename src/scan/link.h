#pragma once
// Which calls can this program make, given the summaries of all objects that can be loaded?
//
// Reachability by function: from the entry points along direct calls, taken addresses and live
// data, with symbols looked up as ld.so would (breadth-first scope, interposition, versions;
// ld.so(8)). Whatever has its address taken in live code or data counts as called. A number that a
// caller passes is followed back through all live callers until nothing changes.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "arch/abi.h"
#include "base/result.h"
#include "scan/summary.h"

namespace sysnare {

/// Who had an object opened, and asks it for functions by their names.
struct Asker {
  enum class Kind : std::uint8_t {
    kAnybody,      ///< by dlsym: names that are known are followed, with others any may be meant
    kItself,       ///< the same by nobody else: it opened itself
    kCLibrary,     ///< for itself: any of the object, and none of what that needs
    kNameService,  ///< the C library for _nss_SERVICE_FUNCTION (scan/name_services.h)
    kConverter,    ///< the C library for gconv, gconv_init and gconv_end
    kLoader,       ///< a loader of plug-ins, by dlsym, for what its row says (scan/plug_ins.h)
  };
  Kind kind = Kind::kAnybody;
  std::string who = {};  ///< kLoader: PlugIns::object; kItself: the path
  auto operator<=>(const Asker&) const = default;
};

/// One object of the program, in the order of the global scope.
struct LoadedObject {
  enum class Role : std::uint8_t { kProgram, kLibrary, kInterpreter, kOpened };
  Summary summary;
  std::string path;  ///< inside the root
  Role role = Role::kLibrary;
  /// Path of each of summary.needed; behind them others that may be there under these names.
  std::vector<std::string> resolved;
  std::string why;  ///< kOpened: what asked for it ("dlopen(\"libx.so\") in main")
  /// kOpened: of it, or of what needs it (dlsym of a handle looks there, too); each once.
  std::vector<Asker> askers = {};
};

/// One step of a chain of reasons.
struct Reason {
  std::string object;  ///< path
  std::string
      function;  ///< demangled name, else "+0x1234" (link-time address); for data "data NAME"
  bool operator==(const Reason&) const = default;
};

enum class ScanPhase : std::uint8_t { kLoad = 1, kMain = 2, kErrorOnly = 4 };

struct ScannedCall {
  Call call;
  std::uint8_t phases = 0;  ///< of ScanPhase, or-ed
  std::vector<Reason>
      why;  ///< one shortest chain, from the root to the function with the instruction
  std::map<unsigned, std::set<std::uint64_t>> args;  ///< closed sets alone
};

/// A calling instruction in live code.
struct ScannedSite {
  std::string module;      ///< path of the object
  std::string module_key;  ///< as the recorder's
  std::uint64_t offset = 0;
  std::uint64_t vaddr = 0;
  Abi abi = Abi::kX86_64;
  std::vector<std::uint32_t> nrs;  ///< sorted
  bool any = false;                ///< numbers beside these cannot be excluded
  std::string function;
  std::uint8_t phases = 0;
  std::vector<Reason> why;  ///< only with LinkOptions::why and for a site that can make that call
};

/// Something that stays open.
struct OpenPoint {
  std::string kind;    ///< "site", "dlopen", "object"
  std::string object;  ///< path
  std::string function;
  std::uint64_t offset = 0;
  std::string reason;  ///< one sentence: why, and what would close it
  std::vector<Reason> why;
};

/// What the program can exec.
struct ExecPoint {
  std::optional<std::string> path;  ///< absent: not known
  std::string object;
  std::string function;
};

/// What is live, for DOT: every live function and datum, and who refers to whom.
struct LiveGraph {
  struct Edge {
    std::uint32_t from = 0, to = 0;  ///< into `nodes`
    bool on_chain = false;           ///< `from` is why `to` is live: these edges are a forest
    auto operator<=>(const Edge&) const = default;
  };
  std::vector<Reason> nodes;  ///< in the order in which they were reached
  std::vector<Edge> edges;    ///< sorted by from, to; none twice
};

struct ScanResult {
  std::vector<ScannedCall> calls;  ///< sorted by call
  std::vector<ScannedSite> sites;  ///< sorted by module and offset
  std::vector<OpenPoint> open;     ///< sorted; empty: closed
  std::vector<ExecPoint> execs;    ///< sorted, none twice
  std::uint64_t functions_live = 0;
  std::uint64_t functions = 0;
  std::optional<LiveGraph> graph;  ///< only with LinkOptions::graph
};

/// What live code asks to be loaded at run time.
struct OpenRequest {
  std::string
      name;  ///< as dlopen gets it; "nss:" what nsswitch.conf names; "gconv:" the converters
  std::string object;
  std::string function;
  Asker asker = {};
};

struct LinkOptions {
  /// Told what live code asks for, as soon as that is known. True: it has loaded more, so that this
  /// result is of no use, and nothing more is found out for it. Empty: nobody asks.
  std::function<bool(const std::vector<OpenRequest>& wanted)> load;
  std::optional<Call> why;  ///< give each site that can make this call its own chain (`--why`)
  bool graph = false;       ///< fill ScanResult::graph (`--graph`)
};

/// Most functions and data of all objects together: indices have 30 bits.
inline constexpr std::uint64_t kMaxLinkNodes = 1u << 30;

/// Joins `objects` (the program first). `wanted` gets what live code asks to load and is not among
/// the objects yet, each name once: the caller loads it, adds it (with all that it needs, as
/// kOpened) and links again until nothing new is wanted; what it cannot find it leaves out.
///
/// What is and what is not modelled stands with its part: symbols in scope.h, liveness in reach.h,
/// numbers in numbers.h, phases in phases.h, dlopen, dlsym and exec in opens.h.
/// Errors: kUsage for no objects, kLimit above kMaxLinkNodes. A summary whose indices point outside
/// of its arrays loses those entries and is no error.
/// Cost: linear in the edges of live nodes; 4 ms of CPU time for 3,000 functions and 30,000 edges,
/// 0.1 s for 60,000 and 500,000, all of them live.
Result<ScanResult> link_objects(const std::vector<LoadedObject>& objects,
                                std::vector<OpenRequest>& wanted, const LinkOptions& options = {});

}  // namespace sysnare
