// sysnare scan: every call that a program can make, from its files alone.

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "arch/syscalls.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/print.h"
#include "cli/recording.h"
#include "cli/scan_report.h"
#include "cli/verb.h"
#include "elf/closure.h"
#include "scan/analyse.h"
#include "scan/cached_scan.h"
#include "scan/link.h"
#include "scan/program.h"

namespace sysnare::cli {
namespace {

constexpr std::string_view kName = "scan";
/// Each takes memory for the object that it analyses.
constexpr unsigned kMaxThreads = 4;
/// Blocks from this size on go back to the kernel when they are freed. By itself glibc raises that
/// bound, up to 32 MB, to each block that is (mallopt(3), M_MMAP_THRESHOLD): of what the analysis
/// of a large program frees on its way, a twentieth of its memory then stays with it.
constexpr int kReturnedBlock = 1 << 20;
constexpr auto kQuietFor = std::chrono::seconds(1);
constexpr const char* kNoCache = "none";
constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct Typed {
  std::vector<std::string> programs;
  std::string output;
  std::string root;
  std::string image;
  std::string why;
  std::string phase;
  std::string cache;
  bool json = false;
  bool sites = false;
  bool graph = false;
  bool follow_exec = false;
};

/// What is printed on standard output.
enum class View { kTable, kJson, kWhy, kSites, kGraph };

struct Request {
  View view = View::kTable;
  std::uint8_t phases = 0;  ///< 0: all
};

int status_of(const Error& error) {
  return error.code == Errc::kUsage ? kUsageError : kUnusableInput;
}

Result<Request> checked(const Typed& typed) {
  Request request;
  std::vector<std::string> views;
  const auto view = [&](bool asked, const char* option, View which) {
    if (!asked) return;
    views.emplace_back(option);
    request.view = which;
  };
  view(typed.json, "--json", View::kJson);
  view(!typed.why.empty(), "--why", View::kWhy);
  view(typed.sites, "--sites", View::kSites);
  view(typed.graph, "--graph", View::kGraph);
  if (views.size() > 1) {
    return fail(Errc::kUsage, "{} cannot be printed together; ask for one of them",
                join_and(views));
  }
  if (!typed.root.empty() && !typed.image.empty()) {
    return fail(Errc::kUsage, "--root and --image both say where the program lies; give one");
  }
  if (typed.programs.empty() && typed.image.empty()) {
    return fail(Errc::kUsage, "no program; `sysnare scan /usr/bin/ls` scans one");
  }
  if (typed.programs.size() > 1 &&
      (!typed.output.empty() || (request.view != View::kTable && request.view != View::kJson))) {
    return fail(Errc::kUsage, "{} takes one program, and there are {}",
                typed.output.empty() ? views.front() : "-o", typed.programs.size());
  }
  if (!typed.phase.empty()) {
    for (const std::string_view word : split(typed.phase, ',')) {
      const std::optional<std::uint8_t> phase = reachable_by_name(word);
      if (!phase) {
        return fail(Errc::kUsage, "--phase: {}; allowed: load, main, error-only",
                    unknown_word("phase", word, {"load", "main", "error-only"}));
      }
      request.phases |= *phase;
    }
    if (request.view != View::kTable || typed.programs.size() > 1) {
      return fail(Errc::kUsage, "--phase is about the table of one program");
    }
  }
  if (!typed.why.empty() && !is_syscall_name(typed.why) && !parse_u64(typed.why)) {
    return fail(Errc::kUsage, "--why: \"{}\" is no system call", printable(typed.why));
  }
  return request;
}

Result<FileTree> tree_of(const Typed& typed) {
  if (!typed.image.empty()) return FileTree::archive(typed.image);
  if (!typed.root.empty()) return FileTree::directory(typed.root);
  return FileTree::host();
}

/// A cache that cannot be used is an error where the user named it, else a warning.
Result<std::unique_ptr<ScanCache>> cache_of(const Typed& typed) {
  if (typed.cache == kNoCache) return std::make_unique<ScanCache>();
  const auto directory =
      typed.cache.empty() ? default_cache_directory(::geteuid() == 0, std::getenv("XDG_CACHE_HOME"),
                                                    std::getenv("HOME"))
                          : std::optional(typed.cache);
  if (!directory) return std::make_unique<ScanCache>();
  Result<std::unique_ptr<ScanCache>> cache = ScanCache::open(*directory);
  if (cache) return cache;
  if (!typed.cache.empty()) return propagate(cache, "--cache");
  complain(kName, "warning: " + cache.error().message + "; going on without a cache");
  return std::make_unique<ScanCache>();
}

/// A name without a slash is looked up in PATH, as a shell would; others are files, on the host by
/// our working directory and else from the root.
std::string place_of(const std::string& program, const FileTree& tree, const Surroundings& around) {
  if (program.find('/') == std::string::npos) {
    const char* ours = tree.is_host() ? std::getenv("PATH") : nullptr;
    const std::string_view path = ours != nullptr ? ours : kDefaultPath;
    for (const std::string_view directory : split(path, ':')) {
      if (!directory.starts_with('/')) continue;
      std::string candidate = fmt::format("{}/{}", directory, program);
      if (around.resolve(candidate)) return candidate;
    }
  }
  if (program.starts_with('/')) return program;
  if (!tree.is_host()) return "/" + program;
  std::error_code error;
  const auto absolute = std::filesystem::absolute(program, error);
  return error ? program : absolute.string();
}

/// On a terminal, what is being analysed, once it takes longer than a moment.
class Progress {
 public:
  Progress() : shown_(::isatty(STDERR_FILENO) == 1), start_(std::chrono::steady_clock::now()) {}
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void tell(const std::string& what) {
    if (!shown_ || std::chrono::steady_clock::now() - start_ < kQuietFor) return;
    say(stderr, "\r\x1b[Ksysnare scan: {}", printable(what));
    std::fflush(stderr);
    dirty_ = true;
  }
  void clear() {
    if (dirty_) say(stderr, "\r\x1b[K");
    dirty_ = false;
  }

 private:
  bool shown_;
  bool dirty_ = false;
  std::chrono::steady_clock::time_point start_;
};

std::string text_of(const Evidence& evidence, const Typed& typed, const Request& request) {
  switch (request.view) {
    case View::kJson:
      return write_evidence(evidence);
    case View::kWhy:
      return scan_why(evidence, typed.why);
    case View::kSites:
      return scan_sites(evidence);
    case View::kGraph:
      return scan_graph(evidence);
    case View::kTable:
      break;
  }
  return scan_table(evidence, request.phases);
}

void print(const std::vector<Evidence>& results, const Typed& typed, const Request& request) {
  const bool one = typed.programs.size() <= 1;
  if (one && results.size() == 1) {
    const bool quiet = request.view == View::kTable && !typed.output.empty();
    if (!quiet) say_text(stdout, text_of(results.front(), typed, request));
    return;
  }
  if (one) return;
  if (request.view == View::kTable) {
    say_text(stdout, scan_list(results));
    return;
  }
  say(stdout, "[\n");
  for (std::size_t i = 0; i < results.size(); ++i) {
    say(stdout, "{}{}", i == 0 ? "" : ",", write_evidence(results[i]));
  }
  say(stdout, "]\n");
}

int run_scan(Typed typed, const Request& request) {
  if (!typed.output.empty()) {
    if (Result<void> good = check_writable(typed.output); !good) {
      complain(kName, good.error());
      return status_of(good.error());
    }
  }
  Result<FileTree> tree = tree_of(typed);
  if (!tree) {
    complain(kName, tree.error());
    return status_of(tree.error());
  }
  if (typed.programs.empty()) {
    if (tree->image_command().empty()) {
      complain(kName,
               fmt::format("{} names no command; say which program of it", printable(typed.image)));
      return kUsageError;
    }
    typed.programs = {tree->image_command().front()};
  }
  Result<std::unique_ptr<ScanCache>> cache = cache_of(typed);
  if (!cache) {
    complain(kName, cache.error());
    return status_of(cache.error());
  }
  const std::unique_ptr<Surroundings> around = surroundings_of(*tree);
#ifdef M_MMAP_THRESHOLD
  ::mallopt(M_MMAP_THRESHOLD, kReturnedBlock);
#endif
  Progress progress;
  ScanOptions options;
  Workers workers(std::min(std::thread::hardware_concurrency(), kMaxThreads));
  options.analyse = [&](const ElfImage& image, const ElfImage* debug) {
    return analyse_object(image, debug, workers);
  };
  options.link = link_objects;
  options.workers = &workers;
  options.now_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  options.progress = [&](const std::string& what) { progress.tell(what); };
  int status = kOk;
  std::vector<Evidence> results;
  for (const std::string& program : typed.programs) {
    const std::string path = place_of(program, *tree, *around);
    Result<Evidence> evidence =
        cached_scan(*around, **cache, path, typed.follow_exec, tree->is_host(), options);
    progress.clear();
    if (!evidence) {
      complain(kName, evidence.error());
      status = status_of(evidence.error());
      continue;
    }
    for (const std::string& note : evidence->notes) complain(kName, note);
    results.push_back(std::move(*evidence));
  }
  (*cache)->flush();
  if (const std::string trouble = (*cache)->trouble(); !trouble.empty()) {
    complain(kName, "warning: the cache cannot be written: " + trouble);
  }
  if (!typed.output.empty() && results.size() == 1) {
    if (Result<void> done = write_file_atomic(typed.output, write_evidence(results.front()));
        !done) {
      complain(kName, done.error());
      return status_of(done.error());
    }
    if (typed.output != "-") {
      const std::string file = shell_words({typed.output});
      say(stderr, "{}saved to {}; `sysnare profile {} -o PROFILE.json` makes a profile of it\n",
          scan_total(results.front()), file, file);
    }
  }
  print(results, typed, request);
  return status;
}

}  // namespace

int verb_scan(const Words& words) {
  CLI::App app(
      "Say which system calls a program can make, from its ELF files alone: it is not run. Its "
      "libraries are found as its dynamic linker would, and each call has a reason, a chain of "
      "functions from the program's start to the instruction. What cannot be followed is said: "
      "then the result is open at that place.",
      std::string(kName));
  Typed typed;
  app.add_option("PROGRAM", typed.programs,
                 "an executable or a script; without a slash it is looked up in PATH");
  app.add_option("-o,--output", typed.output,
                 "write evidence here, for `sysnare profile`, and print no table")
      ->type_name("FILE");
  app.add_flag("--json", typed.json, "print the evidence as JSON; of several programs a list");
  app.add_option("--root", typed.root, "the program and all it loads lie below this directory")
      ->type_name("DIR");
  app.add_option("--image", typed.image,
                 "they lie in this archive of a container image (docker save, or OCI layout); "
                 "without PROGRAM its command is scanned")
      ->type_name("FILE");
  app.add_option("--phase", typed.phase,
                 "calls of these phases alone: load (before main), main, error-only")
      ->type_name("PHASES");
  app.add_option("--why", typed.why, "print how this call is reached, and by which instructions")
      ->type_name("CALL");
  app.add_flag("--sites", typed.sites, "print every calling instruction with its numbers");
  app.add_flag("--graph", typed.graph, "print the chains of reasons as a graph for dot");
  app.add_flag("--follow-exec", typed.follow_exec,
               "scan what the program can start too; the calls are those of all of them");
  app.add_option("--cache", typed.cache,
                 "where to keep what was found in each file (default: /var/cache/sysnare/scan for "
                 "root, else ~/.cache/sysnare/scan); none keeps nothing")
      ->type_name("DIR");
  app.footer(
      "examples:\n"
      "  sysnare scan /usr/sbin/nginx\n"
      "  sysnare scan --why ptrace ls\n"
      "  sysnare scan -o nginx.evidence.json /usr/sbin/nginx\n"
      "  sysnare scan --image app.tar /usr/bin/app\n"
      "\n"
      "exit status: 0 scanned, closed or open; 2 usage error, 3 a file cannot be used.");
  const Parsed parsed = parse(app, words, kUsageError, false);
  if (parsed.leave) return parsed.status;
  Result<Request> request = checked(typed);
  if (!request) {
    complain(kName, request.error());
    return status_of(request.error());
  }
  return run_scan(std::move(typed), *request);
}

}  // namespace sysnare::cli
