// The container engines' part of the doctor's report: who is there, does it answer, and is its
// default profile on?

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <optional>
#include <span>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "flow/doctor.h"
#include "process/capture.h"

namespace sysnare {
namespace {

using json::Cursor;

constexpr std::size_t kMaxShown = 160;

/// The first line of `text` that is not empty, safe for a terminal and bounded.
std::string first_line(std::string_view text) {
  for (std::string_view line : split(text, '\n')) {
    if (!trim(line).empty()) return printable(trim(line).substr(0, kMaxShown));
  }
  return "";
}

/// The last such line: clients warn first and fail last.
std::string last_line(std::string_view text) {
  std::string last;
  for (std::string_view line : split(text, '\n')) {
    if (!trim(line).empty()) last = first_line(line);
  }
  return last;
}

/// "1.1.5+ds1" of "runc version 1.1.5+ds1": the first word that starts with a digit.
std::string version_in(std::string_view text) {
  const std::string line = first_line(text);
  for (std::string_view word : split(line, ' ')) {
    if (!word.empty() && word[0] == 'v') word.remove_prefix(1);
    if (!word.empty() && word[0] >= '0' && word[0] <= '9') {
      if (word.ends_with(',')) word.remove_suffix(1);
      return std::string(word);
    }
  }
  return "?";
}

/// The text at `keys` within `root`; empty when there is none.
std::string text_at(const Cursor& root, std::initializer_list<std::string_view> keys) {
  Cursor at = root;
  for (std::string_view key : keys) {
    if (!at.is_object() || !at.has(key)) return "";
    Result<Cursor> next = at.at(key);
    if (!next) return "";
    at = *next;
  }
  Result<std::string> text = at.string();
  return text ? printable(*text) : "";
}

std::vector<std::string> texts_at(const Cursor& root, std::string_view key) {
  if (!root.is_object() || !root.has(key)) return {};
  Result<Cursor> at = root.at(key);
  if (!at) return {};
  Result<std::vector<std::string>> texts = at->strings();
  return texts ? *texts : std::vector<std::string>{};
}

void set_missing(Finding& finding, std::string cost, std::string remedy) {
  finding.standing = Standing::kMissing;
  finding.cost = std::move(cost);
  finding.remedy = std::move(remedy);
}

std::string docker_address() {
  const char* host = std::getenv("DOCKER_HOST");
  return host != nullptr && *host != '\0' ? fmt::format("DOCKER_HOST={}", printable(host))
                                          : "the client's default address";
}

/// `docker --version` and `docker info --format '{{json .}}'`. The client itself honours
/// DOCKER_HOST and its contexts.
void examine_docker(Finding& finding, std::span<const Captured> said) {
  finding.value = fmt::format("{}client {}", finding.value, version_in(said[0].out));
  const std::string cost = "profiles cannot be tried under Docker";
  if (said[1].timed_out) {
    finding.value += fmt::format(", no answer within {} s from {}", kDoctorLimit.count() / 1000,
                                 docker_address());
    set_missing(finding, cost, "see what the daemon does, or point DOCKER_HOST at another");
    return;
  }
  const Result<json::Value> value = json::parse(said[1].out, "docker info");
  std::string server;
  std::vector<std::string> security;
  std::vector<std::string> errors;
  if (value) {
    const Cursor root(*value, "docker info");
    server = text_at(root, {"ServerVersion"});
    security = texts_at(root, "SecurityOptions");
    errors = texts_at(root, "ServerErrors");
  }
  if (server.empty()) {
    std::string error = errors.empty() ? last_line(said[1].err) : first_line(errors.front());
    const bool denied =
        error.find("permission denied while trying to connect") != std::string::npos;
    finding.value += fmt::format(", no daemon: {}", error.empty() ? "no answer" : error);
    set_missing(finding, cost,
                denied ? "run as root or join the group docker (which is root in all but name)"
                       : "start the daemon (`systemctl start docker`, or `dockerd` as root), or "
                         "point DOCKER_HOST at one that runs");
    return;
  }
  finding.value += fmt::format(", daemon {}", server);
  const auto seccomp =
      std::find_if(security.begin(), security.end(),
                   [](const std::string& option) { return option.starts_with("name=seccomp"); });
  if (seccomp == security.end()) {
    finding.value += ", no seccomp in its Security Options";
    set_missing(finding, "the daemon applies no profile at all",
                "use a daemon and a kernel built with seccomp");
    return;
  }
  finding.value += fmt::format(", Security Options: {}", printable(*seccomp));
  if (seccomp->find("profile=unconfined") != std::string::npos) {
    finding.standing = Standing::kPartly;
    finding.cost = "containers without --security-opt seccomp=FILE run with no profile";
    finding.remedy = "take \"seccomp-profile\": \"unconfined\" out of /etc/docker/daemon.json";
  } else {
    finding.value += " (default profile on)";
  }
}

void examine_podman(Finding& finding, std::span<const Captured> said) {
  finding.value += version_in(said[0].out);
  const std::string cost = "profiles cannot be tried under Podman";
  const Result<json::Value> value = json::parse(said[1].out, "podman info");
  if (said[1].timed_out || !value) {
    finding.value += said[1].timed_out ? ", no answer in time"
                                       : fmt::format(", fails: {}", first_line(said[1].err));
    set_missing(finding, cost, "try `podman info` by hand; its message says what is wrong");
    return;
  }
  const Cursor root(*value, "podman info");
  bool enabled = false;
  bool rootless = false;
  if (Result<Cursor> host = root.at("host"); host && host->has("security")) {
    if (Result<Cursor> security = host->at("security"); security) {
      const auto flag = [&](std::string_view key) {
        Result<Cursor> at = security->at(key);
        if (!at) return false;
        Result<bool> set = at->boolean();
        return set && *set;
      };
      enabled = flag("seccompEnabled");
      rootless = flag("rootless");
    }
  }
  const std::string profile = text_at(root, {"host", "security", "seccompProfilePath"});
  finding.value += fmt::format("{}, runtime {}", rootless ? ", rootless" : "",
                               text_at(root, {"host", "ociRuntime", "name"}));
  if (!enabled) {
    finding.value += ", seccomp off";
    set_missing(finding, "Podman applies no profile at all",
                "use a Podman and a kernel built with seccomp");
  } else {
    finding.value += fmt::format(", default profile on{}{}", profile.empty() ? "" : ": ", profile);
  }
}

/// An OCI runtime built without libseccomp refuses or ignores every profile; its version says it.
void examine_runc(Finding& finding, std::span<const Captured> said) {
  finding.value += version_in(said[0].out);
  const std::size_t at = said[0].out.find("libseccomp:");
  if (at == std::string::npos) {
    finding.value += ", built without libseccomp";
    set_missing(finding, "it refuses every profile", "install a runc built with seccomp");
    return;
  }
  finding.value += fmt::format(", {}; no default of its own: config.json decides",
                               first_line(std::string_view(said[0].out).substr(at)));
}

void examine_crun(Finding& finding, std::span<const Captured> said) {
  finding.value += version_in(said[0].out);
  if (said[0].out.find("+SECCOMP") == std::string::npos) {
    finding.value += ", built without seccomp";
    set_missing(finding, "it applies no profile", "install a crun built with seccomp");
    return;
  }
  finding.value += ", +SECCOMP; no default of its own: config.json decides";
  // crun 1.8.1 starts nothing where the cgroup v2 tree of the hybrid layout has controllers.
  const Result<std::string> controllers = read_file("/sys/fs/cgroup/unified/cgroup.controllers");
  if (controllers && !trim(*controllers).empty()) {
    finding.standing = Standing::kPartly;
    finding.value += fmt::format("; hybrid cgroup layout, {} on cgroup v2", trim(*controllers));
    finding.cost = "crun starts no container on this cgroup layout";
    finding.remedy =
        "boot with systemd.unified_cgroup_hierarchy=1, or start it in a mount namespace without "
        "/sys/fs/cgroup/unified (docs/howto/containers.md)";
  }
}

void examine_containerd(Finding& finding, std::span<const Captured> said) {
  // "containerd github.com/containerd/containerd 1.6.20~ds1 …"
  finding.value += version_in(said[0].out);
  const char* address = std::getenv("CONTAINERD_ADDRESS");
  const std::string socket =
      address != nullptr && *address != '\0' ? address : "/run/containerd/containerd.sock";
  struct stat info {};
  if (::stat(socket.c_str(), &info) == 0 && S_ISSOCK(info.st_mode)) {
    finding.value += fmt::format(", {}; `ctr run` has no profile without --seccomp", socket);
    return;
  }
  finding.value += fmt::format(", no daemon at {}", printable(socket));
  set_missing(finding, "profiles cannot be tried under containerd",
              "start it (`systemctl start containerd`), or set CONTAINERD_ADDRESS");
}

struct EngineProbe {
  const char* name;
  std::vector<std::vector<std::string>> words;  ///< behind the program; the first gives the version
  void (*examine)(Finding& finding, std::span<const Captured> said);
  const char* package;  ///< what to install; null: nothing is said when it is not there
};

void examine_version_only(Finding& finding, std::span<const Captured> said) {
  finding.value += version_in(said[0].out.empty() ? said[0].err : said[0].out);
}

void examine_runsc(Finding& finding, std::span<const Captured> said) {
  examine_version_only(finding, said);
  finding.standing = Standing::kPartly;
  finding.cost =
      "gVisor answers system calls itself: traces from the host show the sandbox's calls";
  finding.remedy = "record the program outside it, or with runc";
}

std::vector<EngineProbe> engine_probes() {
  return {
      {"docker", {{"--version"}, {"info", "--format", "{{json .}}"}}, examine_docker, "docker.io"},
      {"podman", {{"--version"}, {"info", "--format", "json"}}, examine_podman, "podman"},
      {"containerd", {{"--version"}}, examine_containerd, nullptr},
      {"nerdctl", {{"--version"}}, examine_version_only, nullptr},
      {"crio", {{"--version"}}, examine_version_only, nullptr},
      {"kubelet", {{"--version"}}, examine_version_only, nullptr},
      {"runc", {{"--version"}}, examine_runc, "runc"},
      {"crun", {{"--version"}}, examine_crun, "crun"},
      {"youki", {{"--version"}}, examine_version_only, nullptr},
      {"runsc", {{"--version"}}, examine_runsc, nullptr},
      {"kata-runtime", {{"--version"}}, examine_version_only, nullptr},
  };
}

}  // namespace

std::vector<Finding> examine_engines() {
  struct Asked {
    EngineProbe probe;
    std::string path;  ///< empty: not installed
    std::size_t first_job;
  };
  std::vector<Asked> asked;
  std::vector<CaptureJob> jobs;
  for (const EngineProbe& probe : engine_probes()) {
    const std::vector<std::string> paths = programs_in_path(probe.name);
    if (paths.empty() && probe.package != nullptr) asked.push_back({probe, "", 0});
    for (const std::string& path : paths) {
      asked.push_back({probe, path, jobs.size()});
      for (const std::vector<std::string>& words : probe.words) {
        CaptureJob job{.argv = {path}};
        job.argv.insert(job.argv.end(), words.begin(), words.end());
        jobs.push_back(std::move(job));
      }
    }
  }
  const std::vector<Captured> said = capture_all(jobs, kDoctorLimit);

  std::vector<Finding> findings;
  for (const Asked& each : asked) {
    Finding finding{.group = "engines", .name = each.probe.name};
    if (each.path.empty()) {
      finding.value = "not in PATH";
      set_missing(finding, fmt::format("profiles cannot be tried under {}", each.probe.name),
                  fmt::format("`apt install {}` (Debian, Ubuntu)", each.probe.package));
    } else {
      finding.value = each.path + ": ";
      const std::span<const Captured> answers(said.data() + each.first_job,
                                              each.probe.words.size());
      if (!answers[0].ok()) {
        finding.value += answers[0].timed_out ? "no answer to --version in time"
                                              : "fails: " + first_line(answers[0].err);
        set_missing(finding, "it cannot be used",
                    fmt::format("try `{} --version` by hand", each.path));
      } else {
        each.probe.examine(finding, answers);
      }
    }
    findings.push_back(std::move(finding));
  }
  return findings;
}

std::vector<Finding> examine_tools() {
  struct Tool {
    const char* name;
    const char* cost;
    const char* package;
  };
  constexpr Tool kTools[] = {
      {"cc", "`sysnare demo` has no C server", "gcc libc6-dev"},
      {"go", "`sysnare demo` has no Go program", "golang-go"},
      {"strace", "the tests cannot compare with it", "strace"},
  };
  std::vector<Finding> findings;
  for (const Tool& tool : kTools) {
    Finding finding{.group = "tools", .name = tool.name};
    const std::vector<std::string> paths = programs_in_path(tool.name);
    if (paths.empty()) {
      finding.value = "not in PATH";
      set_missing(finding, tool.cost,
                  fmt::format("`apt install {}` (Debian, Ubuntu)", tool.package));
    } else {
      finding.value = paths.front();
    }
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace sysnare
