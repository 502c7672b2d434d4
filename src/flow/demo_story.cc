// The chapters of `sysnare demo`: questions 1 to 6 of docs/design.md, and real engines.

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "flow/demo.h"

namespace sysnare {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::milliseconds kEngineLimit{5000};

DemoChapter ready() {
  return {"Is this machine ready for it?",
          "What is missing says what it costs and what to do.",
          {{"sysnare doctor", 0, {"seccomp filters", "user notification"}}}};
}

DemoChapter calls() {
  return {
      "Which calls does it make?",
      "A Go Hello World, built just now. Its output is untouched; the table follows threads and "
      "children.",
      {{"sysnare trace -o hello.evidence.json -- ./helloworld",
        0,
        {"Hello World", "% time", "write", "exit_group", "0 lost"}},
       {"sysnare trace --stacks -- ./helloworld 2>&1 | grep 'main.main.*write' | head -n 1",
        0,
        {"main.main", "fmt.Println", "os.(*File).Write"}}}};
}

DemoChapter only_those() {
  return {"Can only what is needed be allowed?",
          "One run of a Go program never shows all its calls, so 50 runs make the profile.",
          {{"sysnare profile --runs 50 --evidence many.evidence.json -o allow-helloworld.json -- "
            "./helloworld > output",
            0,
            {"of 50 runs"}},
           {"head -c 600 allow-helloworld.json; echo ...", 0, {"SCMP_ACT_ERRNO"}}}};
}

DemoChapter holds() {
  return {
      "Does it hold?",
      "Under the profile the program runs, 200 times in a row; under one that allows nothing it "
      "does not start; and a shell that may not make or change folders can do all the rest.",
      {{"sysnare run --profile allow-helloworld.json -- ./helloworld", 0, {"Hello World"}},
       {"for i in $(seq 200); do sysnare run --profile allow-helloworld.json -- ./helloworld; done "
        "| sort | uniq -c",
        0,
        {"200 Hello World"}},
       {"sysnare run --profile deny.json -- ./helloworld", 126, {"execve"}, {"Hello World"}},
       {"sysnare run --profile deny-dir.json -- bash -c 'cd home; mkdir test; echo all else works'",
        0,
        {"cd: home: Operation not permitted", "cannot create directory", "all else works"}},
       {"sysnare run --profile kill-dir.json -- mkdir test", 159, {"mkdir"}},
       {"ls -d test", 2, {"No such file"}}}};
}

DemoChapter wire() {
  return {
      "Can a trip wire say when a call is not needed?",
      "A small server, recorded while it greets and ends. Keeping a note is a rare path that no "
      "recording covered: it raises an alert and goes on.",
      {{"sysnare trace -o greeter.evidence.json -- ./greeter serve 2>table & "
        "./greeter ask 'hello World' quit; wait $!",
        0,
        {"Hello, World!"}},
       {"sysnare profile greeter.evidence.json -o greeter.json", 0},
       {"sysnare watch --profile greeter.json -- ./greeter serve & "
        "./greeter ask 'hello World' 'note buy milk' quit; wait $!",
        0,
        {"kept: buy milk", "\"evt.type\":\"mkdir\"", "\"priority\""}}}};
}

DemoChapter killed() {
  return {"Or kill it at once, before the call runs?",
          "The same server under --kill any: the folder never appears. Made to start a shell, "
          "which it never does by itself, it is killed before that too.",
          {{"rm -rf notes; sysnare watch --kill any --profile greeter.json -- ./greeter serve & "
            "./greeter ask 'note buy milk'; wait $!",
            137,
            {"mkdir", "hung up"},
            {"kept"}},
           {"ls -d notes", 2, {"No such file"}},
           {"sysnare watch --kill any --profile greeter.json -- ./greeter serve & "
            "./greeter ask 'shell touch broken-in'; wait $!",
            137,
            {"hung up", "execve"}},
           {"ls broken-in", 2, {"No such file"}}}};
}

/// bundle/config.json: what `runc spec` writes, with the profile in it.
Result<void> make_bundle(const std::string& folder) {
  Result<std::string> spec = read_file(folder + "/bundle/config.json");
  if (!spec) return propagate(spec);
  Result<std::string> profile = read_file(folder + "/allow-runc.json");
  if (!profile) return propagate(profile);
  Json config = Json::parse(*spec, nullptr, false);
  Json seccomp = Json::parse(*profile, nullptr, false);
  if (!config.is_object() || !seccomp.is_object()) {
    return fail(Errc::kBadInput, "runc spec or the profile is no JSON object");
  }
  config["process"]["terminal"] = false;
  config["process"]["args"] = {"/helloworld"};
  config["process"]["noNewPrivileges"] = true;
  config["linux"]["seccomp"] = std::move(seccomp);
  return write_file_atomic(folder + "/bundle/config.json", config.dump(1));
}

DemoChapter runc(const DemoFolder& folder) {
  DemoChapter chapter{"Does it hold in a container? (runc)",
                      "A runtime makes calls of its own between loading the filter and exec; "
                      "--runtime adds them, as a labelled layer.",
                      {}};
  if (::geteuid() != 0) {
    chapter.skipped = "needs root";
  } else if (programs_in_path("runc").empty()) {
    chapter.skipped = "runc is not installed: `apt install runc`";
  }
  if (!chapter.skipped.empty()) return chapter;
  const std::string path = folder.path();
  chapter.commands = {
      {"sysnare profile --runtime runc -o allow-runc.json hello.evidence.json "
       "many.evidence.json",
       0},
      {"mkdir -p bundle/rootfs && cp helloworld bundle/rootfs/ && runc spec -b bundle", 0},
      {"# config.json: process.args is /helloworld, linux.seccomp is allow-runc.json\n"
       "runc --root runc-state run -b bundle sysnare-demo-$$",
       0,
       {"Hello World"},
       {},
       [path] { return make_bundle(path); }}};
  return chapter;
}

/// A daemon of the demo's own, which ends with the shell that started it, however that ends.
constexpr std::string_view kOwnDaemon =
    "mkdir docker; export DOCKER_HOST=unix://$PWD/docker/sock\n"
    "setpriv --pdeathsig TERM dockerd --iptables=false --ip6tables=false --bridge=none \\\n"
    "  --storage-driver=vfs --data-root $PWD/docker/data --exec-root $PWD/docker/exec \\\n"
    "  -H $DOCKER_HOST -p $PWD/docker/pid > docker/log 2>&1 < /dev/null &\n"
    "trap 'kill %1; wait' EXIT; until docker info > docker/info 2>&1 || ! kill -0 %1; do sleep "
    "0.2; "
    "done\n";

constexpr std::string_view kDockerRun =
    "image=$(tar -c helloworld | docker import -)\n"
    "docker run --rm --network none --security-opt seccomp=allow-docker.json \\\n"
    "  --security-opt no-new-privileges $image /helloworld";

DemoChapter docker() {
  DemoChapter chapter{"Does it hold in a container? (Docker)",
                      "The same with Docker, whose engine reads the profile from a file.",
                      {}};
  CaptureJob info;
  info.argv = {"docker", "info", "--format", "{{.ServerVersion}}"};
  const bool answers = capture(info, kEngineLimit).ok();
  if (!answers && (::geteuid() != 0 || programs_in_path("dockerd").empty())) {
    chapter.skipped =
        "no Docker daemon answers, and starting one takes root and dockerd: `apt install "
        "docker.io`";
    return chapter;
  }
  std::string line(answers ? "" : kOwnDaemon);
  line += kDockerRun;
  // The user's daemon is left as it was found.
  if (answers) line += "; status=$?; docker rmi $image > removed; exit $status";
  chapter.commands = {{"sysnare profile --runtime docker -o allow-docker.json hello.evidence.json "
                       "many.evidence.json",
                       0},
                      {std::move(line), 0, {"Hello World"}}};
  return chapter;
}

}  // namespace

std::vector<DemoChapter> demo_story(const DemoFolder& folder) {
  return {ready(), calls(), only_those(), holds(), wire(), killed(), runc(folder), docker()};
}

}  // namespace sysnare
