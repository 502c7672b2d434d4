#include "engines.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "root_fs.h"

namespace sysnare::live {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* kDocker = "/usr/bin/docker";  // another client may come first in PATH
constexpr auto kDaemonStart = std::chrono::seconds(60);
constexpr auto kDaemonStop = std::chrono::seconds(30);
constexpr auto kContainer = kDeadline;

std::string last_line(const std::string& text) {
  const std::size_t end = text.find_last_not_of("\n ");
  if (end == std::string::npos) return "";
  const std::size_t start = text.rfind('\n', end);
  return text.substr(start + 1, end - start);  // npos + 1 is 0: the only line
}

/// `argv` in a private mount namespace, without the cgroup v2 tree of a hybrid layout, which crun
/// 1.8 refuses to work beside.
std::vector<std::string> privately(const std::vector<std::string>& argv) {
  std::vector<std::string> words = {
      "unshare",
      "-m",
      "--propagation",
      "private",
      "sh",
      "-c",
      "! grep -q ' /sys/fs/cgroup/unified ' /proc/self/mounts || umount /sys/fs/cgroup/unified; "
      "exec \"$@\"",
      "sh"};
  words.insert(words.end(), argv.begin(), argv.end());
  return words;
}

std::vector<std::string> security_options(const ContainerOptions& options) {
  std::vector<std::string> words;
  if (options.profile != kEnginesOwn) {
    words = {"--security-opt",
             "seccomp=" + (options.profile.empty() ? "unconfined" : options.profile)};
  }
  if (options.no_new_privileges) {
    words.insert(words.end(), {"--security-opt", "no-new-privileges"});
  }
  for (const std::string& capability : options.capabilities) {
    words.insert(words.end(), {"--cap-add", capability});
  }
  return words;
}

std::vector<std::string> joined(std::vector<std::string> words,
                                const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// Docker's and Podman's.
std::vector<std::string> run_words(const std::vector<std::string>& added,
                                   const std::vector<std::string>& argv,
                                   const ContainerOptions& options) {
  std::vector<std::string> words =
      joined(joined({"run", "--rm", "--network", "none"}, added), security_options(options));
  words.emplace_back("story");
  return joined(std::move(words), argv);
}

std::string missing_program(const std::vector<std::string>& programs) {
  for (const std::string& program : programs) {
    if (program.starts_with("/") ? !fs::exists(program) : !have_program(program)) {
      return program + " is not installed";
    }
  }
  return "";
}

/// A process that waits until this one ends, in whatever way, then stops the daemon of `folder` and
/// removes the folder and the control groups of `cgroup`.
class Guard {
 public:
  Guard(const std::string& folder, const std::string& cgroup) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error("fork failed");
    if (child == 0) {
      ::dup2(ends[0], STDIN_FILENO);
      ::close(ends[1]);
      const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
      ::dup2(null, STDOUT_FILENO);
      ::dup2(null, STDERR_FILENO);
      // setsid --fork: no child of ours any more, so that killing our process tree spares it.
      ::execlp("setsid", "setsid", "--fork", "sh", "-c", kScript, "sh", folder.c_str(),
               cgroup.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    alive_ = Fd{ends[1]};
  }

 private:
  // The daemon is known by its pid file and, since pids are used again, by its command line.
  static constexpr const char* kScript = R"(
      read -r nothing
      pid=$(cat "$1/docker/pid" 2>/dev/null)
      if [ -n "$pid" ] && grep -q "$1" "/proc/$pid/cmdline" 2>/dev/null; then
        kill "$pid"
        for i in $(seq 300); do [ -e "/proc/$pid" ] || break; sleep 0.1; done
      fi
      find /sys/fs/cgroup -depth -type d \( -path "*/$2" -o -path "*/$2/*" \) -exec rmdir {} + \
        2>/dev/null
      case $1 in /tmp/sysnare-*) rm -rf --one-file-system "$1";; esac)";

  struct Fd {
    int number = -1;
    Fd() = default;
    explicit Fd(int fd) : number(fd) {}
    Fd(const Fd&) = delete;
    Fd& operator=(Fd&& other) noexcept {
      std::swap(number, other.number);
      return *this;
    }
    ~Fd() {
      if (number >= 0) ::close(number);
    }
  };
  Fd alive_;
};

/// What all engines of one test share.
struct Shared {
  std::string cgroup = "sysnare-test-" + std::to_string(::getpid());
  std::unique_ptr<TempDir> dir = std::make_unique<TempDir>();
  Guard guard{dir->path(), cgroup};
  Shared() = default;
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { dir.reset(); }  // before the guard's turn
  [[nodiscard]] std::string folder(const std::string& name) const { return *dir / name; }
  [[nodiscard]] std::string root_fs() const { return folder("rootfs"); }
};

class Docker : public Engine {
 public:
  explicit Docker(const Shared& shared) : Engine("docker"), folder_(shared.folder("docker")) {
    fs::create_directories(folder_);
    how_.environment = {"DOCKER_HOST=unix://" + folder_ + "/sock",
                        "DOCKER_CONFIG=" + folder_ + "/config"};
    how_.deadline = kContainer;
    client_ = {kDocker};
    daemon_.emplace(std::vector<std::string>{// Dies with us, and its mounts with its namespace.
                                             "setpriv",
                                             "--pdeathsig",
                                             "TERM",
                                             "unshare",
                                             "-m",
                                             "--propagation",
                                             "private",
                                             "dockerd",
                                             "--iptables=false",
                                             "--ip6tables=false",
                                             "--bridge=none",
                                             "--storage-driver=vfs",
                                             "--data-root",
                                             folder_ + "/data",
                                             "--exec-root",
                                             folder_ + "/exec",
                                             "-H",
                                             "unix://" + folder_ + "/sock",
                                             "-p",
                                             folder_ + "/pid",
                                             "--cgroup-parent",
                                             "/" + shared.cgroup});
    const bool up = eventually(
        [&] {
          return !fs::exists("/proc/" + std::to_string(daemon_->pid()) + "/exe") ||
                 run({kDocker, "info"}, how_).status == 0;
        },
        kDaemonStart);
    if (!up || run({kDocker, "info"}, how_).status != 0) {
      throw std::runtime_error("dockerd does not start: " + last_line(daemon_->err_so_far()));
    }
    const Outcome import = run(
        {"sh", "-c", "tar -C \"$1\" -c . | \"$2\" import - story", "sh", shared.root_fs(), kDocker},
        how_);
    if (import.status != 0) throw std::runtime_error("docker import: " + last_line(import.err));
  }

  ~Docker() override {
    daemon_->signal(SIGTERM);
    static_cast<void>(daemon_->wait(kDaemonStop));
  }

  Outcome start(const std::vector<std::string>& argv, const ContainerOptions& options) override {
    return run(joined(client_, words(argv, options)), how_);
  }

  std::vector<std::string> words(const std::vector<std::string>& argv,
                                 const ContainerOptions& options) override {
    return run_words({}, argv, options);
  }

 private:
  std::string folder_;
  std::optional<Background> daemon_;
};

class Podman : public Engine {
 public:
  Podman(const Shared& shared, std::string name, std::string runtime)
      : Engine(std::move(name)), cgroup_(shared.cgroup), oci_runtime_(std::move(runtime)) {
    const std::string folder = shared.folder(this->runtime());
    fs::create_directories(folder);
    std::ofstream(folder + "/containers.conf")
        << "[containers]\n"
           "default_ulimits = [\"nofile=1024:1024\", \"nproc=4096:4096\"]\n"
           "[engine]\n"
           "cgroup_manager = \"cgroupfs\"\n"
           "events_logger = \"file\"\n";
    how_.environment = {"CONTAINERS_CONF=" + folder + "/containers.conf"};
    how_.deadline = kContainer;
    client_ = {"podman",        "--runtime", oci_runtime_,     "--storage-driver",
               "vfs",           "--root",    folder + "/data", "--runroot",
               folder + "/run", "--tmpdir",  folder + "/tmp"};
    std::vector<std::string> import = {"sh", "-c", "root=$1; shift; tar -C \"$root\" -c . | \"$@\"",
                                       "sh", shared.root_fs()};
    import.insert(import.end(), client_.begin(), client_.end());
    import.insert(import.end(), {"import", "-", "story"});
    const Outcome done = run(privately(import), how_);
    if (done.status != 0) throw std::runtime_error("podman import: " + last_line(done.err));
  }

  Outcome start(const std::vector<std::string>& argv, const ContainerOptions& options) override {
    const std::vector<std::string> words =
        run_words({"--cgroup-parent", "/" + cgroup_}, argv, options);
    return run(within(joined(client_, words)), how_);
  }

  std::vector<std::string> words(const std::vector<std::string>& argv,
                                 const ContainerOptions& options) override {
    return run_words({}, argv, options);
  }

  [[nodiscard]] std::vector<std::string> within(
      const std::vector<std::string>& argv) const override {
    return privately(argv);
  }

 private:
  std::string cgroup_;
  std::string oci_runtime_;
};

/// runc and crun, on a bundle of an OCI config.json and the root file system.
class OciRuntime : public Engine {
 public:
  OciRuntime(const Shared& shared, const std::string& program)
      : Engine(program), folder_(shared.folder(program)), cgroup_(shared.cgroup) {
    fs::create_directories(folder_);
    how_.cwd = folder_;
    how_.deadline = kContainer;
    client_ = {program, "--root", folder_ + "/state"};
    const Outcome spec = run({program, "spec"}, how_);
    if (spec.status != 0) throw std::runtime_error(program + " spec: " + last_line(spec.err));
    config_ = Json::parse(slurp(folder_ + "/config.json"));
    config_["root"] = {{"path", shared.root_fs()}, {"readonly", false}};
    config_["process"]["terminal"] = false;
  }

  [[nodiscard]] bool takes_bundles() const override { return true; }

  Outcome start(const std::vector<std::string>& argv, const ContainerOptions& options) override {
    const std::vector<std::string> words = this->words(argv, options);
    const Outcome outcome = run(within(joined(client_, words)), how_);
    // A container that could not start stays in the list.
    if (fs::exists(folder_ + "/state/" + words.back())) {
      static_cast<void>(run(within(joined(client_, {"delete", "--force", words.back()}))));
    }
    return outcome;
  }

  std::vector<std::string> words(const std::vector<std::string>& argv,
                                 const ContainerOptions& options) override {
    std::string id = cgroup_ + "-" + runtime() + "-" + std::to_string(++started_);
    Json config = config_;
    config["process"]["args"] = argv;
    config["process"]["noNewPrivileges"] = options.no_new_privileges;
    config["linux"]["cgroupsPath"] = "/" + cgroup_ + "/" + id;
    config["linux"].erase("seccomp");
    if (options.profile == kEnginesOwn) {
      config["linux"]["seccomp"] = {
          {"defaultAction", "SCMP_ACT_ALLOW"},
          {"syscalls", {{{"names", {"ptrace"}}, {"action", "SCMP_ACT_ERRNO"}}}}};
    } else if (!options.profile.empty()) {
      config["linux"]["seccomp"] = Json::parse(slurp(options.profile));
    }
    if (!options.annotations.empty()) config["annotations"] = options.annotations;
    if (!options.hook.empty()) {
      config["hooks"]["createRuntime"] = {{{"path", options.hook.front()}, {"args", options.hook}}};
    }
    std::ofstream(folder_ + "/config.json") << config.dump(2);
    return {"run", std::move(id)};
  }

  [[nodiscard]] std::vector<std::string> within(
      const std::vector<std::string>& argv) const override {
    return privately(argv);
  }

 private:
  std::string folder_;
  std::string cgroup_;
  Json config_;
  int started_ = 0;
};

}  // namespace

std::vector<std::string> Engine::within(const std::vector<std::string>& argv) const { return argv; }

struct Engines::State {
  std::unique_ptr<Shared> shared;
  std::map<std::string, std::unique_ptr<Engine>> engines;
  std::map<std::string, std::string> reasons;

  std::unique_ptr<Engine> make(const std::string& name) {
    std::string missing;
    if (name == "docker") {
      missing = missing_program({kDocker, "dockerd", "containerd", "runc"});
    } else if (name.starts_with("podman")) {
      missing = missing_program({"podman", "conmon", name == "podman+runc" ? "runc" : "crun"});
    } else {
      missing = missing_program({name});
    }
    if (!missing.empty()) throw std::runtime_error(missing);
    if (!is_root()) throw std::runtime_error("needs root");
    if (const std::vector<std::string> programs = missing_for_root_fs(); !programs.empty()) {
      throw std::runtime_error("no " + programs.front() + " for the root file system");
    }
    if (!shared) {
      shared = std::make_unique<Shared>();
      make_root_fs(shared->root_fs());
    }
    std::unique_ptr<Engine> engine;
    if (name == "docker") {
      engine = std::make_unique<Docker>(*shared);
    } else if (name.starts_with("podman")) {
      engine = std::make_unique<Podman>(*shared, name, name == "podman+runc" ? "runc" : "crun");
    } else {
      engine = std::make_unique<OciRuntime>(*shared, name);
    }
    // Whether it starts anything at all here, with no profile, decides between skip and failure.
    const Outcome probe = engine->start({"/bin/true"});
    if (probe.status != 0) {
      throw std::runtime_error("starts no container here, even with no profile: " +
                               last_line(probe.err));
    }
    return engine;
  }
};

Engines::Engines() : state_(std::make_unique<State>()) {}
Engines::~Engines() = default;

Engine* Engines::get(const std::string& name) {
  const auto known = state_->engines.find(name);
  if (known != state_->engines.end()) return known->second.get();
  std::unique_ptr<Engine>& engine = state_->engines[name];
  try {
    engine = state_->make(name);
  } catch (const std::exception& error) {
    state_->reasons[name] = name + ": " + error.what();
  }
  return engine.get();
}

std::string Engines::why_not(const std::string& name) const {
  const auto reason = state_->reasons.find(name);
  return reason == state_->reasons.end() ? "" : reason->second;
}

std::string Engines::root_fs() const { return state_->shared ? state_->shared->root_fs() : ""; }

}  // namespace sysnare::live
