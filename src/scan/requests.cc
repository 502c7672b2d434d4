#include "scan/requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

namespace sysnare {
namespace {

constexpr std::uint8_t kRdi = 7;
constexpr std::uint8_t kRsi = 6;
constexpr std::uint8_t kNowhere = 0xff;

struct Telling {
  std::string_view name;
  bool loads = false;
  std::uint8_t path = kNowhere;  ///< the register that has the path
  std::string_view shell = {};   ///< it is a command for this
};
/// POSIX (exec, posix_spawn, system, popen, wordexp, dlopen), execveat(2), glibc's dlmopen(3).
constexpr std::array<Telling, 17> kTelling = {{
    {"__libc_dlopen_mode", true, kRdi},
    {"dlmopen", true, kRsi},
    {"dlopen", true, kRdi},
    {"execl", false, kRdi},
    {"execle", false, kRdi},
    {"execlp", false, kRdi},
    {"execv", false, kRdi},
    {"execve", false, kRdi},
    {"execveat", false, kRsi},
    {"execvp", false, kRdi},
    {"execvpe", false, kRdi},
    {"fexecve", false, kNowhere},
    {"popen", false, kNowhere, "/bin/sh"},
    {"posix_spawn", false, kRsi},
    {"posix_spawnp", false, kRsi},
    {"system", false, kNowhere, "/bin/sh"},
    {"wordexp", false, kNowhere, "/bin/sh"},
}};

const Telling* telling(std::string_view name) {
  const auto at =
      std::lower_bound(kTelling.begin(), kTelling.end(), name,
                       [](const Telling& each, std::string_view of) { return each.name < of; });
  return at != kTelling.end() && at->name == name ? &*at : nullptr;
}

/// The objects of glibc, which load libraries by themselves.
bool is_glibc(const Summary& summary) {
  const std::string_view soname = summary.at(summary.soname);
  return soname == "libc.so.6" || soname.starts_with("ld-linux") || soname == "libpthread.so.0" ||
         soname == "libdl.so.2";
}

/// "libgcc_s.so.1", "libx.so"; not the beginning of such a name.
bool names_library(std::string_view text) {
  const std::size_t mark = text.find(".so");
  if (!text.starts_with("lib") || mark == std::string_view::npos ||
      text.find_first_of("%/ :") != std::string_view::npos) {
    return false;
  }
  const std::string_view behind = text.substr(mark + 3);
  return behind.empty() ||
         (behind.size() > 1 && behind[0] == '.' && behind[1] >= '0' && behind[1] <= '9');
}

class Finder {
 public:
  Finder(const CallGraph& graph, const Reached& live, const NumberSearch& numbers,
         ScanResult& result, std::vector<OpenRequest>& wanted)
      : graph_(graph), live_(live), numbers_(numbers), result_(result), wanted_(wanted) {}

  void run() {
    for (const LoadedObject& object : graph_.objects()) {
      known_.insert(object.path);
      known_.insert(object.path.substr(object.path.rfind('/') + 1));
      known_.emplace(object.summary.at(object.summary.soname));
    }
    bool execs = false;
    for (std::uint32_t node : live_.order) {
      if (!graph_.is_function(node)) continue;
      const std::uint32_t object = graph_.object_of(node);
      const Summary& summary = graph_.objects()[object].summary;
      const Function& function = graph_.function(node);
      const bool glibc = is_glibc(summary);
      if (glibc) read_texts(object, node, function);
      for (const CallSite& call :
           summary.calls.subspan(function.calls.begin, function.calls.count)) {
        const Telling* what = glibc ? nullptr : telling(callee_name(object, call));
        if (what == nullptr) continue;
        execs = execs || !what->loads;
        take(node, call, *what);
      }
    }
    if (!execs) look_for_exec_sites();
    for (const auto& [name, asker] : requests_) {
      wanted_.push_back({name, asker.object, asker.function});
    }
    sort_execs();
  }

 private:
  std::string_view callee_name(std::uint32_t object, const CallSite& call) const {
    const Summary& summary = graph_.objects()[object].summary;
    if (call.target.kind == Target::Kind::kImport) {
      return summary.at(summary.imports[call.target.index].name);
    }
    // A static program has the C library in itself.
    return summary.at(summary.functions[call.target.index].name);
  }

  /// What texts the register of a call can point to; nothing where that is not known.
  std::optional<std::set<std::string>> texts(std::uint32_t node, const CallSite& call,
                                             std::uint8_t reg) const {
    const Summary& summary = graph_.objects()[graph_.object_of(node)].summary;
    for (const Passed& passed : summary.passed.subspan(call.passed.begin, call.passed.count)) {
      if (passed.place.on_stack || passed.place.reg != reg || passed.values.count == 0) continue;
      const Numbers found = numbers_.resolve(node, passed.values);
      if (found.any) return std::nullopt;
      std::set<std::string> all;
      for (const Atom& atom : found.atoms) {
        if (!atom.is_address && atom.number == 0) continue;  // dlopen(NULL): the program itself
        const std::optional<std::string> text = text_at(atom);
        if (!text) return std::nullopt;
        all.insert(*text);
      }
      return all;
    }
    return std::nullopt;
  }

  std::optional<std::string> text_at(const Atom& atom) const {
    const Summary& summary = graph_.objects()[graph_.object_of(atom.node)].summary;
    const Function& function = graph_.function(atom.node);
    for (const StringRef& string :
         summary.strings.subspan(function.strings.begin, function.strings.count)) {
      if (string.vaddr == atom.number) return std::string(summary.at(string.text));
    }
    return std::nullopt;
  }

  void take(std::uint32_t node, const CallSite& call, const Telling& what) {
    const Reason who = graph_.reason(node);
    std::optional<std::set<std::string>> names;
    if (what.path != kNowhere) names = texts(node, call, what.path);
    if (!what.loads) {
      if (!what.shell.empty()) add_exec(std::string(what.shell), who);
      if (!names) return add_exec(std::nullopt, who);
      for (const std::string& path : *names) add_exec(path, who);
      return;
    }
    if (names) {
      for (const std::string& name : *names) request(name, who);
      return;
    }
    OpenPoint point;
    point.kind = "dlopen";
    point.object = who.object;
    point.function = who.function;
    point.offset = call.vaddr;
    point.reason = fmt::format(
        "it loads an object whose name is not known by {}; a recording shows which objects it "
        "loads",
        what.name);
    point.why = graph_.chain(live_, node);
    result_.open.push_back(std::move(point));
  }

  void add_exec(std::optional<std::string> path, const Reason& who) {
    for (const LoadedObject& object : graph_.objects()) {
      // ld.so executes a program only when it was itself started as one (glibc 2.36, elf/rtld.c).
      if (object.path == who.object && object.role == LoadedObject::Role::kInterpreter) return;
    }
    result_.execs.push_back({std::move(path), who.object, who.function});
  }

  void request(const std::string& name, const Reason& who) {
    if (name.empty() || known_.contains(name)) return;
    requests_.emplace(name, who);
  }

  /// What glibc loads stands in the texts that it refers to.
  void read_texts(std::uint32_t object, std::uint32_t node, const Function& function) {
    const Summary& summary = graph_.objects()[object].summary;
    for (const StringRef& string :
         summary.strings.subspan(function.strings.begin, function.strings.count)) {
      const std::string_view text = summary.at(string.text);
      if (text.starts_with("libnss_")) {
        requests_.emplace("nss:", graph_.reason(node));
      } else if (text.find("gconv") != std::string_view::npos) {
        requests_.emplace("gconv:", graph_.reason(node));
      } else if (names_library(text)) {
        request(std::string(text), graph_.reason(node));
      }
    }
  }

  /// Live code executes programs by a call of its own.
  void look_for_exec_sites() {
    constexpr std::uint32_t kExecve = 59;  // include/uapi/asm/unistd_64.h, Linux 6.18
    constexpr std::uint32_t kExecveat = 322;
    for (const ScannedCall& call : result_.calls) {
      if (call.call.abi != Abi::kX86_64 || call.why.empty()) continue;
      if (call.call.nr == kExecve || call.call.nr == kExecveat)
        add_exec(std::nullopt, call.why.back());
    }
  }

  void sort_execs() {
    const auto key = [](const ExecPoint& point) {
      return std::tie(point.path, point.object, point.function);
    };
    std::vector<ExecPoint>& execs = result_.execs;
    std::sort(execs.begin(), execs.end(),
              [&](const ExecPoint& a, const ExecPoint& b) { return key(a) < key(b); });
    execs.erase(
        std::unique(execs.begin(), execs.end(),
                    [&](const ExecPoint& a, const ExecPoint& b) { return key(a) == key(b); }),
        execs.end());
  }

  const CallGraph& graph_;
  const Reached& live_;
  const NumberSearch& numbers_;
  ScanResult& result_;
  std::vector<OpenRequest>& wanted_;
  std::set<std::string> known_;
  std::map<std::string, Reason> requests_;
};

}  // namespace

void find_requests(const CallGraph& graph, const Reached& live, const NumberSearch& numbers,
                   ScanResult& result, std::vector<OpenRequest>& wanted) {
  Finder(graph, live, numbers, result, wanted).run();
}

}  // namespace sysnare
