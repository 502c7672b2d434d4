#include "flow/demo.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"

namespace sysnare {

std::string_view embedded_file(std::string_view name);  // embedded.cc

namespace {

namespace fs = std::filesystem;

/// A first `go build` compiles Go's own runtime.
constexpr std::chrono::milliseconds kBuildLimit{300'000};

struct SourceFile {
  const char* embedded;
  const char* name;
};
constexpr SourceFile kFiles[] = {
    {"demo/helloworld/main.go", "helloworld.go"},
    {"demo/greeter.c", "greeter.c"},
    {"demo/deny.json", "deny.json"},
    {"demo/deny-dir.json", "deny-dir.json"},
    {"demo/kill-dir.json", "kill-dir.json"},
};

Result<void> build(const std::string& folder, const std::vector<std::string>& argv,
                   std::string_view package) {
  CaptureJob job;
  job.argv = argv;
  job.cwd = folder;
  // No cgo: the program is then the same static one on every machine.
  job.environment = {"GO111MODULE=off", "GOFLAGS=", "CGO_ENABLED=0"};
  const char* home = std::getenv("HOME");
  if (home == nullptr || ::access(home, W_OK) != 0) {
    job.environment.push_back("GOCACHE=" + folder + "/go-cache");
  }
  job.join = true;
  const Captured built = capture(job, kBuildLimit);
  if (!built.started) {
    return fail(Errc::kNotFound, "the demo builds its programs and needs {}: `apt install {}`",
                argv.front(), package);
  }
  if (!built.ok()) {
    return fail(Errc::kSystem, "{} failed: {}", argv.front(),
                built.timed_out ? "no end within 5 minutes" : printable(trim(built.out)));
  }
  return {};
}

}  // namespace

DemoFolder::DemoFolder(DemoFolder&& other) noexcept
    : path_(std::move(other.path_)), temporary_(std::exchange(other.temporary_, false)) {}

DemoFolder::~DemoFolder() {
  if (!temporary_) return;
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Result<DemoFolder> DemoFolder::prepare(const std::string& path,
                                       const std::function<void(std::string_view)>& progress) {
  std::string made = path;
  if (path.empty()) {
    const char* parent = std::getenv("TMPDIR");
    made = std::string(parent == nullptr ? "/tmp" : parent) + "/sysnare-demo-XXXXXX";
    if (::mkdtemp(made.data()) == nullptr) return fail_errno(errno, "cannot make {}", made);
  } else {
    std::error_code failed;
    // One folder, not its parents: a mistyped path must not leave a tree of folders behind.
    fs::create_directory(path, failed);
    if (failed == std::errc::no_such_file_or_directory) {
      return fail(Errc::kUsage, "cannot make {}: the folder that it is to stand in does not exist",
                  path);
    }
    if (failed) return fail_errno(failed.value(), "cannot make {}", path);
    if (!fs::is_empty(path, failed)) {
      return fail(Errc::kUsage, "{}: not an empty folder; the demo writes into a new one", path);
    }
    made = fs::absolute(path).string();
  }
  DemoFolder folder(made, path.empty());
  if (Result<void> filled = folder.fill(progress); !filled) return propagate(filled);
  return folder;
}

Result<void> DemoFolder::fill(const std::function<void(std::string_view)>& progress) const {
  for (const SourceFile& file : kFiles) {
    Result<void> written = write_file_atomic(path_ + "/" + file.name, embedded_file(file.embedded));
    if (!written) return written;
  }
  std::error_code failed;
  fs::create_directories(path_ + "/bin", failed);
  fs::create_directories(path_ + "/home", failed);
  const fs::path self = fs::read_symlink("/proc/self/exe", failed);
  if (!failed) fs::create_symlink(self, path_ + "/bin/sysnare", failed);
  if (failed) return fail_errno(failed.value(), "cannot fill {}", path_);
  progress("building helloworld with go");
  if (Result<void> built =
          build(path_, {"go", "build", "-o", "helloworld", "helloworld.go"}, "golang-go");
      !built) {
    return built;
  }
  progress("building greeter with cc");
  return build(path_, {"cc", "-O2", "-o", "greeter", "greeter.c"}, "gcc");
}

Captured DemoFolder::run(const DemoCommand& command) const {
  CaptureJob job;
  job.argv = {"bash", "-c", command.line};
  job.cwd = path_;
  const char* path = std::getenv("PATH");
  job.environment = {"PATH=" + path_ + "/bin:" + (path == nullptr ? "/usr/bin:/bin" : path),
                     "LC_ALL=C.UTF-8"};
  job.join = true;
  return capture(job, kDemoLimit);
}

std::vector<std::string> demo_mismatches(const DemoCommand& command, const Captured& outcome) {
  std::vector<std::string> wrong;
  if (!outcome.started) return {"bash could not be started"};
  if (outcome.timed_out) return {fmt::format("no end within {} s", kDemoLimit.count() / 1000)};
  if (outcome.status != command.status) {
    wrong.push_back(fmt::format("exit status {}, not {}", outcome.status, command.status));
  }
  for (const std::string& text : command.wanted) {
    if (outcome.out.find(text) == std::string::npos) {
      wrong.push_back(fmt::format("\"{}\" is not in its output", text));
    }
  }
  for (const std::string& text : command.unwanted) {
    if (outcome.out.find(text) != std::string::npos) {
      wrong.push_back(fmt::format("\"{}\" is in its output", text));
    }
  }
  return wrong;
}

}  // namespace sysnare
