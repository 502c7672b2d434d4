#include "scan/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

#include "base/text.h"
#include "scan/loaded_set.h"
#include "scan/opened.h"

namespace sysnare {
namespace {

/// Rounds of linking and opening; each adds an object, and real programs need three.
constexpr int kMaxRounds = 64;
/// Scripts that are run by scripts (exec_binprm(), fs/exec.c, Linux 6.18).
constexpr int kMaxScriptDepth = 5;
constexpr std::size_t kScriptBytes = 256;
/// Where env(1) looks when nobody sets PATH to something else (Debian's /etc/login.defs).
constexpr std::array<const char*, 6> kDefaultPath = {
    "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"};

static_assert(static_cast<unsigned>(ScanPhase::kLoad) == kReachableLoad);
static_assert(static_cast<unsigned>(ScanPhase::kMain) == kReachableMain);
static_assert(static_cast<unsigned>(ScanPhase::kErrorOnly) == kReachableErrorOnly);

Chain chain_of(const std::vector<Reason>& why) {
  Chain chain;
  chain.reserve(why.size());
  for (const Reason& reason : why) chain.push_back({reason.object, reason.function});
  return chain;
}

std::string_view role_name(LoadedObject::Role role) {
  switch (role) {
    case LoadedObject::Role::kProgram:
      return "program";
    case LoadedObject::Role::kInterpreter:
      return "interpreter";
    case LoadedObject::Role::kOpened:
      return "opened";
    case LoadedObject::Role::kLibrary:
      break;
  }
  return "library";
}

StaticOpen open_of(OpenPoint point) {
  return {std::move(point.kind), std::move(point.object), std::move(point.function),
          point.offset,          std::move(point.reason), chain_of(point.why)};
}

/// `closed`: what it is given comes from nowhere else than where it was followed.
void add_call(const ScannedCall& scanned, bool closed, Evidence& evidence) {
  CallEvidence& call = evidence.record(scanned.call, Origin::kScan);
  call.reachable = scanned.phases;
  call.why = chain_of(scanned.why);
  if (!closed) return;
  for (const auto& [index, values] : scanned.args) {
    for (const std::uint64_t value : values) call.add_arg(index, value);
  }
}

Evidence evidence_of(const LoadedSet& set, const std::vector<LoadedObject>& objects,
                     const ScanResult& result, std::vector<OpenPoint> open) {
  Evidence evidence;
  const ObjectFile& program = set.files().front();
  evidence.program = {program.path, program.identity.sha256, program.identity.build_id};
  evidence.recorder = kScanRecorder;
  evidence.runs = 0;
  evidence.last_new_run = 0;
  const bool closed = open.empty() && result.open.empty();
  for (const ScannedCall& call : result.calls) add_call(call, closed, evidence);
  StaticEvidence& scanned = evidence.scanned.emplace();
  for (const LoadedObject& object : objects) {
    scanned.objects.push_back({object.path, set.file(object.path)->module_key(),
                               std::string(role_name(object.role)),
                               object.role == LoadedObject::Role::kOpened ? object.why : ""});
  }
  for (const ScannedSite& site : result.sites) {
    const ObjectFile* file = set.file(site.module);
    scanned.sites.push_back(
        {{site.module, file != nullptr ? file->module_key() : site.module_key, site.offset},
         site.abi,
         site.nrs,
         site.any,
         site.function,
         site.phases});
  }
  open.insert(open.end(), result.open.begin(), result.open.end());
  for (OpenPoint& point : open) scanned.open.push_back(open_of(std::move(point)));
  for (const ExecPoint& exec : result.execs) {
    scanned.execs.push_back({exec.path, exec.object, exec.function});
  }
  put_in_order(scanned);
  return evidence;
}

/// One image: no script.
Result<Evidence> scan_image(const Surroundings& around, ScanCache& cache, const std::string& path,
                            const ScanOptions& options) {
  const ObjectStore store(around, cache, options.analyse, options.workers, options.now_ns);
  LoadedSet set(around, store, options.progress);
  if (Result<void> loaded = set.load_program(path); !loaded) return propagate(loaded);
  std::set<std::tuple<std::string, std::string, Asker>> asked;
  std::vector<OpenPoint> open;
  std::vector<std::string> notes;
  std::vector<LoadedObject> objects;
  Result<ScanResult> result = ScanResult{};
  for (int round = 0;; ++round) {
    objects = set.objects();
    if (options.progress) options.progress(path);
    const std::size_t before = set.growth();
    LinkOptions link;
    link.load = [&](const std::vector<OpenRequest>& requests) {
      for (const OpenRequest& request : requests) {
        if (!asked.insert({request.name, request.object, request.asker}).second) continue;
        load_opened(request, around, set, open, notes);
      }
      if (set.growth() == before || round < kMaxRounds) return set.growth() != before;
      OpenPoint point;
      point.kind = "object";
      point.object = path;
      point.reason = fmt::format("what is opened opens more, and so on past {} rounds", kMaxRounds);
      open.push_back(std::move(point));
      return false;
    };
    std::vector<OpenRequest> wanted;
    result = options.link(objects, wanted, link);
    if (!result) return propagate(result);
    if (set.growth() == before || round == kMaxRounds) break;
    set.summarise();
  }
  for (OpenPoint& point : set.open_points()) open.push_back(std::move(point));
  Evidence evidence = evidence_of(set, objects, *result, std::move(open));
  for (std::string& note : notes) add_note(evidence, std::move(note));
  return evidence;
}

/// What `env [OPTION]... [NAME=VALUE]... COMMAND` starts; empty: not known.
std::string started_by_env(std::string_view argument) {
  for (const std::string_view word : split(argument, ' ')) {
    if (word.empty() || word.starts_with('-') || word.find('=') != std::string_view::npos) continue;
    return std::string(word);
  }
  return {};
}

std::optional<std::string> in_default_path(const Surroundings& around, const std::string& name) {
  if (name.find('/') != std::string::npos) return around.resolve(name);
  for (const char* directory : kDefaultPath) {
    if (auto path = around.resolve(fmt::format("{}/{}", directory, name))) return path;
  }
  return std::nullopt;
}

/// Keeps apart what each of several executables does before they are joined.
void tell_apart(Evidence& evidence, const std::string& executed_by) {
  ExecutableEvidence executable;
  executable.program = evidence.program;
  executable.executed_by[executed_by] = 0;
  executable.calls = evidence.calls;
  evidence.executables = {std::move(executable)};
}

/// Joined without the remark that they are two programs: here that is meant.
void join(Evidence& into, Evidence more) {
  more.program = into.program;
  merge_evidence(into, more);
}

Result<Evidence> scan_any(const Surroundings& around, ScanCache& cache, const std::string& path,
                          const ScanOptions& options, int depth) {
  const std::optional<ScriptLine> script = script_line(read_beginning(around, path, kScriptBytes));
  if (!script) return scan_image(around, cache, path, options);
  if (depth >= kMaxScriptDepth) {
    return fail(Errc::kBadInput, "{}: scripts that are run by scripts, more than {} deep",
                printable(path), kMaxScriptDepth);
  }
  const std::optional<std::string> interpreter = around.resolve(script->interpreter);
  if (!interpreter) {
    return fail(Errc::kNotFound, "{}: its interpreter {} is not there", printable(path),
                printable(script->interpreter));
  }
  if (*interpreter == path) {
    return fail(Errc::kBadInput, "{}: a script that its own #! line runs", printable(path));
  }
  Result<Evidence> evidence = scan_any(around, cache, *interpreter, options, depth + 1);
  // What scripts that run each other say is said once.
  if (!evidence && depth > 0) return propagate(evidence);
  if (!evidence) {
    return propagate(evidence, "{} is run by {}", printable(path), printable(*interpreter));
  }
  if (!script->interpreter.ends_with("/env")) {
    add_note(*evidence,
             fmt::format("{} is a script: the scan is of {}, which runs it; what it does "
                         "with the script's text is all that it can do",
                         path, *interpreter));
    return evidence;
  }
  const std::string name = started_by_env(script->argument);
  const auto started = name.empty() ? std::nullopt : in_default_path(around, name);
  if (!started) {
    OpenPoint point;
    point.kind = "object";
    point.object = path;
    point.reason = fmt::format("its #! line starts \"{}\", which is not in the default PATH", name);
    evidence->scanned->open.push_back(open_of(std::move(point)));
    put_in_order(*evidence->scanned);
    return evidence;
  }
  Result<Evidence> second = scan_any(around, cache, *started, options, depth + 1);
  if (!second && depth > 0) return propagate(second);
  if (!second) {
    return propagate(second, "{} is run by {}", printable(path), printable(*started));
  }
  // The program is what env becomes: so do recorders see it.
  tell_apart(*evidence, "");
  if (second->executables.empty()) tell_apart(*second, *interpreter);
  join(*second, std::move(*evidence));
  add_note(*second,
           fmt::format("{} is a script: the scan is of {} and of {}, which it starts; what "
                       "that does with the script's text is all that it can do",
                       path, *interpreter, *started));
  return second;
}

}  // namespace

std::optional<ScriptLine> script_line(std::string_view beginning) {
  if (!beginning.starts_with("#!")) return std::nullopt;
  beginning = beginning.substr(2, kScriptBytes - 2);
  beginning = beginning.substr(0, beginning.find('\n'));
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!beginning.empty() && blank(beginning.front())) beginning.remove_prefix(1);
  while (!beginning.empty() && blank(beginning.back())) beginning.remove_suffix(1);
  std::size_t end = 0;
  while (end < beginning.size() && !blank(beginning[end]) && beginning[end] != '\0') ++end;
  ScriptLine line;
  line.interpreter = beginning.substr(0, end);
  beginning.remove_prefix(end);
  while (!beginning.empty() && blank(beginning.front())) beginning.remove_prefix(1);
  line.argument = beginning.substr(0, beginning.find('\0'));
  if (line.interpreter.empty()) return std::nullopt;
  return line;
}

Result<Evidence> scan_program(const Surroundings& around, ScanCache& cache, const std::string& path,
                              const ScanOptions& options) {
  const std::optional<std::string> resolved = around.resolve(path);
  if (!resolved) return fail(Errc::kNotFound, "{}: no such file", printable(path));
  return scan_any(around, cache, *resolved, options, 0);
}

Result<Evidence> scan_following(const Surroundings& around, ScanCache& cache,
                                const std::string& path, const ScanOptions& options) {
  /// Programs that are followed into; a shell can start more than anybody wants to wait for.
  constexpr std::size_t kMaxChildren = 256;
  Result<Evidence> first = scan_program(around, cache, path, options);
  if (!first) return propagate(first);
  if (first->executables.empty()) tell_apart(*first, "");
  std::set<std::string> done;
  for (const ExecutableEvidence& each : first->executables) done.insert(each.program.path);
  std::vector<std::pair<std::string, std::string>> todo;  // path, who starts it
  const auto add_execs = [&](const Evidence& evidence) {
    for (const StaticExec& exec : evidence.scanned->execs) {
      if (exec.path) todo.emplace_back(*exec.path, evidence.program.path);
    }
  };
  add_execs(*first);
  for (std::size_t at = 0; at < todo.size(); ++at) {
    const auto [wanted, parent] = todo[at];
    const std::optional<std::string> child = in_default_path(around, wanted);
    if (!child) {
      add_note(*first, fmt::format("{}, which {} can start, is not there", wanted, parent));
      continue;
    }
    if (!done.insert(*child).second) continue;
    std::string trouble = fmt::format("more than {} programs can be started", kMaxChildren);
    if (done.size() <= kMaxChildren) {
      Result<Evidence> scanned = scan_any(around, cache, *child, options, 0);
      if (scanned) {
        add_execs(*scanned);
        if (scanned->executables.empty()) tell_apart(*scanned, parent);
        join(*first, std::move(*scanned));
        continue;
      }
      trouble = scanned.error().message;
    }
    OpenPoint point;
    point.kind = "object";
    point.object = *child;
    point.reason = fmt::format("{} can start it, and it is not scanned: {}", parent, trouble);
    first->scanned->open.push_back(open_of(std::move(point)));
    put_in_order(*first->scanned);
    if (done.size() > kMaxChildren) break;
  }
  return first;
}

}  // namespace sysnare
