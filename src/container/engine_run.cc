#include "container/engine_run.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/file.h"
#include "base/text.h"
#include "container/own_cgroup.h"
#include "process/capture.h"

namespace sysnare {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int kAskAgainMs = 10;
constexpr std::size_t kMaxShown = 200;
/// Real ones have some 10 KB.
constexpr std::size_t kMaxConfig = 16u << 20;
/// Deeper than any config.json is; nlohmann's own parser has no bound.
constexpr int kMaxConfigDepth = 64;

bool is_bundle_runtime(const EngineProgram& engine) {
  return engine.name == "runc" || engine.name == "crun";
}

/// "--option VALUE" or "--option=VALUE".
bool is_option(std::string_view word, std::string_view option) {
  return word.starts_with(option) && (word.size() == option.size() || word[option.size()] == '=');
}

bool has_option(const std::vector<std::string>& words, std::string_view option) {
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& word) { return is_option(word, option); });
}

std::string first_line(std::string_view text) {
  for (std::string_view line : split(text, '\n')) {
    if (!trim(line).empty()) return printable(trim(line).substr(0, kMaxShown));
  }
  return "no reason given";
}

/// What the engine says of itself, one line. Errors: kNotFound when it does not.
Result<std::string> info(const EngineProgram& engine, const std::string& format) {
  const Captured said =
      capture({.argv = engine.command({"info", "--format", format})}, kEngineLimit);
  if (!said.started) {
    return fail(Errc::kNotFound, "{} cannot be executed", printable(engine.path));
  }
  if (said.timed_out) {
    return fail(Errc::kNotFound, "{} gave no answer within {} s", engine.name,
                kEngineLimit.count());
  }
  if (!said.ok()) return fail(Errc::kNotFound, "{} fails: {}", engine.name, first_line(said.err));
  return std::string(trim(said.out));
}

/// A folder for files that the run needs, removed with them.
class Folder {
 public:
  static Result<Folder> make() {
    const char* parent = std::getenv("TMPDIR");
    std::string path =
        std::string(parent != nullptr && *parent == '/' ? parent : "/tmp") + "/sysnare-run-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) return fail_errno(errno, "making {}", path);
    Folder folder;
    folder.path_ = path;
    return folder;
  }
  Folder() = default;
  Folder(Folder&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  Folder& operator=(Folder&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// The value of -b, --bundle, taken out of `words`; "." where there is none.
std::string take_bundle(std::vector<std::string>& words) {
  for (auto word = words.begin(); word != words.end(); ++word) {
    for (std::string_view option : {"--bundle", "-bundle", "-b"}) {
      if (!is_option(*word, option)) continue;
      std::string value;
      if (word->size() > option.size()) {
        value = word->substr(option.size() + 1);
        words.erase(word);
      } else if (word + 1 != words.end()) {
        value = word[1];
        words.erase(word, word + 2);
      }
      return value.empty() ? "." : value;
    }
  }
  return ".";
}

int depth_of(std::string_view text) {
  int depth = 0;
  int deepest = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && (text[i] == '{' || text[i] == '[')) {
      deepest = std::max(deepest, ++depth);
    } else if (!quoted && (text[i] == '}' || text[i] == ']')) {
      --depth;
    }
  }
  return deepest;
}

void make_absolute(Json& object, const char* key, const std::string& bundle) {
  if (!object.is_object() || !object.contains(key) || !object[key].is_string()) return;
  const auto& path = object[key].get_ref<const std::string&>();
  if (path.starts_with('/')) return;
  object[key] = (fs::path(bundle) / path).lexically_normal().string();
}

}  // namespace

Result<std::vector<std::string>> run_with(const EngineProgram& engine,
                                          const std::vector<std::string>& words,
                                          const std::vector<std::string>& added,
                                          const std::vector<std::string>& taken) {
  const std::size_t at = !words.empty() && words[0] == "container" ? 1 : 0;
  if (words.size() <= at || words[at] != "run") {
    return fail(Errc::kUsage,
                "`{} {}` starts no container that can be recorded; `-- run` and what belongs to it "
                "is needed, and {}'s own options go into --engine-arg",
                engine.name, words.empty() ? "" : printable(words[0].substr(0, kMaxShown)),
                engine.name);
  }
  for (const std::string& option : taken) {
    if (has_option(words, option)) {
      return fail(Errc::kUsage,
                  "{} cannot be given: the container has to start in a control group of ours",
                  option);
    }
  }
  std::vector<std::string> all = words;
  all.insert(all.begin() + static_cast<std::ptrdiff_t>(at) + 1, added.begin(), added.end());
  return all;
}

Result<std::string> config_elsewhere(std::string_view config, const std::string& bundle,
                                     const std::string& cgroups_path) {
  const std::string file = bundle + "/config.json";
  if (depth_of(config) > kMaxConfigDepth) {
    return fail(Errc::kBadInput, "{}: nested deeper than {}", file, kMaxConfigDepth);
  }
  Json json = Json::parse(config, nullptr, false);
  if (json.is_discarded()) return fail(Errc::kBadInput, "{}: this is no JSON", file);
  if (!json.is_object() || !json.contains("root") || !json["root"].is_object()) {
    return fail(Errc::kBadInput, "{}: root: an object is needed here", file);
  }
  if (json.contains("linux") && !json["linux"].is_object()) {
    return fail(Errc::kBadInput, "{}: linux: an object is needed here", file);
  }
  make_absolute(json["root"], "path", bundle);
  if (json.contains("mounts") && json["mounts"].is_array()) {
    for (Json& mount : json["mounts"]) {
      // "proc" and "tmpfs" are sources too: a path is what a bind mount has.
      const bool bind = mount.is_object() && mount.contains("options") &&
                        mount["options"].is_array() &&
                        std::any_of(mount["options"].begin(), mount["options"].end(),
                                    [](const Json& o) { return o == "bind" || o == "rbind"; });
      if (bind) make_absolute(mount, "source", bundle);
    }
  }
  json["linux"]["cgroupsPath"] = cgroups_path;
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

struct EngineRun::State {
  State(OwnCgroup own, Folder files) : cgroup(std::move(own)), folder(std::move(files)) {}

  EngineProgram engine;
  OwnCgroup cgroup;
  Folder folder;
  std::vector<std::string> command;
  std::string id_file;  ///< where the engine writes the container's id; empty: nowhere
  Workload workload;    ///< as far as it is known without asking
  std::string answer;   ///< of `inspect`; belongs to `asking` until it has ended
  std::jthread asking;  ///< the last member: it has ended before those that it uses are gone

  /// Waits for the id, and asks: a container of `--rm` is known only while it lives.
  void ask(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const Result<std::string> id = read_file(id_file);
      if (id && !trim(*id).empty()) {
        answer = capture({.argv = engine.command(
                              {"inspect", "--type", "container", std::string(trim(*id))})},
                         kEngineLimit)
                     .out;
        if (trim(answer).size() > 2) return;  // "[]": not there yet, or not any more
      }
      ::poll(nullptr, 0, kAskAgainMs);
    }
  }
};

EngineRun::EngineRun(std::unique_ptr<State> state) : state_(std::move(state)) {}
EngineRun::EngineRun(EngineRun&&) noexcept = default;
EngineRun& EngineRun::operator=(EngineRun&&) noexcept = default;
EngineRun::~EngineRun() = default;

const std::vector<std::string>& EngineRun::command() const { return state_->command; }
const std::string& EngineRun::cgroup() const { return state_->cgroup.directory(); }

Result<EngineRun> EngineRun::prepare(const EngineProgram& engine,
                                     const std::vector<std::string>& words) {
  Workload workload{.engine = engine.name, .runtime = engine.name};
  std::vector<std::string> taken = {"--cgroup-parent", "--cgroups"};
  if (is_bundle_runtime(engine)) taken = {"--systemd-cgroup"};
  // A mistake is told before anybody is asked.
  Result<std::vector<std::string>> arguments = run_with(engine, words, {}, taken);
  if (!arguments) return propagate(arguments);
  if (has_option(engine.arguments, "--systemd-cgroup")) {
    return fail(Errc::kUsage,
                "--systemd-cgroup cannot be given: the container has to start in a "
                "control group of ours");
  }
  bool slice = false;
  if (!is_bundle_runtime(engine)) {
    const bool docker = engine.name == "docker";
    Result<std::string> said = info(
        engine, docker ? "{{.CgroupDriver}}" : "{{.Host.CgroupManager}} {{.Host.OCIRuntime.Name}}");
    if (!said) return propagate(said);
    slice = said->starts_with("systemd");
    if (said->ends_with(" crun") || said->ends_with(" runc")) {
      workload.runtime = fmt::format("{}+{}", engine.name, split(*said, ' ').back());
    }
  }
  std::string bundle;
  std::string config;
  if (is_bundle_runtime(engine)) {
    bundle = fs::absolute(take_bundle(*arguments)).lexically_normal().string();
    Result<std::string> text = read_file(bundle + "/config.json", kMaxConfig);
    if (!text) return propagate(text);
    config = std::move(*text);
  }
  Result<Folder> folder = Folder::make();
  if (!folder) return propagate(folder);
  Result<OwnCgroup> cgroup = OwnCgroup::make(slice);
  if (!cgroup) return propagate(cgroup);
  auto state = std::make_unique<State>(std::move(*cgroup), std::move(*folder));
  state->engine = engine;
  const std::string& name = state->cgroup.name();

  std::vector<std::string> added;
  if (is_bundle_runtime(engine)) {
    workload.id = workload.name = arguments->back();
    Result<std::string> changed =
        config_elsewhere(config, bundle, fmt::format("/{}/{}", name, workload.id));
    if (!changed) return propagate(changed);
    if (Result<void> written = write_file_atomic(state->folder.file("config.json"), *changed, 0600);
        !written) {
      return propagate(written);
    }
    added = {"--bundle", state->folder.path()};
  } else {
    added = {"--cgroup-parent", slice ? name : "/" + name};
    if (engine.name == "podman") added.insert(added.end(), {"--cgroups", "no-conmon"});
    if (!has_option(words, "--cidfile")) {
      state->id_file = state->folder.file("id");
      added.insert(added.end(), {"--cidfile", state->id_file});
    }
  }
  Result<std::vector<std::string>> with = run_with(engine, *arguments, added, {});
  if (!with) return propagate(with);
  state->command = engine.command(*with);
  state->workload = std::move(workload);
  return EngineRun(std::move(state));
}

void EngineRun::begin() {
  State& state = *state_;
  if (state.id_file.empty()) return;
  state.asking = {};                // of a run before; asks it to stop and waits
  ::unlink(state.id_file.c_str());  // engines refuse one that is there
  state.answer.clear();
  // Signals are for the recorder, which reads them where it waits.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  state.asking = std::jthread([&state](const std::stop_token& stop) { state.ask(stop); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Workload EngineRun::workload() {
  State& state = *state_;
  state.asking = {};
  Workload workload = state.workload;
  if (state.answer.empty()) return workload;
  Result<EngineContainer> container = container_of_inspect(state.answer, state.engine);
  if (container) return container->workload;
  return workload;
}

}  // namespace sysnare
