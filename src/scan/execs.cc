// What live code can execute.

#include <algorithm>

#include "arch/syscalls.h"
#include "scan/names.h"
#include "scan/opens.h"

namespace sysnare {
namespace {

/// name: a function of the C library (POSIX, glibc 2.36, musl 1.2)
/// path: the argument that names the file, or kNoPath (a descriptor), or kShell ("/bin/sh -c TEXT")
struct Exec {
  std::string_view name;
  unsigned path;
};
constexpr unsigned kNoPath = 16;
constexpr unsigned kShell = 17;
constexpr Exec kExecs[] = {
    {"execve", 0},     {"execv", 0},       {"execvp", 0},       {"execvpe", 0},
    {"execl", 0},      {"execle", 0},      {"execlp", 0},       {"fexecve", kNoPath},
    {"execveat", 1},   {"posix_spawn", 1}, {"posix_spawnp", 1}, {"system", kShell},
    {"popen", kShell},
};
constexpr std::string_view kShellPath = "/bin/sh";

/// Parts of the functions above that have names in a static program: their calls are those of their
/// callers.
constexpr std::string_view kInner[] = {
    "exec",        "__exec",        "posix_spawn",   "__posix_spawn", "__spawn",
    "do_system",   "__libc_system", "spawn_process", "_IO_proc_open", "_IO_new_proc_open",
    "maybe_script"};

constexpr std::string_view kGoExecs[] = {"syscall.forkExec", "syscall.Exec", "os.StartProcess"};

class ExecFinder {
 public:
  ExecFinder(LinkGraph& graph, const Reach& reach, Numbers& numbers)
      : graph_(graph), reach_(reach), numbers_(numbers), texts_(graph.objects()) {}

  void find_calls();
  void find_sites(const std::vector<LiveSite>& sites);
  std::vector<ExecPoint> take();

 private:
  [[nodiscard]] bool is_inner(std::uint32_t node) const;
  [[nodiscard]] bool is_covered(std::uint32_t node) const;
  void add(std::uint32_t node, std::optional<std::string> path);
  void add_all(std::uint32_t node, const TextArgument& path);

  LinkGraph& graph_;
  const Reach& reach_;
  Numbers& numbers_;
  Texts texts_;
  std::vector<std::uint32_t> functions_;  ///< of kExecs, sorted
  std::vector<ExecPoint> execs_;
};

bool ExecFinder::is_inner(std::uint32_t node) const {
  if (!graph_.is_c_library(graph_.object_of(node))) return false;
  if (std::binary_search(functions_.begin(), functions_.end(), node)) return true;
  const std::string_view name = graph_.symbol(node);
  return !graph_.is_static() ||
         std::any_of(std::begin(kInner), std::end(kInner),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

bool ExecFinder::is_covered(std::uint32_t node) const {
  const std::uint32_t object = graph_.object_of(node);
  if (graph_.is_static() && object == 0) return is_inner(node);
  if (!graph_.is_c_library(object)) return false;
  // ld.so executes what it is asked to run by its own name (elf/rtld.c, rtld_chain_load()).
  if (object == graph_.interpreter()) return true;
  return std::any_of(functions_.begin(), functions_.end(),
                     [&](std::uint32_t function) { return graph_.object_of(function) == object; });
}

void ExecFinder::add(std::uint32_t node, std::optional<std::string> path) {
  const Reason by = graph_.reason(node);
  execs_.push_back({std::move(path), by.object, by.function});
}

void ExecFinder::add_all(std::uint32_t node, const TextArgument& path) {
  for (const std::string& text : path.texts) add(node, text);
  if (path.unknown()) add(node, std::nullopt);
}

void ExecFinder::find_calls() {
  std::vector<std::vector<std::uint32_t>> by_name;
  for (const Exec& exec : kExecs) {
    by_name.push_back(graph_.library_functions(exec.name));
    functions_.insert(functions_.end(), by_name.back().begin(), by_name.back().end());
  }
  std::sort(functions_.begin(), functions_.end());
  for (std::size_t i = 0; i < by_name.size(); ++i) {
    for (const std::uint32_t function : by_name[i]) {
      for (const Numbers::Caller& caller : numbers_.callers(function)) {
        // What the C library passes on comes from a call that is seen itself; where it executes
        // something of its own accord (wordexp and its shell), the name is a constant.
        const bool inner = is_inner(caller.node);
        if (kExecs[i].path == kShell) {
          if (inner) continue;
          add(caller.node, std::string(kShellPath));
          add(caller.node, std::nullopt);
        } else if (kExecs[i].path == kNoPath) {
          if (!inner) add(caller.node, std::nullopt);
        } else if (inner) {
          if (std::binary_search(functions_.begin(), functions_.end(), caller.node)) continue;
          TextArgument path =
              text_argument(graph_, texts_, numbers_, caller.node, *caller.site, kExecs[i].path);
          for (std::string& text : path.texts) add(caller.node, std::move(text));
        } else {
          add_all(caller.node, text_argument(graph_, texts_, numbers_, caller.node, *caller.site,
                                             kExecs[i].path));
        }
      }
    }
  }
  for (const std::uint32_t node : takers(graph_, reach_, functions_)) {
    if (!is_inner(node)) add(node, std::nullopt);
  }
}

void ExecFinder::find_sites(const std::vector<LiveSite>& sites) {
  for (const LiveSite& live : sites) {
    for (const Known& known : live.nr.known) {
      if (known.object != kNone) continue;
      const Call call = call_of(*live.site, known.number);
      const std::string_view name = syscall_name(call);
      if (name != "execve" && name != "execveat") continue;
      // Whoever passed the number, where it went through a wrapper.
      const std::uint32_t node = [&] {
        const std::vector<std::uint32_t> way = numbers_.way(known);
        return way.empty() ? live.node : way.front();
      }();
      // The C library's own sites are behind the functions above. A static program is all one
      // object: there the names tell, and where it was stripped of them every site counts.
      if (is_covered(node)) continue;
      const Slice& path = live.site->args[name == "execveat" ? 1 : 0];
      if (node != live.node || path.count == 0) {
        add(node, std::nullopt);
      } else {
        add_all(node, text_of_answer(texts_, numbers_.values(live.node, path)));
      }
    }
  }
  for (const std::uint32_t node : reach_.order()) {
    if (!graph_.summary_of(node).is_go) continue;
    const std::string_view name = graph_.symbol(node);
    if (std::find(std::begin(kGoExecs), std::end(kGoExecs), name) != std::end(kGoExecs)) {
      add(node, std::nullopt);
    }
  }
}

std::vector<ExecPoint> ExecFinder::take() {
  const auto key = [](const ExecPoint& exec) {
    return std::tie(exec.object, exec.function, exec.path);
  };
  std::sort(execs_.begin(), execs_.end(),
            [&](const ExecPoint& a, const ExecPoint& b) { return key(a) < key(b); });
  execs_.erase(
      std::unique(execs_.begin(), execs_.end(),
                  [&](const ExecPoint& a, const ExecPoint& b) { return key(a) == key(b); }),
      execs_.end());
  return std::move(execs_);
}

}  // namespace

std::vector<ExecPoint> find_execs(LinkGraph& graph, const Reach& reach, Numbers& numbers,
                                  const std::vector<LiveSite>& sites) {
  ExecFinder finder(graph, reach, numbers);
  finder.find_calls();
  finder.find_sites(sites);
  return finder.take();
}

}  // namespace sysnare
